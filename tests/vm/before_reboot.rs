//! What is under way when the power goes: a run, a queue of accepted demands, and jobs with a slot each second. The cut
//! comes right after this, without a sync; `after_reboot` looks at what became of it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{JOBS, ebb, run, wait_until};
use crate::varlink;

/// Where jobs leave their traces, and the numbers of the accepted runs lie.
pub const TRACES: &str = "/var/lib/vm-lane/cut";
/// Keeps the next ebbd from starting for longer than a slot may be late.
pub const DARK: &str = "/etc/systemd/system/ebbd.service.d/dark.conf";
/// Demands that wait behind the first one.
pub const WAITING: u64 = 20;

/// A run that would go on for a day, and its second attempt, which ends well.
fn held() -> String {
    let script = "echo $EBB_RUN_ID $EBB_ATTEMPT >> held; sync held; [ $EBB_ATTEMPT = 2 ] || exec sleep 86400";
    let retry = "retry = { attempts = 1, delay = \"1s\" }";
    format!("command = {}\nworking-directory = \"{TRACES}\"\n{retry}\n", json!(["sh", "-c", script]))
}

/// Each demand leaves its argument; the first one stays.
fn queue() -> String {
    let script = "echo $1 >> queue; sync queue; [ $1 != 0 ] || exec sleep 86400";
    let wait = format!("overlap = \"queue\"\nqueue-limit = {WAITING}\naccept.args = true");
    format!("command = {}\nworking-directory = \"{TRACES}\"\n{wait}\n", json!(["sh", "-c", script, "sh"]))
}

/// A slot each second.
fn slots(catch_up: &str) -> String {
    format!("command = [\"true\"]\nschedule = \"* * * * * *\"\ncatch-up = \"{catch_up}\"\n")
}

fn demand(job: &str, args: &[String]) -> u64 {
    let reply = varlink::call("RunNow", json!({ "job": job, "args": args })).unwrap();
    reply["run"].as_u64().unwrap()
}

pub fn lines(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(TRACES).join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Keeps the next ebbd from starting until slots are too late to be run as if nothing had been.
fn keep_dark() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // Doubled for systemd, which has variables of its own.
    let wait = format!("/bin/sh -c 'sleep $$(({} - $$(date +%%s)))'", now + 70);
    std::fs::create_dir_all(Path::new(DARK).parent().unwrap()).unwrap();
    std::fs::write(DARK, format!("[Service]\nExecStartPre=-{wait}\nTimeoutStartSec=10min\n")).unwrap();
}

#[test]
fn a_run_a_queue_and_slots_are_under_way_when_the_power_goes() {
    std::fs::create_dir_all(TRACES).unwrap();
    for (name, text) in [
        ("vm-cut-held", held()),
        ("vm-cut-queue", queue()),
        ("vm-cut-once", slots("once")),
        ("vm-cut-none", slots("none")),
    ] {
        std::fs::write(Path::new(JOBS).join(format!("{name}.toml")), text).unwrap();
    }
    // The files are an operator's of long ago.
    run(&["sync"]).ok();
    ebb(&["reload"]).ok();
    let held = demand("vm-cut-held", &[]);
    wait_until("the long run", || lines("held") == [format!("{held} 1")]);
    let first = demand("vm-cut-queue", &["0".to_owned()]);
    wait_until("the first of the queue", || lines("queue") == ["0"]);
    for job in ["vm-cut-once", "vm-cut-none"] {
        wait_until(format_args!("a slot of {job}"), || {
            let history = ebb(&["history", job, "--json"]).ok();
            serde_json::from_str::<Vec<Value>>(&history).is_ok_and(|lines| !lines.is_empty())
        });
    }
    std::fs::write(Path::new(TRACES).join("accepted"), format!("{held}\n{first}\n")).unwrap();
    keep_dark();
    run(&["sync"]).ok();
    // From here on nothing but ebbd itself brings anything to disk.
    for number in 1..=WAITING {
        let accepted = demand("vm-cut-queue", &[number.to_string()]);
        assert_eq!(lines("queue"), ["0"], "{accepted} waits");
    }
}

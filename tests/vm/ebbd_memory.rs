//! No memory for ebbd itself: the kernel kills it in its unit, systemd starts it again as often as it takes, runs live on,
//! and what was accepted is done once there is memory again.

use std::path::Path;

use serde_json::{Value, json};

use crate::cgroups;
use crate::harness::{
    Job, assert_adopted_end, ebb, ebbd_pid, property, run, spawn_ebb, systemctl, wait_until,
};
use crate::varlink::Caller;

/// A memory limit of ebbd's unit while it runs. Dropped, the unit's own is back.
struct Limit;

impl Limit {
    #[track_caller]
    fn set(bytes: &str) -> Self {
        systemctl(&["set-property", "--runtime", "ebbd.service", &format!("MemoryMax={bytes}")]);
        Self
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = std::fs::remove_file("/run/systemd/system.control/ebbd.service.d/50-MemoryMax.conf");
        let _ = run(&["systemctl", "daemon-reload"]);
    }
}

fn restarts() -> u32 {
    property("ebbd.service", "NRestarts").parse().unwrap()
}

/// That the kernel has killed ebbd for memory, and systemd has started it again so many times.
#[track_caller]
fn is_killed_and_started_again(times: u32, before: u32) {
    wait_until("ebbd to be killed and started again", || restarts() >= before + times);
    let said = run(&["journalctl", "--no-pager", "-q", "-o", "cat", "-u", "ebbd.service", "-n", "100"]).ok();
    assert!(said.contains("killed by the OOM killer"), "{said}");
}

#[test]
fn an_ebbd_without_memory_is_started_again_and_its_runs_and_waiting_demands_are_kept() {
    let gate = "/run/vm-gate-memory";
    let _ = std::fs::remove_file(gate);
    let script = format!("while [ ! -e {gate} ]; do sleep 0.1; done; exit 7");
    let text = format!("command = {}\noverlap = \"queue\"\n", json!(["sh", "-c", script]));
    let job = Job::new("vm-starved", &text);
    let other = Job::new("vm-starved-later", "command = [\"true\"]\n");
    let (held, waiting) = (job.demand(), job.demand());
    let process = cgroups::processes(&cgroups::leaf_of(held))[0];
    let before = restarts();

    let limit = Limit::set("16K");
    is_killed_and_started_again(2, before);
    assert!(Path::new(&format!("/proc/{process}")).exists(), "the run lives on");
    // Who comes meanwhile waits in the socket.
    let client = spawn_ebb(&["run-now", "vm-starved-later", "--wait"]);
    drop(limit);
    let late = client.wait_with_output().unwrap();
    assert_eq!(late.status.code(), Some(0), "{late:?}");
    assert!(!process_is_gone(process), "the run is taken over");
    assert_ne!(ebbd_pid(), 0);
    std::fs::write(gate, "").unwrap();
    assert_adopted_end(&job.wait(held));
    let line = job.wait(waiting);
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(7)), "{line}");
    drop(other);
}

fn process_is_gone(pid: i32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

/// Demands with much in them until ebbd has no room for more; the numbers of those that were accepted.
fn flood(job: &str) -> Vec<u64> {
    let args = vec!["x".repeat(4000); 12];
    let mut accepted = Vec::new();
    let mut caller = Caller::connect();
    for _ in 0..500 {
        match caller.try_call("RunNow", json!({"job": job, "args": args})) {
            Some(reply) => accepted.push(reply.unwrap()["run"].as_u64().unwrap()),
            None => return accepted,
        }
    }
    panic!("{} demands found room", accepted.len());
}

#[test]
fn an_ebbd_that_outgrows_its_limit_loses_nothing_of_what_it_accepted() {
    let (traces, gate) = ("/run/vm-outgrown", "/run/vm-gate-outgrown");
    let _ = (std::fs::remove_file(traces), std::fs::remove_file(gate));
    let script = format!("echo $EBB_RUN_ID >>{traces}; until [ -e {gate} ]; do sleep 0.1; done");
    let held = "overlap = \"queue\"\nqueue-limit = 1000\n[accept]\nargs = true\n[output]\nto = \"null\"\n";
    let job = Job::new("vm-outgrown", &format!("command = {}\n{held}", json!(["sh", "-c", script, "sh"])));
    let before = restarts();
    let limit = Limit::set("4M");
    let accepted = flood("vm-outgrown");
    assert!(accepted.len() > 5, "{accepted:?}");
    // With all of that to remember it can't even start, as long as nobody gives it more.
    is_killed_and_started_again(2, before);
    drop(limit);
    wait_until("ebbd to answer", || ebb(&["status"]).code == 0);
    println!("{} demands were accepted", accepted.len());
    std::fs::write(gate, "").unwrap();
    for id in &accepted {
        let line = job.wait(*id);
        assert!(["success", "lost"].contains(&line["outcome"].as_str().unwrap()), "{line}");
    }
    let ran = std::fs::read_to_string(traces).unwrap();
    let mut ran: Vec<u64> = ran.lines().map(|line| line.parse().unwrap()).collect();
    // The last demand may be on record although its answer never came.
    ran.retain(|id| accepted.contains(id));
    assert_eq!(ran, accepted, "each once, in their order");
    let shown: Value = serde_json::from_str(&ebb(&["status", "vm-outgrown", "--json"]).ok()).unwrap();
    assert_eq!(shown[0]["state"], "idle", "{shown}");
}

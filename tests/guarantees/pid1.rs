//! As the first process of a container ebbd reaps what falls to it, ends within its grace, and takes no run's status away.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Caller, DEADLINE, Ebbd, skips_without_root, wait_until, zombies_of};
use serde_json::json;

/// Leaves orphans behind that end by themselves, and returns a code that only its own reaper can know.
const JOB: &str = r#"
command = ["sh", "-c", "for i in 1 2 3 4 5; do setsid sh -c 'sleep 0.05 & exit 0' & done; sleep 0.3; sleep 600 & exit 7"]
grace = "200ms"
"#;

#[test]
fn orphans_are_reaped_statuses_are_true_and_a_stop_ends_all_within_the_grace() {
    if skips_without_root("pid1::orphans_are_reaped_statuses_are_true_and_a_stop_ends_all_within_the_grace") {
        return;
    }
    let ebbd = Ebbd::prepare(&[("messy", JOB), ("long", "command = [\"sleep\", \"600\"]\ngrace = \"1s\"\n")]);
    let log = std::fs::File::create(ebbd.path("log")).unwrap();
    let mut container = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--kill-child", env!("CARGO_BIN_EXE_ebbd"), "--jobs"])
        .arg(ebbd.path("jobs"))
        .arg("--state")
        .arg(ebbd.path("state"))
        .arg("--socket")
        .arg(ebbd.socket())
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    wait_until(format_args!("the socket\n{}", ebbd.log()), || ebbd.log().contains("ready"));
    let children = format!("/proc/{0}/task/{0}/children", container.id());
    let pid: i32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    for _ in 0..5 {
        let reply =
            Caller::connect(&ebbd.socket()).call("RunNow", json!({"job": "messy", "wait": true})).unwrap();
        assert_eq!(
            (&reply["result"]["outcome"], &reply["result"]["exit_code"]),
            (&json!("exit-code"), &json!(7))
        );
    }
    let pid_of_ebbd = u32::try_from(pid).unwrap();
    wait_until("the orphans to be reaped", || zombies_of(pid_of_ebbd).is_empty());
    Caller::connect(&ebbd.socket()).call("RunNow", json!({"job": "long"})).unwrap();
    wait_until("the long run", || ebbd.log().contains("job=long"));
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    let began = std::time::Instant::now();
    wait_until("the end", || container.try_wait().unwrap().is_some());
    assert!(began.elapsed() < DEADLINE);
    assert!(ebbd.log().contains("canceled"), "{}", ebbd.log());
}

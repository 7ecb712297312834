//! An upgrade in place and a restart, as the service manager sees them: the same main process, never a moment inactive, and
//! nobody who waits loses their run.

use serde_json::json;

use crate::harness::{Job, ebb, ebbd_pid, property, run, spawn_ebb, systemctl, wait_until};

/// A job that waits for its file to appear, and then ends with 7.
fn held(name: &str) -> (Job, std::path::PathBuf) {
    let go = std::env::temp_dir().join(format!("{name}.go"));
    let _ = std::fs::remove_file(&go);
    let wait = format!("while [ ! -e {} ]; do sleep 0.1; done; echo over; exit 7", go.display());
    let text = format!("command = {}\n[memory]\nmax = \"64M\"\n", json!(["sh", "-c", wait]));
    (Job::new(name, &text), go)
}

#[track_caller]
fn is_well() {
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
    assert_eq!(property("ebbd.service", "NRestarts"), "0");
}

/// The kernel's version, as far as it decides something here.
fn kernel() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[test]
fn an_upgrade_keeps_the_main_process_and_who_waits_has_the_exit_code() {
    let (job, go) = held("upgraded");
    let before = (ebbd_pid(), property("ebbd.service", "ExecMainStartTimestamp"));
    let client = spawn_ebb(&["run-now", "upgraded", "--wait"]);
    wait_until("the run", || ebb(&["status", "upgraded"]).ok().contains("running"));
    for _ in 0..3 {
        let said = ebb(&["upgrade"]).ok();
        assert!(said.contains(&format!("pid {}", before.0)), "{said}");
        is_well();
    }
    assert_eq!((ebbd_pid(), property("ebbd.service", "ExecMainStartTimestamp")), before);
    std::fs::write(&go, "").unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let line = job.run();
    assert_eq!((&line["exit_code"], &line["enforcement"]), (&json!(7), &json!("cgroup-v2")), "{line}");
    is_well();
}

#[test]
fn a_new_binary_in_the_place_of_the_old_one_takes_over() {
    // As dpkg does it: a new file takes the name.
    run(&["cp", "-p", "/usr/bin/ebbd", "/usr/bin/ebbd.dpkg-new"]).ok();
    run(&["mv", "/usr/bin/ebbd.dpkg-new", "/usr/bin/ebbd"]).ok();
    let exe = || std::fs::read_link(format!("/proc/{}/exe", ebbd_pid())).unwrap();
    assert_eq!(exe().to_str(), Some("/usr/bin/ebbd (deleted)"));
    ebb(&["upgrade"]).ok();
    assert_eq!(exe().to_str(), Some("/usr/bin/ebbd"));
    is_well();
}

#[test]
fn a_binary_that_cannot_run_here_is_refused_and_the_service_goes_on() {
    run(&["cp", "-p", "/usr/bin/ebbd", "/usr/bin/ebbd.kept"]).ok();
    std::fs::write("/usr/bin/ebbd.new", "#!/bin/sh\nexit 1\n").unwrap();
    run(&["chmod", "755", "/usr/bin/ebbd.new"]).ok();
    run(&["mv", "/usr/bin/ebbd.new", "/usr/bin/ebbd"]).ok();
    let pid = ebbd_pid();
    let said = ebb(&["upgrade"]);
    run(&["mv", "/usr/bin/ebbd.kept", "/usr/bin/ebbd"]).ok();
    assert_eq!(said.code, 71, "{said:?}");
    assert!(said.err.contains("goes on as it is"), "{said:?}");
    assert_eq!(ebbd_pid(), pid);
    is_well();
    ebb(&["upgrade"]).ok();
}

#[test]
fn a_restart_keeps_the_run_and_who_waits_hears_of_its_end() {
    let (_job, go) = held("restarted");
    let client = spawn_ebb(&["run-now", "restarted", "--wait"]);
    wait_until("the run", || ebb(&["status", "restarted"]).ok().contains("running"));
    let before = ebbd_pid();
    systemctl(&["restart", "ebbd.service"]);
    assert_ne!(ebbd_pid(), before);
    assert!(ebb(&["status", "restarted"]).ok().contains("running"), "the run goes on");
    std::fs::write(&go, "").unwrap();
    let output = client.wait_with_output().unwrap();
    // A kernel that keeps no note of an end (before 6.15) leaves it unknown who was started by an earlier ebbd.
    let expected = if kernel() >= (6, 15) { 7 } else { 1 };
    assert_eq!(output.status.code(), Some(expected), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is on record"), "{said}");
    is_well();
}

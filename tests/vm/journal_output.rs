//! Output to the systemd journal, with the real journald and journalctl: each line is there with the names of its job and
//! run and with its unit and user, whatever is killed or restarted meanwhile.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Job, ebb, ebbd_pid, property, run, sh, systemctl, wait_until};
use crate::varlink;

/// A job whose output goes to the journal.
fn to_journal(script: &str, more: &str) -> String {
    format!("command = {}\n{more}\n[output]\nto = \"journal\"\n", json!(["sh", "-c", script]))
}

/// A run's entries, one value an entry.
fn entries(job: &str, id: u64) -> Vec<Value> {
    let (job, id) = (format!("EBB_JOB={job}"), format!("EBB_RUN_ID={id}"));
    let text = run(&["journalctl", "--no-pager", "-q", "-o", "json", &job, &id]).ok();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn field(entries: &[Value], name: &str) -> Vec<String> {
    entries.iter().map(|entry| entry[name].as_str().unwrap_or("-").to_owned()).collect()
}

/// Waits until a run has so many entries.
#[track_caller]
fn until(job: &str, id: u64, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    wait_until(format_args!("{count} entries of run {id} of {job}"), || {
        found = entries(job, id);
        found.len() >= count
    });
    found
}

/// A file that a job waits for.
struct Gate(&'static str);

impl Gate {
    fn closed(path: &'static str) -> Self {
        let _ = std::fs::remove_file(path);
        Self(path)
    }

    fn open(&self) {
        std::fs::write(self.0, "").unwrap();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}

#[test]
fn journalctl_shows_each_line_with_its_job_run_unit_and_user() {
    let script = "echo one; echo two >&2; echo '<4>careful'; echo; printf last";
    let job = Job::new("vm-jtalk", &to_journal(script, "user = \"app\""));
    let line = job.run();
    let id = line["id"].as_u64().unwrap();
    assert_eq!(line["outcome"], "success", "{line}");
    let found = until("vm-jtalk", id, 5);
    assert_eq!(field(&found, "MESSAGE"), ["one", "two", "careful", "", "last"], "{found:?}");
    assert_eq!(field(&found, "PRIORITY"), ["6", "6", "4", "6", "6"]);
    for (name, value) in [
        ("SYSLOG_IDENTIFIER", "vm-jtalk"),
        ("EBB_RUN_ID", &id.to_string()),
        ("_SYSTEMD_UNIT", "ebb-runs.service"),
        ("_UID", "1000"),
        ("_TRANSPORT", "journal"),
    ] {
        assert_eq!(field(&found, name), [value; 5], "{name}");
    }
    let shown = run(&["journalctl", "--no-pager", "-q", "-o", "cat", "-t", "vm-jtalk"]).ok();
    assert!(shown.ends_with("one\ntwo\ncareful\n\nlast\n"), "{shown}");
    assert!(!Path::new("/var/lib/ebb/output/vm-jtalk").exists(), "no file besides");
}

#[test]
fn the_unit_of_a_short_run_is_known_for_every_line() {
    let job = Job::new("vm-jshort", &to_journal("echo here", ""));
    let runs: Vec<u64> = (0..50).map(|_| job.run()["id"].as_u64().unwrap()).collect();
    until("vm-jshort", runs[49], 1);
    let text = run(&["journalctl", "--no-pager", "-q", "-o", "json", "EBB_JOB=vm-jshort"]).ok();
    let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(field(&found, "EBB_RUN_ID"), runs.iter().map(u64::to_string).collect::<Vec<_>>());
    assert_eq!(field(&found, "_SYSTEMD_UNIT"), ["ebb-runs.service"; 50], "{found:?}");
}

#[test]
fn no_line_is_lost_to_a_kill_of_ebbd_or_a_restart_of_ebbd_or_of_journald_in_mid_run() {
    let gates = ["/run/vm-j1", "/run/vm-j2", "/run/vm-j3", "/run/vm-j4"].map(Gate::closed);
    let wait = |gate: &Gate| format!("until [ -e {} ]; do sleep 0.1; done", gate.0);
    let script = format!(
        "echo start; {}; echo killed; {}; echo restarted; {}; i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); [ $i != 50 ] || {{ {}; }}; done",
        wait(&gates[0]),
        wait(&gates[1]),
        wait(&gates[2]),
        wait(&gates[3]),
    );
    let job = Job::new("vm-jheld", &to_journal(&script, ""));
    let id = job.demand();
    until("vm-jheld", id, 1);
    let pid = ebbd_pid();
    sh(&format!("kill -9 {pid}")).ok();
    gates[0].open();
    until("vm-jheld", id, 2);
    wait_until("the next ebbd", || ebbd_pid() != pid && ebb(&["status"]).code == 0);
    systemctl(&["restart", "ebbd.service"]);
    gates[1].open();
    until("vm-jheld", id, 3);
    gates[2].open();
    until("vm-jheld", id, 50);
    systemctl(&["stop", "systemd-journald.service"]);
    gates[3].open();
    // Written while journald is stopped: systemd holds its socket, and the first line starts it.
    systemctl(&["restart", "systemd-journald.service"]);
    let line = job.wait(id);
    assert!(["success", "lost"].contains(&line["outcome"].as_str().unwrap()), "{line}");
    let found = until("vm-jheld", id, 303);
    let mut expected = vec!["start".to_owned(), "killed".to_owned(), "restarted".to_owned()];
    expected.extend((0..300).map(|i| format!("line {i}")));
    assert_eq!(field(&found, "MESSAGE"), expected);
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
}

#[test]
fn what_a_job_says_when_it_is_stopped_is_there() {
    // The signal goes to the whole tree, and the shell would say so of its `sleep`.
    let script = "exec 2> /dev/null; trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    let job = Job::new("vm-jstop", &to_journal(script, ""));
    let id = job.demand();
    until("vm-jstop", id, 1);
    ebb(&["stop", "vm-jstop"]).ok();
    assert_eq!(field(&until("vm-jstop", id, 2), "MESSAGE"), ["up", "bye"]);
    // The same at the end of ebbd itself.
    let id = job.demand();
    until("vm-jstop", id, 1);
    systemctl(&["stop", "ebbd.service"]);
    let found = until("vm-jstop", id, 2);
    systemctl(&["start", "ebbd.service"]);
    assert_eq!(field(&found, "MESSAGE"), ["up", "bye"]);
    assert!(sh("pgrep -f -- '^ebbd --carry-output'").out.is_empty(), "and nothing is left");
}

#[test]
fn the_client_shows_the_output_of_a_run_and_follows_it() {
    let job = Job::new("vm-jshow", &to_journal("echo one; sleep 1; printf 'a\\0b\\n'; echo two; exit 3", ""));
    let said = ebb(&["run-now", "vm-jshow", "--follow"]);
    assert_eq!((said.code, said.out.as_str()), (3, "one\na\0b\ntwo\n"), "{}", said.err);
    let reply = varlink::call("Logs", json!({"job": "vm-jshow"})).unwrap();
    assert_eq!(reply["finished"], true);
    let id = reply["run"].as_u64().unwrap();
    assert_eq!(job.output(id), "one\na\0b\ntwo\n");
    let second = job.run()["id"].as_u64().unwrap();
    assert_eq!(ebb(&["logs", "vm-jshow"]).ok(), "one\na\0b\ntwo\n", "of the latest run, {second}, alone");
}

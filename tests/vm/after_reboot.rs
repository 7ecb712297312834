//! What became of everything at the power cut: nothing accepted is lost, nothing runs twice, and what can't be known is
//! said to be lost.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::before_reboot::{DARK, WAITING, lines};
use crate::harness::{JOBS, ebb, ebbd_pid, property, run, systemctl, wait_until};
use crate::varlink;

/// The journal's records.
fn records() -> Vec<Value> {
    let text = std::fs::read_to_string("/var/lib/ebb/journal.jsonl").unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// What was written of a job since ebbd is up again, and before.
fn since_boot(job: &str) -> (Vec<Value>, Vec<Value>) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let mut records = records();
    let up = records.iter().position(|r| r["event"] == "opened" && r["boot"] == boot.trim()).unwrap();
    let after = records.split_off(up);
    let of_job = |records: Vec<Value>| records.into_iter().filter(|r| r["job"] == job).collect();
    (of_job(records), of_job(after))
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("no instant: {value}")).parse().unwrap()
}

/// Waits until ebbd is there, which was to stay in the dark for a while.
fn up() {
    wait_until("ebbd", || property("ebbd.service", "ActiveState") == "active");
    let _ = std::fs::remove_file(DARK);
    systemctl(&["daemon-reload"]);
}

fn result(id: u64) -> Value {
    varlink::call("Wait", json!({ "run": id })).unwrap()["result"].clone()
}

fn accepted() -> Vec<u64> {
    lines("accepted").iter().map(|line| line.parse().unwrap()).collect()
}

fn remove(job: &str) {
    std::fs::remove_file(Path::new(JOBS).join(format!("{job}.toml"))).unwrap();
    ebb(&["reload"]).ok();
}

#[test]
fn a_run_under_way_is_lost_and_its_retry_takes_that_for_a_failure() {
    up();
    let held = accepted()[0];
    let line = result(held);
    assert_eq!(line["outcome"], "lost", "{line}");
    wait_until("the second attempt", || lines("held").len() == 2);
    let second = lines("held")[1].clone();
    let (id, attempt) = second.split_once(' ').unwrap();
    let line = result(id.parse().unwrap());
    assert_eq!(
        (attempt, &line["outcome"], &line["retry_of"]),
        ("2", &json!("success"), &json!(held)),
        "{line}"
    );
    assert_eq!(lines("held"), [format!("{held} 1"), second], "and nothing more");
    remove("vm-cut-held");
}

#[test]
fn the_queue_goes_on_and_each_accepted_demand_runs_exactly_once() {
    up();
    let first = accepted()[1];
    let line = result(first);
    assert_eq!(line["outcome"], "lost", "{line}");
    wait_until("the queue to be done", || lines("queue").len() > usize::try_from(WAITING).unwrap());
    wait_until("the job to be idle", || {
        varlink::call("Status", json!({"job": "vm-cut-queue"})).unwrap()["job"]["state"] == "idle"
    });
    let expected: Vec<String> = (0..=WAITING).map(|n| n.to_string()).collect();
    assert_eq!(lines("queue"), expected, "each once, in the order of the demands");
    let (_, after) = since_boot("vm-cut-queue");
    let count = |event: &str| after.iter().filter(|record| record["event"] == event).count() as u64;
    assert_eq!((count("started"), count("finished")), (WAITING, WAITING + 1), "the first ended as lost");
    remove("vm-cut-queue");
}

#[test]
fn slots_missed_in_the_dark_make_one_run_or_none_as_each_job_says() {
    up();
    let boot = records().into_iter().rfind(|r| r["event"] == "opened").unwrap();
    let up_at = instant(&boot["at"]);
    for (job, makes_up) in [("vm-cut-once", true), ("vm-cut-none", false)] {
        let of_event = |records: &[Value], event: &str| -> Vec<Value> {
            records.iter().filter(|r| r["event"] == event).cloned().collect()
        };
        wait_until("slots after the dark", || of_event(&since_boot(job).1, "started").len() > 2);
        let (before, after) = since_boot(job);
        let queued = [of_event(&before, "queued"), of_event(&after, "queued")].concat();
        let slots: Vec<Timestamp> = queued.iter().map(|r| instant(&r["slot"])).collect();
        assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "no slot twice: {slots:?}");
        assert!(
            slots.windows(2).any(|pair| pair[1].duration_since(pair[0]).as_secs() >= 60),
            "the dark: {slots:?}"
        );
        // Runs that this boot has started for slots of before it.
        let is_old = |run: &Value| queued.iter().any(|q| q["id"] == run["id"] && instant(&q["slot"]) < up_at);
        let late = of_event(&after, "started").iter().filter(|run| is_old(run)).count();
        // A run that was accepted and had not started at the cut starts in any case, and does for the others.
        let begun = |q: &Value| before.iter().any(|r| r["event"] == "started" && r["id"] == q["id"]);
        let accepted = of_event(&before, "queued").iter().filter(|q| !begun(q)).count();
        let expected = if makes_up { 1 } else { accepted };
        assert_eq!((late, accepted < 2), (expected, true), "{job}: {before:?}\n{after:?}");
        if !makes_up {
            let missed = after.iter().filter(|r| r["reason"] == "missed").count();
            assert_eq!(missed, 1, "one word on all that was missed: {after:?}");
        }
        remove(job);
    }
}

#[test]
fn the_journal_of_before_is_read_with_a_torn_last_line_at_most() {
    up();
    assert!(!records().is_empty(), "and every line of it is whole");
    let pid = format!("_PID={}", ebbd_pid());
    let log = run(&["journalctl", "--no-pager", "-q", "-b", "-o", "cat", "-u", "ebbd.service", &pid]).ok();
    let complaints: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("journal") && (line.contains("WARN") || line.contains("ERROR")))
        .collect();
    assert!(complaints.len() <= 1 && complaints.iter().all(|line| line.contains("torn")), "{log}");
}

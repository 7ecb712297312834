//! A trigger that comes during a run of the same job means what `overlap` says, and is never lost without a word.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::Ebbd;
use crate::helpers::gate::Gate;

const EVERY_SECOND: &str = "schedule = \"* * * * * *\"\n";

/// The most runs of a job that were under way at once, as the journal has it.
fn most_at_once(ebbd: &Ebbd, job: &str) -> i32 {
    let (mut now, mut most) = (0, 0);
    for record in ebbd.journal().iter().filter(|record| record["job"] == job) {
        now += match record["event"].as_str() {
            Some("started") => 1,
            Some("finished") if record["started_at"].is_string() => -1,
            _ => 0,
        };
        most = most.max(now);
    }
    most
}

fn skipped(ebbd: &Ebbd, reason: &str) -> Vec<Value> {
    ebbd.history()
        .into_iter()
        .filter(|line| line["outcome"] == "skipped" && line["reason"] == reason)
        .collect()
}

/// The states of a job's runs, oldest first.
fn states(ebbd: &Ebbd, job: &str) -> Vec<String> {
    let runs = ebbd.status(job)["runs"].clone();
    runs.as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect()
}

fn with_gate(more: &str) -> (Ebbd, Gate) {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("job", &format!("{}{more}", gate.job()));
    (ebbd.go(), gate)
}

#[test]
fn slots_that_fall_into_a_run_are_skipped_and_recorded_and_the_schedule_goes_on_after_it() {
    let (ebbd, gate) = with_gate(EVERY_SECOND);
    ebbd.until("two slots to be skipped", || skipped(&ebbd, "running").len() >= 2);
    let lines = skipped(&ebbd, "running");
    assert!(
        lines[0]["slot"].as_str() < lines[1]["slot"].as_str(),
        "each slot is a line of its own: {lines:?}"
    );
    assert_eq!((&lines[0]["trigger"], &lines[0]["id"]), (&json!("schedule"), &Value::Null));
    assert_eq!(states(&ebbd, "job"), ["running"]);
    gate.open();
    ebbd.until("a later slot to run", || {
        ebbd.history().iter().filter(|line| line["outcome"] == "success").count() >= 2
    });
    assert_eq!(most_at_once(&ebbd, "job"), 1);
}

#[test]
fn with_queue_each_trigger_is_a_run_of_its_own_up_to_the_limit() {
    let (ebbd, gate) = with_gate("overlap = \"queue\"\nqueue-limit = 2\n[allow]\n");
    let runs: Vec<u64> = (0..3).map(|_| ebbd.demand("job")).collect();
    assert_eq!(runs, [1, 2, 3], "nothing is merged");
    let (name, message) = ebbd.refusal("RunNow", json!({"job": "job"}));
    assert_eq!(name, "QueueFull");
    assert!(message.contains("2 runs") && message.contains("queue-limit"), "{message}");
    ebbd.until("the first to run", || states(&ebbd, "job") == ["running", "waiting", "waiting"]);
    gate.open();
    ebbd.until("all three to end", || ebbd.history().len() == 3);
    let order: Vec<_> = ebbd.history().iter().map(|line| line["id"].clone()).collect();
    assert_eq!(order, [1, 2, 3], "in the order in which they were accepted");
    assert_eq!(most_at_once(&ebbd, "job"), 1);
}

#[test]
fn with_queue_a_slot_that_finds_the_queue_full_is_recorded_as_such() {
    let (ebbd, gate) = with_gate(&format!("overlap = \"queue\"\nqueue-limit = 1\n{EVERY_SECOND}"));
    ebbd.until("a slot to find the queue full", || !skipped(&ebbd, "queue-full").is_empty());
    assert_eq!(states(&ebbd, "job"), ["running", "waiting"]);
    gate.open();
    ebbd.until("what waited to run", || {
        ebbd.history().iter().filter(|line| line["outcome"] == "success").count() >= 2
    });
    assert_eq!(most_at_once(&ebbd, "job"), 1);
}

#[test]
fn with_replace_the_run_under_way_gives_way_to_the_new_one() {
    let (ebbd, gate) = with_gate("overlap = \"replace\"\ngrace = \"20s\"\n");
    let first = ebbd.demand("job");
    ebbd.until("the first to run", || states(&ebbd, "job") == ["running"]);
    let second = ebbd.demand("job");
    let line = ebbd.call("Wait", json!({ "run": first })).unwrap()["result"].clone();
    assert_eq!(line["outcome"], "canceled", "{line}");
    assert!(line["detail"].as_str().unwrap().contains("replaced"), "{line}");
    ebbd.until("the second to run", || states(&ebbd, "job") == ["running"]);
    gate.open();
    let line = ebbd.call("Wait", json!({ "run": second })).unwrap()["result"].clone();
    assert_eq!(line["outcome"], "success", "{line}");
    assert_eq!(most_at_once(&ebbd, "job"), 1, "the old one has gone before the new one starts");
}

#[test]
fn with_replace_one_that_does_not_go_is_ended_after_its_grace() {
    let job = "command = [\"sh\", \"-c\", \"trap '' TERM; echo up; while :; do sleep 0.1; done\"]\n\
               overlap = \"replace\"\ngrace = \"400ms\"\n";
    let ebbd = Ebbd::start(&[("job", job)]);
    let first = ebbd.demand("job");
    ebbd.until("the first to be up", || ebbd.output("job", first).contains("up"));
    ebbd.demand("job");
    ebbd.demand("job");
    let line = ebbd.call("Wait", json!({ "run": first })).unwrap()["result"].clone();
    assert_eq!((&line["outcome"], &line["signal"]), (&json!("canceled"), &json!(9)), "{line}");
    ebbd.until("one new one to be up", || states(&ebbd, "job") == ["running"]);
    ebbd.call("Stop", json!({"job": "job"})).unwrap();
    ebbd.until("its end", || ebbd.history().len() == 2);
    assert_eq!(most_at_once(&ebbd, "job"), 1);
}

#[test]
fn with_parallel_so_many_run_at_once_and_a_slot_beyond_is_skipped() {
    let (ebbd, gate) = with_gate(&format!("overlap = \"parallel\"\nmax-parallel = 3\n{EVERY_SECOND}"));
    ebbd.until("a slot to find no room", || !skipped(&ebbd, "running").is_empty());
    assert_eq!(states(&ebbd, "job"), ["running", "running", "running"]);
    let more: Vec<Value> = (0..2).map(|_| ebbd.call("RunNow", json!({"job": "job"})).unwrap()).collect();
    assert_eq!(
        (&more[0]["merged"], &more[1]["merged"]),
        (&json!(false), &json!(true)),
        "a demand waits for its turn"
    );
    assert_eq!(more[0]["run"], more[1]["run"]);
    gate.open();
    let line = ebbd.call("Wait", json!({"run": more[0]["run"]})).unwrap()["result"].clone();
    assert_eq!(line["outcome"], "success");
    assert_eq!(most_at_once(&ebbd, "job"), 3);
}

#[test]
fn stopping_a_job_ends_what_runs_and_drops_what_waits() {
    let (ebbd, gate) = with_gate("overlap = \"queue\"\n");
    let runs: Vec<u64> = (0..3).map(|_| ebbd.demand("job")).collect();
    ebbd.until("the first to run", || states(&ebbd, "job")[0] == "running");
    assert_eq!(ebbd.call("Stop", json!({"run": runs[1]})).unwrap()["runs"], json!([runs[1]]));
    assert_eq!(states(&ebbd, "job"), ["running", "waiting"], "one that waits can be dropped alone");
    ebbd.call("Stop", json!({"job": "job"})).unwrap();
    ebbd.until("all of them to be gone", || ebbd.history().len() == 3);
    let history = ebbd.history();
    assert!(history.iter().all(|line| line["outcome"] == "canceled"), "{history:?}");
    assert_eq!(history.iter().filter(|line| line["started_at"].is_string()).count(), 1, "{history:?}");
    gate.open();
}

#[test]
fn a_stop_that_comes_before_the_program_runs_is_not_lost() {
    let ebbd = Ebbd::start(&[("long", "command = [\"sleep\", \"1000\"]\n")]);
    let mut caller = ebbd.connect();
    for _ in 0..20 {
        // Both are there before the first is carried out.
        let calls = [
            json!({"method": "io.ebb.Control.RunNow", "parameters": {"job": "long"}}),
            json!({"method": "io.ebb.Control.Stop", "parameters": {"job": "long"}}),
        ];
        let bytes: Vec<u8> = calls.iter().flat_map(|call| format!("{call}\0").into_bytes()).collect();
        caller.stream.write_all(&bytes).unwrap();
        let run = caller.receive().unwrap()["parameters"]["run"].clone();
        assert_eq!(caller.receive().unwrap()["parameters"]["runs"], json!([run]));
        let line = caller.call("Wait", json!({ "run": run })).unwrap()["result"].clone();
        assert_eq!(line["outcome"], "canceled", "{line}");
    }
}

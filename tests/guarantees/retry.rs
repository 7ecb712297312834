//! A run that failed is tried again as its job says, later each time, and never where that would be blind.

use serde_json::json;

use crate::harness::{Ebbd, skips_without_root};
use crate::helpers::gate::Gate;
use crate::helpers::slots::{TICKS, history_of, let_slots_pass, ms};

#[test]
fn retries_wait_longer_each_time_and_end_with_the_last_attempt() {
    let job = "command = [\"sh\", \"-c\", \"echo attempt $EBB_ATTEMPT; exit 3\"]\n\
               retry = { attempts = 4, delay = \"200ms\", backoff = 2.0, max-delay = \"500ms\" }\n";
    let ebbd = Ebbd::start(&[("failing", job)]);
    ebbd.run("failing");
    ebbd.until("the last attempt", || ebbd.history().len() == 5);
    let lines = ebbd.history();
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["attempt"], json!(index + 1));
        assert_eq!(line["trigger"], if index == 0 { "manual" } else { "retry" });
        assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(3)));
        let run = line["id"].as_u64().unwrap();
        assert_eq!(ebbd.output("failing", run), format!("attempt {}\n", index + 1));
    }
    let waits: Vec<i64> =
        lines.windows(2).map(|pair| ms(&pair[1]["started_at"]) - ms(&pair[0]["finished_at"])).collect();
    for (wait, least) in waits.iter().zip([200, 400, 500, 500]) {
        // The wall clock is cut to whole milliseconds on both sides.
        assert!(*wait >= least - 2, "{waits:?}");
    }
    assert_eq!(ebbd.status("failing")["runs"], json!([]), "and no further one");
}

#[test]
fn what_was_stopped_is_not_tried_again_and_a_new_demand_stands_in_for_a_retry() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &format!("{}retry = {{ attempts = 3, delay = \"10ms\" }}\n", gate.job()));
    ebbd.write_job("failing", "command = [\"false\"]\nretry = { attempts = 1, delay = \"1h\" }\n");
    let ebbd = ebbd.go();
    let run = ebbd.demand("held");
    ebbd.until("it to run", || ebbd.status("held")["state"] == "running");
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    assert_eq!(ebbd.call("Wait", json!({ "run": run })).unwrap()["result"]["outcome"], "canceled");
    assert_eq!(ebbd.status("held")["runs"], json!([]), "no retry waits");
    ebbd.run("failing");
    let waiting = ebbd.status("failing")["runs"][0].clone();
    assert_eq!((&waiting["state"], &waiting["trigger"]), (&json!("waiting"), &json!("retry")));
    ebbd.run("failing");
    let lines = history_of(&ebbd, "failing");
    let superseded = lines.iter().find(|line| line["id"] == waiting["run"]).expect("the retry's end");
    assert_eq!((&superseded["outcome"], &superseded["reason"]), (&json!("skipped"), &json!("superseded")));
    assert_eq!(ebbd.status("failing")["runs"].as_array().unwrap().len(), 1, "the new run's own retry waits");
}

#[test]
fn an_oom_kill_is_not_tried_again_blindly() {
    if skips_without_root("schedule::an_oom_kill_is_not_tried_again_blindly") {
        return;
    }
    let job = "command = [\"python3\", \"-c\", \"x = bytearray(200 << 20)\"]\n\
               retry = { attempts = 3, delay = \"10ms\" }\n[memory]\nmax = \"40M\"\n";
    let ebbd = Ebbd::start(&[("fat", job)]);
    assert_eq!(ebbd.run("fat")["outcome"], "oom-kill");
    assert_eq!(ebbd.status("fat")["runs"], json!([]));
    assert_eq!(ebbd.history().len(), 1);
}

#[test]
fn a_paused_jobs_retry_is_held_until_it_is_resumed() {
    let ebbd = Ebbd::start(&[
        ("failing", "command = [\"false\"]\nretry = { attempts = 1, delay = \"300ms\" }\n"),
        ("ticking", TICKS),
    ]);
    ebbd.run("failing");
    ebbd.call("Pause", json!({"job": "failing"})).unwrap();
    // Two slots are a second apart at least, and the delay is less.
    let_slots_pass(&ebbd, "ticking", 2);
    assert_eq!(history_of(&ebbd, "failing").len(), 1, "held");
    ebbd.call("Resume", json!({"job": "failing"})).unwrap();
    ebbd.until("the retry to run", || history_of(&ebbd, "failing").len() == 2);
}

//! When a job starts by itself, in real seconds: slots, intervals, starts of ebbd, pauses, retries.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{Ebbd, skips_without_root};
use crate::helpers::gate::Gate;

const TICKS: &str = "command = [\"true\"]\nschedule = \"* * * * * *\"\n";

fn ms(instant: &Value) -> i64 {
    let text = instant.as_str().unwrap_or_else(|| panic!("no instant: {instant}"));
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// What became of a job's triggers, oldest first.
fn history_of(ebbd: &Ebbd, job: &str) -> Vec<Value> {
    ebbd.history().into_iter().filter(|line| line["job"] == job).collect()
}

/// Waits until another job has had so many slots, so that this one would have had them too.
fn let_slots_pass(ebbd: &Ebbd, ticker: &str, count: usize) {
    let before = history_of(ebbd, ticker).len();
    ebbd.until("slots to pass", || history_of(ebbd, ticker).len() >= before + count);
}

#[test]
fn every_slot_is_a_run_at_or_after_its_second_and_none_comes_twice() {
    let ebbd = Ebbd::start(&[("ticking", TICKS)]);
    ebbd.until("four slots", || history_of(&ebbd, "ticking").len() >= 4);
    let lines = history_of(&ebbd, "ticking");
    let slots: Vec<i64> = lines.iter().map(|line| ms(&line["slot"])).collect();
    assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{slots:?}");
    for line in &lines {
        assert_eq!(line["trigger"], "schedule");
        assert_eq!(ms(&line["slot"]) % 1000, 0);
        if line["outcome"] != "skipped" {
            assert!(ms(&line["queued_at"]) >= ms(&line["slot"]), "before its time: {line}");
        }
    }
    let next = ms(&ebbd.status("ticking")["next"]);
    assert!(next > *slots.last().unwrap(), "next is later than what has been");
}

#[test]
fn every_counts_from_the_start_of_the_last_run() {
    let ebbd = Ebbd::start(&[("steady", "command = [\"sleep\", \"0.3\"]\nevery = \"1s\"\n")]);
    let begun = now_ms();
    ebbd.until("three runs", || history_of(&ebbd, "steady").len() >= 3);
    let lines = history_of(&ebbd, "steady");
    let starts: Vec<i64> = lines.iter().map(|line| ms(&line["queued_at"])).collect();
    assert!(starts[0] >= begun - 500, "the first one comes after one interval: {starts:?}");
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 1000), "{starts:?}");
    assert!(lines.iter().all(|line| line["trigger"] == "schedule"));
}

#[test]
fn a_manual_run_takes_no_slot() {
    let daily = "command = [\"true\"]\nschedule = \"0 3 * * *\"\n";
    let ebbd = Ebbd::start(&[
        ("daily", daily),
        ("slow", "command = [\"true\"]\nevery = \"1h\"\n"),
        ("ticking", TICKS),
    ]);
    for job in ["daily", "slow"] {
        let next = ebbd.status(job)["next"].clone();
        assert_eq!(ebbd.run(job)["outcome"], "success");
        assert_eq!(ebbd.status(job)["next"], next, "{job}");
    }
    for _ in 0..30 {
        ebbd.run("ticking");
    }
    let_slots_pass(&ebbd, "ticking", 2);
    let lines = history_of(&ebbd, "ticking");
    let slots: Vec<i64> =
        lines.iter().filter(|line| line["trigger"] == "schedule").map(|line| ms(&line["slot"])).collect();
    assert!(slots.len() >= 2 && slots.windows(2).all(|pair| pair[0] < pair[1]), "{slots:?}");
    assert!(lines.iter().filter(|line| line["trigger"] == "manual").all(|line| line["slot"].is_null()));
}

#[test]
fn a_job_that_starts_with_ebbd_runs_once_for_each_start() {
    let ebbd = Ebbd::prepare(&[
        ("first", "command = [\"true\"]\nat-start = true\n"),
        ("reboot", "command = [\"true\"]\nschedule = \"@reboot\"\n"),
        ("off", "command = [\"true\"]\nat-start = true\nenabled = false\n"),
    ]);
    let mut ebbd = ebbd.go();
    for round in 1..=2 {
        ebbd.until("both to have run", || ebbd.history().len() == 2 * round);
        ebbd.call("Reload", json!({})).unwrap();
        ebbd.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(ebbd.wait_end(), Some(0));
        ebbd.restart();
    }
    ebbd.until("both to have run a third time", || ebbd.history().len() == 6);
    for line in ebbd.history() {
        assert_eq!((&line["trigger"], &line["outcome"]), (&json!("startup"), &json!("success")));
        assert_ne!(line["job"], "off");
    }
    assert_eq!(ebbd.run("off")["outcome"], "success", "a demand starts it all the same");
}

#[test]
fn a_job_that_is_off_never_starts_by_itself() {
    let ebbd = Ebbd::start(&[("off", &format!("{TICKS}enabled = false\n")), ("ticking", TICKS)]);
    let_slots_pass(&ebbd, "ticking", 2);
    let status = ebbd.status("off");
    assert_eq!((&status["state"], &status["next"]), (&json!("off"), &Value::Null));
    assert_eq!(history_of(&ebbd, "off"), [0; 0]);
}

#[test]
fn jitter_delays_a_slot_by_no_more_than_it_says_and_not_all_jobs_alike() {
    let ebbd = Ebbd::prepare(&[]);
    for number in 0..30 {
        let job = "command = [\"true\"]\nschedule = \"0 3 * * *\"\ntimezone = \"UTC\"\njitter = \"10m\"\n";
        ebbd.write_job(&format!("j{number}"), job);
    }
    ebbd.write_job("exact", "command = [\"true\"]\nschedule = \"0 3 * * *\"\ntimezone = \"UTC\"\n");
    let ebbd = ebbd.go();
    let (day, three) = (86_400_000, 10_800_000);
    assert_eq!(ms(&ebbd.status("exact")["next"]) % day, three);
    let mut delays: Vec<i64> =
        (0..30).map(|number| ms(&ebbd.status(&format!("j{number}"))["next"]) % day - three).collect();
    assert!(delays.iter().all(|delay| (0..=600_000).contains(delay)), "{delays:?}");
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 20, "jobs of the same slot are spread: {delays:?}");
}

#[test]
fn a_jittered_slot_runs_once_and_not_before_its_second() {
    let ebbd = Ebbd::start(&[("spread", &format!("{TICKS}jitter = \"300ms\"\n"))]);
    ebbd.until("three slots", || history_of(&ebbd, "spread").len() >= 3);
    let lines = history_of(&ebbd, "spread");
    let slots: Vec<i64> = lines.iter().map(|line| ms(&line["slot"])).collect();
    assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{slots:?}");
    for line in lines.iter().filter(|line| line["queued_at"].is_string()) {
        assert!(ms(&line["queued_at"]) >= ms(&line["slot"]), "{line}");
    }
}

#[test]
fn a_paused_job_starts_only_on_demand_also_after_a_restart_and_makes_up_for_nothing() {
    let mut ebbd = Ebbd::start(&[("held", TICKS), ("ticking", TICKS)]);
    ebbd.call("Pause", json!({"job": "held"})).unwrap();
    ebbd.until("a run under way to end", || ebbd.status("held")["runs"] == json!([]));
    let before = history_of(&ebbd, "held").len();
    let_slots_pass(&ebbd, "ticking", 2);
    let status = ebbd.status("held");
    assert_eq!((&status["state"], &status["next"]), (&json!("paused"), &Value::Null));
    ebbd.crash();
    ebbd.restart();
    assert_eq!(ebbd.status("held")["paused"], true);
    let_slots_pass(&ebbd, "ticking", 2);
    assert_eq!(history_of(&ebbd, "held").len(), before, "nothing by itself");
    assert_eq!(ebbd.run("held")["outcome"], "success");
    let resumed = now_ms();
    ebbd.call("Resume", json!({"job": "held"})).unwrap();
    ebbd.until("its slots to run again", || history_of(&ebbd, "held").len() >= before + 3);
    for line in &history_of(&ebbd, "held")[before + 1..] {
        assert!(ms(&line["slot"]) > resumed - 1000, "a slot of the pause was made up for: {line}");
    }
}

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

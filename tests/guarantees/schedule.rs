//! When a job starts by itself, in real seconds: slots, intervals, starts of ebbd, pauses, retries.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::Ebbd;
use crate::helpers::slots::{TICKS, history_of, let_slots_pass, ms};

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
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

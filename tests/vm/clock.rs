//! The clock is set forward, back and across the changes of daylight saving while schedules are armed: no storm, no silence.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Job, ebb, run, wait_until};

/// The clock as it should be, by the clock that nobody sets. Dropped, it is put right.
struct TrueTime {
    offset: f64,
}

fn uptime() -> f64 {
    std::fs::read_to_string("/proc/uptime").unwrap().split(' ').next().unwrap().parse().unwrap()
}

impl TrueTime {
    fn remembered() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self { offset: now.as_secs_f64() - uptime() }
    }
}

impl Drop for TrueTime {
    fn drop(&mut self) {
        let _ = run(&["date", "-s", &format!("@{:.3}", self.offset + uptime())]);
    }
}

#[track_caller]
fn set(time: &str) {
    run(&["date", "-u", "-s", time]).ok();
}

/// The ends of a job's runs, oldest first.
#[track_caller]
fn ends(job: &str) -> Vec<Value> {
    let text = ebb(&["history", job, "--json", "--limit", "1000"]).ok();
    serde_json::from_str(&text).unwrap()
}

/// The slots of a job's scheduled runs.
#[track_caller]
fn slots(job: &str) -> Vec<String> {
    let ran = |line: &Value| line["outcome"] == "success" && line["trigger"] == "schedule";
    ends(job)
        .into_iter()
        .filter(ran)
        .map(|line| line["slot"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Watches for a while that no more runs come than said.
#[track_caller]
fn no_more_than(most: usize, job: &str, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        let count = slots(job).len();
        assert!(count <= most, "a storm: {count} runs of {job}: {:?}", slots(job));
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn job(name: &str, rest: &str) -> Job {
    Job::new(name, &format!("command = [\"true\"]\n{rest}"))
}

#[test]
fn a_clock_set_forward_makes_one_run_of_all_that_it_jumped_over() {
    let _time = TrueTime::remembered();
    set("2026-06-01 10:00:30");
    let name = "forward";
    let _job = job(name, "schedule = \"*/5 * * * *\"\n");
    let _none = job("forward-none", "schedule = \"*/5 * * * *\"\ncatch-up = \"none\"\n");
    set("2026-06-03 10:02:30");
    wait_until("one run for two days", || slots(name).len() == 1);
    no_more_than(1, name, Duration::from_secs(3));
    let skipped = || ends("forward-none").iter().filter(|line| line["reason"] == "missed").count();
    wait_until("one word on what was missed", || skipped() == 1);
    // And it goes on: the next slot comes in its time.
    set("2026-06-03 10:04:59");
    wait_until("the next slot", || slots(name).len() == 2);
    assert_eq!(slots(name)[1], "2026-06-03T10:05:00.000Z");
    wait_until("the other's too", || slots("forward-none").len() == 1);
    assert_eq!(skipped(), 1);
}

#[test]
fn a_clock_set_back_repeats_nothing_for_ten_minutes_and_is_followed_beyond() {
    let _time = TrueTime::remembered();
    set("2026-06-01 10:09:57");
    let name = "back";
    let _job = job(name, "schedule = \"*/5 * * * *\"\n");
    wait_until("the first slot", || slots(name) == ["2026-06-01T10:10:00.000Z"]);
    set("2026-06-01 10:09:59");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(slots(name).len(), 1, "it has had that one");
    set("2026-06-01 10:14:59");
    wait_until("the next one", || slots(name).len() == 2);
    // A day back: the new time counts, and there is no silence until the old one is reached again.
    set("2026-05-31 08:04:59");
    wait_until("the next slot of the new time", || slots(name).len() == 3);
    assert_eq!(slots(name)[2], "2026-05-31T08:05:00.000Z");
    no_more_than(3, name, Duration::from_secs(3));
}

#[test]
fn a_time_that_the_clock_skips_in_spring_runs_once_right_after_the_gap() {
    let _time = TrueTime::remembered();
    set("2026-03-29 00:58:00");
    let name = "spring";
    let _job = job(name, "schedule = \"30 2 * * *\"\ntimezone = \"Europe/Vienna\"\ncatch-up = \"none\"\n");
    let _often = job(
        "spring-often",
        "schedule = \"*/20 * * * *\"\ntimezone = \"Europe/Vienna\"\ncatch-up = \"none\"\n",
    );
    set("2026-03-29 00:59:59");
    wait_until("the run after the gap", || slots(name).len() == 1);
    assert_eq!(slots(name), ["2026-03-29T01:00:00.000Z"], "03:00 in Vienna");
    wait_until("the running clock's own slot", || slots("spring-often") == ["2026-03-29T01:00:00.000Z"]);
    set("2026-03-29 01:29:59");
    no_more_than(1, name, Duration::from_secs(3));
}

#[test]
fn a_time_that_comes_twice_in_autumn_runs_once_and_the_running_clock_goes_on() {
    let _time = TrueTime::remembered();
    set("2026-10-25 00:28:00");
    let name = "autumn";
    let _job = job(name, "schedule = \"30 2 * * *\"\ntimezone = \"Europe/Vienna\"\ncatch-up = \"none\"\n");
    let _often = job(
        "autumn-often",
        "schedule = \"*/30 * * * *\"\ntimezone = \"Europe/Vienna\"\ncatch-up = \"none\"\n",
    );
    set("2026-10-25 00:29:59");
    wait_until("the first 02:30", || slots(name) == ["2026-10-25T00:30:00.000Z"]);
    set("2026-10-25 00:59:59");
    wait_until("the second 02:00", || slots("autumn-often").len() == 2);
    set("2026-10-25 01:29:59");
    wait_until("the second 02:30 of the running clock", || slots("autumn-often").len() == 3);
    no_more_than(1, name, Duration::from_secs(3));
    let often = slots("autumn-often");
    assert_eq!(often, ["00:30", "01:00", "01:30"].map(|at| format!("2026-10-25T{at}:00.000Z")));
}

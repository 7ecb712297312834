//! `ebb forecast` and `ebb suggest`: the chart, where it is too much, and the lines to paste.

use serde_json::{Value, json};

use crate::cli::forecast::Outlook;
use crate::cli::screen::Look;
use crate::cli::testing::Fake;
use crate::cli::tests::status::job;
use crate::cli::times::tests::noon;
use crate::cli::{plan, slots};
use crate::journal::HistoryLine;
use crate::protocol::{BudgetReply, JobStatus, LearnedStatus, MemoryStatus, RunStatus, Share};
use crate::words::{Outcome, Trigger};

const GIB: u64 = 1 << 30;

/// A job that is due at these times, an hour east of Greenwich, and takes so many GiB for so many minutes.
fn due(name: &str, schedule: &str, gib: u64, minutes: u64) -> JobStatus {
    let learned = LearnedStatus {
        runs: 5,
        peak_bytes: gib * GIB / 2,
        highest_bytes: gib * GIB,
        duration_ms: minutes * 30_000,
        longest_ms: minutes * 60_000,
        ..LearnedStatus::default()
    };
    JobStatus {
        schedule: vec![schedule.to_owned()],
        timezone: Some("Etc/GMT-1".to_owned()),
        next: Some("2026-01-31T12:00:00Z".to_owned()),
        memory: MemoryStatus {
            learned: Some(learned),
            claim_bytes: Some(9 * GIB),
            ..MemoryStatus::default()
        },
        ..job(name, "idle")
    }
}

/// Two jobs that meet at three, a small one every hour, and one of which nothing is known.
fn jobs() -> Vec<JobStatus> {
    let mut unknown = due("fresh", "30 14 * * *", 1, 1);
    unknown.memory = MemoryStatus { claim_bytes: Some(GIB / 4), ..MemoryStatus::default() };
    vec![
        due("backup", "0 3 * * *", 3, 40),
        unknown,
        due("indexer", "0 3 * * *", 2, 10),
        due("poll", "0 * * * *", 1, 5),
    ]
}

fn budget(gib: u64) -> BudgetReply {
    let host = Share {
        name: "host".to_owned(),
        memory_bytes: Some(gib * GIB),
        claimed_bytes: 0,
        max_parallel: None,
        running: 0,
    };
    BudgetReply { is_on: true, total_bytes: Some(16 * GIB), shares: vec![host], ..BudgetReply::default() }
}

fn drawn(jobs: &[JobStatus], budget: &BudgetReply, hours: u32, look: Look) -> String {
    let parts = plan::parts(jobs, noon().now, hours);
    Outlook::of(&parts, budget, noon().now, hours).drawn(&noon(), look)
}

#[test]
fn the_chart_shows_the_day_with_the_budget_across_and_what_is_too_much_below() {
    let look = Look { width: Some(56), height: Some(14), ..Look::PLAIN };
    let expected = "    6G                               █
    4G ──────────────────────────────█─────────────────
                                     █▄
                                     ██
         ▇ ▇▂▇ ▇ ▇ ▇ ▇ ▇ ▇ ▇ ▇ ▇ ▇ ▇ ██▇ ▇ ▇ ▇ ▇ ▇ ▇ ▇
     0 now         18:00       00:00       06:00

At most 6G of 4G, the budget, Sun 03:00: backup 3G, indexer 2G, poll 1G
More than the budget (4G):
  Sun 03:00 to 03:10  6G: backup 3G, indexer 2G, poll 1G
Nothing is learned yet of fresh: each counts with its claim, for a minute.
";
    assert_eq!(drawn(&jobs(), &budget(4), 24, look), expected);
}

#[test]
fn without_a_budget_the_host_is_the_bound_and_one_that_is_far_away_is_not_drawn() {
    let mut all = budget(4);
    all.is_on = false;
    let text = drawn(&jobs(), &all, 24, Look::PLAIN);
    assert!(text.contains("At most 6G of 16G, all memory of the host, Sun 03:00"), "{text}");
    assert!(text.contains("   16G ─") && !text.contains("More than"), "{text}");
    all.total_bytes = Some(64 * GIB);
    let text = drawn(&jobs(), &all, 24, Look::PLAIN);
    assert!(text.starts_with("    6G ") && !text.contains('─'), "{text}");
    let none = drawn(&[job("manual", "idle")], &all, 3, Look::PLAIN);
    assert_eq!(none, "No job starts by itself within 3 hours, and none runs.\n");
}

#[test]
fn what_runs_now_counts_for_as_long_as_runs_like_it_take() {
    let mut job = due("backup", "0 3 * * *", 3, 40);
    job.runs.push(RunStatus {
        run: 7,
        trigger: Trigger::Manual,
        attempt: 1,
        state: "running".to_owned(),
        queued_at: "2026-01-31T10:30:00Z".to_owned(),
        started_at: Some("2026-01-31T10:30:00Z".to_owned()),
        peak_anon_bytes: Some(5 * GIB),
        lacks: None,
        claim_bytes: None,
        waits: None,
    });
    let parts = plan::parts(&[job], noon().now, 24);
    assert_eq!((parts[0].left_ms, parts[0].bytes), (Some(10 * 60_000), 5 * GIB));
    let spans: Vec<_> =
        parts[0].spans_from_now().map(|span| span.start / 60_000..span.end / 60_000).collect();
    assert_eq!(spans, [0..10, 15 * 60..15 * 60 + 40]);
}

#[test]
fn what_is_held_back_does_not_count() {
    let held = JobStatus { next: None, paused: true, ..due("backup", "0 3 * * *", 3, 40) };
    assert!(!plan::parts(&[held], noon().now, 24)[0].is_due());
    let every = JobStatus { every_ms: Some(7_200_000), schedule: Vec::new(), ..due("poll", "", 1, 1) };
    let starts = &plan::parts(&[every], noon().now, 6)[0].starts_ms;
    assert_eq!(starts.iter().map(|ms| ms / 3_600_000).collect::<Vec<_>>(), [1, 3, 5]);
}

#[test]
fn json_has_every_minute_and_who_meets_where_it_is_too_much() {
    let fake = Fake::serve(|call, peer| match call.method.as_str() {
        "io.ebb.Control.Budget" => peer.say(&BudgetReply { is_on: false, ..budget(4) }),
        _ => {
            for job in jobs() {
                peer.say_more(&json!({ "job": job }));
            }
            peer.say(&json!({}));
        }
    });
    let told: Value = serde_json::from_str(&fake.ebb(&["forecast", "--hours", "48", "--json"]).out).unwrap();
    assert_eq!(told["minutes"].as_array().unwrap().len(), 48 * 60);
    assert_eq!(told["peak"]["bytes"], 6 * GIB);
    assert_eq!(told["peak"]["jobs"][0], json!({ "job": "backup", "bytes": 3 * GIB }));
    assert_eq!((&told["budget_bytes"], &told["is_budget"]), (&json!(16 * GIB), &json!(false)));
    assert_eq!(told["not_learned"], json!(["fresh"]));
    assert!(fake.ebb(&["forecast"]).out.contains("At most 6G"));
}

#[test]
fn a_slot_is_moved_where_that_lowers_the_highest_sum() {
    let moves = slots::moves(&jobs(), &noon(), |_| true);
    let told = serde_json::to_value(&moves).unwrap();
    assert_eq!(moves.len(), 1, "{told}");
    assert_eq!((&told[0]["job"], &told[0]["now"]), (&json!("backup"), &json!("0 3 * * *")), "{told}");
    // Past the end of both others, and it has ended before the next poll.
    assert_eq!(told[0]["value"], "10 3 * * *", "{told}");
    let why = told[0]["why"].as_str().unwrap();
    assert!(why.contains("falls from 6G (Sun 03:00, together with indexer, poll) to 3G"), "{why}");
    assert!(slots::moves(&jobs(), &noon(), |job| job.job == "poll").len() <= 1);
    assert!(slots::moves(&jobs()[..1], &noon(), |_| true).is_empty(), "alone it is as high anywhere");
}

fn ended(job: &str, outcome: Outcome, peak_mib: u64, max_mib: u64) -> HistoryLine {
    HistoryLine {
        job: job.to_owned(),
        peak_anon_bytes: Some(peak_mib << 20),
        memory_max_bytes: Some(max_mib << 20),
        ..crate::cli::ended::tests::line(outcome)
    }
}

fn host() -> Fake {
    Fake::serve(|call, peer| match call.method.as_str() {
        "io.ebb.Control.Status" => {
            for (name, max) in [("fine", 512_u64), ("tight", 512), ("young", 512)] {
                let memory = MemoryStatus { max_bytes: Some(max << 20), ..MemoryStatus::default() };
                let timeout_ms = (name == "fine").then_some(180_000);
                peer.say_more(&json!({ "job": JobStatus { memory, timeout_ms, ..job(name, "idle") } }));
            }
            peer.say(&json!({}));
        }
        _ => {
            for _ in 0..4 {
                peer.say_more(&json!({ "result": ended("fine", Outcome::Success, 343, 512) }));
                peer.say_more(&json!({ "result": ended("tight", Outcome::Success, 500, 512) }));
            }
            peer.say_more(&json!({ "result": ended("young", Outcome::Success, 500, 512) }));
            peer.say(&json!({ "result": ended("tight", Outcome::OomKill, 511, 512) }));
        }
    })
}

#[test]
fn what_is_suggested_can_be_pasted_and_what_is_fine_is_not_spoken_of() {
    let fake = host();
    let printed = fake.ebb(&["suggest"]);
    let expected = "\
# tight
# the longest of 4 runs took 31.0 s; without a timeout one that hangs does so for ever
timeout = \"3m\"
# at least: 1 run was killed at 512M (now 512M)
[memory]
max = \"768M\"
";
    assert_eq!(printed.out, expected);
    assert_eq!(printed.err, "fewer than 3 runs have succeeded of young: too few to go by\n");
    let told: Value = serde_json::from_str(&fake.ebb(&["suggest", "--json"]).out).unwrap();
    assert_eq!(told.as_array().unwrap().len(), 2);
    assert_eq!(
        (&told[1]["key"], &told[1]["value"], &told[1]["now"]),
        (&json!("memory.max"), &json!("768M"), &json!("512M"))
    );
    assert_eq!(fake.ebb(&["suggest", "fine"]).out, "nothing to suggest\n");
    let asked = fake.calls().pop().unwrap().parameters;
    assert_eq!(asked, json!({ "job": "fine", "limit": 200 }));
}

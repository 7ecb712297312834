//! `ebb history`: the table, its order, and since when.

use serde_json::json;

use crate::cli::ended::tests::line;
use crate::cli::history::{self, Curves};
use crate::cli::screen::Look;
use crate::cli::testing::Fake;
use crate::cli::times::tests::noon;
use crate::clock::Wall;
use crate::journal::HistoryLine;
use crate::learn::Curve;
use crate::words::{Outcome, SkipReason, Trigger};

fn lines() -> Vec<HistoryLine> {
    let success = HistoryLine {
        exit_code: Some(0),
        peak_anon_bytes: Some(868 << 20),
        peak_total_bytes: Some(1184 << 20),
        cpu_ms: Some(28_250),
        ..line(Outcome::Success)
    };
    let killed = HistoryLine {
        id: Some(43),
        trigger: Trigger::Retry,
        attempt: Some(2),
        signal: Some(9),
        duration_ms: Some(950),
        detail: Some("killed by the kernel for memory at its limit of 512M".to_owned()),
        ..line(Outcome::OomKill)
    };
    let skipped = HistoryLine {
        id: None,
        trigger: Trigger::Schedule,
        attempt: None,
        slot: Some(Wall(1_769_857_260_000)),
        queued_at: None,
        started_at: None,
        duration_ms: None,
        reason: Some(SkipReason::Running),
        ..line(Outcome::Skipped)
    };
    vec![success, killed, skipped]
}

#[test]
fn the_table_has_a_line_a_run_and_the_reason_of_a_failure_below_it() {
    let expected = "\
ID  JOB      TRIGGER   OUTCOME           STARTED              DURATION  PEAK-ANON  PEAK-TOTAL     CPU
42  indexer  manual    success           2026-01-31 12:00:00    31.0 s       868M        1.2G  28.3 s
43  indexer  retry 2   oom-kill          2026-01-31 12:00:00    950 ms          -           -       -
    killed by the kernel for memory at its limit of 512M
 -  indexer  schedule  skipped: running  2026-01-31 12:01:00         -          -           -       -
";
    assert_eq!(history::overview(&lines(), Curves::Left, &noon(), Look::PLAIN), expected);
}

#[test]
fn a_curve_is_drawn_below_its_run_up_to_its_limit_or_else_its_peak() {
    let mut lines = lines();
    let points = |text: &str| Some(Box::new(Curve { ms: 20, points: text.to_owned() }));
    lines[0].curve = points("-0Uz");
    lines[1] = HistoryLine {
        memory_max_bytes: Some(512 << 20),
        peak_anon_bytes: Some(256 << 20),
        curve: points("zUV"),
        ..lines[1].clone()
    };
    let table = history::overview(&lines, Curves::Drawn, &noon(), Look::PLAIN);
    let drawn: Vec<&str> = table.lines().filter(|line| line.contains('█')).collect();
    assert_eq!(drawn, ["     ▁▄█  █ 868M, its peak", "    ▄▂▃  █ 512M, its limit"], "{table}");
    assert_eq!(history::overview(&lines, Curves::Left, &noon(), Look::PLAIN).matches('█').count(), 0);
    let long: String = (0..256).map(|i| char::from(b"-0Uz"[i / 64])).collect();
    lines[0].curve = points(&long);
    for width in [40, 80, 120] {
        let table =
            history::overview(&lines, Curves::Drawn, &noon(), Look { width: Some(width), ..Look::PLAIN });
        let line = table.lines().find(|line| line.contains("868M, its peak")).unwrap();
        assert_eq!(line.chars().count(), usize::from(width), "{line}");
    }
}

#[test]
fn at_80_columns_when_how_and_what_it_cost_are_seen_whole() {
    let expected = "\
ID  JOB      TRIGGER   OUTCOME           STARTED      DURATION  PEAK-ANON
42  indexer  manual    success           01-31 12:00    31.0 s       868M
43  indexer  retry 2   oom-kill          01-31 12:00    950 ms          -
    killed by the kernel for memory at its limit of 512M
 -  indexer  schedule  skipped: running  01-31 12:01         -          -
";
    assert_eq!(
        history::overview(&lines(), Curves::Left, &noon(), Look { width: Some(80), ..Look::PLAIN }),
        expected
    );
}

/// Tells the history as ebbd does: the newest first, one a reply.
fn telling() -> Fake {
    Fake::serve(|call, peer| {
        assert!(call.more);
        for line in lines().iter().rev().take(2) {
            peer.say_more(&json!({ "result": line }));
        }
        peer.say(&json!({ "result": lines()[0] }));
    })
}

#[test]
fn the_newest_is_last_in_the_table_and_in_json() {
    let fake = telling();
    let told: Vec<HistoryLine> = serde_json::from_str(&fake.ebb(&["history", "--json"]).out).unwrap();
    assert_eq!(told, lines());
    let table = fake.ebb(&["history"]).out;
    assert!(table.find("success") < table.find("oom-kill"), "{table}");
}

#[test]
fn what_is_asked_for_is_what_the_command_line_says() {
    let fake = telling();
    fake.ebb(&[
        "history",
        "indexer",
        "--outcome",
        "oom-kill",
        "--limit",
        "7",
        "--since",
        "2026-01-31T12:00:00+01:00",
    ]);
    fake.ebb(&["history"]);
    let asked: Vec<_> = fake.calls().into_iter().map(|c| c.parameters).collect();
    let narrow =
        json!({ "job": "indexer", "since_ms": 1_769_857_200_000_i64, "outcome": "oom-kill", "limit": 7 });
    assert_eq!(asked, [narrow, json!({ "limit": 20 })]);
}

#[test]
fn since_when_can_be_written_in_four_ways() {
    let table = [
        ("2h", "2026-01-31T09:00:00Z"),
        ("7d", "2026-01-24T11:00:00Z"),
        ("2026-01-30", "2026-01-29T23:00:00Z"),
        ("2026-01-30T14:00", "2026-01-30T13:00:00Z"),
        ("2026-01-30T14:00:00+00:00", "2026-01-30T14:00:00Z"),
        ("2026-01-30T14:00:00Z", "2026-01-30T14:00:00Z"),
    ];
    for (text, expected) in table {
        let expected: jiff::Timestamp = expected.parse().unwrap();
        assert_eq!(history::since(text, &noon()).unwrap(), expected.as_millisecond(), "{text}");
    }
    let failure = history::since("yesterday-ish", &noon()).unwrap_err();
    assert_eq!(failure.exit_code().0, 2);
    assert!(failure.to_string().contains("`2026-01-31`"), "{failure}");
}

#[test]
fn a_history_without_runs_says_so() {
    let fake = Fake::serve(|_, peer| peer.say(&json!({})));
    assert_eq!(fake.ebb(&["history"]).out, "no run has ended yet\n");
    assert_eq!(fake.ebb(&["history", "indexer"]).out, "no run has ended that fits\n");
    assert_eq!(fake.ebb(&["history", "--json"]).out, "[]\n");
}

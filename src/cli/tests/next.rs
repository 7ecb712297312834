//! `ebb next`: instants for programs, remarks for people, and schedules that make no sense.

use serde_json::{Value, json};

use crate::cli::target::Target;
use crate::cli::testing::{Fake, Printed, ebb};

/// Of a schedule alone; no ebbd is asked.
fn of_schedule(line: &[&str]) -> Printed {
    ebb(&[&["next"], line].concat(), &Target::at("/nonexistent/ebb.sock"))
}

const VIENNA: [&str; 4] = ["--timezone", "Europe/Vienna", "--from", "2026-03-28T02:30:00+01:00"];

#[test]
fn json_is_an_array_of_instants_strictly_later_with_the_zones_offset() {
    let line = [&["--schedule", "30 2 * * *", "--count", "3", "--json"], &VIENNA[..]].concat();
    let expected = r#"["2026-03-29T03:00:00+02:00","2026-03-30T02:30:00+02:00","2026-03-31T02:30:00+02:00"]"#;
    assert_eq!(of_schedule(&line).out, format!("{expected}\n"));
}

#[test]
fn several_schedules_are_one_jobs() {
    let line =
        [&["--schedule", "0 3 * * *", "--schedule", "0 4 * * *", "--count", "2", "--json"], &VIENNA[..]];
    let expected = r#"["2026-03-28T03:00:00+01:00","2026-03-28T04:00:00+01:00"]"#;
    assert_eq!(of_schedule(&line.concat()).out, format!("{expected}\n"));
}

#[test]
fn people_read_why_a_run_has_moved() {
    let printed = of_schedule(&[&["--schedule", "30 2 * * *", "--count", "2"], &VIENNA[..]].concat());
    let lines: Vec<_> = printed.out.lines().collect();
    assert!(lines[1].starts_with("2026-03-29 03:00:00 +02:00  "), "{}", printed.out);
    assert!(lines[2].contains("02:30 on 2026-03-29 does not exist"), "{}", printed.out);
    assert!(lines[3].starts_with("2026-03-30 02:30:00 +02:00  ") && lines.len() == 4, "{}", printed.out);
}

#[test]
fn a_schedule_that_makes_no_sense_is_shown_with_a_caret() {
    let printed = of_schedule(&["--schedule", "0 25 * * *", "--timezone", "UTC"]);
    assert_eq!(printed.code, 2);
    let lines: Vec<_> = printed.err.lines().collect();
    assert!(lines[0].starts_with("ebb: this schedule can't be used: "), "{}", printed.err);
    assert_eq!(lines[1..3], ["  | 0 25 * * *", "  |   ^^"], "{}", printed.err);
}

#[test]
fn a_zone_that_there_is_not_names_the_nearest() {
    let printed = of_schedule(&["--schedule", "@daily", "--timezone", "Europe/Vienn"]);
    assert_eq!(printed.code, 2);
    assert!(printed.err.contains("`Europe/Vienna`"), "{}", printed.err);
}

#[test]
fn a_schedule_without_times_says_so() {
    let printed = of_schedule(&["--schedule", "@reboot", "--timezone", "UTC"]);
    assert!(printed.code == 0 && printed.out.contains("start of ebbd"), "{}", printed.out);
    assert_eq!(of_schedule(&["--schedule", "@reboot", "--timezone", "UTC", "--json"]).out, "[]\n");
}

/// A job with this timing, next due at 02:33 of 1 February.
fn job(change: Value) -> Fake {
    let mut reply = json!({
        "job": "indexer", "schedule": ["30 2 * * *"], "every_ms": null, "timezone": "Europe/Vienna", "jitter_ms": 0,
        "next": "2026-02-01T01:33:00.000Z", "enabled": true, "paused": false,
    });
    if let (Value::Object(reply), Value::Object(change)) = (&mut reply, change) {
        reply.extend(change);
    }
    Fake::serve(move |call, peer| {
        assert_eq!(
            (call.method.as_str(), &call.parameters),
            ("io.ebb.Control.Next", &json!({ "job": "indexer" }))
        );
        peer.say(&reply);
    })
}

#[test]
fn a_jobs_own_schedule_is_reckoned_in_its_own_zone() {
    let line = ["next", "indexer", "--from", "2026-01-31T00:00:00Z", "--count", "1", "--json"];
    assert_eq!(job(json!({})).ebb(&line).out, "[\"2026-01-31T02:30:00+01:00\"]\n");
    let printed = job(json!({ "jitter_ms": 300_000, "paused": true })).ebb(&["next", "indexer"]);
    assert!(printed.err.contains("up to 5 min later"), "{}", printed.err);
    assert!(printed.err.contains("drawn: 2026-02-01 02:33:00 +01:00"), "{}", printed.err);
    assert!(printed.err.contains("`ebb resume indexer`"), "{}", printed.err);
}

#[test]
fn every_goes_on_from_ebbds_next_start() {
    let fake = job(json!({ "schedule": [], "every_ms": 3_600_000 }));
    let expected = "[\"2026-02-01T02:33:00+01:00\",\"2026-02-01T03:33:00+01:00\"]\n";
    let line = ["next", "indexer", "--count", "2", "--json", "--from", "2026-02-01T00:00:00Z"];
    assert_eq!(fake.ebb(&line).out, expected);
    let later = ["next", "indexer", "--count", "1", "--json", "--from", "2026-02-02T00:00:00Z"];
    assert_eq!(fake.ebb(&later).out, "[\"2026-02-02T01:33:00+01:00\"]\n");
    assert!(fake.ebb(&["next", "indexer"]).err.contains("1 h after the start of the run before it"));
}

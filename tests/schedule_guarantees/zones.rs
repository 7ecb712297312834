//! Well-known changes of the clock, as a user would look them up.

use ebb::schedule::{Moved, Schedule};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::support::{chain, instant, slots, zone};

/// The sentence about the first slot after an instant.
fn moved(expression: &str, zone_name: &str, from: &str) -> Option<String> {
    let zone = zone(zone_name);
    chain(expression, &zone, instant(from, &zone), 1)[0].moved.map(|moved| moved.to_string())
}

#[test]
fn a_fixed_time_in_a_gap_runs_once_right_after_it() {
    assert_eq!(
        slots("30 2 * * *", "Europe/Berlin", "2024-03-30T00:00", 3),
        ["2024-03-30 02:30:00 +0100", "2024-03-31 03:00:00 +0200", "2024-04-01 02:30:00 +0200"]
    );
    assert_eq!(
        slots("30 2 * * *", "America/New_York", "2024-03-09T03:00", 2),
        ["2024-03-10 03:00:00 -0400", "2024-03-11 02:30:00 -0400"]
    );
    assert_eq!(
        moved("30 2 * * *", "Europe/Berlin", "2024-03-30T03:00").unwrap(),
        "02:30 on 2024-03-31 does not exist: the clock goes from 02:00 to 03:00, so it runs at 03:00"
    );
}

#[test]
fn a_fixed_time_in_a_fold_runs_the_first_time_only() {
    assert_eq!(
        slots("30 2 * * *", "Europe/Berlin", "2024-10-26T00:00", 3),
        ["2024-10-26 02:30:00 +0200", "2024-10-27 02:30:00 +0200", "2024-10-28 02:30:00 +0100"]
    );
    assert_eq!(
        slots("30 1 * * *", "America/New_York", "2024-11-02T02:00", 2),
        ["2024-11-03 01:30:00 -0400", "2024-11-04 01:30:00 -0500"]
    );
    // Asked for from within the second half.
    assert_eq!(
        slots("30 1 * * *", "America/New_York", "2024-11-03T06:10:00Z", 1),
        ["2024-11-04 01:30:00 -0500"]
    );
    assert_eq!(
        moved("30 2 * * *", "Europe/Berlin", "2024-10-26T03:00").unwrap(),
        "02:30 on 2024-10-27 comes twice: the clock goes back from 03:00 to 02:00, so it runs the first time only"
    );
    assert_eq!(moved("30 4 * * *", "Europe/Berlin", "2024-10-26T05:00"), None);
}

#[test]
fn a_star_in_minute_or_hour_follows_the_running_clock() {
    assert_eq!(
        slots("*/20 * * * *", "Europe/Berlin", "2024-10-27T01:40", 7),
        [
            "2024-10-27 02:00:00 +0200",
            "2024-10-27 02:20:00 +0200",
            "2024-10-27 02:40:00 +0200",
            "2024-10-27 02:00:00 +0100",
            "2024-10-27 02:20:00 +0100",
            "2024-10-27 02:40:00 +0100",
            "2024-10-27 03:00:00 +0100"
        ]
    );
    assert_eq!(
        slots("30 * * * *", "Europe/Berlin", "2024-03-31T00:45", 3),
        ["2024-03-31 01:30:00 +0100", "2024-03-31 03:30:00 +0200", "2024-03-31 04:30:00 +0200"]
    );
    let skipped = slots("*/30 2 * * *", "Europe/Berlin", "2024-03-30T02:30", 1);
    assert_eq!(skipped, ["2024-04-01 02:00:00 +0200"], "nothing in the gap");
    assert_eq!(slots("@hourly", "Europe/Berlin", "2024-10-27T00:30:00Z", 1), ["2024-10-27 02:00:00 +0100"]);
    assert_eq!(moved("*/20 * * * *", "Europe/Berlin", "2024-10-27T01:40"), None);
}

#[test]
fn lists_and_ranges_without_a_star_are_fixed() {
    assert_eq!(
        slots("0,30 1-3 * * *", "Europe/Berlin", "2024-03-31T01:15", 4),
        [
            "2024-03-31 01:30:00 +0100",
            "2024-03-31 03:00:00 +0200",
            "2024-03-31 03:30:00 +0200",
            "2024-04-01 01:00:00 +0200"
        ],
        "02:00, 02:30 and 03:00 meet at 03:00 and are one slot"
    );
    assert_eq!(
        slots("0,30 2 * * *", "Europe/Berlin", "2024-10-27T00:00", 3),
        ["2024-10-27 02:00:00 +0200", "2024-10-27 02:30:00 +0200", "2024-10-28 02:00:00 +0100"]
    );
}

#[test]
fn a_star_in_the_second_alone_leaves_a_time_fixed() {
    let berlin = zone("Europe/Berlin");
    let every_second = chain("* 30 2 * * *", &berlin, instant("2024-10-27T00:00", &berlin), 61);
    assert_eq!(every_second[59].at, instant("2024-10-27T00:30:59Z", &berlin), "sixty in the first half");
    assert_eq!(every_second[60].at, instant("2024-10-28T02:30", &berlin), "none in the second");
    assert_eq!(
        slots("* 30 2 * * *", "Europe/Berlin", "2024-03-30T02:31", 2),
        ["2024-03-31 03:00:00 +0200", "2024-04-01 02:30:00 +0200"]
    );
}

#[test]
fn h_is_fixed_but_with_a_step_over_the_whole_range_it_follows_the_running_clock() {
    let berlin = zone("Europe/Berlin");
    let in_fold = |text: &str| {
        let (start, end) =
            (instant("2024-10-27T00:00:00Z", &berlin), instant("2024-10-27T02:00:00Z", &berlin));
        let schedule = Schedule::parse(text, "indexer").unwrap();
        let mut after = start - SignedDuration::from_secs(1);
        std::iter::from_fn(|| {
            let slot = schedule.next(after, &berlin)?;
            after = slot.at;
            (slot.at < end).then_some(slot)
        })
        .count()
    };
    assert_eq!(in_fold("H 2 * * *"), 1);
    assert_eq!(in_fold("H(0-29)/10 2 * * *"), 3);
    assert_eq!(in_fold("H/15 2 * * *"), 8);
    assert_eq!(in_fold("H * * * *"), 2);
}

#[test]
fn a_gap_of_a_whole_day_runs_a_fixed_time_once_at_its_end() {
    assert_eq!(
        slots("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00", 4),
        [
            "2011-12-29 12:00:00 -1000",
            "2011-12-31 00:00:00 +1400",
            "2011-12-31 12:00:00 +1400",
            "2012-01-01 12:00:00 +1400"
        ]
    );
    assert_eq!(
        moved("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00").unwrap(),
        "12:00 on 2011-12-30 does not exist: the clock goes from 2011-12-30 00:00 to 2011-12-31 00:00, \
         so it runs at 2011-12-31 00:00"
    );
    assert_eq!(
        slots("0 * * * *", "Pacific/Apia", "2011-12-29T22:30", 2),
        ["2011-12-29 23:00:00 -1000", "2011-12-31 00:00:00 +1400"]
    );
    assert_eq!(
        slots("0 3,9 * * *", "Pacific/Kwajalein", "1993-08-20T04:00", 3),
        ["1993-08-20 09:00:00 -1200", "1993-08-22 00:00:00 +1200", "1993-08-22 03:00:00 +1200"]
    );
}

#[test]
fn half_an_hour_is_a_gap_or_a_fold_too() {
    assert_eq!(
        slots("45 1 * * *", "Australia/Lord_Howe", "2024-04-06T02:00", 2),
        ["2024-04-07 01:45:00 +1100", "2024-04-08 01:45:00 +1030"]
    );
    assert_eq!(
        slots("*/15 * * * *", "Australia/Lord_Howe", "2024-04-07T01:20", 5),
        [
            "2024-04-07 01:30:00 +1100",
            "2024-04-07 01:45:00 +1100",
            "2024-04-07 01:30:00 +1030",
            "2024-04-07 01:45:00 +1030",
            "2024-04-07 02:00:00 +1030"
        ]
    );
    assert_eq!(
        slots("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T03:00", 1),
        ["2024-10-06 02:30:00 +1100"]
    );
}

#[test]
fn a_gap_at_midnight_moves_the_day_to_its_first_instant() {
    assert_eq!(
        slots("@daily", "America/Sao_Paulo", "2018-11-03T12:00", 2),
        ["2018-11-04 01:00:00 -0200", "2018-11-05 00:00:00 -0200"]
    );
    assert_eq!(
        slots("30 23 * * *", "America/Sao_Paulo", "2018-02-17T12:00", 2),
        ["2018-02-17 23:30:00 -0200", "2018-02-18 23:30:00 -0300"],
        "a fold that ends at midnight"
    );
    assert_eq!(
        slots("30 23 * * 6", "America/Nuuk", "2024-03-30T12:00", 2),
        ["2024-03-31 00:00:00 -0100", "2024-04-06 23:30:00 -0100"],
        "a gap that ends on another day"
    );
}

#[test]
fn ramadan_in_morocco_sets_the_clock_back_and_forth() {
    assert_eq!(
        slots("30 2 * * *", "Africa/Casablanca", "2024-03-09T03:00", 2),
        ["2024-03-10 02:30:00 +0100", "2024-03-11 02:30:00 +0000"]
    );
    assert_eq!(
        slots("30 2 * * *", "Africa/Casablanca", "2024-04-13T03:00", 2),
        ["2024-04-14 03:00:00 +0100", "2024-04-15 02:30:00 +0100"]
    );
}

/// jiff takes this hour for one that comes twice; it does not.
#[test]
fn an_hour_that_only_the_rule_after_the_table_repeats_comes_once() {
    assert_eq!(
        slots("30 23 * * *", "America/Nuuk", "2023-10-27T12:00", 3),
        ["2023-10-27 23:30:00 -0200", "2023-10-28 23:30:00 -0200", "2023-10-29 23:30:00 -0200"]
    );
    assert_eq!(moved("30 23 28 10 *", "America/Nuuk", "2023-10-01T12:00"), None);
}

#[test]
fn next_is_later_than_now_whatever_now_is() {
    let berlin = zone("Europe/Berlin");
    for expression in ["* * * * * *", "*/20 * * * *", "30 2 * * *", "0 0 29 2 *", "0 3 * * 1"] {
        let schedule = Schedule::parse(expression, "job").unwrap();
        for at in
            ["2024-03-31T01:00:00Z", "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", "1970-01-01T00:00:00Z"]
        {
            for nanoseconds in [-1_000_000_000, -1, 0, 1, 999_999_999] {
                let after = instant(at, &berlin) + SignedDuration::from_nanos(nanoseconds);
                assert!(schedule.next(after, &berlin).unwrap().at > after, "`{expression}` after {after}");
            }
        }
    }
}

#[test]
fn what_does_not_come_within_the_horizon_never_comes() {
    let next = |expression: &str, after: Timestamp| {
        Schedule::parse(expression, "job").unwrap().next(after, &TimeZone::UTC)
    };
    let at = |text: &str| instant(text, &TimeZone::UTC);
    assert_eq!(
        next("0 0 29 2 *", at("2096-03-01T00:00:00Z")),
        None,
        "the cron crate's calendar ends with 2100"
    );
    assert_eq!(next("30 2 * * *", at("1939-12-31T12:00:00Z")), None, "30 years before it begins, in 1970");
    assert_eq!(next("* * * * *", Timestamp::MAX), None);
    assert_eq!(next("* * * * *", Timestamp::MIN), None);
    assert_eq!(next("30 2 * * *", at("1969-12-31T12:00:00.5Z")).unwrap().at, at("1970-01-01T02:30:00Z"));
}

#[test]
fn only_what_lies_in_a_gap_or_a_fold_counts_as_moved() {
    let is_moved = |expression: &str, from: &str| moved(expression, "Europe/Berlin", from).is_some();
    let gap = "2024-03-31T00:30";
    let in_gap =
        ["59 59 1 * * *", "0 0 2 * * *", "59 59 2 * * *", "0 0 3 * * *"].map(|text| is_moved(text, gap));
    assert_eq!(in_gap, [false, true, true, false]);
    let fold = "2024-10-27T00:30";
    let in_fold =
        ["59 59 1 * * *", "0 0 2 * * *", "59 59 2 * * *", "0 0 3 * * *"].map(|text| is_moved(text, fold));
    assert_eq!(in_fold, [false, true, true, false]);
}

#[test]
fn a_moved_slot_keeps_the_time_that_was_meant() {
    let berlin = zone("Europe/Berlin");
    let slot = chain("15,45 2 * * *", &berlin, instant("2024-03-30T03:00", &berlin), 1)[0];
    let Some(Moved::Gap { meant, from, to }) = slot.moved else { panic!("{slot:?}") };
    assert_eq!(
        [meant, from, to].map(|at| at.to_string()),
        ["2024-03-31T02:15:00", "2024-03-31T02:00:00", "2024-03-31T03:00:00"]
    );
}

//! What an expression means: crontab(5)'s five fields, the macros, seconds in front, and `H`.

use ebb::schedule::{Schedule, next_of};
use jiff::tz::TimeZone;

use crate::support::{chain, instant, slots};

const START: &str = "2024-02-26T12:34:56Z";

/// Both mean the same: their next 60 slots are the same.
fn same(a: &str, b: &str) {
    let from = instant(START, &TimeZone::UTC);
    assert_eq!(chain(a, &TimeZone::UTC, from, 60), chain(b, &TimeZone::UTC, from, 60), "`{a}` and `{b}`");
}

#[test]
fn five_fields_are_minute_hour_day_month_weekday() {
    assert_eq!(
        slots("30 4 1,15 * 5", "UTC", START, 5),
        [
            "2024-03-01 04:30:00 +0000",
            "2024-03-08 04:30:00 +0000",
            "2024-03-15 04:30:00 +0000",
            "2024-03-22 04:30:00 +0000",
            "2024-03-29 04:30:00 +0000"
        ]
    );
    assert_eq!(
        slots("5 4 29 2 *", "UTC", START, 2),
        ["2024-02-29 04:05:00 +0000", "2028-02-29 04:05:00 +0000"]
    );
}

#[test]
fn a_sixth_field_in_front_is_the_second() {
    assert_eq!(slots("30 5 4 * * *", "UTC", START, 1), ["2024-02-27 04:05:30 +0000"]);
    assert_eq!(
        slots("*/20 * * * * *", "UTC", START, 3),
        ["2024-02-26 12:35:00 +0000", "2024-02-26 12:35:20 +0000", "2024-02-26 12:35:40 +0000"]
    );
    same("0 5 4 * * *", "5 4 * * *");
}

#[test]
fn lists_ranges_steps_and_names_are_those_of_crontab() {
    same("*/15 * * * *", "0,15,30,45 * * * *");
    same("10-40/10 * * * *", "10,20,30,40 * * * *");
    same("0 22-23,0-5/2 * * *", "0 22,23,0,2,4 * * *");
    same("0 0 * jan,MAR,Dec *", "0 0 * 1,3,12 *");
    same("0 0 * feb-nov/3 *", "0 0 * 2,5,8,11 *");
    same("0 0 * * mon-FRI", "0 0 * * 1-5");
    same("0 0 * * */2", "0 0 * * 0,2,4,6");
    same("05 003 * * *", "5 3 * * *");
    same("  0\t3   * *\t* ", "0 3 * * *");
    same("0 3 * * *\n", "0 3 * * *");
    same("5-5 3-3/1 * * *", "5 3 * * *");
    same("1,1,1-3 * * * *", "1-3 * * * *");
}

#[test]
fn zero_and_seven_are_sunday() {
    assert_eq!(slots("0 0 * * 0", "UTC", START, 1), ["2024-03-03 00:00:00 +0000"]);
    same("0 0 * * 7", "0 0 * * 0");
    same("0 0 * * sun", "0 0 * * 0");
    same("0 0 * * 5-7", "0 0 * * 5,6,0");
    same("0 0 * * fri-sun", "0 0 * * 5-7");
    same("0 0 * * sun-tue", "0 0 * * 0-2");
    same("0 0 * * sun-sun", "0 0 * * 0");
    same("0 0 * * 0-7", "0 0 * * *");
    same("0 0 13 * 0-7/7", "0 0 13 * 0");
}

#[test]
fn either_day_field_is_enough_unless_one_begins_with_a_star() {
    let march = |expression: &str| {
        let all = slots(expression, "UTC", "2024-02-29T12:00:00Z", 40);
        let days =
            all.iter().filter_map(|slot| slot.strip_prefix("2024-03-")).map(|slot| slot[..2].to_owned());
        days.collect::<Vec<_>>().join(" ")
    };
    // In March 2024 the 1st is a Friday.
    assert_eq!(march("0 0 13 * fri"), "01 08 13 15 22 29");
    assert_eq!(march("0 0 13 * *"), "13");
    assert_eq!(march("0 0 * * fri"), "01 08 15 22 29");
    assert_eq!(march("0 0 */2 * fri"), "01 15 29", "both, as the first begins with a star");
    assert_eq!(
        march("0 0 1-7 * */5"),
        "01 03",
        "both, as the second begins with a star: the first Friday and Sunday"
    );
    assert_eq!(
        march("0 0 2,*/10 * fri"),
        "01 02 08 11 15 21 22 29 31",
        "either, as the star does not stand first"
    );
}

#[test]
fn macros_mean_what_crontab_says_in_any_case() {
    same("@hourly", "0 * * * *");
    same("@daily", "0 0 * * *");
    same("@midnight", "0 0 * * *");
    same("@weekly", "0 0 * * 0");
    same("@monthly", "0 0 1 * *");
    same("@yearly", "0 0 1 1 *");
    same("@annually", "0 0 1 1 *");
    same("@HOURLY", "@hourly");
    same(" @Daily ", "@daily");
}

#[test]
fn reboot_has_no_slots_and_says_so() {
    for text in ["@reboot", "@Reboot", " @REBOOT "] {
        let schedule = Schedule::parse(text, "job").unwrap();
        assert!(schedule.is_reboot(), "{text}");
        assert_eq!(schedule.next(instant(START, &TimeZone::UTC), &TimeZone::UTC), None);
    }
    assert!(!Schedule::parse("@daily", "job").unwrap().is_reboot());
}

/// The expression that `H` stands for, for a job.
fn same_for(job: &str, with_h: &str, plain: &str) {
    let from = instant(START, &TimeZone::UTC);
    let next = |text: &str| {
        let schedule = Schedule::parse(text, job).unwrap_or_else(|e| panic!("`{text}`: {e}"));
        let mut after = from;
        std::iter::from_fn(|| {
            let slot = schedule.next(after, &TimeZone::UTC)?;
            after = slot.at;
            Some(slot.at)
        })
        .take(40)
        .collect::<Vec<_>>()
    };
    assert_eq!(next(with_h), next(plain), "job {job}: `{with_h}` and `{plain}`");
}

#[test]
fn h_is_a_number_of_the_jobs_own() {
    same_for("indexer", "H H * * *", "17 16 * * *");
    same_for("backup", "H H * * *", "33 6 * * *");
    same_for("indexer", "0 0 H * *", "0 0 26 * *");
    same_for("indexer", "H/15 * * * *", "2,17,32,47 * * * *");
    same_for("indexer", "h h * * *", "H H * * *");
    same_for("indexer", "H,H(0-0) * * * *", "0,17 * * * *");
}

#[test]
fn h_with_a_step_counts_as_a_star_for_the_two_day_fields_and_h_alone_does_not() {
    let mondays = |text: &str| {
        let chain = chain(text, &TimeZone::UTC, instant(START, &TimeZone::UTC), 40);
        let is_monday =
            |at: jiff::Timestamp| at.to_zoned(TimeZone::UTC).weekday() == jiff::civil::Weekday::Monday;
        chain.iter().filter(|slot| is_monday(slot.at)).count()
    };
    assert_eq!(mondays("0 0 H/2 * mon"), 40);
    assert!(mondays("0 0 H * mon") < 40);
    assert!(mondays("0 0 H(1-28)/2 * mon") < 40);
}

#[test]
fn h_keeps_to_its_range_for_every_name() {
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..2000 {
        let job = format!("job-{n}");
        let slot = |text: &str| {
            let schedule = Schedule::parse(text, &job).unwrap();
            let slot =
                schedule.next(instant("2023-12-31T23:59:59Z", &TimeZone::UTC), &TimeZone::UTC).unwrap();
            slot.at.to_zoned(TimeZone::UTC)
        };
        let day = slot("0 0 H * *").day();
        assert!((1..=28).contains(&day), "{job}: day {day}");
        seen.insert(day);
        let ranged = slot("H(10-20) H(3-4) * * *");
        assert!((10..=20).contains(&ranged.minute()) && (3..=4).contains(&ranged.hour()), "{job}: {ranged}");
        assert!((5..8).contains(&slot("H(5-29)/3 * * * *").minute()), "{job}");
    }
    assert_eq!(seen.len(), 28, "every day is somebody's");
}

#[test]
fn several_schedules_make_one_line_of_slots() {
    let schedules = ["0 3 * * *", "@reboot", "30 2 * * *"].map(|text| Schedule::parse(text, "job").unwrap());
    let berlin = crate::support::zone("Europe/Berlin");
    let next = |after: &str| next_of(&schedules, instant(after, &berlin), &berlin).unwrap();
    assert_eq!(next("2024-03-30T02:00").at, instant("2024-03-30T02:30", &berlin));
    assert_eq!(next("2024-03-30T02:30").at, instant("2024-03-30T03:00", &berlin));
    // Both come to 03:00 on this day; one of them belongs there, so nothing has been moved.
    assert_eq!(next("2024-03-30T03:00").at, instant("2024-03-31T03:00", &berlin));
    assert_eq!(next("2024-03-30T03:00").moved, None);
    assert!(next_of(&schedules[2..], instant("2024-03-30T03:00", &berlin), &berlin).unwrap().moved.is_some());
    assert_eq!(next_of(&[], instant(START, &berlin), &berlin), None);
    assert_eq!(next_of(&schedules[1..2], instant(START, &berlin), &berlin), None);
}

//! The next starts of one timing. Pure: the instant to begin at is given.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::schedule::{Schedule, Slot, next_of};

/// When something starts by itself.
pub(super) struct Timing {
    /// What it is reckoned by.
    pub(super) rule: Rule,
    /// The zone that schedules are read in and instants are shown in.
    pub(super) zone: TimeZone,
}

/// A job has one or the other.
pub(super) enum Rule {
    /// At the slots of any of these.
    Schedules(Vec<Schedule>),
    /// So many milliseconds after each start, reckoned from the next one that ebbd has; without one, as for a job that
    /// is paused, there is nothing to reckon from.
    Every { ms: u64, next: Option<Timestamp> },
}

impl Timing {
    /// Up to `count` starts, each strictly later than `from` and than the one before it.
    pub(super) fn after(&self, from: Timestamp, count: usize) -> Vec<Slot> {
        self.all_after(from).take(count).collect()
    }

    /// All starts, one after the other; there may be no end of them.
    pub(super) fn all_after(&self, from: Timestamp) -> Box<dyn Iterator<Item = Slot> + '_> {
        match &self.rule {
            Rule::Schedules(schedules) => {
                let next = |after| next_of(schedules, after, &self.zone);
                Box::new(std::iter::successors(next(from), move |slot| next(slot.at)))
            }
            Rule::Every { ms, next } => {
                let starts = next.and_then(|next| every(next, *ms, from)).into_iter().flatten();
                Box::new(starts.map(|at| Slot { at, moved: None }))
            }
        }
    }
}

/// The instants a whole number of intervals after `next` that are later than `from`; none beyond the range of time.
fn every(next: Timestamp, ms: u64, from: Timestamp) -> Option<impl Iterator<Item = Timestamp>> {
    let ms = i64::try_from(ms).ok()?.max(1);
    let passed = from.as_millisecond() - next.as_millisecond();
    let intervals = if next > from { 0 } else { passed / ms + 1 };
    let first = next.as_millisecond().checked_add(intervals.checked_mul(ms)?)?;
    let first = Timestamp::from_millisecond(first).ok();
    Some(std::iter::successors(first, move |at| at.checked_add(SignedDuration::from_millis(ms)).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::times::{rfc3339, zone_named};

    fn vienna(rule: Rule) -> Timing {
        Timing { rule, zone: zone_named("Europe/Vienna").unwrap() }
    }

    fn schedules(texts: &[&str]) -> Timing {
        let parse = |text: &&str| Schedule::parse(text, "indexer").unwrap();
        vienna(Rule::Schedules(texts.iter().map(parse).collect()))
    }

    fn after(timing: &Timing, from: &str, count: usize) -> Vec<String> {
        let slots = timing.after(from.parse().unwrap(), count);
        slots.iter().map(|slot| rfc3339(slot.at, &timing.zone)).collect()
    }

    #[test]
    fn slots_are_strictly_later_and_in_order_also_where_schedules_meet() {
        let timing = schedules(&["0 2 * * *", "0 */2 * * *"]);
        let expected =
            ["2026-01-31T02:00:00+01:00", "2026-01-31T04:00:00+01:00", "2026-01-31T06:00:00+01:00"];
        assert_eq!(after(&timing, "2026-01-31T00:00:00+01:00", 3), expected);
        assert_eq!(after(&timing, "2026-01-31T02:00:00+01:00", 1), expected[1..2]);
    }

    #[test]
    fn a_slot_in_a_gap_is_moved_and_says_so() {
        let slots = schedules(&["30 2 * * *"]).after("2026-03-29T00:00:00+01:00".parse().unwrap(), 2);
        assert_eq!(slots[0].at, "2026-03-29T03:00:00+02:00".parse().unwrap());
        assert!(slots[0].moved.is_some() && slots[1].moved.is_none());
    }

    #[test]
    fn every_is_reckoned_from_ebbds_next_start() {
        let next = Some("2026-01-31T01:10:00+01:00".parse().unwrap());
        let every = vienna(Rule::Every { ms: 14_400_000, next });
        let expected =
            ["2026-01-31T01:10:00+01:00", "2026-01-31T05:10:00+01:00", "2026-01-31T09:10:00+01:00"];
        assert_eq!(after(&every, "2026-01-31T00:00:00+01:00", 3), expected);
        assert_eq!(after(&every, "2026-01-31T01:09:59+01:00", 3), expected);
        for from in ["2026-01-31T01:10:00+01:00", "2026-01-31T05:09:59+01:00"] {
            assert_eq!(after(&every, from, 2), expected[1..], "{from}");
        }
        assert_eq!(after(&every, "2036-01-31T01:10:00+01:00", 1), ["2036-01-31T05:10:00+01:00"]);
    }

    #[test]
    fn what_never_starts_gives_nothing() {
        let unknown = vienna(Rule::Every { ms: 1000, next: None });
        for timing in [schedules(&["@reboot"]), schedules(&[]), unknown] {
            assert!(after(&timing, "2026-01-31T00:00:00Z", 3).is_empty());
        }
    }

    #[test]
    fn instants_end_where_time_does() {
        let next = Some("9999-12-30T21:00:00Z".parse().unwrap());
        let every = Timing { rule: Rule::Every { ms: 3_600_000, next }, zone: TimeZone::UTC };
        assert!(after(&every, "9999-12-30T20:00:00Z", 100).len() < 5);
    }
}

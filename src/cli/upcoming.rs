//! The next starts of one timing, schedules and `every` together. Pure: the instant to begin at is given.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::schedule::{Schedule, Slot, next_of};

/// When something starts by itself.
pub(super) struct Timing {
    /// Any of these.
    pub(super) schedules: Vec<Schedule>,
    /// The zone that they are read in.
    pub(super) zone: TimeZone,
    /// And so long after each start, in milliseconds.
    pub(super) every_ms: Option<u64>,
    /// The next start, as ebbd has it; `every` is reckoned from it.
    pub(super) first: Option<Timestamp>,
}

impl Timing {
    /// Up to `count` starts, each strictly later than `from` and than the one before it.
    ///
    /// With `every` the first one is ebbd's own, and each of the others the earlier of a slot and the end of the
    /// interval; without it they are the slots.
    pub(super) fn after(&self, from: Timestamp, count: usize) -> Vec<Slot> {
        let first = match self.every_ms {
            // Without a next start, such as that of a job that is paused, there is nothing to reckon from.
            Some(_) => self.first.map(|at| Slot { at, moved: None }),
            None => next_of(&self.schedules, from, &self.zone),
        };
        std::iter::successors(first, |slot| self.next(slot.at)).take(count).collect()
    }

    fn next(&self, last: Timestamp) -> Option<Slot> {
        let slot = next_of(&self.schedules, last, &self.zone);
        let Some(ms) = self.every_ms else { return slot };
        let interval = SignedDuration::from_millis(i64::try_from(ms).ok()?);
        let at = last.checked_add(interval).ok()?;
        Some(slot.filter(|slot| slot.at <= at).unwrap_or(Slot { at, moved: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::times::{rfc3339, zone_named};

    fn timing(schedules: &[&str], every_ms: Option<u64>, first: Option<&str>) -> Timing {
        Timing {
            schedules: schedules.iter().map(|text| Schedule::parse(text, "indexer").unwrap()).collect(),
            zone: zone_named("Europe/Vienna").unwrap(),
            every_ms,
            first: first.map(|at| at.parse().unwrap()),
        }
    }

    fn after(timing: &Timing, from: &str, count: usize) -> Vec<String> {
        let slots = timing.after(from.parse().unwrap(), count);
        slots.iter().map(|slot| rfc3339(slot.at, &timing.zone)).collect()
    }

    #[test]
    fn slots_are_strictly_later_and_in_order_also_where_schedules_meet() {
        let timing = timing(&["0 2 * * *", "0 */2 * * *"], None, None);
        let expected =
            ["2026-01-31T02:00:00+01:00", "2026-01-31T04:00:00+01:00", "2026-01-31T06:00:00+01:00"];
        assert_eq!(after(&timing, "2026-01-31T00:00:00+01:00", 3), expected);
        assert_eq!(after(&timing, "2026-01-31T02:00:00+01:00", 1), expected[1..2]);
    }

    #[test]
    fn a_slot_in_a_gap_is_moved_and_says_so() {
        let slots =
            timing(&["30 2 * * *"], None, None).after("2026-03-29T00:00:00+01:00".parse().unwrap(), 2);
        assert_eq!(slots[0].at, "2026-03-29T03:00:00+02:00".parse().unwrap());
        assert!(slots[0].moved.is_some() && slots[1].moved.is_none());
    }

    #[test]
    fn every_is_reckoned_from_ebbds_next_start_and_anew_from_each_slot() {
        let every = timing(&[], Some(14_400_000), Some("2026-01-31T01:10:00+01:00"));
        let expected =
            ["2026-01-31T01:10:00+01:00", "2026-01-31T05:10:00+01:00", "2026-01-31T09:10:00+01:00"];
        assert_eq!(after(&every, "2026-01-31T00:00:00+01:00", 3), expected);
        let both = timing(&["0 3 * * *"], Some(14_400_000), Some("2026-01-31T01:10:00+01:00"));
        let expected =
            ["2026-01-31T01:10:00+01:00", "2026-01-31T03:00:00+01:00", "2026-01-31T07:00:00+01:00"];
        assert_eq!(after(&both, "2026-01-31T00:00:00+01:00", 3), expected);
    }

    #[test]
    fn what_never_starts_gives_nothing() {
        assert!(after(&timing(&["@reboot"], None, None), "2026-01-31T00:00:00Z", 3).is_empty());
        assert!(after(&timing(&[], Some(1000), None), "2026-01-31T00:00:00Z", 3).is_empty());
        assert!(after(&timing(&[], None, None), "2026-01-31T00:00:00Z", 3).is_empty());
    }
}

//! From civil times to instants: what a change of a zone's clock does to a schedule. The rules stand in `schedule`.
//! Must not know how an expression is written.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil::DateTime};

use super::calendar::Calendar;
use super::moved::{Moved, Slot};
use crate::limits::SCHEDULE_HORIZON_YEARS;

/// How an expression takes a change of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// Each civil time makes one instant, whatever the clock does that day.
    Fixed,
    /// Each instant counts whose civil time matches.
    Running,
}

impl Clock {
    /// The first slot strictly later than `after` and within the horizon.
    pub(super) fn next(self, calendar: &Calendar, after: Timestamp, zone: &TimeZone) -> Option<Slot> {
        // Julian years; the leap days in between need no more precision than that.
        let horizon = whole_second(after) + i64::from(SCHEDULE_HORIZON_YEARS) * 31_557_600;
        let slot = match self {
            Self::Fixed => next_fixed(calendar, after, zone, horizon),
            Self::Running => next_running(calendar, after, zone, horizon),
        }?;
        debug_assert!(slot.at > after, "{} is not later than {after}", slot.at);
        // Should this ever be wrong, a job that does not run is better than one that runs without end.
        (slot.at > after && slot.at.as_second() <= horizon).then_some(slot)
    }
}

/// Instants grow with the civil times that make them, so the first civil time whose instant is later is the answer. Civil
/// times up to the present one are in the past; those that are ahead may be too, in the second half of a fold.
fn next_fixed(calendar: &Calendar, after: Timestamp, zone: &TimeZone, horizon: i64) -> Option<Slot> {
    let start = whole_second(after);
    let mut civil = start + offset_at(zone, start)?;
    loop {
        civil = calendar.after(civil)?;
        let placed = place(civil, zone)?;
        if placed.at > start {
            return Some(Slot { at: instant(placed.at)?, moved: placed.moved });
        }
        if placed.at > horizon {
            return None;
        }
        civil = civil.max(placed.settled);
    }
}

/// Where a civil time comes to lie.
struct Placed {
    /// The first instant at which the clock shows it, or the first one after the gap that it is in.
    at: i64,
    moved: Option<Moved>,
    /// The last civil second that is in the past if this one is: with a fold, all of it is.
    settled: i64,
}

/// Looks at the stretches between the changes around a civil time. jiff has an answer of its own to this question
/// (`to_ambiguous_timestamp`), but it goes wrong near the last change that a zone's table lists: it takes 23:00 on
/// 2023-10-28 in America/Nuuk for a time that comes twice.
fn place(civil: i64, zone: &TimeZone) -> Option<Placed> {
    // No offset is 26 hours or more (`Offset::MAX`), so the clock shows this time within these bounds or not at all.
    const WIDEST: i64 = 26 * 3600;
    let (mut from, end) = (civil - WIDEST, civil + WIDEST);
    let mut offset = offset_at(zone, from)?;
    for change in zone.following(instant(from)?) {
        let (until, next) = (change.timestamp().as_second(), seconds(change.offset()));
        if until > end {
            break;
        }
        if next == offset {
            // Only the name of the zone's time has changed.
            continue;
        }
        let (left, right) = (until + offset, until + next);
        let at = civil - offset;
        if left <= civil && civil < right {
            let moved =
                Moved::Gap { meant: civil_time(civil)?, from: civil_time(left)?, to: civil_time(right)? };
            return Some(Placed { at: until, moved: Some(moved), settled: civil });
        }
        if from <= at && at < until && right <= civil {
            let moved =
                Moved::Fold { meant: civil_time(civil)?, from: civil_time(left)?, to: civil_time(right)? };
            return Some(Placed { at, moved: Some(moved), settled: left - 1 });
        }
        if from <= at && at < until {
            return Some(Placed { at, moved: None, settled: civil });
        }
        (from, offset) = (until, next);
    }
    Some(Placed { at: civil - offset, moved: None, settled: civil })
}

/// Between two changes of the clock, civil time is time plus an offset. Goes from one such stretch to the next.
fn next_running(calendar: &Calendar, after: Timestamp, zone: &TimeZone, horizon: i64) -> Option<Slot> {
    let mut from = whole_second(after) + 1;
    while from <= horizon {
        let offset = offset_at(zone, from)?;
        let at = calendar.after(from + offset - 1)? - offset;
        match zone.following(instant(from)?).next().map(|change| change.timestamp().as_second()) {
            Some(change) if change <= at => from = change,
            _ => return Some(Slot { at: instant(at)?, moved: None }),
        }
    }
    None
}

/// The last whole second that is not later.
fn whole_second(at: Timestamp) -> i64 {
    at.as_second() - i64::from(at.subsec_nanosecond() < 0)
}

fn instant(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

fn civil_time(civil: i64) -> Option<DateTime> {
    instant(civil).map(|at| Offset::UTC.to_datetime(at))
}

fn seconds(offset: Offset) -> i64 {
    i64::from(offset.seconds())
}

fn offset_at(zone: &TimeZone, second: i64) -> Option<i64> {
    Some(seconds(zone.to_offset(instant(second)?)))
}

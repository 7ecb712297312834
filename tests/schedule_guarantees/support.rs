//! Zones, their changes of the clock, and slots as text.
//! Must not know the rules that are tested.

use ebb::schedule::{Schedule, Slot, zone};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// A bundled zone.
pub(crate) fn zone(name: &str) -> TimeZone {
    zone::from_tzif(name, zone::bundled(name).unwrap()).unwrap()
}

/// An instant out of RFC 3339, or out of a local time of a zone such as `2024-03-31T01:00`.
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Timestamp {
    text.parse().unwrap_or_else(|_| {
        let local: DateTime = text.parse().unwrap();
        local.to_zoned(zone.clone()).unwrap().timestamp()
    })
}

/// The next `count` slots, each asked for with the one before.
pub(crate) fn chain(expression: &str, zone: &TimeZone, from: Timestamp, count: usize) -> Vec<Slot> {
    let schedule = Schedule::parse(expression, "job").unwrap_or_else(|e| panic!("`{expression}`: {e}"));
    let mut after = from;
    let next = || {
        let slot = schedule.next(after, zone)?;
        assert!(slot.at > after, "`{expression}`: {} is not later than {after}", slot.at);
        after = slot.at;
        Some(slot)
    };
    std::iter::from_fn(next).take(count).collect()
}

/// The next `count` slots as local times with their offset: `2024-03-31 03:00:00 +0200`.
pub(crate) fn slots(expression: &str, zone_name: &str, from: &str, count: usize) -> Vec<String> {
    let zone = zone(zone_name);
    let chain = chain(expression, &zone, instant(from, &zone), count);
    chain.iter().map(|slot| slot.at.to_zoned(zone.clone()).strftime("%F %T %z").to_string()).collect()
}

/// A change of a zone's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// When, in seconds since 1970.
    pub(crate) at: i64,
    /// Seconds east of UTC before it.
    pub(crate) before: i64,
    /// Seconds east of UTC from it on.
    pub(crate) after: i64,
}

impl Change {
    /// What the clock shows when it is changed, as seconds since 1970 on that clock.
    pub(crate) fn from(&self) -> i64 {
        self.at + self.before
    }

    /// What it shows right afterwards.
    pub(crate) fn to(&self) -> i64 {
        self.at + self.after
    }

    /// How far it is set forward or back, in seconds.
    pub(crate) fn width(&self) -> i64 {
        (self.after - self.before).abs()
    }
}

/// A zone with all its changes from 1970 to 2110.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) zone: TimeZone,
    pub(crate) changes: Vec<Change>,
}

impl Place {
    /// The changes that are put to the test: those before 2040.
    pub(crate) fn tested(&self) -> &[Change] {
        let end = "2040-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second();
        &self.changes[..self.changes.partition_point(|change| change.at < end)]
    }

    /// Seconds east of UTC at an instant, from the table of changes alone.
    pub(crate) fn offset_at(&self, at: i64) -> i64 {
        match self.changes.partition_point(|change| change.at <= at) {
            0 => self
                .changes
                .first()
                .map_or_else(|| self.zone.to_offset(second(at)).seconds().into(), |c| c.before),
            n => self.changes[n - 1].after,
        }
    }
}

/// Every bundled zone, those with the same data once.
pub(crate) fn places() -> Vec<Place> {
    let start = second(0);
    let end = "2110-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
    let mut seen = std::collections::HashSet::new();
    let mut places = Vec::new();
    for name in zone::bundled_names().filter(|name| seen.insert(zone::bundled(name))) {
        let zone = zone(name);
        let mut before = i64::from(zone.to_offset(start).seconds());
        let mut changes = Vec::new();
        for change in zone.following(start).take_while(|change| change.timestamp() < end) {
            let after = i64::from(change.offset().seconds());
            changes.push(Change { at: change.timestamp().as_second(), before, after });
            before = after;
        }
        places.push(Place { name, zone, changes });
    }
    places
}

pub(crate) fn second(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap()
}

/// What a clock shows that has counted so many seconds since 1970.
pub(crate) fn civil(clock: i64) -> DateTime {
    Offset::UTC.to_datetime(second(clock))
}

/// A number out of the environment, or the default.
pub(crate) fn env_number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

//! Instants as people read them: local time, and how far off. `--json` has RFC 3339 instead, with the offset.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Unit, Zoned};

use crate::schedule::zone;
use crate::sys::zoneinfo;

use super::figures;

/// Where and when a person looks at the screen.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// The wall clock.
    pub(super) now: Timestamp,
    /// The zone of the host, or of `TZ`.
    pub(super) zone: TimeZone,
}

impl Moment {
    /// Now and here.
    pub(super) fn read() -> Self {
        Self { now: Timestamp::now(), zone: host_zone() }
    }

    /// `2026-01-31 14:05:10` in local time.
    pub(super) fn stamp(&self, at: Timestamp) -> String {
        self.local(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `01-31 14:05` in local time.
    pub(super) fn short_stamp(&self, at: Timestamp) -> String {
        self.local(at).strftime("%m-%d %H:%M").to_string()
    }

    /// `in 4 min`, `2 h ago`, `now`.
    pub(super) fn relative(&self, at: Timestamp) -> String {
        let ms = at.as_millisecond() - self.now.as_millisecond();
        match ms {
            -500..=500 => "now".to_owned(),
            501.. => format!("in {}", figures::roughly(ms.unsigned_abs())),
            _ => format!("{} ago", figures::roughly(ms.unsigned_abs())),
        }
    }

    /// `in 4 min (14:30)`; the day as well where it is another one.
    pub(super) fn relative_and_clock(&self, at: Timestamp) -> String {
        let (here, now) = (self.local(at), self.local(self.now));
        let days = here.date().since((Unit::Day, now.date())).map_or(i32::MAX, |span| span.get_days());
        let clock = match days {
            0 => here.strftime("%H:%M"),
            1..=6 => here.strftime("%a %H:%M"),
            _ => here.strftime("%Y-%m-%d %H:%M"),
        };
        format!("{} ({clock})", self.relative(at))
    }

    /// `14:30`; `Sun 14:30` where the day is another one.
    pub(super) fn day_and_clock(&self, at: Timestamp) -> String {
        let (here, now) = (self.local(at), self.local(self.now));
        let format = if here.date() == now.date() { "%H:%M" } else { "%a %H:%M" };
        here.strftime(format).to_string()
    }

    /// `14:30`.
    pub(super) fn clock(&self, at: Timestamp) -> String {
        self.local(at).strftime("%H:%M").to_string()
    }

    /// Minutes since local midnight, by the clock.
    pub(super) fn minute_of_day(&self, at: Timestamp) -> usize {
        let here = self.local(at);
        usize::try_from(i32::from(here.hour()) * 60 + i32::from(here.minute())).unwrap_or(0)
    }

    /// Both: `2026-01-31 14:05:10 (in 4 min)`.
    pub(super) fn stamp_and_relative(&self, at: Timestamp) -> String {
        format!("{} ({})", self.stamp(at), self.relative(at))
    }

    /// How long ago an instant is, in milliseconds; 0 for one that is yet to come.
    pub(super) fn since_ms(&self, at: Timestamp) -> u64 {
        u64::try_from(self.now.as_millisecond() - at.as_millisecond()).unwrap_or(0)
    }

    fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }
}

/// A zone by its name; none where neither the system nor the bundled database knows it.
pub(super) fn zone_named(name: &str) -> Option<TimeZone> {
    zone::from_tzif(name, &zoneinfo::read(name)?).ok()
}

fn host_zone() -> TimeZone {
    zone_named(&zoneinfo::host_zone()).unwrap_or(TimeZone::UTC)
}

/// An instant of a reply. ebbd writes RFC 3339; anything else is as good as nothing.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// `2026-03-29 03:00:00 +02:00` in a zone.
pub(super) fn stamp_with_offset(at: Timestamp, zone: &TimeZone) -> String {
    in_whole_minutes(at, zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// RFC 3339 with the zone's offset, in whole seconds: `2026-03-29T03:00:00+02:00`.
pub(super) fn rfc3339(at: Timestamp, zone: &TimeZone) -> String {
    in_whole_minutes(at, zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// RFC 3339 has no seconds in an offset, and some zones had them before their country agreed on a time.
fn in_whole_minutes(at: Timestamp, zone: &TimeZone) -> Zoned {
    let seconds = zone.to_offset(at).seconds();
    let offset = Offset::from_seconds(seconds - seconds % 60).unwrap_or(Offset::UTC);
    at.to_zoned(TimeZone::fixed(offset))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Noon of a winter Saturday, one hour east of Greenwich.
    pub(in crate::cli) fn noon() -> Moment {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        Moment { now: "2026-01-31T11:00:00Z".parse().unwrap(), zone }
    }

    #[test]
    fn how_far_off_an_instant_is() {
        let table = [
            ("2026-01-31T11:00:00.400Z", "now"),
            ("2026-01-31T11:00:12Z", "in 12 s"),
            ("2026-01-31T11:04:10Z", "in 4 min"),
            ("2026-01-31T09:01:00Z", "2 h ago"),
            ("2026-01-21T11:00:00Z", "10 d ago"),
        ];
        for (at, text) in table {
            assert_eq!(noon().relative(at.parse().unwrap()), text);
        }
    }

    #[test]
    fn the_clock_is_local_and_names_the_day_where_it_is_another() {
        let table = [
            ("2026-01-31T11:25:00Z", "in 25 min (12:25)"),
            ("2026-01-31T23:30:00Z", "in 13 h (Sun 00:30)"),
            ("2026-02-05T01:30:00Z", "in 5 d (Thu 02:30)"),
            ("2026-02-12T01:30:00Z", "in 12 d (2026-02-12 02:30)"),
            ("2026-01-30T01:30:00Z", "34 h ago (2026-01-30 02:30)"),
        ];
        for (at, text) in table {
            assert_eq!(noon().relative_and_clock(at.parse().unwrap()), text);
        }
        assert_eq!(noon().stamp("2026-01-31T23:30:00Z".parse().unwrap()), "2026-02-01 00:30:00");
    }

    #[test]
    fn an_offset_with_seconds_is_written_in_whole_minutes_and_means_the_same_instant() {
        let at: Timestamp = "1890-01-01T00:00:00Z".parse().unwrap();
        let vienna = TimeZone::fixed(Offset::from_seconds(3921).unwrap());
        assert_eq!(rfc3339(at, &vienna), "1890-01-01T01:05:00+01:05");
        assert_eq!(rfc3339(at, &vienna).parse::<Timestamp>().unwrap(), at);
        let west = TimeZone::fixed(Offset::from_seconds(-3921).unwrap());
        assert_eq!(rfc3339(at, &west).parse::<Timestamp>().unwrap(), at);
        assert_eq!(rfc3339(at, &TimeZone::UTC), "1890-01-01T00:00:00+00:00");
    }
}

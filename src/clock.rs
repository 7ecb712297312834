//! The two clocks, as types that do not mix: what people schedule by, and what durations are measured by.
//! Reads no clock; `sys::clock` does.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant of the wall clock (CLOCK_REALTIME): milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// It can be set by an operator, so it never measures a duration. Serde writes it as `Display` does and reads any
/// RFC 3339 instant, whatever its offset: jq, DuckDB, pandas and people know such a string for a time, a number they
/// don't. It costs 13 bytes and some tens of nanoseconds more than the number would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub i64);

impl Wall {
    /// This instant moved by `ms` milliseconds, saturating at the ends of the range.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The instant as `jiff` knows it; instants outside of jiff's range are clamped to its ends.
    #[must_use]
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl From<jiff::Timestamp> for Wall {
    fn from(at: jiff::Timestamp) -> Self {
        Self(at.as_millisecond())
    }
}

/// RFC 3339 in UTC with milliseconds, as the journal and the wire write it.
impl std::fmt::Display for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Wall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Rfc3339)
    }
}

/// Reads a [`Wall`] without making a `String` of it first.
struct Rfc3339;

impl de::Visitor<'_> for Rfc3339 {
    type Value = Wall;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an RFC 3339 instant such as 2026-03-01T02:30:00.000Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Wall, E> {
        text.parse::<jiff::Timestamp>()
            .map(Wall::from)
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// An instant of the clock that nobody can set (CLOCK_BOOTTIME: it counts a suspend): milliseconds since boot.
///
/// Timeouts, grace periods and retry delays hang on it. It means nothing after a reboot, so it is never written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub u64);

impl Mono {
    /// This instant moved forward by `ms` milliseconds, saturating.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// Both clocks, read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// What the wall clock shows.
    pub wall: Wall,
    /// How long the machine has been up.
    pub mono: Mono,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_instant_is_written_as_rfc_3339_with_milliseconds_and_read_back_exactly() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_772_332_200_007, "2026-03-01T02:30:00.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            let json = serde_json::to_string(&Wall(ms)).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Wall>(&json).unwrap(), Wall(ms));
        }
    }

    #[test]
    fn a_wall_instant_is_read_with_any_offset_and_never_from_a_bare_number() {
        let read = |json: &str| serde_json::from_str::<Wall>(json);
        assert_eq!(read("\"2026-03-01T03:30:00+01:00\"").unwrap(), Wall(1_772_332_200_000));
        assert!(read("1772332200000").is_err());
        let error = read("\"yesterday\"").unwrap_err().to_string();
        assert!(error.contains("yesterday") && error.contains("RFC 3339"), "{error}");
    }
}

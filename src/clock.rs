//! The two clocks, as types that do not mix: what people schedule by, and what durations are measured by.
//! Reads no clock; `sys::clock` does.

use serde::{Deserialize, Serialize};

/// An instant of the wall clock (CLOCK_REALTIME): milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// It can be set by an operator, so it never measures a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
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

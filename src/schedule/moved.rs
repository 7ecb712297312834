//! A slot, and what a change of the clock did to it, in words for people.
//! Decides nothing; `change` does.

use std::fmt::{Display, Formatter, Result};

use jiff::{Timestamp, civil::DateTime};

/// An instant at which a job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Always a whole second.
    pub at: Timestamp,
    /// Set where a gap or a fold has had a say.
    pub moved: Option<Moved>,
}

/// What a change of the clock did to a slot. Its `Display` is a sentence without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The time that was meant does not exist on that day; the slot is the first instant after the gap.
    Gap {
        /// The earliest civil time that was meant.
        meant: DateTime,
        /// What the clock shows where it is set forward.
        from: DateTime,
        /// What it shows right afterwards: the slot's own civil time.
        to: DateTime,
    },
    /// The time that was meant comes twice on that day; the slot is the first of the two.
    Fold {
        /// The civil time that was meant: the slot's own.
        meant: DateTime,
        /// What the clock shows where it is set back.
        from: DateTime,
        /// What it shows right afterwards.
        to: DateTime,
    },
}

impl Display for Moved {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (meant, from, to) = match *self {
            Self::Gap { meant, from, to } | Self::Fold { meant, from, to } => (meant, from, to),
        };
        let one_day = meant.date() == from.date() && meant.date() == to.date();
        let clock = |at| Clock { at, with_date: !one_day };
        write!(f, "{} on {}", Clock { at: meant, with_date: false }, meant.date())?;
        match self {
            Self::Gap { .. } => write!(
                f,
                " does not exist: the clock goes from {} to {}, so it runs at {}",
                clock(from),
                clock(to),
                clock(to)
            ),
            Self::Fold { .. } => write!(
                f,
                " comes twice: the clock goes back from {} to {}, so it runs the first time only",
                clock(from),
                clock(to)
            ),
        }
    }
}

/// `02:30`, with seconds and the date where they say something.
struct Clock {
    at: DateTime,
    with_date: bool,
}

impl Display for Clock {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.with_date {
            write!(f, "{} ", self.at.date())?;
        }
        write!(f, "{:02}:{:02}", self.at.hour(), self.at.minute())?;
        if self.at.second() != 0 { write!(f, ":{:02}", self.at.second()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    #[test]
    fn a_moved_slot_is_told_in_words() {
        let at = |day, hour, minute, second| datetime(2026, 3, day, hour, minute, second, 0);
        let gap = Moved::Gap { meant: at(29, 2, 30, 0), from: at(29, 2, 0, 0), to: at(29, 3, 0, 0) };
        let said =
            "02:30 on 2026-03-29 does not exist: the clock goes from 02:00 to 03:00, so it runs at 03:00";
        assert_eq!(gap.to_string(), said);
        let fold = Moved::Fold { meant: at(29, 2, 30, 5), from: at(29, 3, 0, 0), to: at(29, 2, 0, 0) };
        let said = "02:30:05 on 2026-03-29 comes twice: the clock goes back from 03:00 to 02:00, so it runs the first time only";
        assert_eq!(fold.to_string(), said);
        let day = Moved::Gap { meant: at(30, 12, 0, 0), from: at(30, 0, 0, 0), to: at(31, 0, 0, 0) };
        let said = "12:00 on 2026-03-30 does not exist: the clock goes from 2026-03-30 00:00 to 2026-03-31 00:00, \
                    so it runs at 2026-03-31 00:00";
        assert_eq!(day.to_string(), said);
    }
}

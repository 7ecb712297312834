//! When a job is due: crontab grammar, zones and DST. Pure: reads no clock, touches no file, keeps nothing between calls.
//! Must not know jobs, runs or where a zone's data comes from; text, an instant and a zone go in, a slot comes out.
//!
//! # What is accepted
//! The five fields of crontab(5) with its meaning, an optional sixth in front for seconds, `H`, and the macros:
//!
//! | | |
//! |---|---|
//! | `*`, `5`, `1-5`, `1,15`, `*/10`, `10-40/10` | as in crontab(5); a step needs `*`, `H` or a range before it |
//! | `jan`, `MON`, `mon-fri`, `fri-sun` | names of three letters, any case, also in ranges and lists |
//! | `0` and `7` in day of week | Sunday |
//! | day of month and day of week | either is enough, unless one of the two begins with `*` (or `H/N`, see below): then both must match |
//! | `H`, `H(0-29)`, `H/15`, `H(0-29)/10` | a number out of the job's name, always the same, which spreads jobs; at most 28 in day of month |
//! | `@hourly @daily @midnight @weekly @monthly @yearly @annually` | as in crontab(5), any case |
//! | `@reboot` | no time at all: [`Schedule::is_reboot`] |
//!
//! # What a change of the clock means
//! An expression is *fixed* or *follows the running clock*. It follows the running clock if its minute or its hour begins
//! with `*`, or with `H/N` over the whole range, which is `*/N` with a start of its own. All others are fixed: also those
//! with lists and ranges, as in cronie, and also those whose second begins with `*` (`* 30 2 * * *` is one minute of a day).
//!
//! | | fixed | running clock |
//! |---|---|---|
//! | a time inside a gap | once, at the first instant after the gap | not at all |
//! | a time inside a fold | once, the first time | both times, in order |
//!
//! A slot is always later than the instant it was asked for, and two times that land on the same instant are one slot.

mod calendar;
mod change;
mod error;
mod field;
mod grammar;
mod item;
mod moved;
mod piece;
mod spread;
mod unit;
mod value;
pub mod zone;

use jiff::{Timestamp, tz::TimeZone};

pub use error::ScheduleError;
pub use moved::{Moved, Slot};

use calendar::Calendar;
use change::Clock;

/// One parsed schedule. It is for the moment: ebbd keeps the text and parses again.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// None for `@reboot`.
    rule: Option<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    calendar: Calendar,
    clock: Clock,
}

impl Schedule {
    /// Reads an expression. `job_name` decides what `H` stands for.
    ///
    /// # Errors
    /// The first thing in `text` that means nothing, or that would never come.
    pub fn parse(text: &str, job_name: &str) -> Result<Self, ScheduleError> {
        let Some(fields) = grammar::read(text, job_name)? else { return Ok(Self { rule: None }) };
        let clock = if fields.minute.begins_with_star || fields.hour.begins_with_star {
            Clock::Running
        } else {
            Clock::Fixed
        };
        let calendar = Calendar::new(&fields).map_err(|e| {
            ScheduleError::new(format!("this can't be turned into a calendar: {e}"), 0..text.len())
                .help("please report it, together with the expression")
        })?;
        Ok(Self { rule: Some(Rule { calendar, clock }) })
    }

    /// Whether this is `@reboot`: it has no slots, it means each start of ebbd.
    #[must_use]
    pub fn is_reboot(&self) -> bool {
        self.rule.is_none()
    }

    /// The first slot strictly later than `after`, or none for `@reboot` and where nothing comes within
    /// [`crate::limits::SCHEDULE_HORIZON_YEARS`] (nor after the year 2100, where the `cron` crate's calendar ends).
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Slot> {
        let rule = self.rule.as_ref()?;
        rule.clock.next(&rule.calendar, after, zone)
    }
}

/// The earliest slot of several schedules, strictly later than `after`. Schedules that meet at one instant make one slot,
/// which counts as moved only if it is so for all of them.
#[must_use]
pub fn next_of(schedules: &[Schedule], after: Timestamp, zone: &TimeZone) -> Option<Slot> {
    schedules.iter().filter_map(|s| s.next(after, zone)).min_by_key(|slot| (slot.at, slot.moved.is_some()))
}

/// The word that `wrong` was probably meant to be, if one is close.
fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE: f64 = 0.75;
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(wrong, word), word))
        .filter(|(close, _)| *close >= CLOSE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

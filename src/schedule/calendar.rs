//! The civil times that an expression allows, found by the `cron` crate on a clock that has no zone.
//! Must not know zones: it counts civil seconds, 0 being 1970-01-01T00:00:00 on whatever clock hangs on the wall.

use std::fmt::Write;

use chrono::DateTime;

use super::grammar::Fields;
use super::unit::{DAY, HOUR, MINUTE, MONTH, SECOND, Unit, WEEKDAY};

/// The expression in the `cron` crate's dialect. That one asks a day to match both day fields, so where either is enough
/// there are two of them. Dropped, it leaves nothing but the crate's own lists of what `*` means, 2 kB once and for all.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    first: cron::Schedule,
    second: Option<cron::Schedule>,
}

impl Calendar {
    pub(super) fn new(fields: &Fields) -> Result<Self, cron::error::Error> {
        if fields.needs_both_days() {
            return Ok(Self {
                first: translate(fields, fields.day.bits, fields.weekday.bits)?,
                second: None,
            });
        }
        Ok(Self {
            first: translate(fields, fields.day.bits, WEEKDAY.all())?,
            second: Some(translate(fields, DAY.all(), fields.weekday.bits)?),
        })
    }

    /// The first civil second strictly later than `civil`; none after the year 2100, where the crate's calendar ends.
    pub(super) fn after(&self, civil: i64) -> Option<i64> {
        let from = DateTime::from_timestamp(civil, 0)?;
        let next = |schedule: &cron::Schedule| schedule.after(&from).next().map(|at| at.timestamp());
        match (next(&self.first), self.second.as_ref().and_then(next)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// The crate's dialect: seconds first, and days of the week from 1 for Sunday to 7 for Saturday.
fn translate(fields: &Fields, days: u64, weekdays: u64) -> Result<cron::Schedule, cron::error::Error> {
    let mut text = String::with_capacity(64);
    for (bits, unit, shift) in [
        (fields.second.bits, SECOND, 0),
        (fields.minute.bits, MINUTE, 0),
        (fields.hour.bits, HOUR, 0),
        (days, DAY, 0),
        (fields.month.bits, MONTH, 0),
        (weekdays, WEEKDAY, 1),
    ] {
        push(&mut text, bits, &unit, shift);
        text.push(' ');
    }
    cron::Schedule::try_from(text.trim_end())
}

/// Writes a set as `*`, or as values and ranges.
fn push(text: &mut String, bits: u64, unit: &Unit, shift: u32) {
    if bits == unit.all() {
        text.push('*');
        return;
    }
    let mut value = unit.low;
    let mut separator = "";
    while value <= unit.high {
        let run = (bits >> value).trailing_ones();
        // Writing to a String can't fail.
        let _ = match run {
            0 => Ok(()),
            1 => write!(text, "{separator}{}", value + shift),
            _ => write!(text, "{separator}{}-{}", value + shift, value + shift + run - 1),
        };
        if run > 0 {
            separator = ",";
        }
        value += run.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bits: u64, unit: Unit, shift: u32) -> String {
        let mut text = String::new();
        push(&mut text, bits, &unit, shift);
        text
    }

    #[test]
    fn sets_become_the_cron_crates_dialect() {
        assert_eq!(written(MINUTE.all(), MINUTE, 0), "*");
        assert_eq!(written(Unit::bits(0, 59, 15), MINUTE, 0), "0,15,30,45");
        assert_eq!(written(Unit::bits(1, 28, 1) | 1 << 31, DAY, 0), "1-28,31");
        assert_eq!(written(Unit::bits(1, 5, 1), WEEKDAY, 1), "2-6", "Monday to Friday");
        assert_eq!(written(1 | 1 << 6, WEEKDAY, 1), "1,7", "the weekend");
        assert_eq!(written(1 << 59, SECOND, 0), "59");
    }

    #[test]
    fn either_day_is_enough_unless_one_begins_with_a_star() {
        let days = |text: &str| {
            let fields = super::super::grammar::read(text, "job").unwrap().unwrap();
            let calendar = Calendar::new(&fields).unwrap();
            // 2024-09-01 is a Sunday.
            let start = 1_725_148_800;
            let mut at = start - 1;
            let mut days = Vec::new();
            while let Some(next) = calendar.after(at).filter(|next| *next < start + 30 * 86_400) {
                days.push((next - start) / 86_400 + 1);
                at = next;
            }
            days
        };
        assert_eq!(days("0 0 13 * 5"), [6, 13, 20, 27]);
        assert_eq!(days("0 0 10 * 5"), [6, 10, 13, 20, 27]);
        assert_eq!(days("0 0 */10 * 0"), [1]);
        assert_eq!(days("0 0 1-7 * */6"), [1, 7]);
        assert_eq!(days("0 0 * * 1"), [2, 9, 16, 23, 30]);
        assert_eq!(days("0 0 10 * *"), [10]);
    }
}

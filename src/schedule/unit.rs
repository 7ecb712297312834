//! The six fields of an expression: what each is called, which numbers and names it takes.
//! Source of the ranges: crontab(5); the second is ebb's own.

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its place, 0 for the second to 5 for the day of week.
    pub number: u8,
    /// In the singular, as messages write it.
    pub name: &'static str,
    /// The smallest number.
    pub low: u32,
    /// What `*` goes up to.
    pub high: u32,
    /// The largest number that may be written: 7 for the second Sunday, else `high`.
    pub highest: u32,
    /// What `H` goes up to: 28 for the day of month, which every month has.
    pub spread_high: u32,
    /// Names in order, the first one for `low`.
    pub names: &'static [&'static str],
}

pub(super) const SECOND: Unit =
    Unit { number: 0, name: "second", low: 0, high: 59, highest: 59, spread_high: 59, names: &[] };
pub(super) const MINUTE: Unit = Unit { number: 1, name: "minute", ..SECOND };
pub(super) const HOUR: Unit =
    Unit { number: 2, name: "hour", low: 0, high: 23, highest: 23, spread_high: 23, names: &[] };
pub(super) const DAY: Unit =
    Unit { number: 3, name: "day of month", low: 1, high: 31, highest: 31, spread_high: 28, names: &[] };
pub(super) const MONTH: Unit =
    Unit { number: 4, name: "month", low: 1, high: 12, highest: 12, spread_high: 12, names: &MONTHS };
pub(super) const WEEKDAY: Unit =
    Unit { number: 5, name: "day of week", low: 0, high: 6, highest: 7, spread_high: 6, names: &WEEKDAYS };

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Unit {
    /// The number of a name, any case.
    pub(super) fn named(&self, word: &str) -> Option<u32> {
        (self.low..).zip(self.names).find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(value, _)| value)
    }

    /// The bits of `low` to `high` with a step.
    pub(super) fn bits(low: u32, high: u32, step: u32) -> u64 {
        let mut bits = 0;
        let mut value = low;
        while value <= high {
            bits |= 1 << value;
            value += step;
        }
        bits
    }

    /// Bit 7 of a day of week is Sunday, as is bit 0.
    pub(super) fn fold_sundays(&self, bits: u64) -> u64 {
        if self.highest > self.high && bits >> self.highest & 1 == 1 {
            bits & !(1 << self.highest) | 1 << self.low
        } else {
            bits
        }
    }

    /// `*` as bits.
    pub(super) fn all(&self) -> u64 {
        Self::bits(self.low, self.high, 1)
    }

    /// The numbers it takes, as messages write them.
    pub(super) fn range(&self) -> String {
        format!("{} to {}", self.low, self.highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_from_the_first_number_of_their_field() {
        assert_eq!((MONTH.named("Jan"), MONTH.named("dec")), (Some(1), Some(12)));
        assert_eq!((WEEKDAY.named("SUN"), WEEKDAY.named("sat")), (Some(0), Some(6)));
        assert_eq!((MINUTE.named("jan"), MONTH.named("mon")), (None, None));
    }

    #[test]
    fn seven_is_folded_onto_sunday() {
        assert_eq!(WEEKDAY.fold_sundays(1 << 7 | 1 << 3), 1 | 1 << 3);
        assert_eq!(DAY.fold_sundays(1 << 7), 1 << 7);
        assert_eq!(WEEKDAY.all(), 0b111_1111);
    }
}

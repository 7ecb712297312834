//! Shares of a whole.

use std::fmt;
use std::str::FromStr;

use super::number::Number;
use crate::problem::{TextProblem, shown};

/// Tenths of a hundredth. Written as `70%`; one decimal is allowed. From `0.1%` to `100%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u16);

/// All of it.
const WHOLE: u64 = 1_000;

impl Percent {
    /// So much of `whole`, rounded down.
    #[must_use]
    pub fn of(self, whole: u64) -> u64 {
        // Both parts below the whole, so that nothing overflows.
        whole / WHOLE * u64::from(self.0) + whole % WHOLE * u64::from(self.0) / WHOLE
    }
}

impl FromStr for Percent {
    type Err = TextProblem;

    fn from_str(text: &str) -> Result<Self, TextProblem> {
        let whole = 0..text.len();
        let Some(number) = Number::read(text).filter(|number| number.rest == "%") else {
            let message = format!("`{}` is not a percentage", shown(text));
            return Err(TextProblem::new(whole, message, "write a number and %, like `70%`"));
        };
        if number.decimals > 1 {
            let message = "a percentage has at most one decimal";
            return Err(TextProblem::new(whole, message, "write it like `12.5%`"));
        }
        let tenths = number.times(10, WHOLE).and_then(|tenths| u16::try_from(tenths).ok());
        tenths.filter(|tenths| *tenths > 0).map(Self).ok_or_else(|| {
            let message = format!("`{text}` is out of range");
            TextProblem::new(whole, message, "it is more than 0% and at most 100%")
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, decimal) = (self.0 / 10, self.0 % 10);
        if decimal == 0 { f.pad(&format!("{percent}%")) } else { f.pad(&format!("{percent}.{decimal}%")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_more_than_nothing_and_at_most_all() {
        let percent = |text: &str| text.parse::<Percent>().map(|p| p.0).map_err(|p| p.to_string());
        assert_eq!(percent("70%"), Ok(700));
        assert_eq!(percent("0.1%"), Ok(1));
        assert_eq!(percent("100%"), Ok(1_000));
        for wrong in ["0%", "100.1%", "250%"] {
            let told = format!("`{wrong}` is out of range (it is more than 0% and at most 100%)");
            assert_eq!(percent(wrong), Err(told));
        }
        let decimals = "a percentage has at most one decimal (write it like `12.5%`)".to_owned();
        assert_eq!(percent("1.25%"), Err(decimals));
        for wrong in ["70", "%", "-5%", "70 %", "70%%"] {
            let told = format!("`{wrong}` is not a percentage (write a number and %, like `70%`)");
            assert_eq!(percent(wrong), Err(told));
        }
    }

    #[test]
    fn a_share_is_rounded_down_and_never_overflows() {
        assert_eq!(Percent(700).of(1_001), 700);
        assert_eq!(Percent(1_000).of(u64::MAX), u64::MAX);
        assert_eq!(Percent(5).of(999), 4);
    }
}

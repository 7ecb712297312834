//! Shares of a CPU.

use std::fmt;
use std::str::FromStr;

use super::number::Number;
use crate::limits::{CPU_QUOTA_MAX_MILLI, CPU_QUOTA_MIN_MILLI};
use crate::problem::{TextProblem, shown};

/// Thousandths of one CPU. Written as `150%`: 100 is one whole CPU; one decimal is allowed. From
/// [`CPU_QUOTA_MIN_MILLI`] to [`CPU_QUOTA_MAX_MILLI`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quota(pub u32);

impl FromStr for Quota {
    type Err = TextProblem;

    fn from_str(text: &str) -> Result<Self, TextProblem> {
        let whole = 0..text.len();
        let number = Number::read(text).filter(|n| n.rest.is_empty() || n.rest == "%");
        let Some(number) = number else {
            let message = format!("`{}` is not a share of a CPU", shown(text));
            return Err(TextProblem::new(
                whole,
                message,
                "write a percentage: `50%` is half a CPU, `150%` one and a half",
            ));
        };
        if number.rest.is_empty() {
            let message = format!("`{text}` has no unit");
            // People who write 1.5 mean CPUs.
            let percent = number.times(if number.decimals > 0 { 100 } else { 1 }, u64::MAX).unwrap_or(100);
            let help = format!("write a percentage, like `{percent}%`; 100% is one whole CPU");
            return Err(TextProblem::new(whole, message, help));
        }
        if number.decimals > 1 {
            return Err(TextProblem::new(
                whole,
                "a percentage has at most one decimal",
                "write it like `12.5%`",
            ));
        }
        let milli = number.times(10, u64::from(CPU_QUOTA_MAX_MILLI)).and_then(|n| u32::try_from(n).ok());
        milli.filter(|n| *n >= CPU_QUOTA_MIN_MILLI).map(Self).ok_or_else(|| {
            let help = format!("it is from {} to {}", Self(CPU_QUOTA_MIN_MILLI), Self(CPU_QUOTA_MAX_MILLI));
            TextProblem::new(0..text.len(), format!("`{text}` is out of range"), help)
        })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, decimal) = (self.0 / 10, self.0 % 10);
        if decimal == 0 { f.pad(&format!("{percent}%")) } else { f.pad(&format!("{percent}.{decimal}%")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_percentages_of_one_cpu() {
        let quota = |text: &str| text.parse::<Quota>().map(|q| q.0).map_err(|p| p.to_string());
        assert_eq!(quota("150%"), Ok(1500));
        assert_eq!(quota("12.5%"), Ok(125));
        assert_eq!(
            quota("1.5"),
            Err("`1.5` has no unit (write a percentage, like `150%`; 100% is one whole CPU)".to_owned())
        );
        assert_eq!(quota("0%"), Err("`0%` is out of range (it is from 1% to 100000%)".to_owned()));
        assert_eq!(
            quota("12.55%"),
            Err("a percentage has at most one decimal (write it like `12.5%`)".to_owned())
        );
        assert_eq!(
            quota("half"),
            Err("`half` is not a share of a CPU (write a percentage: `50%` is half a CPU, `150%` one and a half)".to_owned())
        );
    }
}

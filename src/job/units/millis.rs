//! Durations.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::number::Number;
use crate::limits::DURATION_MAX_MS;
use crate::problem::{TextProblem, shown};

/// Milliseconds. Written as `90s`, `10m`, `1h30m`: ms, s, m, h, d (24 hours) and w (7 days), each once, the largest
/// first. At most [`DURATION_MAX_MS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

/// Largest first, as both directions need them.
const TIMES: [(&str, u64); 6] =
    [("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl FromStr for Millis {
    type Err = TextProblem;

    fn from_str(text: &str) -> Result<Self, TextProblem> {
        let mut total: u64 = 0;
        let mut smallest = 0;
        let mut rest = text;
        while !rest.is_empty() || text.is_empty() {
            let at = text.len() - rest.len();
            let (ms, unit, behind) = one_duration(text, at)?;
            if unit < smallest {
                let message = "the units of a duration stand from the largest to the smallest, each once";
                return Err(TextProblem::new(
                    at..text.len() - behind.len(),
                    message,
                    "write it like `1h30m`",
                ));
            }
            smallest = unit + 1;
            total = total.saturating_add(ms);
            rest = behind;
        }
        if total > DURATION_MAX_MS {
            let help = format!("the longest is {}", Self(DURATION_MAX_MS));
            return Err(TextProblem::new(0..text.len(), format!("`{}` is too long", shown(text)), help));
        }
        Ok(Self(total))
    }
}

/// The part of a duration that begins at `at`: its milliseconds, which of [`TIMES`] its unit is, and what follows.
fn one_duration(text: &str, at: usize) -> Result<(u64, usize, &str), TextProblem> {
    let part = &text[at..];
    let Some(number) = Number::read(part) else {
        let message = format!("`{}` is not a duration", shown(text));
        return Err(TextProblem::new(
            at..text.len(),
            message,
            "write a number and ms, s, m, h, d or w: `90s`, `1h30m`",
        ));
    };
    let unit_end = number.rest.find(|c: char| !c.is_alphabetic() && c != ' ').unwrap_or(number.rest.len());
    let (unit, behind) = number.rest.split_at(unit_end);
    let written = &part[..part.len() - number.rest.len()];
    let span = at..text.len() - behind.len();
    let Some(index) = TIMES.iter().position(|(name, _)| *name == unit) else {
        return Err(unit_problem(text, span, written, unit.trim()));
    };
    let ms = number.times(TIMES[index].1, DURATION_MAX_MS);
    if number.decimals > 0 {
        let whole = ms.map_or_else(|| "1h30m".to_owned(), |ms| Millis(ms).to_string());
        let help = format!("write `{whole}`");
        return Err(TextProblem::new(span, "a duration has no fractions", help));
    }
    // One that is too long is summed up as one more than the longest, and refused as a whole.
    Ok((ms.unwrap_or(DURATION_MAX_MS + 1), index, behind))
}

/// A number without a unit, or with one that is not ours.
fn unit_problem(text: &str, span: Range<usize>, number: &str, unit: &str) -> TextProblem {
    if unit.is_empty() && span.len() == number.len() {
        let message = format!("`{number}` has no unit");
        return TextProblem::new(
            span,
            message,
            format!("write `{number}s` for seconds, or use ms, m, h, d or w"),
        );
    }
    let tight = text.replace(' ', "");
    if tight != text && tight.parse::<Millis>().is_ok() {
        return TextProblem::new(0..text.len(), "a duration has no spaces", format!("write `{tight}`"));
    }
    let lower = unit.to_lowercase();
    let meant = match lower.as_str() {
        "msec" | "msecs" | "millisecond" | "milliseconds" | "ms" => "ms",
        "sec" | "secs" | "second" | "seconds" | "s" => "s",
        "min" | "mins" | "minute" | "minutes" | "m" => "m",
        "hr" | "hrs" | "hour" | "hours" | "h" => "h",
        "day" | "days" | "d" => "d",
        "week" | "weeks" | "w" => "w",
        "us" | "µs" | "usec" | "ns" | "nsec" => {
            return TextProblem::new(
                span,
                format!("`{}` is finer than a millisecond", shown(text)),
                "the smallest unit is ms",
            );
        }
        _ => {
            let message = format!("`{}` is no unit of time", shown(unit));
            return TextProblem::new(span, message, "units are ms, s, m (minutes), h, d and w");
        }
    };
    TextProblem::new(
        span,
        format!("`{}` is not how a duration is written", shown(text)),
        format!("write `{number}{meant}`"),
    )
}

impl fmt::Display for Millis {
    /// Weeks where it is whole weeks, else from days downwards: `2w`, `10d`, `1h30m`, `1s500ms`; nothing is `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let week = TIMES[0].1;
        if self.0 == 0 {
            return f.pad("0s");
        }
        if self.0.is_multiple_of(week) {
            return f.pad(&format!("{}w", self.0 / week));
        }
        let mut rest = self.0;
        let mut out = String::new();
        for (name, factor) in &TIMES[1..] {
            if rest >= *factor {
                out += &format!("{}{name}", rest / factor);
                rest %= factor;
            }
        }
        f.pad(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Result<u64, String> {
        text.parse::<Millis>().map(|m| m.0).map_err(|p| p.to_string())
    }

    #[test]
    fn durations_add_up() {
        for (text, expected) in [
            ("0s", 0),
            ("500ms", 500),
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("2w", 1_209_600_000),
            ("1w2d3h4m5s6ms", 604_800_000 + 2 * 86_400_000 + 3 * 3_600_000 + 4 * 60_000 + 5_006),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_duration_that_is_almost_right_is_shown_as_it_should_be() {
        for (text, expected) in [
            ("", "`` is not a duration (write a number and ms, s, m, h, d or w: `90s`, `1h30m`)"),
            ("soon", "`soon` is not a duration (write a number and ms, s, m, h, d or w: `90s`, `1h30m`)"),
            ("90", "`90` has no unit (write `90s` for seconds, or use ms, m, h, d or w)"),
            ("1h30", "`30` has no unit (write `30s` for seconds, or use ms, m, h, d or w)"),
            ("1.5h", "a duration has no fractions (write `1h30m`)"),
            ("10 min", "`10 min` is not how a duration is written (write `10m`)"),
            ("10M", "`10M` is not how a duration is written (write `10m`)"),
            ("1h 30m", "a duration has no spaces (write `1h30m`)"),
            ("5us", "`5us` is finer than a millisecond (the smallest unit is ms)"),
            ("5y", "`y` is no unit of time (units are ms, s, m (minutes), h, d and w)"),
            (
                "30m1h",
                "the units of a duration stand from the largest to the smallest, each once (write it like `1h30m`)",
            ),
            (
                "1h1h",
                "the units of a duration stand from the largest to the smallest, each once (write it like `1h30m`)",
            ),
            ("9999w", "`9999w` is too long (the longest is 3660d)"),
        ] {
            assert_eq!(millis(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_wrong_part_is_told_at_that_part() {
        let text = "1h30x5s";
        let problem = text.parse::<Millis>().unwrap_err();
        assert_eq!(&text[problem.span], "30x");
    }
}

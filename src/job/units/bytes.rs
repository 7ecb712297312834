//! Sizes of memory and disk.

use std::fmt;
use std::str::FromStr;

use super::number::Number;
use crate::limits::SIZE_MAX;
use crate::problem::{TextProblem, shown};

/// Bytes. Written as `512M` or `1.5G`: K, M, G and T are powers of 1024, also as KiB, MiB, GiB and TiB; a number
/// alone is bytes. A fraction of a byte is dropped. At most [`SIZE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Largest first, as `Display` needs them.
const SIZES: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

impl FromStr for Bytes {
    type Err = TextProblem;

    fn from_str(text: &str) -> Result<Self, TextProblem> {
        let Some(number) = Number::read(text) else {
            let message = format!("`{}` is not a size", shown(text));
            return Err(TextProblem::new(
                0..text.len(),
                message,
                "write a number and K, M, G or T: `512M`, `1.5G`",
            ));
        };
        let unit = number.rest;
        let span = text.len() - unit.len()..text.len();
        let exact = unit.strip_suffix("iB").unwrap_or(unit);
        let factor = SIZES.iter().find(|(name, _)| *name == exact).map(|(_, factor)| *factor);
        let Some(factor) = factor.or_else(|| unit.is_empty().then_some(1)) else {
            let message = format!("`{}` is no unit of size", shown(unit));
            return Err(TextProblem::new(span.clone(), message, size_help(&text[..span.start], unit)));
        };
        if unit.is_empty() && number.decimals > 0 {
            return Err(TextProblem::new(
                0..text.len(),
                "a byte has no fraction",
                format!("write `{text}M` or `{text}G`"),
            ));
        }
        number.times(factor, SIZE_MAX).map(Self).ok_or_else(|| {
            let help = format!("the largest is {}", Self(SIZE_MAX));
            TextProblem::new(0..text.len(), format!("`{text}` is too large"), help)
        })
    }
}

/// What to write in place of a unit that is almost one.
fn size_help(number: &str, unit: &str) -> String {
    let lower = unit.trim_start().to_ascii_lowercase();
    let letter = lower.chars().next().unwrap_or(' ');
    let known = ["", "b", "ib", "bytes"].iter().any(|tail| lower.get(1..) == Some(tail));
    match letter {
        'b' => format!("a number alone is bytes: write `{number}`"),
        'k' | 'm' | 'g' | 't' if known => {
            format!("write `{number}{}`; units are powers of 1024", letter.to_ascii_uppercase())
        }
        _ => "units are K, M, G and T (powers of 1024)".to_owned(),
    }
}

/// What is wrong with the size `bytes` of a key, smaller than `least`, and what to write; `written` is how it stands there.
pub(crate) fn too_small(full_name: &str, bytes: u64, least: u64, written: &str) -> (String, String) {
    let message = format!("`{full_name}` is smaller than {}: {bytes} bytes", Bytes(least));
    let name = full_name.rsplit('.').next().unwrap_or(full_name);
    // A number so small was meant in the unit that people think of memory in.
    let help = match written.parse::<u16>() {
        Ok(1..) => format!("write `{name} = \"{bytes}M\"` for mebibytes"),
        Ok(0) | Err(_) => format!("write a size with its unit, like `{name} = \"512M\"`"),
    };
    (message, help)
}

impl fmt::Display for Bytes {
    /// The largest unit that needs no more than two decimals and loses nothing: `1.5G`, else `1537M`, else bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = u128::from(self.0);
        for (name, factor) in SIZES {
            let factor = u128::from(factor);
            if bytes >= factor && bytes * 100 % factor == 0 {
                let hundredths = bytes * 100 / factor;
                let fraction = format!(".{:02}", hundredths % 100);
                let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
                return f.pad(&format!("{}{fraction}{name}", hundredths / 100));
            }
        }
        f.pad(&self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Result<u64, String> {
        text.parse::<Bytes>().map(|b| b.0).map_err(|p| p.to_string())
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("64K", 65_536),
            ("512M", 536_870_912),
            ("512MiB", 536_870_912),
            ("1.5G", 1_610_612_736),
            ("0.1K", 102),
            ("2T", 2_199_023_255_552),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_size_that_is_almost_right_is_shown_as_it_should_be() {
        for (text, expected) in [
            ("", "`` is not a size (write a number and K, M, G or T: `512M`, `1.5G`)"),
            ("M", "`M` is not a size (write a number and K, M, G or T: `512M`, `1.5G`)"),
            ("-5M", "`-5M` is not a size (write a number and K, M, G or T: `512M`, `1.5G`)"),
            ("512MB", "`MB` is no unit of size (write `512M`; units are powers of 1024)"),
            ("512m", "`m` is no unit of size (write `512M`; units are powers of 1024)"),
            ("1 gib", "` gib` is no unit of size (write `1G`; units are powers of 1024)"),
            ("512B", "`B` is no unit of size (a number alone is bytes: write `512`)"),
            ("1X", "`X` is no unit of size (units are K, M, G and T (powers of 1024))"),
            ("1.5", "a byte has no fraction (write `1.5M` or `1.5G`)"),
            ("99999T", "`99999T` is too large (the largest is 1024T)"),
        ] {
            assert_eq!(bytes(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_wrong_unit_is_told_at_the_unit() {
        let problem = "512MB".parse::<Bytes>().unwrap_err();
        assert_eq!(problem.span, 3..5);
    }
}

//! Decimal numbers in front of a unit. Knows no unit.

/// Most digits of a number, before and after its point: enough for every bound, and no sum of them overflows.
const DIGITS_MAX: usize = 18;
const DECIMALS_MAX: usize = 6;

/// A decimal number: `value` over `scale`, and what follows it.
pub(super) struct Number<'a> {
    value: u128,
    scale: u128,
    pub(super) decimals: usize,
    pub(super) rest: &'a str,
}

impl<'a> Number<'a> {
    /// Reads digits, and perhaps a point and more digits, from the start of `text`.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let whole = digits(text);
        let mut rest = &text[whole.len()..];
        let mut fraction = "";
        if let Some(behind) = rest.strip_prefix('.') {
            fraction = digits(behind);
            if fraction.is_empty() {
                return None;
            }
            rest = &behind[fraction.len()..];
        }
        if whole.is_empty() || whole.len() > DIGITS_MAX || fraction.len() > DECIMALS_MAX {
            return None;
        }
        let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        let value = whole.parse::<u128>().ok()? * scale + fraction.parse::<u128>().unwrap_or(0);
        Some(Self { value, scale, decimals: fraction.len(), rest })
    }

    /// The number times `unit`, rounded down, if it is no more than `max`.
    pub(super) fn times(&self, unit: u64, max: u64) -> Option<u64> {
        u64::try_from(self.value * u128::from(unit) / self.scale).ok().filter(|n| *n <= max)
    }
}

/// The ASCII digits that `text` starts with.
fn digits(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

//! TOML values as people know them: what they are called, and what to write in their place. Knows no key.

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::TextProblem;
use super::hints::quoted;

/// A value and where it stands.
pub(crate) type Value<'i> = Spanned<DeValue<'i>>;

/// What a value is, for people, with its article.
pub(crate) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// What to write for a value that should be true or false.
pub(crate) fn as_flag(value: &DeValue<'_>) -> Option<String> {
    let number = || value.as_integer().map(DeInteger::as_str);
    match value.as_str().or_else(number)?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some("true".to_owned()),
        "false" | "no" | "off" | "0" => Some("false".to_owned()),
        _ => None,
    }
}

/// Whether a string has no control characters; NUL and newlines have no place in a path, a name or an argument.
pub(crate) fn check_clean(text: &str) -> Result<(), TextProblem> {
    let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control()) else { return Ok(()) };
    let message = match c {
        '\n' => "a line break has no place here".to_owned(),
        _ => format!("a control character (U+{:04X}) has no place here", u32::from(c)),
    };
    Err(TextProblem { message, span: at..at + c.len_utf8(), help: None })
}

/// What to write for a value that should be a string: itself in quotes, where it is one word.
pub(crate) fn as_string(value: &DeValue<'_>, written: &str) -> Option<String> {
    match value {
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            Some(quoted(written))
        }
        DeValue::String(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The value of a TOML integer, whatever its base; `None` where it does not fit.
pub(crate) fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

//! From TOML values to plain Rust values, one kind of value a function. A value of the wrong type is a problem here, with
//! the value as it should be written; what values mean to each other is not looked at.

use std::ops::{Range, RangeInclusive};

use toml::de::{DeTable, DeValue};

use super::Share;
use super::keys::{self, Key, Section};
use crate::job::{Bytes, too_small};
use crate::problem::report::Report;
use crate::problem::value::{Value, as_flag, as_string, check_clean, found, integer};
use crate::problem::{TextProblem, shown};

/// Something that was read, and where its value stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A known key with its value.
pub(super) struct Field<'t> {
    pub(super) key: &'static Key,
    /// With its table: `budget.memory`.
    pub(super) full_name: String,
    value: &'t Value<'t>,
}

/// Reads the values of one file, and reports what it can't.
pub(super) struct Reader<'t> {
    pub(super) report: Report<'t>,
}

impl<'t> Reader<'t> {
    /// The known keys of a table; every other one is a problem. `prefix` is what stands before a key's name in messages.
    pub(super) fn fields(
        &mut self,
        section: Section,
        prefix: &str,
        table: &'t DeTable<'t>,
    ) -> Vec<Field<'t>> {
        let mut fields = Vec::new();
        for (name, value) in table {
            // Where a value is missing, the parser has said so and put in one that stands nowhere.
            if value.span().is_empty() || (section == Section::Root && is_table_name(name.get_ref())) {
                continue;
            }
            if let Some(key) = keys::find(section, name.get_ref()) {
                fields.push(Field { key, full_name: format!("{prefix}{}", key.name), value });
                continue;
            }
            let what = if value.get_ref().is_table() { "table" } else { "key" };
            let name_shown = shown(name.get_ref());
            let message = match prefix.strip_suffix('.') {
                None => format!("there is no {what} `{name_shown}`"),
                Some(table) => format!("there is no {what} `{name_shown}` in `[{table}]`"),
            };
            self.report.error_help(&name.span(), message, keys::meant(section, name.get_ref()));
        }
        fields
    }

    /// A table of the root, if the file has it.
    pub(super) fn table(&mut self, root: &'t DeTable<'t>, name: &str) -> Option<&'t DeTable<'t>> {
        let (key, value) = root.iter().find(|(key, _)| key.get_ref() == name)?;
        if let Some(table) = value.get_ref().as_table() {
            return Some(table);
        }
        if !value.span().is_empty() {
            let written = if name == "pools" { "[pools.NAME]" } else { "[budget]" };
            let help = if value.get_ref().is_array() {
                format!("write `{written}` in single brackets, once")
            } else {
                format!("write `{written}`, and its keys below it")
            };
            let message = format!("`{name}` is a table, not {}", found(value.get_ref()));
            self.report.error_help(&key.span(), message, help);
        }
        None
    }

    /// A string without control characters that says something.
    pub(super) fn text(&mut self, field: &Field<'t>) -> Option<At<&'t str>> {
        let text = self.string(field, as_string)?;
        let full_name = &field.full_name;
        let problem = check_clean(text.value).err().or_else(|| {
            let help = format!("write it like `{} = {}`, or take it out", field.key.name, field.key.sample);
            text.value.is_empty().then(|| TextProblem::new(0..0, format!("`{full_name}` is empty"), help))
        });
        self.parsed(&text, |_| problem.map_or(Ok(()), Err))?;
        Some(text)
    }

    /// A string with a meaning of its own. `unquoted` says how a value without quotes should be written.
    pub(super) fn meaning<T>(
        &mut self,
        field: &Field<'t>,
        parse: impl FnOnce(&str) -> Result<T, TextProblem>,
        unquoted: impl FnOnce(&DeValue<'_>, &str) -> Option<String>,
    ) -> Option<At<T>> {
        let text = self.string(field, unquoted)?;
        self.parsed(&text, parse)
    }

    /// true or false.
    pub(super) fn flag(&mut self, field: &Field<'t>) -> Option<bool> {
        let flag = field.value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(field, as_flag(field.value.get_ref()));
        }
        flag
    }

    /// A whole number in `range`.
    pub(super) fn whole(&mut self, field: &Field<'t>, range: RangeInclusive<u16>) -> Option<u16> {
        let value = field.value.get_ref();
        let Some(number) = value.as_integer() else {
            let text = value.as_str().filter(|text| text.parse::<i64>().is_ok());
            self.wrong_type(field, text.map(str::to_owned));
            return None;
        };
        let number = integer(number).and_then(|n| u16::try_from(n).ok()).filter(|n| range.contains(n));
        if number.is_none() {
            let span = field.value.span();
            let written = shown(self.report.source.slice(&span));
            let message = format!("`{}` is out of range: {written}", field.full_name);
            self.report.error_help(
                &span,
                message,
                format!("it is from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// Bytes: a string with a unit, or a whole number; no less than `least`, or none at all where `or_none`.
    pub(super) fn size(&mut self, field: &Field<'t>, least: u64, or_none: bool) -> Option<At<u64>> {
        let span = field.value.span();
        let size = if let DeValue::Integer(number) = field.value.get_ref() {
            let bytes = integer(number).and_then(|n| n.to_string().parse::<Bytes>().ok());
            if bytes.is_none() {
                let message = format!("`{}` bytes is not a size", shown(self.report.source.slice(&span)));
                self.report.error_help(&span, message, "write a size with its unit, like \"512M\"");
            }
            At { value: bytes?, span }
        } else {
            let unquoted =
                |value: &DeValue<'_>, written: &str| value.as_float().map(|_| format!("\"{written}G\""));
            self.meaning(field, |text| text.parse::<Bytes>(), unquoted)?
        };
        let bytes = size.value.0;
        if bytes < least && !(or_none && bytes == 0) {
            self.too_small(&field.full_name, bytes, least, &size.span);
            return None;
        }
        Some(At { value: bytes, span: size.span })
    }

    /// A size, or a percentage of all memory.
    pub(super) fn share(&mut self, field: &Field<'t>, least: u64, or_none: bool) -> Option<At<Share>> {
        if field.value.get_ref().as_str().is_some_and(|text| text.contains('%')) {
            let parse = |text: &str| text.parse().map(Share::Percent);
            return self.meaning(field, parse, |_, _| None);
        }
        let size = self.size(field, least, or_none)?;
        Some(At { value: Share::Bytes(size.value), span: size.span })
    }

    /// Says that a size is too small.
    pub(super) fn too_small(&mut self, full_name: &str, bytes: u64, least: u64, span: &Range<usize>) {
        let (message, help) = too_small(full_name, bytes, least, self.report.source.slice(span));
        self.report.error_help(span, message, help);
    }

    fn string(
        &mut self,
        field: &Field<'t>,
        unquoted: impl FnOnce(&DeValue<'_>, &str) -> Option<String>,
    ) -> Option<At<&'t str>> {
        let (value, span) = (field.value.get_ref(), field.value.span());
        if let Some(text) = value.as_str() {
            return Some(At { value: text, span });
        }
        let written = shown(self.report.source.slice(&span));
        self.wrong_type(field, unquoted(value, &written));
        None
    }

    fn parsed<T>(
        &mut self,
        text: &At<&str>,
        parse: impl FnOnce(&str) -> Result<T, TextProblem>,
    ) -> Option<At<T>> {
        match parse(text.value) {
            Ok(value) => Some(At { value, span: text.span.clone() }),
            Err(problem) => {
                self.report.text_problem(&text.span, text.value, problem);
                None
            }
        }
    }

    fn wrong_type(&mut self, field: &Field<'t>, better: Option<String>) {
        let (name, phrase, value) = (field.key.name, field.key.phrase, field.value.get_ref());
        let message = format!("`{}` is {phrase}, not {}", field.full_name, found(value));
        let help = match better {
            Some(better) => format!("write `{name} = {better}`"),
            None => format!("write it like `{name} = {}`", field.key.sample),
        };
        self.report.error_help(&field.value.span(), message, help);
    }
}

/// Whether a key of the root is a table of its own.
fn is_table_name(name: &str) -> bool {
    matches!(name, "budget" | "pools")
}

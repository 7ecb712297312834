//! From raw values to plain Rust values, one kind of value a function. A value of the wrong type is a problem here, with
//! the value as it should be written; what values mean to each other is not looked at.

mod numbers;

use std::ops::Range;
use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::kinds::Table;
use super::raw::{Entry, Raw};
use crate::problem::hints::nearest;
use crate::problem::report::Report;
use crate::problem::value::{Value, as_flag, as_string, check_clean, found};
use crate::problem::{TextProblem, shown};
use crate::words::UnknownWord;

/// Something that was read, and where its value stands.
#[derive(Debug, Clone)]
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> Read<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Read<U> {
        Read { value: f(self.value), span: self.span }
    }
}

/// Reads the known keys of one file, and reports what it can't.
pub(super) struct Reader<'t> {
    pub(super) raw: Raw<'t>,
    pub(super) report: Report<'t>,
}

impl<'t> Reader<'t> {
    /// The entry of a key, if the file has it.
    pub(super) fn entry(&self, table: Table, name: &str) -> Option<&Entry<'t>> {
        debug_assert!(super::keys::Key::find(table, name).is_some(), "`{name}` is not in the table of keys");
        self.raw.entries.iter().find(|entry| entry.key.table == table && entry.key.name == name)
    }

    /// Where the key's name stands, if the file has it.
    pub(super) fn name_span(&self, table: Table, name: &str) -> Option<Range<usize>> {
        self.entry(table, name).map(|entry| entry.name_span.clone())
    }

    /// The key's value if `take` accepts it; else a problem with `help` made from the value as it was written.
    fn take<T>(
        &mut self,
        table: Table,
        name: &str,
        take: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
        help: impl FnOnce(&DeValue<'t>, &str) -> Option<String>,
    ) -> Option<Read<T>> {
        let (key, value) = self.entry(table, name).map(|entry| (entry.key, entry.value))?;
        let span = value.span();
        if let Some(taken) = take(value.get_ref()) {
            return Some(Read { value: taken, span });
        }
        let written = shown(self.report.source.slice(&span));
        let message =
            format!("`{}` is {}, not {}", key.full_name(), key.kind.phrase(), found(value.get_ref()));
        let choices = key.kind.choices();
        let help = match help(value.get_ref(), &written) {
            Some(better) => format!("write `{name} = {better}`"),
            None if choices.is_empty() => format!("write it like `{name} = {}`", key.kind.sample()),
            None => format!("it is one of: {}", choices.join(", ")),
        };
        self.report.error_help(&span, message, help);
        None
    }

    /// true or false.
    pub(super) fn flag(&mut self, table: Table, name: &str) -> Option<bool> {
        let help = |value: &DeValue<'_>, _: &str| as_flag(value);
        self.take(table, name, |value| value.as_bool(), help).map(|read| read.value)
    }

    /// A string; control characters in it are a problem.
    pub(super) fn text(&mut self, table: Table, name: &str) -> Option<Read<&'t str>> {
        let help = |value: &DeValue<'_>, written: &str| as_string(value, written);
        let read = self.take(table, name, |value| value.as_str(), help)?;
        self.is_clean(&read).then_some(read)
    }

    /// Whether a string has no control characters; a problem if it has.
    pub(super) fn is_clean(&mut self, read: &Read<&str>) -> bool {
        let problem = check_clean(read.value).err();
        let is_clean = problem.is_none();
        if let Some(problem) = problem {
            self.report.text_problem(&read.span, read.value, problem);
        }
        is_clean
    }

    /// A string with a meaning of its own: a duration, a signal.
    fn parsed<T>(
        &mut self,
        read: &Read<&str>,
        parse: impl FnOnce(&str) -> Result<T, TextProblem>,
    ) -> Option<Read<T>> {
        match parse(read.value) {
            Ok(value) => Some(Read { value, span: read.span.clone() }),
            Err(problem) => {
                self.report.text_problem(&read.span, read.value, problem);
                None
            }
        }
    }

    /// A string that `parse` makes something of; `unquoted` says how a value without quotes should be written.
    pub(super) fn string<T>(
        &mut self,
        table: Table,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, TextProblem>,
        unquoted: impl FnOnce(&DeValue<'t>, &str) -> Option<String>,
    ) -> Option<Read<T>> {
        let read = self.take(table, name, |value| value.as_str(), unquoted)?;
        self.parsed(&read, parse)
    }

    /// One word of a vocabulary.
    pub(super) fn word<T: FromStr<Err = UnknownWord>>(
        &mut self,
        table: Table,
        name: &str,
    ) -> Option<Read<T>> {
        let unquoted = |value: &DeValue<'_>, _: &str| {
            // `catch-up = false` and the like: the word that says so, where there is one.
            (value.as_bool() == Some(false) && "none".parse::<T>().is_ok()).then(|| "\"none\"".to_owned())
        };
        let parse = |text: &str| {
            text.parse::<T>().map_err(|unknown| {
                let meant = nearest(text, unknown.expected.iter().copied());
                let list = format!("it is one of: {}", unknown.expected.join(", "));
                let help = meant.map_or(list, |word| format!("write `\"{word}\"`"));
                TextProblem::new(0..text.len(), format!("`{}` is no word for `{name}`", shown(text)), help)
            })
        };
        self.string(table, name, parse, unquoted)
    }

    /// The strings of an array, or one alone where `alone` allows it. What is no string is a problem each.
    pub(super) fn strings(&mut self, table: Table, name: &str, alone: bool) -> Option<Vec<Read<&'t str>>> {
        let take = |value: &'t DeValue<'t>| match value.as_array() {
            Some(array) => Some(&array[..]),
            None => (alone && value.is_str()).then_some(&[][..]),
        };
        let help = |value: &DeValue<'_>, written: &str| value.is_str().then(|| format!("[{written}]"));
        let read = self.take(table, name, take, help)?;
        if let Some(text) = self.entry(table, name).and_then(|entry| entry.value.get_ref().as_str()) {
            return Some(vec![Read { value: text, span: read.span }]);
        }
        Some(read.value.iter().filter_map(|item| self.string_item(item)).collect())
    }

    /// A table, whatever is in it.
    pub(super) fn table(&mut self, table: Table, name: &str) -> Option<&'t DeTable<'t>> {
        self.take(table, name, |value| value.as_table(), |_, _| None).map(|read| read.value)
    }

    /// A string inside an array or a table of strings.
    pub(super) fn string_item(&mut self, item: &'t Value<'t>) -> Option<Read<&'t str>> {
        let span = item.span();
        if let Some(value) = item.get_ref().as_str() {
            return Some(Read { value, span });
        }
        let message = format!("a string belongs here, not {}", found(item.get_ref()));
        let written = shown(self.report.source.slice(&span));
        match as_string(item.get_ref(), &written) {
            Some(better) => self.report.error_help(&span, message, format!("write `{better}`")),
            None => self.report.error(&span, message),
        }
        None
    }
}

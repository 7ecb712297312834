//! Values that are numbers, or strings that mean one: durations, sizes, counts, factors, exit codes.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::de::DeValue;

use super::{Read, Reader};
use crate::job::keys::Key;
use crate::job::kinds::Table;
use crate::job::units::{Bytes, Millis};
use crate::problem::shown;
use crate::problem::value::integer;

impl Reader<'_> {
    /// Milliseconds.
    pub(in crate::job) fn duration(&mut self, table: Table, name: &str) -> Option<Read<u64>> {
        let unquoted =
            |value: &DeValue<'_>, written: &str| value.as_integer().map(|_| format!("\"{written}s\""));
        self.string(table, name, |text| text.parse::<Millis>().map(|ms| ms.0), unquoted)
    }

    /// Bytes: a string with a unit, or a whole number. `None` inside stands for `infinity`, where that is allowed.
    pub(in crate::job) fn size(
        &mut self,
        table: Table,
        name: &str,
        infinity: bool,
    ) -> Option<Read<Option<u64>>> {
        let value = self.entry(table, name)?.value.get_ref();
        let parse = |text: &str| match text {
            "infinity" if infinity => Ok(None),
            _ => text.parse::<Bytes>().map(|bytes| Some(bytes.0)),
        };
        let DeValue::Integer(number) = value else {
            let unquoted =
                |value: &DeValue<'_>, written: &str| value.as_float().map(|_| format!("\"{written}G\""));
            return self.string(table, name, parse, unquoted);
        };
        let span = self.entry(table, name)?.value.span();
        let bytes = integer(number).and_then(|n| u64::try_from(n).ok());
        match bytes.map(|n| n.to_string().parse::<Bytes>()) {
            Some(Ok(bytes)) => Some(Read { value: Some(bytes.0), span }),
            Some(Err(_)) | None => {
                let message = format!("`{}` bytes is not a size", shown(self.report.source.slice(&span)));
                let or = if infinity { ", or \"infinity\"" } else { "" };
                self.report.error_help(
                    &span,
                    message,
                    format!("write a size with its unit, like \"512M\"{or}"),
                );
                None
            }
        }
    }

    /// A whole number in `range`.
    pub(in crate::job) fn whole(
        &mut self,
        table: Table,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Option<Read<i64>> {
        let help = |value: &DeValue<'_>, _: &str| {
            value.as_str().filter(|s| s.parse::<i64>().is_ok()).map(str::to_owned)
        };
        let read = self.take(table, name, |value| value.as_integer(), help)?;
        let number = integer(read.value).filter(|number| range.contains(number));
        if number.is_none() {
            self.out_of_range(table, name, &read.span, range.start(), range.end());
        }
        number.map(|number| read.map(|_| number))
    }

    /// A number in `range`.
    pub(in crate::job) fn factor(
        &mut self,
        table: Table,
        name: &str,
        range: RangeInclusive<f64>,
    ) -> Option<Read<f64>> {
        let number = |value: &DeValue<'_>| match value {
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            // No whole number in the range is so large that an i32 could not hold it.
            DeValue::Integer(number) => {
                Some(integer(number).and_then(|n| i32::try_from(n).ok()).map_or(f64::NAN, f64::from))
            }
            DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        let help = |value: &DeValue<'_>, _: &str| {
            value.as_str().filter(|s| s.parse::<f64>().is_ok()).map(str::to_owned)
        };
        let read = self.take(table, name, number, help)?;
        if range.contains(&read.value) {
            return Some(read);
        }
        self.out_of_range(table, name, &read.span, range.start(), range.end());
        None
    }

    /// Exit codes: an array of numbers from 0 to 255. What is none is a problem each.
    pub(in crate::job) fn codes(&mut self, table: Table, name: &str) -> Option<Read<Vec<u8>>> {
        let help = |value: &DeValue<'_>, written: &str| value.as_integer().map(|_| format!("[{written}]"));
        let read = self.take(table, name, |value| value.as_array(), help)?;
        let mut codes = Vec::with_capacity(read.value.len());
        for item in read.value {
            match item.get_ref().as_integer().and_then(integer).and_then(|n| u8::try_from(n).ok()) {
                Some(code) => codes.push(code),
                None => {
                    let message =
                        format!("`{}` is not an exit code", shown(self.report.source.slice(&item.span())));
                    self.report.error_help(&item.span(), message, "an exit code is a number from 0 to 255");
                }
            }
        }
        // An array in which nothing was right has its problems already.
        (codes.len() == read.value.len()).then(|| read.map(|_| codes))
    }

    fn out_of_range(
        &mut self,
        table: Table,
        name: &str,
        span: &Range<usize>,
        low: &dyn Display,
        high: &dyn Display,
    ) {
        let name = Key::find(table, name).map_or_else(String::new, |key| key.full_name());
        let written = shown(self.report.source.slice(span));
        let message = format!("`{name}` is out of range: {written}");
        self.report.error_help(span, message, format!("it is from {low} to {high}"));
    }
}

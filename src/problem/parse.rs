//! TOML text to a tree with spans, by the `toml` crate; its complaints are put into our words.

use toml::de::{DeTable, Error};

use super::hints::quoted;
use super::report::Report;
use super::shown;

/// Reads TOML. A line without a `=` ends the parser's reading: such lines are blanked and the rest is read again into
/// `blanked`, so that the problems behind them are told too.
pub(crate) fn parse<'i>(text: &'i str, blanked: &'i mut String, report: &mut Report<'_>) -> DeTable<'i> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let stops = tell(&errors, report);
    if stops.is_empty() {
        return table.into_inner();
    }
    *blanked = without_lines(text, &stops);
    let (table, errors) = DeTable::parse_recoverable(blanked);
    tell(&errors, report);
    table.into_inner()
}

/// Reports the parser's errors; returns where it stops reading.
fn tell(errors: &[Error], report: &mut Report<'_>) -> Vec<usize> {
    let mut stops = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let (message, help) = in_our_words(error.message(), report.source.slice(&span));
        if error.message().starts_with("key with no value") {
            stops.push(span.start);
        }
        report.syntax_error(&span, message, help);
    }
    stops
}

/// `text` with the lines of `stops`, which are in order, as spaces: every other byte stays where it is.
fn without_lines(text: &str, stops: &[usize]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut stops = stops.iter().peekable();
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches('\n');
        let end = out.len() + body.len();
        let stopped = stops.peek().is_some_and(|stop| **stop <= end);
        while stops.next_if(|stop| **stop <= end).is_some() {}
        if stopped {
            out.extend(std::iter::repeat_n(' ', body.len()));
            out.push_str(&line[body.len()..]);
        } else {
            out.push_str(line);
        }
    }
    out
}

/// The parser's message as people need it; `found` is the text it is about.
fn in_our_words(message: &str, found: &str) -> (String, Option<String>) {
    let starts = |with: &str| message.starts_with(with);
    if starts("duplicate key") {
        let help = "put the two together, or take one out".to_owned();
        return (format!("`{}` is there twice", shown(found)), Some(help));
    }
    if starts("string values must be quoted") && found.is_empty() {
        return ("a value is missing behind the `=`".to_owned(), None);
    }
    if starts("string values must be quoted") {
        return (
            "a string has quotes around it".to_owned(),
            Some(format!("write `{}`", quoted(&shown(found)))),
        );
    }
    if starts("unexpected leading zero") {
        let help = "write octal digits in quotes, like \"022\", or as 0o022";
        return ("a number does not begin with 0".to_owned(), Some(help.to_owned()));
    }
    if starts("missing comma between array elements") {
        return ("a `,` between two items of an array is missing, or its `]`".to_owned(), None);
    }
    if message.contains("string, expected `\"`") || message.contains("string, expected `'`") {
        return ("the string has no closing quotes".to_owned(), None);
    }
    if starts("key with no value") {
        return ("a key is followed by ` = ` and its value".to_owned(), None);
    }
    (format!("this is not TOML: {message}"), None)
}

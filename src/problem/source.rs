//! From a byte of a file's text to a line, a column and a line that a terminal can show.
//! Knows nothing of TOML beyond the quotes around a string.

use std::ops::Range;
use std::path::Path;

use unicode_width::UnicodeWidthChar;

use super::{Place, acts_on_terminal};

/// Most terminal columns of a line that are shown.
const SHOWN_COLUMNS: u32 = 96;
/// How many columns of a long line are shown before the span.
const COLUMNS_BEFORE: u32 = 32;
/// What a tab becomes.
const TAB: &str = "    ";

/// A file's text, without its byte order mark.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// The text at `span`; empty where the span is not one of this text.
    pub(crate) fn slice(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or("")
    }

    /// The line, the column and the line's text for a span. A span of several lines ends with its first one; one that
    /// starts behind the last newline is put at the end of the last line.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let start = self.settle(span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[line_start..].split('\n').next().unwrap_or("").trim_end_matches('\r');
        let line_end = line_start + line.len();
        let start = start.min(line_end);
        let end = self.settle(span.end).clamp(start, line_end);
        let before = &self.text[line_start..start];
        let (source_line, caret) = window(before, &self.text[start..end], &self.text[end..line_end]);
        Place {
            line: count(self.text[..line_start].matches('\n').count()),
            col: count(before.chars().count()),
            source_line,
            caret,
        }
    }

    /// Where `inner`, a span of the string `value`, stands in the file, if `literal` is the string as it was written.
    /// With escapes in between that is not known, and the whole literal is meant.
    pub(crate) fn inside(&self, literal: &Range<usize>, value: &str, inner: &Range<usize>) -> Range<usize> {
        let written = self.slice(literal);
        let quote = ["\"\"\"\n", "'''\n", "\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| {
            let body = written.strip_prefix(quote);
            body.and_then(|body| body.strip_suffix(quote.trim_end())).is_some_and(|body| body == value)
        });
        match quote {
            Some(quote) if inner.start <= inner.end && inner.end <= value.len() => {
                let at = literal.start + quote.len();
                at + inner.start..at + inner.end
            }
            _ => literal.clone(),
        }
    }

    /// The nearest place at or before `offset` that is inside the text and between two characters.
    fn settle(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        if at == self.text.len() && self.text.ends_with('\n') {
            at -= 1;
        }
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// A number of things before this one, as people count it: from 1.
fn count(before: usize) -> u32 {
    u32::try_from(before).map_or(u32::MAX, |n| n.saturating_add(1))
}

/// A line in three parts, ready for a terminal: its text, and the columns that the middle part takes.
fn window(before: &str, middle: &str, after: &str) -> (String, Range<u32>) {
    let (before, before_width) = shown(before);
    let (middle, middle_width) = shown(middle);
    let (after, after_width) = shown(after);
    if before_width + middle_width + after_width <= SHOWN_COLUMNS {
        return (before + &middle + &after, before_width..before_width + middle_width.max(1));
    }
    let (head, head_width) = if before_width > COLUMNS_BEFORE {
        keep_end(&before, COLUMNS_BEFORE)
    } else {
        (before, before_width)
    };
    let room = SHOWN_COLUMNS - head_width;
    let (body, body_width) = keep_start(&middle, middle_width, room);
    let (tail, _) = keep_start(&after, after_width, room.saturating_sub(body_width));
    (head + &body + &tail, head_width..head_width + body_width.max(1))
}

/// The last `room` columns of `text` behind an ellipsis, and the columns they take.
fn keep_end(text: &str, room: u32) -> (String, u32) {
    let mut used = 1;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        if used + columns(c) > room {
            break;
        }
        used += columns(c);
        from = at;
    }
    (format!("…{}", &text[from..]), used)
}

/// `text` if it fits into `room` columns, else its start and an ellipsis; and the columns they take.
fn keep_start(text: &str, width: u32, room: u32) -> (String, u32) {
    if width <= room {
        return (text.to_owned(), width);
    }
    if room == 0 {
        return (String::new(), 0);
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        if used + columns(c) > room {
            break;
        }
        used += columns(c);
        kept.push(c);
    }
    kept.push('…');
    (kept, used)
}

/// `text` without what a terminal acts on, and the columns it takes.
fn shown(text: &str) -> (String, u32) {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str(TAB),
            c if acts_on_terminal(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    let width = out.chars().map(columns).sum();
    (out, width)
}

/// Terminal columns of one character: 0 for a combining mark, 2 for a wide one.
fn columns(c: char) -> u32 {
    c.width().map_or(1, |width| u32::from(width > 0) + u32::from(width > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: Range<usize>) -> Place {
        Source { path: Path::new("x.toml"), text }.place(&span)
    }

    fn under(place: &Place) -> String {
        place.source_line.chars().skip(place.caret.start as usize).take(place.caret.len()).collect()
    }

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "a = 1\nä = \"ö\"\n";
        let at = text.find("\"ö").unwrap();
        let place = place(text, at..at + 4);
        assert_eq!((place.line, place.col, under(&place).as_str()), (2, 5, "\"ö\""));
    }

    #[test]
    fn a_tab_is_one_column_of_the_file_and_four_of_the_terminal() {
        let place = place("\ta = 1\n", 1..2);
        assert_eq!((place.col, place.caret.clone(), place.source_line.as_str()), (2, 4..5, "    a = 1"));
    }

    #[test]
    fn the_caret_is_right_under_wide_and_combining_characters() {
        let text = "k = \"日本e\u{301}\" x";
        let at = text.find('x').unwrap();
        let place = place(text, at..at + 1);
        assert_eq!((place.col, place.caret), (12, 12..13));
    }

    #[test]
    fn a_long_line_is_cut_around_the_span() {
        let text = format!("{}MIDDLE{}", "a".repeat(500), "b".repeat(500));
        let place = place(&text, 500..506);
        assert_eq!((place.line, place.col, under(&place).as_str()), (1, 501, "MIDDLE"));
        assert_eq!(place.source_line.chars().count(), SHOWN_COLUMNS as usize);
        assert!(
            place.source_line.starts_with('…') && place.source_line.ends_with('…'),
            "{}",
            place.source_line
        );
    }

    #[test]
    fn a_long_span_is_cut_at_its_end() {
        let text = format!("k = \"{}\"", "x".repeat(1000));
        let place = place(&text, 4..text.len());
        assert_eq!(place.caret, 4..SHOWN_COLUMNS);
        assert!(place.source_line.ends_with("x…"));
    }

    #[test]
    fn a_span_of_several_lines_ends_with_its_first() {
        let place = place("a = [\r\n 1,\r\n]\r\n", 4..12);
        assert_eq!(
            (place.line, place.col, under(&place).as_str(), place.source_line.as_str()),
            (1, 5, "[", "a = [")
        );
    }

    #[test]
    fn the_end_of_a_file_is_the_end_of_its_last_line() {
        let at_end = place("a = 1\nb =\n", 10..10);
        assert_eq!((at_end.line, at_end.col, at_end.caret), (2, 4, 3..4));
        let empty = place("", 0..0);
        assert_eq!((empty.line, empty.col, empty.caret), (1, 1, 0..1));
    }

    #[test]
    fn nothing_that_acts_on_a_terminal_reaches_it() {
        let place = place("a = \"\u{1b}[2J\u{202e}\" x", 0..1);
        assert_eq!(place.source_line, "a = \"\u{fffd}[2J\u{fffd}\" x");
    }

    #[test]
    fn a_span_inside_a_string_is_found_behind_its_quotes() {
        for (literal, found) in [
            ("\"0 61 * * *\"", "61"),
            ("'0 61 * * *'", "61"),
            ("\"\"\"0 61 * * *\"\"\"", "61"),
            ("'''\n0 61 * * *'''", "61"),
            ("\"0 \\u0036\\u0031 * * *\"", "\"0 \\u0036\\u0031 * * *\""),
        ] {
            let text = format!("s = {literal}\n");
            let source = Source { path: Path::new("x"), text: &text };
            let span = source.inside(&(4..4 + literal.len()), "0 61 * * *", &(2..4));
            assert_eq!(source.slice(&span), found, "{literal}");
        }
    }
}

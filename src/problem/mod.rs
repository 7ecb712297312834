//! What is wrong with a file of TOML, where, and what to write instead; and how that is shown to people. Shared by job files
//! and settings; knows neither.

pub(crate) mod file;
pub(crate) mod hints;
pub(crate) mod parse;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod value;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file can't be used.
    Error,
    /// The file means something, but hardly what was meant.
    Warning,
}

/// One thing that is wrong with one file.
///
/// `Display` gives `path:line:col: message`, then the line, a caret under the span, and the help; no newline at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file or directory, as it was given to whoever read it.
    pub path: PathBuf,
    /// Where in the file; `None` where the file as a whole is meant.
    pub place: Option<Place>,
    /// What is wrong: one line, no full stop.
    pub message: String,
    /// What to do about it: one line, no full stop.
    pub help: Option<String>,
}

/// A place in a file, with its line as it can be shown on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters (not bytes, not terminal columns).
    pub col: u32,
    /// The line: tabs and control characters replaced, a long one cut around the place.
    pub source_line: String,
    /// Terminal columns of `source_line`, from 0, that the caret stands under; never empty.
    pub caret: Range<u32>,
}

impl Problem {
    /// A problem of a whole file or directory.
    #[must_use]
    pub fn of_file(path: impl Into<PathBuf>, message: impl Into<String>, help: Option<String>) -> Self {
        Self { severity: Severity::Error, path: path.into(), place: None, message: message.into(), help }
    }

    /// Whether the file can't be used because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.path.to_string_lossy()))?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.col)?;
        }
        let word = if self.is_error() { "" } else { "warning: " };
        write!(f, ": {word}{}", self.message)?;
        if let Some(place) = &self.place {
            let number = place.line.to_string();
            let gutter = " ".repeat(number.len());
            let blank = " ".repeat(place.caret.start as usize);
            let carets = "^".repeat(place.caret.len());
            write!(f, "\n  {number} | {}\n  {gutter} | {blank}{carets}", place.source_line)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

/// What is wrong with one short text (a size, a duration, a schedule), before anybody knows where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextProblem {
    /// What is wrong: one line, no full stop.
    pub message: String,
    /// Which bytes of the text are meant.
    pub span: Range<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl TextProblem {
    /// A problem of the bytes `span`, with what to write instead.
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), span, help: Some(help.into()) }
    }
}

impl fmt::Display for TextProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for TextProblem {}

/// Whether a terminal would act on this character instead of showing it: control characters, and the invisible ones
/// that reorder or join what stands around them (Unicode's bidirectional and zero-width formatting characters).
pub(crate) fn acts_on_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Text from elsewhere in one line: what a terminal would act on instead of showing it becomes a blank.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if acts_on_terminal(c) { ' ' } else { c }).collect()
}

/// `text` with everything that acts on a terminal replaced.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if acts_on_terminal(c) { '\u{fffd}' } else { c }).collect()
}

/// `text` as a message quotes it: printable, at most 60 characters.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut short: String = printable(text).chars().take(SHOWN_MAX).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        short.push('…');
    }
    short
}

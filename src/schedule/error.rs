//! What is wrong with a schedule, where, and what to write instead.
//! Must not know in which file the text stands; whoever does adds path, line and caret.

use std::ops::Range;

/// A schedule that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleError {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The part of the text that is meant, in bytes; never empty unless the text is.
    pub span: Range<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl ScheduleError {
    pub(super) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span, help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Message and help in one line.
impl std::fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl std::error::Error for ScheduleError {}

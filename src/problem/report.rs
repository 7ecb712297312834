//! Collects what is wrong with one file and puts it into the order of the file. Decides nothing.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;

use super::source::Source;
use super::{Problem, Severity, TextProblem};
use crate::limits::PROBLEMS_MAX;

/// The problems of one file so far.
pub(crate) struct Report<'a> {
    pub(crate) source: Source<'a>,
    /// Lines that are not TOML: what was recovered from them is a guess, and nothing more is said about them.
    broken_lines: BTreeSet<usize>,
    /// Where lines end; made with the first broken line, so that a file full of mistakes takes no time by the square.
    line_ends: OnceCell<Vec<usize>>,
    found: Vec<Found>,
}

struct Found {
    span: Option<Range<usize>>,
    severity: Severity,
    message: String,
    help: Option<String>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(source: Source<'a>) -> Self {
        Self { source, broken_lines: BTreeSet::new(), line_ends: OnceCell::new(), found: Vec::new() }
    }

    /// What is wrong at `span`.
    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.add(Some(span.clone()), Severity::Error, message.into(), None);
    }

    /// What is wrong at `span`, and what to write instead.
    pub(crate) fn error_help(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Some(span.clone()), Severity::Error, message.into(), Some(help.into()));
    }

    /// What can hardly be meant at `span`, and what to write instead.
    pub(crate) fn warning(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Some(span.clone()), Severity::Warning, message.into(), Some(help.into()));
    }

    /// What is wrong inside a string: `literal` is where it stands, `value` what it means.
    pub(crate) fn text_problem(&mut self, literal: &Range<usize>, value: &str, problem: TextProblem) {
        let span = self.source.inside(literal, value, &problem.span);
        self.add(Some(span), Severity::Error, problem.message, problem.help);
    }

    /// What is wrong with the file as a whole.
    pub(crate) fn file_error(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.add(None, Severity::Error, message.into(), Some(help.into()));
    }

    /// The first mistake of TOML itself on a line is told; those after it on the same line follow from it.
    pub(crate) fn syntax_error(&mut self, span: &Range<usize>, message: String, help: Option<String>) {
        let line = self.line_of(span.start);
        if !self.broken_lines.contains(&line) {
            self.add(Some(span.clone()), Severity::Error, message, help);
            self.broken_lines.insert(line);
        }
    }

    /// Whether the file is not TOML: what it lacks may stand in a line that could not be read.
    pub(crate) fn is_broken(&self) -> bool {
        !self.broken_lines.is_empty()
    }

    fn add(&mut self, span: Option<Range<usize>>, severity: Severity, message: String, help: Option<String>) {
        let is_broken = |s: &Range<usize>| self.broken_lines.contains(&self.line_of(s.start));
        if !self.is_broken() || !span.as_ref().is_some_and(is_broken) {
            self.found.push(Found { span, severity, message, help });
        }
    }

    /// A number for the line of `offset`.
    fn line_of(&self, offset: usize) -> usize {
        let ends = || self.source.text.match_indices('\n').map(|(at, _)| at).collect();
        self.line_ends.get_or_init(ends).partition_point(|end| *end < offset)
    }

    /// Every problem: those of the file as a whole, then the others in the order of the file; beyond
    /// [`PROBLEMS_MAX`] their number only.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|found| found.span.as_ref().map(|span| (span.start, span.end)));
        let left_out = self.found.len().saturating_sub(PROBLEMS_MAX);
        let errors_left_out = self.found.iter().skip(PROBLEMS_MAX).any(|f| f.severity == Severity::Error);
        let source = self.source;
        let told = self.found.into_iter().take(PROBLEMS_MAX).map(|found| Problem {
            severity: found.severity,
            path: source.path.to_owned(),
            place: found.span.map(|span| source.place(&span)),
            message: found.message,
            help: found.help,
        });
        let mut problems: Vec<Problem> = told.collect();
        if left_out > 0 {
            let mut rest =
                Problem::of_file(source.path, format!("{left_out} more problems are not shown"), None);
            rest.severity = if errors_left_out { Severity::Error } else { Severity::Warning };
            problems.push(rest);
        }
        problems
    }
}

//! Where a verb prints to, and whether there are colours and how wide it is. Knows nothing of what is printed.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::failure::Failure;

/// Headings.
pub(super) const HEADING: Style = Style::new().bold();
/// What is under way.
pub(super) const LIVELY: Style = AnsiColor::Green.on_default();
/// What failed.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What needs a look.
pub(super) const NOTICE: Style = AnsiColor::Yellow.on_default();
/// What matters less.
pub(super) const QUIET: Style = Style::new().dimmed();

/// Both outputs of a verb.
pub(super) struct Screen<'a> {
    /// What was asked for.
    pub(super) out: &'a mut dyn Write,
    /// What is said besides.
    pub(super) err: &'a mut dyn Write,
    /// How what was asked for may look.
    pub(super) look: Look,
    /// How what is said besides may look.
    pub(super) err_look: Look,
}

/// How what is printed may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Columns of the terminal; none where it is no terminal, and nothing is shortened.
    pub(super) width: Option<u16>,
    /// Lines of the terminal, where it says how many.
    pub(super) height: Option<u16>,
    /// Whether there are colours.
    pub(super) colours: bool,
}

impl Look {
    /// For what is read by programs.
    pub(super) const PLAIN: Self = Self { width: None, height: None, colours: false };

    /// As an output and the environment have it: `NO_COLOR` (no-color.org), `TERM=dumb` and `COLUMNS` count.
    pub(super) fn of(output: &impl IsTerminal, env: impl Fn(&str) -> Option<OsString>) -> Self {
        if output.is_terminal() { Self::of_terminal(env) } else { Self::PLAIN }
    }

    fn of_terminal(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let named = env("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
        let size = terminal_size::terminal_size();
        let width = named.or_else(|| size.map(|(width, _)| width.0));
        let is_plain =
            env("NO_COLOR").is_some_and(|v| !v.is_empty()) || env("TERM").is_some_and(|t| t == "dumb");
        let height = size.map(|(_, height)| height.0);
        Self { width: width.filter(|columns| *columns >= 20), height, colours: !is_plain }
    }

    /// The text in a style.
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

impl Screen<'_> {
    /// Prints a value as JSON, in one line for programs and indented for a terminal.
    ///
    /// # Errors
    /// When it can't be printed.
    pub(super) fn json(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        let text = if self.look.width.is_some() {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        let text = text.map_err(|e| Failure::System(format!("this can't be written as JSON: {e}")))?;
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Prints a text that ends its own lines.
    ///
    /// # Errors
    /// When it can't be printed.
    pub(super) fn print(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Prints a line.
    ///
    /// # Errors
    /// When it can't be printed.
    pub(super) fn say(&mut self, line: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// Says in a style something besides what was asked for.
    ///
    /// # Errors
    /// When it can't be printed.
    pub(super) fn remark(&mut self, style: Style, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.err, "{}", self.err_look.paint(style, text))?)
    }

    /// A heading and what belongs to it, one of several such lines below each other.
    ///
    /// # Errors
    /// When it can't be printed.
    pub(super) fn fact(&mut self, heading: &str, fact: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "  {} {fact}", self.look.paint(QUIET, &format!("{heading:<11}")))?)
    }

    /// Problems of job files, as ebbd or the check has written them.
    ///
    /// # Errors
    /// When they can't be printed.
    pub(super) fn problems<'p>(
        &mut self,
        problems: impl IntoIterator<Item = &'p str>,
    ) -> Result<(), Failure> {
        for problem in problems {
            for line in super::figures::lines(problem) {
                writeln!(self.err, "{line}")?;
            }
            writeln!(self.err)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_colours_where_nobody_wants_them() {
        let of = |env: &'static [(&str, &str)]| {
            Look::of_terminal(move |name| {
                env.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v))
            })
        };
        let (wide, unwanted) = (of(&[("COLUMNS", "90")]), of(&[("COLUMNS", "90"), ("NO_COLOR", "")]));
        assert!(wide.width == Some(90) && wide.colours);
        assert_eq!(wide, unwanted);
        assert!(!of(&[("NO_COLOR", "1")]).colours);
        assert!(!of(&[("TERM", "dumb")]).colours);
        assert_eq!(of(&[("COLUMNS", "3")]).width, None);
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Look::of(&file, |_| Some(OsString::from("90"))), Look::PLAIN);
    }

    #[test]
    fn json_is_one_line_where_no_terminal_reads_it() {
        let print = |look| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            Screen { out: &mut out, err: &mut err, look, err_look: look }.json(&["a", "b"]).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(print(Look::PLAIN), "[\"a\",\"b\"]\n");
        assert_eq!(print(Look { width: Some(80), ..Look::PLAIN }).lines().count(), 4);
    }
}

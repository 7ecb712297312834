//! The text of an `environment-file`: `NAME=value` lines. Pure; reading the file is the shell's.
//!
//! As in systemd and docker: blank lines and lines that begin with `#` or `;` are left out, a value may stand in
//! single or double quotes. Nothing is expanded: `$` is a dollar.

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl std::fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for EnvFileError {}

/// Names and values in their order.
///
/// # Errors
/// The first line that is no assignment, has no valid name, or leaves a quote open.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, EnvFileError> {
    let mut out = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let fail = |message: &str| EnvFileError { line: index + 1, message: message.to_owned() };
        let (name, value) = trimmed.split_once('=').ok_or_else(|| fail("expected NAME=value"))?;
        if !is_name(name) {
            return Err(fail("a name is letters, digits and `_`, and does not begin with a digit"));
        }
        let value = unquote(value.trim_start()).ok_or_else(|| fail("the quote is not closed"))?;
        if value.contains('\0') {
            return Err(fail("a NUL byte can't be handed to a process"));
        }
        out.push((name.to_owned(), value.to_owned()));
    }
    Ok(out)
}

/// Whether a text can name an environment variable here.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unquote(value: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.strip_suffix(quote);
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read_and_nothing_is_expanded() {
        let text = "# comment\n\n; comment\nA=1\n B = two words \nC=\"quoted # text\"\nD='$HOME'\nE=\n";
        assert_eq!(parse(text).map_err(|e| e.line), Err(5), "a name has no blank");
        let text = text.replace(" B = ", "B= ");
        let expected = [("A", "1"), ("B", "two words"), ("C", "quoted # text"), ("D", "$HOME"), ("E", "")];
        let expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parse(&text), Ok(expected));
    }

    #[test]
    fn a_line_that_is_none_is_named_by_its_number() {
        for (text, line) in [("A=1\nnonsense", 2), ("1A=x", 1), ("\n\nA=\"open", 3), ("=x", 1)] {
            assert_eq!(parse(text).map_err(|e| e.line), Err(line), "{text:?}");
        }
    }
}

//! The man pages' source, mdoc(7): text that stands as it is written, and regions of a page that are made by code.
//! Knows nothing of ebb.

use std::path::PathBuf;

/// Longest line of a page's source, in bytes.
const WIDTH: usize = 78;

/// Prose with Markdown's backticks, one sentence or more: wrapped, each sentence on a line of its own.
pub(crate) fn prose(text: &str) -> String {
    let mut page = String::new();
    for sentence in sentences(&styled(text)) {
        let mut line = String::new();
        for word in sentence.split_whitespace() {
            // A line that begins with a dot or a quote would be a request to the formatter.
            let fits = line.len() + 1 + word.len() <= WIDTH || word.starts_with(['.', '\'']);
            if !line.is_empty() && !fits {
                page += &std::mem::take(&mut line);
                page.push('\n');
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        page += &line;
        page.push('\n');
    }
    page
}

/// Text that is shown as it is written: backslashes and dashes keep their shape.
pub(crate) fn literal(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// The same as an argument of a macro.
pub(crate) fn argument(text: &str) -> String {
    literal(text).replace('"', "\\(dq")
}

/// A sentence ends with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '?', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// The page with each region between `.\" begin NAME` and `.\" end` made anew.
pub(crate) fn with_regions(page: &str, make: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out += line;
        out.push('\n');
        if let Some(name) = line.strip_prefix(".\\\" begin ") {
            out += &make(name);
            let end = lines.find(|line| *line == ".\\\" end");
            out += end.unwrap_or_else(|| panic!("the region {name} has no end"));
            out.push('\n');
        }
    }
    out
}

/// Holds the page in `man/` to what it should be; with EBB_BLESS it is written.
pub(crate) fn hold(page: &str, make: impl Fn(&str) -> String) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("man").join(page);
    let found = std::fs::read_to_string(&path).unwrap();
    let wanted = with_regions(&found, make);
    if std::env::var_os("EBB_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(found == wanted, "man/{page} is out of step: EBB_BLESS=1 cargo test --test manual");
    }
    wanted
}

/// Backticks become bold.
fn styled(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(index, part)| match index % 2 {
            0 => part.replace('\\', "\\e"),
            _ => format!("\\fB{}\\fR", literal(part)),
        })
        .collect()
}

fn sentences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.match_indices(". ").map(|(at, _)| at + 1).find(|at| begins_one(&rest[*at..])) {
        out.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    out.push(rest);
    out
}

/// Whether a sentence begins here: a capital, a digit, or what is shown as it is written.
fn begins_one(text: &str) -> bool {
    text.trim_start().starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || c == '\\')
}

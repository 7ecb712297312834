//! The bytes of a file, bounded, and what keeps it from being read. Knows not what it is for.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::source::Source;
use super::{Problem, Severity};

/// Up to one byte more than `max`.
pub(crate) fn read_bounded(file: &File, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The problem of a file that can't be read at all.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::of_file(path, format!("the file can't be read: {}", reason(error)), None)
}

/// The system's words for an error, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error ").map_or(text.as_str(), |(words, _)| words).to_owned()
}

/// The problem of a file that has a byte at `at` that is not UTF-8.
pub(crate) fn not_utf8(path: &Path, bytes: &[u8], at: usize) -> Problem {
    // Up to `at` the two texts are the same, and there the replacement character stands.
    let text = String::from_utf8_lossy(bytes);
    let place = Source { path, text: &text }.place(&(at..at + char::REPLACEMENT_CHARACTER.len_utf8()));
    let byte = bytes.get(at).copied().unwrap_or_default();
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let help = if utf16 { "the file is UTF-16: save it as UTF-8" } else { "save the file as UTF-8" };
    Problem {
        severity: Severity::Error,
        path: PathBuf::from(path),
        place: Some(place),
        message: format!("the byte 0x{byte:02X} is not UTF-8"),
        help: Some(help.to_owned()),
    }
}

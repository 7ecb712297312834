//! The names of the journal's files, and the order of its segments: by name alone, never by a file's times.
//! Reads a directory; opens nothing.

use std::io;
use std::path::{Path, PathBuf};

use crate::clock::Wall;

/// The live segment.
pub(super) const LIVE: &str = "journal.jsonl";
/// The head of a new segment while it is made.
pub(super) const NEXT: &str = "journal.next";

const ROTATED: (&str, &str) = ("journal-", ".jsonl");
const TORN: (&str, &str) = ("journal.torn-", "");

/// Names of the rotated segments, oldest first.
///
/// # Errors
/// The directory can't be read.
pub(super) fn rotated(dir: &Path) -> io::Result<Vec<String>> {
    stamped(dir, ROTATED)
}

/// Names of the torn ends that were put aside, oldest first.
///
/// # Errors
/// The directory can't be read.
pub(super) fn torn(dir: &Path) -> io::Result<Vec<String>> {
    stamped(dir, TORN)
}

/// The name for a segment that is rotated `now`: behind all that `rotated` names, also when the clock was set back.
pub(super) fn next_rotated(now: Wall, rotated: &[String]) -> String {
    name_after(ROTATED, now, rotated)
}

/// The path for an end that is cut off `now`, behind all that are there.
///
/// # Errors
/// The directory can't be read.
pub(super) fn next_torn(dir: &Path, now: Wall) -> io::Result<PathBuf> {
    Ok(dir.join(name_after(TORN, now, &torn(dir)?)))
}

fn name_after((prefix, suffix): (&str, &str), now: Wall, existing: &[String]) -> String {
    let newest = existing.last().and_then(|name| stamp_of((prefix, suffix), name));
    // A time before 1970 is a clock that was never set, and would not sort.
    let at = newest.map_or(now, |newest| now.max(newest.plus_ms(1))).max(Wall(0));
    format!("{prefix}{}{suffix}", stamp(at))
}

/// RFC 3339 without what some file systems and shells mind: `20260301T023000.000Z`. Sorts as time does.
fn stamp(at: Wall) -> String {
    at.to_string().replace(['-', ':'], "")
}

/// The time in a name, or `None` where the name is not exactly one that we give.
fn stamp_of((prefix, suffix): (&str, &str), name: &str) -> Option<Wall> {
    let text = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let at = Wall::from(text.parse::<jiff::Timestamp>().ok()?);
    (stamp(at) == text).then_some(at)
}

fn stamped(dir: &Path, affixes: (&str, &str)) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        if let Ok(name) = entry?.file_name().into_string()
            && stamp_of(affixes, &name).is_some()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_time_and_sorts_by_it() {
        let name = next_rotated(Wall(1_772_332_200_007), &[]);
        assert_eq!(name, "journal-20260301T023000.007Z.jsonl");
        assert!(name < next_rotated(Wall(1_772_332_200_008), &[]));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_change_the_order_of_the_segments() {
        let first = next_rotated(Wall(2_000_000_000_000), &[]);
        let second = next_rotated(Wall(1_000_000_000_000), std::slice::from_ref(&first));
        assert!(first < second, "{first} {second}");
    }

    #[test]
    fn a_file_that_is_not_exactly_ours_is_no_segment() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "journal-.jsonl",
            "journal-old.jsonl",
            "journal-2026-03-01T02:30:00Z.jsonl",
            "journal-20260301T023000Z.jsonl",
            "journal-20260301T023000.000Z.jsonl.gz",
            "journal.jsonl",
            "journal.next",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(rotated(dir.path()).unwrap(), Vec::<String>::new());
        let ours = next_rotated(Wall(5), &[]);
        std::fs::write(dir.path().join(&ours), "").unwrap();
        assert_eq!(rotated(dir.path()).unwrap(), [ours]);
    }
}

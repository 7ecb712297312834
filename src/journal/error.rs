//! What can go wrong with the journal, in words for people: errors end what was tried, warnings do not.
//! Decides nothing.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why the journal could not be opened or read.
#[derive(Debug)]
pub enum Error {
    /// Another ebbd holds the state directory.
    Locked {
        /// The state directory.
        dir: PathBuf,
        /// The pid that the holder wrote down; `None` where it has not got so far.
        pid: Option<u32>,
    },
    /// The system refused something.
    Io {
        /// What was tried, as in "cannot ...".
        tried: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: what was tried, on what.
    pub(super) fn io(tried: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { tried, path: path.to_owned(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { dir, pid } => {
                write!(f, "another ebbd ")?;
                match pid {
                    Some(pid) => write!(f, "(pid {pid}) ")?,
                    None => write!(f, "(it is just starting) ")?,
                }
                write!(
                    f,
                    "uses the state directory {}; stop it, or give this one a directory of its own with --state",
                    dir.display()
                )
            }
            Self::Io { tried, path, source } => {
                write!(f, "cannot {tried} {}: {source}{}", path.display(), advice(source.kind()))
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Locked { .. } => None,
            Self::Io { source, .. } => Some(source),
        }
    }
}

/// What to do about an error of a kind, where there is one thing to do.
const ADVICE: &[(io::ErrorKind, &str)] = &[
    (
        io::ErrorKind::PermissionDenied,
        "; the state directory must belong to the user that ebbd runs as, or name another with --state",
    ),
    (
        io::ErrorKind::ReadOnlyFilesystem,
        "; ebbd needs a state directory that it can write, name one with --state",
    ),
    (io::ErrorKind::StorageFull, "; make room there"),
    (io::ErrorKind::QuotaExceeded, "; make room there"),
    (io::ErrorKind::NotADirectory, "; the state directory must be a directory, name one with --state"),
    (io::ErrorKind::AlreadyExists, "; the state directory must be a directory, name one with --state"),
];

fn advice(kind: io::ErrorKind) -> &'static str {
    ADVICE.iter().find(|(of, _)| *of == kind).map_or("", |(_, advice)| advice)
}

/// An `io::Error` of the same kind that says what was tried, on what.
pub(super) fn tried<'a>(what: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> io::Error + 'a {
    move |e| io::Error::new(e.kind(), format!("cannot {what} {}: {e}", path.display()))
}

/// What was found amiss and dealt with; the journal works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The end of the live segment was not whole and was cut off.
    TornEnd {
        /// How many bytes.
        bytes: u64,
        /// The file that has them now, or why they could not be kept.
        kept: Result<PathBuf, String>,
    },
    /// A rotation was cut short before it counted, and was undone.
    RotationUndone,
    /// A rotation was cut short after it counted, and was completed.
    RotationCompleted,
    /// The live segment was missing or empty, and the newest rotated one took its place again.
    PutBack {
        /// Name of the rotated segment.
        segment: String,
    },
    /// A segment lacks its head, so the one before it was read as well.
    HeadMissing {
        /// Name of the segment without a head.
        segment: String,
    },
    /// A line is no record and was skipped.
    Unreadable {
        /// Name of the segment.
        segment: String,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A line tells of an event that this version does not know, and was skipped.
    UnknownEvent {
        /// Name of the segment.
        segment: String,
        /// Counted from 1.
        line: u64,
        /// The event's word.
        event: String,
    },
    /// More lines were skipped than are told one by one.
    MoreSkipped {
        /// How many more.
        lines: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornEnd { bytes, kept: Ok(path) } => {
                write!(
                    f,
                    "the journal's last {bytes} bytes were not a whole record; they were moved to {}",
                    path.display()
                )
            }
            Self::TornEnd { bytes, kept: Err(why) } => {
                write!(f, "the journal's last {bytes} bytes were not a whole record and were removed ({why})")
            }
            Self::RotationUndone => write!(f, "a rotation of the journal was cut short; it was undone"),
            Self::RotationCompleted => write!(f, "a rotation of the journal was cut short; it was completed"),
            Self::PutBack { segment } => {
                write!(
                    f,
                    "the journal was missing or empty; its last rotated segment {segment} was put back in its place"
                )
            }
            Self::HeadMissing { segment } => {
                write!(
                    f,
                    "{segment} does not begin with a record of a start; the segment before it was read as well"
                )
            }
            Self::Unreadable { segment, line, why } => write!(f, "{segment}:{line}: skipped: {why}"),
            Self::UnknownEvent { segment, line, event } => {
                write!(f, "{segment}:{line}: skipped: the event `{event}` is of a newer version of ebb")
            }
            Self::MoreSkipped { lines } => write!(f, "{lines} more lines of the journal were skipped"),
        }
    }
}

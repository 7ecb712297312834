//! A record as a line, and back. PURE.
//! Knows nothing of files.

use std::borrow::Cow;
use std::io;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::record::{Event, Record};
use crate::clock::Wall;
use crate::limits::JOURNAL_LINE_MAX;

/// The record as one line with its newline.
///
/// # Errors
/// `InvalidInput` where the line would be longer than [`JOURNAL_LINE_MAX`]: it could not be read back.
pub(super) fn to_line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(512);
    serde_json::to_writer(&mut line, record)?;
    line.push(b'\n');
    if line.len() > JOURNAL_LINE_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a record of {} bytes is longer than the journal takes ({JOURNAL_LINE_MAX})", line.len()),
        ));
    }
    Ok(line)
}

/// Why a line is no record of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// No JSON, or not the fields that its event needs; what is wrong.
    Unreadable(String),
    /// A record of a newer version; its event.
    UnknownEvent(String),
}

/// Reads a line without its newline: its head first, because serde tells an event of a newer version from one that is
/// damaged only in words, then the event's own type. It takes no longer than serde's way in one.
///
/// # Errors
/// It is no record that this version knows.
pub(super) fn from_line(line: &[u8]) -> Result<Record, Bad> {
    let head: Head<'_> = parse(line)?;
    let job = || {
        head.job
            .as_deref()
            .map(str::to_owned)
            .ok_or_else(|| Bad::Unreadable("missing field `job`".to_owned()))
    };
    let event = match &*head.event {
        "opened" => Event::Opened(parse(line)?),
        "job" => Event::Job(parse(line)?),
        "job-removed" => Event::JobRemoved { job: job()? },
        "paused" => Event::Paused { job: job()? },
        "resumed" => Event::Resumed { job: job()? },
        "queued" => Event::Queued(parse(line)?),
        "started" => Event::Started(parse(line)?),
        "stopping" => Event::Stopping(parse(line)?),
        "finished" => Event::Finished(parse(line)?),
        "skipped" => Event::Skipped(parse(line)?),
        "pressure" => Event::Pressure(parse(line)?),
        _ => return Err(Bad::UnknownEvent(head.event.into_owned())),
    };
    Ok(Record { at: head.at, event })
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Bad> {
    serde_json::from_slice(line).map_err(|error| {
        let mut why = error.to_string();
        // Every line is line 1 to the parser; the caller knows the number that people need.
        if let Some(at) = why.rfind(" at line ") {
            why.truncate(at);
        }
        Bad::Unreadable(if is_object(line) { why } else { format!("not a JSON object: {why}") })
    })
}

/// Whether a line is one whole JSON object, of whatever version.
pub(super) fn is_object(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// What tells whether a line is worth reading in full; several times cheaper than that.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    /// When it was written.
    pub(super) at: Wall,
    /// The event's word.
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    /// The job, where the event has one.
    #[serde(borrow, default)]
    pub(super) job: Option<Cow<'a, str>>,
    /// The outcome, where the event has one.
    #[serde(borrow, default)]
    pub(super) outcome: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Reads no more of `line` than the head, or `None` where it is no record at all.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

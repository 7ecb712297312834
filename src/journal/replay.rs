//! What was written is read again, in order, at a start. Streams: no more than one line is in memory.
//! Knows files and lines; what the records add up to is [`super::State`]'s.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::codec::{Bad, from_line};
use super::error::{Error, Warning};
use super::lines::{Line, each_line};
use super::names;
use super::record::{Event, Record};
use crate::limits::{JOURNAL_LINE_MAX, JOURNAL_WARNINGS_MAX};

/// Bytes read at once; few, because the heap keeps what a start has touched.
pub(super) const BUFFER: usize = 8192;
/// An `Opened` is far shorter than this, in bytes.
const HEAD_MAX: u64 = 4096;

/// Gives every record of the live segment to `each`, oldest first. Where the segment's head is damaged, the one
/// before it is read first: together they hold what the head said. Lines that are no record, or one of a newer
/// version, are skipped; the warnings name the first [`JOURNAL_WARNINGS_MAX`] of them and count the rest.
///
/// # Errors
/// A file can't be read. No content is ever a reason.
pub fn replay(dir: &Path, each: &mut dyn FnMut(Record)) -> Result<Vec<Warning>, Error> {
    let mut warnings = Vec::new();
    let segments = segments_to_read(dir, &mut warnings)?;
    let mut skipped = 0;
    let mut skip = |warning| {
        skipped += 1;
        if skipped <= JOURNAL_WARNINGS_MAX {
            warnings.push(warning);
        }
    };
    for segment in segments.iter().rev() {
        let path = dir.join(segment);
        let file = File::open(&path).map_err(Error::io("open the journal", &path))?;
        each_line(&mut BufReader::with_capacity(BUFFER, file), &mut |line, content| match record_of(
            content, segment, line,
        ) {
            Ok(record) => each(record),
            Err(warning) => skip(warning),
        })
        .map_err(Error::io("read the journal", &path))?;
    }
    if skipped > JOURNAL_WARNINGS_MAX {
        warnings.push(Warning::MoreSkipped { lines: (skipped - JOURNAL_WARNINGS_MAX) as u64 });
    }
    Ok(warnings)
}

fn record_of(content: Line<'_>, segment: &str, line: u64) -> Result<Record, Warning> {
    let unreadable = |why| Warning::Unreadable { segment: segment.to_owned(), line, why };
    match content {
        Line::Whole(bytes) => from_line(bytes).map_err(|bad| match bad {
            Bad::Unreadable(why) => unreadable(why),
            Bad::UnknownEvent(event) => Warning::UnknownEvent { segment: segment.to_owned(), line, event },
        }),
        Line::TooLong => Err(unreadable(format!("longer than {JOURNAL_LINE_MAX} bytes"))),
        Line::Torn => Err(unreadable("it has no end".to_owned())),
    }
}

/// The segments that a start needs, newest first: back to the first one with a head. The oldest of all began with the
/// journal and may be without.
fn segments_to_read(dir: &Path, warnings: &mut Vec<Warning>) -> Result<Vec<String>, Error> {
    let mut older = names::rotated(dir).map_err(Error::io("list the state directory", dir))?;
    let mut segment = names::LIVE.to_owned();
    let mut segments = Vec::new();
    loop {
        let path = dir.join(&segment);
        let headed = has_head(&path).map_err(Error::io("read the journal", &path))?;
        segments.push(segment.clone());
        match older.pop() {
            Some(previous) if !headed => {
                warnings.push(Warning::HeadMissing { segment: std::mem::replace(&mut segment, previous) });
            }
            Some(_) | None => return Ok(segments),
        }
    }
}

/// Whether the first line of a segment is an `Opened`.
pub(super) fn has_head(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_MAX).read_to_end(&mut head)?;
    let Some(end) = head.iter().position(|&b| b == b'\n') else { return Ok(false) };
    Ok(from_line(&head[..end]).is_ok_and(|record| matches!(record.event, Event::Opened(_))))
}

//! The sum of the live segment by and by: what a rotation needs, a bounded piece at a time, while the segment still grows.
//! Comes to what [`super::replay()`] comes to; knows nothing of when it goes on.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::codec::from_line;
use super::error::tried;
use super::names;
use super::replay::{BUFFER, has_head};
use super::state::State;
use crate::limits::JOURNAL_LINE_MAX;

/// A sum that has come so far.
#[derive(Debug)]
pub struct Tally {
    file: File,
    /// Bytes of whole lines that are in it.
    at: u64,
    state: State,
}

impl Tally {
    /// Begins at the head of the live segment; none where that is damaged, for then it takes more than this segment.
    ///
    /// # Errors
    /// It can't be read.
    pub fn begin(dir: &Path) -> io::Result<Option<Self>> {
        let live = dir.join(names::LIVE);
        let begin = || {
            let whole = has_head(&live)?;
            Ok(if whole {
                Some(Self { file: File::open(&live)?, at: 0, state: State::default() })
            } else {
                None
            })
        };
        begin().map_err(tried("read the journal", &live))
    }

    /// Goes on by the lines that begin in the next `most` bytes; whether there is none left. What follows the last whole line
    /// is left alone: it may be taken back yet.
    ///
    /// # Errors
    /// The segment can't be read, or a line is longer than one that is ever written.
    pub fn go_on(&mut self, most: u64) -> io::Result<bool> {
        let end = self.at + most;
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut reader = BufReader::with_capacity(BUFFER, &self.file);
        let mut line = Vec::new();
        while self.at < end {
            line.clear();
            let length = reader.by_ref().take(JOURNAL_LINE_MAX as u64).read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                if length == JOURNAL_LINE_MAX {
                    return Err(io::Error::other(format!("a line is longer than {JOURNAL_LINE_MAX} bytes")));
                }
                return Ok(true);
            }
            self.at += length as u64;
            // What is no record was said at the start.
            if let Ok(record) = from_line(&line[..length - 1]) {
                self.state.apply(&record);
            }
        }
        Ok(false)
    }

    /// The sum.
    #[must_use]
    pub fn state(self) -> State {
        self.state
    }
}

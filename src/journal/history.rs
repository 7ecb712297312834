//! Reading back what happened, newest first, without reading all of it: from the end of the live segment through the
//! rotated ones, in steps that each read at most one block. Keeps nothing between queries.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::backward::{Backward, Piece};
use super::codec::{Head, from_line};
use super::entry::HistoryLine;
use super::error::tried;
use super::names;
use crate::clock::Wall;
use crate::limits::HISTORY_SLACK_MS;
use crate::words::Outcome;

/// Bytes read in one step. The heap keeps what a query has touched: a first query leaves ebbd 24 kB fatter, with
/// 64 KiB it were 60 kB, and a step would keep others waiting for four times as long.
const BLOCK: usize = 16 * 1024;

/// What is asked for. The default asks for everything, without end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only this job.
    pub job: Option<String>,
    /// Only what ended, or was skipped, at this time or later.
    pub since: Option<Wall>,
    /// Only this outcome; [`Outcome::Skipped`] for triggers that did not become a run.
    pub outcome: Option<Outcome>,
    /// At most so many lines.
    pub limit: Option<usize>,
}

/// What one step of a [`History`] gives.
#[derive(Debug)]
pub enum Step {
    /// The next line, older than those before it.
    Line(Box<HistoryLine>),
    /// One block's worth of work was done; there may be more. A good place to let others work.
    More,
    /// That was all.
    End,
}

/// One query under way, over the journal as it is when the query begins. Rotation does not disturb it; a segment that
/// is removed meanwhile is left out.
#[derive(Debug)]
pub struct History {
    dir: PathBuf,
    query: Query,
    /// The segment that is being read.
    segment: Option<Backward>,
    /// Names of those still to be read, oldest first.
    older: Vec<String>,
    given: usize,
    /// Bytes read of the segments that are done with.
    read: u64,
}

impl History {
    /// Begins a query; opens the newest segment and reads nothing yet.
    ///
    /// # Errors
    /// The state directory or the live segment can't be read. A journal that does not exist yet is empty.
    pub fn open(dir: &Path, query: Query) -> io::Result<Self> {
        let live = dir.join(names::LIVE);
        let older = match names::rotated(dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(tried("list the state directory", dir)(e));
            }
            names => names.unwrap_or_default(),
        };
        let segment = open_segment(&live).map_err(tried("read the journal", &live))?;
        Ok(Self { dir: dir.to_owned(), query, segment, older, given: 0, read: 0 })
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read + self.segment.as_ref().map_or(0, Backward::bytes_read)
    }

    /// The next line, or a pause, or the end. What is no record is passed over. After an error or [`Step::End`] every
    /// step is [`Step::End`].
    ///
    /// # Errors
    /// A segment can't be read.
    pub fn step(&mut self) -> io::Result<Step> {
        self.try_step().inspect_err(|_| self.end())
    }

    fn try_step(&mut self) -> io::Result<Step> {
        if self.query.limit.is_some_and(|limit| self.given >= limit) {
            self.end();
        }
        let Some(segment) = &mut self.segment else { return self.next_segment() };
        loop {
            let line = match segment.step().map_err(tried("read a segment of the journal in", &self.dir))? {
                Piece::Line { bytes, .. } => look(bytes, &self.query),
                Piece::Torn | Piece::TooLong => Look::Pass,
                Piece::More => return Ok(Step::More),
                Piece::End => {
                    self.read += segment.bytes_read();
                    self.segment = None;
                    return Ok(Step::More);
                }
            };
            match line {
                Look::Pass => {}
                Look::TooOld => {
                    self.end();
                    return Ok(Step::End);
                }
                Look::Line(line) => {
                    self.given += 1;
                    return Ok(Step::Line(line));
                }
            }
        }
    }

    fn next_segment(&mut self) -> io::Result<Step> {
        let Some(name) = self.older.pop() else { return Ok(Step::End) };
        let path = self.dir.join(name);
        self.segment = open_segment(&path).map_err(tried("read the journal", &path))?;
        Ok(Step::More)
    }

    fn end(&mut self) {
        self.read = self.bytes_read();
        self.segment = None;
        self.older = Vec::new();
    }
}

/// `None` where there is no such file (any more).
fn open_segment(path: &Path) -> io::Result<Option<Backward>> {
    match File::open(path) {
        Ok(file) => Backward::new(file, BLOCK).map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// What a line means to a query.
enum Look {
    Pass,
    TooOld,
    Line(Box<HistoryLine>),
}

/// Reads the head of a line, and all of it only where the head fits.
fn look(bytes: &[u8], query: &Query) -> Look {
    let Some(head) = Head::of(bytes) else { return Look::Pass };
    let outcome = match &*head.event {
        "finished" => head.outcome.as_deref().unwrap_or_default(),
        "skipped" => Outcome::Skipped.word(),
        _ => return Look::Pass,
    };
    // The head of a segment repeats old `queued` and `started`; only these two are in the order of time.
    if query.since.is_some_and(|since| head.at < since.plus_ms(-HISTORY_SLACK_MS)) {
        return Look::TooOld;
    }
    if query.job.as_deref().is_some_and(|job| head.job.as_deref() != Some(job))
        || query.outcome.is_some_and(|wanted| outcome != wanted.word())
    {
        return Look::Pass;
    }
    match from_line(bytes).ok().and_then(HistoryLine::of) {
        Some(line) if query.since.is_none_or(|since| line.ended() >= since) => Look::Line(Box::new(line)),
        Some(_) | None => Look::Pass,
    }
}

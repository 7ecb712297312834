//! The journal as a stream of replies, newest first, a block at a time, as fast as the client reads.

use std::io;

use crate::journal::record::RunId;
use crate::journal::{History, HistoryLine, Step};
use crate::protocol::{Refusal, Reply, RunNowReply, encode};

/// Tells whether the caller may see a job, by its name.
pub(super) type MaySee = Box<dyn Fn(&str) -> bool + Send>;

/// What is left to be sent.
pub(super) struct HistoryStream {
    history: History,
    may_see: MaySee,
    left: u64,
    /// Held back by one, so that the last one can say that it is the last.
    held: Option<HistoryLine>,
    is_over: bool,
}

/// One line of the history as a reply; none where nothing (more) is to be said.
#[derive(serde::Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<HistoryLine>,
}

impl HistoryStream {
    pub(super) fn new(history: History, limit: Option<u64>, may_see: MaySee) -> Self {
        Self { history, may_see, left: limit.unwrap_or(u64::MAX), held: None, is_over: false }
    }

    /// The next frame, `None` after the last. Lets others run between blocks.
    pub(super) async fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_over {
            return Ok(None);
        }
        loop {
            let next = if self.left == 0 { None } else { self.next_line().await? };
            self.left = self.left.saturating_sub(1);
            match (self.held.take(), next) {
                (None, Some(first)) => self.held = Some(first),
                (Some(line), Some(next)) => {
                    self.held = Some(next);
                    return Ok(Some(encode(&Reply {
                        parameters: Line { result: Some(line) },
                        continues: true,
                    })?));
                }
                (last, None) => {
                    self.is_over = true;
                    return Ok(Some(encode(&Reply { parameters: Line { result: last }, continues: false })?));
                }
            }
        }
    }

    async fn next_line(&mut self) -> io::Result<Option<HistoryLine>> {
        loop {
            match self.history.step()? {
                Step::Line(line) if (self.may_see)(&line.job) => return Ok(Some(*line)),
                Step::Line(_) => {}
                Step::More => tokio::task::yield_now().await,
                Step::End => return Ok(None),
            }
        }
    }
}

/// One run that has ended, looked up for a caller: however long the journal is, others are served meanwhile.
pub(super) struct Search {
    history: History,
    run: RunId,
    may_see: MaySee,
}

impl Search {
    pub(super) fn new(history: History, run: RunId, may_see: MaySee) -> Self {
        Self { history, run, may_see }
    }

    /// The answer: how it ended, or that there is no such run that the caller may see.
    pub(super) async fn frame(mut self) -> io::Result<Vec<u8>> {
        let run = self.run;
        loop {
            match self.history.step()? {
                Step::Line(line) if line.id == Some(run) && (self.may_see)(&line.job) => {
                    let parameters = RunNowReply { run, merged: false, result: Some(*line) };
                    return Ok(encode(&Reply { parameters, continues: false })?);
                }
                Step::Line(_) => {}
                Step::More => tokio::task::yield_now().await,
                Step::End => return Ok(encode(&Refusal::NoSuchRun(run).to_error())?),
            }
        }
    }
}

//! One line of the history, in the one shape that the wire, `ebb history --json` and scripts know.
//! Knows nothing of files.

use serde::{Deserialize, Serialize};

use super::record::{Event, Finished, Record, RunId, Skipped};
use crate::clock::Wall;
use crate::learn::Curve;
use crate::words::{Enforcement, OomCause, Outcome, SkipReason, Trigger};

/// How a run ended, or that a trigger did not become one. Every field is always there; what does not apply, or is not
/// known, is null. Times are RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// Number of the run; null where none came of the trigger.
    pub id: Option<RunId>,
    /// Name of the job.
    pub job: String,
    /// Why it ran.
    pub trigger: Trigger,
    /// 1 for the first try, 2 for the first retry.
    pub attempt: Option<u32>,
    /// How it ended; `skipped` where it did not run.
    pub outcome: Outcome,
    /// Why it was skipped.
    pub reason: Option<SkipReason>,
    /// Exit code of the main process.
    pub exit_code: Option<i32>,
    /// Signal that ended the main process.
    pub signal: Option<i32>,
    /// The slot that it stood for; of several that were skipped at once, the latest.
    pub slot: Option<Wall>,
    /// When this line was written; for what was skipped the only time there is.
    pub at: Wall,
    /// When its trigger was accepted.
    pub queued_at: Option<Wall>,
    /// When its program started.
    pub started_at: Option<Wall>,
    /// When it ended.
    pub finished_at: Option<Wall>,
    /// From start to end by a clock that nobody sets, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Highest anonymous memory and swap of the tree, in bytes.
    pub peak_anon_bytes: Option<u64>,
    /// Highest memory of the tree as the kernel counts it, page cache included, in bytes.
    pub peak_total_bytes: Option<u64>,
    /// CPU time of the tree, user and system, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Processes that the kernel killed for memory.
    pub oom_kills: Option<u64>,
    /// Processes that were left when the main process had ended, and were killed.
    pub leftover: Option<u32>,
    /// Which rung enforced its memory limit.
    pub enforcement: Option<Enforcement>,
    /// Who asked, as a user id.
    pub uid: Option<u32>,
    /// The run that this one tried again.
    pub retry_of: Option<RunId>,
    /// A sentence for people, where the outcome alone does not say it.
    pub detail: Option<String>,
    /// Limits of its job that nothing on the host held, by their names in the file.
    #[serde(default)]
    pub unheld: Vec<String>,
    /// Whose want of memory it was, where the kernel killed for memory.
    #[serde(default)]
    pub oom_cause: Option<OomCause>,
    /// The memory limit that it ran under, in bytes.
    #[serde(default)]
    pub memory_max_bytes: Option<u64>,
    /// Its anonymous memory and swap over its time, as far as there was a look at it.
    #[serde(default)]
    pub curve: Option<Box<Curve>>,
}

impl HistoryLine {
    /// The line for a record, or `None` where the record is no part of the history.
    #[must_use]
    pub fn of(record: Record) -> Option<Self> {
        let at = record.at;
        match record.event {
            Event::Finished(finished) => Some(Self::finished(at, finished)),
            Event::Skipped(skipped) => Some(Self::skipped(at, skipped)),
            Event::Opened(_)
            | Event::Job(_)
            | Event::JobRemoved { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Queued(_)
            | Event::Started(_)
            | Event::Stopping(_)
            | Event::Pressure(_) => None,
        }
    }

    /// When it came to its end, or was skipped: what `since` is held against.
    #[must_use]
    pub fn ended(&self) -> Wall {
        self.finished_at.unwrap_or(self.at)
    }

    /// The line for the end of a run.
    #[must_use]
    pub fn finished(at: Wall, run: Finished) -> Self {
        Self {
            id: Some(run.id),
            job: run.job,
            trigger: run.trigger,
            attempt: Some(run.attempt),
            outcome: run.outcome,
            reason: run.reason,
            exit_code: run.exit_code,
            signal: run.signal,
            slot: run.slot,
            at,
            queued_at: Some(run.queued_at),
            started_at: run.started_at,
            finished_at: Some(run.finished_at),
            duration_ms: run.duration_ms,
            peak_anon_bytes: run.usage.peak_anon_bytes,
            peak_total_bytes: run.usage.peak_total_bytes,
            cpu_ms: run.usage.cpu_ms,
            oom_kills: run.usage.oom_kills,
            leftover: run.usage.leftover,
            enforcement: Some(run.enforcement),
            uid: run.uid,
            retry_of: run.retry_of,
            detail: run.detail,
            unheld: run.unheld.into_vec(),
            oom_cause: run.usage.oom_cause,
            memory_max_bytes: run.memory_max_bytes,
            curve: run.usage.curve,
        }
    }

    fn skipped(at: Wall, skipped: Skipped) -> Self {
        Self {
            id: None,
            job: skipped.job,
            trigger: skipped.trigger,
            attempt: None,
            outcome: Outcome::Skipped,
            reason: Some(skipped.reason),
            exit_code: None,
            signal: None,
            slot: skipped.slot,
            at,
            queued_at: None,
            started_at: None,
            finished_at: None,
            duration_ms: None,
            peak_anon_bytes: None,
            peak_total_bytes: None,
            cpu_ms: None,
            oom_kills: None,
            leftover: None,
            enforcement: None,
            uid: None,
            retry_of: None,
            detail: skipped.detail,
            unheld: Vec::new(),
            oom_cause: None,
            memory_max_bytes: None,
            curve: None,
        }
    }
}

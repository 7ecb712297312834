//! What the journal says: one record a line, as JSON, readable by jq, DuckDB and pandas as it stands.
//! Knows nothing of files.

use serde::{Deserialize, Serialize};

use crate::clock::Wall;
use crate::learn::{Curve, Learned, Lesson};
use crate::words::{Enforcement, OomCause, Outcome, SkipReason, StopReason, Trigger};

/// Number of a run; it counts up for as long as the state directory lives and is never used twice.
pub type RunId = u64;

/// One line: when it was written, and what happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it was written.
    pub at: Wall,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// ebbd started.
    Opened(Opened),
    /// What is known of a job, written when it is new or its timing has changed, and for each job at the head of a
    /// rotated segment, so that the newest segment alone suffices for a start.
    Job(JobFacts),
    /// The job is no longer defined.
    JobRemoved {
        /// Its name.
        job: String,
    },
    /// The job's own triggers are held back.
    Paused {
        /// Its name.
        job: String,
    },
    /// The job's own triggers count again.
    Resumed {
        /// Its name.
        job: String,
    },
    /// A trigger was accepted: it will become a run.
    Queued(Queued),
    /// The run's program was started.
    Started(Started),
    /// ebb ends the run: whoever finds it after a crash goes on with that, and does not take it for a failure.
    Stopping(Stopping),
    /// The run ended, or never started; exactly one for each `Queued`.
    Finished(Finished),
    /// A trigger did not become a run.
    Skipped(Skipped),
    /// Starts are held back because the host stands still for memory, or are no longer.
    Pressure(Pressure),
}

impl Event {
    /// The words of all events; another one is of a newer version.
    pub const WORDS: &'static [&'static str] = &[
        "opened",
        "job",
        "job-removed",
        "paused",
        "resumed",
        "queued",
        "started",
        "stopping",
        "finished",
        "skipped",
        "pressure",
    ];
}

/// ebbd started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Version of ebbd.
    pub version: String,
    /// Its pid.
    pub pid: u32,
    /// The kernel's boot id: a run of another boot is over.
    pub boot: String,
    /// The next run gets this number or a higher one.
    pub next_run: RunId,
}

/// What is known of a job across restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFacts {
    /// Its name.
    pub job: String,
    /// Fingerprint of its timing: a job whose timing has changed has missed nothing.
    pub timing: u32,
    /// Since when this timing has been known, and so the earliest slot that can have been missed.
    pub since: Wall,
    /// The latest slot that was dealt with, by a run or a skip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_slot: Option<Wall>,
    /// When its latest run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start: Option<Wall>,
    /// When its latest run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<Wall>,
    /// How its latest run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<Outcome>,
    /// The latest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunId>,
    /// Whether its own triggers are held back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// What its runs have taught.
    #[serde(default, skip_serializing_if = "knows_nothing")]
    pub learned: Learned,
}

fn knows_nothing(learned: &Learned) -> bool {
    *learned == Learned::EMPTY
}

/// What a demand brings along.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payload {
    /// Appended to the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Added to the environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// Length and checksum of the payload for standard input; its bytes are in a file of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
}

/// A payload for standard input, which lies beside the journal until the run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its length in bytes.
    pub bytes: u64,
    /// A hash of its bytes, keyed anew for each life of ebbd: two demands with equal payloads are one, and nobody can
    /// make two different ones look equal. After a restart equal payloads are no longer recognised, which costs a run.
    pub hash: u64,
}

/// A trigger was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// The run that it will be.
    pub id: RunId,
    /// Of which job.
    pub job: String,
    /// Why.
    pub trigger: Trigger,
    /// 1 for the first try, 2 for the first retry.
    pub attempt: u32,
    /// The slot that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Wall>,
    /// It starts no earlier than this (a retry's delay).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Wall>,
    /// Who asked, as a user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The run that this one tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// The memory limit that it gets in place of its job's, in bytes: a retry after an OOM kill, as `on-oom` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_max_bytes: Option<u64>,
    /// What the demand brought along.
    #[serde(flatten)]
    pub payload: Payload,
}

impl Queued {
    /// A first try that stands for no slot, that nobody is known to have asked for, and that brings nothing along.
    #[must_use]
    pub fn plain(id: RunId, job: &str, trigger: Trigger) -> Self {
        Self {
            id,
            job: job.to_owned(),
            trigger,
            attempt: 1,
            slot: None,
            not_before: None,
            uid: None,
            retry_of: None,
            raised_max_bytes: None,
            payload: Payload::default(),
        }
    }
}

/// The run's program was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The run.
    pub id: RunId,
    /// Of which job.
    pub job: String,
    /// Its main process.
    pub pid: u32,
    /// When that process started, in clock ticks since boot (field 22 of `/proc/PID/stat`): told apart from a reused pid.
    pub pid_start: u64,
    /// Which rung enforces its memory limit.
    pub enforcement: Enforcement,
    /// The directories of its control groups; empty where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cgroups: Vec<String>,
}

/// It was decided that a run ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// The run.
    pub id: RunId,
    /// Of which job.
    pub job: String,
    /// Why.
    pub reason: StopReason,
}

/// How a run ended, with every fact that `ebb history` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The run.
    pub id: RunId,
    /// Of which job.
    pub job: String,
    /// Why it ran.
    pub trigger: Trigger,
    /// 1 for the first try.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The exit code of the main process, where it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended the main process, where one did.
    pub signal: Option<i32>,
    /// The slot that it stood for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Wall>,
    /// When its trigger was accepted.
    pub queued_at: Wall,
    /// When its program started, where it did.
    pub started_at: Option<Wall>,
    /// When it ended.
    pub finished_at: Wall,
    /// From start to end by the clock that nobody sets, in milliseconds.
    pub duration_ms: Option<u64>,
    /// What was measured of it.
    #[serde(flatten)]
    pub usage: Usage,
    /// Which rung enforced its memory limit.
    pub enforcement: Enforcement,
    /// Who asked, as a user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The run that this one tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// Why a run that was queued never started, where its outcome is `skipped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SkipReason>,
    /// A sentence for people, where the outcome alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Limits of its job that nothing on the host held, by their names in the file.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub unheld: Box<[String]>,
    /// The memory limit that it ran under, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max_bytes: Option<u64>,
}

impl Finished {
    /// What it teaches about its job.
    #[must_use]
    pub const fn lesson(&self) -> Lesson {
        Lesson {
            outcome: self.outcome,
            oom_cause: self.usage.oom_cause,
            peak_anon_bytes: self.usage.peak_anon_bytes,
            memory_max_bytes: self.memory_max_bytes,
            duration_ms: self.duration_ms,
        }
    }
}

/// What was measured of a run's whole tree; `None` is "not known here", never zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Highest anonymous memory and swap, in bytes.
    pub peak_anon_bytes: Option<u64>,
    /// Highest memory as the kernel counts it, page cache included, in bytes.
    pub peak_total_bytes: Option<u64>,
    /// CPU time, user and system, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Processes that the kernel killed for memory.
    pub oom_kills: Option<u64>,
    /// Whose want of memory that was, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_cause: Option<OomCause>,
    /// Processes that were still there when the main process had ended, and were killed.
    pub leftover: Option<u32>,
    /// Its anonymous memory and swap over its time, as far as there was a look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Box<Curve>>,
}

/// Memory pressure on the host began to hold back starts, or no longer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressure {
    /// Whether it holds them back from now on.
    pub holds: bool,
}

/// A trigger did not become a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Of which job.
    pub job: String,
    /// Which trigger.
    pub trigger: Trigger,
    /// Why.
    pub reason: SkipReason,
    /// The slot that was skipped; of several that were missed, the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Wall>,
    /// A sentence for people, where the reason alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

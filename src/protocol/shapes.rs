//! The parameters of calls and replies, as `interface.rs` describes them. Shapes only: no rule is in here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::words::{ClaimSource, Outcome, Trigger};

/// A demand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNow {
    /// Which job.
    pub job: String,
    /// Appended to its command, where `[accept] args` allows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Added to its environment, where `[accept] environment` lists the names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The reply comes when the run has ended (with `more`: also one when it was accepted).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
}

/// The answer to a demand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunNowReply {
    /// The run that it is, or that it was merged into.
    pub run: RunId,
    /// Whether an equal demand was waiting already.
    #[serde(default)]
    pub merged: bool,
    /// How the run ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<HistoryLine>,
}

/// A part of the payload was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputStaged {
    /// Bytes of payload taken on this connection so far.
    pub bytes: u64,
}

/// One reply of `Status`: the daemon first, then one a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusReply {
    /// A job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobStatus>,
    /// Problems that keep files from being in force; with the last reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// A job as `ebb status` shows it. Instants are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// Its name.
    pub job: String,
    /// What it is for.
    pub description: String,
    /// Whether its file lets it start by itself.
    pub enabled: bool,
    /// Whether `ebb pause` holds it back.
    pub paused: bool,
    /// `running`, `starting`, `stopping`, `waiting`, `paused`, `off` or `idle`; `removed` for a job that is gone while a run of
    /// it is not.
    pub state: String,
    /// Its crontab expressions.
    #[serde(default)]
    pub schedule: Vec<String>,
    /// The zone that its schedule is read in; none means the host's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Its interval in milliseconds.
    #[serde(default)]
    pub every_ms: Option<u64>,
    /// Its next start by itself.
    pub next: Option<String>,
    /// Its latest end.
    pub last: Option<LastRun>,
    /// Its runs that have not ended.
    #[serde(default)]
    pub runs: Vec<RunStatus>,
    /// What keeps its file as it is now from being in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<String>,
    /// Its limits that nothing on this host holds, by their names in its file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unheld: Vec<String>,
    /// Longest time that a run may take, in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What its runs need of memory, and when they get it.
    #[serde(default)]
    pub memory: MemoryStatus,
}

/// A job's memory: its limit, its claim, what was learned.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryStatus {
    /// Its limit, in bytes.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// What its next run claims of the budget, in bytes.
    #[serde(default)]
    pub claim_bytes: Option<u64>,
    /// Where that comes from.
    #[serde(default)]
    pub claim_source: Option<ClaimSource>,
    /// Which runs get memory first, -10 (last) to 10.
    #[serde(default)]
    pub priority: i8,
    /// The pool that it shares memory with.
    #[serde(default)]
    pub pool: Option<String>,
    /// What its runs have taught, where any has.
    #[serde(default)]
    pub learned: Option<LearnedStatus>,
}

/// What a job's runs have taught. The mean counts late runs more than early ones; the deviation is the mean distance from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LearnedStatus {
    /// Runs that succeeded and whose peak is known.
    pub runs: u32,
    /// Runs since the last success that their limit cut short: the peak is at least `highest_bytes`.
    pub cut: u32,
    /// Peak of anonymous memory and swap, in bytes.
    pub peak_bytes: u64,
    /// How far peaks stray, in bytes.
    pub peak_deviation_bytes: u64,
    /// The highest lately, in bytes.
    pub highest_bytes: u64,
    /// How long runs take, in milliseconds.
    pub duration_ms: u64,
    /// How far durations stray, in milliseconds.
    pub duration_deviation_ms: u64,
    /// The longest lately, in milliseconds.
    pub longest_ms: u64,
}

/// The latest end of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// Which run.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub finished_at: String,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    /// Its number.
    pub run: RunId,
    /// Why it runs.
    pub trigger: Trigger,
    /// 1 for the first try.
    pub attempt: u32,
    /// `waiting`, `starting`, `running` or `stopping`.
    pub state: String,
    /// When it was accepted.
    pub queued_at: String,
    /// When its program started.
    pub started_at: Option<String>,
    /// Highest anonymous memory so far, in bytes.
    pub peak_anon_bytes: Option<u64>,
    /// What a run that waits could not be started for want of, in a sentence; it is tried again until it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// What it claims of the budget, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_bytes: Option<u64>,
    /// What it waits for, where its job would let it start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
}

/// Why a run waits for memory, or for its place among the runs at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Since when.
    pub since: String,
    /// For what: `budget`, `pool NAME`, `host`, `runs`, `runs of pool NAME`, `pressure`, or `turn` behind another run.
    pub resource: String,
    /// How many bytes (or places) it needs of it.
    pub needs: Option<u64>,
    /// How many are free.
    pub free: Option<u64>,
    /// The run that is before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<RunId>,
    /// When it will likely start, going by what was learned of the runs before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely_at: Option<String>,
    /// All of this in a sentence, and what would let it start.
    pub sentence: String,
}

/// What memory there is to give out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BudgetReply {
    /// Whether the settings have a budget.
    pub is_on: bool,
    /// All memory of the host, or of the container where that is less, in bytes.
    pub total_bytes: Option<u64>,
    /// What new processes can have without swapping, in bytes.
    pub available_bytes: Option<u64>,
    /// What stays free, in bytes.
    pub reserve_bytes: u64,
    /// What a run claims of which nothing is known, in bytes.
    pub unknown_bytes: u64,
    /// Since when starts are held back because the host stands still for memory.
    #[serde(default)]
    pub held_since: Option<String>,
    /// The budget itself (`host`), then each pool.
    pub shares: Vec<Share>,
}

/// The budget or a pool of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// `host`, or the name of the pool.
    pub name: String,
    /// What its runs may claim together, in bytes.
    pub memory_bytes: Option<u64>,
    /// What they claim now, in bytes.
    pub claimed_bytes: u64,
    /// Its runs at once.
    pub max_parallel: Option<u16>,
    /// Its runs now.
    pub running: u64,
}

/// A job's timing, for the client to reckon its next starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextReply {
    /// Its name.
    pub job: String,
    /// Its crontab expressions.
    pub schedule: Vec<String>,
    /// Its interval in milliseconds.
    pub every_ms: Option<u64>,
    /// The zone that its schedule is read in.
    pub timezone: String,
    /// Up to so many milliseconds are added to each slot.
    pub jitter_ms: u64,
    /// The next start that ebbd waits for, jitter included.
    pub next: Option<String>,
    /// Whether its file lets it start by itself.
    pub enabled: bool,
    /// Whether `ebb pause` holds it back.
    pub paused: bool,
}

/// A run's output; its file descriptor comes with the reply (SCM_RIGHTS), unless it is in the systemd journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// Which run.
    pub run: RunId,
    /// Whether the run has ended, so that nothing more will come.
    pub finished: bool,
    /// What finds it in the systemd journal: matches for journalctl(1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journal: Vec<String>,
}

/// What is being ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopReply {
    /// Which runs.
    pub runs: Vec<RunId>,
}

/// What a reload did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Jobs in force now.
    pub jobs: u64,
    /// Names that are new.
    pub added: Vec<String>,
    /// Names whose definition changed.
    pub changed: Vec<String>,
    /// Names that are gone.
    pub removed: Vec<String>,
    /// Every problem found, each as it is printed.
    pub problems: Vec<String>,
}

/// What an upgrade did, as the new ebbd says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeReport {
    /// Version of the ebbd that answers.
    pub version: String,
    /// Version of the one before.
    pub earlier: String,
    /// Its pid, which has stayed.
    pub pid: u32,
}

/// How ebbd stands on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// Version of ebbd.
    pub version: String,
    /// Its pid.
    pub pid: u32,
    /// Its user id.
    pub uid: u32,
    /// The rung that holds a run to its memory limit.
    pub enforcement: String,
    /// How a run's processes are kept track of.
    pub tracking: String,
    /// What was tried, what the kernel said, and what would lift it; a sentence each.
    pub reasons: Vec<String>,
    /// Where job files are read from.
    pub jobs: String,
    /// Where the journal and outputs are.
    pub state: String,
    /// Jobs in force.
    pub job_count: u64,
    /// Problems that keep files from being in force.
    pub problems: Vec<String>,
    /// What goes otherwise than job files and settings say, and why; a sentence each.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// The answer to `org.varlink.service.GetInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // As the Varlink specification names them.
pub struct ServiceInfo {
    pub vendor: String,
    pub product: String,
    pub version: String,
    pub url: String,
    pub interfaces: Vec<String>,
}

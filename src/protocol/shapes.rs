//! The parameters of calls and replies, as `interface.rs` describes them. Shapes only: no rule is in here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::words::{Outcome, Trigger};

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

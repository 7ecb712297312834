//! A checked job: what the engine decides by and what a run is started from.
//! Every value here has been validated, and every default is filled in and written down beside its field.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::words::{CatchUp, EnforcementWish, OutputTo, Overlap};

/// One job, as its file means it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The stem of the file: `[a-z0-9]` first, then also `-`, `_` and `.`; at most [`crate::limits::JOB_NAME_MAX`] bytes.
    pub name: String,
    /// What it is for, in the words of whoever wrote it. Default: empty.
    pub description: String,
    /// Program and arguments; no shell. The program is absolute or looked up in the job's PATH.
    pub command: Vec<String>,
    /// Default: the home of `user` where there is one, else `/`.
    pub working_directory: Option<PathBuf>,
    /// A name or a number. Default: ebbd's own user.
    pub user: Option<String>,
    /// A name or a number. Default: the primary group of `user`.
    pub group: Option<String>,
    /// Default: 0o022.
    pub umask: u32,
    /// Names and values added to the clean environment of a run, in the order of the file.
    pub environment: Vec<(String, String)>,
    /// Files of `NAME=value` lines, read when a run starts; a leading `-` in the job file makes one optional.
    pub environment_files: Vec<EnvironmentFile>,
    /// Default: true. A job that is not enabled never starts by itself; `ebb run-now` still starts it.
    pub enabled: bool,
    /// When it starts by itself.
    pub timing: Timing,
    /// Default: skip.
    pub overlap: Overlap,
    /// Default: [`crate::limits::QUEUE_LIMIT_DEFAULT`].
    pub queue_limit: u16,
    /// Default: [`crate::limits::MAX_PARALLEL_DEFAULT`] with `overlap = "parallel"`, else 1.
    pub max_parallel: u16,
    /// Milliseconds from the start of a run. Default: none.
    pub timeout_ms: Option<u64>,
    /// Number of the signal that asks a run to end. Default: 15, SIGTERM.
    pub stop_signal: i32,
    /// Milliseconds between the stop signal and the end of everything. Default: [`crate::limits::GRACE_DEFAULT_MS`].
    pub grace_ms: u64,
    /// Exit codes that mean success. Default: 0 alone.
    pub success_codes: Vec<u8>,
    /// Default: no retry.
    pub retry: Retry,
    /// Default: no limit of memory.
    pub memory: Memory,
    /// Default: no limit of CPU.
    pub cpu: Cpu,
    /// Most processes and threads of a run. Default: no limit.
    pub pids_max: Option<u64>,
    /// -20 to 19. Default: 0.
    pub nice: i32,
    /// -1000 to 1000. Default: as ebbd's.
    pub oom_score_adjust: Option<i32>,
    /// Default: best.
    pub enforcement: EnforcementWish,
    /// Which runs get memory first when it is short, -10 (last) to 10 (first). Default: 0.
    pub priority: i8,
    /// The pool of the settings whose memory its runs share. Default: none.
    pub pool: Option<String>,
    /// How long a run may wait for memory, in milliseconds. Default: as long as it takes.
    pub queue_timeout_ms: Option<u64>,
    /// Where its output goes.
    pub output: Output,
    /// What a demand may bring along. Default: nothing.
    pub accept: Accept,
    /// Who else may run or see it. Default: nobody.
    pub allow: Allow,
}

impl Definition {
    /// The share of CPU that follows from its priority where it sets none itself, as cgroup v2 counts. A step is a quarter, as
    /// a step of nice is (sched(7)). None for the share that everybody has.
    #[must_use]
    pub fn weight_of_priority(&self) -> Option<u32> {
        if self.cpu.weight.is_some() || self.priority == 0 {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // From 11 to 931, as a test says.
        Some((100.0 * 1.25_f64.powi(i32::from(self.priority))).round() as u32)
    }
}

/// One `environment-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFile {
    /// An absolute path.
    pub path: PathBuf,
    /// Whether a run starts without it where it does not exist.
    pub optional: bool,
}

/// When a job starts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// Crontab expressions as they were written; `@reboot` is not among them (it is `at_start`).
    pub schedules: Vec<String>,
    /// Milliseconds from the start of the last run to the next.
    pub every_ms: Option<u64>,
    /// Once for each start of ebbd.
    pub at_start: bool,
    /// Name of the zone that `schedules` are read in. Default: the host's.
    pub timezone: Option<String>,
    /// Up to so many milliseconds, drawn anew for every slot, are added to it. Default: 0.
    pub jitter_ms: u64,
    /// Default: once.
    pub catch_up: CatchUp,
}

/// What happens after a run that failed (any outcome but success, canceled, and oom-kill).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Runs in all that may follow the first one. Default: 0.
    pub attempts: u32,
    /// Milliseconds before the first retry.
    pub delay_ms: u64,
    /// Each delay is the one before times this, 1.0 to 100.0. Default: 2.0.
    pub backoff: f64,
    /// No delay is longer, in milliseconds.
    pub max_delay_ms: u64,
}

/// Memory limits, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Beyond it the kernel kills.
    pub max: Option<u64>,
    /// Beyond it the kernel throttles and reclaims; it never kills.
    pub high: Option<u64>,
    /// Swap that the run may use besides. Default: 0 where `max` is set, else no limit.
    pub swap_max: Option<u64>,
    /// Whether an OOM kill takes the whole run. Default: true.
    pub oom_group: bool,
    /// What a run claims of the budget before it starts. Default: what was learned, else `max`, else the settings' `unknown`.
    pub claim: Option<u64>,
    /// What happens after its limit has killed a run. Default: nothing.
    pub on_oom: OnOom,
}

/// What follows when a run's own memory limit has killed it: `on-oom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OnOom {
    /// Retries, each with a larger limit. Default: 0, `"fail"`.
    pub retry: u32,
    /// Each limit is the one before times so many thousandths, 1001 to 10000. Default: 1500.
    pub grow_milli: u32,
    /// No limit is larger, in bytes. Default: as much as the budget has.
    pub up_to: Option<u64>,
}

/// Shares and limits of CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cpu {
    /// 1 to 10000, as cgroup v2 counts (100 is what everybody has).
    pub weight: Option<u32>,
    /// Thousandths of one CPU: 1500 is one and a half.
    pub quota_millicpu: Option<u32>,
}

/// Where a run's output goes and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Default: file.
    pub to: OutputTo,
    /// Bytes of disk that one run's file may take; the oldest part goes first. Default: [`crate::limits::OUTPUT_MAX_DEFAULT`].
    pub max: u64,
    /// Files kept, the newest. Default: [`crate::limits::OUTPUT_KEEP_DEFAULT`].
    pub keep: u32,
    /// What its lines in the systemd journal are known by (SYSLOG_IDENTIFIER). Default: the job's name.
    #[serde(default)]
    pub identifier: Option<String>,
}

/// What a demand may bring along.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accept {
    /// Whether arguments may be appended to `command`.
    pub args: bool,
    /// Names of environment variables that may be set.
    pub environment: Vec<String>,
    /// Whether a payload may be given as standard input.
    pub input: bool,
}

/// Who may do something besides root, ebbd's own user and the control group: user names, numbers, `@group`s.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Allow {
    /// May run it, stop its runs, and see it.
    pub run: Vec<String>,
    /// May see its status, history and output.
    pub view: Vec<String>,
}

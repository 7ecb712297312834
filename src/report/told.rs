//! The report as `--json` prints it. Shapes only. Instants are RFC 3339 in UTC; an MB-hour is a mebibyte (1024 * 1024 bytes)
//! held for an hour.

use std::collections::BTreeMap;

use serde::Serialize;

use super::job::KeptCurves;
use super::slices::Slices;
use crate::clock::Wall;
use crate::journal::record::RunId;
use crate::words::{BaselineSource, Outcome};

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// From when on, in all.
    pub from: Wall,
    /// Until when: now.
    pub to: Wall,
    /// What was saved by all jobs that have a baseline; none where no job has one that counts.
    pub saving: Option<Saving>,
    /// What all runs used, with a baseline or without.
    pub used: Use,
    /// What the host held at its highest.
    pub host: Highest,
    /// Runs that waited for a place or for memory.
    pub waits: Waits,
    /// Triggers that became no run, by reason.
    pub skips: BTreeMap<&'static str, u64>,
    /// Runs in which the kernel killed for memory.
    pub oom_kills: OomKills,
    /// How runs ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// The jobs, that which used most first.
    pub jobs: Vec<JobTold>,
    /// The slowest runs, the slowest first.
    pub slowest: Vec<RunTold>,
    /// The runs of the highest peaks, the largest first.
    pub largest: Vec<RunTold>,
    /// Whether the journal tells of all that is asked for; else what was before `journal_from` is not known.
    pub journal_is_whole: bool,
    /// The earliest that is known of.
    pub journal_from: Option<Wall>,
    /// Runs of which the clock says that they ended after others that were written down later, or after now: not in the
    /// peaks for all of their time.
    pub out_of_order: u64,
    /// The memory of the host over time.
    #[serde(rename = "over_time", serialize_with = "slices")]
    pub slices: Pair<Slices, Vec<String>>,
}

/// Slices, and the names of the jobs that they number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<A, B>(pub A, pub B);

/// Before and after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Saving {
    /// What the daemons would have held, in MB-hours.
    pub before_mb_hours: f64,
    /// What runs used instead, ebbd included where its memory is known, in MB-hours.
    pub used_mb_hours: f64,
    /// The difference; less than nothing where it costs more.
    pub saved_mb_hours: f64,
    /// The same as a share of what was before, in percent.
    pub saved_percent: f64,
    /// What ebbd itself holds, in bytes, where that can be seen; it counts for all of the time.
    pub ebbd_bytes: Option<u64>,
    /// What the daemons held at rest together, in bytes.
    pub before_bytes: u64,
    /// What they could hold at most together, in bytes: the sum of the highest of each, as far as that is known.
    pub before_peak_bytes: u64,
    /// The most that runs of these jobs held together, in bytes.
    pub peak_bytes: u64,
}

/// What runs used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Use {
    /// In MB-hours.
    pub mb_hours: f64,
    /// Runs that ended.
    pub runs: u64,
    /// Runs that are alive.
    pub alive: u64,
    /// Runs whose memory over their time is known.
    pub by_curve: u64,
    /// Runs of which only the highest is known: it is taken for all of their time, so they used that at most.
    pub by_peak: u64,
    /// Runs whose memory is not known; they count for nothing.
    pub unknown: u64,
}

/// The most that runs held together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Highest {
    /// What the host is called.
    pub name: Option<String>,
    /// In bytes.
    pub peak_bytes: u64,
    /// When that was.
    pub peak_at: Option<Wall>,
    /// Who held it, the largest first.
    pub peak_jobs: Vec<Guest>,
    /// All memory of the host, in bytes.
    pub total_bytes: Option<u64>,
}

/// A job and what it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guest {
    /// Its name.
    pub job: String,
    /// In bytes.
    pub bytes: u64,
}

/// Runs that waited at least [`crate::limits::REPORT_WAIT_MIN_MS`] for their start; retries are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Waits {
    /// How many.
    pub runs: u64,
    /// How long in all, in milliseconds.
    pub total_ms: u64,
    /// The longest, in milliseconds.
    pub longest_ms: u64,
}

/// Runs in which the kernel killed for memory, by whose want it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct OomKills {
    /// All.
    pub runs: u64,
    /// Their own limit.
    pub limit: u64,
    /// A limit above it.
    pub above: u64,
    /// The host's.
    pub host: u64,
    /// It is not known.
    pub unknown: u64,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobTold {
    /// Its name.
    pub job: String,
    /// What it is for; none where it is not defined any more.
    pub description: Option<String>,
    /// What its daemon held at rest, in bytes, where it has a baseline.
    pub baseline_bytes: Option<u64>,
    /// What was saved; none without a baseline, and none before its first run.
    pub saving: Option<JobSaving>,
    /// What its runs used.
    pub used: Use,
    /// Its highest peak, in bytes.
    pub peak_bytes: Option<u64>,
    /// Its limit, in bytes.
    pub limit_bytes: Option<u64>,
    /// Its longest run, in milliseconds.
    pub longest_ms: Option<u64>,
    /// How long its runs took in all, in milliseconds.
    pub total_ms: u64,
    /// The CPU time of its runs, in milliseconds.
    pub cpu_ms: u64,
    /// See [`Told::waits`].
    pub waits: Waits,
    /// See [`Told::skips`].
    pub skips: BTreeMap<&'static str, u64>,
    /// See [`Told::oom_kills`].
    pub oom_kills: OomKills,
    /// See [`Told::outcomes`].
    pub outcomes: BTreeMap<&'static str, u64>,
    /// For pictures; `ebb history --json` has the curves of all runs.
    #[serde(skip)]
    pub curves: KeptCurves,
}

/// What a job saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobSaving {
    /// From when on the daemon is counted.
    pub from: Wall,
    /// What the daemon held at rest, in bytes.
    pub resident_bytes: u64,
    /// The most that it held, in bytes, where that is known.
    pub resident_peak_bytes: Option<u64>,
    /// Who says so.
    pub source: BaselineSource,
    /// The unit or container that it was.
    pub service: Option<String>,
    /// What it would have held, in MB-hours.
    pub before_mb_hours: f64,
    /// What runs used instead, in MB-hours.
    pub used_mb_hours: f64,
    /// The difference; less than nothing where it costs more.
    pub saved_mb_hours: f64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunTold {
    /// Which.
    pub run: Option<RunId>,
    /// Of which job.
    pub job: String,
    /// When it began.
    pub started_at: Option<Wall>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Its highest, in bytes.
    pub peak_anon_bytes: Option<u64>,
    /// The limit that it ran under, in bytes.
    pub memory_max_bytes: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, where it did not end well.
    pub detail: Option<String>,
}

fn slices<S: serde::Serializer>(
    Pair(slices, names): &Pair<Slices, Vec<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct One<'a> {
        bytes: u64,
        compared_bytes: u64,
        jobs: Vec<Held<'a>>,
    }
    #[derive(Serialize)]
    struct Held<'a> {
        job: &'a str,
        bytes: u64,
    }
    #[derive(Serialize)]
    struct OverTime<'a> {
        from: Wall,
        slice_ms: i64,
        slices: Vec<One<'a>>,
    }
    let held = |(job, bytes): &(u32, u64)| {
        Some(Held { job: names.get(usize::try_from(*job).ok()?)?, bytes: *bytes })
    };
    let slice = |slice: &super::Slice| One {
        bytes: slice.bytes,
        compared_bytes: slice.compared,
        jobs: slice.jobs.iter().filter_map(held).collect(),
    };
    OverTime {
        from: Wall(slices.begins(slices.slices.len().saturating_sub(1))),
        slice_ms: slices.ms,
        slices: slices.slices.iter().rev().map(slice).collect(),
    }
    .serialize(serializer)
}

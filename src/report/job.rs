//! What is summed up of one job's runs, and the few curves of theirs that are kept. Knows no other job and no baseline.

use std::collections::BTreeMap;

use super::shape::{Known, Shape, with_peak};
use super::told::{OomKills, Waits};
use crate::clock::Wall;
use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::limits;
use crate::words::{OomCause, Outcome, Trigger};

/// The curve of a run, as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which run.
    pub run: RunId,
    /// When it began.
    pub started_at: Wall,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Its highest, in bytes.
    pub peak: u64,
    /// The limit that it ran under, in bytes.
    pub limit: Option<u64>,
    /// How long a point stands for, in milliseconds.
    pub ms: u64,
    /// Its points in bytes; 0 where nobody had looked yet.
    pub points: Vec<u64>,
}

/// The newest curves of a job, and that of its largest run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptCurves {
    /// The newest first, at most [`limits::REPORT_CURVES_MAX`].
    pub newest: Vec<Kept>,
    /// That of the highest peak; of equals the newest.
    pub largest: Option<Kept>,
}

impl KeptCurves {
    fn offer(&mut self, line: &HistoryLine) {
        let is_new = self.newest.len() < limits::REPORT_CURVES_MAX;
        let is_largest = self.largest.as_ref().is_none_or(|kept| line.peak_anon_bytes > Some(kept.peak));
        let Some(kept) = (is_new || is_largest).then(|| kept(line)).flatten() else { return };
        if is_largest {
            self.largest = Some(kept.clone());
        }
        if is_new {
            self.newest.push(kept);
        }
    }
}

fn kept(line: &HistoryLine) -> Option<Kept> {
    let (curve, peak) = (line.curve.as_ref()?, line.peak_anon_bytes?);
    Some(Kept {
        run: line.id?,
        started_at: line.started_at?,
        duration_ms: line.duration_ms?,
        peak,
        limit: line.memory_max_bytes,
        ms: curve.ms,
        points: with_peak(curve, peak),
    })
}

/// The sums of a job.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) runs: u64,
    pub(super) alive: u64,
    /// Bytes times milliseconds.
    pub(super) area: u128,
    /// Of that, what is held against the baseline.
    pub(super) compared: u128,
    pub(super) by_curve: u64,
    pub(super) by_peak: u64,
    pub(super) unknown: u64,
    pub(super) peak: Option<u64>,
    pub(super) longest_ms: Option<u64>,
    pub(super) total_ms: u64,
    pub(super) cpu_ms: u64,
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    pub(super) skips: BTreeMap<&'static str, u64>,
    pub(super) waits: Waits,
    pub(super) oom: OomKills,
    /// The limit of the newest run that had one.
    pub(super) limit: Option<u64>,
    /// When its first run began, in milliseconds since 1970 UTC.
    pub(super) first: Option<i64>,
    pub(super) curves: KeptCurves,
}

impl Sum {
    /// A run that has ended, or a trigger that did not become one.
    pub(super) fn add(&mut self, line: &HistoryLine) {
        if line.outcome == Outcome::Skipped {
            let reason = line.reason.map_or("unknown", crate::words::SkipReason::word);
            *self.skips.entry(reason).or_default() += 1;
            return;
        }
        self.runs += 1;
        *self.outcomes.entry(line.outcome.word()).or_default() += 1;
        self.oom.add(line);
        self.waits.add(line);
        self.peak = self.peak.max(line.peak_anon_bytes);
        self.limit = self.limit.or(line.memory_max_bytes);
        self.cpu_ms = self.cpu_ms.saturating_add(line.cpu_ms.unwrap_or(0));
        if line.started_at.is_some() {
            self.longest_ms = self.longest_ms.max(line.duration_ms);
            self.total_ms = self.total_ms.saturating_add(line.duration_ms.unwrap_or(0));
        }
        self.curves.offer(line);
    }

    /// The memory of a run over its time: of all of it that is after `since`, and of that what is held against the baseline.
    pub(super) fn add_shape(&mut self, shape: &Shape, since: i64, compared_since: Option<i64>) {
        match shape.known {
            Known::Curve => self.by_curve += 1,
            Known::Peak => self.by_peak += 1,
            Known::Nothing => self.unknown += 1,
        }
        self.area += shape.area(since);
        self.compared += compared_since.map_or(0, |since| shape.area(since));
    }

    pub(super) fn begins(&mut self, at: i64) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
    }
}

impl OomKills {
    fn add(&mut self, line: &HistoryLine) {
        let is_killed = line.outcome == Outcome::OomKill || line.oom_kills.is_some_and(|kills| kills > 0);
        if !is_killed {
            return;
        }
        self.runs += 1;
        match line.oom_cause {
            Some(OomCause::Limit) => self.limit += 1,
            Some(OomCause::Above) => self.above += 1,
            Some(OomCause::Host) => self.host += 1,
            None => self.unknown += 1,
        }
    }
}

impl Waits {
    /// How long it waited between its trigger and its start; a retry's delay is no wait.
    fn add(&mut self, line: &HistoryLine) {
        let (Some(queued), Some(started)) = (line.queued_at, line.started_at) else { return };
        let ms = u64::try_from(started.0.saturating_sub(queued.0)).unwrap_or(0);
        if line.trigger == Trigger::Retry || ms < limits::REPORT_WAIT_MIN_MS {
            return;
        }
        self.runs += 1;
        self.total_ms = self.total_ms.saturating_add(ms);
        self.longest_ms = self.longest_ms.max(ms);
    }
}

//! From sums to the report: what daemons would have held, what runs used instead, what was saved. Where something is not known,
//! the figure is the one that makes the saving smaller.

use std::collections::BTreeMap;

use super::gather::{Against, Gather};
use super::job::Sum;
use super::told::{Guest, Highest, JobSaving, JobTold, OomKills, Pair, Saving, Told, Use, Waits};
use crate::clock::Wall;

/// What is known besides the runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// What the host is called.
    pub host: Option<String>,
    /// What ebbd itself holds, in bytes.
    pub ebbd_bytes: Option<u64>,
    /// All memory of the host, in bytes.
    pub total_bytes: Option<u64>,
    /// The jobs that are defined, with what they are for and their limits in bytes.
    pub jobs: BTreeMap<String, (String, Option<u64>)>,
}

/// Bytes times milliseconds as MB-hours, of 1024 * 1024 bytes.
#[must_use]
#[allow(clippy::cast_precision_loss)] // A figure for people: 15 digits are enough.
pub fn mb_hours(area: u128) -> f64 {
    area as f64 / (f64::from(1 << 20) * 3_600_000.0)
}

impl Gather {
    /// The report.
    #[must_use]
    pub fn finish(mut self, facts: &Facts) -> Told {
        self.sweep.finish();
        let now = self.begin.now.0;
        let is_whole = self.is_whole();
        let since = self.begin.since.map(|since| since.0);
        let starts: Vec<Option<i64>> =
            self.names.iter().zip(&self.sums).map(|(name, sum)| self.start(name, sum)).collect();
        let earliest_start = starts.iter().flatten().copied().min();
        let known_from = if is_whole { i64::MIN } else { self.earliest.unwrap_or(now) };
        let from = since.map_or(self.earliest.unwrap_or(now), |since| since.max(known_from)).min(now);
        let mut jobs: Vec<JobTold> = Vec::new();
        for ((name, sum), start) in self.names.iter().zip(&mut self.sums).zip(&starts) {
            let against = self.begin.against.get(name);
            jobs.push(job(name, std::mem::take(sum), (against, *start), now, facts));
        }
        let peak = &self.sweep.top;
        let guest = |(job, bytes): &(u32, u64)| {
            Some(Guest { job: self.names.get(usize::try_from(*job).ok()?)?.clone(), bytes: *bytes })
        };
        let host = Highest {
            name: facts.host.clone(),
            peak_bytes: peak.bytes,
            peak_at: (peak.bytes > 0).then_some(Wall(peak.at)),
            peak_jobs: peak.jobs.iter().filter_map(guest).collect(),
            total_bytes: facts.total_bytes,
        };
        let saving = earliest_start.map(|start| {
            let ebbd = u128::from(facts.ebbd_bytes.unwrap_or(0)) * u128::try_from(now - start).unwrap_or(0);
            total(&jobs, mb_hours(ebbd), self.sweep.top_compared, facts.ebbd_bytes)
        });
        let mut slices = self.sweep.slices;
        slices.reach(from);
        let mut told = Told {
            from: Wall(from),
            to: self.begin.now,
            saving,
            used: Use::default(),
            host,
            waits: Waits::default(),
            skips: BTreeMap::new(),
            oom_kills: OomKills::default(),
            outcomes: BTreeMap::new(),
            jobs,
            slowest: self.slowest.into_vec(),
            largest: self.largest.into_vec(),
            journal_is_whole: is_whole,
            journal_from: self.earliest.map(Wall),
            out_of_order: self.sweep.late,
            slices: Pair(slices, self.names),
        };
        told.sum_up();
        told.jobs.sort_by(|a, b| b.weight().total_cmp(&a.weight()).then_with(|| a.job.cmp(&b.job)));
        told
    }
}

impl Gather {
    /// From when on the daemon of a job is counted as gone; none where it has no baseline, or has not run. That somebody measured
    /// a daemon and wrote a job does not end the daemon: the job's first run does as little, but shows that it is in use.
    fn start(&self, name: &str, sum: &Sum) -> Option<i64> {
        let against = self.begin.against.get(name)?;
        let first = sum.first?;
        let said = against.since.map_or(i64::MIN, |since| since.0);
        let start = match self.begin.since {
            Some(since) if self.is_whole() && against.since.is_some_and(|said| said <= since) => since.0,
            Some(since) => first.max(said).max(since.0),
            None => first.max(said),
        };
        Some(start.min(self.begin.now.0))
    }
}

fn job(
    name: &str,
    sum: Sum,
    (against, start): (Option<&Against>, Option<i64>),
    now: i64,
    facts: &Facts,
) -> JobTold {
    let defined = facts.jobs.get(name);
    let saving = against.zip(start).map(|(against, from)| {
        let ms = u128::try_from(now - from).unwrap_or(0);
        let before = mb_hours(u128::from(against.resident_bytes) * ms);
        let used = mb_hours(sum.compared);
        JobSaving {
            from: Wall(from),
            resident_bytes: against.resident_bytes,
            resident_peak_bytes: against.peak_bytes,
            source: against.source,
            service: against.service.clone(),
            before_mb_hours: before,
            used_mb_hours: used,
            saved_mb_hours: before - used,
        }
    });
    JobTold {
        job: name.to_owned(),
        description: defined.map(|(description, _)| description.clone()),
        baseline_bytes: against.map(|against| against.resident_bytes),
        saving,
        used: Use {
            mb_hours: mb_hours(sum.area),
            runs: sum.runs,
            alive: sum.alive,
            by_curve: sum.by_curve,
            by_peak: sum.by_peak,
            unknown: sum.unknown,
        },
        peak_bytes: sum.peak,
        limit_bytes: defined.and_then(|(_, limit)| *limit).or(sum.limit),
        longest_ms: sum.longest_ms,
        total_ms: sum.total_ms,
        cpu_ms: sum.cpu_ms,
        waits: sum.waits,
        skips: sum.skips,
        oom_kills: sum.oom,
        outcomes: sum.outcomes,
        curves: sum.curves,
    }
}

/// Of all jobs with a baseline.
fn total(jobs: &[JobTold], ebbd_mb_hours: f64, peak_bytes: u64, ebbd_bytes: Option<u64>) -> Saving {
    let savings = || jobs.iter().filter_map(|job| job.saving.as_ref());
    let before: f64 = savings().map(|saving| saving.before_mb_hours).sum();
    let used = savings().map(|saving| saving.used_mb_hours).sum::<f64>() + ebbd_mb_hours;
    let highest = |saving: &JobSaving| saving.resident_peak_bytes.unwrap_or(0).max(saving.resident_bytes);
    Saving {
        before_mb_hours: before,
        used_mb_hours: used,
        saved_mb_hours: before - used,
        saved_percent: if before > 0.0 { (before - used) / before * 100.0 } else { 0.0 },
        ebbd_bytes,
        before_bytes: savings().map(|saving| saving.resident_bytes).fold(0, u64::saturating_add),
        before_peak_bytes: savings().map(highest).fold(0, u64::saturating_add),
        peak_bytes,
    }
}

impl Told {
    fn sum_up(&mut self) {
        for job in &self.jobs {
            let (all, one) = (&mut self.used, &job.used);
            all.mb_hours += one.mb_hours;
            all.runs += one.runs;
            all.alive += one.alive;
            all.by_curve += one.by_curve;
            all.by_peak += one.by_peak;
            all.unknown += one.unknown;
            self.waits.runs += job.waits.runs;
            self.waits.total_ms = self.waits.total_ms.saturating_add(job.waits.total_ms);
            self.waits.longest_ms = self.waits.longest_ms.max(job.waits.longest_ms);
            for (sums, ones) in [(&mut self.skips, &job.skips), (&mut self.outcomes, &job.outcomes)] {
                ones.iter().for_each(|(word, count)| *sums.entry(word).or_default() += count);
            }
            let (all, one) = (&mut self.oom_kills, &job.oom_kills);
            all.runs += one.runs;
            all.limit += one.limit;
            all.above += one.above;
            all.host += one.host;
            all.unknown += one.unknown;
        }
    }
}

impl JobTold {
    /// What a job is ranked by: what its daemon would have held, or its runs used.
    fn weight(&self) -> f64 {
        self.saving.as_ref().map_or(0.0, |saving| saving.before_mb_hours).max(self.used.mb_hours)
    }
}

//! Takes in the runs of the journal one by one, the newest first, as `History` gives them, and keeps sums. What is kept grows
//! with the number of jobs, never with that of runs.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::job::Sum;
use super::ranked::Ranked;
use super::shape::Shape;
use super::sweep::Sweep;
use super::told::RunTold;
use crate::clock::Wall;
use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::limits;
use crate::words::{BaselineSource, Outcome};

/// What a daemon held before it was a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Against {
    /// At rest, in bytes.
    pub resident_bytes: u64,
    /// At most, in bytes.
    pub peak_bytes: Option<u64>,
    /// From when on the job stands in for it; where nobody says, from its first run on.
    pub since: Option<Wall>,
    /// Who says so.
    pub source: BaselineSource,
    /// The unit or container that it was.
    pub service: Option<String>,
}

/// What the reckoning begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// The wall clock.
    pub now: Wall,
    /// Nothing before this counts, where somebody said so.
    pub since: Option<Wall>,
    /// The baseline, by name of job.
    pub against: BTreeMap<String, Against>,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alive {
    /// Which.
    pub run: RunId,
    /// Of which job.
    pub job: String,
    /// When it began.
    pub started_at: Wall,
    /// Its highest so far, in bytes.
    pub peak_bytes: Option<u64>,
}

/// The sums so far.
#[derive(Debug)]
pub struct Gather {
    pub(super) begin: Begin,
    numbers: HashMap<String, u32>,
    pub(super) names: Vec<String>,
    pub(super) sums: Vec<Sum>,
    pub(super) sweep: Sweep,
    pub(super) slowest: Ranked<RunTold>,
    pub(super) largest: Ranked<RunTold>,
    alive: Vec<RunId>,
    /// The earliest instant that the journal told of.
    pub(super) earliest: Option<i64>,
    lowest_run: Option<RunId>,
    /// Whether the journal told of something before `since`, and so of all that is after it.
    is_past_since: bool,
}

impl Gather {
    /// Nothing yet.
    #[must_use]
    pub fn new(begin: Begin) -> Self {
        let sweep = Sweep::new(begin.now.0);
        let mut gather = Self {
            begin,
            numbers: HashMap::new(),
            names: Vec::new(),
            sums: Vec::new(),
            sweep,
            slowest: Ranked::new(limits::REPORT_RANKED_MAX),
            largest: Ranked::new(limits::REPORT_RANKED_MAX),
            alive: Vec::new(),
            earliest: None,
            lowest_run: None,
            is_past_since: false,
        };
        // A job with a baseline is told of also where it has not run.
        let names: Vec<String> = gather.begin.against.keys().cloned().collect();
        names.iter().for_each(|name| {
            gather.number(name);
        });
        gather
    }

    /// A run that has not ended: it held its highest so far for all of its time, at most. Before all that have ended.
    pub fn add_alive(&mut self, alive: &Alive) {
        self.alive.push(alive.run);
        self.see_run(alive.run);
        let (from, to) = (alive.started_at.0, self.begin.now.0);
        let shape = match alive.peak_bytes {
            Some(peak) if from < to => Shape::flat(from, to, peak),
            Some(_) | None => return,
        };
        let number = self.number(&alive.job);
        let since = self.since();
        let compared = self.compared_since(&alive.job);
        let sum = &mut self.sums[number as usize];
        sum.alive += 1;
        sum.peak = sum.peak.max(alive.peak_bytes);
        sum.add_shape(&shape, since, compared);
        self.reach(from, Some(number));
        self.sweep.add(number, shape, since, compared.is_some());
    }

    /// The next line of the history. Break: those that follow are older than what is asked for.
    pub fn add(&mut self, line: &HistoryLine) -> ControlFlow<()> {
        let since = self.since();
        if line.ended().0 < since.saturating_sub(limits::HISTORY_SLACK_MS) {
            self.is_past_since = true;
            return ControlFlow::Break(());
        }
        if let Some(run) = line.id {
            self.see_run(run);
        }
        if line.ended().0 < since {
            self.is_past_since = true;
            return ControlFlow::Continue(());
        }
        // It ended while this was asked for, and counts as alive.
        if line.id.is_some_and(|run| self.alive.contains(&run)) {
            return ControlFlow::Continue(());
        }
        let number = self.number(&line.job);
        self.sums[number as usize].add(line);
        let Some(shape) = Shape::of(line) else {
            self.reach(line.ended().0, None);
            return ControlFlow::Continue(());
        };
        self.reach(shape.from, Some(number));
        let compared = self.compared_since(&line.job);
        self.sums[number as usize].add_shape(&shape, since, compared);
        self.sweep.add(number, shape, since, compared.is_some());
        self.rank(line);
        ControlFlow::Continue(())
    }

    fn rank(&mut self, line: &HistoryLine) {
        let told = || RunTold {
            run: line.id,
            job: line.job.clone(),
            started_at: line.started_at,
            duration_ms: line.duration_ms,
            peak_anon_bytes: line.peak_anon_bytes,
            memory_max_bytes: line.memory_max_bytes,
            outcome: line.outcome,
            detail: line.detail.clone().filter(|_| line.outcome != Outcome::Success),
        };
        if let Some(ms) = line.duration_ms {
            self.slowest.offer(ms, told);
        }
        if let Some(bytes) = line.peak_anon_bytes {
            self.largest.offer(bytes, told);
        }
    }

    /// Whether the journal is known to tell of all that was since `since`, or ever.
    pub(super) fn is_whole(&self) -> bool {
        self.is_past_since || self.lowest_run.is_none_or(|run| run <= 1)
    }

    /// Nothing before this counts.
    fn since(&self) -> i64 {
        self.begin.since.map_or(i64::MIN, |since| since.0)
    }

    /// From when on runs of a job are held against its baseline; none without one.
    fn compared_since(&self, job: &str) -> Option<i64> {
        let against = self.begin.against.get(job)?;
        Some(against.since.map_or(i64::MIN, |since| since.0).max(self.since()))
    }

    fn see_run(&mut self, run: RunId) {
        self.lowest_run = Some(self.lowest_run.map_or(run, |lowest| lowest.min(run)));
    }

    /// The journal tells of this instant. A clock that was never set does not count.
    fn reach(&mut self, at: i64, job: Option<u32>) {
        let at = at.max(self.since());
        if at < limits::REPORT_CLOCK_SET_MS {
            return;
        }
        self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
        if let Some(job) = job {
            self.sums[job as usize].begins(at);
        }
    }

    fn number(&mut self, job: &str) -> u32 {
        if let Some(number) = self.numbers.get(job) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(job.to_owned(), number);
        self.names.push(job.to_owned());
        self.sums.push(Sum::default());
        number
    }

    #[cfg(test)]
    pub(super) fn sweep_is_ahead(&self) -> usize {
        self.sweep.steps_ahead()
    }
}

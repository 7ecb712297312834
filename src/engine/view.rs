//! What people may see of the engine: copies for `ebb status`, made when asked for.

use crate::clock::{Mono, Wall};
use crate::journal::record::RunId;
use crate::learn::Learned;
use crate::words::{ClaimSource, StopReason, Trigger};

use super::event::DefinitionRef;
use super::job::{Last, Next};
use super::run::{Run, State};
use super::{Budget, Engine, JobIndex};

/// A job as people see it.
#[derive(Debug, Clone)]
pub struct JobView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where its definition lies.
    pub definition: DefinitionRef,
    /// Whether it starts by itself, as its file says.
    pub enabled: bool,
    /// Whether `ebb pause` holds it back.
    pub paused: bool,
    /// Its next start by itself.
    pub next: Option<Next>,
    /// When its latest run started.
    pub last_start: Option<Wall>,
    /// Its latest end.
    pub last: Option<Last>,
    /// Its runs that have not ended.
    pub runs: Vec<RunView>,
    /// What its runs have taught.
    pub learned: Learned,
    /// Bytes that its next run claims, and where the figure comes from.
    pub claim: (u64, ClaimSource),
}

/// Why a run waits although its job would let it start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// Since when.
    pub since: Wall,
    /// What it waits for, in the words of the protocol.
    pub resource: String,
    /// Bytes or places that it needs of that.
    pub needs: Option<u64>,
    /// Bytes or places that are free.
    pub free: Option<u64>,
    /// The run that is before it.
    pub behind: Option<RunId>,
    /// When it will likely start.
    pub likely: Option<Mono>,
    /// All but the times in a sentence.
    pub sentence: String,
}

/// A run that has not ended, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunView {
    /// Its number.
    pub id: RunId,
    /// Why it runs.
    pub trigger: Trigger,
    /// 1 for the first try.
    pub attempt: u32,
    /// `waiting`, `starting`, `running` or `stopping`.
    pub state: &'static str,
    /// When it was accepted.
    pub queued_at: Wall,
    /// When its program started.
    pub started_at: Option<Wall>,
    /// When it starts at the earliest (a retry's delay).
    pub not_before: Option<Mono>,
    /// Who asked for it.
    pub uid: Option<u32>,
    /// Why it can't start, where it would if it could.
    pub lacks: Option<String>,
    /// Bytes that it claims.
    pub claim: Option<u64>,
    /// What it waits for.
    pub waits: Option<Waits>,
}

/// The budget or a pool of it, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareView<'a> {
    /// The pool; none for the budget itself.
    pub pool: Option<&'a str>,
    /// Bytes that its runs may claim together.
    pub memory: Option<u64>,
    /// Bytes that they claim now.
    pub claimed: u64,
    /// Its runs at once.
    pub max_parallel: Option<u16>,
    /// Its runs now.
    pub running: usize,
}

impl Engine {
    /// Who has claimed what: of the budget first, then of each pool.
    pub fn shares(&self) -> impl Iterator<Item = ShareView<'_>> {
        let Budget { memory, max_parallel, pools, .. } = &self.budget;
        let all = self.share(None, *memory, *max_parallel);
        let pools = pools.iter().map(|pool| self.share(Some(&pool.name), pool.memory, pool.max_parallel));
        std::iter::once(all).chain(pools)
    }

    fn share<'a>(
        &'a self,
        pool: Option<&'a str>,
        memory: Option<u64>,
        max_parallel: Option<u16>,
    ) -> ShareView<'a> {
        let is_of = |run: &&Run| run.is_active() && (pool.is_none() || run.policy.pool.as_deref() == pool);
        let (claimed, running) = self
            .runs
            .iter()
            .filter(is_of)
            .fold((0, 0), |(claimed, running), run| (run.claim.saturating_add(claimed), running + 1));
        ShareView { pool, memory, claimed, max_parallel, running }
    }

    /// Since when starts are held back because the host stands still for memory.
    #[must_use]
    pub fn held_since(&self) -> Option<Wall> {
        self.pressure.map(|pressure| pressure.since)
    }

    /// What all runs together may claim.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// How many jobs are loaded.
    #[must_use]
    pub fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// Where a job stands in the order of names.
    #[must_use]
    pub fn job_index(&self, name: &str) -> Option<JobIndex> {
        self.find(name).map(JobIndex)
    }

    /// One job; none beyond the last.
    #[must_use]
    pub fn job(&self, index: JobIndex) -> Option<JobView<'_>> {
        let job = self.jobs.get(index.0)?;
        Some(JobView {
            name: &job.name,
            definition: job.definition,
            enabled: job.policy.enabled,
            paused: job.facts.paused,
            next: job.next,
            last_start: job.facts.last_start,
            last: job.facts.last,
            runs: self.runs.iter().filter(|r| r.job == job.name).map(|run| self.view(run)).collect(),
            learned: job.facts.learned,
            claim: self.claim_of(index.0, None),
        })
    }

    /// The job of a run that has not ended.
    #[must_use]
    pub fn job_of(&self, run: RunId) -> Option<&str> {
        self.runs.iter().find(|r| r.id == run).map(|r| &*r.job)
    }

    /// The memory limit that a run gets in place of its job's, in bytes.
    #[must_use]
    pub fn raised_max(&self, run: RunId) -> Option<u64> {
        self.runs.iter().find(|r| r.id == run).and_then(|r| r.raised_max)
    }

    /// Why a run is being ended, where it is.
    #[must_use]
    pub fn why_ending(&self, run: RunId) -> Option<StopReason> {
        self.runs.iter().find(|r| r.id == run).and_then(Run::why)
    }

    /// How often a run's start was put off since it was last under way.
    #[must_use]
    pub fn times_put_off(&self, run: RunId) -> u32 {
        self.runs.iter().find(|r| r.id == run).map_or(0, |r| r.put_off)
    }

    /// Runs of jobs that are gone; they go on until they end.
    pub fn stray_runs(&self) -> impl Iterator<Item = (&str, RunView)> {
        let strays = self.runs.iter().filter(|r| self.find(&r.job).is_none());
        strays.map(move |r| (&*r.job, self.view(r)))
    }

    /// How many runs wait, and how many have processes.
    #[must_use]
    pub fn run_counts(&self) -> (usize, usize) {
        let active = self.runs.iter().filter(|r| r.is_active()).count();
        (self.runs.len() - active, active)
    }

    /// The earliest start by itself, with its job.
    #[must_use]
    pub fn earliest(&self) -> Option<(&str, Wall)> {
        let due = self.jobs.iter().filter_map(|j| j.next.map(|n| (&*j.name, n.at)));
        due.min_by_key(|(_, at)| *at)
    }
}

impl Engine {
    fn view(&self, run: &Run) -> RunView {
        let (state, not_before) = match run.state {
            State::Waiting { not_before } => ("waiting", not_before),
            State::PutOff { until } => ("waiting", until),
            State::Starting { .. } => ("starting", None),
            State::Running { .. } => ("running", None),
            State::Stopping { .. } => ("stopping", None),
        };
        RunView {
            id: run.id,
            trigger: run.trigger,
            attempt: run.attempt,
            state,
            queued_at: run.queued_at,
            started_at: run.since().map(|s| s.wall),
            not_before,
            uid: run.uid,
            lacks: run.lacks.as_deref().map(str::to_owned),
            claim: self.find(&run.job).map(|index| match run.is_active() {
                true => run.claim,
                false => self.claim_of(index, run.raised_max).0,
            }),
            waits: run.hold.as_ref().map(|hold| hold.waits(&self.budget)),
        }
    }
}

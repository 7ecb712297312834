//! What people may see of the engine: copies for `ebb status`, made when asked for.

use crate::clock::{Mono, Wall};
use crate::journal::record::{JobFacts, RunId};
use crate::words::{StopReason, Trigger};

use super::event::DefinitionRef;
use super::job::{Last, Next};
use super::run::{Run, State};
use super::{Engine, JobIndex};

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
}

impl Engine {
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
            runs: self.runs.iter().filter(|r| r.job == job.name).map(view).collect(),
        })
    }

    /// The job of a run that has not ended.
    #[must_use]
    pub fn job_of(&self, run: RunId) -> Option<&str> {
        self.runs.iter().find(|r| r.id == run).map(|r| &*r.job)
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
        self.runs.iter().filter(|r| self.find(&r.job).is_none()).map(|r| (&*r.job, view(r)))
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

    /// What the head of a new journal segment has to say about one job; none beyond the last.
    #[must_use]
    pub fn facts(&self, index: JobIndex) -> Option<JobFacts> {
        self.jobs.get(index.0).map(super::job::Job::record)
    }
}

fn view(run: &Run) -> RunView {
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
    }
}

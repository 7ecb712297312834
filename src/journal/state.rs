//! What the records of a journal add up to: all that a start needs. PURE.
//! Decides nothing about it, and takes what is doubled or lacks its beginning as it comes.

use std::collections::BTreeMap;

use super::record::{Event, Finished, JobFacts, Opened, Queued, Record, RunId, Skipped, Started, Stopping};
use crate::clock::Wall;
use crate::learn::Learned;
use crate::words::{StopReason, Trigger};

/// The sum of all records so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The latest start of ebbd; its boot id is that of the runs below, where they do not say `rebooted`.
    pub opened: Option<Opened>,
    /// What is known of each job that is defined, by name; `paused` among it.
    pub jobs: BTreeMap<String, JobFacts>,
    /// The runs that were accepted and have not ended, by number and so in the order in which they were accepted.
    pub runs: BTreeMap<RunId, OpenRun>,
    /// The next run gets this number or a higher one.
    pub next_run: RunId,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// When its trigger was accepted.
    pub queued_at: Wall,
    /// Its trigger. Where that record is lost and only the start was found: a manual one that brought nothing along.
    pub queued: Queued,
    /// Its start, where it has started.
    pub started: Option<OpenStart>,
    /// When and why ebb began to end it, where it did. It may not have started by then.
    pub stopping: Option<(Wall, StopReason)>,
}

/// The start of a run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStart {
    /// When.
    pub at: Wall,
    /// Its process and control groups.
    pub started: Started,
    /// ebbd has since started on another boot of the host, so the run is over whatever its pid says.
    pub rebooted: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { opened: None, jobs: BTreeMap::new(), runs: BTreeMap::new(), next_run: 1 }
    }
}

impl State {
    /// Adds one record; they come in the order of the journal.
    pub fn apply(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            Event::Opened(opened) => self.open(opened),
            Event::Job(facts) => {
                self.next_run = self.next_run.max(facts.last_run.map_or(0, after));
                self.jobs.insert(facts.job.clone(), facts.clone());
            }
            Event::JobRemoved { job } => drop(self.jobs.remove(job)),
            Event::Paused { job } => self.pause(job, at),
            Event::Resumed { job } => {
                if let Some(facts) = self.jobs.get_mut(job) {
                    facts.paused = false;
                }
            }
            Event::Queued(queued) => self.queue(at, queued),
            Event::Started(started) => self.start(at, started),
            Event::Stopping(stopping) => self.stop(at, stopping),
            Event::Finished(finished) => self.finish(finished),
            Event::Skipped(skipped) => self.skip(skipped),
            Event::Pressure(_) => {}
        }
    }

    /// The jobs whose own triggers are held back.
    pub fn paused(&self) -> impl Iterator<Item = &str> {
        self.jobs.values().filter(|facts| facts.paused).map(|facts| facts.job.as_str())
    }

    /// The runs that were accepted and have not started.
    pub fn waiting(&self) -> impl Iterator<Item = &OpenRun> {
        self.runs.values().filter(|run| run.started.is_none())
    }

    /// The runs that have started and not ended, as far as the journal knows.
    pub fn under_way(&self) -> impl Iterator<Item = (&OpenRun, &OpenStart)> {
        self.runs.values().filter_map(|run| Some((run, run.started.as_ref()?)))
    }

    /// The head of a new segment, as [`super::Writer::rotate`] wants it, that adds up to this state again; but for
    /// `rebooted`: such runs are to be ended first. `opened` is written with at least the `next_run` of this state.
    pub fn snapshot(&self, at: Wall, opened: Opened) -> impl Iterator<Item = Record> {
        let record = |at, event| Record { at, event };
        let opened = Opened { next_run: self.next_run.max(opened.next_run), ..opened };
        std::iter::once(record(at, Event::Opened(opened)))
            .chain(self.runs.values().flat_map(move |run| {
                let queued = record(run.queued_at, Event::Queued(run.queued.clone()));
                let started = run.started.as_ref().map(|s| record(s.at, Event::Started(s.started.clone())));
                let stopping = run.stopping.map(|(at, reason)| {
                    let (id, job) = (run.queued.id, run.queued.job.clone());
                    record(at, Event::Stopping(Stopping { id, job, reason }))
                });
                std::iter::once(queued).chain(started).chain(stopping)
            }))
            .chain(self.jobs.values().map(move |facts| record(at, Event::Job(facts.clone()))))
    }

    fn open(&mut self, opened: &Opened) {
        if self.opened.as_ref().is_some_and(|before| before.boot != opened.boot) {
            for start in self.runs.values_mut().filter_map(|run| run.started.as_mut()) {
                start.rebooted = true;
            }
        }
        // The end of ebbd that kept a run from starting is over.
        for run in self.runs.values_mut().filter(|run| run.started.is_none()) {
            run.stopping = run.stopping.filter(|(_, reason)| *reason != StopReason::Shutdown);
        }
        self.next_run = self.next_run.max(opened.next_run);
        self.opened = Some(opened.clone());
    }

    /// A pause outlives the record of its job: facts made up here have no timing, so the job counts as new and paused.
    fn pause(&mut self, job: &str, at: Wall) {
        let facts = self.jobs.entry(job.to_owned()).or_insert_with(|| JobFacts {
            job: job.to_owned(),
            timing: 0,
            since: at,
            last_slot: None,
            last_start: None,
            last_end: None,
            last_outcome: None,
            last_run: None,
            paused: true,
            learned: Learned::default(),
        });
        facts.paused = true;
    }

    fn queue(&mut self, at: Wall, queued: &Queued) {
        self.next_run = self.next_run.max(after(queued.id));
        self.slot(&queued.job, queued.trigger, queued.slot);
        self.runs.entry(queued.id).or_insert_with(|| OpenRun {
            queued_at: at,
            queued: queued.clone(),
            started: None,
            stopping: None,
        });
    }

    fn start(&mut self, at: Wall, started: &Started) {
        self.next_run = self.next_run.max(after(started.id));
        let run = self.runs.entry(started.id).or_insert_with(|| OpenRun {
            queued_at: at,
            queued: Queued::plain(started.id, &started.job, Trigger::Manual),
            started: None,
            stopping: None,
        });
        run.started.get_or_insert_with(|| OpenStart { at, started: started.clone(), rebooted: false });
        if let Some(facts) = self.jobs.get_mut(&started.job) {
            facts.last_start = Some(at);
            facts.last_run = facts.last_run.max(Some(started.id));
        }
    }

    /// The first reason counts, as it does while ebbd lives.
    fn stop(&mut self, at: Wall, stopping: &Stopping) {
        if let Some(run) = self.runs.get_mut(&stopping.id) {
            run.stopping.get_or_insert((at, stopping.reason));
        }
    }

    fn finish(&mut self, finished: &Finished) {
        self.next_run = self.next_run.max(after(finished.id));
        let was_open = self.runs.remove(&finished.id).is_some();
        if let Some(facts) = self.jobs.get_mut(&finished.job) {
            if was_open {
                facts.learned.learn(&finished.lesson());
            }
            facts.last_end = Some(finished.finished_at);
            facts.last_outcome = Some(finished.outcome);
            facts.last_run = facts.last_run.max(Some(finished.id));
        }
    }

    fn skip(&mut self, skipped: &Skipped) {
        self.slot(&skipped.job, skipped.trigger, skipped.slot);
    }

    /// A slot counts where it is the schedule's own; a retry carries the slot of its first attempt. The one written
    /// last counts, not the highest: after a clock that was far ahead is set right, the schedule goes on.
    fn slot(&mut self, job: &str, trigger: Trigger, slot: Option<Wall>) {
        if let (Trigger::Schedule, Some(slot), Some(facts)) = (trigger, slot, self.jobs.get_mut(job)) {
            facts.last_slot = Some(slot);
        }
    }
}

/// The number after `run`'s.
const fn after(run: RunId) -> RunId {
    run.saturating_add(1)
}

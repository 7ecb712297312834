//! What to do: `handle(now, event)` returns effects, `next_wake()` says when time alone matters.
//! Pure: it reads no clock, touches no file, awaits nothing, and knows nothing of processes but their names.
//!
//! One owner, one queue: the shell hands in one event after the other and carries the effects out in their order.

// State x event: every match names every case, so that a new one can't be forgotten.
#![deny(clippy::wildcard_enum_match_arm)]

mod admit;
mod budget;
mod carry;
mod claim;
mod demand;
mod effect;
mod event;
mod job;
mod lifecycle;
mod load;
mod policy;
mod run;
mod sentence;
mod timing;
mod view;

#[cfg(test)]
mod scale;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use budget::{Budget, Pool, Room};
pub use carry::Carried;
pub use effect::{Effect, Order, Reply};
pub use event::{ClientId, DefinitionRef, Event, Exit, JobIndex, Loaded, Process, Refused, Target};
pub use job::{Last, Next};
pub use load::{Restored, RestoredRun};
pub use policy::Policy;
pub use view::{JobView, RunView, ShareView, Waits};

use crate::clock::{Mono, Now, Wall};
use crate::journal::record::{JobFacts, RunId};
use job::Job;
use run::Run;

/// When the engine wants to see [`Event::Due`] again, by either clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wake {
    /// By the wall clock: slots.
    pub wall: Option<Wall>,
    /// By the clock that nobody sets: timeouts, grace periods, retry delays.
    pub mono: Option<Mono>,
}

/// The whole state of ebbd that decides anything.
pub struct Engine {
    /// Sorted by name.
    jobs: Vec<Job>,
    /// In the order of their numbers.
    runs: Vec<Run>,
    next_run: RunId,
    random: fastrand::Rng,
    /// Jobs whose files have problems, as of the latest load.
    refused: Refused,
    /// What is known of those among them that are not in force.
    absent: Vec<JobFacts>,
    /// What the journal knew, until the first load has taken it over.
    restored: Option<Box<Restored>>,
    shutdown: Shutdown,
    /// Whether this is no start: an earlier ebbd has handed over.
    goes_on: bool,
    /// The longest grace of a run that ends with ebbd, in milliseconds.
    last_grace_ms: Option<u64>,
    /// What all runs together may claim.
    budget: Budget,
    /// Whether what there is of it is about to be looked at.
    looks: bool,
    /// The first in rank of those that wait for memory, and since when it has been.
    first: Option<(RunId, Mono)>,
    /// When it has to be looked at once more, and the pause before that, in milliseconds.
    look_again: Option<Mono>,
    look_pause_ms: u64,
    /// Where starts are held back because the host stands still for memory.
    pressure: Option<admit::Pressure>,
    /// When the last of these graces is over.
    end_by: Option<Mono>,
}

/// How far the end of ebbd has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Shutdown {
    No,
    Graceful,
    AtOnce,
}

impl Engine {
    /// An engine that knows what the journal knew. `seed` feeds jitter alone.
    #[must_use]
    pub fn new(restored: Restored, seed: u64) -> Self {
        Self {
            jobs: Vec::new(),
            runs: Vec::new(),
            next_run: restored.next_run.max(1),
            random: fastrand::Rng::with_seed(seed),
            refused: Refused::Names(Vec::new()),
            absent: Vec::new(),
            restored: Some(Box::new(restored)),
            shutdown: Shutdown::No,
            goes_on: false,
            last_grace_ms: None,
            budget: Budget::default(),
            looks: false,
            first: None,
            look_again: None,
            look_pause_ms: 0,
            pressure: None,
            end_by: None,
        }
    }

    /// Gives no run that ends with ebbd a longer grace than this, in milliseconds, whatever its job says.
    pub fn bound_last_grace(&mut self, ms: u64) {
        self.last_grace_ms = Some(ms);
    }

    /// Takes in what happened at `now` and returns what has to be done, in this order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Refused(refused) => self.refused = refused,
            Event::Load(jobs) => self.load(now, jobs, &mut out),
            Event::Armed { job, slot } => self.armed(job, slot),
            Event::Due => self.due(now, &mut out),
            Event::ClockSet => self.clock_set(now, &mut out),
            Event::Demand { client, job, payload, uid } => {
                self.demand(now, client, &job, payload, uid, &mut out);
            }
            Event::Stop { client, target } => self.stop(now, client, target, &mut out),
            Event::Pause { client, job } => self.pause(now, client, &job, &mut out),
            Event::Resume { client, job } => self.resume(now, client, &job, &mut out),
            Event::Started { run, process, enforcement, cgroups } => {
                self.started(now, run, process, enforcement, cgroups, &mut out);
            }
            Event::StartFailed { run, error } => self.start_failed(now, run, error, &mut out),
            Event::StartPutOff { run, lacks } => self.start_put_off(now, run, &lacks, &mut out),
            Event::Exited { run, exit, usage, memory_max, late_ms, unheld, victim } => {
                let ended = run::Ended { exit, usage, memory_max, late_ms, unheld, victim };
                self.exited(now, run, ended, &mut out);
            }
            Event::OverLimit { run } => self.over_limit(run, &mut out),
            Event::Recorded { run } => self.recorded(now, run, &mut out),
            Event::NotRecorded { run } => self.runs.retain(|r| r.id != run),
            Event::NotDurable { run } => self.not_durable(now, run, &mut out),
            Event::Budget(budget) => self.set_budget(budget, &mut out),
            Event::Room(room) => self.admit(now, &room, &mut out),
            Event::Pressure(room) => self.pressed(now, &room, &mut out),
            Event::Shutdown => self.shut_down(now, &mut out),
        }
        out
    }

    /// When the next [`Event::Due`] is wanted. Both may be none: then nothing happens by itself.
    #[must_use]
    pub fn next_wake(&self) -> Wake {
        let slots = self.jobs.iter().filter_map(|job| job.next.map(|next| next.at));
        Wake {
            wall: if self.shutdown == Shutdown::No { slots.min() } else { None },
            mono: self.runs.iter().filter_map(Run::wake).chain(self.wake_for_memory()).min(),
        }
    }

    /// Whether any run has processes.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.runs.iter().any(Run::is_active)
    }

    /// The number that the next run will get.
    #[must_use]
    pub const fn next_run(&self) -> RunId {
        self.next_run
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.jobs.binary_search_by(|job| (*job.name).cmp(name)).ok()
    }

    fn run_mut(&mut self, id: RunId) -> Option<&mut Run> {
        let position = self.runs.binary_search_by_key(&id, |run| run.id).ok()?;
        self.runs.get_mut(position)
    }
}

//! What the engine knows and the journal does not: for an ebbd that goes on in the place of this one as if nothing had
//! happened. After a crash all of it is reckoned anew.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::clock::{Mono, Now, Wall};
use crate::journal::record::RunId;

use super::Engine;
use super::admit::{Pressure, Turn};
use super::job::Next;
use super::policy::Policy;
use super::run::State;

/// What goes over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// Next starts with their jitter, which would else be drawn anew.
    next: Vec<(String, Wall, Wall)>,
    /// Runs whose program runs.
    runs: Vec<CarriedRun>,
    /// Runs that wait for nothing but room.
    #[serde(default)]
    turns: Vec<CarriedTurn>,
    /// Where starts are held back because the host stands still for memory: since when, and until when at least, in
    /// milliseconds since boot.
    #[serde(default)]
    pressure: Option<(Wall, u64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CarriedRun {
    run: RunId,
    /// When it started by the clock that nobody sets, in milliseconds since boot.
    since_ms: u64,
    /// The policy that it was started with, which a reload may have changed for later runs.
    policy: Policy,
    /// Bytes that it claims; an earlier form does not say.
    #[serde(default)]
    claim: Option<u64>,
    /// Where it is being ended.
    #[serde(default)]
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct CarriedTurn {
    run: RunId,
    /// When its turn came.
    came_ms: u64,
    /// Since when it has waited, by both clocks.
    since: Wall,
    since_ms: u64,
}

/// When what is being ended is ended for good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum End {
    /// At this moment by the clock that nobody sets, in milliseconds since boot.
    At(u64),
    /// That has happened.
    Done,
}

impl Engine {
    /// The engine of an ebbd that goes on in the place of another, so that nothing runs for its start.
    #[must_use]
    pub fn going_on(self, goes_on: bool) -> Self {
        Self { goes_on, ..self }
    }

    /// What [`Self::carry_on`] takes in the ebbd that goes on.
    #[must_use]
    pub fn carried(&self) -> Carried {
        let next = |job: &super::job::Job| job.next.map(|next| (job.name.to_string(), next.slot, next.at));
        let run = |run: &super::run::Run| {
            run.since().map(|since| CarriedRun {
                run: run.id,
                since_ms: since.mono.0,
                policy: (*run.policy).clone(),
                claim: Some(run.claim),
                end: match run.state {
                    State::Stopping { kill_at, .. } => Some(kill_at.map_or(End::Done, |at| End::At(at.0))),
                    State::Running { .. }
                    | State::Waiting { .. }
                    | State::PutOff { .. }
                    | State::Starting { .. } => None,
                },
            })
        };
        let turn = |run: &super::run::Run| {
            let Turn { came, since } = run.turn.filter(|_| !run.is_active())?;
            Some(CarriedTurn { run: run.id, came_ms: came.0, since: since.wall, since_ms: since.mono.0 })
        };
        Carried {
            next: self.jobs.iter().filter_map(next).collect(),
            runs: self.runs.iter().filter_map(run).collect(),
            turns: self.runs.iter().filter_map(turn).collect(),
            pressure: self.pressure.map(|pressure| (pressure.since, pressure.until.0)),
        }
    }

    /// Goes on with what an ebbd on the same boot has handed over. Comes before the first load, so that nothing is decided
    /// without it.
    pub fn carry_on(&mut self, carried: Carried) {
        if let Some(restored) = &mut self.restored {
            restored.carried = carried;
        }
    }

    /// Takes it in with the first load.
    pub(super) fn take_in(&mut self, carried: Carried) {
        if self.budget.pressure.is_some() {
            let pressure = carried.pressure;
            self.pressure = pressure.map(|(since, until)| Pressure { since, until: Mono(until) });
        }
        for CarriedTurn { run, came_ms, since, since_ms } in carried.turns {
            if let Some(run) = self.run_mut(run).filter(|run| !run.is_active()) {
                let since = Now { wall: since, mono: Mono(since_ms) };
                run.turn = Some(Turn { came: Mono(came_ms), since });
            }
        }
        for (name, slot, at) in carried.next {
            let job = self.find(&name).map(|index| &mut self.jobs[index]);
            if let Some(job) = job.filter(|job| job.starts_by_itself()) {
                job.next = Some(Next { slot, at });
            }
        }
        for CarriedRun { run, since_ms, policy, claim, end } in carried.runs {
            let Some(run) = self.run_mut(run) else { continue };
            match &mut run.state {
                State::Running { since, deadline } => {
                    since.mono = Mono(since_ms);
                    *deadline = policy.timeout_ms.map(|ms| since.mono.plus_ms(ms));
                }
                State::Stopping { since, kill_at, .. } => {
                    since.mono = Mono(since_ms);
                    match end {
                        Some(End::At(at)) => *kill_at = Some(Mono(at)),
                        Some(End::Done) => *kill_at = None,
                        None => {}
                    }
                }
                State::Waiting { .. } | State::PutOff { .. } | State::Starting { .. } => continue,
            }
            run.policy = Rc::new(policy);
            run.claim = claim.unwrap_or(run.claim);
        }
    }

    /// Whether the end of ebbd has been asked for.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.shutdown != super::Shutdown::No
    }
}

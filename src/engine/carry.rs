//! What the engine knows and the journal does not: for an ebbd that goes on in the place of this one as if nothing had
//! happened. After a crash all of it is reckoned anew.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::clock::{Mono, Wall};
use crate::journal::record::RunId;

use super::Engine;
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
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CarriedRun {
    run: RunId,
    /// When it started by the clock that nobody sets, in milliseconds since boot.
    since_ms: u64,
    /// The policy that it was started with, which a reload may have changed for later runs.
    policy: Policy,
    /// Where it is being ended.
    #[serde(default)]
    end: Option<End>,
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
                end: match run.state {
                    State::Stopping { kill_at, .. } => Some(kill_at.map_or(End::Done, |at| End::At(at.0))),
                    State::Running { .. }
                    | State::Waiting { .. }
                    | State::PutOff { .. }
                    | State::Starting { .. } => None,
                },
            })
        };
        Carried {
            next: self.jobs.iter().filter_map(next).collect(),
            runs: self.runs.iter().filter_map(run).collect(),
        }
    }

    /// Goes on with what an ebbd on the same boot has handed over. Comes after the first load.
    pub fn carry_on(&mut self, carried: Carried) {
        for (name, slot, at) in carried.next {
            let job = self.find(&name).map(|index| &mut self.jobs[index]);
            if let Some(job) = job.filter(|job| job.starts_by_itself()) {
                job.next = Some(Next { slot, at });
            }
        }
        for CarriedRun { run, since_ms, policy, end } in carried.runs {
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
        }
    }

    /// Whether the end of ebbd has been asked for.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.shutdown != super::Shutdown::No
    }
}

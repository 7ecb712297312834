//! What people and programs ask for: a run, an end, a pause. Who may ask was decided before.

use std::rc::Rc;

use crate::clock::Now;
use crate::journal::record::{Event as Recorded, Payload, RunId};
use crate::words::{Outcome, Overlap, StopReason, Trigger};

use super::event::{ClientId, Target};
use super::run::{End, Run};
use super::{Effect, Engine, Reply, Shutdown};

impl Engine {
    /// A demand becomes a run, or is merged into an equal one that waits already.
    ///
    /// A run that is under way began before the demand, so it does not count: one more follows it. With
    /// `overlap = "queue"` nothing is merged, and each demand is a run of its own.
    pub(super) fn demand(
        &mut self,
        now: Now,
        client: ClientId,
        job: &str,
        payload: Payload,
        uid: u32,
        out: &mut Vec<Effect>,
    ) {
        // Whatever follows from it (its start, the end of what it replaces) waits for the record: see `recorded`.
        let reply = self.accept(now, job, payload, uid, out);
        out.push(Effect::Reply { client, reply });
    }

    fn accept(&mut self, now: Now, job: &str, payload: Payload, uid: u32, out: &mut Vec<Effect>) -> Reply {
        if self.shutdown != Shutdown::No {
            return Reply::ShuttingDown;
        }
        let Some(index) = self.find(job) else { return Reply::NoSuchJob { job: job.to_owned() } };
        let (policy, name) = (self.jobs[index].policy.clone(), self.jobs[index].name.clone());
        let waits = |r: &&Run| r.job == name && !r.is_active() && !self.gives_way(r, &payload, now);
        if policy.overlap != Overlap::Queue
            && let Some(equal) =
                self.runs.iter().filter(waits).find(|r| r.is_recorded && r.payload == payload)
        {
            return Reply::Accepted { run: equal.id, merged: true };
        }
        if let Some(why) = self.never_fits(index, None) {
            return Reply::NeverFits { why };
        }
        let active = self.runs.iter().filter(|r| r.job == name && r.is_active()).count();
        let waiting = self.runs.iter().filter(waits).count();
        let has_room = active + waiting < usize::from(policy.max_parallel);
        if !has_room && waiting >= usize::from(policy.queue_limit) {
            return Reply::QueueFull { limit: policy.queue_limit };
        }
        let run = self.enqueue(index, Trigger::Manual, None, payload, Some(uid), now, out);
        Reply::Accepted { run, merged: false }
    }

    pub(super) fn stop(&mut self, now: Now, client: ClientId, target: Target, out: &mut Vec<Effect>) {
        let runs: Vec<RunId> = match &target {
            Target::Job(job) => self.runs.iter().filter(|r| *r.job == **job).map(|r| r.id).collect(),
            Target::Run(run) => self.runs.iter().filter(|r| r.id == *run).map(|r| r.id).collect(),
        };
        let reply = match target {
            Target::Job(job) if runs.is_empty() && self.find(&job).is_none() => Reply::NoSuchJob { job },
            Target::Run(run) if runs.is_empty() => Reply::NoSuchRun { run },
            Target::Job(_) | Target::Run(_) => {
                // Those that wait go first: the end of a run that is under way would start them.
                self.drop_waiting(&runs, now, out);
                for run in &runs {
                    self.end(*run, StopReason::Requested, now, out);
                }
                Reply::Stopping { runs }
            }
        };
        out.push(Effect::Reply { client, reply });
    }

    fn drop_waiting(&mut self, among: &[RunId], now: Now, out: &mut Vec<Effect>) {
        for run in among {
            if self.runs.iter().any(|r| r.id == *run && !r.is_active()) {
                let end = End::without_process(Outcome::Canceled, "stopped on request before it had started");
                self.finish(*run, end, now, out);
            }
        }
    }

    pub(super) fn pause(&mut self, now: Now, client: ClientId, job: &str, out: &mut Vec<Effect>) {
        let reply = match self.find(job) {
            None => Reply::NoSuchJob { job: job.to_owned() },
            Some(index) => {
                let paused = &mut self.jobs[index];
                if !paused.facts.paused {
                    paused.facts.paused = true;
                    paused.next = None;
                    out.push(Effect::Record(Recorded::Paused { job: job.to_owned() }));
                    // A retry that is held back now keeps no memory from others.
                    let retries = |run: &&mut Run| *run.job == *job && run.trigger == Trigger::Retry;
                    let retries = self.runs.iter_mut().filter(retries).filter(|run| !run.is_active());
                    retries.for_each(Run::waits_for_no_room);
                    self.ask_for_room(now, out);
                }
                Reply::Done
            }
        };
        out.push(Effect::Reply { client, reply });
    }

    /// A resumed job has missed nothing: its slots count from now.
    pub(super) fn resume(&mut self, now: Now, client: ClientId, job: &str, out: &mut Vec<Effect>) {
        let reply = match self.find(job) {
            None => Reply::NoSuchJob { job: job.to_owned() },
            Some(index) => {
                let resumed = &mut self.jobs[index];
                if resumed.facts.paused {
                    resumed.facts.paused = false;
                    let is_overdue = resumed
                        .policy
                        .every_ms
                        .is_some_and(|ms| resumed.next_every(ms, now.wall) <= now.wall);
                    if resumed.policy.scheduled || is_overdue {
                        resumed.facts.since = now.wall;
                        resumed.facts.last_slot = None;
                    }
                    // The facts alone resume it as well: between the two a crash leaves nothing half done.
                    out.push(Effect::Record(Recorded::Job(self.jobs[index].record())));
                    out.push(Effect::Record(Recorded::Resumed { job: job.to_owned() }));
                    self.arm(index, now, out);
                    let name = Rc::clone(&self.jobs[index].name);
                    self.pump(&name, now, out);
                }
                Reply::Done
            }
        };
        out.push(Effect::Reply { client, reply });
    }
}

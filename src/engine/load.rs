//! Definitions coming and going: the first load takes over what the journal knew, a reload touches no run and
//! restarts no job whose timing has not changed.

use std::rc::Rc;

use crate::clock::{Now, Wall};
use crate::journal::record::{Event as Recorded, JobFacts, Queued, RunId, Started};
use crate::words::{Outcome, SkipReason, Trigger};

use super::event::Loaded;
use super::job::{Facts, Job};
use super::policy::{self, Policy};
use super::run::{End, Run, Since, State};
use super::{Effect, Engine};

/// What the journal knew at the start of ebbd.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Jobs that it has seen.
    pub jobs: Vec<JobFacts>,
    /// Runs that were accepted and have not ended, in the order of their numbers.
    pub runs: Vec<RestoredRun>,
    /// The next run's number.
    pub next_run: RunId,
}

/// A run that the journal knows and that has not ended.
#[derive(Debug, Clone)]
pub struct RestoredRun {
    /// When it was accepted.
    pub queued_at: Wall,
    /// As it was accepted.
    pub queued: Queued,
    /// When and how it was started, where it was; the shell looks whether it still lives.
    pub started: Option<(Wall, Started)>,
}

impl Engine {
    pub(super) fn load(&mut self, now: Now, loaded: Vec<Loaded>, out: &mut Vec<Effect>) {
        let restored = self.restored.take();
        let is_first = restored.is_some();
        let mut known = std::mem::take(&mut self.jobs);
        let mut facts = std::mem::take(&mut self.absent);
        if let Some(restored) = restored {
            facts = restored.jobs;
            self.runs = restored.runs.into_iter().map(|run| restore(run, now)).collect();
        }
        self.jobs.reserve_exact(loaded.len());
        for job in loaded {
            let old = known.binary_search_by(|k| (*k.name).cmp(&job.name)).ok().map(|i| known.remove(i));
            let old_facts = match &old {
                Some(old) => Some(old.facts),
                None => facts.iter().find(|f| f.job == job.name).map(Facts::restore),
            };
            self.adopt(now, job, old, old_facts, out);
        }
        let gone = known.into_iter().map(|job| job.name.to_string());
        let (kept, removed): (Vec<_>, Vec<_>) =
            facts.into_iter().filter(|f| self.find(&f.job).is_none()).partition(|f| self.refused.has(&f.job));
        self.absent = kept;
        let gone: Vec<String> = gone.chain(removed.into_iter().map(|f| f.job)).collect();
        for name in gone {
            out.push(Effect::Record(Recorded::JobRemoved { job: name }));
        }
        self.drop_runs_without_job(now, out);
        self.after_load(is_first, now, out);
    }

    fn adopt(
        &mut self,
        now: Now,
        job: Loaded,
        old: Option<Job>,
        facts: Option<Facts>,
        out: &mut Vec<Effect>,
    ) {
        let policy = policy::share(job.policy, self.jobs.iter().map(|j| &j.policy));
        let (facts, is_same) = match facts {
            Some(facts) if facts.timing == job.timing => (facts, true),
            // Another timing has missed nothing by definition; what is known of its runs stays.
            Some(facts) => (Facts { timing: job.timing, since: now.wall, last_slot: None, ..facts }, false),
            None => (Facts::new(job.timing, now.wall), false),
        };
        let (name, next) = match old {
            Some(old) => (old.name, old.next.filter(|_| is_same)),
            None => (Rc::from(job.name), None),
        };
        self.jobs.push(Job { name, policy, definition: job.definition, facts, next });
        if !is_same && let Some(job) = self.jobs.last() {
            out.push(Effect::Record(Recorded::Job(job.record())));
        }
    }

    /// What waits for a job that is gone can't start; what runs goes on.
    fn drop_runs_without_job(&mut self, now: Now, out: &mut Vec<Effect>) {
        let orphans: Vec<_> = self
            .runs
            .iter()
            .filter(|r| !r.is_active() && self.find(&r.job).is_none() && !self.refused.has(&r.job))
            .map(|r| r.id)
            .collect();
        for id in orphans {
            let mut end = End::without_process(Outcome::Skipped, "its job was removed before it could start");
            end.reason = Some(SkipReason::Removed);
            self.finish(id, end, now, out);
        }
    }

    fn after_load(&mut self, is_first: bool, now: Now, out: &mut Vec<Effect>) {
        for index in 0..self.jobs.len() {
            let job = &self.jobs[index];
            let (name, policy) = (Rc::clone(&job.name), Rc::clone(&job.policy));
            for run in self.runs.iter_mut().filter(|r| is_first && r.job == name) {
                run.take_over(&policy);
            }
            if is_first && !self.goes_on && policy.at_start && self.jobs[index].starts_by_itself() {
                self.fire(index, Trigger::Startup, None, now, out);
                if policy.every_ms.is_some() {
                    self.jobs[index].facts.last_slot = Some(now.wall);
                }
            }
            if self.jobs[index].next.is_none() {
                self.arm(index, now, out);
            }
            self.pump(&name, now, out);
        }
    }
}

impl Run {
    /// Gives a run of an earlier ebbd the policy of its job, and with it what is left of its timeout.
    fn take_over(&mut self, policy: &Rc<Policy>) {
        self.policy = Rc::clone(policy);
        if let State::Running { since, deadline } = &mut self.state {
            *deadline = policy.timeout_ms.map(|ms| since.mono.plus_ms(ms));
        }
    }
}

fn restore(run: RestoredRun, now: Now) -> Run {
    let RestoredRun { queued_at, queued, started } = run;
    let Queued { id, job, trigger, attempt, slot, not_before, uid, retry_of, payload } = queued;
    let state = match &started {
        None => State::Waiting { not_before: not_before.map(|at| now.mono.plus_ms(ahead_ms(now.wall, at))) },
        Some((at, _)) => {
            // The wall clock is all that crosses a restart; a clock set meanwhile can only shorten what is left.
            let mono = crate::clock::Mono(now.mono.0.saturating_sub(ahead_ms(*at, now.wall)));
            State::Running { since: Since { wall: *at, mono }, deadline: None }
        }
    };
    Run {
        id,
        job: Rc::from(job),
        policy: Rc::new(Policy::of_a_lost_job()),
        trigger,
        attempt,
        slot,
        queued_at,
        uid,
        retry_of,
        payload,
        enforcement: started.map_or(crate::words::Enforcement::None, |(_, s)| s.enforcement),
        state,
    }
}

fn ahead_ms(from: Wall, to: Wall) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0)
}

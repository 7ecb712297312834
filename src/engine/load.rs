//! Definitions coming and going: the first load takes over what the journal knew, a reload touches no run and
//! restarts no job whose timing has not changed.

use std::rc::Rc;

use crate::clock::{Now, Wall};
use crate::journal::record::{Event as Recorded, JobFacts, Queued, RunId, Started, Usage};
use crate::words::{Outcome, Overlap, SkipReason, StopReason, Trigger};

use super::event::Loaded;
use super::job::{Facts, Job};
use super::policy::{Policy, Shared};
use super::run::{End, Run, Since, State, outcome};
use super::{Effect, Engine, Exit, sentence};

/// What the journal knew at the start of ebbd.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Jobs that it has seen.
    pub jobs: Vec<JobFacts>,
    /// Runs that were accepted and have not ended, in the order of their numbers.
    pub runs: Vec<RestoredRun>,
    /// The next run's number.
    pub next_run: RunId,
    /// What the ebbd before has handed over, where this is no start.
    pub carried: super::Carried,
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
    /// When and why an earlier ebbd began to end it; the shell asks its processes once more.
    pub stopping: Option<(Wall, StopReason)>,
}

impl Engine {
    pub(super) fn load(&mut self, now: Now, loaded: Vec<Loaded>, out: &mut Vec<Effect>) {
        let restored = self.restored.take();
        let (is_first, mut carried) = (restored.is_some(), None);
        let known = std::mem::take(&mut self.jobs);
        let mut facts = std::mem::take(&mut self.absent);
        if let Some(restored) = restored {
            facts = restored.jobs;
            carried = Some(restored.carried);
            self.runs = restored.runs.into_iter().map(|run| restore(run, now)).collect();
        }
        facts.sort_by(|a, b| a.job.cmp(&b.job));
        self.jobs.reserve_exact(loaded.len());
        // Both are in the order of names: one walk through them finds which are the same.
        let mut known = known.into_iter().peekable();
        let (mut gone, mut shared) = (Vec::new(), Shared::default());
        for job in loaded {
            while let Some(old) = known.next_if(|old| *old.name < *job.name) {
                gone.push(old.name.to_string());
            }
            let old = known.next_if(|old| *old.name == *job.name);
            let old_facts = match &old {
                Some(old) => Some(old.facts),
                None => facts
                    .binary_search_by(|f| f.job.cmp(&job.name))
                    .ok()
                    .map(|index| Facts::restore(&facts[index])),
            };
            self.adopt(now, job, old, old_facts, &mut shared, out);
        }
        gone.extend(known.map(|job| job.name.to_string()));
        let (kept, removed): (Vec<_>, Vec<_>) =
            facts.into_iter().filter(|f| self.find(&f.job).is_none()).partition(|f| self.refused.has(&f.job));
        self.absent = kept;
        gone.extend(removed.into_iter().map(|f| f.job));
        for name in gone {
            out.push(Effect::Record(Recorded::JobRemoved { job: name }));
        }
        self.drop_runs_without_job(now, out);
        if let Some(carried) = carried {
            self.take_over();
            self.take_in(carried);
            self.end_what_was_to_end(now, out);
        }
        self.after_load(is_first, now, out);
    }

    fn adopt(
        &mut self,
        now: Now,
        job: Loaded,
        old: Option<Job>,
        facts: Option<Facts>,
        shared: &mut Shared,
        out: &mut Vec<Effect>,
    ) {
        let policy = shared.share(job.policy);
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
    pub(super) fn drop_runs_without_job(&mut self, now: Now, out: &mut Vec<Effect>) {
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
            if is_first {
                self.displace(&name, now, out);
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

impl Engine {
    /// Gives the runs of an earlier ebbd the policies of their jobs.
    fn take_over(&mut self) {
        for position in 0..self.runs.len() {
            let run = &self.runs[position];
            let index = self.find(&run.job);
            // What it claimed is reckoned anew; nobody has written it down.
            let of_lost = || run.raised_max.unwrap_or(self.budget.unknown);
            let claim = index.map_or_else(of_lost, |i| self.claim_of(i, run.raised_max).0);
            let claim = if run.is_active() { claim } else { 0 };
            let policy = index.map_or_else(|| Rc::clone(&run.policy), |i| Rc::clone(&self.jobs[i].policy));
            let run = &mut self.runs[position];
            run.claim = claim;
            run.take_over(policy);
        }
    }

    /// What an earlier ebbd was about to end before it had started does not start.
    fn end_what_was_to_end(&mut self, now: Now, out: &mut Vec<Effect>) {
        let ended: Vec<_> = self
            .runs
            .iter()
            .filter_map(|r| match r.state {
                State::Starting { stop: Some(why), .. } => Some((r.id, why)),
                State::Starting { stop: None, .. }
                | State::Waiting { .. }
                | State::PutOff { .. }
                | State::Running { .. }
                | State::Stopping { .. } => None,
            })
            .collect();
        for (id, why) in ended {
            let detail = sentence::of_stop(why, None);
            let outcome = outcome(Exit::Unknown, Some(why), &Usage::default(), &[]);
            self.finish(id, End { detail, ..End::without_process(outcome, "") }, now, out);
        }
    }

    /// What follows from a run that the journal took just before a crash, see [`Engine::recorded`].
    fn displace(&mut self, name: &Rc<str>, now: Now, out: &mut Vec<Effect>) {
        let newer: Vec<_> = self
            .runs
            .iter()
            .filter(|r| r.job == *name && r.trigger != Trigger::Retry && !r.is_active())
            .map(|r| (r.id, r.queued_at))
            .collect();
        let replaces = self.find(name).is_some_and(|i| self.jobs[i].policy.overlap == Overlap::Replace);
        for (id, queued_at) in newer {
            self.supersede_retries(id, now, out);
            // A run that began after the newer one was queued, a retry, took its turn and keeps it.
            let began_before = |r: &Run| r.since().is_some_and(|since| since.wall <= queued_at);
            if replaces && self.runs.iter().filter(|r| r.job == *name && r.is_active()).all(began_before) {
                self.end_active(name, StopReason::Replaced, now, out);
            }
        }
    }
}

impl Run {
    /// With its policy a run of an earlier ebbd gets what is left of its timeout, or of its grace.
    fn take_over(&mut self, policy: Rc<Policy>) {
        match &mut self.state {
            State::Running { since, deadline } => {
                *deadline = policy.timeout_ms.map(|ms| since.mono.plus_ms(ms));
            }
            State::Stopping { kill_at: Some(kill_at), .. } => *kill_at = kill_at.plus_ms(policy.grace_ms),
            State::Stopping { kill_at: None, .. }
            | State::Waiting { .. }
            | State::PutOff { .. }
            | State::Starting { .. } => {}
        }
        self.policy = policy;
    }
}

fn restore(run: RestoredRun, now: Now) -> Run {
    let RestoredRun { queued_at, queued, started, stopping } = run;
    let state = state(&queued, started.as_ref().map(|(at, _)| *at), stopping, now);
    let Queued { id, job, trigger, attempt, slot, not_before: _, uid, retry_of, raised_max_bytes, payload } =
        queued;
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
        raised_max: raised_max_bytes,
        payload,
        put_off: 0,
        lacks: None,
        claim: 0,
        turn: None,
        hold: None,
        enforcement: started.map_or(crate::words::Enforcement::None, |(_, s)| s.enforcement),
        is_recorded: true,
        state,
    }
}

/// Where a restored run stands. Its grace is added with its policy.
fn state(queued: &Queued, started: Option<Wall>, stopping: Option<(Wall, StopReason)>, now: Now) -> State {
    // The wall clock is all that crosses a restart; a clock set meanwhile can only shorten what is left.
    let mono = |at: Wall| crate::clock::Mono(now.mono.0.saturating_sub(ahead_ms(at, now.wall)));
    let not_before = queued.not_before.map(|at| now.mono.plus_ms(ahead_ms(now.wall, at)));
    match (started, stopping) {
        // What only the end of ebbd kept from starting starts with the next one, like everything that waits.
        (None, None | Some((_, StopReason::Shutdown))) => State::Waiting { not_before },
        (None, Some((_, why))) => State::Starting { stop: Some(why), deadline: None },
        (Some(at), None) => State::Running { since: Since { wall: at, mono: mono(at) }, deadline: None },
        (Some(at), Some((asked, why))) => {
            let kill_at = if why == StopReason::OverLimit { None } else { Some(mono(asked)) };
            State::Stopping { since: Since { wall: at, mono: mono(at) }, why, kill_at }
        }
    }
}

fn ahead_ms(from: Wall, to: Wall) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0)
}

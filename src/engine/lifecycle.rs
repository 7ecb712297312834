//! A run's way through its states: queued, started, asked to end, ended, and what follows from its end.

use std::rc::Rc;

use crate::clock::{Now, Wall};
use crate::journal::record::{Event as Recorded, Finished, Payload, RunId, Started, Stopping};
use crate::learn::Learned;
use crate::limits;
use crate::words::{Enforcement, Outcome, Overlap, SkipReason, StopReason, Trigger};

use super::event::Process;
use super::job::Last;
use super::run::{End, Ended, Run, Since, State, is_retried, outcome};
use super::{Effect, Engine, Order, Shutdown, sentence};

impl Engine {
    /// Makes a run of a trigger. Nothing follows from it before the journal has it: see [`Engine::recorded`].
    #[allow(clippy::too_many_arguments)] // Each is a fact of the trigger; a struct would only repeat `Run`.
    pub(super) fn enqueue(
        &mut self,
        index: usize,
        trigger: Trigger,
        slot: Option<Wall>,
        payload: Payload,
        uid: Option<u32>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> RunId {
        let job = &self.jobs[index];
        let run = Run {
            id: self.next_run,
            job: Rc::clone(&job.name),
            policy: Rc::clone(&job.policy),
            trigger,
            attempt: 1,
            slot,
            queued_at: now.wall,
            uid,
            retry_of: None,
            raised_max: None,
            payload,
            enforcement: Enforcement::None,
            is_recorded: false,
            put_off: 0,
            lacks: None,
            claim: 0,
            turn: None,
            hold: None,
            state: State::Waiting { not_before: None },
        };
        self.push(run, None, out)
    }

    fn push(&mut self, run: Run, not_before: Option<Wall>, out: &mut Vec<Effect>) -> RunId {
        let id = run.id;
        self.next_run = id + 1;
        out.push(Effect::Record(Recorded::Queued(run.queued(not_before))));
        self.runs.push(run);
        id
    }

    /// The journal has a run: what it stands in for goes, and it starts when [`Engine::pump`] finds room for it.
    pub(super) fn recorded(&mut self, now: Now, id: RunId, out: &mut Vec<Effect>) {
        let Some(run) = self.run_mut(id) else { return };
        run.is_recorded = true;
        let (name, trigger) = (Rc::clone(&run.job), run.trigger);
        if trigger != Trigger::Retry {
            self.supersede_retries(id, now, out);
            if self.find(&name).is_some_and(|index| self.jobs[index].policy.overlap == Overlap::Replace) {
                self.end_active(&name, StopReason::Replaced, now, out);
            }
        }
        self.pump(&name, now, out);
    }

    /// Who asked for the run was told that it was not accepted, so nobody wants it any more.
    pub(super) fn not_durable(&mut self, now: Now, id: RunId, out: &mut Vec<Effect>) {
        match self.run_mut(id).map(|run| run.is_active()) {
            Some(true) => self.end(id, StopReason::NotRecorded, now, out),
            Some(false) => {
                let detail = sentence::of_stop(StopReason::NotRecorded, None);
                let end = End { detail, ..End::without_process(Outcome::Canceled, "") };
                self.finish(id, end, now, out);
            }
            None => {}
        }
    }

    /// Starts what waits for its turn, the oldest first, as far as the job has room.
    pub(super) fn pump(&mut self, name: &Rc<str>, now: Now, out: &mut Vec<Effect>) {
        if self.shutdown != Shutdown::No {
            return;
        }
        if self.is_limited() {
            self.ask_for_room(now, out);
            return;
        }
        let Some(index) = self.find(name) else { return };
        let job = &self.jobs[index];
        let mut due = Vec::new();
        let room = usize::from(job.policy.max_parallel);
        let mut active = self.runs.iter().filter(|r| r.job == *name && r.is_active()).count();
        for run in &self.runs {
            if active >= room {
                break;
            }
            let held = job.facts.paused && run.trigger == Trigger::Retry;
            if run.job == *name && matches!(run.state, State::PutOff { until: Some(at) } if at > now.mono) {
                break; // What the oldest lacks the others lack too, and they shall not overtake it.
            }
            let is_early = !run.is_recorded || run.is_backing_off(now.mono);
            if run.job != *name || run.is_active() || is_early || held {
                continue;
            }
            due.push(run.id);
            active += 1;
        }
        for id in due {
            let raised = self.run_mut(id).and_then(|run| run.raised_max);
            let claim = self.claim_of(index, raised).0;
            self.begin(index, id, claim, now, out);
        }
    }

    /// A run's turn has come: it is about to have processes.
    pub(super) fn begin(&mut self, index: usize, id: RunId, claim: u64, now: Now, out: &mut Vec<Effect>) {
        let (policy, definition) = (Rc::clone(&self.jobs[index].policy), self.jobs[index].definition);
        let Some(run) = self.run_mut(id) else { return };
        let deadline = policy.timeout_ms.map(|ms| now.mono.plus_ms(ms));
        run.raised_max = policy.still_raised(run.raised_max);
        run.policy = policy;
        run.claim = claim;
        run.hold = None;
        run.state = State::Starting { stop: None, deadline };
        out.push(Effect::Start(Box::new(Order {
            run: id,
            job: run.job.to_string(),
            definition,
            trigger: run.trigger,
            attempt: run.attempt,
            slot: run.slot,
            payload: run.payload.clone(),
            raised_max: run.raised_max,
        })));
    }

    pub(super) fn started(
        &mut self,
        now: Now,
        id: RunId,
        process: Process,
        enforcement: Enforcement,
        cgroups: Vec<String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(run) = self.run_mut(id) else { return };
        let State::Starting { stop, .. } = run.state else { return };
        let since = Since { wall: now.wall, mono: now.mono };
        run.enforcement = enforcement;
        (run.put_off, run.lacks, run.turn) = (0, None, None);
        run.state = State::Running { since, deadline: run.policy.timeout_ms.map(|ms| now.mono.plus_ms(ms)) };
        let job = run.job.to_string();
        out.push(Effect::Record(Recorded::Started(Started {
            id,
            job: job.clone(),
            pid: process.pid,
            pid_start: process.start,
            enforcement,
            cgroups,
        })));
        if let Some(index) = self.find(&job) {
            self.jobs[index].facts.last_start = Some(now.wall);
        }
        if let Some(why) = stop {
            self.ask_to_end(id, why, now, out);
        }
    }

    pub(super) fn start_failed(&mut self, now: Now, id: RunId, error: String, out: &mut Vec<Effect>) {
        self.finish(id, End::without_process(Outcome::StartFailed, error), now, out);
    }

    /// The run keeps its place and is tried again, ever more rarely, for as long as it takes: it was accepted.
    pub(super) fn start_put_off(&mut self, now: Now, id: RunId, lacks: &str, out: &mut Vec<Effect>) {
        let Some(run) = self.run_mut(id) else { return };
        let State::Starting { stop, .. } = run.state else { return };
        let delay_ms = (limits::START_AGAIN_MIN_MS << run.put_off.min(16)).min(limits::START_AGAIN_MAX_MS);
        run.put_off += 1;
        run.lacks = Some(lacks.into());
        run.state = State::PutOff { until: Some(now.mono.plus_ms(delay_ms)) };
        if let Some(turn) = &mut run.turn {
            turn.put_off(now, delay_ms);
        }
        let job = Rc::clone(&run.job);
        if self.find(&job).is_none() && !self.refused.has(&job) {
            self.drop_runs_without_job(now, out);
        } else if matches!(
            stop,
            Some(
                StopReason::Requested | StopReason::Replaced | StopReason::Timeout | StopReason::NotRecorded
            )
        ) {
            let end = End::without_process(Outcome::Canceled, "stopped before it could start");
            self.finish(id, end, now, out);
        } else if self.shutdown != Shutdown::No && self.is_idle() {
            out.push(Effect::Exit); // The next ebbd starts it.
        } else {
            // What it had claimed others may have meanwhile.
            self.ask_for_room(now, out);
        }
    }

    pub(super) fn exited(&mut self, now: Now, id: RunId, ended: Ended, out: &mut Vec<Effect>) {
        let Some(run) = self.run_mut(id) else { return };
        let Ended { exit, usage, memory_max, late_ms, unheld, victim } = ended;
        let why = run.why();
        let outcome = outcome(exit, why, &usage, &run.policy.success_codes);
        let (policy, raised) = (Rc::clone(&run.policy), run.raised_max);
        let job = Rc::clone(&run.job);
        let learned = self.find(&job).map_or(Learned::EMPTY, |index| self.jobs[index].facts.learned);
        let facts = sentence::Facts {
            why,
            usage: &usage,
            memory_max,
            victim: victim.as_deref(),
            raised,
            learned: &learned,
        };
        let detail = sentence::of_end(outcome, &policy, &facts);
        self.finish(
            id,
            End { outcome, exit: Some(exit), usage, reason: None, detail, late_ms, unheld, memory_max },
            now,
            out,
        );
    }

    pub(super) fn over_limit(&mut self, id: RunId, out: &mut Vec<Effect>) {
        let Some(run) = self.run_mut(id) else { return };
        if let State::Running { since, .. } | State::Stopping { since, .. } = run.state {
            let why = run.why().unwrap_or(StopReason::OverLimit);
            if run.why().is_none() {
                out.push(stopping(run, why));
            }
            run.state = State::Stopping { since, why, kill_at: None };
            out.push(Effect::Kill { run: id });
        }
    }

    /// Ends every run of a job that has processes.
    pub(super) fn end_active(&mut self, name: &str, why: StopReason, now: Now, out: &mut Vec<Effect>) {
        let active: Vec<_> =
            self.runs.iter().filter(|r| *r.job == *name && r.is_active()).map(|r| r.id).collect();
        for id in active {
            self.end(id, why, now, out);
        }
    }

    /// Asks a run to end; a run that was asked already keeps its first reason and its time.
    ///
    /// The decision is recorded before it is carried out: an ebbd that finds the run after a crash goes on with it.
    pub(super) fn end(&mut self, id: RunId, why: StopReason, now: Now, out: &mut Vec<Effect>) {
        let Some(run) = self.run_mut(id) else { return };
        if run.is_active() && run.why().is_none() {
            out.push(stopping(run, why));
        }
        self.ask_to_end(id, why, now, out);
    }

    fn ask_to_end(&mut self, id: RunId, why: StopReason, now: Now, out: &mut Vec<Effect>) {
        let end_by = self.end_by;
        let Some(run) = self.run_mut(id) else { return };
        match run.state {
            // With ebbd it ends by the time that ebbd has.
            State::Stopping { since, why, kill_at: Some(at) } => {
                let at = end_by.map_or(at, |end_by| at.min(end_by));
                run.state = State::Stopping { since, why, kill_at: Some(at) };
            }
            State::Waiting { .. } | State::PutOff { .. } | State::Stopping { kill_at: None, .. } => {}
            // What is on its way to its program has nothing to clean up.
            State::Starting { stop, .. } => {
                run.state = State::Starting { stop: Some(stop.unwrap_or(why)), deadline: None };
                out.push(Effect::Kill { run: id });
            }
            State::Running { since, .. } => {
                let graced = now.mono.plus_ms(run.policy.grace_ms);
                let kill_at = Some(end_by.map_or(graced, |end_by| graced.min(end_by)));
                run.state = State::Stopping { since, why, kill_at };
                out.push(Effect::Signal { run: id });
                if self.shutdown == Shutdown::AtOnce {
                    self.kill(id, out);
                }
            }
        }
    }

    fn kill(&mut self, id: RunId, out: &mut Vec<Effect>) {
        let Some(run) = self.run_mut(id) else { return };
        if let State::Stopping { since, why, kill_at: Some(_) } = run.state {
            run.state = State::Stopping { since, why, kill_at: None };
            out.push(Effect::Kill { run: id });
        }
    }

    /// Writes a run's end, forgets the run, and starts what its end makes room for.
    pub(super) fn finish(&mut self, id: RunId, end: End, now: Now, out: &mut Vec<Effect>) {
        let Some(position) = self.runs.iter().position(|r| r.id == id) else { return };
        let run = self.runs.remove(position);
        let outcome = end.outcome;
        let finished = run.finished(end, now);
        let finished_at = finished.finished_at;
        // The retry comes first: a crash between the two leaves both, and the end, once it is found again, queues no other.
        self.retry(&run, &finished, now, out);
        let lesson = finished.lesson();
        out.push(Effect::Record(Recorded::Finished(finished)));
        if let Some(index) = self.find(&run.job) {
            self.jobs[index].facts.learned.learn(&lesson);
        }
        // What never started says nothing about how the job fares.
        if outcome != Outcome::Skipped
            && let Some(index) = self.find(&run.job)
        {
            self.jobs[index].facts.last = Some(Last { run: id, outcome, at: finished_at });
        }
        self.pump(&run.job, now, out);
        if self.shutdown != Shutdown::No && self.is_idle() {
            out.push(Effect::Exit);
        }
    }

    /// Queues the next attempt of a run that failed, unless a run that waits already will do the same.
    fn retry(&mut self, run: &Run, finished: &Finished, now: Now, out: &mut Vec<Effect>) {
        let Some(again) = self.again(run, finished) else { return };
        if self.runs.iter().any(|r| r.job == run.job && !r.is_active() && r.payload == run.payload) {
            return;
        }
        let Again { delay_ms, raised_max } = again;
        let not_before = now.wall.plus_ms(i64::try_from(delay_ms).unwrap_or(i64::MAX));
        let retry = Run {
            id: self.next_run,
            trigger: Trigger::Retry,
            attempt: run.attempt + 1,
            queued_at: now.wall,
            retry_of: Some(run.id),
            raised_max,
            enforcement: Enforcement::None,
            is_recorded: false,
            put_off: 0,
            lacks: None,
            claim: 0,
            turn: None,
            hold: None,
            state: State::Waiting { not_before: Some(now.mono.plus_ms(delay_ms)) },
            ..run.clone()
        };
        self.push(retry, Some(not_before), out);
    }

    /// Whether a run that ended so is tried again, and how. What its own limit has killed gets a larger one at once, where its
    /// job says so; with the same one it would only be killed again.
    fn again(&self, run: &Run, finished: &Finished) -> Option<Again> {
        let index = self.find(&run.job)?;
        if finished.outcome == Outcome::OomKill {
            let limit = finished.memory_max_bytes?;
            let raised_max = Some(run.policy.raised_max(limit, self.most(index))?);
            return Some(Again { delay_ms: 0, raised_max });
        }
        let delay_ms = run.policy.retry_delay_ms(run.attempt).filter(|_| is_retried(finished.outcome))?;
        Some(Again { delay_ms, raised_max: run.raised_max })
    }

    /// Whether a waiting run would give way to a new one with this payload: a retry that still waits for its delay, or for
    /// the end of a pause.
    pub(super) fn gives_way(&self, run: &Run, payload: &Payload, now: Now) -> bool {
        let is_paused = || self.find(&run.job).is_some_and(|index| self.jobs[index].facts.paused);
        run.trigger == Trigger::Retry
            && run.payload == *payload
            && (run.is_backing_off(now.mono) || (!run.is_active() && is_paused()))
    }

    /// A new run stands in for retries of the same payload.
    pub(super) fn supersede_retries(&mut self, newer: RunId, now: Now, out: &mut Vec<Effect>) {
        let Some(newer) = self.runs.iter().find(|r| r.id == newer) else { return };
        let superseded: Vec<_> = self
            .runs
            .iter()
            .filter(|r| r.job == newer.job && self.gives_way(r, &newer.payload, now))
            .map(|r| r.id)
            .collect();
        for id in superseded {
            let mut end = End::without_process(Outcome::Skipped, "a newer run stands in for this retry");
            end.reason = Some(SkipReason::Superseded);
            self.finish(id, end, now, out);
        }
    }

    /// The end of ebbd: the first time runs get their stop signal and grace, the second time they are ended at once.
    /// What waits is in the journal and starts with the next ebbd.
    pub(super) fn shut_down(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.shutdown = if self.shutdown == Shutdown::No { Shutdown::Graceful } else { Shutdown::AtOnce };
        if self.end_by.is_none() {
            self.end_by = self.last_grace_ms.map(|ms| now.mono.plus_ms(ms));
        }
        let active: Vec<_> = self.runs.iter().filter(|r| r.is_active()).map(|r| r.id).collect();
        for id in &active {
            self.end(*id, StopReason::Shutdown, now, out);
            if self.shutdown == Shutdown::AtOnce {
                self.kill(*id, out);
            }
        }
        if active.is_empty() {
            out.push(Effect::Exit);
        }
    }
}

/// How a run is tried again.
struct Again {
    delay_ms: u64,
    /// In place of its job's memory limit.
    raised_max: Option<u64>,
}

fn stopping(run: &Run, reason: StopReason) -> Effect {
    Effect::Record(Recorded::Stopping(Stopping { id: run.id, job: run.job.to_string(), reason }))
}

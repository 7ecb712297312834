//! When a job starts by itself: arming its next slot, and what happens when one is due.
//!
//! The rule for a clock that is set: a slot that was jumped over counts as missed (`catch-up` decides), a slot that
//! was dealt with does not come again unless the clock went back by more than `limits::CLOCK_BACK_MS`.

use crate::clock::{Now, Wall};
use crate::journal::record::{Event as Recorded, Payload, Skipped};
use crate::limits;
use crate::words::{CatchUp, Overlap, SkipReason, StopReason, Trigger};

use super::event::JobIndex;
use super::job::{Next, is_missed};
use super::run::{Run, State};
use super::{Effect, Engine, Shutdown};

impl Engine {
    /// Plans the next start of a job by itself. Its schedule is asked for outside; `every` is reckoned here.
    pub(super) fn arm(&mut self, index: usize, now: Now, out: &mut Vec<Effect>) {
        let job = &mut self.jobs[index];
        job.next = None;
        if !job.starts_by_itself() {
            return;
        }
        if job.policy.scheduled {
            out.push(Effect::Arm { job: JobIndex(index), after: job.slots_after(now.wall) });
        } else if let Some(every_ms) = job.policy.every_ms {
            let slot = job.next_every(every_ms, now.wall);
            self.set_next(index, slot);
        }
    }

    pub(super) fn armed(&mut self, job: JobIndex, slot: Option<Wall>) {
        if let (Some(slot), true) = (slot, job.0 < self.jobs.len()) {
            self.set_next(job.0, slot);
        }
    }

    fn set_next(&mut self, index: usize, slot: Wall) {
        let jitter_ms = self.jobs[index].policy.jitter_ms;
        let jitter_ms = if jitter_ms == 0 { 0 } else { self.random.u64(0..=jitter_ms) };
        let at = slot.plus_ms(i64::try_from(jitter_ms).unwrap_or(i64::MAX));
        self.jobs[index].next = Some(Next { slot, at });
    }

    /// The wall clock was set: every slot is reckoned anew from what has been dealt with.
    pub(super) fn clock_set(&mut self, now: Now, out: &mut Vec<Effect>) {
        for index in 0..self.jobs.len() {
            // What is due by the new time is dealt with first: arming would forget its jitter.
            if self.jobs[index].next.is_none_or(|next| next.at > now.wall) {
                self.arm(index, now, out);
            }
        }
        self.due(now, out);
    }

    pub(super) fn due(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.due_runs(now, out);
        if self.shutdown != Shutdown::No {
            return;
        }
        self.due_for_memory(now, out);
        for index in 0..self.jobs.len() {
            if let Some(next) = self.jobs[index].next
                && next.at <= now.wall
            {
                self.slot_due(index, next, now, out);
            }
        }
    }

    fn slot_due(&mut self, index: usize, next: Next, now: Now, out: &mut Vec<Effect>) {
        let policy = std::rc::Rc::clone(&self.jobs[index].policy);
        let is_skipped = is_missed(next.at, now.wall) && policy.catch_up == CatchUp::None;
        // `every` counts from the start, which is now; a schedule's slot keeps its name.
        let slot = if policy.scheduled || is_skipped { next.slot } else { now.wall };
        // Every slot up to now has been dealt with, by this one run or by this one skip.
        let dealt_with = next.slot.max(now.wall);
        self.jobs[index].facts.last_slot = Some(dealt_with);
        if is_skipped {
            self.skip(index, Trigger::Schedule, SkipReason::Missed, Some(slot), None, out);
        } else {
            self.fire(index, Trigger::Schedule, Some(slot), now, out);
        }
        if dealt_with.0.saturating_sub(slot.0) >= limits::SLOT_APART_MS {
            // The run or the skip names one slot; that later ones are dealt with too has to outlive ebbd as well.
            out.push(Effect::Record(Recorded::Job(self.jobs[index].record())));
        }
        self.arm(index, now, out);
    }

    /// A job's own trigger, schedule or start of ebbd, becomes a run or is skipped, as `overlap` says.
    pub(super) fn fire(
        &mut self,
        index: usize,
        trigger: Trigger,
        slot: Option<Wall>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let (policy, name) = (self.jobs[index].policy.clone(), self.jobs[index].name.clone());
        let active = self.runs.iter().filter(|r| r.job == name && r.is_active()).count();
        let waiting = self
            .runs
            .iter()
            .filter(|r| r.job == name && !r.is_active() && !r.is_backing_off(now.mono))
            .count();
        let refused = match policy.overlap {
            Overlap::Skip => (active + waiting > 0).then_some(SkipReason::Running),
            Overlap::Queue => (active + waiting > 0 && waiting >= usize::from(policy.queue_limit))
                .then_some(SkipReason::QueueFull),
            Overlap::Replace => {
                // What waits already takes the place; else the new run does, once the journal has it.
                if self.runs.iter().any(|r| r.job == name && r.is_ready(now.mono)) {
                    self.end_active(&name, StopReason::Replaced, now, out);
                }
                (waiting > 0).then_some(SkipReason::Running)
            }
            Overlap::Parallel => {
                (active + waiting >= usize::from(policy.max_parallel)).then_some(SkipReason::Running)
            }
        };
        if let Some(reason) = refused {
            self.skip(index, trigger, reason, slot, None, out);
            return;
        }
        if let Some(why) = self.never_fits(index, None) {
            self.skip(index, trigger, SkipReason::Memory, slot, Some(why), out);
            return;
        }
        self.enqueue(index, trigger, slot, Payload::default(), None, now, out);
    }

    fn skip(
        &mut self,
        index: usize,
        trigger: Trigger,
        reason: SkipReason,
        slot: Option<Wall>,
        detail: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let job = self.jobs[index].name.to_string();
        out.push(Effect::Record(Recorded::Skipped(Skipped { job, trigger, reason, slot, detail })));
    }

    /// Timeouts, grace periods and retry delays.
    fn due_runs(&mut self, now: Now, out: &mut Vec<Effect>) {
        let due: Vec<_> =
            self.runs.iter().filter(|r| r.wake().is_some_and(|at| at <= now.mono)).map(|r| r.id).collect();
        for id in due {
            // What came before in this list may have started it, or dealt with it, meanwhile.
            let is_due = |run: &&mut Run| run.wake().is_some_and(|at| at <= now.mono);
            let Some(run) = self.run_mut(id).filter(is_due) else { continue };
            match run.state {
                State::Waiting { .. } => {
                    run.state = State::Waiting { not_before: None };
                    let name = run.job.clone();
                    self.pump(&name, now, out);
                }
                State::PutOff { .. } => {
                    run.state = State::PutOff { until: None };
                    let name = run.job.clone();
                    self.pump(&name, now, out);
                }
                State::Starting { .. } | State::Running { .. } => self.end(id, StopReason::Timeout, now, out),
                State::Stopping { since, why, .. } => {
                    run.state = State::Stopping { since, why, kill_at: None };
                    out.push(Effect::Kill { run: id });
                }
            }
        }
    }
}

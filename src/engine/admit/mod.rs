//! Whose turn it is where memory or places for runs are short: what a run claims has to fit before it starts.
//!
//! Runs are ranked by priority, then by age: a step of priority counts as much as [`limits::PRIORITY_STEP_MS`] of waiting, so
//! that every run comes first in the end. The bound: once it has been first for [`limits::FIRM_AFTER_MS`], nothing passes it that
//! it could have started in place of; it starts at the latest when every run has ended that was under way.

mod hold;
mod ledger;
mod pressure;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trouble;

use std::rc::Rc;

use crate::clock::{Mono, Now};
use crate::journal::record::RunId;
use crate::limits;
use crate::words::{ClaimSource, Outcome, SkipReason, Trigger};

use super::budget::{Budget, Room};
use super::claim::claim;
use super::job::Job;
use super::run::{End, Run, State};
use super::{Effect, Engine, Shutdown};
use ledger::{Active, Ask, Ledger, Short};

pub(super) use hold::{Hold, Most, Why, never};
pub(super) use pressure::Pressure;

/// Since when a run has waited for nothing but room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// When its turn came, for the rank: kept while its start is put off.
    pub(super) came: Mono,
    /// Since when it has waited without a break, by both clocks.
    pub(super) since: Now,
}

impl Turn {
    const fn new(now: Now) -> Self {
        Self { came: now.mono, since: now }
    }

    /// It waits for something else first, until then.
    pub(super) fn put_off(&mut self, now: Now, delay_ms: u64) {
        let wall = now.wall.plus_ms(i64::try_from(delay_ms).unwrap_or(i64::MAX));
        self.since = Now { wall, mono: now.mono.plus_ms(delay_ms) };
    }

    /// What runs are ranked by, the least first: when it came, and the earlier the higher its priority is.
    fn rank(self, priority: i8) -> i128 {
        i128::from(self.came.0) - i128::from(priority) * i128::from(limits::PRIORITY_STEP_MS)
    }
}

impl Engine {
    /// Memory is given out by these rules from the load on that follows. Nothing is started before: the definitions, and the
    /// pools that they name, are those of the load.
    pub(super) fn set_budget(&mut self, budget: Budget, out: &mut Vec<Effect>) {
        self.budget = budget;
        if self.budget.pressure.is_none() {
            self.release_pressure(out);
        }
        if !self.is_limited() {
            self.runs.iter_mut().filter(|run| !run.is_active()).for_each(Run::waits_for_no_room);
        }
    }

    /// Whether anything but their own jobs keeps runs from starting.
    pub(super) fn is_limited(&self) -> bool {
        let Budget { is_on, memory, max_parallel, pools, .. } = &self.budget;
        *is_on || memory.is_some() || max_parallel.is_some() || !pools.is_empty()
    }

    /// What is there has to be looked at before anything is decided; see [`Effect::Look`].
    pub(super) fn ask_for_room(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.is_limited() && !self.looks && self.shutdown == Shutdown::No && self.has_candidates(now.mono)
        {
            self.looks = true;
            out.push(Effect::Look);
        }
    }

    /// Starts what fits into the room that there is, the first in rank first.
    pub(super) fn admit(&mut self, now: Now, room: &Room, out: &mut Vec<Effect>) {
        self.looks = false;
        self.look_again = None;
        if self.shutdown != Shutdown::No {
            return;
        }
        self.feel_pressure(now, room, out);
        let ranked = self.ranked(now);
        let mut ledger = Ledger::open(&self.budget, room, self.active(now.mono));
        let (mut is_short_of_host, mut has_started, mut first) = (false, false, None);
        for Candidate { run: id, job, .. } in ranked {
            let Ok(position) = self.runs.binary_search_by_key(&id, |run| run.id) else { continue };
            if let Some(why) = self.never_fits(job, self.runs[position].raised_max) {
                self.drop_for_memory(id, why, now, out);
                continue;
            }
            let ask = self.asked(job, &self.runs[position], now.mono);
            let admitted =
                if self.pressure.is_some() { Err(Why::Pressure) } else { self.try_admit(&mut ledger, &ask) };
            match admitted {
                Ok(()) => {
                    has_started = true;
                    self.begin(job, id, ask.claim, now, out);
                }
                Err(why) => {
                    if let Why::Short { short, .. } = &why {
                        is_short_of_host |= short.resource == ledger::Resource::Host;
                        first = first.or(short.is_kept_for.then_some(id));
                    }
                    self.hold(id, why, now);
                }
            }
        }
        if self.pressure.is_none() {
            // Who comes first still has done so since then.
            let since = |id| self.first.filter(|(was, _)| *was == id).map_or(now.mono, |(_, since)| since);
            self.first = first.map(|id| (id, since(id)));
        }
        if is_short_of_host {
            self.look_again(now.mono, has_started);
        } else {
            self.look_pause_ms = 0;
        }
    }

    fn try_admit(&self, ledger: &mut Ledger, ask: &Ask) -> Result<(), Why> {
        ledger.ask(ask).map_err(|short: Short| {
            let position = |run| self.runs.binary_search_by_key(&run, |run| run.id).ok();
            let behind = short.behind.and_then(position).map(|at| Rc::clone(&self.runs[at].job));
            Why::Short { short, behind }
        })
    }

    /// What the host lacks may come back without any run of ours having ended: then it has to be looked at once more.
    fn look_again(&mut self, now: Mono, has_started: bool) {
        let before = if has_started { 0 } else { self.look_pause_ms };
        self.look_pause_ms = (before * 2).clamp(limits::LOOK_AGAIN_MIN_MS, limits::LOOK_AGAIN_MAX_MS);
        self.look_again = Some(now.plus_ms(self.look_pause_ms));
    }

    fn hold(&mut self, id: RunId, why: Why, now: Now) {
        if let Some(run) = self.run_mut(id) {
            let since = run.turn.get_or_insert(Turn::new(now)).since.wall;
            run.hold = Some(Box::new(Hold { since, why }));
        }
    }

    /// The runs whose turn has come by the rules of their own jobs, the first in rank first.
    fn ranked(&mut self, now: Now) -> Vec<Candidate> {
        let mut ranked = self.candidates(now.mono);
        for run in &mut self.runs {
            let is_candidate = ranked.binary_search_by_key(&run.id, |candidate| candidate.run).is_ok();
            // What waits for something else no longer waits for room.
            if !run.is_active() && !run.is_put_off() && !is_candidate {
                run.waits_for_no_room();
            }
        }
        for candidate in &mut ranked {
            let Some(run) = self.run_mut(candidate.run) else { continue };
            let turn = *run.turn.get_or_insert(Turn::new(now));
            candidate.rank = turn.rank(self.jobs[candidate.job].policy.priority);
        }
        ranked.sort_unstable_by_key(|candidate| (candidate.rank, candidate.run));
        ranked
    }

    /// The runs that their own jobs would let start: the oldest of each, as far as it has room.
    fn candidates(&self, now: Mono) -> Vec<Candidate> {
        if self.runs.iter().all(Run::is_active) {
            return Vec::new();
        }
        let jobs: Vec<Option<usize>> = self.runs.iter().map(|run| self.find(&run.job)).collect();
        // What each job has room for yet; none where the oldest that waits has to be tried later.
        let mut room: Vec<Option<u16>> = self.jobs.iter().map(|job| Some(job.policy.max_parallel)).collect();
        for (run, job) in self.runs.iter().zip(&jobs) {
            if let (true, Some(places)) = (run.is_active(), job.and_then(|job| room[job].as_mut())) {
                *places = places.saturating_sub(1);
            }
        }
        let mut found = Vec::new();
        for (run, job) in self.runs.iter().zip(jobs).filter(|(run, _)| !run.is_active()) {
            let Some(job) = job else { continue };
            match (&mut room[job], turn_of(&self.jobs[job], run, now)) {
                (None | Some(0), _) | (_, Comes::NotYet) => {}
                (left @ Some(_), Comes::Later) => *left = None,
                (Some(places), Comes::Now) => {
                    *places -= 1;
                    found.push(Candidate { run: run.id, job, rank: 0 });
                }
            }
        }
        found
    }

    /// Whether any run waits for nothing but room, or for others of its job.
    fn has_candidates(&self, now: Mono) -> bool {
        let comes = |run: &Run| {
            self.find(&run.job).is_some_and(|job| matches!(turn_of(&self.jobs[job], run, now), Comes::Now))
        };
        self.runs.iter().any(|run| !run.is_active() && comes(run))
    }

    fn active(&self, now: Mono) -> Vec<Active> {
        let active = self.runs.iter().filter(|run| run.is_active());
        active
            .map(|run| Active {
                run: run.id,
                claim: run.claim,
                pool: self.pool(run.policy.pool.as_deref()),
                ends: self.likely_end(run, now),
                of_host: 0,
            })
            .collect()
    }

    /// When a run under way will likely have ended: after as long as its job was seen to take, or its timeout. One that
    /// takes longer than that is given a tenth of its time again and again.
    fn likely_end(&self, run: &Run, now: Mono) -> Option<Mono> {
        let began = run.since().map_or(now, |since| since.mono);
        let likely_ms = self.likely_ms(self.find(&run.job)?)?;
        let taken_ms = now.0.saturating_sub(began.0);
        Some(if likely_ms > taken_ms {
            began.plus_ms(likely_ms)
        } else {
            now.plus_ms((taken_ms / 10).max(1000))
        })
    }

    fn likely_ms(&self, index: usize) -> Option<u64> {
        let job = &self.jobs[index];
        let learned = job.facts.learned.duration_ms();
        match (learned, job.policy.timeout_ms) {
            (Some(learned), Some(timeout)) => Some(learned.min(timeout)),
            (learned, timeout) => learned.or(timeout),
        }
    }

    fn pool(&self, name: Option<&str>) -> Option<usize> {
        let name = name?;
        self.budget.pools.binary_search_by(|pool| (*pool.name).cmp(name)).ok()
    }

    fn asked(&self, index: usize, run: &Run, now: Mono) -> Ask {
        let job = &self.jobs[index];
        let pool = self.pool(job.policy.pool.as_deref());
        let first_ms = self
            .first
            .filter(|(first, _)| *first == run.id)
            .map_or(0, |(_, since)| now.0.saturating_sub(since.0));
        Ask {
            run: run.id,
            claim: self.claim_of(index, run.raised_max).0,
            pool,
            ends: self.likely_ms(index).map(|ms| now.plus_ms(ms)),
            is_firm: first_ms >= limits::FIRM_AFTER_MS,
        }
    }

    /// Bytes that a run of a job claims now. What is no more than a guess claims no more than there can ever be.
    pub(super) fn claim_of(&self, index: usize, raised: Option<u64>) -> (u64, ClaimSource) {
        let job = &self.jobs[index];
        let raised = job.policy.still_raised(raised);
        let (claim, source) = claim(&job.policy, &job.facts.learned, raised, self.budget.unknown);
        let most = Most::of(&self.budget, self.pool(job.policy.pool.as_deref()));
        let seen = u64::from(job.facts.learned.highest_kib) * 1024;
        match (most, source) {
            (Some(most), ClaimSource::Learned) if seen <= most.bytes => (claim.min(most.bytes), source),
            // All that there can be is hardly ever free.
            (Some(most), ClaimSource::Unknown) if seen <= most.bytes => {
                (claim.min((most.bytes / 2).max(seen)), source)
            }
            _ => (claim, source),
        }
    }

    /// The most bytes that a run of a job can ever get.
    pub(super) fn most(&self, index: usize) -> Option<u64> {
        let most = Most::of(&self.budget, self.pool(self.jobs[index].policy.pool.as_deref()));
        most.map(|most| most.bytes)
    }

    /// Why a run of a job could never start, whatever ends; none where it can.
    pub(super) fn never_fits(&self, index: usize, raised: Option<u64>) -> Option<String> {
        let most = Most::of(&self.budget, self.pool(self.jobs[index].policy.pool.as_deref()))?;
        let (claim, source) = self.claim_of(index, raised);
        // What was seen counts for more than `unknown`.
        let is_seen = source == ClaimSource::Unknown && claim > self.budget.unknown;
        let source = if is_seen { ClaimSource::Learned } else { source };
        (claim > most.bytes).then(|| never(claim, &most, source, &self.budget))
    }

    /// A run that waits for memory does so no longer.
    fn drop_for_memory(&mut self, id: RunId, why: String, now: Now, out: &mut Vec<Effect>) {
        let mut end = End::without_process(Outcome::Skipped, why);
        end.reason = Some(SkipReason::Memory);
        self.finish(id, end, now, out);
    }

    /// Runs that have waited for as long as their jobs let them, and what is to be looked at by now.
    pub(super) fn due_for_memory(&mut self, now: Now, out: &mut Vec<Effect>) {
        let gave_up: Vec<_> = self
            .runs
            .iter()
            .filter(|run| gives_up_at(run).is_some_and(|at| at <= now.mono))
            .map(|run| run.id)
            .collect();
        for id in gave_up {
            let Some(run) = self.runs.iter().find(|run| run.id == id) else { continue };
            let waited =
                run.policy.queue_timeout_ms.map_or_else(String::new, |ms| crate::job::Millis(ms).to_string());
            let held = run.hold.as_ref().map(|hold| hold.waits(&self.budget).sentence);
            let why = format!(
                "it waited for memory for its queue-timeout of {waited}: {}",
                held.unwrap_or_default()
            );
            self.drop_for_memory(id, why, now, out);
        }
        let looks_again = self.look_again.is_some_and(|at| at <= now.mono);
        let pressure_passes = self.pressure.as_ref().is_some_and(|pressure| pressure.until <= now.mono);
        if looks_again || pressure_passes {
            self.look_again = None;
            self.ask_for_room(now, out);
            if pressure_passes && !self.looks {
                // Nothing waits for it any more.
                self.release_pressure(out);
            }
        }
    }

    /// When time alone matters to what waits for memory.
    pub(super) fn wake_for_memory(&self) -> Option<Mono> {
        if self.shutdown != Shutdown::No {
            return None;
        }
        let give_up = self.runs.iter().filter_map(gives_up_at).min();
        let pressure = self.pressure.as_ref().map(|pressure| pressure.until);
        [give_up, self.look_again, pressure].into_iter().flatten().min()
    }
}

fn gives_up_at(run: &Run) -> Option<Mono> {
    let turn = run.turn.filter(|_| run.hold.is_some() && !run.is_active())?;
    Some(turn.since.mono.plus_ms(run.policy.queue_timeout_ms?))
}

/// A run whose turn has come by the rules of its job.
struct Candidate {
    run: RunId,
    /// Where its job is.
    job: usize,
    /// The least comes first.
    rank: i128,
}

/// Whether a run's turn has come among those of its job.
enum Comes {
    Now,
    /// Not before something else has happened; others of its job may go before it.
    NotYet,
    /// Its start was put off; what it lacks the others lack too, and they shall not overtake it.
    Later,
}

fn turn_of(job: &Job, run: &Run, now: Mono) -> Comes {
    let is_held = job.facts.paused && run.trigger == Trigger::Retry;
    if matches!(run.state, State::PutOff { until: Some(at) } if at > now) {
        Comes::Later
    } else if is_held || !run.is_recorded || run.is_backing_off(now) {
        Comes::NotYet
    } else {
        Comes::Now
    }
}

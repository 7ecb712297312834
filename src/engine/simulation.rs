//! Simulated years: random demands, stops, reloads, set clocks, full and failing disks against the engine, crashes between
//! any two effects, reboots that take back what was not synced, with the invariants checked at every record. Seeded; a
//! failure names its seed (`EBB_SIMULATE=SEED` runs that one alone, `EBB_SIMULATE_SEEDS=N` runs more).

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::{Mono, Now, Wall};
use crate::job::{OnOom, Retry};
use crate::journal::State;
use crate::journal::record::{Event as Recorded, Opened, Payload, Queued, Record, RunId, Started, Usage};
use crate::limits;
use crate::words::{CatchUp, Enforcement, OomCause, Outcome, Overlap, SkipReason, Trigger};

use super::tests::{START, loaded, policy};
use super::{
    Budget, Effect, Engine, Event, Exit, JobIndex, Loaded, Policy, Pool, Process, Refused, Reply, Restored,
    RestoredRun, Room, Target,
};

const YEAR_MS: u64 = 366 * 86_400_000;
const HOUR_MS: u64 = 3_600_000;
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A process of a run, which outlives a crash of ebbd.
struct Running {
    ends: Mono,
    exit: Exit,
    heeds_signals: bool,
    /// When ebbd hears that the program runs; none once it has.
    heard_at: Option<Mono>,
}

/// What has been seen of a run.
#[derive(Default)]
struct Life {
    job: String,
    is_demand: bool,
    started: u32,
}

struct World {
    seed: u64,
    random: fastrand::Rng,
    now: Now,
    engine: Engine,
    jobs: Vec<Loaded>,
    /// Milliseconds between slots, by job.
    periods: BTreeMap<String, u64>,
    running: BTreeMap<RunId, Running>,
    /// Runs that have not ended.
    lives: BTreeMap<RunId, Life>,
    last_run: RunId,
    journal: State,
    /// What a power cut leaves for sure, and what it may leave on top, up to any line.
    synced: State,
    unsynced: Vec<Record>,
    /// Whether the disk is full, and what waits for room.
    is_full: bool,
    unwritten: Vec<Record>,
    /// Runs whose processes were ever made since the host started.
    made: BTreeSet<RunId>,
    /// Demands that were acknowledged and have not ended.
    acknowledged: BTreeSet<RunId>,
    /// Effects until ebbd dies, where that is planned.
    dies_in: Option<u32>,
    is_dead: bool,
    /// Slots that were dealt with, and how often something happened that may repeat or add one.
    fired: BTreeMap<String, u64>,
    disturbances: u64,
    stopped: bool,
    budget: Budget,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let periods: BTreeMap<String, u64> =
            NAMES.iter().map(|n| ((*n).to_owned(), random.u64(1..=24) * HOUR_MS)).collect();
        let jobs = NAMES.iter().map(|n| loaded(n, random_policy(&mut random, periods[*n]))).collect();
        let now = Now { wall: Wall(START), mono: Mono(1_000_000_000) };
        let budget = if random.bool() { random_budget(&mut random) } else { Budget::default() };
        let mut world = Self {
            seed,
            random,
            now,
            engine: Engine::new(Restored::default(), seed),
            jobs,
            periods,
            running: BTreeMap::new(),
            lives: BTreeMap::new(),
            last_run: 0,
            journal: State::default(),
            synced: State::default(),
            unsynced: Vec::new(),
            is_full: false,
            unwritten: Vec::new(),
            made: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            dies_in: None,
            is_dead: false,
            fired: BTreeMap::new(),
            disturbances: 1,
            stopped: false,
            budget,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.send(Event::Budget(self.budget.clone()));
        let opened =
            Opened { version: String::new(), pid: 1, boot: "b".into(), next_run: self.engine.next_run() };
        self.write(Record { at: self.now.wall, event: Recorded::Opened(opened) });
        // The file of a job may have a problem just then; nothing of it is forgotten until it is back.
        let refused: Vec<String> =
            NAMES.iter().filter(|_| self.random.u8(..30) == 0).map(|n| (*n).to_owned()).collect();
        let jobs = self.jobs.iter().filter(|j| !refused.contains(&j.name)).cloned().collect();
        self.send(Event::Refused(Refused::Names(refused)));
        self.send(Event::Load(jobs));
    }

    /// Hands in an event and does what the shell would do.
    fn send(&mut self, event: Event) {
        if self.is_dead {
            return;
        }
        let effects = self.engine.handle(self.now, event);
        let mut then = Vec::new();
        for effect in effects {
            if self.dies() {
                return;
            }
            self.carry_out(effect, &mut then);
        }
        for event in then {
            self.send(event);
        }
    }

    /// Whether this is the moment at which ebbd dies.
    fn dies(&mut self) -> bool {
        self.dies_in = self.dies_in.map(|left| left.saturating_sub(1));
        self.is_dead |= self.dies_in == Some(0);
        self.is_dead
    }

    fn carry_out(&mut self, effect: Effect, then: &mut Vec<Event>) {
        match effect {
            Effect::Arm { job, after } => {
                let name = self.engine.job(job).map(|view| view.name.to_owned()).unwrap();
                let period = i64::try_from(self.periods[&name]).unwrap();
                let slot = Wall((after.0.div_euclid(period) + 1) * period);
                let more = self.engine.handle(self.now, Event::Armed { job, slot: Some(slot) });
                assert!(more.is_empty());
            }
            Effect::Record(event) => then.extend(self.record(event)),
            Effect::Start(order) => {
                if self.random.u8(..20) == 0 {
                    then.push(Event::StartFailed { run: order.run, error: "no such file".into() });
                    return;
                }
                if self.random.u8(..20) == 0 {
                    then.push(Event::StartPutOff { run: order.run, lacks: "no process is left".into() });
                    return;
                }
                assert!(self.journal.runs.contains_key(&order.run), "what runs is in the journal");
                self.check_shares(order.run);
                assert!(self.made.insert(order.run), "run {} has processes a second time", order.run);
                let ends = self.now.mono.plus_ms(self.random.u64(1..3 * HOUR_MS));
                let exit = if self.random.bool() { Exit::Code(0) } else { Exit::Code(1) };
                let heeds_signals = self.random.bool();
                let late_ms = if self.random.u8(..4) == 0 { self.random.u64(1..HOUR_MS) } else { 0 };
                let heard_at = Some(self.now.mono.plus_ms(late_ms));
                self.running.insert(order.run, Running { ends, exit, heeds_signals, heard_at });
                if late_ms == 0 {
                    then.push(self.heard(order.run));
                }
            }
            Effect::Signal { run } => {
                if let Some(running) = self.running.get_mut(&run).filter(|r| r.heeds_signals) {
                    running.ends = running.ends.min(self.now.mono.plus_ms(500));
                    running.exit = Exit::Signal(15);
                }
            }
            Effect::Kill { run } => {
                if let Some(running) = self.running.get_mut(&run) {
                    running.ends = running.ends.min(self.now.mono.plus_ms(1));
                    running.exit = Exit::Signal(9);
                }
            }
            Effect::Reply { reply: Reply::Accepted { run, .. }, .. }
                if then.contains(&Event::NotRecorded { run }) => {}
            Effect::Reply { reply, .. } => then.extend(self.replied(&reply)),
            Effect::Look => then.push(Event::Room(self.room())),
            Effect::Exit => self.stopped = true,
        }
    }

    /// ebbd hears that a program runs.
    fn heard(&mut self, run: RunId) -> Event {
        self.running.get_mut(&run).unwrap().heard_at = None;
        let process = Process { pid: 1, start: 1 };
        Event::Started { run, process, enforcement: Enforcement::None, cgroups: Vec::new() }
    }

    /// An answer goes out after a sync, which may fail; then the demand is refused.
    fn replied(&mut self, reply: &Reply) -> Option<Event> {
        if !self.unwritten.is_empty() {
            return None;
        }
        let Reply::Accepted { run, merged } = reply else {
            self.sync();
            return None;
        };
        if self.random.u8(..40) == 0 {
            return (!merged).then_some(Event::NotDurable { run: *run });
        }
        self.sync();
        assert!(self.journal.runs.contains_key(run), "what is accepted is in the journal");
        let life = self.lives.get_mut(run).expect("an accepted demand is recorded before it is answered");
        assert_eq!(life.started, 0, "run {run} began before the demand that was merged into it");
        life.is_demand = true;
        self.acknowledged.insert(*run);
        None
    }

    fn sync(&mut self) {
        self.synced = self.journal.clone();
        self.unsynced.clear();
    }

    fn write(&mut self, record: Record) {
        self.journal.apply(&record);
        self.unsynced.push(record);
    }

    /// There is room on the disk again.
    fn make_room(&mut self) {
        self.is_full = false;
        for record in std::mem::take(&mut self.unwritten) {
            let queued = if let Recorded::Queued(queued) = &record.event { Some(queued.id) } else { None };
            self.write(record);
            if let Some(run) = queued {
                self.send(Event::Recorded { run });
            }
        }
    }

    /// Writes a record, or keeps it for later; what follows for the run that it queues.
    fn record(&mut self, event: Recorded) -> Option<Event> {
        let queued =
            if let Recorded::Queued(queued) = &event { Some((queued.id, queued.trigger)) } else { None };
        self.judge(&event);
        let record = Record { at: self.now.wall, event };
        if self.is_full && matches!(queued, Some((_, Trigger::Manual))) {
            let (run, _) = queued?;
            self.lives.remove(&run);
            return Some(Event::NotRecorded { run });
        }
        if self.is_full {
            self.unwritten.push(record);
            return None;
        }
        self.write(record);
        queued.map(|(run, _)| Event::Recorded { run })
    }

    fn judge(&mut self, event: &Recorded) {
        match event {
            Recorded::Queued(queued) => {
                assert!(queued.id > self.last_run, "numbers go up");
                self.last_run = queued.id;
                self.lives.insert(queued.id, Life { job: queued.job.clone(), ..Life::default() });
                if queued.trigger == Trigger::Schedule {
                    *self.fired.entry(queued.job.clone()).or_default() += 1;
                }
            }
            Recorded::Started(started) => {
                let job = started.job.clone();
                let life =
                    self.lives.get_mut(&started.id).expect("what starts was accepted and has not ended");
                life.started += 1;
                assert_eq!(life.started, 1, "run {} starts once", started.id);
                let together = self.lives.values().filter(|l| l.job == job && l.started > 0);
                let together = together.count();
                let most = self.jobs.iter().find(|j| j.name == job).map_or(1, |j| j.policy.max_parallel);
                assert!(together <= usize::from(most), "{together} runs of {job} at once");
            }
            Recorded::Finished(finished) => {
                let life = self.lives.remove(&finished.id).expect("what ends was accepted and has not ended");
                self.acknowledged.remove(&finished.id);
                // A start that hung is known to have ended, not to have begun.
                let never_ran = life.started == 0
                    && !self.made.contains(&finished.id)
                    && finished.outcome != Outcome::StartFailed;
                assert!(
                    !never_ran
                        || matches!(
                            finished.outcome,
                            Outcome::Canceled | Outcome::Skipped | Outcome::Timeout
                        ),
                    "run {} ended as {} without a start",
                    finished.id,
                    finished.outcome
                );
                assert!(
                    !(life.is_demand && never_ran && finished.outcome == Outcome::Skipped)
                        || matches!(finished.reason, Some(SkipReason::Removed | SkipReason::Memory)),
                    "an accepted demand is not skipped while its job is there, but for memory"
                );
            }
            Recorded::Skipped(skipped) if skipped.trigger == Trigger::Schedule => {
                *self.fired.entry(skipped.job.clone()).or_default() += 1;
            }
            Recorded::Skipped(_)
            | Recorded::Pressure(_)
            | Recorded::Opened(_)
            | Recorded::Job(_)
            | Recorded::JobRemoved { .. }
            | Recorded::Paused { .. }
            | Recorded::Stopping(_)
            | Recorded::Resumed { .. } => {}
        }
    }

    /// Lets time pass to the next thing that happens, at most `most_ms`.
    fn pass(&mut self, most_ms: u64) {
        let until = self.now.mono.plus_ms(most_ms);
        while self.now.mono < until && !self.stopped && !self.is_dead {
            let wake = self.engine.next_wake();
            let ends = self.running.values().flat_map(|r| [Some(r.ends), r.heard_at]).flatten().min();
            let by_wall = wake.wall.map(|at| {
                let ahead = u64::try_from(at.0 - self.now.wall.0).unwrap_or(0);
                self.now.mono.plus_ms(ahead)
            });
            let next = [Some(until), wake.mono, ends, by_wall].into_iter().flatten().min().unwrap();
            self.advance(next.0.saturating_sub(self.now.mono.0));
            let ended: Vec<RunId> =
                self.running.iter().filter(|(_, r)| r.ends <= self.now.mono).map(|(id, _)| *id).collect();
            let heard = |r: &Running| r.heard_at.is_some_and(|at| at.min(r.ends) <= self.now.mono);
            let heard: Vec<RunId> =
                self.running.iter().filter(|(_, r)| heard(r)).map(|(id, _)| *id).collect();
            for run in heard {
                let event = self.heard(run);
                self.send(event);
            }
            for run in ended {
                let exit = self.running.remove(&run).unwrap().exit;
                self.exited(run, exit);
            }
            self.send(Event::Due);
            self.check();
        }
    }

    /// A run's end with what it took, now and then at its limit.
    fn exited(&mut self, run: RunId, exit: Exit) {
        let job = self.engine.job_of(run).and_then(|name| self.jobs.iter().find(|j| j.name == name));
        let memory_max = self.engine.raised_max(run).or(job.and_then(|job| job.policy.memory_max));
        let is_killed = memory_max.is_some() && exit == Exit::Signal(9);
        let cause = OomCause::ALL[self.random.usize(..OomCause::ALL.len())];
        let usage = Usage {
            peak_anon_bytes: Some(self.random.u64(..memory_max.unwrap_or(MEMORY))),
            oom_kills: is_killed.then_some(1),
            oom_cause: is_killed.then_some(cause),
            ..Usage::default()
        };
        let (late_ms, unheld) = (0, Vec::new());
        self.send(Event::Exited { run, exit, usage, memory_max, late_ms, unheld, victim: None });
    }

    /// What the host has left: mostly enough, sometimes hardly anything.
    fn room(&mut self) -> Room {
        let left = if self.random.u8(..6) == 0 { self.random.u64(..MEMORY) } else { 4 * MEMORY };
        let used = self.running.keys().map(|run| (*run, self.random.u64(..MEMORY / 8))).collect();
        let stalled = Some(self.random.u32(..2_000));
        Room { available: Some(left), headroom: self.random.bool().then_some(4 * MEMORY), used, stalled }
    }

    /// Whatever is started, no share is exceeded by it.
    fn check_shares(&self, run: RunId) {
        let pool = |run: RunId| self.jobs.iter().find(|j| self.engine.job_of(run) == Some(&*j.name));
        let pool = pool(run).and_then(|job| job.policy.pool.as_deref());
        for share in self.engine.shares().filter(|share| share.pool.is_none() || share.pool == pool) {
            let claim = self.engine.stray_runs().count();
            let is_over = share.memory.is_some_and(|memory| share.claimed > memory);
            assert!(!is_over || claim > 0, "run {run} starts beyond {share:?}");
            let places = share.max_parallel.map_or(usize::MAX, usize::from);
            assert!(share.running <= places, "run {run} starts beyond {share:?}");
        }
    }

    fn advance(&mut self, ms: u64) {
        self.now.mono = self.now.mono.plus_ms(ms);
        self.now.wall = self.now.wall.plus_ms(i64::try_from(ms).unwrap());
    }

    fn check(&self) {
        if self.stopped || self.is_dead {
            return;
        }
        let wake = self.engine.next_wake();
        assert!(wake.wall.is_none_or(|at| at > self.now.wall), "the next wake is later than now: {wake:?}");
        assert!(wake.mono.is_none_or(|at| at > self.now.mono), "the next wake is later than now: {wake:?}");
        for index in 0..self.engine.job_count() {
            let view = self.engine.job(JobIndex(index)).unwrap();
            let job = self.jobs.iter().find(|j| j.name == view.name).unwrap();
            if view.paused || !(job.policy.scheduled || job.policy.every_ms.is_some()) {
                continue;
            }
            let next = view.next.unwrap_or_else(|| panic!("{} has fallen silent", view.name));
            let longest = self.periods[view.name] + job.policy.jitter_ms;
            let longest = i64::try_from(longest).unwrap() + limits::CLOCK_BACK_MS;
            assert!(next.at.0 - self.now.wall.0 <= longest, "{} is silent too long", view.name);
        }
    }

    fn disturb(&mut self) {
        let name = NAMES[self.random.usize(..NAMES.len())].to_owned();
        match self.random.u8(..24) {
            0..=6 => {
                let args = if self.random.bool() { vec!["x".to_owned()] } else { Vec::new() };
                let payload = Payload { args, ..Payload::default() };
                self.send(Event::Demand { client: 1, job: name, payload, uid: 0 });
            }
            7 => self.send(Event::Stop { client: 1, target: Target::Job(name) }),
            8 => {
                if let Some(run) = self.running.keys().next().copied() {
                    self.send(Event::Stop { client: 1, target: Target::Run(run) });
                }
            }
            9 => self.send(Event::Pause { client: 1, job: name }),
            14 if self.random.bool() => {
                let room = self.room();
                self.send(Event::Pressure(room));
            }
            10..=12 => {
                self.disturbances += 1;
                self.send(Event::Resume { client: 1, job: name });
            }
            13 => self.reload(&name),
            14..=15 => self.set_clock(),
            16 | 20 | 21 => self.dies_in = Some(self.random.u32(1..30)),
            17 => self.restart(true),
            22 => self.is_full = true,
            23 => self.make_room(),
            18 => {
                self.send(Event::Shutdown);
                while !self.stopped && !self.is_dead {
                    self.pass(HOUR_MS);
                }
                self.stopped = false;
                assert!(self.is_dead || self.running.is_empty(), "ebbd ended before its runs");
                // The last thing it does is to write what waited.
                if !self.is_full && !self.is_dead {
                    self.make_room();
                }
                self.restart(false);
            }
            _ => {
                let run = self.running.keys().next().copied();
                if let Some(run) = run {
                    self.send(Event::OverLimit { run });
                }
            }
        }
        if self.is_dead {
            self.restart(false);
        }
        // The timers are armed anew after every event, and what is due by then fires.
        if !self.stopped {
            self.send(Event::Due);
            self.check();
        }
    }

    fn reload(&mut self, name: &str) {
        self.disturbances += 1;
        match self.jobs.iter().position(|j| j.name == name) {
            Some(at) if self.random.bool() => drop(self.jobs.remove(at)),
            Some(at) => self.jobs[at].timing += 1,
            None => {
                let policy = random_policy(&mut self.random, self.periods[name]);
                self.jobs.push(loaded(name, policy));
                self.jobs.sort_by(|a, b| a.name.cmp(&b.name));
            }
        }
        self.load_all();
    }

    fn load_all(&mut self) {
        if self.random.u8(..4) == 0 {
            let is_none = self.random.u8(..4) == 0;
            self.budget = if is_none { Budget::default() } else { random_budget(&mut self.random) };
        }
        self.send(Event::Budget(self.budget.clone()));
        self.send(Event::Refused(Refused::Names(Vec::new())));
        self.send(Event::Load(self.jobs.clone()));
    }

    fn set_clock(&mut self) {
        self.disturbances += 1;
        let by = self.random.i64(-60 * 3_600_000..60 * 3_600_000);
        let by = if self.random.bool() { by } else { by / 10_000 };
        self.now.wall = self.now.wall.plus_ms(by);
        self.send(Event::ClockSet);
    }

    /// ebbd dies and comes back; the processes live on, or are gone with the host.
    fn restart(&mut self, with_host: bool) {
        self.disturbances += 1;
        (self.dies_in, self.is_dead) = (None, false);
        self.unwritten.clear();
        if with_host {
            self.running.clear();
            self.made.clear();
            self.lose_what_was_not_synced();
        }
        self.is_full &= self.random.bool();
        self.find_what_had_begun();
        self.lives = self.journal.runs.values().map(|run| self.life_of(run)).collect();
        for run in &self.acknowledged {
            assert!(self.lives.contains_key(run), "run {run} was acknowledged and is lost");
        }
        self.last_run = self.journal.next_run - 1;
        let away = self.random.u64(..40 * HOUR_MS);
        self.advance(away);
        self.engine = Engine::new(restored(&self.journal), self.seed);
        let under_way: Vec<RunId> = self.journal.under_way().map(|(run, _)| run.queued.id).collect();
        self.begin();
        for run in under_way {
            // Who has gone meanwhile is found gone, and nobody knows how it ended.
            if self.engine.job_of(run).is_some()
                && self.running.get(&run).is_none_or(|r| r.ends <= self.now.mono)
            {
                self.running.remove(&run);
                self.exited(run, Exit::Unknown);
            }
        }
    }

    /// The shell finds out which runs had begun although the journal does not say so.
    fn find_what_had_begun(&mut self) {
        for running in self.running.values_mut() {
            running.heard_at = None;
        }
        let begun: Vec<_> = self.journal.waiting().filter(|run| self.made.contains(&run.queued.id)).collect();
        let records: Vec<_> = begun.into_iter().map(|run| self.begun(&run.queued)).collect();
        for record in records {
            self.journal.apply(&record);
        }
        self.sync();
    }

    fn begun(&self, run: &Queued) -> Record {
        let started = Started {
            id: run.id,
            job: run.job.clone(),
            pid: 1,
            pid_start: 1,
            enforcement: Enforcement::None,
            cgroups: Vec::new(),
        };
        Record { at: self.now.wall, event: Recorded::Started(started) }
    }

    /// A power cut keeps a part of what came after the last sync, up to some line.
    fn lose_what_was_not_synced(&mut self) {
        let kept = self.random.usize(..=self.unsynced.len());
        self.journal = self.synced.clone();
        for record in self.unsynced.drain(..kept) {
            self.journal.apply(&record);
        }
        // Ends that are lost are found again, and so are acknowledged demands whose ends they were.
        let open = |run: &RunId| self.journal.runs.contains_key(run);
        self.acknowledged.retain(open);
    }

    fn life_of(&self, run: &crate::journal::OpenRun) -> (RunId, Life) {
        let id = run.queued.id;
        let is_demand = self.acknowledged.contains(&id);
        (id, Life { job: run.queued.job.clone(), is_demand, started: u32::from(run.started.is_some()) })
    }

    fn finish(mut self) {
        self.dies_in = None;
        if self.is_dead {
            self.restart(false);
        }
        self.make_room();
        self.load_all();
        // No storm: each slot is dealt with at most once for each time that it came, and once more for each disturbance.
        let elapsed = self.now.mono.0 - 1_000_000_000;
        for (job, fired) in &self.fired {
            let most = elapsed / self.periods[job] + self.disturbances * 2 + 2;
            assert!(*fired <= most, "{job} fired {fired} times where {most} would be all");
        }
        // What was accepted ends, once nothing holds it up any more.
        for name in NAMES {
            self.send(Event::Pause { client: 1, job: name.to_owned() });
        }
        self.pass(60 * 24 * HOUR_MS);
        for (id, life) in &self.lives {
            let is_held_retry = !life.is_demand && life.started == 0;
            let view = self.engine.job_index(&life.job).and_then(|at| self.engine.job(at));
            assert!(is_held_retry, "run {id} of {} was accepted and has not ended: {view:?}", life.job);
        }
    }
}

pub(super) fn restored(journal: &State) -> Restored {
    let run = |run: &crate::journal::OpenRun| RestoredRun {
        queued_at: run.queued_at,
        queued: run.queued.clone(),
        started: run.started.as_ref().map(|s| (s.at, s.started.clone())),
        stopping: run.stopping,
    };
    Restored {
        jobs: journal.jobs.values().cloned().collect(),
        runs: journal.runs.values().map(run).collect(),
        next_run: journal.next_run,
        carried: super::Carried::default(),
    }
}

fn random_policy(random: &mut fastrand::Rng, period_ms: u64) -> Policy {
    let overlap = Overlap::ALL[random.usize(..Overlap::ALL.len())];
    let scheduled = random.u8(..4) > 0;
    Policy {
        scheduled,
        every_ms: (!scheduled).then_some(period_ms),
        at_start: random.u8(..4) == 0,
        jitter_ms: if random.bool() { random.u64(..HOUR_MS / 2) } else { 0 },
        catch_up: if random.bool() { CatchUp::Once } else { CatchUp::None },
        overlap,
        queue_limit: random.u16(1..5),
        max_parallel: if overlap == Overlap::Parallel { random.u16(1..4) } else { 1 },
        timeout_ms: random.bool().then(|| random.u64(1..2 * HOUR_MS)),
        retry: Retry {
            attempts: random.u32(..3),
            delay_ms: random.u64(1_000..HOUR_MS),
            backoff: 1.0 + random.f64() * 2.0,
            max_delay_ms: 4 * HOUR_MS,
        },
        priority: random.i8(-10..=10),
        pool: random.bool().then(|| ["one", "two"][random.usize(..2)].into()),
        queue_timeout_ms: (random.u8(..4) == 0).then(|| random.u64(1..HOUR_MS)),
        memory_max: random.bool().then(|| random.u64(MEMORY / 64..MEMORY / 2)),
        claim: random.bool().then(|| random.u64(1..MEMORY)),
        on_oom: OnOom { retry: random.u32(..3), grow_milli: 1_500, up_to: None },
        ..policy()
    }
}

/// Memory that there is, in bytes.
const MEMORY: u64 = 1 << 30;

fn random_budget(random: &mut fastrand::Rng) -> Budget {
    let some = |random: &mut fastrand::Rng| random.bool().then(|| random.u64(MEMORY / 2..MEMORY));
    let places = |random: &mut fastrand::Rng| (random.u8(..3) == 0).then(|| random.u16(1..4));
    let pool = |random: &mut fastrand::Rng, name: &str| Pool {
        name: name.into(),
        memory: some(random),
        max_parallel: places(random),
    };
    Budget {
        is_on: random.bool(),
        memory: some(random),
        reserve: random.u64(..MEMORY / 8),
        unknown: random.u64(..MEMORY / 4),
        max_parallel: places(random),
        pressure: random.bool().then_some(15),
        total: Some(2 * MEMORY),
        pools: vec![pool(random, "one"), pool(random, "two")],
    }
}

#[test]
fn simulated_years_of_disturbances_break_no_invariant() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let seeds = match number("EBB_SIMULATE") {
        Some(seed) => seed..seed + 1,
        None => 1..number("EBB_SIMULATE_SEEDS").unwrap_or(10) + 1,
    };
    let (mut years, mut runs) = (0, 0);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            let end = world.now.mono.plus_ms(YEAR_MS);
            while world.now.mono < end {
                let quiet = world.random.u64(..60 * HOUR_MS);
                world.pass(quiet);
                if world.is_dead {
                    world.restart(false);
                }
                world.disturb();
            }
            let runs = world.last_run;
            world.finish();
            runs
        });
        match outcome {
            Ok(count) => runs += count,
            Err(_) => panic!("EBB_SIMULATE={seed} fails: the reason is above"),
        }
        years += 1;
    }
    println!("{years} simulated years, {runs} runs");
}

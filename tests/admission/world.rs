//! The shell of a simulated ebbd: its clock, its processes, its journal that never fails.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use ebb::clock::{Mono, Now, Wall};
use ebb::engine::{Budget, Effect, Engine, Event, Exit, Process, Room};
use ebb::journal::record::{Event as Recorded, RunId, Usage};
use ebb::limits;
use ebb::words::Enforcement;

use super::mix::{HOUR, LONGEST, Mix, START, with_memory};

/// What keeps runs from starting all at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    Budget(u64),
    Count(u16),
    Nothing,
}

impl Rule {
    fn budget(self) -> Budget {
        match self {
            Self::Budget(memory) => with_memory(memory),
            Self::Count(runs) => Budget { max_parallel: Some(runs), ..Budget::default() },
            Self::Nothing => Budget::default(),
        }
    }
}

struct Waiting {
    since: u64,
    /// What it is ranked by.
    rank: i128,
    /// Runs of a better rank that started since.
    ahead: u64,
    /// Runs of a worse rank that started since.
    passed: u64,
}

pub(crate) struct World<'a> {
    mix: &'a Mix,
    engine: Engine,
    random: fastrand::Rng,
    now: Now,
    ends: BinaryHeap<Reverse<(u64, RunId)>>,
    claims: BTreeMap<RunId, u64>,
    in_use: u64,
    memory: Option<u64>,
    waiting: BTreeMap<RunId, Waiting>,
    jobs: BTreeMap<RunId, usize>,
    seen: Seen,
    waits: Vec<u64>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) runs: u64,
    /// The most memory that was claimed at once.
    pub(crate) peak: u64,
    pub(crate) memory: Option<u64>,
    /// Byte-milliseconds that were claimed.
    pub(crate) used: u128,
    pub(crate) until_ms: u64,
    /// Runs that started before one that was ranked before them.
    pub(crate) passed: u64,
    pub(crate) median_wait_ms: u64,
    pub(crate) p99_wait_ms: u64,
    pub(crate) longest_wait_ms: u64,
    /// The longest wait as a part of its bound.
    pub(crate) longest_share_of_bound: f64,
}

impl fmt::Display for Seen {
    #[allow(clippy::cast_precision_loss)] // For people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let memory = self.memory.unwrap_or(self.peak).max(1);
        let mean = self.used as f64 / (self.until_ms.max(1) as f64 * memory as f64) * 100.0;
        write!(
            f,
            "{} runs, at most {:.1} of {:.1} GiB claimed, {mean:.0} % in the mean; waits: median {:.1} s, p99 {:.0} s, longest \
             {:.0} s, at most {:.4} of its bound; {} passed a run that was before them",
            self.runs,
            gib(self.peak),
            gib(memory),
            self.median_wait_ms as f64 / 1000.0,
            self.p99_wait_ms as f64 / 1000.0,
            self.longest_wait_ms as f64 / 1000.0,
            self.longest_share_of_bound,
            self.passed,
        )
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(mix: &'a Mix, rule: Rule) -> Self {
        let memory = if let Rule::Budget(memory) = rule { Some(memory) } else { None };
        let mut world = Self {
            mix,
            engine: Engine::new(mix.restored(), mix.seed),
            random: fastrand::Rng::with_seed(mix.seed ^ 0xebb),
            now: Now { wall: START, mono: Mono(1_000_000_000) },
            ends: BinaryHeap::new(),
            claims: BTreeMap::new(),
            in_use: 0,
            memory,
            waiting: BTreeMap::new(),
            jobs: BTreeMap::new(),
            seen: Seen { memory, ..Seen::default() },
            waits: Vec::new(),
        };
        world.send(Event::Budget(rule.budget()));
        world.send(Event::Load(mix.loaded()));
        world
    }

    fn send(&mut self, event: Event) {
        let effects = self.engine.handle(self.now, event);
        let mut then = Vec::new();
        for effect in effects {
            match effect {
                Effect::Arm { job, after } => {
                    let minute = i64::try_from(self.mix.jobs[job.0].minute * 60_000).unwrap();
                    let day = i64::try_from(24 * HOUR).unwrap();
                    let slot = Wall((after.0 - minute).div_euclid(day) * day + day + minute);
                    assert!(self.engine.handle(self.now, Event::Armed { job, slot: Some(slot) }).is_empty());
                }
                Effect::Record(Recorded::Queued(queued)) => {
                    let job = self.mix.jobs.binary_search_by(|job| job.name.cmp(&queued.job)).unwrap();
                    let step = i128::from(limits::PRIORITY_STEP_MS);
                    let rank = i128::from(self.now.mono.0) - i128::from(self.mix.jobs[job].priority) * step;
                    self.jobs.insert(queued.id, job);
                    let waiting = Waiting { since: self.now.mono.0, rank, ahead: 0, passed: 0 };
                    self.waiting.insert(queued.id, waiting);
                    then.push(Event::Recorded { run: queued.id });
                }
                Effect::Look => then.push(Event::Room(Room::default())),
                Effect::Start(order) => then.push(self.start(order.run)),
                Effect::Record(_) | Effect::Reply { .. } => {}
                Effect::Signal { .. } | Effect::Kill { .. } | Effect::Exit => {
                    panic!("nothing is ended: {effect:?}")
                }
            }
        }
        for event in then {
            self.send(event);
        }
    }

    fn start(&mut self, run: RunId) -> Event {
        let job = &self.mix.jobs[self.jobs[&run]];
        let waited = self.waiting.remove(&run).expect("what starts has waited");
        self.judge_wait(&waited);
        for (other, behind) in &mut self.waiting {
            let is_before = (waited.rank, run) < (behind.rank, *other);
            if is_before { behind.ahead += 1 } else { behind.passed += 1 }
        }
        self.in_use += job.claim;
        assert!(
            self.memory.is_none_or(|memory| self.in_use <= memory),
            "{} is claimed of {:?}",
            self.in_use,
            self.memory
        );
        self.seen.peak = self.seen.peak.max(self.in_use);
        self.claims.insert(run, job.claim);
        // Mostly what it usually takes, now and then thrice as long.
        let factor = if self.random.u8(..20) == 0 { 3.0 } else { 0.8 + self.random.f64() * 0.4 };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let takes = ((job.usual_ms as f64 * factor) as u64).min(LONGEST - 1);
        self.seen.used += u128::from(takes) * u128::from(job.claim);
        self.ends.push(Reverse((self.now.mono.0 + takes, run)));
        let process = Process { pid: 1, start: 1 };
        Event::Started { run, process, enforcement: Enforcement::None, cgroups: Vec::new() }
    }

    #[allow(clippy::cast_precision_loss)] // A share for people.
    fn judge_wait(&mut self, waited: &Waiting) {
        let ms = self.now.mono.0 - waited.since;
        let bound = (waited.ahead + 1) * (limits::FIRM_AFTER_MS + LONGEST);
        self.seen.longest_share_of_bound = self.seen.longest_share_of_bound.max(ms as f64 / bound as f64);
        self.seen.passed += u64::from(waited.passed > 0);
        self.seen.runs += 1;
        self.waits.push(ms);
    }

    fn end(&mut self, run: RunId) {
        let claim = self.claims.remove(&run).unwrap();
        self.in_use -= claim;
        let usage = Usage { peak_anon_bytes: Some(claim / 2), ..Usage::default() };
        let (exit, memory_max, late_ms, unheld, victim) = (Exit::Code(0), None, 0, Vec::new(), None);
        self.send(Event::Exited { run, exit, usage, memory_max, late_ms, unheld, victim });
    }

    fn step(&mut self, until: u64) -> bool {
        let wake = self.engine.next_wake();
        let end = self.ends.peek().map(|Reverse((at, _))| *at);
        let ahead = |at: Wall| u64::try_from(at.0 - self.now.wall.0).unwrap_or(0);
        let wall = wake.wall.map(|at| self.now.mono.0 + ahead(at));
        let next = [wall, wake.mono.map(|at| at.0), end].into_iter().flatten().min();
        let Some(next) = next.filter(|at| *at < until) else { return false };
        self.now.wall = self.now.wall.plus_ms(i64::try_from(next - self.now.mono.0).unwrap());
        self.now.mono = Mono(next);
        if end == Some(next) {
            let Some(Reverse((_, run))) = self.ends.pop() else { return false };
            self.end(run);
        } else {
            self.send(Event::Due);
        }
        true
    }

    pub(crate) fn pass_days(&mut self, days: u64) {
        let until = self.now.mono.0 + days * 24 * HOUR;
        while self.step(until) {}
        self.seen.until_ms = days * 24 * HOUR;
    }

    /// Demands a run of every job at once and waits for the last of them; how long that took, in milliseconds.
    pub(crate) fn rush(&mut self) -> u64 {
        for job in &self.mix.jobs {
            let (client, payload, uid) = (1, ebb::journal::record::Payload::default(), 0);
            self.send(Event::Demand { client, job: job.name.clone(), payload, uid });
        }
        let began = self.now.mono.0;
        let mut last = began;
        while let Some(Reverse((at, run))) = self.ends.pop() {
            self.now.wall = self.now.wall.plus_ms(i64::try_from(at - self.now.mono.0).unwrap());
            self.now.mono = Mono(at);
            last = at;
            self.end(run);
        }
        assert!(self.waiting.is_empty(), "{} wait for ever", self.waiting.len());
        last - began
    }

    pub(crate) fn finish(mut self) -> Seen {
        for (run, waiting) in &self.waiting {
            let bound = (waiting.ahead + 1) * (limits::FIRM_AFTER_MS + LONGEST);
            assert!(self.now.mono.0 - waiting.since <= bound, "run {run} is starved");
        }
        self.waits.sort_unstable();
        let at = |share: usize| self.waits.get(self.waits.len() * share / 100).copied().unwrap_or_default();
        (self.seen.median_wait_ms, self.seen.p99_wait_ms) = (at(50), at(99));
        self.seen.longest_wait_ms = self.waits.last().copied().unwrap_or_default();
        self.seen
    }
}

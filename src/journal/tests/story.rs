//! Makes journals that ebbd could have written, from a seed.

use crate::clock::Wall;
use crate::journal::record::{
    Event, Finished, Input, JobFacts, Opened, Payload, Queued, Record, RunId, Skipped, Started, Usage,
};
use crate::learn::Curve;
use crate::words::{Enforcement, Outcome, SkipReason, Trigger};

use super::NOW;

/// The longest that a story's clock is ever behind the latest time that it showed, in milliseconds.
pub(super) const BACK_MAX_MS: i64 = 3_000_000;

pub(super) struct Story {
    rng: fastrand::Rng,
    now: Wall,
    latest: Wall,
    next_run: RunId,
    boot: u32,
    waiting: Vec<(Wall, Queued)>,
    running: Vec<(Wall, Queued, Wall)>,
}

impl Story {
    pub(super) fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { rng, now: NOW, latest: NOW, next_run: 1, boot: 1, waiting: Vec::new(), running: Vec::new() }
    }

    /// A story from its beginning.
    pub(super) fn records(seed: u64, count: usize) -> Vec<Record> {
        let mut story = Self::new(seed);
        let mut records = vec![story.opened()];
        records.extend((0..6).map(|n| story.job(n)));
        while records.len() < count {
            let event = story.event();
            records.push(story.record(event));
        }
        records
    }

    fn record(&self, event: Event) -> Record {
        Record { at: self.now, event }
    }

    fn tick(&mut self) {
        self.now = self.now.plus_ms(self.rng.i64(0..60_000));
        self.latest = self.latest.max(self.now);
        if self.rng.u8(..) == 0 {
            self.now = self.latest.plus_ms(-self.rng.i64(0..BACK_MAX_MS));
        }
    }

    fn opened(&mut self) -> Record {
        let opened = Opened {
            version: "0.1.0".into(),
            pid: 7,
            boot: format!("boot-{}", self.boot),
            next_run: self.next_run,
        };
        self.record(Event::Opened(opened))
    }

    fn name(&mut self) -> String {
        format!("job-{}", self.rng.u8(0..6))
    }

    fn job(&mut self, n: u8) -> Record {
        let (since, timing) = (self.now, self.rng.u32(..));
        self.record(Event::Job(JobFacts {
            job: format!("job-{n}"),
            timing,
            since,
            last_slot: None,
            last_start: None,
            last_end: None,
            last_outcome: None,
            last_run: None,
            paused: false,
            learned: crate::learn::Learned::EMPTY,
        }))
    }

    fn event(&mut self) -> Event {
        self.tick();
        match self.rng.u8(0..100) {
            0 => {
                self.boot += u32::from(self.rng.bool());
                self.opened().event
            }
            1 => Event::Paused { job: self.name() },
            2 => Event::Resumed { job: self.name() },
            3 => Event::JobRemoved { job: self.name() },
            4..8 => {
                let n = self.rng.u8(0..6);
                self.job(n).event
            }
            8..20 => self.skip(),
            20..50 => self.queue(),
            50..75 if !self.waiting.is_empty() => self.start(),
            _ if !self.running.is_empty() => self.finish(),
            _ => self.queue(),
        }
    }

    fn skip(&mut self) -> Event {
        let reasons = SkipReason::ALL;
        let reason = reasons[self.rng.usize(..reasons.len())];
        let trigger = if self.rng.bool() { Trigger::Schedule } else { Trigger::Retry };
        Event::Skipped(Skipped { job: self.name(), trigger, reason, slot: Some(self.now), detail: None })
    }

    fn queue(&mut self) -> Event {
        let trigger = Trigger::ALL[self.rng.usize(..Trigger::ALL.len())];
        let payload = Payload {
            args: (0..self.rng.usize(0..3)).map(|n| format!("\"arg\n{n} \u{e9}")).collect(),
            env: (0..self.rng.usize(0..2)).map(|n| (format!("K{n}"), "v".into())).collect(),
            input: self.rng.bool().then(|| Input { bytes: self.rng.u64(..), hash: self.rng.u64(..) }),
        };
        let queued = Queued {
            id: self.next_run,
            job: self.name(),
            trigger,
            attempt: self.rng.u32(1..4),
            slot: self.rng.bool().then_some(self.now),
            not_before: self.rng.bool().then(|| self.now.plus_ms(1000)),
            uid: self.rng.bool().then_some(1000),
            retry_of: self.rng.bool().then_some(1),
            raised_max_bytes: None,
            payload,
        };
        self.next_run += 1;
        self.waiting.push((self.now, queued.clone()));
        Event::Queued(queued)
    }

    fn start(&mut self) -> Event {
        let (queued_at, queued) = self.waiting.remove(0);
        let started = Started {
            id: queued.id,
            job: queued.job.clone(),
            pid: self.rng.u32(2..4_000_000),
            pid_start: self.rng.u64(..),
            enforcement: Enforcement::CgroupV2,
            cgroups: vec![format!("/sys/fs/cgroup/ebb/run-{}", queued.id)],
        };
        self.running.push((queued_at, queued, self.now));
        Event::Started(started)
    }

    fn finish(&mut self) -> Event {
        let (queued_at, queued, started_at) = self.running.swap_remove(self.rng.usize(..self.running.len()));
        let outcomes = Outcome::ALL.len() - 1;
        Event::Finished(Finished {
            id: queued.id,
            job: queued.job,
            trigger: queued.trigger,
            attempt: queued.attempt,
            outcome: Outcome::ALL[self.rng.usize(..outcomes)],
            exit_code: self.rng.bool().then(|| self.rng.i32(0..256)),
            signal: None,
            slot: queued.slot,
            queued_at,
            started_at: Some(started_at),
            finished_at: self.now.plus_ms(-self.rng.i64(0..5_000)),
            duration_ms: Some(self.rng.u64(0..1_000_000)),
            usage: Usage {
                peak_anon_bytes: Some(self.rng.u64(0..1 << 33)),
                oom_kills: Some(0),
                curve: self.rng.bool().then(|| Box::new(Curve { ms: 20, points: "-9Zz".into() })),
                ..Usage::default()
            },
            enforcement: Enforcement::CgroupV2,
            uid: queued.uid,
            retry_of: queued.retry_of,
            reason: None,
            detail: self.rng.bool().then(|| "a sentence".into()),
            unheld: Box::default(),
            memory_max_bytes: None,
        })
    }
}

//! What starts when in the coming hours, for how long and with how much memory, out of what ebbd says of its jobs.
//! Pure: the instant to begin at is given. Knows no screen.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::limits;
use crate::protocol::JobStatus;
use crate::schedule::Schedule;
use crate::sys::zoneinfo;

use super::times;
use super::upcoming::{Rule, Timing};

const MINUTE_MS: u64 = 60_000;

/// A job's part in the coming hours.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Its name.
    pub(super) job: String,
    /// What a run of it takes.
    pub(super) bytes: u64,
    /// For how long.
    pub(super) duration_ms: u64,
    /// Whether its runs have taught that; else it is its claim, and a minute.
    pub(super) is_learned: bool,
    /// When it starts by itself, in milliseconds from the beginning on.
    pub(super) starts_ms: Rc<[u64]>,
    /// How long its runs that have not ended will take yet.
    pub(super) left_ms: Option<u64>,
}

impl Part {
    /// When it runs, going by its starts alone.
    pub(super) fn spans(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.starts_ms.iter().map(|start| *start..start.saturating_add(self.duration_ms))
    }

    /// The same with the runs that have not ended.
    pub(super) fn spans_from_now(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.left_ms.map(|left| 0..left).into_iter().chain(self.spans())
    }

    /// Whether it runs at all.
    pub(super) fn is_due(&self) -> bool {
        self.left_ms.is_some() || !self.starts_ms.is_empty()
    }
}

/// The parts of all jobs, in their order.
pub(super) fn parts(jobs: &[JobStatus], from: Timestamp, hours: u32) -> Vec<Part> {
    let mut book = Book { from, length_ms: u64::from(hours) * 60 * MINUTE_MS, ..Book::default() };
    jobs.iter().map(|job| part(job, &mut book)).collect()
}

fn part(job: &JobStatus, book: &mut Book) -> Part {
    let memory = &job.memory;
    let learned = memory.learned.filter(|learned| learned.runs > 0);
    let claim = memory.claim_bytes.or(memory.max_bytes).unwrap_or(limits::CLAIM_UNKNOWN_DEFAULT);
    let (bytes, duration_ms) = match learned {
        Some(learned) => {
            (learned.highest_bytes.max(learned.peak_bytes), learned.longest_ms.max(learned.duration_ms))
        }
        None => (claim, MINUTE_MS),
    };
    let duration_ms = duration_ms.min(job.timeout_ms.unwrap_or(u64::MAX)).max(1);
    let seen = job.runs.iter().filter_map(|run| run.peak_anon_bytes).max();
    let age = |started: Option<&str>| {
        started.and_then(times::parse).map_or(0, |at| book.from.as_millisecond() - at.as_millisecond())
    };
    let left = job.runs.iter().map(|run| {
        let age = u64::try_from(age(run.started_at.as_deref())).unwrap_or(0);
        // One that takes longer than any before it can end at any time.
        duration_ms.saturating_sub(age).max(MINUTE_MS)
    });
    let left_ms = left.max();
    Part {
        job: job.job.clone(),
        bytes: bytes.max(seen.unwrap_or(0)),
        duration_ms,
        is_learned: learned.is_some(),
        starts_ms: book.starts(job),
        left_ms,
    }
}

/// What is reckoned once and serves many jobs.
#[derive(Default)]
struct Book {
    from: Timestamp,
    length_ms: u64,
    zones: HashMap<String, Option<TimeZone>>,
    starts: HashMap<(Vec<String>, String), Rc<[u64]>>,
}

impl Book {
    /// When a job starts by itself, in milliseconds from the beginning on.
    fn starts(&mut self, job: &JobStatus) -> Rc<[u64]> {
        // ebbd knows what holds it back.
        let Some(next) = job.next.as_deref().and_then(times::parse) else { return Rc::new([]) };
        let zone = job.timezone.clone().unwrap_or_default();
        if let Some(ms) = job.every_ms {
            return self
                .until_the_end(&Timing { rule: Rule::Every { ms, next: Some(next) }, zone: TimeZone::UTC });
        }
        // An `H` stands for another number in each job; all others that are written alike are due alike.
        let is_own = job.schedule.iter().any(|text| text.contains(['H', 'h']));
        let key = (job.schedule.clone(), zone.clone());
        if let Some(starts) = self.starts.get(&key).filter(|_| !is_own) {
            return Rc::clone(starts);
        }
        let Some(zone) = self.zone(zone) else { return Rc::new([]) };
        let schedules = job.schedule.iter().filter_map(|text| Schedule::parse(text, &job.job).ok());
        let starts = self.until_the_end(&Timing { rule: Rule::Schedules(schedules.collect()), zone });
        if !is_own {
            self.starts.insert(key, Rc::clone(&starts));
        }
        starts
    }

    fn until_the_end(&self, timing: &Timing) -> Rc<[u64]> {
        let ms = |at: Timestamp| u64::try_from(at.as_millisecond() - self.from.as_millisecond()).ok();
        let starts =
            timing.all_after(self.from).map_while(|slot| ms(slot.at).filter(|ms| *ms < self.length_ms));
        // A start a minute is as good as many: nothing here is finer.
        let mut starts: Vec<u64> = starts.take(limits::FORECAST_STARTS_MAX).collect();
        starts.dedup_by_key(|ms| *ms / MINUTE_MS);
        starts.into()
    }

    /// A zone by its name; the host's where it has none.
    fn zone(&mut self, name: String) -> Option<TimeZone> {
        let found = self.zones.entry(name).or_insert_with_key(|name| match name.as_str() {
            "" => times::zone_named(&zoneinfo::host_zone()),
            name => times::zone_named(name),
        });
        found.clone()
    }
}

//! Jobs as a host has them: most are small and short, a few are neither, and most are due at a full hour.

use ebb::clock::Wall;
use ebb::engine::{Budget, DefinitionRef, Loaded, Policy, Restored};
use ebb::job::{OnOom, Retry};
use ebb::journal::record::JobFacts;
use ebb::learn::{Learned, Spread};
use ebb::words::{CatchUp, Overlap};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const SECOND: u64 = 1_000;
pub(crate) const HOUR: u64 = 3_600 * SECOND;
/// No run takes longer: its timeout would end it.
pub(crate) const LONGEST: u64 = 2 * HOUR;

/// Midnight, UTC.
pub(crate) const START: Wall = Wall(1_800_057_600_000);

pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) claim: u64,
    pub(crate) priority: i8,
    /// Minute of the day.
    pub(crate) minute: u64,
    /// What most of its runs take, in milliseconds.
    pub(crate) usual_ms: u64,
}

pub(crate) struct Mix {
    pub(crate) seed: u64,
    pub(crate) jobs: Vec<Job>,
}

/// Pareto: `least` and more, the heavier the smaller `alpha` is.
fn pareto(random: &mut fastrand::Rng, least: f64, alpha: f64, most: f64) -> u64 {
    let value = least / (1.0 - random.f64()).powf(1.0 / alpha);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is positive and bounded.
    let value = value.min(most) as u64;
    value
}

impl Mix {
    pub(crate) fn new(seed: u64, jobs: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let jobs = (0..jobs).map(|number| Job {
            name: format!("job-{number:05}"),
            claim: pareto(&mut random, 20.0, 1.1, 2000.0) * MIB,
            priority: if random.u8(..10) == 0 { random.i8(-3..=3) } else { 0 },
            // Two thirds at a full hour, and a third of these at midnight.
            minute: match random.u8(..9) {
                0..=1 => 0,
                2..=5 => random.u64(..24) * 60,
                _ => random.u64(..24 * 60),
            },
            usual_ms: pareto(&mut random, 10.0, 1.0, 3_000.0) * SECOND,
        });
        Self { seed, jobs: jobs.collect() }
    }

    /// Half of it would be in use on average if the runs of a day were spread over the day. It holds the largest twice.
    pub(crate) fn budget(&self) -> u64 {
        let product =
            self.jobs.iter().map(|job| u128::from(job.claim) * u128::from(job.usual_ms)).sum::<u128>();
        let mean = u64::try_from(product / u128::from(24 * HOUR)).unwrap();
        (mean * 2).max(4000 * MIB)
    }

    pub(crate) fn loaded(&self) -> Vec<Loaded> {
        let policy = |job: &Job| Policy {
            enabled: true,
            scheduled: true,
            every_ms: None,
            at_start: false,
            jitter_ms: 0,
            catch_up: CatchUp::Once,
            overlap: Overlap::Skip,
            queue_limit: 16,
            max_parallel: 1,
            timeout_ms: Some(LONGEST),
            grace_ms: 10_000,
            retry: Retry { attempts: 0, delay_ms: 0, backoff: 1.0, max_delay_ms: 0 },
            success_codes: Box::new([0]),
            priority: job.priority,
            pool: None,
            queue_timeout_ms: None,
            memory_max: None,
            claim: Some(job.claim),
            on_oom: OnOom::default(),
        };
        let load = |job: &Job| Loaded {
            name: job.name.clone(),
            policy: policy(job),
            timing: 1,
            definition: DefinitionRef::default(),
        };
        self.jobs.iter().map(load).collect()
    }
}

impl Mix {
    /// What earlier days have taught.
    pub(crate) fn restored(&self) -> Restored {
        let facts = |job: &Job| {
            let cs = u32::try_from(job.usual_ms / 10).unwrap();
            let duration_cs = Spread { mean: cs, deviation: cs / 20 };
            let kib = u32::try_from(job.claim / 1024).unwrap();
            let peak_kib = Spread { mean: kib, deviation: 0 };
            let learned =
                Learned { runs: 9, cut: 0, peak_kib, highest_kib: kib, duration_cs, longest_cs: cs + cs / 5 };
            JobFacts {
                job: job.name.clone(),
                timing: 1,
                since: START,
                last_slot: None,
                last_start: None,
                last_end: None,
                last_outcome: None,
                last_run: None,
                paused: false,
                learned,
            }
        };
        Restored { jobs: self.jobs.iter().map(facts).collect(), ..Restored::default() }
    }
}

pub(crate) fn with_memory(bytes: u64) -> Budget {
    Budget { memory: Some(bytes), ..Budget::default() }
}

//! What the engine has to know of a job: the few bits that decide, without the text that only a run needs.
//! Jobs with equal policies share one, so that a thousand jobs cost little.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::job::{Definition, OnOom, Retry};
use crate::words::{CatchUp, Overlap};

/// The part of a [`Definition`] that decides. Durations are milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether the job starts by itself at all.
    pub enabled: bool,
    /// Whether it has crontab expressions; then the shell is asked for its slots.
    pub scheduled: bool,
    /// From the start of the last run to the next.
    pub every_ms: Option<u64>,
    /// Once for each start of ebbd.
    pub at_start: bool,
    /// Up to so much is added to each slot.
    pub jitter_ms: u64,
    /// What becomes of slots that nobody was awake for.
    pub catch_up: CatchUp,
    /// What a trigger means during a run.
    pub overlap: Overlap,
    /// Runs that may wait.
    pub queue_limit: u16,
    /// Runs at once.
    pub max_parallel: u16,
    /// From the start of a run.
    pub timeout_ms: Option<u64>,
    /// From the stop signal to the end of everything.
    pub grace_ms: u64,
    /// After a run that failed.
    pub retry: Retry,
    /// Exit codes that mean success.
    pub success_codes: Box<[u8]>,
    /// Which runs get memory first, -10 (last) to 10 (first).
    pub priority: i8,
    /// The pool whose memory its runs share.
    pub pool: Option<Box<str>>,
    /// How long a run may wait for memory.
    pub queue_timeout_ms: Option<u64>,
    /// Bytes beyond which the kernel kills.
    pub memory_max: Option<u64>,
    /// Bytes that a run claims, where its file says so.
    pub claim: Option<u64>,
    /// After its limit has killed a run.
    pub on_oom: OnOom,
}

impl From<&Definition> for Policy {
    fn from(job: &Definition) -> Self {
        Self {
            enabled: job.enabled,
            scheduled: !job.timing.schedules.is_empty(),
            every_ms: job.timing.every_ms,
            at_start: job.timing.at_start,
            jitter_ms: job.timing.jitter_ms,
            catch_up: job.timing.catch_up,
            overlap: job.overlap,
            queue_limit: job.queue_limit,
            max_parallel: if job.overlap == Overlap::Parallel { job.max_parallel } else { 1 },
            timeout_ms: job.timeout_ms,
            grace_ms: job.grace_ms,
            retry: job.retry,
            success_codes: job.success_codes.clone().into_boxed_slice(),
            priority: job.priority,
            pool: job.pool.as_deref().map(Box::from),
            queue_timeout_ms: job.queue_timeout_ms,
            memory_max: job.memory.max,
            claim: job.memory.claim,
            on_oom: job.memory.on_oom,
        }
    }
}

/// The policies of a load, each under a hash of it: kept for as long as jobs come in.
#[derive(Default)]
pub(super) struct Shared(BTreeMap<u64, Rc<Policy>>);

impl Shared {
    /// Returns the policy that some job before has if it equals `policy`, else a new one. Should two that differ have one
    /// hash, the later one is not shared.
    pub(super) fn share(&mut self, policy: Policy) -> Rc<Policy> {
        let known = self.0.entry(policy.hash()).or_insert_with(|| Rc::new(policy.clone()));
        if **known == policy { Rc::clone(known) } else { Rc::new(policy) }
    }
}

impl Policy {
    fn hash(&self) -> u64 {
        // Each by its name, so that a new one can't be forgotten.
        let Self {
            enabled,
            scheduled,
            every_ms,
            at_start,
            jitter_ms,
            catch_up,
            overlap,
            queue_limit,
            max_parallel,
            timeout_ms,
            grace_ms,
            retry,
            success_codes,
            priority,
            pool,
            queue_timeout_ms,
            memory_max,
            claim,
            on_oom,
        } = self;
        let Retry { attempts, delay_ms, backoff, max_delay_ms } = retry;
        let mut hasher = DefaultHasher::new();
        (enabled, scheduled, every_ms, at_start, jitter_ms, catch_up, overlap).hash(&mut hasher);
        (queue_limit, max_parallel, timeout_ms, grace_ms, success_codes).hash(&mut hasher);
        (attempts, delay_ms, backoff.to_bits(), max_delay_ms).hash(&mut hasher);
        (priority, pool, queue_timeout_ms, memory_max, claim).hash(&mut hasher);
        (on_oom.retry, on_oom.grow_milli, on_oom.up_to).hash(&mut hasher);
        hasher.finish()
    }

    /// The delay before retry number `retry` (1 for the first), in milliseconds; `None` where no retry is left.
    #[must_use]
    pub fn retry_delay_ms(&self, retry: u32) -> Option<u64> {
        if retry == 0 || retry > self.retry.attempts {
            return None;
        }
        let exponent = i32::try_from(retry - 1).unwrap_or(i32::MAX);
        let factor = self.retry.backoff.powi(exponent);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        // A float beyond u64 saturates, which the cap below then lowers.
        let delay = (self.retry.delay_ms as f64 * factor) as u64;
        Some(delay.min(self.retry.max_delay_ms))
    }
}

impl Policy {
    /// The limit of the retry that follows a run which its own limit of `max` bytes has killed, at most `most` bytes. None
    /// where no retry is left, or the limit can't grow any more.
    #[must_use]
    pub fn raised_max(&self, max: u64, most: Option<u64>) -> Option<u64> {
        const PAGE: u64 = 4096;
        let most = [self.on_oom.up_to, most].into_iter().flatten().min();
        let grown = |max: u64| {
            let grown = u128::from(max) * u128::from(self.on_oom.grow_milli) / 1000;
            let grown = u64::try_from(grown).unwrap_or(u64::MAX).next_multiple_of(PAGE);
            most.map_or(grown, |most| grown.min(most))
        };
        let mut limit = self.memory_max?;
        // As many retries as it takes to get from the file's limit to that of the run have been made.
        for _ in 0..self.on_oom.retry {
            let next = grown(limit);
            if next <= limit {
                return None;
            }
            if limit >= max {
                return Some(next);
            }
            limit = next;
        }
        None
    }

    /// The limit that a retry gets in place of its job's; none where a reload has given the job as large a one meanwhile, or
    /// has taken its limit away.
    pub(super) fn still_raised(&self, raised: Option<u64>) -> Option<u64> {
        raised.filter(|raised| self.memory_max.is_some_and(|max| max < *raised))
    }

    /// For a run of an earlier ebbd whose job is no longer defined: nothing by itself, the documented defaults else.
    pub(super) fn of_a_lost_job() -> Self {
        Self {
            enabled: false,
            scheduled: false,
            every_ms: None,
            at_start: false,
            jitter_ms: 0,
            catch_up: CatchUp::None,
            overlap: Overlap::Skip,
            queue_limit: 0,
            max_parallel: 1,
            timeout_ms: None,
            grace_ms: crate::limits::GRACE_DEFAULT_MS,
            retry: Retry { attempts: 0, delay_ms: 0, backoff: 1.0, max_delay_ms: 0 },
            success_codes: Box::new([0]),
            priority: 0,
            pool: None,
            queue_timeout_ms: None,
            memory_max: None,
            claim: None,
            on_oom: OnOom::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_differ_in_their_memory_alone_share_what_is_equal() {
        let with = |mib: u64| Policy { memory_max: Some(mib), claim: Some(mib), ..Policy::of_a_lost_job() };
        let mut shared = Shared::default();
        let first: Vec<_> = (0..50).map(|mib| shared.share(with(mib))).collect();
        for (mib, policy) in (0..50).zip(&first) {
            assert!(
                Rc::ptr_eq(policy, &shared.share(with(mib))),
                "each job of {mib} would have one of its own"
            );
        }
    }
}

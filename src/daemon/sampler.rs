//! What has to be looked at while a run is alive, and only then: its anonymous memory, the disk its output takes,
//! and on the rung that has no kernel behind it, its limit.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::sys::{output, proc};
use crate::words::Enforcement;

use super::live::Live;

/// The first look comes soon, since most runs are short or grow at once; then ever more rarely.
const FIRST: Duration = Duration::from_millis(20);
/// A run that the kernel holds is looked at this rarely in the end.
const HELD: Duration = Duration::from_secs(1);
/// One that only ebb holds, this rarely.
const WATCHED: Duration = Duration::from_millis(100);

/// The looks at one run.
pub(super) struct Sampler {
    live: Arc<Live>,
    pause: Duration,
    last_disk: u64,
    /// Not before this is the memory looked at again.
    memory_from: Instant,
}

impl Sampler {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live, pause: FIRST, last_disk: 0, memory_from: Instant::now() }
    }

    /// How long until the next look.
    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }

    /// Looks; true where the run is above its limit and nothing but ebb holds it.
    pub(super) fn sample(&mut self) -> bool {
        let is_watched = self.live.enforcement == Enforcement::Rlimit && self.live.memory.max.is_some();
        let longest = if is_watched { WATCHED } else { HELD };
        self.pause = (self.pause * 3 / 2).min(longest);
        if self.bound_output() {
            self.pause = FIRST;
        }
        if let Some(shared) = i32::try_from(self.live.pid).ok().and_then(proc::shared_bytes) {
            self.live.seen.shared.store(shared, Ordering::Relaxed);
        }
        let began = Instant::now();
        if began < self.memory_from {
            return false;
        }
        let Some(anon) = self.live.tree.current_anon() else { return false };
        if !is_watched {
            // Summing up the pages of a large process takes a while; it shall never be more than a fiftieth of the time.
            // The output is looked at all the same: a flood does not wait.
            self.memory_from = began + began.elapsed() * 50;
        }
        self.live.seen.peak_anon.fetch_max(anon, Ordering::Relaxed);
        is_watched && self.live.memory.max.is_some_and(|max| anon > max)
    }

    /// A last look at the output, once nothing writes any more.
    pub(super) fn last(&mut self) {
        self.bound_output();
    }

    /// Frees the oldest part of the output where it takes too much disk; true while it grows fast.
    fn bound_output(&mut self) -> bool {
        let Some((file, max)) = &self.live.output else { return false };
        let disk = output::disk_bytes(file).unwrap_or(0);
        let grown = disk.saturating_sub(self.last_disk);
        self.last_disk = disk;
        if disk > *max {
            if let Err(error) = output::punch(file, *max) {
                tracing::warn!(run = self.live.id, job = %self.live.job, "cannot bound the output: {error}");
                return false;
            }
            self.last_disk = output::disk_bytes(file).unwrap_or(0);
        }
        grown > *max / 8
    }
}

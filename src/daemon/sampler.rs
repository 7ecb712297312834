//! What has to be looked at while a run is alive, and only then: its anonymous memory, the disk its output takes,
//! and on the rung that has no kernel behind it, its limit.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::Interest;

use crate::clock::Mono;
use crate::limits;
use crate::sys::watch::Watch;
use crate::sys::{clock, descriptors, output, proc};
use crate::words::Enforcement;

use super::live::Live;

/// The first look comes soon, since most runs are short or grow at once; then ever more rarely.
const FIRST: Duration = Duration::from_millis(20);
/// A run that the kernel holds is looked at this rarely in the end.
const HELD: Duration = Duration::from_secs(1);
/// One that only ebb holds, this rarely.
const WATCHED: Duration = Duration::from_millis(100);
/// One that writes, this rarely: what it writes meanwhile can be more than its output may take.
const WRITES: Duration = Duration::from_millis(50);

/// The looks at one run.
pub(super) struct Sampler {
    live: Arc<Live>,
    /// When the run started: its curve begins there, also that of a run which was taken over.
    since: Mono,
    pause: Duration,
    last_disk: u64,
    last_size: u64,
    /// What wakes for the next write of a run that has been silent.
    alarm: Option<Watch<OwnedFd>>,
    /// Not before this is the memory looked at again.
    memory_from: Instant,
}

impl Sampler {
    pub(super) fn new(live: Arc<Live>) -> Self {
        let since = Mono(proc::ticks_ms(live.pid_start));
        Self {
            live,
            since,
            pause: FIRST,
            last_disk: 0,
            last_size: 0,
            alarm: None,
            memory_from: Instant::now(),
        }
    }

    /// How long until the next look.
    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }

    /// Waits for the first write after a silence; for ever where the next look comes soon anyway.
    pub(super) async fn written(&self) {
        match &self.alarm {
            Some(alarm) => drop(alarm.ready().await),
            None => std::future::pending().await,
        }
    }

    /// That it has been written to: from now on looks come often.
    pub(super) fn wake(&mut self) {
        self.alarm = None;
        self.pause = FIRST;
    }

    /// Looks; true where the run is above its limit and nothing but ebb holds it.
    pub(super) fn sample(&mut self) -> bool {
        let is_watched = self.live.enforcement == Enforcement::Rlimit && self.live.memory.max.is_some();
        let longest = if is_watched { WATCHED } else { HELD };
        self.pause = (self.pause * 3 / 2).min(longest);
        match self.bound_output() {
            Growth::Flood => self.pause = FIRST,
            Growth::Some => self.pause = self.pause.min(WRITES),
            Growth::None => {}
        }
        self.set_alarm();
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
        self.live.seen.current_anon.store(anon, Ordering::Relaxed);
        self.live.seen.peak_anon.fetch_max(anon, Ordering::Relaxed);
        self.live.seen.trace().add(clock::now().mono.0.saturating_sub(self.since.0), anon);
        is_watched && self.live.memory.max.is_some_and(|max| anon > max)
    }

    /// A last look at the output, once nothing writes any more.
    pub(super) fn last(&mut self) {
        self.bound_output();
    }

    /// A run that is silent is looked at rarely, and would have written much by then if it began at once after a look.
    fn set_alarm(&mut self) {
        if self.pause <= WRITES {
            self.alarm = None;
        } else if self.alarm.is_none()
            && let Some((file, _)) = &self.live.output
            && descriptors::has_more_than(limits::DESCRIPTORS_FOR_CLIENTS)
        {
            self.alarm = output::next_write(file).ok().map(|fd| Watch::new(fd, Interest::READABLE));
        }
    }

    /// Frees the oldest part of the output where it takes too much disk.
    fn bound_output(&mut self) -> Growth {
        let Some((file, max)) = &self.live.output else { return Growth::None };
        let (disk, size) = output::extent(file).unwrap_or_default();
        let grown = disk.saturating_sub(self.last_disk);
        let is_written = std::mem::replace(&mut self.last_size, size) != size;
        self.last_disk = disk;
        if disk > *max {
            if let Err(error) = output::punch(file, *max) {
                tracing::warn!(run = self.live.id, job = %self.live.job, "cannot bound the output: {error}");
                return Growth::None;
            }
            self.last_disk = output::extent(file).map_or(0, |(disk, _)| disk);
        }
        match (grown > *max / 8, is_written) {
            (true, _) => Growth::Flood,
            (false, true) => Growth::Some,
            (false, false) => Growth::None,
        }
    }
}

/// How the output has grown since the look before.
enum Growth {
    None,
    Some,
    /// A look or two more like that, and it takes more than it may.
    Flood,
}

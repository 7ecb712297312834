//! What an audit has seen: each process at the end of a window, and how it got there. Plain facts, no judgement.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::sys::processes::Process;
use crate::sys::processes::asleep::Asleep;
use crate::sys::processes::memory::Memory;
use crate::sys::processes::pulse::Pulse;

use super::container::Container;
use super::imports::Imports;
use super::libraries::Library;
use super::remembered::Point;

/// A host, over a window.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// How long was looked, in milliseconds.
    pub window_ms: u64,
    /// Whether used pages were told from others (`--touch`).
    pub is_touched: bool,
    /// All that was there from beginning to end.
    pub processes: Vec<Watched>,
    /// What root's Docker has on disk of its containers, by their ids.
    pub containers: HashMap<String, Container>,
    /// The control group of who looks: what is in the same container is told apart by its processes.
    pub own_cgroup: String,
}

/// A process, over the window.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// Who it is.
    pub process: Process,
    /// What it holds at the end.
    pub memory: Memory,
    /// Anonymous memory and swap at the beginning, in bytes, counted as exactly as at the end.
    pub anon_before: u64,
    /// Its pulse from the beginning to the end, each with the milliseconds since the beginning.
    pub pulses: Vec<(u64, Pulse)>,
    /// How long ago it started, in milliseconds, at the end.
    pub age_ms: u64,
    /// Where somebody new can reach it.
    pub listens: Vec<String>,
    /// Different connections that were seen at these places.
    pub served: u64,
    /// Where it is connected to by itself.
    pub connected: Vec<String>,
    /// The sleep that it is in, where that has an end.
    pub asleep: Option<Asleep>,
    /// CPU time that children have used which it began within the window and has not waited for yet, in milliseconds.
    pub begun_ms: u64,
    /// Whether it was stopped at the end (SIGSTOP, a debugger, a frozen control group): what it does otherwise was not seen.
    pub is_stopped: bool,
    /// Whether it is told of changes of files.
    pub watches_files: bool,
    /// Python packages of which parts are mapped.
    pub libraries: Vec<Library>,
    /// What is known of its Python, if it is one.
    pub python: Option<Python>,
    /// What it held at earlier audits, the oldest first.
    pub earlier: Vec<Point>,
}

/// The Python that a process runs on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Python {
    /// Its version, such as `3.11`.
    pub version: String,
    /// Object-relational mappers that are installed for it and that the service's own sources import.
    pub orms_in_sources: Vec<String>,
    /// What is known of its bytecode cache.
    pub cache: Cache,
    /// What its imports cost, where that was asked for.
    pub imports: Option<Box<Imports>>,
}

/// The bytecode cache of a Python.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cache {
    /// What keeps it from writing one: `PYTHONDONTWRITEBYTECODE` or `-B`.
    pub forbidden_by: Option<String>,
    /// What it has loaded from without one.
    pub missing: Vec<CacheMissing>,
}

/// Sources without bytecode beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheMissing {
    /// The directory of the sources.
    pub sources: PathBuf,
    /// Whether the service's user may write a cache there.
    pub is_writable: bool,
}

impl Watched {
    /// CPU time within the window, in milliseconds.
    #[must_use]
    pub fn cpu_ms(&self) -> u64 {
        self.between(|pulse| pulse.cpu_ms)
    }

    /// CPU time that it had or waited for within the window, in milliseconds: on a host that is short of CPUs, the one
    /// says little. What still waits at the end shows at the looks that found it so.
    #[must_use]
    pub fn wanted_cpu_ms(&self) -> u64 {
        let (had, waited) = (self.cpu_ms(), self.between(|pulse| pulse.waited_ms));
        let runnable = self.pulses.windows(2).filter(|pair| pair[0].1.is_runnable && pair[1].1.is_runnable);
        let seen: u64 = runnable.map(|pair| pair[1].0 - pair[0].0).sum();
        (had + waited).max(seen)
    }

    /// CPU time of children that came and went within the window, or are still there, in milliseconds; of one that was there
    /// before, all of its time.
    #[must_use]
    pub fn children_ms(&self) -> u64 {
        self.between(|pulse| pulse.children_ms) + self.begun_ms
    }

    /// Wake-ups within the window.
    #[must_use]
    pub fn wakes(&self) -> u64 {
        self.pulses.windows(2).map(|pair| pair[1].1.wakes.saturating_sub(pair[0].1.wakes)).sum()
    }

    /// The most that it ever had resident, in bytes, as far as the kernel remembers.
    #[must_use]
    pub fn peak_rss(&self) -> u64 {
        self.pulses.iter().map(|(_, pulse)| pulse.peak_rss).max().unwrap_or(0).max(self.memory.rss)
    }

    /// Anonymous memory and swap at the end, in bytes.
    #[must_use]
    pub const fn anon(&self) -> u64 {
        self.memory.anon + self.memory.swap
    }

    fn between(&self, of: impl Fn(&Pulse) -> u64) -> u64 {
        match (self.pulses.first(), self.pulses.last()) {
            (Some((_, first)), Some((_, last))) => of(last).saturating_sub(of(first)),
            _ => 0,
        }
    }
}

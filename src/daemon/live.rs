//! A run that has processes, as the loop and its watch share it: its tree, its output, its limits.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::engine::Exit;
use crate::job::Memory;
use crate::journal::record::{RunId, Usage};
use crate::learn::{self, Trace};
use crate::sys::tracked::Tree;
use crate::sys::{child, clock, pidfd, proc};
use crate::words::Enforcement;

use super::handover;

/// How a main process ended and, where it was our child, what the kernel kept of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    /// Highest resident memory of any one of its processes, in bytes.
    pub(super) max_rss: Option<u64>,
    pub(super) cpu_ms: Option<u64>,
}

impl Ended {
    /// As it was handed over.
    pub(super) const fn of(over: &handover::Ended) -> Self {
        Self { exit: over.exit, max_rss: over.max_rss, cpu_ms: over.cpu_ms }
    }

    /// Nobody can know.
    pub(super) const UNKNOWN: Self = Self { exit: Exit::Unknown, max_rss: None, cpu_ms: None };
}

/// A run that has processes.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: RunId,
    pub(super) job: String,
    pub(super) pid: u32,
    /// When the main process started, in clock ticks since boot.
    pub(super) pid_start: u64,
    /// Whether an earlier ebbd started it: then it is not our child, and its exit is known only from the kernel's notes.
    pub(super) is_adopted: bool,
    pub(super) enforcement: Enforcement,
    pub(super) tree: Tree,
    pub(super) stop_signal: i32,
    pub(super) memory: Memory,
    /// Limits of its job that nothing here holds.
    pub(super) unheld: Vec<String>,
    /// Its output file, where it has one, and how much disk that may take.
    pub(super) output: Option<(OwnedFd, u64)>,
    /// Output files of its job that are kept.
    pub(super) keep: u32,
    pub(super) seen: Seen,
}

/// What the sampler has seen so far; zero is "nothing yet".
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Highest anonymous memory and swap, in bytes.
    pub(super) peak_anon: AtomicU64,
    /// Its memory over its time. Its watch writes it; the loop reads it on the way to an upgrade.
    pub(super) trace: Mutex<Trace>,
    /// The same at the latest look.
    pub(super) current_anon: AtomicU64,
    /// Resident bytes of the main process that are files', at the latest look.
    pub(super) shared: AtomicU64,
    /// Whether its processes have been asked to end and may still take their time.
    pub(super) in_grace: AtomicBool,
    /// Processes that the main process left behind.
    pub(super) leftover: AtomicU32,
    /// Whether its program is not known to run yet.
    pub(super) is_starting: AtomicBool,
    /// How its main process ended, which nobody else can ask any more, until the journal has it.
    pub(super) ended: OnceLock<Ended>,
}

impl Seen {
    /// The curve so far.
    pub(super) fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// What the kernel noted of the end of a main process that an earlier ebbd started, where it keeps such notes (Linux
    /// 6.15 and later); `None` as long as nobody has reaped it.
    pub(super) fn note(pidfd: &OwnedFd) -> Option<Ended> {
        match pidfd::pidfd_exit(pidfd.as_fd()) {
            Ok(None) => None,
            Ok(Some(exit)) => Some(Ended { exit: exit_of(exit), ..Ended::UNKNOWN }),
            Err(_) => Some(Ended::UNKNOWN),
        }
    }

    /// Takes the exit of the main process, our child, which has ended.
    pub(super) fn reap(pidfd: &OwnedFd) -> Ended {
        match child::reap(pidfd.as_fd()) {
            Ok(Some(reaped)) => Ended {
                exit: exit_of(reaped.exit),
                max_rss: Some(reaped.max_rss_bytes),
                cpu_ms: Some(reaped.cpu_ms()),
            },
            Ok(None) | Err(_) => Ended::UNKNOWN,
        }
    }

    /// Takes the exit of the main process, which from now on nobody else can.
    pub(super) fn take_exit(&self, pidfd: &OwnedFd) -> Ended {
        *self.seen.ended.get_or_init(|| Self::reap(pidfd))
    }

    /// Sends the job's stop signal to the whole tree, whose grace begins.
    pub(super) fn ask_to_end(&self) -> io::Result<()> {
        self.seen.in_grace.store(true, Ordering::Relaxed);
        self.tree.signal_all(self.stop_signal)
    }

    /// Ends the whole tree at once, without waiting for the last of it.
    pub(super) fn kill(&self) -> io::Result<()> {
        self.seen.in_grace.store(false, Ordering::Relaxed);
        self.tree.kill_all().map(drop)
    }

    /// Whether processes that the main process left behind may still clean up.
    pub(super) fn is_in_grace(&self) -> bool {
        self.seen.in_grace.load(Ordering::Relaxed) && !self.tree.is_empty()
    }

    /// What says that the kernel kills one process where the job wants all of them to go.
    pub(super) fn oom_watch(&self) -> Option<OwnedFd> {
        if self.memory.oom_group && self.memory.max.is_some() { self.tree.oom_watch() } else { None }
    }

    /// Highest anonymous memory and swap seen so far, in bytes.
    pub(super) fn peak_so_far(&self) -> Option<u64> {
        match self.seen.peak_anon.load(Ordering::Relaxed) {
            0 => None,
            bytes => Some(bytes),
        }
    }

    /// For how long it has been there, in milliseconds.
    pub(super) fn age_ms(&self) -> u64 {
        clock::now().mono.0.saturating_sub(proc::ticks_ms(self.pid_start))
    }

    /// Counts what the main process left behind, where that can be seen.
    pub(super) fn note_leftover(&self) {
        let left = self.tree.pids().map_or(0, |pids| pids.len());
        self.seen.leftover.store(u32::try_from(left).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// What was measured, once the tree is gone and before its control groups are.
    pub(super) fn usage(&self, ended: Option<&Ended>) -> Usage {
        let counted = self.tree.facts();
        let max_rss = ended.and_then(|e| e.max_rss);
        let sampled = self.peak_so_far();
        let shared = self.seen.shared.load(Ordering::Relaxed);
        let peak_anon = learn::peak_anon(sampled, max_rss, shared, counted.peak_total_bytes);
        let curve = peak_anon.and_then(|peak| self.seen.trace().written(peak));
        Usage {
            peak_anon_bytes: peak_anon,
            peak_total_bytes: counted.peak_total_bytes.or(max_rss.max(sampled)),
            cpu_ms: counted.cpu_ms.or(ended.and_then(|e| e.cpu_ms)),
            oom_kills: counted.oom_kills,
            oom_cause: counted.oom_kills.filter(|&kills| kills > 0).and_then(|_| self.tree.oom_cause()),
            leftover: match self.seen.leftover.load(Ordering::Relaxed) {
                0 => None,
                left => Some(left),
            },
            curve: curve.map(Box::new),
        }
    }
}

const fn exit_of(exit: child::Exit) -> Exit {
    match exit {
        child::Exit::Code(code) => Exit::Code(code),
        child::Exit::Signal { signal, core: _ } => Exit::Signal(signal),
    }
}

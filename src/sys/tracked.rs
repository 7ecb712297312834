//! A run's processes, whatever keeps track of them: its control group, or where there is none, descent and session.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::cgroup::{Facts, Leaf};
use super::child;
use super::tree::{Family, pss_anon};
use crate::limits;
use crate::words::OomCause;

/// What keeps track of a run's processes.
#[derive(Debug)]
pub enum Tree {
    /// A control group: nothing escapes it.
    Leaf(Leaf),
    /// Descent and session of the main process, followed through `/proc`.
    Family(Family),
}

impl Tree {
    /// The processes of the run.
    ///
    /// # Errors
    /// They can't be looked for now, such as for want of a descriptor: nobody knows then whether there are any.
    pub fn pids(&self) -> io::Result<Vec<i32>> {
        match self {
            Self::Leaf(leaf) => leaf.pids(),
            Self::Family(family) => family.members(),
        }
    }

    /// Sends `signal` to all of them.
    ///
    /// # Errors
    /// They can't be reached now, such as for want of a descriptor.
    pub fn signal_all(&self, signal: i32) -> io::Result<()> {
        match self {
            Self::Leaf(leaf) => leaf.signal_all(signal).map(drop),
            Self::Family(family) => family.signal_all(signal).map(drop),
        }
    }

    /// Kills everything, without waiting; true where nothing is left already.
    ///
    /// # Errors
    /// They can't be reached now, such as for want of a descriptor.
    pub fn kill_all(&self) -> io::Result<bool> {
        match self {
            Self::Leaf(leaf) => leaf.kill_all(),
            Self::Family(family) => family.kill_all(),
        }
    }

    /// Kills everything and reaps what falls to this process, for [`limits::TREE_VANISH_MS`] at most; whether nothing is left.
    /// What sleeps in the kernel can outlast that.
    #[must_use]
    pub fn vanish(&self) -> bool {
        let deadline = Instant::now() + Duration::from_millis(limits::TREE_VANISH_MS);
        let mut pause = Duration::from_micros(200);
        loop {
            let is_gone = matches!(self.kill_all(), Ok(true));
            let _ = child::reap_orphans(&|_| false);
            if is_gone || Instant::now() >= deadline {
                return is_gone;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Whether no process is left. What can't be looked at now is not empty for that.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Leaf(leaf) => !leaf.populated(),
            Self::Family(family) => family.members().is_ok_and(|members| members.is_empty()),
        }
    }

    /// A descriptor that becomes ready when the last process has gone, where the kernel offers one.
    #[must_use]
    pub fn events(&self) -> Option<OwnedFd> {
        match self {
            Self::Leaf(leaf) => leaf.events_fd().ok().flatten(),
            Self::Family(_) => None,
        }
    }

    /// A descriptor that becomes readable when the kernel is about to kill one process of the tree for memory and would
    /// let the others live (cgroup v1).
    #[must_use]
    pub fn oom_watch(&self) -> Option<OwnedFd> {
        match self {
            Self::Leaf(leaf) => leaf.oom_watch().ok().flatten(),
            Self::Family(_) => None,
        }
    }

    /// What the kernel counted for the whole tree.
    #[must_use]
    pub fn facts(&self) -> Facts {
        match self {
            Self::Leaf(leaf) => leaf.usage(),
            Self::Family(_) => Facts::default(),
        }
    }

    /// Whose want of memory it was that the kernel killed in it, as far as counters tell.
    #[must_use]
    pub fn oom_cause(&self) -> Option<OomCause> {
        match self {
            Self::Leaf(leaf) => leaf.oom_cause(),
            Self::Family(_) => None,
        }
    }

    /// The path of the control group that counts its memory, as the kernel's log ends it.
    #[must_use]
    pub fn memory_path(&self) -> Option<String> {
        match self {
            Self::Leaf(leaf) => leaf.memory_path(),
            Self::Family(_) => None,
        }
    }

    /// Anonymous memory and swap of the whole tree just now, in bytes: the kernel's count, else the sum over its
    /// processes, pages that they share counted once.
    #[must_use]
    pub fn current_anon(&self) -> Option<u64> {
        match self {
            Self::Leaf(leaf) => leaf.current_anon().or_else(|| pss_anon(&leaf.pids().ok()?)),
            Self::Family(family) => pss_anon(&family.members().ok()?),
        }
    }

    /// The directories of the control group, as a record keeps them; none without one.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        match self {
            Self::Leaf(leaf) => leaf.paths(),
            Self::Family(_) => Vec::new(),
        }
    }

    /// Lets the control group go, once nobody is in it.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`]: somebody still is.
    pub fn remove(&self) -> io::Result<()> {
        match self {
            Self::Leaf(leaf) => leaf.remove(),
            Self::Family(_) => Ok(()),
        }
    }
}

//! One run from its start to the last of its processes: hands signals on to it, ends it when its time is up, looks at its
//! memory meanwhile, and reads what the kernel kept. Prints nothing.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::learn;
use crate::limits;
use crate::measure::Run;
use crate::sys::cgroup::Leaf;
use crate::sys::child::{self, Exit, Reaped};
use crate::sys::foreground::{self, Program, Signals, Started};
use crate::sys::tracked::Tree;
use crate::sys::tree::Family;
use crate::sys::{pidfd, proc};
use crate::words::Outcome;

use super::super::failure::Failure;
use super::looks::Looks;
use super::start;

/// A run that has ended, and what besides its cost matters to whoever made it.
pub(super) struct Followed {
    pub(super) run: Run,
    /// Whether it was in the control group that was made for it.
    pub(super) is_inside: bool,
    /// Whether somebody asked this process to end meanwhile.
    pub(super) is_interrupted: bool,
}

/// Makes one run of the program, in `leaf` if there is one.
///
/// # Errors
/// The program can't be started, or the system refuses to have it watched.
pub(super) fn follow(
    program: &Program<'_>,
    signals: &Signals,
    leaf: Option<Leaf>,
    timeout: Option<Duration>,
) -> Result<Followed, Failure> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    // The program begins as a copy of this process, whose size the kernel keeps as the program's own if it is never larger.
    let floor = proc::resident_bytes(own).unwrap_or(0);
    // Before there is a program: children that this process has by now are none of its.
    let family = Family::of_this_process();
    let started = match foreground::start(program, signals, leaf.as_ref()) {
        Ok(started) => started,
        Err(error) => {
            leaf.iter().for_each(|leaf| drop(leaf.remove()));
            return Err(start::refused(program, &error));
        }
    };
    let (tree, unused) = match leaf {
        Some(leaf) if started.is_inside => (Tree::Leaf(leaf), None),
        // It may be in some of its directories.
        unused => (Tree::Family(family), unused),
    };
    let mut watch = Watch {
        looks: Looks::new(started.began_ns),
        deadline: timeout.map(|timeout| Instant::now() + timeout),
        kill_at: None,
        is_timeout: false,
        is_interrupted: false,
        started,
        tree,
        unused,
    };
    watch.until_end(signals)?;
    watch.end(floor)
}

struct Watch {
    started: Started,
    tree: Tree,
    /// A control group that does not count, to be removed at the end.
    unused: Option<Leaf>,
    looks: Looks,
    /// When it has to have ended.
    deadline: Option<Instant>,
    /// When it is killed, having been asked to end.
    kill_at: Option<Instant>,
    is_timeout: bool,
    is_interrupted: bool,
}

impl Watch {
    /// Until the program itself has ended.
    fn until_end(&mut self, signals: &Signals) -> Result<(), Failure> {
        let failed = |e: std::io::Error| Failure::system("the run can't be watched", &e);
        loop {
            let due = [Some(self.looks.due()), self.deadline, self.kill_at].into_iter().flatten().min();
            let pause = due.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()));
            // Rounded up, or it would turn around and around until the moment has come.
            let pause = PollTimeout::try_from(pause.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
            let mut fds = [
                PollFd::new(self.started.pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, pause) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(failed(error.into())),
            }
            let is_ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
            let (has_ended, is_signalled) = (is_ready(&fds[0]), is_ready(&fds[1]));
            if is_signalled {
                while let Some((signal, is_ours_alone)) = signals.next().map_err(failed)? {
                    self.is_interrupted = true;
                    if is_ours_alone {
                        let _ = pidfd::pidfd_signal(self.started.pidfd.as_fd(), signal);
                    }
                }
            }
            if has_ended {
                return Ok(());
            }
            self.keep_time();
            if self.looks.due() <= Instant::now() {
                self.looks.look(&self.tree, self.started.pid);
            }
        }
    }

    /// Asks it to end when its time is up, and later kills it.
    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.is_timeout = true;
            self.kill_at = Some(now + Duration::from_millis(limits::GRACE_DEFAULT_MS));
            let _ = self.tree.signal_all(libc::SIGTERM);
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = Some(now + Duration::from_millis(limits::STATUS_PAUSE_MS));
            let _ = self.tree.kill_all();
        }
    }

    /// Takes its status and what the kernel kept, and ends what it left behind.
    fn end(self, floor: u64) -> Result<Followed, Failure> {
        let wall_us = foreground::now_ns().saturating_sub(self.started.began_ns) / 1000;
        let reaped = child::reap(self.started.pidfd.as_fd())
            .map_err(|e| Failure::system("the end of the run can't be read", &e))?
            .ok_or_else(|| {
                Failure::System("the run has ended, and the kernel has no status of it".to_owned())
            })?;
        let leftover = self.tree.pids().map_or(0, |pids| pids.len() as u64);
        let is_empty = self.tree.vanish();
        let counted = self.tree.facts();
        let cpu_us = match &self.tree {
            Tree::Leaf(leaf) => leaf.cpu_us(),
            Tree::Family(_) => None,
        };
        let seen = self.looks.seen();
        // What is no more than this process was, may be this process.
        let largest = Some(reaped.max_rss_bytes).filter(|bytes| *bytes > floor || seen.anon.is_none());
        let peak_anon = learn::peak_anon(seen.anon, largest, seen.shared, counted.peak_total_bytes);
        let (cpu_user_us, cpu_system_us) = cpu_us.unwrap_or((reaped.user_us, reaped.system_us));
        let (outcome, exit_code, signal) = self.how(&reaped, counted.oom_kills);
        let run = Run {
            outcome,
            exit_code,
            signal,
            wall_us,
            cpu_user_us,
            cpu_system_us,
            peak_anon_bytes: peak_anon,
            peak_total_bytes: counted.peak_total_bytes.or(largest.max(peak_anon)),
            leftover,
            curve: peak_anon.and_then(|peak| self.looks.trace().written(peak)),
        };
        if is_empty {
            let _ = self.tree.remove();
            self.unused.iter().for_each(|leaf| drop(leaf.remove()));
        }
        let is_inside = matches!(self.tree, Tree::Leaf(_));
        Ok(Followed { run, is_inside, is_interrupted: self.is_interrupted })
    }

    fn how(&self, reaped: &Reaped, oom_kills: Option<u64>) -> (Outcome, Option<i32>, Option<i32>) {
        let (ended, code, signal) = match reaped.exit {
            Exit::Code(0) => (Outcome::Success, Some(0), None),
            Exit::Code(code) => (Outcome::ExitCode, Some(code), None),
            Exit::Signal { signal: libc::SIGKILL, .. } if oom_kills.is_some_and(|kills| kills > 0) => {
                (Outcome::OomKill, None, Some(libc::SIGKILL))
            }
            Exit::Signal { signal, .. } => (Outcome::Signal, None, Some(signal)),
        };
        (if self.is_timeout { Outcome::Timeout } else { ended }, code, signal)
    }
}

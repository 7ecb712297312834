//! The processes of a run where there are no cgroups: followed through `/proc` by descent, session, process group and a
//! mark in their environment. Weaker than a cgroup, and made as strong as it can be. Knows nothing of limits.

use std::collections::HashMap;
use std::io;

use super::is_scarce;
use super::pidfd::Aim;
use super::proc::{self, Stat};

/// Rounds of one [`Family::kill_all`] against processes that fork while they are being stopped.
const ROUNDS: usize = 32;

/// The family of one main process.
///
/// A descendant belongs to it by the chain of its parents, by session or by process group. One that has forked twice and
/// begun a session of its own falls to the nearest subreaper ([`super::child::set_subreaper`]) and is told by `mark` in its
/// environment; if that is not this process (any more), or it has wiped its environment, it escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    main: i32,
    start_ticks: u64,
    mark: Vec<u8>,
    /// Whether session, group and mark count for nothing: `main` is this process, whose descendants are the family.
    is_own: bool,
    /// Children of this process of before, with their starts: what they and their own do is not of the family.
    spared: Vec<(i32, u64)>,
}

impl Family {
    /// `main` is the pid of the process that [`super::spawn::spawn`] made, which began a session and a group; `start_ticks`
    /// tells it from a later process of that number, where that is known; `mark` is a `NAME=value` that this run alone has in its environment.
    #[must_use]
    pub fn new(main: i32, start_ticks: u64, mark: &str) -> Self {
        Self { main, start_ticks, mark: mark.as_bytes().to_vec(), is_own: false, spared: Vec::new() }
    }

    /// All descendants of this process that it will start, for one that starts nothing else; children that it has already
    /// were its shell's, which has become this program (`server & exec ebb …`). As a subreaper ([`super::child::set_subreaper`])
    /// it keeps also those that have forked twice.
    #[must_use]
    pub fn of_this_process() -> Self {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let start_ticks = proc::pid_start_ticks(own).unwrap_or(proc::START_UNKNOWN);
        let children = proc::own_children().unwrap_or_default().into_iter();
        let spared = children.filter_map(|pid| Some((pid, proc::pid_start_ticks(pid).ok()?))).collect();
        Self { main: own, start_ticks, mark: Vec::new(), is_own: true, spared }
    }

    /// The pid of the main process.
    #[must_use]
    pub const fn main(&self) -> i32 {
        self.main
    }

    /// The processes of the family, zombies apart.
    ///
    /// # Errors
    /// They can't be looked for now, such as for want of a descriptor: nobody knows then whether there are any.
    pub fn members(&self) -> io::Result<Vec<i32>> {
        if !proc::is_mounted() {
            return Ok(self.signal_group(0).then_some(self.main).into_iter().collect());
        }
        if self.is_own
            && let Some(members) = self.listed()
        {
            return Ok(members);
        }
        Ok(self.alive()?.into_iter().map(|(pid, _)| pid).collect())
    }

    /// The descendants of this process by the kernel's lists of children, without a look at anybody else; good enough to sum
    /// up what they have, and not to be sure that none is left. `None` where there are no such lists.
    fn listed(&self) -> Option<Vec<i32>> {
        let mut members = proc::children(self.main).ok()?;
        let is_spared =
            |&(pid, start): &(i32, u64)| proc::pid_start_ticks(pid).is_ok_and(|ticks| ticks == start);
        if !self.spared.is_empty() {
            let spared: Vec<i32> =
                self.spared.iter().filter(|it| is_spared(it)).map(|(pid, _)| *pid).collect();
            members.retain(|pid| !spared.contains(pid));
        }
        let mut next = 0;
        while let Some(&pid) = members.get(next) {
            // What has ended meanwhile has no children any more.
            let children = proc::children(pid).unwrap_or_default();
            members.extend(children.into_iter().filter(|pid| !members.contains(pid)).collect::<Vec<_>>());
            next += 1;
        }
        members.retain(|&pid| proc::stat(pid).is_ok_and(|stat| !matches!(stat.state, b'Z' | b'X')));
        Some(members)
    }

    /// Sends `signal` to every member, and returns to how many. One that forks meanwhile may leave a child without it.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn signal_all(&self, signal: i32) -> io::Result<usize> {
        let mut sent = 0;
        if !proc::is_mounted() {
            return Ok(usize::from(self.signal_group(signal)));
        }
        for (pid, stat) in self.alive()? {
            sent += usize::from(signal_exactly(pid, &stat, signal)?);
        }
        Ok(sent)
    }

    /// Kills every member. Does not wait: `true` means that none is left already; call it again until it says so.
    ///
    /// Members are forbidden to fork (RLIMIT_NPROC, which does not bind root) and stopped, until no new one turns up; only
    /// then are they killed. So a fork bomb runs out of processes that could fork.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn kill_all(&self) -> io::Result<bool> {
        if !proc::is_mounted() {
            self.signal_group(libc::SIGKILL);
            return Ok(!self.signal_group(0));
        }
        let mut held: HashMap<i32, Stat> = HashMap::new();
        for _ in 0..ROUNDS {
            let mut found = false;
            for (pid, stat) in self.alive()? {
                if held.insert(pid, stat).is_none() {
                    found = true;
                    forbid_forks(pid);
                    signal_exactly(pid, &stat, libc::SIGSTOP)?;
                }
            }
            if !found {
                break;
            }
        }
        for (pid, stat) in &held {
            signal_exactly(*pid, stat, libc::SIGKILL)?;
        }
        Ok(self.alive()?.is_empty())
    }

    /// All members with what `/proc` said of them.
    fn alive(&self) -> io::Result<Vec<(i32, Stat)>> {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let mut all: HashMap<i32, Stat> = HashMap::new();
        for pid in proc::pids()? {
            match proc::stat(pid) {
                Ok(stat) => drop(all.insert(pid, stat)),
                // What has ended meanwhile, or is hidden from us, is no reason to know nothing of the others.
                Err(e) if !is_scarce(&e) => {}
                Err(e) => return Err(e),
            }
        }
        // The number may belong to a stranger by now. As long as anybody is left in the session or group of that number,
        // the kernel does not give it out again, so then nobody is.
        let is_known = self.start_ticks != proc::START_UNKNOWN;
        let is_stranger =
            is_known && all.get(&self.main).is_some_and(|stat| stat.start_ticks != self.start_ticks);
        let kin = |stat: &Stat| {
            !self.is_own && !is_stranger && (stat.session == self.main || stat.pgrp == self.main)
        };
        let mut members = Vec::new();
        for (&pid, stat) in
            all.iter().filter(|(pid, stat)| **pid != own && !matches!(stat.state, b'Z' | b'X'))
        {
            let line = Ancestors { all: &all, next: Some(pid) };
            let is_spared =
                |at: i32| all.get(&at).is_some_and(|stat| self.spared.contains(&(at, stat.start_ticks)));
            if !self.spared.is_empty() && line.clone().any(is_spared) {
                continue;
            }
            let is_ours = |&at: &i32| (at == self.main && !is_stranger) || all.get(&at).is_some_and(kin);
            let belongs = kin(stat)
                || line.clone().any(|at| is_ours(&at))
                || (line.clone().any(|at| at == own) && self.marks(pid)?);
            if belongs {
                members.push((pid, *stat));
            }
        }
        Ok(members)
    }

    /// Whether the mark is in the environment that the process was started with.
    fn marks(&self, pid: i32) -> io::Result<bool> {
        match std::fs::read(format!("/proc/{pid}/environ")) {
            Ok(environment) => Ok(environment.split(|&b| b == 0).any(|variable| variable == self.mark)),
            Err(e) if is_scarce(&e) => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Signals the process group of the main process, which is all that can be reached where `/proc` is not mounted.
    fn signal_group(&self, signal: i32) -> bool {
        if self.main <= 1 || self.is_own {
            return false; // Everybody, or this process as well.
        }
        // SAFETY: the call takes two integers and touches no memory of ours.
        unsafe { libc::kill(-self.main, signal) == 0 }
    }
}

/// A process, its parent, and so on. The parents of a snapshot can form a ring when pids are reused while it is taken, so
/// the line has an end.
#[derive(Clone)]
struct Ancestors<'a> {
    all: &'a HashMap<i32, Stat>,
    next: Option<i32>,
}

impl Iterator for Ancestors<'_> {
    type Item = i32;
    fn next(&mut self) -> Option<i32> {
        let at = self.next?;
        // A parent is older than its child, or as old within a tick; what is younger took over a reused pid.
        self.next = self.all.get(&at).and_then(|stat| {
            let parent = self.all.get(&stat.ppid)?;
            (parent.start_ticks <= stat.start_ticks && stat.ppid != at).then_some(stat.ppid)
        });
        Some(at)
    }
}

/// Signals the process if it is still the one that was seen: first the aim, then another look.
fn signal_exactly(pid: i32, seen: &Stat, signal: i32) -> io::Result<bool> {
    let Some(aim) = Aim::at(pid)? else { return Ok(false) };
    match proc::stat(pid) {
        Ok(now) => Ok(now.start_ticks == seen.start_ticks && aim.signal(pid, signal)),
        Err(e) if is_scarce(&e) => Err(e),
        Err(_) => Ok(false),
    }
}

/// From now on each fork of the process and its children fails (prlimit(2)), root's and other users' apart.
fn forbid_forks(pid: i32) {
    let none = [0_u64; 2];
    let old = std::ptr::null_mut::<u64>();
    // SAFETY: `none` is a valid rlimit64; the old one is not asked for.
    let _ = unsafe { libc::syscall(libc::SYS_prlimit64, pid, libc::RLIMIT_NPROC, none.as_ptr(), old) };
}

/// Anonymous memory and swap of these processes together, in bytes, pages that they share counted once among their sharers
/// (proc_pid_smaps(5), PSS). Those that have ended do not count; `None` if none could be read.
///
/// Costs the kernel a walk over all their pages: about a millisecond for 100 MB.
#[must_use]
pub fn pss_anon(pids: &[i32]) -> Option<u64> {
    pids.iter().filter_map(|&pid| pss_of(pid)).reduce(u64::saturating_add)
}

fn pss_of(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    // Before Linux 5.5 PSS was not told apart; `Anonymous` counts shared pages in full then.
    let anon = bytes(&text, "Pss_Anon:").or_else(|| bytes(&text, "Anonymous:"))?;
    Some(anon + bytes(&text, "SwapPss:").unwrap_or(0))
}

/// A line such as `Pss_Anon:   1234 kB`.
pub(super) fn bytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests;

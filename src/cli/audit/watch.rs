//! Looks at the processes of this host for a while, and at one service alone where that is asked for.
//! Judges nothing: what comes of it is [`Observation`].

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use crate::audit::container::Container;
use crate::audit::place::{self, Place};
use crate::audit::{Kind, Observation, Watched, libraries, services};
use crate::limits;
use crate::sys::cgroup::Freezers;
use crate::sys::processes::sockets::{self, Descriptors};
use crate::sys::processes::{self, asleep, memory, pulse};
use crate::sys::{clock, proc};

use super::served::Served;
use super::{docker, python};

/// What is looked at, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// For how long, in milliseconds.
    pub(super) window_ms: u64,
    /// Whether used pages are told from others.
    pub(super) is_touched: bool,
    /// A part of a service's name or one of its pids; all where none is named.
    pub(super) service: Option<&'a str>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) observation: Observation,
    /// The processes that were asked for.
    pub(super) wanted: HashSet<i32>,
    /// Processes that this user may not look at.
    pub(super) hidden: u64,
    /// Of how many it could not be had that the kernel forgets which pages they used.
    pub(super) untouched: u64,
}

/// Looks, and tells in between how many milliseconds have passed.
///
/// # Errors
/// There is no `/proc`.
pub(super) fn look(wish: Wish<'_>, mut tell: impl FnMut(u64)) -> io::Result<Seen> {
    let mut seen = begin(wish)?;
    let wanted: Vec<usize> = (0..seen.observation.processes.len())
        .filter(|at| seen.wanted.contains(&seen.observation.processes[*at].process.pid))
        .collect();
    if wish.is_touched {
        for at in &wanted {
            let pid = seen.observation.processes[*at].process.pid;
            seen.untouched += u64::from(memory::clear_referenced(pid).is_err());
        }
    }
    let mut served = Served::default();
    let mut open: HashMap<i32, Descriptors> = HashMap::new();
    for at in &wanted {
        let process = &seen.observation.processes[*at].process;
        open.extend(sockets::descriptors(process.pid).map(|descriptors| (process.pid, descriptors)));
        served.add_namespace(process);
    }
    let pauses = limits::AUDIT_PAUSE_RANGE_MS;
    let pause = (wish.window_ms / 60).clamp(*pauses.start(), *pauses.end());
    served.look();
    // What was got ready before is no part of it, however long that took.
    let begun = Instant::now();
    let passed = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut is_first = true;
    loop {
        let now = passed();
        let left = wish.window_ms.saturating_sub(now);
        tell(now.min(wish.window_ms));
        let is_last = left == 0 && !is_first;
        for at in &wanted {
            let one = &mut seen.observation.processes[*at];
            let is_small = one.anon_before < limits::AUDIT_PULSE_MIN;
            if (!is_small || is_first || is_last)
                && let Ok(pulse) = pulse::take(one.process.pid)
            {
                one.pulses.push((now, pulse));
            }
        }
        if is_last {
            seen.observation.window_ms = now;
            break;
        }
        is_first = false;
        std::thread::sleep(Duration::from_millis(left.min(pause)));
        served.look();
    }
    end(&mut seen, &open, &served);
    Ok(seen)
}

/// The first look: who is there, and of those that are asked for, what they hold. A look at memory waits for whoever
/// is just changing it, so that nobody else's is looked at.
fn begin(wish: Wish<'_>) -> io::Result<Seen> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut seen = Seen::default();
    seen.observation.is_touched = wish.is_touched;
    seen.observation.own_cgroup = processes::look(own).map(|process| process.cgroup).unwrap_or_default();
    for pid in proc::pids()?.into_iter().filter(|pid| *pid != own) {
        let process = processes::look(pid);
        seen.observation.processes.extend(process.map(|process| Watched { process, ..Watched::default() }));
    }
    seen.observation.containers = containers(&seen.observation);
    let chosen = wish.service.map(|word| chosen(&seen.observation, word));
    let (mut hidden, mut wanted) = (0, HashSet::new());
    seen.observation.processes.retain_mut(|one| {
        let pid = one.process.pid;
        if chosen.as_ref().is_some_and(|chosen| !chosen.contains(&pid)) {
            return true;
        }
        match memory::look(pid) {
            Ok(memory) => (one.memory, one.anon_before) = (memory, memory.anon + memory.swap),
            // Kernel threads and zombies have none; of others it is a secret.
            Err(error) => {
                hidden += u64::from(error.kind() == io::ErrorKind::PermissionDenied);
                return false;
            }
        }
        wanted.insert(pid)
    });
    (seen.hidden, seen.wanted) = (hidden, wanted);
    Ok(seen)
}

/// What root's Docker knows of the containers that may be its own.
fn containers(seen: &Observation) -> HashMap<String, Container> {
    let places = seen.processes.iter().map(|one| place::of(&one.process.cgroup, &seen.own_cgroup));
    let ids: HashSet<String> = places
        .filter_map(|place| match place {
            Place::Container { engine: "docker" | "container", id, of_user: None } => Some(id),
            _ => None,
        })
        .collect();
    ids.into_iter().filter_map(|id| docker::look(&id).map(|container| (id, container))).collect()
}

/// The processes of the services that a word stands for: a pid, else a part of their names, or of the unit that starts them.
fn chosen(seen: &Observation, word: &str) -> HashSet<i32> {
    let pid: Option<i32> = word.parse().ok();
    let mut chosen = HashSet::new();
    for service in services(seen) {
        let has_pid = service.members.iter().any(|one| Some(one.process.pid) == pid);
        let unit = service.container.as_ref().and_then(Container::unit_name);
        let is_named = service.name.contains(word)
            || is_container(&service.kind, word)
            || unit.is_some_and(|unit| unit.contains(word));
        if has_pid || (pid.is_none() && is_named) {
            chosen.extend(service.members.iter().map(|one| one.process.pid));
        }
    }
    chosen
}

fn is_container(kind: &Kind, word: &str) -> bool {
    matches!(kind, Kind::Placed(Place::Container { id, .. }) if id.starts_with(word))
}

/// The last look. What has ended meanwhile, or is another process of that number, was not there all the time.
fn end(seen: &mut Seen, open: &HashMap<i32, Descriptors>, served: &Served) {
    let now_ms = clock::now().mono.0;
    let wanted = &seen.wanted;
    let freezers = Freezers::look();
    let begun = begun(wanted, now_ms.saturating_sub(seen.observation.window_ms));
    seen.observation.processes.retain_mut(|one| {
        let process = &one.process;
        if proc::pid_start_ticks(process.pid).ok() != Some(process.start_ticks) {
            return false;
        }
        one.begun_ms = begun.get(&process.pid).copied().unwrap_or(0);
        one.age_ms = now_ms.saturating_sub(proc::ticks_ms(process.start_ticks));
        if !wanted.contains(&process.pid) {
            return true;
        }
        let is_halted = proc::stat(process.pid).is_ok_and(|stat| matches!(stat.state, b'T' | b't'));
        one.is_stopped = is_halted || freezers.hold(process.pid);
        let Ok(memory) = memory::look(process.pid) else { return false };
        one.memory = memory;
        let mut descriptors = sockets::descriptors(process.pid).unwrap_or_default();
        if let Some(first) = open.get(&process.pid) {
            descriptors.sockets.extend(&first.sockets);
            descriptors.standard.extend(&first.standard);
            descriptors.watches_files |= first.watches_files;
        }
        one.watches_files = descriptors.watches_files;
        served.fill(one, &descriptors);
        true
    });
    for one in &mut seen.observation.processes {
        if wanted.contains(&one.process.pid) && one.anon_before >= limits::AUDIT_PULSE_MIN {
            let mapped = memory::mapped_files(one.process.pid);
            one.libraries = libraries::of(&mapped);
            one.asleep = asleep::look(one.process.pid);
            one.python = python::look(&one.process, &mapped);
        }
    }
}

/// CPU time of processes that began after an instant, in milliseconds, by the process below which they did.
fn begun(wanted: &HashSet<i32>, after_ms: u64) -> HashMap<i32, u64> {
    let mut parents: HashMap<i32, i32> = HashMap::new();
    for pid in proc::pids().unwrap_or_default() {
        let stat = proc::stat(pid).ok().filter(|stat| proc::ticks_ms(stat.start_ticks) > after_ms);
        parents.extend(stat.filter(|_| !wanted.contains(&pid)).map(|stat| (pid, stat.ppid)));
    }
    let mut sums = HashMap::new();
    for (&pid, &parent) in &parents {
        // Numbers can come round between two looks, so that the way up is no ring.
        let way = std::iter::successors(Some(parent), |at| parents.get(at).copied()).take(parents.len() + 1);
        let Some(below) = way.into_iter().find(|at| wanted.contains(at)) else { continue };
        let used = pulse::take(pid).map_or(0, |pulse| pulse.cpu_ms + pulse.children_ms);
        *sums.entry(below).or_default() += used;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead as _;

    #[test]
    fn what_children_do_that_have_just_begun_is_known() {
        let own = i32::try_from(std::process::id()).unwrap();
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "(while :; do :; done) & echo $!; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut busy = String::new();
        io::BufReader::new(shell.stdout.take().unwrap()).read_line(&mut busy).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let used = || begun(&HashSet::from([own]), 0).get(&own).copied().unwrap_or(0);
        let mut seen = used();
        while seen < 50 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            seen = used();
        }
        let late = begun(&HashSet::from([own]), u64::MAX);
        let busy = nix::unistd::Pid::from_raw(busy.trim().parse().unwrap());
        nix::sys::signal::kill(busy, nix::sys::signal::Signal::SIGKILL).unwrap();
        shell.wait().unwrap();
        assert!(seen >= 50, "{seen}");
        assert!(late.is_empty(), "{late:?}");
    }
}

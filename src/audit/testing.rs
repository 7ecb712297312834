//! Hand-made hosts for the tests of this folder.

use crate::sys::processes::Process;
use crate::sys::processes::memory::Memory;
use crate::sys::processes::pulse::Pulse;

use super::{Observation, Service, Watched, services};

pub(super) const MIB: u64 = 1 << 20;

/// A host that is put together process by process.
#[derive(Default)]
pub(super) struct Seen(Observation);

impl Seen {
    /// A host that was looked at for so long.
    pub(super) fn over(window_ms: u64) -> Self {
        Self(Observation { window_ms, ..Observation::default() })
    }

    pub(super) fn add(&mut self, pid: i32, ppid: i32, exe: &str, line: &str) -> &mut Watched {
        let mut one = watched(pid, ppid);
        one.process.exe = Some(exe.into());
        let is_title = line.contains(": ");
        one.process.arguments =
            if is_title { vec![line.to_owned()] } else { line.split(' ').map(str::to_owned).collect() };
        one.quiet(self.0.window_ms);
        self.0.processes.push(one);
        self.last()
    }

    pub(super) fn last(&mut self) -> &mut Watched {
        self.0.processes.last_mut().unwrap()
    }

    /// Puts another part into the paths of all control groups.
    pub(super) fn everywhere(&mut self, part: &str, by: &str) {
        for one in &mut self.0.processes {
            one.process.cgroup = one.process.cgroup.replace(part, by);
        }
    }

    pub(super) fn host(self) -> Observation {
        self.0
    }
}

pub(super) fn watched(pid: i32, ppid: i32) -> Watched {
    let start_ticks = u64::try_from(pid).unwrap();
    Watched {
        process: Process { pid, ppid, pgrp: pid, start_ticks, ..Process::default() },
        age_ms: 86_400_000,
        ..Watched::default()
    }
}

impl Watched {
    pub(super) fn cgroup(&mut self, path: &str) -> &mut Self {
        self.process.cgroup = path.to_owned();
        self
    }

    pub(super) fn group(&mut self, pgrp: i32) -> &mut Self {
        self.process.pgrp = pgrp;
        self
    }

    /// Holds so much, all of it its own.
    pub(super) fn mib(&mut self, mib: u64) -> &mut Self {
        let bytes = mib * MIB;
        self.memory = Memory { rss: bytes, pss: bytes, uss: bytes, anon: bytes, swap: 0, referenced: bytes };
        self.anon_before = bytes;
        for (_, pulse) in &mut self.pulses {
            (pulse.anon, pulse.peak_rss) = (bytes, bytes);
        }
        self
    }

    /// Has used so much of what it holds.
    pub(super) fn used_mib(&mut self, mib: u64) -> &mut Self {
        self.memory.referenced = mib * MIB;
        self
    }

    /// Sleeps all the time: 21 looks.
    pub(super) fn quiet(&mut self, window_ms: u64) -> &mut Self {
        self.pulses = (0..=20).map(|at| (at * window_ms / 20, Pulse::default())).collect();
        self
    }

    /// Uses so much CPU, evenly.
    pub(super) fn works_ms(&mut self, ms: u64) -> &mut Self {
        for (at, (_, pulse)) in self.pulses.iter_mut().enumerate() {
            pulse.cpu_ms = ms * at as u64 / 20;
            pulse.wakes = pulse.wakes.max(pulse.cpu_ms);
        }
        self
    }

    /// Wakes at each so many-th look.
    pub(super) fn wakes_each(&mut self, looks: u64) -> &mut Self {
        for (at, (_, pulse)) in self.pulses.iter_mut().enumerate() {
            pulse.wakes = at as u64 / looks;
        }
        self
    }

    /// Its anonymous memory look by look, in KiB on top of what it has.
    pub(super) fn anon_kib(&mut self, kib: impl Fn(u64) -> u64) -> &mut Self {
        let base = self.memory.anon;
        for (at, (_, pulse)) in self.pulses.iter_mut().enumerate() {
            pulse.anon = base + kib(at as u64) * 1024;
        }
        self.anon_before = base + kib(0) * 1024;
        self.memory.anon = base + kib(20) * 1024;
        self
    }
}

/// The first service of a host, for a rule.
pub(super) fn first(host: &Observation) -> Service<'_> {
    services(host).remove(0)
}

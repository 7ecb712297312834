//! The rungs as the daemon uses them: a job's limits become a leaf, and the host's standing becomes words.

use std::io;
use std::path::Path;

use crate::engine::Process;
use crate::hash::fnv1a;
use crate::job::Definition;
use crate::journal::record::RunId;
use crate::sys::cgroup::{CgroupConfig, Leaf, LeafLimits};
use crate::sys::tracked::Tree;
use crate::sys::tree::Family;
use crate::sys::{child, meminfo, pidfd, proc};
use crate::words::{Enforcement, EnforcementWish};

use super::environment;
use super::watch::Main;

/// The ladder of this host.
pub(super) struct Ladder {
    inner: crate::sys::cgroup::Ladder,
    name: String,
}

impl Ladder {
    /// Finds out what this host allows, by trying it. The base directory is named after the state directory, so that
    /// any number of ebbd can live side by side, and the next one on the same state finds the runs of this one. It goes
    /// below `cgroup` where that is named and can be used.
    pub(super) fn detect(state: &Path, cgroup: Option<&Path>) -> Self {
        let hash = fnv1a(state.as_os_str().as_encoded_bytes());
        let name = format!("ebb-{hash:08x}");
        let config = CgroupConfig { name: name.clone(), parent: cgroup.map(Path::to_owned) };
        let inner = crate::sys::cgroup::Ladder::detect(&config);
        for reason in inner.reasons() {
            if inner.displaced() == Some(reason) {
                tracing::warn!("{reason}");
            } else {
                tracing::info!("{reason}");
            }
        }
        let ladder = Self { inner, name };
        match ladder.enforcement() {
            Enforcement::CgroupV2 | Enforcement::CgroupV1 => {}
            Enforcement::Rlimit => tracing::warn!(
                "no control group can be used here, so memory limits are held by RLIMIT_DATA and a watchdog; \
                 `ebb doctor` says what would lift that"
            ),
            Enforcement::None => tracing::warn!(
                "nothing can hold memory limits here: neither control groups nor /proc can be used"
            ),
        }
        if !ladder.has_cgroup()
            && let Err(error) = child::set_subreaper()
        {
            tracing::warn!("cannot become a subreaper, so what runs leave behind may escape: {error}");
        }
        ladder
    }

    pub(super) fn enforcement(&self) -> Enforcement {
        self.inner.memory()
    }

    /// The least that any control group above the runs has left, in bytes.
    pub(super) fn headroom(&self) -> Option<u64> {
        self.inner.headroom()
    }

    /// All memory that there is for runs, in bytes: the host's, or what the control groups above them may hold where that is
    /// less, as in a container.
    pub(super) fn total_memory(&self) -> Option<u64> {
        meminfo::look().total.into_iter().chain(self.inner.least_limit()).min()
    }

    pub(super) fn tracking(&self) -> String {
        self.inner.tracking().to_string()
    }

    pub(super) fn reasons(&self) -> &[String] {
        self.inner.reasons()
    }

    /// What names a run among all of all ebbd on this host.
    pub(super) fn mark(&self, run: RunId) -> String {
        format!("{}/{run}", self.name)
    }

    /// The same as it stands in the environment of the run's processes.
    pub(super) fn mark_variable(&self, run: RunId) -> String {
        format!("{}={}", environment::MARK, self.mark(run))
    }

    /// What an earlier ebbd has left of a run: its control groups, who is in them, and the rung that holds its memory.
    pub(super) fn left_of(&self, run: RunId) -> (Vec<String>, Vec<i32>, Enforcement) {
        let Some(leaf) = self.inner.sweep().into_iter().find(|leaf| leaf.run_id() == Some(run)) else {
            return (Vec::new(), Vec::new(), Enforcement::None);
        };
        let rung = if leaf.holds_memory() { self.enforcement() } else { Enforcement::None };
        // Where they cannot be looked for, the mark still tells.
        (leaf.paths(), leaf.pids().unwrap_or_default(), rung)
    }

    /// What begins the mark of every run on this state.
    pub(super) fn mark_prefix(&self) -> String {
        format!("{}/", self.name)
    }

    /// Where processes belong that serve runs; none is as good where there are no cgroups, or no room for one more.
    pub(super) fn shelter(&self) -> Option<Leaf> {
        let made = self.inner.shelter();
        made.inspect_err(|error| tracing::warn!("what carries output stays in ebbd's own cgroup: {error}"))
            .ok()
            .flatten()
    }

    /// The processes there; where there is no such place, the children of this ebbd.
    pub(super) fn sheltered(&self) -> Vec<i32> {
        match self.inner.sheltered() {
            Some(shelter) => shelter.pids().unwrap_or_default(),
            None => proc::own_children().unwrap_or_default(),
        }
    }

    fn has_cgroup(&self) -> bool {
        self.inner.tracking() != crate::sys::cgroup::Tracking::ProcessTree
    }

    /// The limits of a job that nothing here holds, by their names in its file. A memory limit that the watchdog holds is none
    /// of them.
    pub(super) fn unheld(&self, job: &Definition) -> Vec<String> {
        if self.inner.holds_everything() {
            return Vec::new();
        }
        let is_watched = self.enforcement() == Enforcement::Rlimit;
        let mut unheld = Vec::new();
        for name in self.inner.beyond(&limits_of(job)) {
            if name == "[memory]" && is_watched {
                // The watchdog holds `max`, and counts what is swapped out as well.
                unheld.extend(job.memory.high.map(|_| "[memory] high".to_owned()));
            } else {
                unheld.push(name.to_owned());
            }
        }
        unheld
    }

    /// The leaf of a run with its limits written, and the rung that holds its memory.
    pub(super) fn leaf(&self, run: u64, job: &Definition) -> io::Result<(Option<Leaf>, Enforcement)> {
        let limits = limits_of(job);
        let is_required = job.enforcement == EnforcementWish::Required;
        let beyond = self.inner.beyond(&limits);
        if is_required && (!beyond.is_empty() || !self.has_cgroup()) {
            let what = if beyond.is_empty() { "this job".to_owned() } else { beyond.join(" and ") };
            let why = self.inner.reasons().join("; ");
            return Err(io::Error::other(format!(
                "`enforcement = \"required\"`, and no cgroup here can hold {what}: {why}"
            )));
        }
        let leaf = self.inner.leaf(run, &self.with_priority(limits, job), is_required);
        let leaf = leaf.map_err(|error| self.make_room(run, error))?;
        let has_limit = job.memory.max.is_some() || job.memory.high.is_some();
        let rung = match self.enforcement() {
            // A v1 memory group makes a start half as long again, so a run without a memory limit is left out of it.
            Enforcement::CgroupV1 if !has_limit && !is_required => Enforcement::None,
            Enforcement::Rlimit if job.memory.max.is_none() => Enforcement::None,
            rung @ (Enforcement::CgroupV2
            | Enforcement::CgroupV1
            | Enforcement::Rlimit
            | Enforcement::None) => rung,
        };
        Ok((leaf, rung))
    }

    /// With the share of CPU that follows from the job's priority, where that can be had: it is nobody's express wish.
    fn with_priority(&self, limits: LeafLimits, job: &Definition) -> LeafLimits {
        let Some(weight) = job.weight_of_priority() else { return limits };
        let weighted = LeafLimits { cpu_weight: Some(weight), ..limits };
        if self.inner.beyond(&weighted).len() > self.inner.beyond(&limits).len() { limits } else { weighted }
    }

    /// The tree of a run of an earlier ebbd, and its main process where that still lives.
    pub(super) fn adopt(&self, run: RunId, process: Process, cgroups: &[String]) -> Option<(Tree, Main)> {
        let leaf = self.inner.adopt(cgroups).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        });
        let main = i32::try_from(process.pid).ok()?;
        // First the descriptor, then the look: a pid that is reused in between is noticed.
        let pidfd = pidfd::pidfd_open(main);
        let main_process = match pidfd {
            _ if !pidfd::is_there(main, process.start) => Main::Gone,
            Ok(pidfd) => Main::Open(pidfd),
            Err(_) => Main::Number,
        };
        match leaf {
            Some(leaf) => Some((Tree::Leaf(leaf), main_process)),
            // Its control group is gone, and so is all that was in it, whoever has its pid by now.
            None if !cgroups.is_empty() => None,
            None => {
                Some((Tree::Family(Family::new(main, process.start, &self.mark_variable(run))), main_process))
            }
        }
    }

    /// The leaves of earlier runs, those in `but` apart.
    pub(super) fn leftovers(&self, but: &[String]) -> Vec<Leaf> {
        let mut leaves = self.inner.sweep();
        leaves.retain(|leaf| !leaf.paths().iter().any(|path| but.contains(path)));
        leaves
    }

    /// Where an earlier try of this run has left somebody in its leaf, they are ended, and the run can start a little later.
    fn make_room(&self, run: RunId, error: io::Error) -> io::Error {
        if error.kind() != io::ErrorKind::ResourceBusy {
            return error;
        }
        for leaf in self.inner.sweep().iter().filter(|leaf| leaf.run_id() == Some(run)) {
            let _ = leaf.kill_all();
        }
        io::Error::new(io::ErrorKind::WouldBlock, error.to_string())
    }

    /// Removes the base directory; runs that still live keep it.
    pub(super) fn remove(&self) {
        if let Err(error) = self.inner.remove_base() {
            tracing::warn!("{error}");
        }
    }
}

fn limits_of(job: &Definition) -> LeafLimits {
    LeafLimits {
        memory_max: job.memory.max,
        memory_high: job.memory.high,
        swap_max: job.memory.swap_max,
        oom_group: job.memory.oom_group,
        cpu_weight: job.cpu.weight,
        cpu_quota_millicpu: job.cpu.quota_millicpu,
        pids_max: job.pids_max,
    }
}

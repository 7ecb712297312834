//! The ladder: which cgroups this host lets ebbd use, for tracking runs and for holding them to limits, and why not more.
//! Makes, finds and removes the leaves of runs. Knows nothing of jobs and of what a run is for.
//!
//! cgroup v2 is taken where it can be used, cgroup v1 for what v2 lacks (the hybrid layout: v2 tracks, v1 limits).
//! Everything lies below ebbd's own cgroup, in a base directory with a name of its own, one leaf a run.

mod choice;
mod files;
mod frozen;
mod kill;
mod leaf;
mod limits;
mod mounts;
mod oom;
mod room;
mod v1;
mod v2;

use std::fmt::{Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};

pub use frozen::Freezers;
pub use leaf::{Facts, Leaf};
pub use limits::LeafLimits;
pub use v2::DAEMON_LEAF;

use super::raw::because;
use crate::words::Enforcement;

/// Where the base directory goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupConfig {
    /// Name of the base directory: stable for one state directory, different for another, such as `ebb-1a2b3c4d`.
    pub name: String,
    /// The cgroup below which the base is made, the same in every hierarchy: as `/proc/self/cgroup` writes it
    /// (`/system.slice/jobs`), or without a leading slash a sibling of ebbd's own (`jobs.service`). It must exist, and must
    /// hold no process where controllers are to be handed on. Where it can't be used, and by default: ebbd's own.
    pub parent: Option<PathBuf>,
}

/// The directory of [`Ladder::shelter`] in a base.
const SHELTER: &str = "carriers";

/// What knows the processes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// A cgroup v2: nothing escapes, and everything in it can be killed at once.
    CgroupV2,
    /// A cgroup v1: nothing escapes.
    CgroupV1,
    /// Process group, session and descent, followed through `/proc`.
    ProcessTree,
}

impl Display for Tracking {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::CgroupV2 => "cgroup-v2",
            Self::CgroupV1 => "cgroup-v1",
            Self::ProcessTree => "process-tree",
        })
    }
}

/// What this host allows, found out by trying it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ladder {
    name: String,
    v2: Option<v2::Base>,
    tracker: Option<PathBuf>,
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    pids: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
    /// Where the memory of runs is counted, one a hierarchy: from there upwards limits hold all of them together.
    above: Vec<PathBuf>,
    watchdog: bool,
    /// The first of the reasons, where the cgroup that was named could not be used.
    displaced: Option<String>,
    reasons: Vec<String>,
}

impl Ladder {
    /// Makes the base directories and tries each limit once, on a leaf that is removed again.
    ///
    /// Where ebbd sits alone in a delegated cgroup v2, it moves itself into the child [`DAEMON_LEAF`] first.
    /// Never fails: what can't be had is a sentence in [`Ladder::reasons`].
    #[must_use]
    pub fn detect(config: &CgroupConfig) -> Self {
        Self::detect_below(Path::new("/"), config)
    }

    /// The same with another root directory, for tests.
    fn detect_below(root: &Path, config: &CgroupConfig) -> Self {
        let watchdog = files::read(&root.join("proc/self/smaps_rollup")).is_ok();
        let mut ladder = Self { name: config.name.clone(), watchdog, ..Self::default() };
        let reasons = &mut ladder.reasons;
        let mut layout = match mounts::Layout::read(root) {
            Ok(layout) => layout,
            Err(e) => {
                reasons.push(format!("cgroups can't be looked for: {e}; mount /proc"));
                return ladder;
            }
        };
        reasons.append(&mut layout.hidden);
        match &layout.v2 {
            Some(at) => ladder.v2 = v2::prepare(at, config, &mut ladder.displaced, reasons),
            None => reasons.push("no cgroup v2 file system is mounted here (/proc/self/mountinfo)".into()),
        }
        let lacks = |name| !ladder.v2.as_ref().is_some_and(|base| base.controllers.contains(&name));
        if layout.v1.is_empty() {
            if ["memory", "cpu", "pids"].into_iter().any(lacks) {
                reasons.push("no cgroup v1 hierarchy is mounted here that could stand in".into());
            }
            return ladder.settled(&layout);
        }
        let mut failures = Vec::new();
        let mut need =
            |name| if lacks(name) { v1::prepare(&layout, name, config, &mut failures) } else { None };
        ladder.memory = need("memory");
        ladder.cpu = need("cpu");
        ladder.pids = need("pids");
        if ladder.v2.is_none() {
            ladder.cpuacct = need("cpuacct");
        }
        reasons.extend(v1::sentences("limit", &failures));
        if ladder.v2.is_none() {
            let mut failures = Vec::new();
            ladder.tracker = v1::prepare_tracker(&layout, config, &mut failures);
            // Where a weaker hierarchy does it, the stronger ones that failed are not worth a word.
            if ladder.tracker.is_none() {
                reasons.extend(v1::sentences("track runs", &failures));
            }
        }
        ladder.displaced = ladder.displaced.take().or_else(|| ladder.v1_instead(&layout, config));
        ladder.settled(&layout)
    }

    /// Where there is no base, runs stay in ebbd's own cgroup.
    fn settled(mut self, layout: &mounts::Layout) -> Self {
        let own = |at: &mounts::Hierarchy| at.own.clone();
        let v2 = self.v2.as_ref().map(|base| base.dir.clone()).or_else(|| layout.v2.as_ref().map(own));
        let v1 = self.memory.clone().or_else(|| layout.v1_with("memory").map(own));
        self.above = v2.into_iter().chain(v1).collect();
        self.reasons.splice(0..0, self.displaced.clone());
        self
    }

    /// Why runs are not below the cgroup that was named ([`CgroupConfig::parent`]), if so; also the first of the reasons.
    #[must_use]
    pub fn displaced(&self) -> Option<&str> {
        self.displaced.as_deref()
    }

    fn v2_has(&self, controller: &str) -> bool {
        self.v2.as_ref().is_some_and(|base| base.controllers.contains(&controller))
    }

    /// The rung that holds a run to its memory limit here. [`Enforcement::Rlimit`] is the caller's to carry out
    /// (`sys::rlimit`, `sys::tree`).
    #[must_use]
    pub fn memory(&self) -> Enforcement {
        match (self.v2_has("memory"), &self.memory, self.watchdog) {
            (true, _, _) => Enforcement::CgroupV2,
            (false, Some(_), _) => Enforcement::CgroupV1,
            (false, None, true) => Enforcement::Rlimit,
            (false, None, false) => Enforcement::None,
        }
    }

    /// What knows the processes of a run here.
    #[must_use]
    pub fn tracking(&self) -> Tracking {
        match (&self.v2, &self.tracker) {
            (Some(_), _) => Tracking::CgroupV2,
            (None, Some(_)) => Tracking::CgroupV1,
            (None, None) => Tracking::ProcessTree,
        }
    }

    /// Those of the given limits that no cgroup can hold here, by their names in a job file; [`Ladder::leaf`] leaves them out.
    #[must_use]
    pub fn beyond(&self, limits: &LeafLimits) -> Vec<&'static str> {
        let mut names = Vec::new();
        if limits.memory() && !self.v2_has("memory") && self.memory.is_none() {
            names.push("[memory]");
        } else if limits.memory_high.is_some() && !self.v2_has("memory") {
            // v1 has but a soft limit for it, which counts only when the whole host is short.
            names.push("[memory] high");
        }
        if limits.cpu() && !self.v2_has("cpu") && self.cpu.is_none() {
            names.push("[cpu]");
        }
        if limits.pids_max.is_some() && !self.v2_has("pids") && self.pids.is_none() {
            names.push("pids-max");
        }
        names
    }

    /// Whether there is no limit that would be beyond it.
    #[must_use]
    pub fn holds_everything(&self) -> bool {
        ["memory", "cpu", "pids"].into_iter().all(|controller| self.v2_has(controller))
    }

    /// Why the ladder stands no higher: a sentence for everything that was tried in vain, with what the kernel said and
    /// what would lift it.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// The base directories, one a hierarchy.
    #[must_use]
    pub fn bases(&self) -> Vec<&Path> {
        let v1 = [&self.tracker, &self.memory, &self.cpu, &self.pids, &self.cpuacct];
        let mut dirs: Vec<&Path> = self.v2.iter().map(|base| base.dir.as_path()).collect();
        for dir in v1.into_iter().flatten() {
            // Controllers mounted together share a directory.
            if !dirs.contains(&dir.as_path()) {
                dirs.push(dir);
            }
        }
        dirs
    }

    /// Makes the leaf of a run and writes its limits, before any process is in it. `None`: there are no cgroups here.
    ///
    /// `accounting` asks for a memory leaf also where no memory limit does.
    ///
    /// # Errors
    /// The first file that could not be written, with what to do; what had been made is removed again.
    pub fn leaf(&self, run_id: u64, limits: &LeafLimits, accounting: bool) -> io::Result<Option<Leaf>> {
        let mut leaf = Leaf::named(format!("run-{run_id}"));
        match self.fill(&mut leaf, limits, accounting) {
            Ok(()) => Ok((!leaf.is_empty()).then_some(leaf)),
            Err(e) => {
                let _ = leaf.remove();
                Err(e)
            }
        }
    }

    fn fill(&self, leaf: &mut Leaf, wanted: &LeafLimits, accounting: bool) -> io::Result<()> {
        if let Some(base) = &self.v2 {
            let dir = leaf.add_v2(&base.dir)?;
            limits::write_v2(dir, &base.controllers, wanted)?;
        }
        if let Some(base) = &self.tracker {
            leaf.add_v1(base)?;
        }
        if let Some(base) = self.memory.as_ref().filter(|_| wanted.memory() || accounting) {
            limits::write_v1_memory(leaf.add_v1(base)?, wanted)?;
        }
        if let Some(base) = self.cpu.as_ref().filter(|_| wanted.cpu()) {
            limits::write_v1_cpu(leaf.add_v1(base)?, wanted)?;
        }
        if let Some(base) = self.pids.as_ref().filter(|_| wanted.pids_max.is_some()) {
            limits::write_v1_pids(leaf.add_v1(base)?, wanted)?;
        }
        if let Some(base) = &self.cpuacct {
            leaf.add_v1(base)?;
        }
        Ok(())
    }

    /// The place of processes that serve runs without being part of one: beside the leaves, without limits, and never
    /// swept. `None`: there are no cgroups here.
    ///
    /// # Errors
    /// A directory could not be made.
    pub fn shelter(&self) -> io::Result<Option<Leaf>> {
        self.shelters().try_for_each(|dir| files::make_dir(&dir))?;
        Ok(self.sheltered())
    }

    /// The same as it is: `None` where nobody has needed it yet.
    #[must_use]
    pub fn sheltered(&self) -> Option<Leaf> {
        let mut leaf = Leaf::named(SHELTER.to_owned());
        self.shelters().for_each(|dir| leaf.found(dir));
        (!leaf.is_empty()).then_some(leaf)
    }

    fn shelters(&self) -> impl Iterator<Item = PathBuf> {
        let bases = self.v2.iter().map(|base| &base.dir).chain(&self.tracker);
        bases.map(|base| base.join(SHELTER))
    }

    /// Opens the leaf that a run was recorded with, after a restart. `None` where no directory of it is left.
    ///
    /// # Errors
    /// A path that is not a leaf of this base: it is left alone.
    pub fn adopt(&self, paths: &[String]) -> io::Result<Option<Leaf>> {
        Leaf::open(&self.name, paths)
    }

    /// The leaves of earlier runs below the present bases, so that a restarted ebbd can adopt or kill them.
    #[must_use]
    pub fn sweep(&self) -> Vec<Leaf> {
        let mut leaves: Vec<Leaf> = Vec::new();
        for base in self.bases() {
            for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with("run-") || !entry.path().is_dir() {
                    continue;
                }
                match leaves.iter_mut().find(|leaf| leaf.name() == name) {
                    Some(leaf) => leaf.found(entry.path()),
                    None => {
                        let mut leaf = Leaf::named(name);
                        leaf.found(entry.path());
                        leaves.push(leaf);
                    }
                }
            }
        }
        leaves
    }

    /// Removes what is beside the bases, by names that say that nobody needs it any more; where somebody is still in it, it
    /// stays. For a base whose owner was killed.
    pub fn remove_abandoned(&self, is_abandoned: impl Fn(&str) -> bool) {
        for base in self.bases() {
            let beside = base.parent().map(std::fs::read_dir).into_iter().flatten().flatten().flatten();
            for entry in beside.filter(|entry| entry.file_name().to_str().is_some_and(&is_abandoned)) {
                let dirs = kill::tree(&entry.path()).unwrap_or_default();
                dirs.iter().rev().for_each(|dir| drop(remove_dir(dir)));
            }
        }
    }

    /// Removes the bases at a graceful end, when no leaf is left, and undoes what [`Ladder::detect`] changed.
    ///
    /// # Errors
    /// The first base that could not be removed, such as one with a leaf in it; the others are gone.
    pub fn remove_base(&self) -> io::Result<()> {
        let mut result = Ok(());
        for dir in self.bases() {
            // Where somebody is still in it, the base says so.
            let _ = remove_dir(&dir.join(SHELTER));
            let removed = match &self.v2 {
                Some(base) if base.dir == dir => v2::undo(base),
                Some(_) | None => remove_dir(dir),
            };
            result = result.and(removed);
        }
        result
    }
}

/// Removes one empty cgroup; one that is gone already is as good.
fn remove_dir(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(because(&e, format_args!("cannot remove the cgroup {}", dir.display())))
        }
        _ => Ok(()),
    }
}

/// Whether a limit can really be set below `base`: sets one on a leaf made for it and reads it back.
fn probe_leaf(base: &Path, file: &str, value: &str) -> io::Result<()> {
    let leaf = base.join("probe");
    files::make_dir(&leaf)?;
    let path = leaf.join(file);
    let result = files::write(&path, value).and_then(|()| {
        let held = files::read(&path)?;
        if held.trim() == value {
            return Ok(());
        }
        Err(io::Error::other(format!("{} holds {} after {value} was written", path.display(), held.trim())))
    });
    let _ = std::fs::remove_dir(&leaf);
    result
}

#[cfg(test)]
mod tests;

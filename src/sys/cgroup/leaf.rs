//! The cgroup of one run: how a child gets in, who is in it, how everything in it is signalled or killed, what it used.
//! Everything is looked up when asked for; a leaf holds no descriptor. Knows nothing of outcomes.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::files::{keyed, number, read};
use super::{remove_dir, v1};
use crate::sys::raw::because;

/// The directories of one run: at most one in cgroup v2, and one in each cgroup v1 hierarchy that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    name: String,
    v2: Option<PathBuf>,
    /// Where there is no v2, the first of them tracks the processes.
    v1: Vec<PathBuf>,
}

/// What the kernel counted; `None` is "not known here", never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Highest memory with page cache, in bytes.
    pub peak_total_bytes: Option<u64>,
    /// Processes killed for memory.
    pub oom_kills: Option<u64>,
    /// CPU time, user and system, in milliseconds.
    pub cpu_ms: Option<u64>,
}

impl Leaf {
    pub(super) const fn named(name: String) -> Self {
        Self { name, v2: None, v1: Vec::new() }
    }

    /// Opens a leaf by its recorded paths; see [`super::Ladder::adopt`].
    pub(super) fn open(base_name: &str, paths: &[String]) -> io::Result<Option<Self>> {
        let Some(name) = paths.first().and_then(|p| Path::new(p).file_name()) else { return Ok(None) };
        let mut leaf = Self::named(name.to_string_lossy().into_owned());
        for path in paths.iter().map(Path::new) {
            let in_base = path.parent().and_then(Path::file_name).is_some_and(|n| n == base_name);
            if !path.is_absolute()
                || !in_base
                || !leaf.name.starts_with("run-")
                || path.file_name() != Some(name)
            {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{} is no leaf of {base_name}; it is left alone", path.display()),
                ));
            }
            leaf.found(path.to_path_buf());
        }
        Ok((!leaf.is_empty()).then_some(leaf))
    }

    /// Takes in a directory that exists, by what it is.
    pub(super) fn found(&mut self, dir: PathBuf) {
        if dir.join(v1::MARK).exists() {
            self.v1.push(dir);
        } else if dir.join("cgroup.procs").exists() {
            self.v2 = Some(dir);
        }
    }

    pub(super) fn add_v2(&mut self, base: &Path) -> io::Result<&Path> {
        let dir = base.join(&self.name);
        make_leaf(&dir)?;
        Ok(self.v2.insert(dir))
    }

    pub(super) fn add_v1(&mut self, base: &Path) -> io::Result<&Path> {
        let dir = base.join(&self.name);
        let at = match self.v1.iter().position(|d| *d == dir) {
            Some(at) => at, // Controllers mounted together share a directory.
            None => {
                make_leaf(&dir)?;
                self.v1.push(dir);
                self.v1.len() - 1
            }
        };
        Ok(&self.v1[at])
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.v2.is_none() && self.v1.is_empty()
    }

    /// `run-` and the run's number.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the run, from the name.
    #[must_use]
    pub fn run_id(&self) -> Option<u64> {
        self.name.strip_prefix("run-")?.parse().ok()
    }

    /// The directories, as a record keeps them for [`super::Ladder::adopt`].
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.v2.iter().chain(&self.v1).map(|dir| dir.to_string_lossy().into_owned()).collect()
    }

    /// Whether the kernel counts the memory of the run here.
    #[must_use]
    pub fn holds_memory(&self) -> bool {
        let v2 = self.v2.as_ref().is_some_and(|dir| dir.join("memory.max").exists());
        v2 || self.v1_with("memory.limit_in_bytes").is_some()
    }

    /// The directory that knows the run's processes.
    pub(super) fn tracking(&self) -> Option<&Path> {
        self.v2.as_deref().or_else(|| self.v1.first().map(PathBuf::as_path))
    }

    pub(super) fn v2(&self) -> Option<&Path> {
        self.v2.as_deref()
    }

    /// The v1 directory that has `file`.
    pub(super) fn v1_with(&self, file: &str) -> Option<&Path> {
        self.v1.iter().find(|dir| dir.join(file).exists()).map(PathBuf::as_path)
    }

    /// The v2 directory, to be given to clone3 (CLONE_INTO_CGROUP).
    ///
    /// # Errors
    /// The directory is gone, or no descriptor is left.
    pub fn v2_dir_fd(&self) -> io::Result<Option<OwnedFd>> {
        let Some(dir) = &self.v2 else { return Ok(None) };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open(dir, flags, Mode::empty())
            .map_err(|e| because(&e.into(), format_args!("cannot open {}", dir.display())))?;
        Ok(Some(fd))
    }

    /// Files of the v1 directories: the child writes `0` into each of them before its exec, and so joins.
    ///
    /// # Errors
    /// A directory is gone, or no descriptor is left.
    pub fn join_fds(&self) -> io::Result<Vec<OwnedFd>> {
        self.v1.iter().map(|dir| v1::open_join(dir).map(OwnedFd::from)).collect()
    }

    /// Whether a process (a zombie does not count) is in the leaf or below it.
    #[must_use]
    pub fn populated(&self) -> bool {
        match &self.v2 {
            Some(dir) => match read(&dir.join("cgroup.events")) {
                Ok(text) => keyed(&text, "populated").is_none_or(|populated| populated != 0),
                // What can't be looked at for want of a descriptor is not empty for that.
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            },
            None => self.pids().map_or(true, |pids| !pids.is_empty()),
        }
    }

    /// A descriptor that reports by POLLPRI that [`Leaf::populated`] may have changed since this call (poll(2) on
    /// `cgroup.events`): ask it once more after this call, then wait. `None` on v1, which has to be asked again and again.
    ///
    /// # Errors
    /// The directory is gone, or no descriptor is left.
    pub fn events_fd(&self) -> io::Result<Option<OwnedFd>> {
        let Some(dir) = &self.v2 else { return Ok(None) };
        let path = dir.join("cgroup.events");
        let armed = File::open(&path).and_then(|mut file| {
            // The kernel reports changes since the last read; a file that was never read reports at once.
            file.read_exact(&mut [0; 1])?;
            Ok(file)
        });
        let file = armed.map_err(|e| because(&e, format_args!("cannot open {}", path.display())))?;
        Ok(Some(file.into()))
    }

    /// A descriptor (an eventfd) that becomes readable when the leaf is out of memory, just before the kernel kills.
    /// `None` where the kernel itself takes the whole leaf (v2), or there is no memory leaf.
    ///
    /// # Errors
    /// The kernel refuses to register it.
    pub fn oom_watch(&self) -> io::Result<Option<OwnedFd>> {
        self.v1_with("memory.oom_control").map(v1::oom_watch).transpose()
    }

    /// What the kernel has counted so far; to be read before [`Leaf::remove`].
    #[must_use]
    pub fn usage(&self) -> Facts {
        let mut facts = Facts::default();
        if let Some(dir) = &self.v2 {
            let stat = read(&dir.join("cpu.stat")).unwrap_or_default();
            facts.cpu_ms = keyed(&stat, "usage_usec").map(|us| us / 1000);
            facts.peak_total_bytes = number(&dir.join("memory.peak")); // Linux 5.19
            let events = read(&dir.join("memory.events")).unwrap_or_default();
            facts.oom_kills = keyed(&events, "oom_kill");
        }
        if let Some(dir) = self.v1_with("memory.max_usage_in_bytes") {
            facts.peak_total_bytes = number(&dir.join("memory.max_usage_in_bytes"));
            // Each v1 cgroup counts its own kills only (Linux 4.13), and a job may have made some below.
            let kills = |dir: &PathBuf| keyed(&read(&dir.join("memory.oom_control")).ok()?, "oom_kill");
            facts.oom_kills = super::kill::tree(dir)
                .unwrap_or_else(|_| vec![dir.to_path_buf()])
                .iter()
                .map(kills)
                .fold(None, |sum, n| n.map_or(sum, |n| Some(sum.unwrap_or(0) + n)));
        }
        if facts.cpu_ms.is_none()
            && let Some(dir) = self.v1_with("cpuacct.usage")
        {
            facts.cpu_ms = number(&dir.join("cpuacct.usage")).map(|ns| ns / 1_000_000);
        }
        facts
    }

    /// CPU time of the whole leaf in user mode and in the kernel, in microseconds, where both are known.
    #[must_use]
    pub fn cpu_us(&self) -> Option<(u64, u64)> {
        let stat = self.v2.as_ref().and_then(|dir| read(&dir.join("cpu.stat")).ok()).unwrap_or_default();
        if let (Some(user), Some(system)) = (keyed(&stat, "user_usec"), keyed(&stat, "system_usec")) {
            return Some((user, system));
        }
        let dir = self.v1_with("cpuacct.usage_user")?; // Linux 4.7
        let us = |name: &str| number(&dir.join(name)).map(|ns| ns / 1000);
        Some((us("cpuacct.usage_user")?, us("cpuacct.usage_sys")?))
    }

    /// Anonymous memory and swap of the whole leaf at this moment, in bytes. `None` where there is no memory leaf.
    #[must_use]
    pub fn current_anon(&self) -> Option<u64> {
        if let Some(dir) = &self.v2
            && let Some(anon) = read(&dir.join("memory.stat")).ok().and_then(|text| keyed(&text, "anon"))
        {
            return Some(anon + number(&dir.join("memory.swap.current")).unwrap_or(0));
        }
        // v1: `rss` is anonymous memory (not what /proc calls RSS); `total_` includes the cgroups below.
        let text = read(&self.v1_with("memory.usage_in_bytes")?.join("memory.stat")).ok()?;
        Some(keyed(&text, "total_rss")? + keyed(&text, "total_swap").unwrap_or(0))
    }

    /// Removes the directories and what the job made below them, children first.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`]: a process is still in it; try again when [`Leaf::populated`] says no.
    pub fn remove(&self) -> io::Result<()> {
        let mut result = Ok(());
        for dir in self.v2.iter().chain(&self.v1) {
            let dirs = super::kill::tree(dir).unwrap_or_else(|error| {
                result = Err(error);
                Vec::new()
            });
            for dir in dirs.iter().rev() {
                result = result.and(remove_dir(dir));
            }
        }
        result
    }
}

/// Makes the directory of a leaf. An empty one of the same name is removed first, so that no old limit or count stays.
fn make_leaf(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        remove_dir(dir)?;
    }
    super::files::make_dir(dir)
}

//! cgroup v1: a base directory in each hierarchy, after the kernel's Documentation/admin-guide/cgroup-v1.
//! Also the second half of the hybrid layout, where v2 tracks and v1 limits. Knows nothing of runs.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::files::{make_dir, write};
use super::mounts::{Hierarchy, Layout};
use super::{CgroupConfig, choice};
use crate::sys::raw::{self, because};

/// Hierarchies that can track a run's processes where there is no cgroup v2, best first: the freezer can hold a fork bomb
/// still, the others can at least list it.
const TRACKERS: [&str; 6] = ["freezer", "pids", "name=systemd", "memory", "cpuacct", "cpu"];

/// The file that only a cgroup v1 directory has, which tells it from v2.
pub(crate) const MARK: &str = "tasks";

/// What was tried in vain: a hierarchy and the reason.
pub(crate) type Failures = Vec<(&'static str, io::Error)>;

/// Makes a base in the hierarchy of `controller` and tries a limit there; what can't be had goes into `failures`.
pub(crate) fn prepare(
    layout: &Layout,
    controller: &'static str,
    config: &CgroupConfig,
    failures: &mut Failures,
) -> Option<PathBuf> {
    let tried = match layout.v1_with(controller) {
        Some(at) => try_base(at, controller, config),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "no such hierarchy is mounted here")),
    };
    tried.map_err(|e| failures.push((controller, e))).ok()
}

/// A base in the first hierarchy that can be used for tracking.
pub(crate) fn prepare_tracker(
    layout: &Layout,
    config: &CgroupConfig,
    failures: &mut Failures,
) -> Option<PathBuf> {
    TRACKERS.into_iter().find_map(|name| prepare(layout, name, config, failures))
}

/// One sentence for all that failed alike, with the first of them as the example.
pub(crate) fn sentences(purpose: &str, failures: &Failures) -> Vec<String> {
    let mut rest: Vec<&(&str, io::Error)> = failures.iter().collect();
    let mut said = Vec::new();
    while let Some((_, first)) = rest.first() {
        let (alike, others): (Vec<_>, Vec<_>) =
            rest.iter().copied().partition(|(_, e)| e.kind() == first.kind());
        let names: Vec<&str> = alike.iter().map(|(name, _)| *name).collect();
        said.push(format!("cgroup v1 can't {purpose} by {}: {first}", names.join(", ")));
        rest = others;
    }
    said
}

fn try_base(at: &Hierarchy, controller: &str, config: &CgroupConfig) -> io::Result<PathBuf> {
    if at.read_only {
        return Err(io::Error::new(
            io::ErrorKind::ReadOnlyFilesystem,
            format!("{} is mounted read-only; give the container a writable one", at.mount.display()),
        ));
    }
    let named = choice::named(at, config).filter(|named| named.is_dir());
    let parent = named.unwrap_or_else(|| at.own.clone());
    let base = parent.join(&config.name);
    make_dir(&base)?;
    // Before Linux 5.11 a cgroup did not count what its children use unless told to.
    let _ = write(&base.join("memory.use_hierarchy"), "1");
    let (file, value) = match controller {
        "memory" => ("memory.limit_in_bytes", "67108864"),
        "pids" => ("pids.max", "64"),
        "cpu" => ("cpu.shares", "512"),
        _ => ("notify_on_release", "0"),
    };
    match super::probe_leaf(&base, file, value) {
        Ok(()) => Ok(base),
        Err(e) => {
            let _ = std::fs::remove_dir(&base);
            Err(e)
        }
    }
}

/// The file into which a process writes `0` to join the leaf.
///
/// That is `tasks`, not `cgroup.procs`: moving one thread that is the writer itself needs no kernel-wide lock (Linux 5.12),
/// and a child before its exec has but one thread. Measured 0.03 ms against 8 ms.
pub(crate) fn open_join(leaf: &Path) -> io::Result<File> {
    let path = leaf.join(MARK);
    OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(|e| because(&e, format_args!("cannot open {}", path.display())))
}

/// An eventfd that the kernel writes to when the leaf is out of memory (cgroup-v1/memory.rst, "OOM Control"), just before
/// it picks what to kill; also when the leaf is removed.
pub(crate) fn oom_watch(leaf: &Path) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers and touches no memory of ours.
    let event = raw::own_fd(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }.into())?;
    let path = leaf.join("memory.oom_control");
    let control =
        File::open(&path).map_err(|e| because(&e, format_args!("cannot open {}", path.display())))?;
    let line = format!("{} {}", event.as_raw_fd(), control.as_raw_fd());
    write(&leaf.join("cgroup.event_control"), &line)?;
    Ok(event)
}

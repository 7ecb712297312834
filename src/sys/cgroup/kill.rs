//! Who is in a leaf, and how all of them are signalled or killed, a fork bomb included.
//! Knows nothing of limits and figures.

use std::io;
use std::path::{Path, PathBuf};

use super::Leaf;
use super::files::{read, write};
use crate::sys::pidfd::{pidfd_open, pidfd_signal};

/// Processes whose descriptors are held at the same time while they are signalled.
const CHUNK: usize = 64;
/// Rounds of one call against processes that fork while they are being killed.
const ROUNDS: usize = 64;

impl Leaf {
    /// The processes in the leaf and in the cgroups that the job made below it.
    #[must_use]
    pub fn pids(&self) -> Vec<i32> {
        self.tracking().map(members).unwrap_or_default()
    }

    /// Sends `signal` to every process in the leaf, and returns to how many. One that forks meanwhile may leave a child
    /// without it: for an end that nothing escapes there is [`Leaf::kill_all`].
    ///
    /// A pid that is reused between the listing and the signal is not hit: the descriptor is opened first, and then the
    /// pid must still be listed.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn signal_all(&self, signal: i32) -> io::Result<usize> {
        let Some(dir) = self.tracking() else { return Ok(0) };
        let mut sent = 0;
        for chunk in members(dir).chunks(CHUNK) {
            let mut held = Vec::with_capacity(chunk.len());
            for &pid in chunk {
                match pidfd_open(pid) {
                    Ok(fd) => held.push((pid, fd)),
                    Err(e) if e.raw_os_error() == Some(libc::ESRCH) => {}
                    Err(e) => {
                        return Err(crate::sys::raw::because(&e, format_args!("cannot open process {pid}")));
                    }
                }
            }
            let listed = members(dir);
            for (pid, fd) in held {
                if listed.contains(&pid) && pidfd_signal(std::os::fd::AsFd::as_fd(&fd), signal).is_ok() {
                    sent += 1;
                }
            }
        }
        Ok(sent)
    }

    /// Kills everything in the leaf. Does not wait: `true` means that nothing is left in it already.
    ///
    /// v2: `cgroup.kill` (Linux 5.14), which no fork escapes; before that, and on v1, everything is frozen (or forbidden
    /// to fork), killed, and thawed, round after round. Call it again until it says `true`. On v1 a child that has just been
    /// cloned is not in the leaf yet: kill the main process by its own descriptor as well.
    ///
    /// # Errors
    /// The processes could not be signalled.
    pub fn kill_all(&self) -> io::Result<bool> {
        let killed_at_once = self.v2().is_some_and(|dir| write(&dir.join("cgroup.kill"), "1").is_ok());
        if !killed_at_once && self.populated() {
            self.hold_still(true);
            let result = self.kill_rounds();
            self.hold_still(false);
            result?;
        }
        Ok(!self.populated())
    }

    /// Kills until a round finds nobody who was not killed before.
    fn kill_rounds(&self) -> io::Result<()> {
        let mut before: Vec<i32> = Vec::new();
        for _ in 0..ROUNDS {
            let now = self.pids();
            if now.iter().all(|pid| before.contains(pid)) {
                break;
            }
            self.signal_all(libc::SIGKILL)?;
            before = now;
        }
        Ok(())
    }

    /// Freezes or thaws, or takes the right to fork, with whatever this leaf has; each is a help, none a condition.
    fn hold_still(&self, still: bool) {
        if let Some(dir) = self.v2() {
            let _ = write(&dir.join("cgroup.freeze"), if still { "1" } else { "0" }); // Linux 5.2
        }
        if let Some(dir) = self.v1_with("freezer.state") {
            let _ = write(&dir.join("freezer.state"), if still { "FROZEN" } else { "THAWED" });
        }
        if still && let Some(dir) = self.v1_with("pids.max") {
            let _ = write(&dir.join("pids.max"), "0");
        }
    }
}

/// The directory and all below it, parents first.
pub(super) fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut dirs = vec![dir.to_path_buf()];
    let mut next = 0;
    while let Some(dir) = dirs.get(next) {
        let below = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let below: Vec<PathBuf> =
            below.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).collect();
        dirs.extend(below);
        next += 1;
    }
    dirs
}

/// The processes in `dir` and below. A cgroup that vanishes meanwhile has none; a threaded one lists its processes at the
/// cgroup above (EOPNOTSUPP); 0 stands for a process outside of this pid namespace.
fn members(dir: &Path) -> Vec<i32> {
    let mut pids = Vec::new();
    for dir in tree(dir) {
        if let Ok(text) = read(&dir.join("cgroup.procs")) {
            pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|&pid| pid > 0));
        }
    }
    pids
}

//! Who is in a leaf, and how all of them are signalled or killed, a fork bomb included.
//! Knows nothing of limits and figures.

use std::io;
use std::path::{Path, PathBuf};

use super::Leaf;
use super::files::{read, write};
use crate::sys::is_scarce;
use crate::sys::pidfd::Aim;
use crate::sys::raw::because;

/// Processes whose descriptors are held at the same time while they are signalled.
const CHUNK: usize = 64;
/// Rounds of one call against processes that fork while they are being killed.
const ROUNDS: usize = 64;

impl Leaf {
    /// The processes in the leaf and in the cgroups that the job made below it.
    ///
    /// # Errors
    /// They can't be listed now, such as for want of a descriptor: nobody knows then whether there are any.
    pub fn pids(&self) -> io::Result<Vec<i32>> {
        self.tracking().map_or_else(|| Ok(Vec::new()), members)
    }

    /// Sends `signal` to every process in the leaf, and returns to how many. One that forks meanwhile may leave a child
    /// without it: for an end that nothing escapes there is [`Leaf::kill_all`].
    ///
    /// A pid that is reused between the listing and the signal is not hit: the descriptor is opened first, and then the
    /// pid must still be listed.
    ///
    /// # Errors
    /// Not one descriptor is left.
    pub fn signal_all(&self, signal: i32) -> io::Result<usize> {
        let Some(dir) = self.tracking() else { return Ok(0) };
        let (pids, mut from, mut size, mut sent) = (members(dir)?, 0, CHUNK, 0);
        while from < pids.len() {
            let chunk = &pids[from..pids.len().min(from + size)];
            match signal_some(dir, chunk, signal) {
                Ok(count) => {
                    sent += count;
                    from += chunk.len();
                }
                // Fewer at a time need fewer descriptors.
                Err(e) if is_scarce(&e) && chunk.len() > 1 => size = chunk.len() / 2,
                Err(e) => return Err(e),
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
        if !self.kill_at_once() && self.populated() {
            self.kill_one_by_one()?;
        }
        Ok(!self.populated())
    }

    /// Whether the kernel has a file for it, and has taken the wish.
    fn kill_at_once(&self) -> bool {
        self.v2().is_some_and(|dir| write(&dir.join("cgroup.kill"), "1").is_ok())
    }

    /// What is done where it has none.
    fn kill_one_by_one(&self) -> io::Result<()> {
        self.hold_still(true);
        let result = self.kill_rounds();
        self.hold_still(false);
        result
    }

    /// Kills until a round finds nobody who was not killed before.
    fn kill_rounds(&self) -> io::Result<()> {
        let mut before: Vec<i32> = Vec::new();
        for _ in 0..ROUNDS {
            let now = self.pids()?;
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

/// Signals those of `chunk` that are still listed once they are held. An error comes before the first signal.
fn signal_some(dir: &Path, chunk: &[i32], signal: i32) -> io::Result<usize> {
    let mut held = Vec::with_capacity(chunk.len());
    for &pid in chunk {
        held.extend(Aim::at(pid)?.map(|aim| (pid, aim)));
    }
    let listed = members(dir)?;
    let sent = held.iter().filter(|(pid, aim)| listed.contains(pid) && aim.signal(*pid, signal));
    Ok(sent.count())
}

/// The directory and all below it, parents first.
///
/// # Errors
/// One of them can't be listed. One that is gone is no error.
pub(super) fn tree(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = vec![dir.to_path_buf()];
    let mut next = 0;
    while let Some(dir) = dirs.get(next) {
        let below = below(dir)?;
        dirs.extend(below);
        next += 1;
    }
    Ok(dirs)
}

fn below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    let entries = match std::fs::read_dir(dir) {
        Err(e) if is_gone(&e) => return Ok(dirs),
        entries => entries.map_err(|e| because(&e, format_args!("cannot list {}", dir.display())))?,
    };
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_ok_and(|kind| kind.is_dir()) => dirs.push(entry.path()),
            Ok(_) => {}
            Err(e) if is_gone(&e) => break,
            Err(e) => return Err(because(&e, format_args!("cannot list {}", dir.display()))),
        }
    }
    Ok(dirs)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

/// The processes in `dir` and below. A cgroup that vanishes meanwhile has none; a threaded one lists its processes at the
/// cgroup above (EOPNOTSUPP); 0 stands for a process outside of this pid namespace.
fn members(dir: &Path) -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for dir in tree(dir)? {
        match read(&dir.join("cgroup.procs")) {
            Ok(text) => {
                let listed = text.lines().filter_map(|line| line.parse::<i32>().ok());
                pids.extend(listed.filter(|&pid| pid > 0));
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(pids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::cgroup::LeafLimits;
    use crate::sys::child::Exit;
    use crate::sys::testing::{
        LONG, alone, command, end, exec_result, holds_within, ladder, run_id, shell, skip, start,
        take_all_descriptors,
    };

    /// A kernel before 5.14 on this one: all of it but the file, which the kernel puts into every control group.
    #[test]
    fn without_the_file_for_it_a_fork_bomb_dies_all_the_same_in_every_group_that_it_made() {
        let name = "without_the_file_for_it_a_fork_bomb_dies_all_the_same_in_every_group_that_it_made";
        let Some(ladder) = ladder(name) else { return };
        let limits = LeafLimits { pids_max: Some(100), ..Default::default() };
        let leaf = ladder.0.leaf(run_id(), &limits, false).unwrap().unwrap();
        let Some(dir) = leaf.v2().filter(|_| ladder.0.beyond(&limits).is_empty()).map(Path::to_path_buf)
        else {
            leaf.remove().unwrap();
            return skip(name, &"there is no cgroup v2 here, or nothing that bounds processes");
        };
        let below = dir.join("below/deeper");
        // Some in a group of their own, and one that goes on when fork fails, and takes every place that is freed.
        let line = format!(
            "mkdir -p {0}; (echo 0 >{0}/cgroup.procs; exec perl -e 'fork for 1..4; sleep') & \
             until [ $(wc -l <{0}/cgroup.procs) = 16 ]; do :; done; exec perl -e 'for (;;) {{ fork }}'",
            below.display()
        );
        let child = start(&shell(&line), Some(&leaf));
        let is_full = || leaf.pids().unwrap().len() > 90 && members(&below).unwrap().len() == 16;
        assert!(holds_within(LONG, is_full), "{} of them", leaf.pids().unwrap().len());
        assert!(
            holds_within(LONG, || {
                leaf.kill_one_by_one().unwrap();
                !leaf.populated()
            }),
            "{:?} live on",
            leaf.pids().unwrap()
        );
        assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGKILL, core: false });
        // Thawed again, or whoever comes next would stand still.
        assert_eq!(read(&dir.join("cgroup.freeze")).unwrap().trim(), "0");
        leaf.remove().unwrap();
    }

    #[test]
    fn a_group_without_the_file_for_it_is_killed_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let child = start(&command(&["sleep", "60"]), None);
        exec_result(&child);
        std::fs::write(dir.path().join("cgroup.procs"), format!("{}\n", child.pid)).unwrap();
        std::fs::write(dir.path().join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        let mut leaf = Leaf::named("run-1".into());
        leaf.found(dir.path().to_path_buf());
        assert!(!leaf.kill_all().unwrap(), "who is asked has not gone yet");
        assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGKILL, core: false });
        assert!(!dir.path().join("cgroup.kill").exists());
    }

    #[test]
    fn who_cannot_look_does_not_say_that_nobody_is_left() {
        let name = "sys::cgroup::kill::tests::who_cannot_look_does_not_say_that_nobody_is_left";
        if !alone(name) {
            return;
        }
        let Some(ladder) = ladder(name) else { return };
        let Some(leaf) = ladder.0.leaf(run_id(), &LeafLimits::default(), false).unwrap() else { return };
        let child = start(&shell("sleep 60 & wait"), Some(&leaf));
        exec_result(&child);
        assert!(holds_within(LONG, || leaf.pids().unwrap().len() == 2));
        let mut held = take_all_descriptors();
        assert!(is_scarce(&leaf.pids().unwrap_err()));
        assert!(is_scarce(&leaf.signal_all(libc::SIGCONT).unwrap_err()));
        assert!(leaf.populated());
        assert!(!leaf.kill_all().unwrap_or(false));
        assert!(leaf.remove().is_err());
        // With hardly any, all are reached all the same, one after the other.
        held.truncate(held.len() - 3);
        assert_eq!(leaf.signal_all(libc::SIGCONT).unwrap(), 2);
        drop(held);
        assert!(holds_within(LONG, || leaf.kill_all().unwrap()));
        end(&child);
        leaf.remove().unwrap();
    }
}

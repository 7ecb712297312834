//! Whose want of memory it was that processes of a run were killed, as far as counters tell; where the kernel's log can be
//! read, that is exact (`sys::oom`). Knows nothing of processes.

use std::path::Path;

use super::Leaf;
use super::files::{keyed, number, read};
use super::room::{limit, upward};
use crate::words::OomCause;

impl Leaf {
    /// Whose want it was, where [`Leaf::usage`] has a kill. `None`: there is no memory leaf.
    ///
    /// v2 counts at the cgroup whose limit was hit (`oom`). v1 counts there how often something found no room (`failcnt`),
    /// also when there was some after all: a run that has been at its limit once, and is killed for one above later, is
    /// taken for one that its own limit has killed.
    #[must_use]
    pub fn oom_cause(&self) -> Option<OomCause> {
        let dir = self.memory()?;
        let own = super::kill::tree(dir).unwrap_or_else(|_| vec![dir.to_path_buf()]);
        if own.iter().any(|dir| was_hit(dir)) {
            return Some(OomCause::Limit);
        }
        let above = dir.parent().into_iter().flat_map(upward).any(was_hit);
        Some(if above { OomCause::Above } else { OomCause::Host })
    }

    /// The path of the directory that counts the run's memory, from the highest cgroup that can be seen from here.
    #[must_use]
    pub fn memory_path(&self) -> Option<String> {
        let dir = self.memory()?;
        let below = dir.strip_prefix(upward(dir).last()?).ok()?;
        Some(format!("/{}", below.to_str()?))
    }

    fn memory(&self) -> Option<&Path> {
        let v2 = self.v2().filter(|dir| dir.join("memory.events").exists());
        v2.or_else(|| self.v1_with("memory.oom_control"))
    }
}

/// Whether the limit of this very cgroup has stood in somebody's way.
fn was_hit(dir: &Path) -> bool {
    let events = |name: &str| keyed(&read(&dir.join(name)).ok()?, "oom");
    // What has no `local` (before Linux 5.3) counts what is below as well.
    if let Some(times) = events("memory.events.local").or_else(|| events("memory.events")) {
        return times > 0;
    }
    // With the limits of ebb, memory and swap together have no more than memory: either may be the one in the way.
    let failed = |name: &str| number(&dir.join(name)).is_some_and(|times| times > 0);
    limit(dir).is_some() && (failed("memory.failcnt") || failed("memory.memsw.failcnt"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn group(dir: PathBuf, files: &[(&str, &str)]) -> PathBuf {
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in [&[("cgroup.procs", "")], files].concat() {
            fs::write(dir.join(name), text).unwrap();
        }
        dir
    }

    fn v2(dir: PathBuf, oom: u64, oom_below: u64) -> PathBuf {
        let events = |oom: u64| format!("low 0\nhigh 0\nmax 9\noom {oom}\noom_kill 1\noom_group_kill 0\n");
        let (all, local) = (events(oom + oom_below), events(oom));
        group(dir, &[("memory.events", &all), ("memory.events.local", &local), ("memory.max", "max\n")])
    }

    fn v1(dir: PathBuf, max: &str, failcnt: &str, memsw: &str) -> PathBuf {
        let files = [
            ("tasks", ""),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
            ("memory.limit_in_bytes", max),
            ("memory.failcnt", failcnt),
            ("memory.memsw.failcnt", memsw),
        ];
        group(dir, &files)
    }

    fn leaf(dir: PathBuf) -> Leaf {
        let mut leaf = Leaf::named("run-3".into());
        leaf.found(dir);
        leaf
    }

    #[test]
    fn on_v2_the_cgroup_whose_limit_was_hit_counts_it() {
        let host = tempfile::tempdir().unwrap();
        let root = group(host.path().join("cgroup"), &[]);
        let unit = v2(root.join("system.slice/ebb-runs.service"), 0, 5);
        let base = v2(unit.join("ebb-1"), 0, 5);
        let run = v2(base.join("run-3"), 0, 0);
        group(root.join("system.slice"), &[]);
        let leaf = leaf(run.clone());
        assert_eq!(leaf.memory_path().unwrap(), "/system.slice/ebb-runs.service/ebb-1/run-3");
        assert_eq!(
            leaf.oom_cause(),
            Some(OomCause::Host),
            "other runs at their limits are no limit above this one"
        );
        v2(unit, 1, 5);
        assert_eq!(leaf.oom_cause(), Some(OomCause::Above));
        v2(run.join("inner"), 1, 0);
        assert_eq!(leaf.oom_cause(), Some(OomCause::Limit), "a cgroup that the job made is its own");
        v2(run, 1, 0);
        assert_eq!(leaf.oom_cause(), Some(OomCause::Limit));
    }

    #[test]
    fn on_v1_a_limit_that_nobody_ran_into_is_not_to_blame() {
        let host = tempfile::tempdir().unwrap();
        let root = v1(host.path().join("memory"), "9223372036854771712\n", "0\n", "0\n");
        let base = v1(root.join("ebb-1"), "1048576\n", "0\n", "0\n");
        let run = v1(base.join("run-3"), "4096\n", "0\n", "0\n");
        let leaf = leaf(run.clone());
        assert_eq!((leaf.oom_cause(), &*leaf.memory_path().unwrap()), (Some(OomCause::Host), "/ebb-1/run-3"));
        v1(root, "9223372036854771712\n", "7\n", "0\n");
        assert_eq!(leaf.oom_cause(), Some(OomCause::Host), "what has no limit was in nobody's way");
        v1(base, "1048576\n", "7\n", "0\n");
        assert_eq!(leaf.oom_cause(), Some(OomCause::Above));
        v1(run.clone(), "4096\n", "0\n", "2\n");
        assert_eq!(leaf.oom_cause(), Some(OomCause::Limit), "memory and swap together");
        v1(run, "4096\n", "odd\n", "\n");
        assert_eq!(leaf.oom_cause(), Some(OomCause::Above));
    }

    #[test]
    fn without_a_memory_leaf_nothing_is_known() {
        let host = tempfile::tempdir().unwrap();
        let tracks = leaf(group(host.path().join("unified/ebb-1/run-3"), &[]));
        assert_eq!((tracks.oom_cause(), tracks.memory_path()), (None, None));
    }
}

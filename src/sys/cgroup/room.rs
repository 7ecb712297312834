//! How much memory the control groups above the runs still leave them: the least of all from where leaves are made up to
//! the highest that can be seen from here. Knows nothing of single runs.

use std::path::Path;

use super::Ladder;
use super::files::{keyed, number, read};

/// cgroup v1 writes "no limit" as the largest number of whole pages; nobody has an exbibyte.
const UNLIMITED: u64 = 1 << 60;

/// What one control group may hold, and how much of that is left, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level {
    max: u64,
    left: u64,
}

impl Ladder {
    /// The least that any control group above the runs has left, in bytes: its limit less what it holds, but for file pages
    /// that nobody has used lately. `None`: none of them has a limit.
    #[must_use]
    pub fn headroom(&self) -> Option<u64> {
        self.levels().map(|level| level.left).min()
    }

    /// The least limit of a control group above the runs, in bytes. `None`: none of them has one.
    #[must_use]
    pub fn least_limit(&self) -> Option<u64> {
        self.levels().map(|level| level.max).min()
    }

    fn levels(&self) -> impl Iterator<Item = Level> {
        self.above.iter().flat_map(|dir| upward(dir)).filter_map(level)
    }
}

/// This control group and all above it that can be seen from here, which in a container may not be all that count.
pub(super) fn upward(dir: &Path) -> impl Iterator<Item = &Path> {
    dir.ancestors().take_while(|dir| dir.join("cgroup.procs").exists())
}

/// The limit of memory of a control group, in bytes, of whichever version it is; none is "no limit".
pub(super) fn limit(dir: &Path) -> Option<u64> {
    let v2 = number(&dir.join("memory.max"));
    v2.or_else(|| number(&dir.join("memory.limit_in_bytes"))).filter(|&max| max < UNLIMITED)
}

fn level(dir: &Path) -> Option<Level> {
    let max = limit(dir)?;
    let stat = read(&dir.join("memory.stat")).unwrap_or_default();
    let (current, inactive) = match number(&dir.join("memory.current")) {
        Some(current) => (current, keyed(&stat, "inactive_file")),
        // v1: `total_` includes the cgroups below.
        None => (number(&dir.join("memory.usage_in_bytes"))?, keyed(&stat, "total_inactive_file")),
    };
    let held = current.saturating_sub(inactive.unwrap_or(0));
    Some(Level { max, left: max.saturating_sub(held) })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A control group with these files, in a made-up hierarchy.
    fn group(dir: PathBuf, files: &[(&str, &str)]) -> PathBuf {
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in [&[("cgroup.procs", "")], files].concat() {
            fs::write(dir.join(name), text).unwrap();
        }
        dir
    }

    fn v2(dir: PathBuf, max: &str, current: u64, inactive: u64) -> PathBuf {
        let stat = format!("anon 5\nfile 9\ninactive_file {inactive}\n");
        let current = format!("{current}\n");
        group(dir, &[("memory.max", max), ("memory.current", &current), ("memory.stat", &stat)])
    }

    fn v1(dir: PathBuf, max: &str, usage: u64, inactive: u64) -> PathBuf {
        // What is not `total_` is the group's own alone.
        let stat = format!("inactive_file 7\ntotal_inactive_file {inactive}\n");
        let usage = format!("{usage}\n");
        let files =
            [("memory.limit_in_bytes", max), ("memory.usage_in_bytes", &*usage), ("memory.stat", &*stat)];
        group(dir, &files)
    }

    fn above(dirs: &[&Path]) -> Ladder {
        Ladder { above: dirs.iter().map(|dir| dir.to_path_buf()).collect(), ..Ladder::default() }
    }

    #[test]
    fn the_least_room_of_all_levels_counts_and_file_pages_that_can_go_are_room() {
        let host = tempfile::tempdir().unwrap();
        let root = group(host.path().join("cgroup"), &[]); // the real root has no limit to be read
        let slice = v2(root.join("system.slice"), "1073741824\n", 900 * MIB, 300 * MIB);
        let unit = v2(slice.join("ebb-runs.service"), "536870912\n", 100 * MIB, 0);
        let base = v2(unit.join("ebb-1"), "max\n", 100 * MIB, 0);
        let ladder = above(&[&base]);
        assert_eq!(ladder.headroom(), Some(412 * MIB));
        assert_eq!(ladder.least_limit(), Some(512 * MIB));
        v2(slice, "1073741824\n", 900 * MIB, 0);
        assert_eq!(ladder.headroom(), Some(124 * MIB), "the slice is fuller than the unit");
        assert_eq!(ladder.least_limit(), Some(512 * MIB));
        v2(unit, "536870912\n", 600 * MIB, 0);
        assert_eq!(ladder.headroom(), Some(0), "a limit that was lowered below what is held");
    }

    #[test]
    fn v1_has_other_names_and_a_huge_number_for_no_limit() {
        let host = tempfile::tempdir().unwrap();
        let root = v1(host.path().join("memory"), "9223372036854771712\n", 9 << 30, 0);
        let docker = v1(root.join("docker/4f5e"), "268435456\n", 200 * MIB, 100 * MIB);
        let base = v1(docker.join("ebb-1"), "9223372036854771712\n", 40 * MIB, 0);
        let ladder = above(&[&base]);
        assert_eq!((ladder.headroom(), ladder.least_limit()), (Some(156 * MIB), Some(256 * MIB)));
        assert_eq!(above(&[&root]).headroom(), None);
    }

    #[test]
    fn in_the_hybrid_layout_both_hierarchies_count() {
        let host = tempfile::tempdir().unwrap();
        let tracks = group(host.path().join("unified/ebb-1"), &[]);
        let limits = v1(host.path().join("memory/ebb-1"), "1048576\n", 0, 0);
        assert_eq!(above(&[&tracks, &limits]).headroom(), Some(MIB));
    }

    #[test]
    fn what_is_no_control_group_any_more_does_not_count_and_odd_files_say_nothing() {
        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("memory.max"), "1").unwrap();
        let odd = [("memory.max", "1k"), ("memory.current", "-3"), ("memory.stat", "inactive_file\n\0")];
        let base = group(host.path().join("a/b"), &odd);
        assert_eq!(above(&[&base]).headroom(), None);
        assert_eq!(above(&[&host.path().join("gone")]).headroom(), None);
        let no_stat = group(host.path().join("c"), &[("memory.max", "5"), ("memory.current", "3")]);
        assert_eq!(above(&[&no_stat]).headroom(), Some(2));
    }
}

//! Whether a process stands still because somebody has frozen its control group, as `docker pause` and `systemctl freeze` do.

use std::path::{Path, PathBuf};

use super::files;
use super::mounts::Layout;

/// Where control groups can be frozen. Read once for many processes: a host with containers has thousands of mounts.
#[derive(Debug)]
pub struct Freezers {
    root: PathBuf,
    /// The lines of mountinfo that are about control groups.
    mounts: String,
}

impl Freezers {
    /// Those of this host.
    #[must_use]
    pub fn look() -> Self {
        Self::look_below(Path::new("/"))
    }

    fn look_below(root: &Path) -> Self {
        let mounts = read(&root.join("proc/self/mountinfo"));
        let of_cgroups =
            mounts.lines().filter(|line| line.contains(" - cgroup")).map(|line| format!("{line}\n"));
        Self { root: root.to_owned(), mounts: of_cgroups.collect() }
    }

    /// Whether a process is frozen: `frozen 1` in cgroup.events (cgroup v2), `FROZEN` in freezer.state (cgroup v1,
    /// freezer-subsystem document of the kernel). What can't be seen is not.
    #[must_use]
    pub fn hold(&self, pid: i32) -> bool {
        let membership = read(&self.root.join(format!("proc/{pid}/cgroup")));
        let layout = Layout::parse(&self.root, &self.mounts, &membership);
        let by_v2 = layout
            .v2
            .as_ref()
            .is_some_and(|it| read(&it.own.join("cgroup.events")).lines().any(|line| line == "frozen 1"));
        let by_v1 = || {
            let freezer = layout.v1_with("freezer");
            freezer.is_some_and(|it| read(&it.own.join("freezer.state")).trim() == "FROZEN")
        };
        by_v2 || by_v1()
    }
}

fn read(path: &Path) -> String {
    files::read(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_hierarchy_can_freeze() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put(
            "proc/self/mountinfo",
            "30 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
             31 25 0:28 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n",
        );
        put("proc/7/cgroup", "6:freezer:/app\n0::/app\n");
        let is_frozen = || Freezers::look_below(root.path()).hold(7);
        assert!(!is_frozen(), "nothing can be seen");
        put("sys/fs/cgroup/unified/app/cgroup.events", "populated 1\nfrozen 0\n");
        put("sys/fs/cgroup/freezer/app/freezer.state", "THAWED\n");
        assert!(!is_frozen());
        put("sys/fs/cgroup/freezer/app/freezer.state", "FROZEN\n");
        assert!(is_frozen());
        put("sys/fs/cgroup/freezer/app/freezer.state", "FREEZING\n");
        put("sys/fs/cgroup/unified/app/cgroup.events", "populated 1\nfrozen 1\n");
        assert!(is_frozen());
        assert!(!Freezers::look_below(root.path()).hold(8), "it has gone");
    }
}

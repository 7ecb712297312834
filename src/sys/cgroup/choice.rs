//! Which cgroup the base goes below: one that the operator named, where that can be used, else one of ebbd's own.
//! Knows nothing of controllers and limits.

use std::io;
use std::path::{Path, PathBuf};

use super::files::make_dir;
use super::mounts::Hierarchy;
use super::v2::DAEMON_LEAF;
use super::{CgroupConfig, Ladder, mounts, remove_dir};

/// The cgroup that was named, as a directory of this hierarchy, whether it is there or not. With a leading slash it is a path
/// as `/proc/self/cgroup` writes it; without, a sibling of ebbd's own cgroup, as units of one slice are.
pub(crate) fn named(at: &Hierarchy, config: &CgroupConfig) -> Option<PathBuf> {
    let name = config.parent.as_deref()?;
    if let Ok(path) = name.strip_prefix("/") {
        return Some(at.mount.join(path));
    }
    // In its unit's subgroup ebbd is one further down (`DelegateSubgroup=`).
    let unit = at.own.parent().filter(|_| at.own.ends_with(DAEMON_LEAF)).unwrap_or(&at.own);
    let beside = if unit == at.mount { unit } else { unit.parent().unwrap_or(unit) };
    Some(beside.join(name))
}

/// Makes the base below the named cgroup.
///
/// # Errors
/// It is not there, or ebbd may not use it; nothing is left of the try.
pub(crate) fn make_base(at: &Hierarchy, named: &Path, name: &str) -> io::Result<PathBuf> {
    if !named.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such cgroup"));
    }
    let base = named.join(name);
    let made = make_dir(&base).and_then(|()| super::v2::may_join(&at.own, &base, &at.mount));
    if made.is_err() {
        let _ = remove_dir(&base);
    }
    made.map(|()| base)
}

/// What is said where the named cgroup can't be used.
pub(crate) fn instead(named: &Path, why: &dyn std::fmt::Display) -> String {
    format!(
        "runs are not in {}, which --cgroup names, but below ebbd's own cgroup, where they share the limits of ebbd's own \
         unit and keep it from being started again while they live: {why}",
        named.display()
    )
}

impl Ladder {
    /// The same for cgroup v1, where each hierarchy has its own answer: the first base that is not where it was to be.
    pub(super) fn v1_instead(&self, layout: &mounts::Layout, config: &CgroupConfig) -> Option<String> {
        let bases = [&self.tracker, &self.memory, &self.cpu, &self.pids, &self.cpuacct];
        let mut used = bases.into_iter().flatten();
        let stray = used.find_map(|base| {
            let at = layout.v1.iter().find(|at| base.starts_with(&at.mount))?;
            named(at, config).filter(|named| base.parent() != Some(named))
        })?;
        Some(instead(&stray, &"there is no such cgroup in every hierarchy"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(own: &str, name: &str) -> String {
        let at = Hierarchy { mount: "/c".into(), own: own.into(), read_only: false, controllers: Vec::new() };
        let config = CgroupConfig { name: "ebb-1".into(), parent: Some(name.into()) };
        named(&at, &config).unwrap().display().to_string()
    }

    #[test]
    fn a_name_is_a_sibling_and_a_path_is_a_path() {
        let own = "/c/system.slice/ebbd.service";
        assert_eq!(chosen(own, "ebb-runs.service"), "/c/system.slice/ebb-runs.service");
        assert_eq!(chosen(own, "/jobs.slice/x.service"), "/c/jobs.slice/x.service");
        assert_eq!(chosen(&format!("{own}/daemon"), "ebb-runs.service"), "/c/system.slice/ebb-runs.service");
        assert_eq!(chosen("/c", "runs"), "/c/runs", "a container's root has no siblings");
        assert_eq!(chosen("/c/ebbd", "runs"), "/c/runs");
    }
}

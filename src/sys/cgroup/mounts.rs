//! Which cgroup hierarchies are mounted, and where in each of them this process is: `/proc/self/mountinfo` and
//! `/proc/self/cgroup`, read as text. Knows nothing of limits and changes nothing.

use std::path::{Component, Path, PathBuf};

/// One cgroup hierarchy in which this process's own cgroup can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
    /// The directory of this process's own cgroup in it.
    pub(crate) own: PathBuf,
    /// Mounted read-only, as containers often have it.
    pub(crate) read_only: bool,
    /// Controllers bound to it (`memory`, `cpu`, `name=systemd`, ...); empty for cgroup v2, which lists its own in a file.
    pub(crate) controllers: Vec<String>,
}

/// All hierarchies of this host or container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Layout {
    /// The one cgroup v2 hierarchy.
    pub(crate) v2: Option<Hierarchy>,
    /// The cgroup v1 hierarchies.
    pub(crate) v1: Vec<Hierarchy>,
    /// Sentences about hierarchies that exist and can't be seen from here.
    pub(crate) hidden: Vec<String>,
}

impl Layout {
    /// Reads both files below `root` (`/`, but for tests).
    ///
    /// # Errors
    /// `/proc` is not mounted or not readable.
    pub(crate) fn read(root: &Path) -> std::io::Result<Self> {
        let mountinfo = super::files::read(&root.join("proc/self/mountinfo"))?;
        let membership = super::files::read(&root.join("proc/self/cgroup"))?;
        Ok(Self::parse(root, &mountinfo, &membership))
    }

    /// The layout that the two texts describe (proc_pid_mountinfo(5), cgroups(7)); mount points are taken below `root`.
    pub(crate) fn parse(root: &Path, mountinfo: &str, membership: &str) -> Self {
        let mounts: Vec<Mount> = mountinfo.lines().filter_map(Mount::parse).collect();
        let mut layout = Self::default();
        for line in membership.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(id), Some(names), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let v2 = id == "0" && names.is_empty();
            let controllers: Vec<String> =
                names.split(',').filter(|n| !n.is_empty()).map(Into::into).collect();
            let bound =
                |m: &&Mount| m.v2 == v2 && controllers.iter().all(|c| m.options.iter().any(|o| o == c));
            match find(mounts.iter().filter(bound), path) {
                Found::Seen(mount, rest) => {
                    let point = root.join(mount.point.strip_prefix("/").unwrap_or(&mount.point));
                    let own = if rest.as_os_str().is_empty() { point.clone() } else { point.join(rest) };
                    let hierarchy = Hierarchy { mount: point, own, read_only: mount.read_only, controllers };
                    if v2 {
                        layout.v2 = Some(hierarchy);
                    } else {
                        layout.v1.push(hierarchy);
                    }
                }
                Found::Hidden(mount) => layout.hidden.push(format!(
                    "ebbd's own cgroup {path} is not visible below {} (the mount shows {} only): \
                     give the container a cgroup namespace of its own (docker: --cgroupns=private)",
                    mount.point.display(),
                    mount.root.display()
                )),
                Found::Unmounted => {}
            }
        }
        layout
    }

    /// The v1 hierarchy that has `controller`.
    pub(crate) fn v1_with(&self, controller: &str) -> Option<&Hierarchy> {
        self.v1.iter().find(|h| h.controllers.iter().any(|c| c == controller))
    }
}

enum Found<'a> {
    Seen(&'a Mount, PathBuf),
    Hidden(&'a Mount),
    Unmounted,
}

/// The mount through which the cgroup `path` can be reached, and its path from there; a writable mount is preferred.
fn find<'a>(mounts: impl Iterator<Item = &'a Mount>, path: &str) -> Found<'a> {
    let mut best = Found::Unmounted;
    for mount in mounts {
        match (relative(&mount.root, Path::new(path)), &best) {
            (Some(rest), Found::Hidden(_) | Found::Unmounted) => best = Found::Seen(mount, rest),
            (Some(rest), Found::Seen(earlier, _)) if earlier.read_only && !mount.read_only => {
                best = Found::Seen(mount, rest);
            }
            (None, Found::Unmounted) => best = Found::Hidden(mount),
            (Some(_), Found::Seen(..)) | (None, Found::Hidden(_) | Found::Seen(..)) => {}
        }
    }
    best
}

/// `path` as seen from a mount that shows the hierarchy from `root` on. A `..` in either means that it lies outside of
/// this process's cgroup namespace (cgroup_namespaces(7)).
fn relative(root: &Path, path: &Path) -> Option<PathBuf> {
    let outside = |p: &Path| p.components().any(|c| c == Component::ParentDir);
    if outside(root) || outside(path) {
        return None;
    }
    path.strip_prefix(root).ok().map(Path::to_path_buf)
}

struct Mount {
    v2: bool,
    root: PathBuf,
    point: PathBuf,
    read_only: bool,
    options: Vec<String>,
}

impl Mount {
    /// `36 35 98:0 ROOT POINT rw,noatime [optional fields] - TYPE SOURCE rw,memory`
    fn parse(line: &str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let v2 = match right.next()? {
            "cgroup2" => true,
            "cgroup" => false,
            _ => return None,
        };
        let options: Vec<String> = right.nth(1).unwrap_or("").split(',').map(Into::into).collect();
        let mut left = left.split(' ').skip(3);
        let (root, point, flags) = (left.next()?, left.next()?, left.next()?);
        let read_only = flags.split(',').any(|f| f == "ro") || options.iter().any(|o| o == "ro");
        Some(Self { v2, root: unescape(root).into(), point: unescape(point).into(), read_only, options })
    }
}

/// Blank, tab, newline and backslash stand as `\040` and so on (proc_pid_mountinfo(5)).
fn unescape(field: &str) -> String {
    if !field.contains('\\') {
        return field.to_owned();
    }
    let mut out = field.to_owned();
    for (escape, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        out = out.replace(escape, plain);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(mountinfo: &str, membership: &str) -> Layout {
        Layout::parse(Path::new("/"), mountinfo, membership)
    }

    #[test]
    fn pure_v2_under_systemd_finds_the_service() {
        let found = layout(
            "26 21 0:24 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n\
             21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n",
            "0::/system.slice/ebbd.service\n",
        );
        let v2 = found.v2.unwrap();
        assert_eq!(v2.mount, Path::new("/sys/fs/cgroup"));
        assert_eq!(v2.own, Path::new("/sys/fs/cgroup/system.slice/ebbd.service"));
        assert!(!v2.read_only && found.v1.is_empty() && found.hidden.is_empty());
    }

    #[test]
    fn hybrid_has_memory_in_v1_and_a_v2_root() {
        let found = layout(
            "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             32 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
             40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
            "9:name=systemd:/\n4:memory:/api/7399\n2:cpu,cpuacct:/\n1:pids:/\n0::/\n",
        );
        assert_eq!(found.v2.as_ref().unwrap().own, Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(found.v1_with("memory").unwrap().own, Path::new("/sys/fs/cgroup/memory/api/7399"));
        assert_eq!(found.v1_with("cpuacct").unwrap().own, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert!(found.v1_with("name=systemd").is_some());
        assert!(found.v1_with("pids").is_none(), "named in /proc/self/cgroup, but not mounted");
    }

    #[test]
    fn a_docker_container_on_v1_sees_its_part_of_the_hierarchy_read_only() {
        let found = layout(
            "800 799 0:31 /docker/4f5e /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:15 - cgroup cgroup rw,memory\n",
            "4:memory:/docker/4f5e\n",
        );
        let memory = found.v1_with("memory").unwrap();
        assert_eq!(memory.own, Path::new("/sys/fs/cgroup/memory"));
        assert!(memory.read_only);
    }

    #[test]
    fn a_container_with_its_own_cgroup_namespace_is_at_the_root_of_its_mount() {
        let found = layout(
            "700 699 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n",
            "0::/\n",
        );
        let v2 = found.v2.unwrap();
        assert_eq!(v2.own, v2.mount);
        assert!(v2.read_only);
    }

    #[test]
    fn a_cgroup_outside_of_the_mount_or_the_namespace_is_said_to_be_hidden() {
        for (root, path) in [("/docker/4f5e", "/system.slice/x"), ("/", "/../other"), ("/..", "/")] {
            let found = layout(
                &format!("7 6 0:26 {root} /sys/fs/cgroup rw - cgroup2 cgroup rw\n"),
                &format!("0::{path}\n"),
            );
            assert!(found.v2.is_none(), "{root} {path}");
            assert!(found.hidden[0].contains("--cgroupns=private"), "{:?}", found.hidden);
        }
    }

    #[test]
    fn of_two_mounts_of_one_hierarchy_the_writable_one_is_used() {
        let found = layout(
            "1 0 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n2 0 0:26 / /mnt/with\\040blank rw - cgroup2 cgroup rw\n",
            "0::/a:b\n",
        );
        assert_eq!(found.v2.unwrap().own, Path::new("/mnt/with blank/a:b"));
    }

    #[test]
    fn no_cgroups_at_all_is_an_empty_layout() {
        assert_eq!(
            layout("21 1 8:1 / / rw - ext4 /dev/sda1 rw\nnonsense\n", "nonsense\n"),
            Layout::default()
        );
        assert_eq!(layout("", "0::/\n"), Layout::default());
    }
}

//! cgroup v2: the base directory below ebbd's own cgroup, and the controllers that it can hand out.
//! The rules are those of the kernel's Documentation/admin-guide/cgroup-v2.rst and systemd's CGROUP_DELEGATION.
//! Knows nothing of runs.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files::{make_dir, read, write};
use super::mounts::Hierarchy;
use super::{CgroupConfig, choice};

/// The child of the delegated cgroup that ebbd itself moves into, so that controllers can be handed out beside it
/// ("no internal processes"). A unit may name it as well: `DelegateSubgroup=daemon`.
pub const DAEMON_LEAF: &str = "daemon";

/// The controllers that ebb has a use for.
const WANTED: [&str; 3] = ["memory", "pids", "cpu"];

/// A base that works, and what was changed for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Base {
    /// The directory in which leaves are made.
    pub(crate) dir: PathBuf,
    /// Controllers that its leaves have.
    pub(crate) controllers: Vec<&'static str>,
    /// Controllers that were enabled in the parent for this base, to be taken back at the end.
    enabled: Vec<&'static str>,
    /// Whether ebbd moved itself into [`DAEMON_LEAF`].
    moved: bool,
    /// Whether the cgroup above is one that was named, and so ebbd's alone.
    named: bool,
}

/// Makes the base and hands it every controller that can be had; what can't be had goes into `reasons`, and that the cgroup
/// that was named can't be used into `displaced`.
pub(crate) fn prepare(
    at: &Hierarchy,
    config: &CgroupConfig,
    displaced: &mut Option<String>,
    reasons: &mut Vec<String>,
) -> Option<Base> {
    let mount = at.mount.display();
    if at.read_only {
        reasons.push(format!(
            "cgroup v2 at {mount} is mounted read-only: give the container a writable one \
             (docker: --security-opt writable-cgroups=true, or --privileged; podman: --security-opt unmask=/sys/fs/cgroup)"
        ));
        return None;
    }
    let (parent, named) = match choice::named(at, config) {
        None => (own_parent(at, config), false),
        Some(named) => match choice::make_base(at, &named, &config.name) {
            Ok(_) => (named, true),
            Err(why) => {
                *displaced = Some(choice::instead(&named, &why));
                (own_parent(at, config), false)
            }
        },
    };
    let dir = parent.join(&config.name);
    let made = make_dir(&dir).and_then(|()| may_join(&at.own, &dir, &at.mount));
    if let Err(e) = made {
        reasons.push(format!("cgroup v2 can't be used: {e}"));
        let _ = std::fs::remove_dir(&dir);
        return None;
    }
    let mut base = Base { dir, named, ..Base::default() };
    enable(at, &parent, &mut base, reasons);
    if let Some(why) = no_domain(&base.dir) {
        reasons.push(why);
        let _ = undo(&base);
        return None;
    }
    base.controllers.retain(|controller| match probe(&base.dir, controller) {
        Ok(()) => true,
        Err(e) => {
            reasons.push(format!("cgroup v2 has {controller}, but a limit can't be set: {e}"));
            false
        }
    });
    Some(base)
}

/// The cgroup below which the base belongs where none was named: ebbd's own, or (where ebbd already sits in its leaf, by
/// `DelegateSubgroup=` or from an earlier life) the parent of that.
fn own_parent(at: &Hierarchy, config: &CgroupConfig) -> PathBuf {
    let above = at.own.parent().filter(|_| at.own != at.mount && at.own.ends_with(DAEMON_LEAF));
    match above {
        Some(above) if is_delegated(above) || above.join(&config.name).is_dir() => above.to_path_buf(),
        Some(_) | None => at.own.clone(),
    }
}

/// Whether systemd marked the cgroup as delegated (`Delegate=`): an extended attribute, the first for root's eyes alone.
fn is_delegated(dir: &Path) -> bool {
    let Ok(path) = CString::new(dir.as_os_str().as_bytes()) else { return false };
    [c"trusted.delegate", c"user.delegate"].iter().any(|name| {
        let mut value = [0_u8; 8];
        let place = value.as_mut_ptr().cast();
        // SAFETY: both strings end in NUL, and `value` is as large as said.
        let n = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), place, value.len()) };
        n == 1 && value[0] == b'1'
    })
}

/// A process may be put into a cgroup by whoever may write `cgroup.procs` of the nearest cgroup above both its old and its
/// new place (cgroup-v2.rst, "Delegation Containment").
pub(crate) fn may_join(own: &Path, base: &Path, mount: &Path) -> io::Result<()> {
    let common = base.ancestors().find(|a| own.starts_with(a)).unwrap_or(mount);
    for dir in [common, base] {
        let procs = dir.join("cgroup.procs");
        // Opened, and not asked for by access(2): the call for that is filtered in older containers.
        if std::fs::OpenOptions::new().write(true).open(&procs).is_err() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "ebbd may not write {}: run it as root, or as a systemd service with Delegate=yes, \
                     or for a try by `systemd-run --user --scope -p Delegate=yes ebbd`",
                    procs.display()
                ),
            ));
        }
    }
    Ok(())
}

/// Enables what can be enabled, in the parent and in the base, and records in `base` what leaves will have.
fn enable(at: &Hierarchy, parent: &Path, base: &mut Base, reasons: &mut Vec<String>) {
    let available = listed(parent, "cgroup.controllers");
    let (wanted, absent): (Vec<_>, Vec<_>) =
        WANTED.into_iter().partition(|name| available.iter().any(|a| a == name));
    if !absent.is_empty() {
        reasons.push(absence(at, parent, &absent, &available));
    }
    let room = if wanted.is_empty() { Ok(()) } else { make_room(at, parent, base) };
    let handed_on = listed(parent, "cgroup.subtree_control");
    let (mut usable, missing): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|name| handed_on.iter().any(|h| h == name));
    match room {
        Ok(()) => {
            // Each by itself: cpu alone is refused while a realtime process is about, and must not take memory along.
            for name in missing {
                match switch(parent, "+", name) {
                    Ok(()) => base.enabled.push(name),
                    Err(e) => reasons.push(format!("cgroup v2 can't hand on {name}: {e}")),
                }
            }
            usable.extend(&base.enabled);
        }
        Err(why) if !missing.is_empty() => reasons.push(why),
        Err(_) => {}
    }
    for name in usable {
        match switch(&base.dir, "+", name) {
            Ok(()) => base.controllers.push(name),
            Err(e) => reasons.push(format!("cgroup v2 can't hand on {name}: {e}")),
        }
    }
    // A cgroup that was named is the operator's word. A user's systemd (252, 257) leaves no mark on it that could be read.
    let is_known_to_be_ours = base.named || base.enabled.is_empty() || is_delegated(parent);
    if !is_known_to_be_ours && Path::new("/run/systemd/system").is_dir() {
        reasons.push(format!(
            "systemd runs this host and was not told that {} is ebbd's: it may take the controllers away again; \
             Delegate=yes in the unit tells it",
            parent.display()
        ));
    }
}

/// The words of a cgroup file; none if it can't be read.
fn listed(dir: &Path, file: &str) -> Vec<String> {
    let text = read(&dir.join(file)).unwrap_or_default();
    text.split_whitespace().map(Into::into).collect()
}

fn absence(at: &Hierarchy, parent: &Path, absent: &[&str], available: &[String]) -> String {
    let lift = if at.own == at.mount && !parent.join("cgroup.type").exists() {
        "they are bound to cgroup v1 or switched off; booting with cgroup_no_v1=all frees them"
    } else {
        "the cgroup above does not hand them on; with systemd: Delegate=yes in the unit"
    };
    let available = if available.is_empty() { "nothing".to_owned() } else { available.join(" ") };
    format!(
        "cgroup v2 offers no {} in {} (cgroup.controllers lists {available}): {lift}",
        absent.join(", "),
        parent.display()
    )
}

fn has_children(dir: &Path) -> bool {
    std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| entry.path().is_dir())
}

fn switch(dir: &Path, sign: &str, controller: &str) -> io::Result<()> {
    write(&dir.join("cgroup.subtree_control"), &format!("{sign}{controller}"))
}

/// A cgroup that hands on controllers may hold no process itself, the real root excepted: ebbd moves out of the way if it
/// is alone there; other people's processes it leaves where they are.
fn make_room(at: &Hierarchy, parent: &Path, base: &mut Base) -> Result<(), String> {
    if !parent.join("cgroup.type").exists() {
        return Ok(()); // The real root, which has no type.
    }
    let own = std::process::id().to_string();
    let procs = read(&parent.join("cgroup.procs")).map_err(|e| e.to_string())?;
    let foreign: Vec<&str> = procs.split_whitespace().filter(|&pid| pid != own).collect();
    if let Some(first) = foreign.first() {
        return Err(format!(
            "cgroup v2 can't hand on controllers from {}: {} other process(es) are in it, such as pid {first}; \
             start ebbd in a cgroup of its own (a systemd service with Delegate=yes, or as the container's only process)",
            parent.display(),
            foreign.len()
        ));
    }
    if at.own == parent && procs.split_whitespace().any(|pid| pid == own) {
        // What an earlier ebbd left switched on would make a threaded tree of the cgroup that we are in.
        for name in listed(parent, "cgroup.subtree_control") {
            let _ = switch(parent, "-", &name);
        }
        let leaf = parent.join(DAEMON_LEAF);
        let moved = make_dir(&leaf).and_then(|()| write(&leaf.join("cgroup.procs"), &own));
        moved.map_err(|e| {
            let _ = std::fs::remove_dir(&leaf);
            format!("cgroup v2: ebbd can't move itself out of the way: {e}")
        })?;
        base.moved = true;
    }
    Ok(())
}

/// Why no process can be put below `dir`, if so: somebody has made a threaded tree of the cgroups above, which happens by
/// itself where a cgroup with processes hands on `cpu` or `pids` (cgroup-v2.rst, "Threads").
fn no_domain(dir: &Path) -> Option<String> {
    let kind = read(&dir.join("cgroup.type")).ok()?;
    let kind = kind.trim();
    (!kind.is_empty() && kind != "domain").then(|| {
        format!(
            "cgroup v2 can't be used: {} is a `{kind}` cgroup, for a cgroup above it holds processes and hands on \
             controllers; start ebbd in a cgroup of its own",
            dir.display()
        )
    })
}

/// Sets a limit on a leaf made for that purpose, reads it back, and removes the leaf.
fn probe(base: &Path, controller: &str) -> io::Result<()> {
    let (file, value) = match controller {
        "memory" => ("memory.max", "67108864"),
        "pids" => ("pids.max", "64"),
        _ => ("cpu.weight", "50"),
    };
    super::probe_leaf(base, file, value)
}

/// Undoes [`prepare`], as far as nobody else needs it by now: the base, the controllers, ebbd's own move.
pub(crate) fn undo(base: &Base) -> io::Result<()> {
    super::remove_dir(&base.dir)?;
    let Some(parent) = base.dir.parent() else { return Ok(()) };
    // A named cgroup that nobody uses any more is left as it was made, also by the one who enabled nothing, since an ebbd
    // that crashed had done so.
    let back = if base.named && !has_children(parent) { &WANTED[..] } else { &base.enabled };
    for name in back {
        // Another ebbd beside this one may still need it: then this fails.
        let _ = switch(parent, "-", name);
    }
    // Back into a cgroup that still hands on `cpu` or `pids` would make a threaded tree of it, useless to anybody else.
    let is_free = listed(parent, "cgroup.subtree_control").is_empty();
    if base.moved && is_free && write(&parent.join("cgroup.procs"), &std::process::id().to_string()).is_ok() {
        let _ = std::fs::remove_dir(parent.join(DAEMON_LEAF));
    }
    Ok(())
}

//! Reads and writes single cgroup files, with errors that name the file and what to do.
//! Knows no particular file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::sys::raw::because;

/// The whole of a small file.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let attempt = || {
        let mut text = String::new();
        File::open(path)?.read_to_string(&mut text)?;
        Ok(text)
    };
    attempt().map_err(|e| because(&e, format_args!("cannot read {}", path.display())))
}

/// Writes `value` in one call, as cgroup files want it; never creates the file.
pub(crate) fn write(path: &Path, value: &str) -> io::Result<()> {
    let attempt = || OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes());
    attempt().map_err(|e| {
        because(&e, format_args!("cannot write {value} to {}{}", path.display(), hint(&e, path)))
    })
}

/// Makes a directory; one that is there already is as good.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => {
            Err(because(&e, format_args!("cannot make the cgroup {}{}", path.display(), hint(&e, path))))
        }
        Ok(()) => Ok(()),
    }
}

/// What a person can do about it, in brackets.
fn hint(error: &io::Error, path: &Path) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => {
            " (ebbd needs a cgroup that it may change: run it as root, or delegate one to it, with systemd by Delegate=yes)"
        }
        Some(libc::EROFS) => {
            " (the cgroup file system is mounted read-only: give the container a writable one, with docker by --privileged or a bind mount)"
        }
        Some(libc::ENOENT) if path.parent().is_some_and(Path::is_dir) => {
            " (this kernel or this cgroup has no such file: the controller is off)"
        }
        Some(libc::EBUSY) => " (a cgroup with processes of its own cannot hand out controllers)",
        Some(libc::EINVAL | libc::ERANGE) => " (the kernel refuses this value)",
        Some(libc::EAGAIN | libc::ENOSPC) => {
            " (too many cgroups: cgroup.max.descendants of a parent is reached)"
        }
        _ => "",
    }
}

/// The number behind `key` in a file of `key value` lines.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The number that a file consists of; `None` if it can't be read or is no number (`max`).
pub(crate) fn number(path: &Path) -> Option<u64> {
    read(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_whole_name() {
        let text = "oom 2\noom_kill 1\noom_group_kill 7\n";
        assert_eq!(keyed(text, "oom_kill"), Some(1));
        assert_eq!(keyed(text, "oom"), Some(2));
        assert_eq!(keyed(text, "kill"), None);
    }

    #[test]
    fn a_write_never_creates_a_file_and_its_error_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.max");
        let error = write(&path, "17").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("cannot write 17 to "), "{error}");
        assert!(
            error.to_string().contains("memory.max (this kernel or this cgroup has no such file"),
            "{error}"
        );
        assert!(!error.to_string().contains("os error"), "{error}");
        assert!(!path.exists());
    }
}

//! Whether a job file can have been written only by those who may decide what the daemon runs.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::host::Host;
use crate::limits::LINKS_MAX;
use crate::problem::printable;

/// What is wrong with the file or directory `path`, and what to do about it.
pub(super) fn distrust(path: &Path, facts: &Metadata, host: Host<'_>) -> Vec<(String, String)> {
    const GROUP_WRITES: u32 = 0o020;
    const EVERYONE_WRITES: u32 = 0o002;
    if host.machine.trusts_everyone() {
        return Vec::new();
    }
    let name = printable(&path.to_string_lossy());
    let mut problems = Vec::new();
    if !host.machine.trusts_user(facts.uid()) {
        let message = format!("{name} belongs to user {}, who could have ebbd run anything", facts.uid());
        problems.push((
            message,
            format!("chown it to root, or to the user that ebbd runs as: chown root {name}"),
        ));
    }
    if facts.mode() & EVERYONE_WRITES != 0 {
        let message = format!("everybody may write to {name}, and so have ebbd run anything");
        problems.push((message, format!("chmod o-w {name}")));
    }
    if facts.mode() & GROUP_WRITES != 0 && !host.machine.trusts_group(facts.gid()) {
        let message = format!("group {} may write to {name}, and so have ebbd run anything", facts.gid());
        problems.push((message, format!("chmod g-w {name}")));
    }
    problems
}

/// What is wrong with the directory that `path` is in.
///
/// # Errors
/// The directory can't be looked at.
pub(super) fn distrust_directory_of(path: &Path, host: Host<'_>) -> io::Result<Vec<(String, String)>> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(distrust(parent, &fs::metadata(parent)?, host))
}

/// What is wrong with the directories that the symbolic link `path` leads through: whoever may write to one of them
/// decides where it leads.
///
/// # Errors
/// A link can't be read, or there are more than [`LINKS_MAX`] of them.
pub(super) fn distrust_links(path: &Path, host: Host<'_>) -> io::Result<Vec<(String, String)>> {
    let mut problems = Vec::new();
    let mut at = PathBuf::from(path);
    for _ in 0..LINKS_MAX {
        if !fs::symlink_metadata(&at)?.is_symlink() {
            return Ok(problems);
        }
        let target = fs::read_link(&at)?;
        at.pop();
        at.push(target);
        problems.append(&mut distrust_directory_of(&at, host)?);
    }
    Err(io::Error::other("too many symbolic links"))
}

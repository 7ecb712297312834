//! Plain facts from `/proc`: when a process started, who its parent is, which boot this is.
//! Knows nothing of who may be signalled or reaped.

use std::io;

use super::raw::because;

/// The fields of `/proc/PID/stat` that ebb uses (proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `D`, `Z` and so on.
    pub state: u8,
    /// Its parent.
    pub ppid: i32,
    /// Its process group.
    pub pgrp: i32,
    /// Its session.
    pub session: i32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

/// Reads `/proc/PID/stat`.
///
/// # Errors
/// There is no such process, or `/proc` hides it.
pub fn stat(pid: i32) -> io::Result<Stat> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read(&path).map_err(|e| because(&e, format_args!("cannot read {path}")))?;
    parse_stat(&text)
        .ok_or_else(|| io::Error::other(format!("{path} does not read as proc_pid_stat(5) says")))
}

/// Stands for the start of a process of which nobody could look when it started.
pub const START_UNKNOWN: u64 = 0;
/// Stands for the start of a process that is known to be gone, whoever has its number: a tick after boot nobody is there yet
/// who could start one.
pub const START_OF_NOBODY: u64 = 1;

/// What a process of this name holds in memory, in bytes: its resident set, the pages of its binary included (proc_pid_statm(5),
/// field 2). `None` where there is no such process, as where a pid is one of another namespace.
#[must_use]
pub fn resident_bytes_of(pid: u32, name: &str) -> Option<u64> {
    if std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end() != name {
        return None;
    }
    resident_bytes(i32::try_from(pid).ok()?)
}

/// When the process started, in clock ticks since boot: with the pid it names a process for the time of one boot.
///
/// # Errors
/// As [`stat`].
pub fn pid_start_ticks(pid: i32) -> io::Result<u64> {
    stat(pid).map(|s| s.start_ticks)
}

/// Clock ticks since boot in milliseconds, by CLOCK_BOOTTIME (proc_pid_stat(5), `starttime`).
#[must_use]
pub fn ticks_ms(ticks: u64) -> u64 {
    let a_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    let a_second = a_second.and_then(|ticks| u64::try_from(ticks).ok()).filter(|ticks| *ticks > 0);
    ticks.saturating_mul(1_000) / a_second.unwrap_or(100)
}

/// The command name may hold blanks and brackets, so the fields are counted from the last `)`: the first is the state.
pub(super) fn stat_fields(text: &[u8]) -> Option<impl Iterator<Item = &str>> {
    let end = text.iter().rposition(|&b| b == b')')?;
    Some(std::str::from_utf8(text.get(end + 2..)?).ok()?.split_ascii_whitespace())
}

fn parse_stat(text: &[u8]) -> Option<Stat> {
    let mut fields = stat_fields(text)?;
    let state = fields.next()?.bytes().next()?;
    let (ppid, pgrp, session) = (fields.next()?, fields.next()?, fields.next()?);
    // After the session (field 6) the start time is field 22.
    let start = fields.nth(15)?;
    Some(Stat {
        state,
        ppid: ppid.parse().ok()?,
        pgrp: pgrp.parse().ok()?,
        session: session.parse().ok()?,
        start_ticks: start.parse().ok()?,
    })
}

/// Resident bytes of a process in all (proc_pid_statm(5), `resident`).
#[must_use]
pub fn resident_bytes(pid: i32) -> Option<u64> {
    statm(pid, 1)
}

/// Resident bytes of a process that belong to files and shared memory, not to itself (proc_pid_statm(5), `shared`). `None` as
/// well of one on its way out: it has no pages any more, which says nothing of what it had.
#[must_use]
pub fn shared_bytes(pid: i32) -> Option<u64> {
    statm(pid, 2).filter(|bytes| *bytes > 0)
}

/// A field of `/proc/PID/statm`, which counts in pages, in bytes.
fn statm(pid: i32, field: usize) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(field)?.parse().ok()?;
    pages.checked_mul(u64::try_from(super::memory::page_size()).ok()?)
}

/// Whether `NAME=value` is in the environment that the process was started with (proc_pid_environ(5)). False where it has
/// gone or may not be looked at.
#[must_use]
pub fn has_variable(pid: i32, variable: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|&b| b == 0).any(|one| one == variable.as_bytes())
}

/// What a process was called with, program first (proc_pid_cmdline(5)). `None`: it has gone, or that is no text.
#[must_use]
pub fn arguments(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    Some(text.strip_suffix('\0')?.split('\0').map(str::to_owned).collect())
}

/// The kernel's id of this boot; a pid of another boot means nothing.
///
/// # Errors
/// `/proc` is not mounted.
pub fn boot_id() -> io::Result<String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let text = std::fs::read_to_string(PATH).map_err(|e| because(&e, format_args!("cannot read {PATH}")))?;
    Ok(text.trim().to_owned())
}

/// Whether `/proc` is there to be asked.
#[must_use]
pub fn is_mounted() -> bool {
    nix::unistd::access("/proc/self", nix::unistd::AccessFlags::F_OK).is_ok()
}

/// All process ids that `/proc` shows.
///
/// # Errors
/// `/proc` is not mounted.
pub fn pids() -> io::Result<Vec<i32>> {
    let cannot = |e| because(&e, "cannot list /proc");
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc").map_err(cannot)? {
        pids.extend(entry.map_err(cannot)?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(pids)
}

/// The children of this process, whichever of its threads made them.
///
/// # Errors
/// `/proc` is not mounted.
pub fn own_children() -> io::Result<Vec<i32>> {
    if let Ok(children) = children_by_file("self") {
        return Ok(children);
    }
    // A kernel without CONFIG_PROC_CHILDREN: look at everybody's parent.
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    Ok(pids()?.into_iter().filter(|&pid| stat(pid).is_ok_and(|s| s.ppid == own)).collect())
}

/// The children of a process, as the kernel lists them (proc_tid_children(5)): quick, but one can be left out while another
/// one ends.
///
/// # Errors
/// There is no such process, or the kernel has no such lists (CONFIG_PROC_CHILDREN).
pub fn children(pid: i32) -> io::Result<Vec<i32>> {
    children_by_file(&pid.to_string())
}

fn children_by_file(process: &str) -> io::Result<Vec<i32>> {
    let mut children = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        match std::fs::read_to_string(task?.path().join("children")) {
            Ok(text) => children.extend(text.split_ascii_whitespace().filter_map(|p| p.parse::<i32>().ok())),
            // A thread that ended meanwhile has handed its children on to another one.
            Err(e) if e.raw_os_error() == Some(libc::ESRCH) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let line = b"42 (a) R (b) S 7 8 9 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 987654 1000 5 18446744073709551615\n";
        let stat = parse_stat(line).unwrap();
        assert_eq!(stat, Stat { state: b'S', ppid: 7, pgrp: 8, session: 9, start_ticks: 987_654 });
        assert_eq!(parse_stat(b"42 (a"), None);
        assert_eq!(parse_stat(b"42 (a) S 1 2 3"), None);
    }

    #[test]
    fn a_process_on_its_way_out_says_nothing_of_the_pages_that_it_had() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while stat(pid).unwrap().state != b'Z' {
            assert!(std::time::Instant::now() < deadline, "it has not ended");
            std::thread::yield_now();
        }
        assert_eq!(shared_bytes(pid), None);
        child.wait().unwrap();
        assert!(shared_bytes(i32::try_from(std::process::id()).unwrap()).is_some());
    }

    #[test]
    fn this_process_is_seen_with_its_parent_and_its_children() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(stat(own).unwrap().ppid, nix::unistd::getppid().as_raw());
        let began = ticks_ms(pid_start_ticks(own).unwrap());
        let age = crate::sys::clock::now().mono.0.saturating_sub(began);
        assert!(began > 0 && age < 24 * 3_600_000, "by the same clock: {age}");
        assert!(pids().unwrap().contains(&own));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(own_children().unwrap().contains(&pid));
        assert_eq!(stat(pid).unwrap().ppid, own);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(pid_start_ticks(pid).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_boot_has_an_id() {
        assert_eq!(boot_id().unwrap().len(), 36);
    }
}

//! The end of children: each run is reaped by its own pidfd and by nobody else, and orphans that fell to ebbd are reaped
//! one by one. Never waits for "any child". Knows nothing of outcomes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{proc, raw};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code, 0 to 255.
    Code(i32),
    /// This signal ended it.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
}

impl Exit {
    /// From the status word of `wait(2)`.
    #[must_use]
    pub const fn from_wait_status(status: i32) -> Self {
        match status & 0x7f {
            0 => Self::Code((status >> 8) & 0xff),
            signal => Self::Signal { signal, core: status & 0x80 != 0 },
        }
    }
}

/// The end of a child, and what it and those of its children that it waited for used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaped {
    /// How it ended.
    pub exit: Exit,
    /// The highest resident memory of any one of these processes, in bytes.
    pub max_rss_bytes: u64,
    /// CPU time in user mode of all of them, in microseconds.
    pub user_us: u64,
    /// The same in the kernel.
    pub system_us: u64,
}

impl Reaped {
    /// CPU time, user and system, in milliseconds.
    #[must_use]
    pub const fn cpu_ms(&self) -> u64 {
        (self.user_us + self.system_us) / 1000
    }
}

/// `struct rusage` as the kernel writes it, which C libraries extend.
#[repr(C)]
#[derive(Default)]
struct KernelRusage {
    user: [libc::c_long; 2],
    system: [libc::c_long; 2],
    max_rss_kib: libc::c_long,
    rest: [libc::c_long; 13],
}

/// Takes the status of a child that has ended, and frees its pid. `None`: it is still running. Does not wait.
///
/// # Errors
/// ECHILD: it is not ours, or was reaped before.
pub fn reap(pidfd: BorrowedFd<'_>) -> io::Result<Option<Reaped>> {
    waitid(libc::P_PIDFD, pidfd.as_raw_fd())
}

/// Whether a process is our child, so that [`reap`] can take its status.
#[must_use]
pub fn is_ours(pidfd: BorrowedFd<'_>) -> bool {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    let no_info = std::ptr::null_mut::<libc::siginfo_t>();
    let no_usage = std::ptr::null_mut::<KernelRusage>();
    // SAFETY: null is allowed for both places (waitid(2), "C library/kernel differences"); the rest are integers.
    let known = unsafe {
        libc::syscall(libc::SYS_waitid, libc::P_PIDFD, pidfd.as_raw_fd(), no_info, flags, no_usage)
    };
    known != -1
}

/// `waitid(2)` as the kernel has it, with the fifth argument that the C library hides.
fn waitid(kind: libc::idtype_t, id: i32) -> io::Result<Option<Reaped>> {
    // SAFETY: an all-zero siginfo_t is a valid value of this plain C struct.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let mut usage = KernelRusage::default();
    let (info_at, usage_at) = (&raw mut info, &raw mut usage);
    let flags = libc::WEXITED | libc::WNOHANG;
    // SAFETY: both places are valid for writing during the call and as large as the kernel's structs.
    let done = unsafe { libc::syscall(libc::SYS_waitid, kind, id, info_at, flags, usage_at) };
    raw::check_long(done)?;
    // SAFETY: after a waitid that succeeded the fields of a SIGCHLD siginfo are valid, or all zero.
    let pid = unsafe { info.si_pid() };
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    let exit = match info.si_code {
        libc::CLD_EXITED => Exit::Code(status & 0xff),
        code => Exit::Signal { signal: status, core: code == libc::CLD_DUMPED },
    };
    let us = |[seconds, microseconds]: [libc::c_long; 2]| {
        u64::try_from(seconds).unwrap_or(0) * 1_000_000 + u64::try_from(microseconds).unwrap_or(0)
    };
    Ok(Some(Reaped {
        exit,
        max_rss_bytes: u64::try_from(usage.max_rss_kib).unwrap_or(0) * 1024,
        user_us: us(usage.user),
        system_us: us(usage.system),
    }))
}

/// Reaps children of this process that have ended and are not runs: orphans that fell to it as PID 1 or as a subreaper.
/// Returns how many. `is_run_pid` keeps a run's status for [`reap`].
///
/// # Errors
/// The children can't be listed now.
pub fn reap_orphans(is_run_pid: &dyn Fn(i32) -> bool) -> io::Result<usize> {
    let mut reaped = 0;
    let children = match proc::own_children() {
        Err(_) if !proc::is_mounted() => return Ok(reap_orphans_unlisted(is_run_pid)),
        children => children?,
    };
    for pid in children {
        if !is_run_pid(pid) && matches!(waitid(libc::P_PID, pid), Ok(Some(_))) {
            reaped += 1;
        }
    }
    Ok(reaped)
}

/// The same where no `/proc` lists the children: the kernel is asked for one that has ended, without taking it. A run's that
/// comes first is waited for by its watch, whose end of it brings us here again.
fn reap_orphans_unlisted(is_run_pid: &dyn Fn(i32) -> bool) -> usize {
    let mut reaped = 0;
    while let Some(pid) = ended_child(libc::P_ALL, 0)
        && !is_run_pid(pid)
        && matches!(waitid(libc::P_PID, pid), Ok(Some(_)))
    {
        reaped += 1;
    }
    reaped
}

/// Whether a process is a child of ours that has ended and was not reaped.
pub(super) fn is_zombie(pid: i32) -> bool {
    u32::try_from(pid).ok().and_then(|pid| ended_child(libc::P_PID, pid)).is_some()
}

/// A child that has ended, left as it is (waitid(2), WNOWAIT).
fn ended_child(kind: libc::idtype_t, id: libc::id_t) -> Option<i32> {
    // SAFETY: an all-zero siginfo_t is a valid value of this plain C struct.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is valid for writing.
    let done = unsafe { libc::waitid(kind, id, &raw mut info, flags) };
    raw::check(done).ok()?;
    // SAFETY: after a waitid that succeeded the fields of a SIGCHLD siginfo are valid, or all zero.
    let pid = unsafe { info.si_pid() };
    (pid > 0).then_some(pid)
}

/// Makes orphaned descendants children of this process instead of PID 1's (prctl(2), PR_SET_CHILD_SUBREAPER).
///
/// # Errors
/// None since Linux 3.4.
pub fn set_subreaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::testing::{command, end, exec_result, shell, start};

    #[test]
    fn a_status_word_is_a_code_or_a_signal() {
        assert_eq!(Exit::from_wait_status(0), Exit::Code(0));
        assert_eq!(Exit::from_wait_status(0x0700), Exit::Code(7));
        assert_eq!(Exit::from_wait_status(9), Exit::Signal { signal: 9, core: false });
        assert_eq!(Exit::from_wait_status(0x8b), Exit::Signal { signal: 11, core: true });
    }

    #[test]
    fn a_child_that_runs_is_not_reaped_and_one_that_was_reaped_is_not_ours_any_more() {
        let child = start(&command(&["sleep", "60"]), None);
        exec_result(&child);
        assert_eq!(reap(child.pidfd.as_fd()).unwrap(), None);
        crate::sys::pidfd::pidfd_signal(child.pidfd.as_fd(), libc::SIGKILL).unwrap();
        assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGKILL, core: false });
        assert_eq!(reap(child.pidfd.as_fd()).unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }

    #[test]
    fn what_a_child_used_comes_with_its_status() {
        // 20 MiB in a grandchild that the shell waits for, and some work of the shell's own.
        let line = "head -c 20971520 /dev/zero | tail -c 20971520 >/dev/null; \
                    i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 4";
        let reaped = end(&start(&shell(line), None));
        assert_eq!(reaped.exit, Exit::Code(4));
        assert!(reaped.max_rss_bytes > 20 << 20, "{reaped:?}");
        assert!((1..60_000).contains(&reaped.cpu_ms()), "{reaped:?}");
    }
}

//! The clone itself: clone3 into a cgroup with a pidfd, or the older clone where that is all there is.
//! Knows nothing of what the child does.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::inside::{self, Plan};
use crate::sys::raw::{self, because};

/// `struct clone_args` up to `cgroup` (clone(2), Linux 5.7).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_PIDFD: u64 = 0x1000;
/// Signals that have a handler go back to their default (Linux 5.5).
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
/// Beyond 32 bits; the C library's constant of this name is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes the child, which runs `plan`. All signals are blocked meanwhile, so that no handler of the parent ever runs in it.
pub(super) fn clone(plan: &Plan<'_>, into: Option<BorrowedFd<'_>>) -> io::Result<(i32, OwnedFd)> {
    let mask = block_signals();
    let result = clone3(plan, into).or_else(|e| match e.raw_os_error() {
        // Not there, filtered, or too old to know of cgroups.
        Some(libc::ENOSYS | libc::EPERM | libc::E2BIG | libc::EINVAL) => old_clone(plan, into),
        _ => Err(e),
    });
    restore_signals(mask);
    result.map_err(|e| because(&e, "cannot start a process"))
}

fn clone3(plan: &Plan<'_>, into: Option<BorrowedFd<'_>>) -> io::Result<(i32, OwnedFd)> {
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        pidfd: (&raw mut pidfd).expose_provenance() as u64,
        exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
        ..CloneArgs::default()
    };
    if let Some(dir) = into {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(dir.as_raw_fd().cast_unsigned());
    }
    // SAFETY: `args` and the place for the pidfd are valid. Without CLONE_VM the child has its own copy of this memory and
    // goes on from here on its own copy of this stack, as after fork(2); it only ever runs `inside::run`.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) };
    outcome(pid, plan, || pidfd)
}

/// clone(2) knows no cgroup and keeps handlers: the child joins and resets by itself.
fn old_clone(plan: &Plan<'_>, into: Option<BorrowedFd<'_>>) -> io::Result<(i32, OwnedFd)> {
    let procs = into
        .map(|dir| nix::fcntl::openat(dir, "cgroup.procs", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()))
        .transpose()?;
    let join: Vec<RawFd> = procs.iter().map(AsRawFd::as_raw_fd).chain(plan.join.iter().copied()).collect();
    let plan = Plan { join: &join, reset: u64::MAX, ..*plan };
    let mut pidfd: RawFd = -1;
    let flags = CLONE_PIDFD | u64::from(libc::SIGCHLD.cast_unsigned());
    // On s390 the first two arguments are the other way round.
    let (first, second) = if cfg!(target_arch = "s390x") { (0, flags) } else { (flags, 0) };
    // SAFETY: as in `clone3`; the third argument is the place for the pidfd, the others are null.
    let pid = unsafe { libc::syscall(libc::SYS_clone, first, second, &raw mut pidfd, 0_usize, 0_usize) };
    outcome(pid, &plan, || pidfd)
}

/// In the child: runs the plan. In the parent: the pid and the pidfd that the kernel has stored by now.
fn outcome(pid: libc::c_long, plan: &Plan<'_>, pidfd: impl FnOnce() -> RawFd) -> io::Result<(i32, OwnedFd)> {
    let pid = i32::try_from(raw::check_long(pid)?).map_err(io::Error::other)?;
    if pid == 0 {
        inside::run(plan);
    }
    // SAFETY: the kernel has just made this descriptor for us, close-on-exec.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd()) }))
}

/// Blocks every signal of this thread and returns what was blocked before.
fn block_signals() -> u64 {
    let (all, mut before) = (u64::MAX, 0_u64);
    // SAFETY: both are valid eight-byte signal sets, as the kernel has them.
    let _ = unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, 8_usize)
    };
    before
}

fn restore_signals(mask: u64) {
    let none = std::ptr::null_mut::<u64>();
    // SAFETY: `mask` is a valid eight-byte signal set; the old one is not asked for.
    let _ =
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, none, 8_usize) };
}

/// The signals that this process ignores, bit 0 for signal 1 (proc_pid_status(5), SigIgn). Looked up once: a system call for
/// each signal of each child would be a tenth of the time that a start takes, and ebbd ignores none later on.
pub(super) fn ignored_signals() -> u64 {
    static IGNORED: OnceLock<u64> = OnceLock::new();
    *IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        // Not known: all of them.
        line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(u64::MAX)
    })
}

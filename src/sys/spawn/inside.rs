//! The child between clone and exec. Another thread of the parent may have held any lock at the moment of the clone, so
//! nothing here allocates, locks, panics, or calls the C library for more than a bare system call.

use std::os::fd::RawFd;

use libc::{c_char, c_long};

use super::failure::Step;

#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
use libc::{SYS_setgroups as SYS_SETGROUPS, SYS_setresgid as SYS_SETRESGID, SYS_setresuid as SYS_SETRESUID};
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
use libc::{
    SYS_setgroups32 as SYS_SETGROUPS, SYS_setresgid32 as SYS_SETRESGID, SYS_setresuid32 as SYS_SETRESUID,
};

/// `struct rlimit64` of prlimit(2).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct RawLimit {
    pub(super) soft: u64,
    pub(super) hard: u64,
}

/// Everything the child needs, laid out before the clone. All pointers are to NUL-terminated strings, the three lists of
/// pointers end in a null pointer, and all of it outlives the plan.
pub(super) struct Plan<'a> {
    /// Write end of the exec-status pipe, not below 3, close-on-exec.
    pub(super) status: RawFd,
    /// Files into which `0` is written to join a cgroup.
    pub(super) join: &'a [RawFd],
    /// Signals whose disposition may differ from the default: bit 0 is signal 1.
    pub(super) reset: u64,
    pub(super) oom_score_adj: Option<&'a [u8]>,
    pub(super) nice: Option<i32>,
    pub(super) rlimits: &'a [(u32, RawLimit)],
    pub(super) umask: u32,
    pub(super) identity: Option<(u32, u32, &'a [u32])>,
    pub(super) cwd: *const c_char,
    /// Descriptors, none below 3, that become 0, 1 and 2.
    pub(super) stdio: [RawFd; 3],
    /// Where it is noted that the run has begun: descriptor, offset, run.
    pub(super) note: Option<(RawFd, usize, u64)>,
    pub(super) programs: &'a [*const c_char],
    pub(super) argv: &'a [*const c_char],
    pub(super) envp: &'a [*const c_char],
}

type Outcome = Result<(), (Step, i32)>;

/// One system call. Its arguments are integers as wide as a register; pointers are given as their addresses.
///
/// # Safety
/// Every argument that the kernel takes for an address must be valid for what the call does with it.
unsafe fn call(number: c_long, args: [usize; 5]) -> Result<usize, i32> {
    let [a, b, c, d, e] = args;
    // SAFETY: by this function's own contract.
    let value = unsafe { libc::syscall(number, a, b, c, d, e) };
    match usize::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => Err(nix::errno::Errno::last_raw()),
    }
}

/// A system call that takes no address, and so can't go wrong in memory.
fn plain(number: c_long, args: [usize; 3]) -> Result<usize, i32> {
    let [a, b, c] = args;
    // SAFETY: only used for calls whose arguments are all integers.
    unsafe { call(number, [a, b, c, 0, 0]) }
}

const fn fd(fd: RawFd) -> usize {
    fd.cast_unsigned() as usize
}

/// Runs the plan. Comes back never: it ends in the program, or in a report and exit code 127.
pub(super) fn run(plan: &Plan<'_>) -> ! {
    let (step, errno) = match prepare(plan) {
        Ok(()) => {
            let errno = execute(plan);
            // There is no program, so nothing has begun: taken back before anybody hears of it.
            note(plan, 0);
            (Step::Exec, errno)
        }
        Err(failure) => failure,
    };
    let report = [step as u32, errno.cast_unsigned()];
    // SAFETY: `report` is eight valid bytes.
    let _ = unsafe {
        call(
            libc::SYS_write,
            [fd(plan.status), report.as_ptr().expose_provenance(), size_of_val(&report), 0, 0],
        )
    };
    loop {
        let _ = plain(libc::SYS_exit_group, [127, 0, 0]);
    }
}

/// All that comes before the exec. Limits come first, so that nothing runs without them; privileges go after everything
/// that needs them; the working directory comes after, because the job's user must be able to enter it.
fn prepare(plan: &Plan<'_>) -> Outcome {
    for &file in plan.join {
        write_all(file, b"0").map_err(|e| (Step::Cgroup, e))?;
    }
    plain(libc::SYS_setsid, [0; 3]).map_err(|e| (Step::Session, e))?;
    reset_signals(plan.reset);
    if let Some(text) = plan.oom_score_adj {
        write_oom_score(text).map_err(|e| (Step::OomScore, e))?;
    }
    if let Some(nice) = plan.nice {
        plain(libc::SYS_setpriority, [0, 0, nice.cast_unsigned() as usize]).map_err(|e| (Step::Nice, e))?;
    }
    // Before the limits: without close_range it goes by that of open descriptors, which may be less than what is open. What is
    // opened from here on is close-on-exec by itself.
    close_on_exec(plan).map_err(|e| (Step::Descriptors, e))?;
    for (resource, limit) in plan.rlimits {
        let limit = std::ptr::from_ref(limit).expose_provenance();
        // SAFETY: `limit` is a valid rlimit64; the old value is not asked for.
        unsafe { call(libc::SYS_prlimit64, [0, *resource as usize, limit, 0, 0]) }
            .map_err(|e| (Step::Rlimit, e))?;
    }
    let _ = plain(libc::SYS_umask, [plan.umask as usize, 0, 0]);
    become_user(plan)?;
    // SAFETY: `cwd` is a valid string by the contract of `Plan`.
    unsafe { call(libc::SYS_chdir, [plan.cwd.expose_provenance(), 0, 0, 0, 0]) }
        .map_err(|e| (Step::Cwd, e))?;
    for (target, source) in plan.stdio.into_iter().enumerate() {
        plain(libc::SYS_dup3, [fd(source), target, 0]).map_err(|e| (Step::Stdio, e))?;
    }
    unblock_signals();
    note(plan, plan.note.map_or(0, |(_, _, run)| run));
    // PR_SET_NO_NEW_PRIVS is not set: sudo and other set-user-id programs work in a job as they do under cron.
    // No parent-death signal either: a run outlives a crash of ebbd, which adopts it when it is back.
    Ok(())
}

/// The bare calls, because the C library's own would signal "all threads", of which this process has none.
fn become_user(plan: &Plan<'_>) -> Outcome {
    let Some((uid, gid, groups)) = plan.identity else { return Ok(()) };
    let (uid, gid) = (uid as usize, gid as usize);
    // SAFETY: `groups` is valid for as many ids as is said.
    unsafe { call(SYS_SETGROUPS, [groups.len(), groups.as_ptr().expose_provenance(), 0, 0, 0]) }
        .map_err(|e| (Step::Groups, e))?;
    plain(SYS_SETRESGID, [gid; 3]).map_err(|e| (Step::Gid, e))?;
    plain(SYS_SETRESUID, [uid; 3]).map_err(|e| (Step::Uid, e))?;
    Ok(())
}

fn write_all(file: RawFd, bytes: &[u8]) -> Result<(), i32> {
    // SAFETY: `bytes` is valid for its length.
    unsafe { call(libc::SYS_write, [fd(file), bytes.as_ptr().expose_provenance(), bytes.len(), 0, 0]) }
        .map(drop)
}

fn write_oom_score(text: &[u8]) -> Result<(), i32> {
    let path = c"/proc/self/oom_score_adj".as_ptr().expose_provenance();
    let flags = fd(libc::O_WRONLY | libc::O_CLOEXEC);
    // SAFETY: `path` is a valid string.
    let file = unsafe { call(libc::SYS_openat, [fd(libc::AT_FDCWD), path, flags, 0, 0]) }?;
    write_all(RawFd::try_from(file).unwrap_or(-1), text)
}

/// Signals back to their default. Handlers are gone after the exec anyway (but must not run before it), while ignored ones
/// would stay ignored: Rust ignores SIGPIPE.
fn reset_signals(which: u64) {
    // The kernel's struct sigaction is four words or fewer; all zero is SIG_DFL, no flags, empty mask.
    let default = [0_usize; 8];
    for signal in (1..=64).filter(|signal| which & (1 << (signal - 1)) != 0) {
        // SAFETY: `default` is larger than the struct that is read. SIGKILL and SIGSTOP answer EINVAL.
        let _ =
            unsafe { call(libc::SYS_rt_sigaction, [signal, default.as_ptr().expose_provenance(), 0, 8, 0]) };
    }
}

/// The parent blocked all signals around the clone, and the child ran no handler; the program starts with none blocked.
fn unblock_signals() {
    let none = 0_u64;
    let (how, set) = (fd(libc::SIG_SETMASK), (&raw const none).expose_provenance());
    // SAFETY: `none` is the eight bytes that are read.
    let _ = unsafe { call(libc::SYS_rt_sigprocmask, [how, set, 0, 8, 0]) };
}

/// Says that the run has begun, for an ebbd that finds its journal silent about it; run 0 takes that back. See `Begun`.
fn note(plan: &Plan<'_>, run: u64) {
    let Some((file, offset, _)) = plan.note else { return };
    // `struct __kernel_timespec`; where a 32-bit kernel lacks this call, the time is not known.
    let mut time = [0_i64; 2];
    #[cfg(target_pointer_width = "64")]
    let gettime = libc::SYS_clock_gettime;
    #[cfg(target_pointer_width = "32")]
    let gettime = 403; // clock_gettime64, the same number on every architecture
    let at = time.as_mut_ptr().expose_provenance();
    // SAFETY: `time` is the sixteen bytes that are written.
    let _ = unsafe { call(gettime, [fd(libc::CLOCK_REALTIME), at, 0, 0, 0]) };
    let at_ms = time[0].wrapping_mul(1000).wrapping_add(time[1] / 1_000_000);
    let pid = plain(libc::SYS_getpid, [0; 3]).unwrap_or(0);
    let note: [u64; 4] = [run, at_ms.cast_unsigned(), pid as u64, 0];
    let part = [note.as_ptr().expose_provenance(), size_of_val(&note)];
    let parts = part.as_ptr().expose_provenance();
    // pwritev takes its offset in two halves, in the same places on every architecture (preadv(2), NOTES).
    // SAFETY: `part` is one iovec, which names the valid bytes of `note`. What fails costs only what the note is for.
    let _ = unsafe { call(libc::SYS_pwritev, [fd(file), parts, 1, offset, 0]) };
}

/// Descriptors from 3 on close at the exec: all at once (Linux 5.11), or one by one up to the limit of open files.
fn close_on_exec(plan: &Plan<'_>) -> Result<(), i32> {
    const FALLBACK_MAX: usize = 65_536;
    let all = [3, u32::MAX as usize, libc::CLOSE_RANGE_CLOEXEC as usize];
    if plain(libc::SYS_close_range, all).is_ok() {
        return Ok(());
    }
    let mut limit = RawLimit { soft: 0, hard: 0 };
    let (nofile, place) = (libc::RLIMIT_NOFILE as usize, (&raw mut limit).expose_provenance());
    // SAFETY: `limit` is valid for writing an rlimit64; no new value is given.
    unsafe { call(libc::SYS_prlimit64, [0, nofile, 0, place, 0]) }?;
    let end = usize::try_from(limit.soft).unwrap_or(FALLBACK_MAX).clamp(256, FALLBACK_MAX);
    for number in (3..end).filter(|&n| n != fd(plan.status)) {
        let _ = plain(libc::SYS_fcntl, [number, fd(libc::F_SETFD), fd(libc::FD_CLOEXEC)]);
    }
    Ok(())
}

/// Tries the candidates as execvp(3) does: on to the next one where a file is not there or may not be executed; what may
/// not be executed is the better explanation in the end.
fn execute(plan: &Plan<'_>) -> i32 {
    let mut failure = libc::ENOENT;
    for program in plan.programs {
        let args = [
            program.expose_provenance(),
            plan.argv.as_ptr().expose_provenance(),
            plan.envp.as_ptr().expose_provenance(),
            0,
            0,
        ];
        // SAFETY: strings and null-terminated lists are valid by the contract of `Plan`. It returns only to fail.
        match unsafe { call(libc::SYS_execve, args) } {
            Err(libc::EACCES) => failure = libc::EACCES,
            Err(libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT) => {}
            Err(errno) => return errno,
            Ok(_) => {}
        }
    }
    failure
}

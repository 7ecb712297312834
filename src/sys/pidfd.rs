//! Processes by descriptor: a pid may be reused between two looks, a pidfd means the same process for ever.
//! Knows nothing of children and runs.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::child::Exit;
use super::{child, proc, raw};

/// A descriptor of the process `pid`; it becomes readable when that process ends. Close-on-exec, as the kernel makes it.
///
/// # Errors
/// ESRCH (no such process), ENOSYS (before Linux 5.3), EPERM (a container's seccomp filter), no descriptor left.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers and touches no memory of ours.
    raw::own_fd(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// Sends `signal` to exactly that process; 0 only asks whether it may be signalled.
///
/// # Errors
/// ESRCH (it has ended), EPERM (not ours to signal).
pub fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed; the other arguments are integers.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) };
    raw::check_long(sent).map(drop)
}

/// A process that is about to be signalled: by its descriptor, or where the kernel or a container's filter has none to give,
/// by its number. Of the number it has to be made sure again, right before the signal, that it is still the same process.
#[derive(Debug)]
pub enum Aim {
    /// A descriptor: never means another process.
    Descriptor(OwnedFd),
    /// A number, which can be given out again.
    Number(i32),
}

impl Aim {
    /// Takes aim; `None`: there is no such process.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn at(pid: i32) -> io::Result<Option<Self>> {
        match pidfd_open(pid) {
            Ok(fd) => Ok(Some(Self::Descriptor(fd))),
            Err(e) => match e.raw_os_error() {
                Some(libc::ESRCH) => Ok(None),
                Some(libc::ENOSYS | libc::EPERM) => Ok(Some(Self::Number(pid))),
                _ => Err(raw::because(&e, format_args!("cannot open process {pid}"))),
            },
        }
    }

    /// Sends the signal; whether it went.
    #[must_use]
    pub fn signal(&self, pid: i32, signal: i32) -> bool {
        match self {
            Self::Descriptor(fd) => match pidfd_signal(fd.as_fd(), signal) {
                Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => kill(pid, signal),
                sent => sent.is_ok(),
            },
            Self::Number(pid) => kill(*pid, signal),
        }
    }
}

/// Whether the process that started at `start_ticks` under this number and began a session is there, be it as a zombie.
///
/// Where nobody can look when a process started (no `/proc`, one that hides it, no descriptor left), a session of that number
/// tells: a process keeps the one that it began, and few begin one. Who can't look does not say that nobody is left.
#[must_use]
pub fn is_there(pid: i32, start_ticks: u64) -> bool {
    match proc::pid_start_ticks(pid) {
        _ if start_ticks == proc::START_OF_NOBODY => false,
        Ok(start) if start_ticks != proc::START_UNKNOWN => start == start_ticks,
        Ok(_) | Err(_) => leads_session(pid),
    }
}

/// Whether the process that [`is_there`] tells of has ended; a zombie has.
#[must_use]
pub fn has_ended(pid: i32, start_ticks: u64) -> bool {
    let is_zombie = match proc::stat(pid) {
        Ok(stat) => matches!(stat.state, b'Z' | b'X'),
        // Of our own children the kernel tells it without `/proc`.
        Err(_) => child::is_zombie(pid),
    };
    is_zombie || !is_there(pid, start_ticks)
}

fn leads_session(pid: i32) -> bool {
    // 0 would be this process itself.
    let pid = nix::unistd::Pid::from_raw(pid);
    pid.as_raw() > 0 && nix::unistd::getsid(Some(pid)) == Ok(pid)
}

fn kill(pid: i32, signal: i32) -> bool {
    if pid <= 0 {
        return false; // A group, or everybody.
    }
    // SAFETY: the call takes two integers and touches no memory of ours.
    unsafe { libc::kill(pid, signal) == 0 }
}

/// `struct pidfd_info` of linux/pidfd.h in its first version, 64 bytes.
#[repr(C)]
#[derive(Debug, Default)]
struct PidfdInfo {
    mask: u64,
    cgroup_id: u64,
    pids: [u32; 3],
    ids: [u32; 8],
    exit_code: i32,
}

/// Asks for `exit_code`.
const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// `_IOWR(0xFF, 11, struct pidfd_info)`.
#[allow(clippy::cast_possible_truncation)] // 64.
const PIDFD_GET_INFO: u32 = (3 << 30) | ((size_of::<PidfdInfo>() as u32) << 16) | (0xFF << 8) | 11;

/// How a process ended that need not be our child: known to the kernel (Linux 6.15 and later) once its parent has reaped
/// it, which can be later than the pidfd's becoming readable, and for as long as a descriptor of it is open.
///
/// `None` means "not reaped yet": ask again. (pidfs `PIDFD_GET_INFO`; ioctl_pidfd(2).)
///
/// # Errors
/// ENOTTY or EINVAL where the kernel is too old, ESRCH where it no longer knows.
pub fn pidfd_exit(pidfd: BorrowedFd<'_>) -> io::Result<Option<Exit>> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: the request number carries the size of `info`, which is valid for reading and writing.
    let done = unsafe { libc::ioctl(pidfd.as_fd().as_raw_fd(), PIDFD_GET_INFO as _, &raw mut info) };
    raw::check(done)?;
    Ok((info.mask & PIDFD_INFO_EXIT != 0).then(|| Exit::from_wait_status(info.exit_code)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::sys::testing::{LONG, command, end, exec_result, holds_within, readable_within, skip, start};

    #[test]
    fn a_descriptor_reports_the_end_and_never_means_another_process() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let fd = pidfd_open(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(!readable_within(fd.as_fd(), 0));
        pidfd_signal(fd.as_fd(), 0).unwrap();
        pidfd_signal(fd.as_fd(), libc::SIGTERM).unwrap();
        assert!(readable_within(fd.as_fd(), LONG));
        child.wait().unwrap();
        assert_eq!(pidfd_signal(fd.as_fd(), 0).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn who_cannot_tell_when_a_process_started_knows_it_by_its_session() {
        let run = start(&command(&["sleep", "60"]), None);
        exec_result(&run);
        assert!(is_there(run.pid, run.start_ticks) && is_there(run.pid, proc::START_UNKNOWN));
        assert!(!is_there(run.pid, run.start_ticks + 1) && !is_there(run.pid, proc::START_OF_NOBODY));
        assert!(!has_ended(run.pid, run.start_ticks) && !has_ended(run.pid, proc::START_UNKNOWN));
        // One that began no session is no run.
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let number = i32::try_from(other.id()).unwrap();
        assert!(!is_there(number, proc::START_UNKNOWN) && has_ended(number, proc::START_UNKNOWN));
        pidfd_signal(run.pidfd.as_fd(), libc::SIGKILL).unwrap();
        assert!(readable_within(run.pidfd.as_fd(), LONG));
        assert!(child::is_zombie(run.pid) && !child::is_zombie(number));
        assert!(has_ended(run.pid, run.start_ticks) && has_ended(run.pid, proc::START_UNKNOWN));
        end(&run);
        assert!(!is_there(run.pid, proc::START_UNKNOWN) && has_ended(run.pid, proc::START_UNKNOWN));
        assert!(!is_there(0, proc::START_UNKNOWN) && !is_there(-1, proc::START_UNKNOWN));
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn the_kernel_keeps_the_exit_of_a_process_that_somebody_else_has_reaped() {
        for (script, expected) in [
            ("read x; exit 9", Exit::Code(9)),
            ("read x; kill -9 $$", Exit::Signal { signal: libc::SIGKILL, core: false }),
        ] {
            let mut child =
                Command::new("sh").args(["-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
            let fd = pidfd_open(i32::try_from(child.id()).unwrap()).unwrap();
            match pidfd_exit(fd.as_fd()) {
                Ok(known) => assert_eq!(known, None, "it is still running"),
                Err(why) => {
                    child.wait().unwrap();
                    return skip(
                        "the_kernel_keeps_the_exit_of_a_process_that_somebody_else_has_reaped",
                        &why,
                    );
                }
            }
            drop(child.stdin.take());
            assert!(readable_within(fd.as_fd(), LONG));
            child.wait().unwrap();
            assert!(holds_within(LONG, || pidfd_exit(fd.as_fd()).unwrap().is_some()));
            assert_eq!(pidfd_exit(fd.as_fd()).unwrap(), Some(expected));
        }
    }
}

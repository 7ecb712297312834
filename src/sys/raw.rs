//! Small shared pieces around raw system calls: results to `io::Result`, descriptors to owners.
//! Knows no particular call.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A return value of the C library's convention: -1 means that `errno` says why.
pub(crate) fn check(value: libc::c_int) -> io::Result<libc::c_int> {
    if value == -1 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

/// The same for `syscall(2)`, whose values are longs.
pub(crate) fn check_long(value: libc::c_long) -> io::Result<libc::c_long> {
    if value == -1 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

/// Takes over a descriptor that the kernel has just made for us.
///
/// `fd` must come straight from a call that returned a new descriptor, or be its error value -1.
pub(crate) fn own_fd(fd: libc::c_long) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(check_long(fd)?).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: by this function's contract the descriptor is new and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What the operating system says about an error, without the number that Rust appends.
pub(crate) fn errno_text(error: &io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |n| nix::errno::Errno::from_raw(n).desc().to_owned())
}

/// The error with what was tried in front of it; its kind stays. A cgroup or process that vanished meanwhile (ENODEV,
/// ESRCH) is as much "not found" as one that was gone before, and a descriptor that can't be had now (EMFILE, ENFILE) is
/// to be had later ([`is_scarce`]).
pub(crate) fn because(error: &io::Error, tried: impl std::fmt::Display) -> io::Error {
    let kind = match error.raw_os_error() {
        Some(libc::ENODEV | libc::ESRCH) => io::ErrorKind::NotFound,
        Some(libc::EMFILE | libc::ENFILE) => io::ErrorKind::WouldBlock,
        Some(libc::EOPNOTSUPP) => io::ErrorKind::Unsupported,
        _ => error.kind(),
    };
    io::Error::new(kind, format!("{tried}: {}", errno_text(error)))
}

/// Whether something could not be had because there is none left just now (a descriptor, a process, memory, room on a disk,
/// a directory service's answer), so that the same may well succeed later.
#[must_use]
pub fn is_scarce(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, QuotaExceeded, StorageFull, TimedOut, WouldBlock};
    matches!(error.kind(), OutOfMemory | QuotaExceeded | StorageFull | TimedOut | WouldBlock)
        || matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

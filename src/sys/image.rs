//! Another program in the place of this one (execve(2)): which descriptors stay open for it, what it is told, and that no
//! signal is lost on the way. Knows nothing of what is handed over.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

use super::raw;
use crate::limits;

/// Lets a descriptor outlive the next execve(2), or not any more.
///
/// # Errors
/// None in practice.
pub fn keep_open(fd: BorrowedFd<'_>, keep: bool) -> io::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(fd, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Bytes in a file without a name, that nobody can change any more (memfd_create(2), F_ADD_SEALS).
///
/// # Errors
/// No memory, no descriptor, a filter that forbids it.
pub fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file =
        File::from(memfd_create(c"handover", MFdFlags::MFD_ALLOW_SEALING | MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(all_seals()))?;
    Ok(file.into())
}

fn all_seals() -> SealFlag {
    SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE
}

/// What [`sealed`] holds.
///
/// # Errors
/// `InvalidData` where it is no such file, else what the system said.
pub fn unsealed(fd: OwnedFd) -> io::Result<Vec<u8>> {
    let seals = fcntl(&fd, FcntlArg::F_GET_SEALS).map(SealFlag::from_bits_truncate);
    if !seals.is_ok_and(|seals| seals.contains(all_seals())) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no sealed file"));
    }
    let mut bytes = Vec::new();
    File::from(fd).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes over a descriptor that an earlier image of this process has left open, and closes it for later ones. Each can be
/// taken once: what is closed by an execve(2) was not left by one, or is owned already.
///
/// # Errors
/// EBADF where it is not open or not to be taken.
pub fn take(number: RawFd) -> io::Result<OwnedFd> {
    let bad = || io::Error::from_raw_os_error(libc::EBADF);
    if number <= 2 {
        return Err(bad());
    }
    // SAFETY: the call takes two integers and touches no memory of ours.
    let flags = raw::check(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(bad());
    }
    // SAFETY: all that this image opens is closed by an execve(2), so this one is open and nobody else's here.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    let done = fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    done.map(|_| fd).map_err(io::Error::from)
}

/// Closes every descriptor from `first` on that an earlier image of this process has left open (close_range(2) would close
/// those of this one as well).
pub fn close_left(first: RawFd) {
    let listed = std::fs::read_dir("/proc/self/fd").map(|dir| {
        let numbers = dir.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers.filter(|number| *number >= first).collect::<Vec<RawFd>>()
    });
    match listed {
        Ok(numbers) => close_each(numbers),
        // Where nobody says which there are: all that there can be.
        Err(_) => close_each(first..RawFd::try_from(limits::DESCRIPTORS_MAX).unwrap_or(RawFd::MAX)),
    }
}

fn close_each(numbers: impl IntoIterator<Item = RawFd>) {
    for number in numbers {
        drop(take(number));
    }
}

/// Blocks every signal: those that come now come to the program that takes this one's place, once it unblocks them.
///
/// # Errors
/// None in practice.
pub fn block_signals() -> io::Result<()> {
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?)
}

/// Lets signals through again, those that came meanwhile first.
///
/// # Errors
/// None in practice.
pub fn unblock_signals() -> io::Result<()> {
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// Puts the program at `path` in the place of this one. Comes back only to say why it could not.
pub fn replace(path: &Path, args: &[OsString], environment: &[(OsString, OsString)]) -> io::Error {
    let text = |text: &OsStr| CString::new(text.as_bytes());
    let pair = |(name, value): &(OsString, OsString)| {
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())
    };
    let path = text(path.as_os_str());
    let args: Result<Vec<CString>, _> = args.iter().map(|arg| text(arg)).collect();
    let environment: Result<Vec<CString>, _> = environment.iter().map(pair).collect();
    match (path, args, environment) {
        (Ok(path), Ok(args), Ok(environment)) => match nix::unistd::execve(&path, &args, &environment) {
            Ok(never) => match never {},
            Err(errno) => errno.into(),
        },
        _ => io::Error::new(io::ErrorKind::InvalidInput, "a NUL byte can't be handed to a program"),
    }
}

/// The number of a descriptor, for whoever takes it over.
#[must_use]
pub fn number(fd: BorrowedFd<'_>) -> RawFd {
    fd.as_raw_fd()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::testing::alone;

    #[test]
    fn what_is_sealed_comes_out_as_it_went_in_and_nothing_else_is_taken_for_it() {
        let fd = sealed(b"what there is").unwrap();
        let mut file = File::from(fd.try_clone().unwrap());
        assert!(file.write_all(b"more").is_err(), "it can be changed");
        assert_eq!(unsealed(fd).unwrap(), b"what there is");
        let other = tempfile::tempfile().unwrap();
        assert_eq!(unsealed(other.into()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn what_was_left_open_is_taken_once() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(take(file.as_raw_fd()).unwrap_err().raw_os_error(), Some(libc::EBADF), "nobody left it");
        keep_open(file.as_fd(), true).unwrap();
        let number = std::os::fd::IntoRawFd::into_raw_fd(file);
        let taken = take(number).unwrap();
        assert!(take(number).is_err(), "it has an owner now");
        drop(taken);
        assert!(take(0).is_err() && take(-1).is_err());
    }

    #[test]
    fn what_was_left_is_closed_and_nothing_else_also_where_nobody_lists_it() {
        let name = "sys::image::tests::what_was_left_is_closed_and_nothing_else_also_where_nobody_lists_it";
        if !alone(name) {
            return;
        }
        let own = tempfile::tempfile().unwrap();
        let leave = || {
            let file = tempfile::tempfile().unwrap();
            keep_open(file.as_fd(), true).unwrap();
            std::os::fd::IntoRawFd::into_raw_fd(file)
        };
        // What cargo has left open may be closed as well.
        let (listed, unlisted) = (leave(), leave());
        close_each(unlisted..64);
        assert!(take(unlisted).is_err());
        close_left(listed);
        assert!(take(listed).is_err());
        own.sync_all().unwrap();
    }
}

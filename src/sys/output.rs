//! A run's output file: opened for appending, bounded by giving the oldest part of it back to the file system.
//! The job writes to it directly; nobody is in between.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::stat::fstat;
use nix::unistd::{Whence, ftruncate, lseek};

use super::raw;

/// Makes a new output file (mode 0640), or goes on with one that is there.
///
/// # Errors
/// Whatever open(2) says.
pub fn create(path: &Path) -> io::Result<OwnedFd> {
    let file = OpenOptions::new()
        .append(true)
        .read(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    Ok(file.into())
}

/// Bytes of disk that a file takes, which is less than its length once something was punched out, and its length.
///
/// # Errors
/// Whatever fstat(2) says.
pub fn extent(file: &impl AsFd) -> io::Result<(u64, u64)> {
    let stat = fstat(file.as_fd())?;
    // st_blocks counts units of 512 bytes, whatever the file system's block is (inode(7)).
    let disk = u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
    Ok((disk, u64::try_from(stat.st_size).unwrap_or(0)))
}

/// Gives all but about the newest half of `max` bytes back to the file system; the length stays, the front becomes a hole.
///
/// Half, so that this happens once in `max / 2` bytes of output. A file system that can't punch (fallocate(2),
/// EOPNOTSUPP) loses the whole content instead: the job goes on and its writes, which append, begin anew.
///
/// # Errors
/// Whatever fallocate(2) or ftruncate(2) says.
pub fn punch(file: &impl AsFd, max: u64) -> io::Result<()> {
    let stat = fstat(file.as_fd())?;
    let block = u64::try_from(stat.st_blksize).unwrap_or(0).max(512);
    let end = u64::try_from(stat.st_size).unwrap_or(0).saturating_sub(max / 2) / block * block;
    let Ok(end) = i64::try_from(end) else { return Ok(()) };
    if end == 0 {
        return Ok(());
    }
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    match fallocate(file.as_fd(), flags, 0, end) {
        Err(nix::errno::Errno::EOPNOTSUPP) => Ok(ftruncate(file.as_fd(), 0)?),
        done => Ok(done?),
    }
}

/// Where content stands at or after `from`, behind what was punched out; none where nothing comes up to the end. The
/// descriptor's own position moves there.
///
/// # Errors
/// Whatever lseek(2) says.
pub fn next_data(file: &impl AsFd, from: u64) -> io::Result<Option<u64>> {
    let at = i64::try_from(from).map_err(io::Error::other)?;
    match lseek(file.as_fd(), at, Whence::SeekData) {
        Ok(start) => Ok(u64::try_from(start).ok()),
        Err(nix::errno::Errno::ENXIO) => Ok(None),
        // A file system without holes has data everywhere.
        Err(nix::errno::Errno::EINVAL) => Ok(Some(from)),
        Err(error) => Err(error.into()),
    }
}

/// A descriptor that becomes readable when the file is written to for the first time from now on (inotify(7)), whoever
/// writes and by whatever name.
///
/// # Errors
/// `/proc` is not mounted, or the user has no instance or watch of inotify left.
pub fn next_write(file: &OwnedFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes an integer and touches no memory of ours.
    let notifier = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
    let notifier = raw::own_fd(notifier.into())?;
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let what = libc::IN_MODIFY | libc::IN_ONESHOT;
    // SAFETY: `path` is a valid string.
    raw::check(unsafe { libc::inotify_add_watch(notifier.as_raw_fd(), path.as_ptr(), what) })?;
    Ok(notifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    fn the_oldest_part_goes_and_the_newest_stays_while_the_writer_appends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.log");
        let ours = create(&path).unwrap();
        let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
        let max = 256 * 1024;
        for number in 0..40_000 {
            writeln!(writer, "line {number:08} of a flood").unwrap();
        }
        assert!(extent(&ours).unwrap().0 > max);
        punch(&ours, max).unwrap();
        writeln!(writer, "the last line").unwrap();
        assert!(extent(&ours).unwrap().0 <= max, "{}", extent(&ours).unwrap().0);
        let start = next_data(&ours, 0).unwrap().unwrap();
        assert!(start > 0);
        let mut reader = std::fs::File::open(&path).unwrap();
        reader.seek(SeekFrom::Start(start)).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.ends_with("of a flood\nthe last line\n"));
        assert!(!text.contains('\0'));
    }

    #[test]
    fn an_empty_file_and_the_end_of_any_other_have_no_data() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(next_data(&file, 0).unwrap(), None);
        file.write_all(b"x").unwrap();
        assert_eq!(next_data(&file, 0).unwrap(), Some(0));
        assert_eq!(next_data(&file, 1).unwrap(), None);
    }

    #[test]
    fn the_next_write_is_told_and_no_earlier_one() {
        use crate::sys::testing::readable_within;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.log");
        let file = create(&path).unwrap();
        nix::unistd::write(&file, b"before").unwrap();
        let next = next_write(&file).unwrap();
        assert!(!readable_within(next.as_fd(), 50));
        std::fs::write(&path, "by another name").unwrap();
        assert!(readable_within(next.as_fd(), 5_000));
    }
}

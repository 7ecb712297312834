//! Files that are just there for this process, and what is sure to be on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt as _};
use std::path::Path;

/// Flag that keeps open(2) from waiting for the other end of a pipe.
pub const NON_BLOCKING: i32 = libc::O_NONBLOCK;

/// fdatasync(2), which is not believed where the file system is read-only: one that was made so while files were open for
/// writing still takes what is written to them into memory, and ext4 then calls it synced without having written it.
///
/// # Errors
/// What was written may be lost with the host.
pub fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()?;
    let facts = nix::sys::statvfs::fstatvfs(file)?;
    if facts.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY) {
        return Err(io::Error::from_raw_os_error(libc::EROFS));
    }
    Ok(())
}

/// A file without a name in `dir` (open(2), O_TMPFILE); it is gone with its last descriptor.
///
/// # Errors
/// Whatever open(2) says. On a file system that has no such files, one is made and unlinked.
pub fn nameless(dir: &Path) -> io::Result<File> {
    let open = |flags: i32, path: &Path| {
        OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(flags).open(path)
    };
    match open(libc::O_TMPFILE, dir) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
            let path = dir.join(format!(".nameless.{}", std::process::id()));
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            std::fs::remove_file(&path)?;
            Ok(file)
        }
        other => other,
    }
}

/// Writes to what a user has named: into what is no regular file, such as a pipe or a device, else as [`replace`].
///
/// # Errors
/// As [`replace`]; what is no file may have got a part of it.
pub fn put(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|facts| !facts.is_file()) {
        return std::fs::write(path, bytes);
    }
    replace(path, bytes, mode)
}

/// Puts a whole file in the place of what is at `path`, or there: whoever opens it sees the old one or the new one, also
/// after a crash. It gets the mode of the one before it, else `mode` as the umask leaves it. A symbolic link stays one.
///
/// # Errors
/// Nothing has changed, and nothing is left beside it.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let path = &match path.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    // Nobody can be there before, whose file it were then.
    beside.push(format!(".{:x}", fastrand::u64(..)));
    let beside = path.with_file_name(beside);
    let before = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    let mut written = || {
        if let Some(before) = &before {
            file.set_permissions(std::fs::Permissions::from_mode(before.permissions().mode() & 0o777))?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    written().inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_what_is_beside_it_is_nobodys_business() {
        let dir = tempfile::tempdir().unwrap();
        let (path, planted) = (dir.path().join("x"), dir.path().join(format!(".x.{}", std::process::id())));
        std::fs::write(&planted, "somebody else's").unwrap();
        replace(&path, b"one", 0o600).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"two", 0o600).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!((std::fs::read(&path).unwrap().as_slice(), mode), (&b"two"[..], 0o640));
        assert_eq!(std::fs::read(&planted).unwrap(), b"somebody else's");
        // Nothing can take the place of a directory, and nothing is left of the attempt.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        replace(&path, b"three", 0o600).unwrap_err();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}

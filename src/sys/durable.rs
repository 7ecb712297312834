//! Files that are just there for this process, and what is sure to be on disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
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

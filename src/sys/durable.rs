//! Files that are just there for this process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Flag that keeps open(2) from waiting for the other end of a pipe.
pub const NON_BLOCKING: i32 = libc::O_NONBLOCK;

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

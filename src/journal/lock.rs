//! One ebbd a state directory. The kernel drops the lock when its holder dies, however it dies.
//! Knows nothing of what the lock protects.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::Error;

/// The state directory is ours for as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    /// flock(2) hangs on the open file; a child does not keep it, for std opens with O_CLOEXEC.
    _file: File,
}

impl Lock {
    /// Takes the lock of `dir`, without waiting.
    ///
    /// # Errors
    /// [`Error::Locked`] where somebody holds it; [`Error::Io`] where the file can't be opened or locked.
    pub(super) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            // Whoever has no lock must not wipe out the pid of whoever has it.
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(Error::io("open the lock", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(Error::Locked { dir: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
        }
        // The pid only serves the message above: where it can't be written (a full disk), the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

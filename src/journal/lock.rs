//! One ebbd a state directory. The kernel drops the lock when its holder dies, however it dies.
//! Knows nothing of what the lock protects.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::error::Error;
use crate::limits::LOCK_WAIT_MS;

/// Between two tries, in milliseconds.
const STEP_MS: u64 = 20;

/// The state directory is ours for as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    /// flock(2) hangs on the open file, which std opens with O_CLOEXEC: a child has it until it executes its program.
    file: File,
}

impl Lock {
    /// Goes on with a lock that an earlier image of this process holds.
    pub(super) const fn of(file: File) -> Self {
        Self { file }
    }

    /// The file that the lock hangs on.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Takes the lock of `dir`. Waits up to [`LOCK_WAIT_MS`] for it: where ebbd died while it was starting a run, the
    /// child holds it for a moment longer.
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
        let mut waited_ms = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if waited_ms < LOCK_WAIT_MS => {
                    std::thread::sleep(Duration::from_millis(STEP_MS));
                    waited_ms += STEP_MS;
                }
                Err(TryLockError::WouldBlock) => {
                    let pid = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                    return Err(Error::Locked { dir: dir.to_owned(), pid });
                }
                Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
            }
        }
        // The pid only serves the message above: where it can't be written (a full disk), the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, but for a child that has not executed its program yet.
        let _ = self.file.unlock();
    }
}

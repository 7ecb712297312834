//! The pen: whole records are appended, on request they are put on disk, and nobody else writes here meanwhile.
//! Keeps two descriptors, a path and some numbers at rest; knows nothing of what the records mean.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::codec::to_line;
use super::error::{Error, Warning, tried};
use super::lock::Lock;
use super::names;
use super::record::Record;
use super::repair;
use super::segment::Segment;
use crate::clock::Wall;
use crate::limits::JOURNAL_SEGMENT_MAX;

/// The one writer of a state directory's journal.
///
/// Durability has two levels: what was appended survives ebbd, what was then synced survives the host. How many
/// records share a sync is the caller's choice.
#[derive(Debug)]
pub struct Writer {
    pub(super) dir: PathBuf,
    pub(super) segment: Segment,
    /// The length at which the live segment is to be rotated, in bytes.
    pub(super) rotate_at: u64,
    lock: Lock,
}

impl Writer {
    /// Takes the state directory (made where it is missing, mode 0750), puts right what a crash has left, and opens
    /// the live segment. `now` names what is put aside. The lock lasts until the writer is dropped or ebbd dies.
    ///
    /// # Errors
    /// [`Error::Locked`] where another ebbd has it; [`Error::Io`] where it can't be written. No content of the journal
    /// is ever a reason.
    pub fn open(dir: &Path, now: Wall) -> Result<(Self, Vec<Warning>), Error> {
        Self::open_with(dir, now, None)
    }

    /// The same with a lock that is held already, where an earlier image of this process has left one ([`Self::lock`]).
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn open_with(dir: &Path, now: Wall, lock: Option<File>) -> Result<(Self, Vec<Warning>), Error> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(dir)
            .map_err(Error::io("create the state directory", dir))?;
        let lock = lock.map_or_else(|| Lock::take(dir), |held| Ok(Lock::of(held)))?;
        let mut warnings = Vec::new();
        let (file, len) = repair::settle(dir, now, &mut warnings)?;
        let writer = Self {
            dir: dir.to_owned(),
            segment: Segment::new(file, len),
            rotate_at: JOURNAL_SEGMENT_MAX,
            lock,
        };
        Ok((writer, warnings))
    }

    /// What holds the state directory, for a program that takes this one's place.
    #[must_use]
    pub const fn lock(&self) -> &File {
        self.lock.file()
    }

    /// Appends one record; it survives ebbd from now on.
    ///
    /// # Errors
    /// The record is not in the journal, and nothing of it will be found there. `InvalidInput` where it is longer than
    /// [`crate::limits::JOURNAL_LINE_MAX`], else what the system said (`StorageFull`, ...).
    pub fn append(&mut self, record: &Record) -> std::io::Result<()> {
        self.segment.append(&to_line(record)?).map_err(tried("append to", &self.live()))
    }

    /// Takes back what is left of a line that could not be appended, so that it is not read.
    ///
    /// # Errors
    /// It is still there, and goes before the next append.
    pub fn mend(&mut self) -> std::io::Result<()> {
        self.segment.mend().map_err(tried("take a torn line out of", &self.live()))
    }

    /// fdatasync(2): all that was appended so far survives the host from now on.
    ///
    /// # Errors
    /// What was appended since the last sync may be lost with the host. Then [`Self::needs_rotation`] is true, and
    /// until [`Self::rotate`] has succeeded every sync fails: Linux would claim success without having written.
    pub fn sync(&mut self) -> std::io::Result<()> {
        self.segment.sync().map_err(tried("sync", &self.live()))
    }

    /// Whether [`Self::rotate`] is due: the live segment is full, or a sync has failed. After a rotation that failed it
    /// is due again a sixteenth of [`JOURNAL_SEGMENT_MAX`] later, or at once where it is due for a sync.
    #[must_use]
    pub const fn needs_rotation(&self) -> bool {
        self.segment.len() >= self.rotate_at || self.segment.is_suspect()
    }

    /// Whether a sync has failed since the last rotation, so that nothing that was appended is sure to be on disk.
    #[must_use]
    pub const fn is_suspect(&self) -> bool {
        self.segment.is_suspect()
    }

    /// The state directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn live(&self) -> PathBuf {
        self.dir.join(names::LIVE)
    }
}

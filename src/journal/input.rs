//! What demands bring for standard input: one file a run, on disk before the demand is in the journal, gone after its
//! run has ended. Knows nothing of the records.

use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::tried;
use super::record::{Input, RunId};
use super::repair::sync_dir;
use crate::limits::{CLIENTS_MAX, INPUT_MAX};

/// The directory `input` of a state directory; made when it is first needed. At most one in a state directory (the
/// holder of the [`super::Writer`]).
#[derive(Debug)]
pub struct Inputs {
    state_dir: PathBuf,
    keys: RandomState,
}

impl Inputs {
    /// Those of the state directory `dir`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { state_dir: dir.to_owned(), keys: RandomState::new() }
    }

    fn dir(&self) -> PathBuf {
        self.state_dir.join("input")
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.dir().join(name(run))
    }

    /// Begins a file that belongs to no run yet. It vanishes with the [`Staged`].
    ///
    /// # Errors
    /// It can't be made.
    pub fn stage(&self) -> io::Result<Staged> {
        let dir = self.dir();
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => sync_dir(&self.state_dir).map_err(tried("sync", &self.state_dir))?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(tried("create", &dir)(e)),
        }
        // A client stages one at a time.
        for number in 0..=CLIENTS_MAX {
            let path = dir.join(format!("new-{number}"));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok(Staged { file, path, bytes: 0, hasher: self.keys.build_hasher() }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(tried("create", &path)(e)),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("too many inputs are being received in {}", dir.display()),
        ))
    }

    /// Begins a file with what another one holds.
    ///
    /// # Errors
    /// As of [`Self::stage`] and [`Staged::write`].
    pub fn stage_again(&self, mut from: File) -> io::Result<Staged> {
        let mut staged = self.stage()?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            match from.read(&mut piece)? {
                0 => return Ok(staged),
                count => staged.write(&piece[..count])?,
            }
        }
    }

    /// Opens the input of `run` for its standard input.
    ///
    /// # Errors
    /// It can't be opened, or is not as long as `input` says (`InvalidData`): the disk has lost it.
    pub fn open(&self, run: RunId, input: Input) -> io::Result<File> {
        let path = self.path(run);
        let file = File::open(&path).map_err(tried("open the input", &path))?;
        let bytes = file.metadata()?.len();
        if bytes == input.bytes {
            return Ok(file);
        }
        let why = format!("the input {} has {bytes} bytes and should have {}", path.display(), input.bytes);
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }

    /// Gives the input of a run that has ended to the run that tries it again as well. Comes before the `Queued` of the
    /// retry is appended; the run's own is for [`Self::remove`] afterwards, so that a crash in between loses none.
    ///
    /// # Errors
    /// It can't be linked, or not be brought to disk under its new name.
    pub fn pass_on(&self, ended: RunId, retry: RunId) -> io::Result<()> {
        let (from, to) = (self.path(ended), self.path(retry));
        match std::fs::hard_link(&from, &to) {
            // From a try that was cut short; nothing else can have this number.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            // A file system without links.
            Err(e) if matches!(e.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP)) => {
                std::fs::rename(&from, &to).map_err(tried("rename the input", &from))?;
            }
            linked => linked.map_err(tried("link the input", &from))?,
        }
        sync_dir(&self.dir()).map_err(tried("sync", &self.dir()))
    }

    /// Whether `run` has an input.
    #[must_use]
    pub fn has(&self, run: RunId) -> bool {
        self.path(run).exists()
    }

    /// Removes the input of `run`, where it has one. Comes after the run's `Finished` is appended.
    ///
    /// # Errors
    /// It can't be removed; the next [`Self::sweep`] tries again.
    pub fn remove(&self, run: RunId) -> io::Result<()> {
        let path = self.path(run);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(tried("remove", &path)(e)),
            _ => Ok(()),
        }
    }

    /// At a start: removes what belongs to no run that `keep` knows, and gives how many files that were. Files whose
    /// names are not ours stay.
    ///
    /// # Errors
    /// The directory can't be read, or a file not be removed (the others are, where they can be).
    pub fn sweep(&self, keep: &dyn Fn(RunId) -> bool) -> io::Result<usize> {
        let dir = self.dir();
        let entries = match std::fs::read_dir(&dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(tried("list", &dir))?,
        };
        let mut removed = 0;
        let mut result = Ok(());
        for entry in entries {
            let path = entry.map_err(tried("list", &dir))?.path();
            if !is_orphan(&path, keep) {
                continue;
            }
            match std::fs::remove_file(&path) {
                Ok(()) => removed += 1,
                Err(e) => result = Err(tried("remove", &path)(e)),
            }
        }
        result.map(|()| removed)
    }
}

fn name(run: RunId) -> String {
    format!("{run}.bin")
}

fn is_orphan(path: &Path, keep: &dyn Fn(RunId) -> bool) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    match name.strip_suffix(".bin") {
        Some(run) => run.parse().is_ok_and(|run| !keep(run)),
        None => name.starts_with("new-"),
    }
}

/// A payload that is being received, or has been and belongs to no run yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    file: File,
    path: PathBuf,
    bytes: u64,
    hasher: <RandomState as BuildHasher>::Hasher,
}

impl Staged {
    /// Adds the next bytes.
    ///
    /// # Errors
    /// `FileTooLarge` where it gets longer than [`INPUT_MAX`], else what the system said. Drop it then.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > INPUT_MAX {
            let why = format!("the input is longer than {INPUT_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        self.hasher.write(bytes);
        self.file.write_all(bytes).map_err(tried("write", &self.path))
    }

    /// Opens it for reading from its beginning.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn open(&self) -> io::Result<File> {
        File::open(&self.path).map_err(tried("open", &self.path))
    }

    /// What the journal says of it, if no more bytes come.
    #[must_use]
    pub fn input(&self) -> Input {
        Input { bytes: self.bytes, hash: self.hasher.finish() }
    }

    /// Makes it the input of `run`: on disk, under its name. Comes before the run's `Queued` is appended.
    ///
    /// # Errors
    /// There is no input for the run, and nothing is left of it.
    pub fn keep(self, run: RunId) -> io::Result<Input> {
        let path = self.path.with_file_name(name(run));
        crate::sys::durable::sync_data(&self.file).map_err(tried("sync", &self.path))?;
        std::fs::rename(&self.path, &path).map_err(tried("create", &path))?;
        let dir = path.parent().unwrap_or(Path::new("."));
        match sync_dir(dir) {
            Ok(()) => Ok(self.input()),
            Err(e) => {
                let _ = std::fs::remove_file(&path);
                Err(tried("sync", dir)(e))
            }
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Where it was kept, its name is another.
        let _ = std::fs::remove_file(&self.path);
    }
}

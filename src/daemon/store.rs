//! The definitions in force, on disk instead of in memory: the version that was checked is the one that runs,
//! whatever happens to its file meanwhile. The store has no name in the file system and ends with ebbd.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::DefinitionRef;
use crate::job::{Definition, FileStamp};
use crate::limits;

/// A definition and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The job.
    pub definition: Definition,
    /// Its file.
    pub path: PathBuf,
    /// How the file looked when it was read.
    pub stamp: Stamp,
}

/// [`FileStamp`] as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    stat: u64,
    content: u64,
}

impl From<FileStamp> for Stamp {
    fn from(stamp: FileStamp) -> Self {
        Self { stat: stamp.stat, content: stamp.content }
    }
}

impl Stored {
    /// Whether its file still says what it said; an error where the file can't be read.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn is_current(&self) -> io::Result<bool> {
        let facts = std::fs::metadata(&self.path)?;
        let stamp = FileStamp { stat: self.stamp.stat, content: self.stamp.content };
        if stamp.is_untouched(&facts) {
            return Ok(true);
        }
        // What is no file any more, or too large to be a job's, has changed; to read it could take for ever.
        if !facts.is_file() || facts.len() > limits::JOB_FILE_MAX {
            return Ok(false);
        }
        // Touched, but perhaps only that.
        let bytes = std::fs::read(&self.path)?;
        Ok(FileStamp::new(&facts, &bytes).content == stamp.content)
    }
}

/// The store.
#[derive(Debug)]
pub struct Store {
    file: File,
    end: u32,
}

impl Store {
    /// An empty store over a file without a name.
    #[must_use]
    pub const fn new(file: File) -> Self {
        Self { file, end: 0 }
    }

    /// The file, for a program that takes this one's place.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Puts a definition in and says where it lies.
    ///
    /// # Errors
    /// When the disk is full, or more than 4 GiB are stored.
    pub fn put(&mut self, stored: &Stored) -> io::Result<DefinitionRef> {
        let bytes = serde_json::to_vec(stored)?;
        let too_much = |_| io::Error::other("more than 4 GiB of definitions");
        let length = u32::try_from(bytes.len()).map_err(too_much)?;
        let end =
            self.end.checked_add(length).ok_or_else(|| io::Error::other("more than 4 GiB of definitions"))?;
        self.file.write_all_at(&bytes, u64::from(self.end))?;
        let at = DefinitionRef { offset: self.end, length };
        self.end = end;
        Ok(at)
    }

    /// Takes a definition out again.
    ///
    /// # Errors
    /// When the file can't be read, or `at` does not come from this store.
    pub fn get(&self, at: DefinitionRef) -> io::Result<Stored> {
        let mut bytes = vec![0; at.length as usize];
        self.file.read_exact_at(&mut bytes, u64::from(at.offset))?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

//! The note that a child leaves just before its program, and takes back where that can't be executed: that its run has begun.
//! Whoever looks after a crash of the parent knows by it that the run must not be started again. The file has its room beforehand, so a full disk does not keep a note
//! from being left. Knows nothing of jobs.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of one note: run, milliseconds since 1970, pid, zero; as this machine writes numbers.
const NOTE: usize = 32;
/// Notes that the file has room for; should more children be on their way to their programs at once, it grows.
const NOTES: usize = 128;

/// The notes of one state directory.
#[derive(Debug)]
pub struct Begun {
    file: File,
    /// By place: the run that may still need its note, or 0.
    taken: RefCell<Vec<u64>>,
}

/// A note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Which run.
    pub run: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// As which process.
    pub pid: i32,
}

impl Begun {
    /// Opens the file, and makes it where it is missing.
    ///
    /// # Errors
    /// It can't be opened, or has no room for its notes.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let begun = Self { file, taken: RefCell::default() };
        if begun.file.metadata()?.len() < (NOTE * NOTES) as u64 {
            begun.clear()?;
        }
        Ok(begun)
    }

    /// All notes, in no order.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn notes(&self) -> io::Result<Vec<Note>> {
        let mut bytes = Vec::new();
        (&self.file).seek(SeekFrom::Start(0))?;
        (&self.file).read_to_end(&mut bytes)?;
        let word = |note: &[u8], at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&note[8 * at..8 * at + 8]);
            u64::from_ne_bytes(word)
        };
        let notes = bytes.chunks_exact(NOTE).filter(|note| word(note, 0) != 0).map(|note| Note {
            run: word(note, 0),
            at_ms: word(note, 1).cast_signed(),
            pid: i32::try_from(word(note, 2)).unwrap_or(0),
        });
        Ok(notes.collect())
    }

    /// Wipes all notes out.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn clear(&self) -> io::Result<()> {
        // Written, not just lengthened: a hole would need room later on.
        self.file.write_all_at(&[0; NOTE * NOTES], 0)?;
        self.file.set_len((NOTE * NOTES) as u64)
    }

    /// Where the child of `run` leaves its note. Nobody else gets this place until [`Self::forget`].
    #[must_use]
    pub fn place(&self, run: u64) -> Place<'_> {
        let mut taken = self.taken.borrow_mut();
        let slot = taken.iter().position(|of| *of == 0).unwrap_or_else(|| {
            taken.push(0);
            taken.len() - 1
        });
        taken[slot] = run;
        Place { file: self.file.as_fd(), offset: slot * NOTE, run }
    }

    /// The note of `run` is needed no more, or was never left: its start is recorded, it has ended, or it could not begin.
    pub fn forget(&self, run: u64) {
        let mut taken = self.taken.borrow_mut();
        taken.iter_mut().filter(|of| **of == run).for_each(|of| *of = 0);
        if taken.iter().all(|of| *of == 0) {
            *taken = Vec::new();
        }
    }
}

/// Where a child leaves its note.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    file: BorrowedFd<'a>,
    offset: usize,
    run: u64,
}

impl Place<'_> {
    /// The descriptor, the offset and the run, as the child needs them.
    pub(super) fn parts(self) -> (RawFd, usize, u64) {
        (self.file.as_raw_fd(), self.offset, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::spawn::{ExecResult, SpawnSpec};
    use crate::sys::testing::{end, exec_result, shell, start_noting};

    #[test]
    fn a_child_that_gets_to_its_program_has_left_its_note_and_one_that_does_not_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("begun");
        let begun = Begun::open(&path).unwrap();
        let before = crate::sys::clock::now().wall.0;
        let child = start_noting(&shell("exit 3"), begun.place(300));
        exec_result(&child);
        let [note] = begun.notes().unwrap()[..] else { panic!("{:?}", begun.notes()) };
        assert_eq!((note.run, note.pid), (300, child.pid));
        assert!((before..=crate::sys::clock::now().wall.0).contains(&note.at_ms), "{note:?}");
        end(&child);
        let nowhere = SpawnSpec::new(&["true".to_owned()], &[], Path::new("/nowhere")).unwrap();
        end(&start_noting(&nowhere, begun.place(301)));
        assert_eq!(begun.notes().unwrap().len(), 1, "it never got as far");
        let nothing = SpawnSpec::new(&["/nowhere".to_owned()], &[], Path::new("/")).unwrap();
        let child = start_noting(&nothing, begun.place(302));
        assert!(matches!(exec_result(&child), ExecResult::Failed(_)));
        assert_eq!(begun.notes().unwrap(), [note], "what can't be executed has taken its note back");
        end(&child);
        // Another opening reads the same; the size never changes.
        let again = Begun::open(&path).unwrap();
        assert_eq!(again.notes().unwrap(), [note]);
        again.clear().unwrap();
        assert_eq!((again.notes().unwrap(), std::fs::metadata(&path).unwrap().len()), (vec![], 4096));
    }

    #[test]
    fn no_note_is_overwritten_before_it_is_forgotten_however_many_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let begun = Begun::open(&dir.path().join("begun")).unwrap();
        let runs: Vec<u64> = (1..=NOTES as u64 + 3).map(|n| n * NOTES as u64).collect();
        let offsets: std::collections::BTreeSet<usize> =
            runs.iter().map(|run| begun.place(*run).offset).collect();
        assert_eq!(offsets.len(), runs.len());
        let child = start_noting(&shell("true"), begun.place(7));
        end(&child);
        begun.forget(runs[3]);
        assert_eq!(begun.place(9).offset, 3 * NOTE);
        assert_eq!(
            begun.notes().unwrap().last().map(|note| note.run),
            Some(7),
            "the file grows where it has to"
        );
        runs.iter().chain(&[7, 9]).for_each(|run| begun.forget(*run));
        assert!(begun.taken.borrow().is_empty(), "at rest it holds nothing");
    }
}

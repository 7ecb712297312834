//! The end of one open segment: a line is on it whole, or not at all.
//! Knows bytes; knows nothing of records, names and rotation.

use std::fs::File;
use std::io::{self, Write};

/// What a segment needs of its file; a trait so that tests can let it fail.
pub(super) trait Backing: Write {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// ftruncate(2).
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// fdatasync(2), where that can be believed.
    fn sync_data(&self) -> io::Result<()>;
}

impl Backing for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }
    fn sync_data(&self) -> io::Result<()> {
        crate::sys::durable::sync_data(self)
    }
}

/// A file, open for appending (O_APPEND), and what is known of its end.
#[derive(Debug)]
pub(super) struct Segment<F = File> {
    file: F,
    /// Bytes of whole lines.
    len: u64,
    /// Bytes of a torn line at the end, which could not be taken back yet.
    torn: u64,
    /// A sync has failed, and with it what was not on disk may be gone: after a failed fdatasync Linux holds the pages
    /// for clean, and the next one succeeds without having written them (fsync(2), "Errors").
    suspect: bool,
}

impl<F: Backing> Segment<F> {
    /// A segment whose file has `len` bytes, all of them whole lines.
    pub(super) const fn new(file: F, len: u64) -> Self {
        Self { file, len, torn: 0, suspect: false }
    }

    /// Bytes of whole lines.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Whether what was appended may not be on disk although it was synced; only a new segment cures that.
    pub(super) const fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// From now on [`Self::sync`] fails.
    pub(super) const fn suspect(&mut self) {
        self.suspect = true;
    }

    /// Appends `line`, which ends with a newline, in one write(2) where the system takes it in one.
    ///
    /// # Errors
    /// Nothing of the line is in the file then; where even that failed, it is made so before the next append.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.mend()?;
        let begin = self.file.len()?;
        let mut rest = line;
        while !rest.is_empty() {
            // After a short write the next one tells the reason, or succeeds.
            let failed = match self.file.write(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(n) => {
                    rest = &rest[n..];
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => e,
            };
            // What the system says it has not taken can be there all the same: ext4 on a disk that has turned read-only.
            let grown = self.file.len().map_or(0, |end| end.saturating_sub(begin));
            self.torn = grown.max((line.len() - rest.len()) as u64);
            // A failure is kept in `torn`.
            let _ = self.mend();
            return Err(failed);
        }
        self.len += line.len() as u64;
        Ok(())
    }

    /// Takes a torn line back. Counts from the file's end and not from `len`: somebody may have emptied the file
    /// (`copytruncate`), and to set a length beyond its end would fill it with NULs.
    pub(super) fn mend(&mut self) -> io::Result<()> {
        if self.torn > 0 {
            let end = self.file.len()?;
            self.file.set_len(end.saturating_sub(self.torn))?;
            self.torn = 0;
        }
        Ok(())
    }

    /// Puts everything that was appended on disk.
    ///
    /// # Errors
    /// What was appended since the last sync may be lost with the host. Every later sync fails too.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.suspect {
            return Err(io::Error::other("an earlier sync failed, so the journal must be rotated first"));
        }
        self.file.sync_data().inspect_err(|_| self.suspect = true)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A file that takes `room` bytes in writes of at most `step`, and whose calls fail on request.
    #[derive(Default)]
    struct Failing {
        bytes: RefCell<Vec<u8>>,
        room: usize,
        step: usize,
        set_len_fails: bool,
        sync_fails: bool,
        /// Takes what is written, and says that it does not.
        lies: bool,
        interrupts: u32,
    }

    impl Write for Failing {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            if self.interrupts > 0 {
                self.interrupts -= 1;
                return Err(io::ErrorKind::Interrupted.into());
            }
            let mut bytes = self.bytes.borrow_mut();
            let n = buf.len().min(self.room - bytes.len()).min(self.step);
            if n == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            bytes.extend_from_slice(&buf[..n]);
            if self.lies { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(n) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Backing for Failing {
        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.borrow().len() as u64)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            if self.set_len_fails {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.bytes.borrow_mut().resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }
        fn sync_data(&self) -> io::Result<()> {
            if self.sync_fails { Err(io::Error::other("bad disk")) } else { Ok(()) }
        }
    }

    fn segment(room: usize, step: usize) -> Segment<Failing> {
        Segment::new(Failing { room, step, ..Failing::default() }, 0)
    }

    fn text(segment: &Segment<Failing>) -> String {
        String::from_utf8(segment.file.bytes.borrow().clone()).unwrap()
    }

    #[test]
    fn a_line_that_does_not_fit_leaves_nothing_behind_wherever_the_disk_is_full() {
        for room in 4..9 {
            let mut s = segment(room, usize::MAX);
            s.append(b"one\n").unwrap();
            let error = s.append(b"three\n").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert_eq!(text(&s), "one\n");
            s.file.room = 100;
            s.append(b"two\n").unwrap();
            assert_eq!((text(&s).as_str(), s.len()), ("one\ntwo\n", 8));
        }
    }

    #[test]
    fn a_line_that_was_refused_is_not_there_even_where_the_system_took_it() {
        let mut s = segment(100, usize::MAX);
        s.append(b"one\n").unwrap();
        (s.file.lies, s.file.set_len_fails) = (true, true);
        for _ in 0..3 {
            s.append(b"two\n").unwrap_err();
        }
        (s.file.lies, s.file.set_len_fails) = (false, false);
        s.mend().unwrap();
        assert_eq!(text(&s), "one\n");
        s.append(b"three\n").unwrap();
        assert_eq!(text(&s), "one\nthree\n");
    }

    #[test]
    fn a_write_that_is_short_or_interrupted_goes_on() {
        let mut s = segment(100, 2);
        s.file.interrupts = 3;
        s.append(b"three\n").unwrap();
        assert_eq!(text(&s), "three\n");
    }

    #[test]
    fn a_torn_line_that_could_not_be_taken_back_is_taken_back_before_the_next_append() {
        let mut s = segment(6, usize::MAX);
        s.append(b"one\n").unwrap();
        s.file.set_len_fails = true;
        s.append(b"three\n").unwrap_err();
        assert_eq!(text(&s), "one\nth");
        s.file.room = 100;
        assert_eq!(s.append(b"two\n").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(text(&s), "one\nth", "nothing may follow a torn line");
        s.file.set_len_fails = false;
        s.append(b"two\n").unwrap();
        assert_eq!(text(&s), "one\ntwo\n");
    }

    #[test]
    fn a_file_that_somebody_emptied_is_not_filled_with_nuls() {
        let mut s = segment(100, usize::MAX);
        s.append(b"one\n").unwrap();
        s.file.bytes.borrow_mut().clear();
        s.file.room = 3;
        s.append(b"three\n").unwrap_err();
        assert_eq!(text(&s), "");
    }

    #[test]
    fn after_a_failed_sync_none_succeeds_by_itself() {
        let mut s = segment(100, usize::MAX);
        s.file.sync_fails = true;
        s.sync().unwrap_err();
        s.file.sync_fails = false;
        s.sync().unwrap_err();
        assert!(s.is_suspect());
    }
}

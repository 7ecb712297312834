//! A run's output as the client reads it: the open file that ebbd hands over, which may grow while it is read and lose
//! its oldest part. Knows no socket.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;

use crate::sys::output;

use super::failure::Failure;

/// Bytes copied at a time.
const PIECE: usize = 64 * 1024;

/// A run's output, read from its beginning on.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// What stands before it was copied or is gone.
    at: u64,
    has_dropped: bool,
}

impl Output {
    /// From the beginning of a file.
    pub(super) const fn new(file: File) -> Self {
        Self { file, at: 0, has_dropped: false }
    }

    /// Copies what has come since the last time, and gives its length in bytes.
    ///
    /// # Errors
    /// When the file can't be read, or nobody takes what is in it.
    pub(super) fn copy(&mut self, out: &mut dyn Write) -> Result<u64, Failure> {
        let unreadable = |e: io::Error| Failure::system("the run's output can't be read", &e);
        let mut copied = 0;
        let mut piece = vec![0; PIECE];
        loop {
            let before = self.at;
            if !self.skip_hole().map_err(unreadable)? {
                break;
            }
            let count = self.file.read_at(&mut piece, self.at).map_err(unreadable)?;
            if count == 0 {
                break;
            }
            let new = if self.at > before { whole_lines(&piece[..count]) } else { &piece[..count] };
            out.write_all(new)?;
            self.at += count as u64;
            copied += new.len() as u64;
        }
        if copied > 0 {
            out.flush()?;
        }
        Ok(copied)
    }

    /// Whether a part was gone before it could be copied.
    pub(super) const fn has_dropped(&self) -> bool {
        self.has_dropped
    }

    /// Moves on to the next byte that is there; false where nothing more is.
    fn skip_hole(&mut self) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        if size < self.at {
            // The job has truncated its own output and begun anew.
            self.at = 0;
        }
        if size == self.at {
            return Ok(false);
        }
        // A file system that knows no holes says that all is data.
        let data = output::next_data(&self.file, self.at)?.unwrap_or(size);
        self.has_dropped |= data > self.at;
        self.at = data;
        Ok(data < size)
    }
}

/// Without the rest of a line whose beginning is gone, where others follow it.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    if end < bytes.len() { &bytes[end..] } else { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(output: &mut Output) -> String {
        let mut out = Vec::new();
        output.copy(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_comes_later_is_copied_later_and_nothing_twice() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut output = Output::new(file.reopen().unwrap());
        assert_eq!(copied(&mut output), "");
        file.write_all(b"one\n").unwrap();
        assert_eq!(copied(&mut output), "one\n");
        assert_eq!(copied(&mut output), "");
        file.write_all(b"two\n").unwrap();
        assert_eq!(copied(&mut output), "two\n");
        assert!(!output.has_dropped());
    }

    #[test]
    fn a_hole_at_the_front_is_skipped_and_known() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(b"half a line\nnewest\n", 1 << 20).unwrap();
        let mut output = Output::new(file);
        assert_eq!(copied(&mut output), "newest\n");
        assert!(output.has_dropped());
    }

    #[test]
    fn half_a_line_is_shown_where_there_is_nothing_else() {
        for bytes in [&b"half a line"[..], b"half a line\n", b""] {
            assert_eq!(whole_lines(bytes), bytes);
        }
        assert_eq!(whole_lines(b"half a line\nwhole"), b"whole");
    }

    #[test]
    fn an_output_that_its_job_has_truncated_is_read_anew() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"a long first line", 0).unwrap();
        let mut output = Output::new(file.try_clone().unwrap());
        assert_eq!(copied(&mut output), "a long first line");
        file.set_len(0).unwrap();
        file.write_all_at(b"short", 0).unwrap();
        assert_eq!(copied(&mut output), "short");
    }
}

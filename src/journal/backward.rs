//! Lines of a file from its last to its first, a block at a time: the end of a big journal is near.
//! Knows bytes; knows nothing of records.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::limits::JOURNAL_LINE_MAX;

/// A reader that walks from the end of a file to its beginning.
#[derive(Debug)]
pub(super) struct Backward {
    file: File,
    /// Bytes read at once.
    block: usize,
    /// Where in the file `buf[head]` is.
    pos: u64,
    /// `buf[head..end]` was read and is still to be given out; it fills up towards the front.
    buf: Vec<u8>,
    head: usize,
    end: usize,
    /// A newline can only be in `buf[head..scan]`.
    scan: usize,
    /// Whether a newline follows `buf[..end]`.
    terminated: bool,
    /// The piece that ends here is too long, and what was read of it is dropped.
    too_long: bool,
    /// The first line has been given out.
    done: bool,
    /// Bytes read so far.
    read: u64,
}

/// What one step found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A line without its newline, and where in the file it begins.
    Line {
        /// Offset of its first byte.
        start: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// What follows the last newline; given out only where there is something.
    Torn,
    /// A line longer than [`JOURNAL_LINE_MAX`].
    TooLong,
    /// A block was read, and no line is whole yet.
    More,
    /// There are no more.
    End,
}

impl Backward {
    /// Starts at the present end of `file`; what is appended later is not seen. Reads nothing yet.
    ///
    /// # Errors
    /// The file's length can't be had.
    pub(super) fn new(file: File, block: usize) -> io::Result<Self> {
        let pos = file.metadata()?.len();
        Ok(Self {
            file,
            block,
            pos,
            buf: Vec::new(),
            head: 0,
            end: 0,
            scan: 0,
            terminated: false,
            too_long: false,
            done: false,
            read: 0,
        })
    }

    /// Bytes read so far.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The next piece towards the beginning; reads at most one block.
    ///
    /// # Errors
    /// The file can't be read, or was shortened meanwhile.
    pub(super) fn step(&mut self) -> io::Result<Piece<'_>> {
        if self.done {
            return Ok(Piece::End);
        }
        if let Some(newline) = self.buf[self.head..self.scan].iter().rposition(|&b| b == b'\n') {
            let newline = self.head + newline;
            return Ok(self.piece(newline + 1, newline));
        }
        if self.pos == 0 {
            self.done = true;
            return Ok(self.piece(self.head, self.head));
        }
        self.fill()?;
        Ok(Piece::More)
    }

    /// Gives out `buf[from..end]` and leaves `buf[head..rest]`.
    fn piece(&mut self, from: usize, rest: usize) -> Piece<'_> {
        let to = std::mem::replace(&mut self.end, rest);
        self.scan = rest;
        let terminated = std::mem::replace(&mut self.terminated, true);
        if std::mem::take(&mut self.too_long) || to - from >= JOURNAL_LINE_MAX {
            return if terminated { Piece::TooLong } else { Piece::Torn };
        }
        match (terminated, from == to) {
            (true, _) => {
                Piece::Line { start: self.pos + (from - self.head) as u64, bytes: &self.buf[from..to] }
            }
            (false, false) => Piece::Torn,
            // The file ends with a newline, or is empty.
            (false, true) => {
                if self.done {
                    Piece::End
                } else {
                    Piece::More
                }
            }
        }
    }

    /// Reads the block before what is there.
    fn fill(&mut self) -> io::Result<()> {
        if self.end - self.head >= JOURNAL_LINE_MAX {
            self.too_long = true;
            self.end = self.head;
        }
        let n = usize::try_from(self.pos).map_or(self.block, |pos| pos.min(self.block));
        if self.head < n {
            self.make_room(n);
        }
        let before = self.head - n;
        self.file.read_exact_at(&mut self.buf[before..self.head], self.pos - n as u64)?;
        // What was there before has no newline, or it would have been given out.
        self.scan = self.head;
        self.head = before;
        self.pos -= n as u64;
        self.read += n as u64;
        Ok(())
    }

    /// Moves what is there to the back, so that `n` bytes fit in front. A buffer that is too small doubles, or a long
    /// line would be moved once for each of its blocks.
    fn make_room(&mut self, n: usize) {
        let len = self.end - self.head;
        if self.buf.len() < len + n {
            self.buf.resize((len + n).max(2 * len), 0);
        }
        let to = self.buf.len() - len;
        self.buf.copy_within(self.head..self.end, to);
        self.head = to;
        self.end = self.buf.len();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// All pieces, written down; a line with its offset.
    fn walk(bytes: &[u8], block: usize) -> Vec<String> {
        let mut backward = Backward::new(file(bytes), block).unwrap();
        let mut found = Vec::new();
        loop {
            found.push(match backward.step().unwrap() {
                Piece::Line { start, bytes } => format!("{start}:{}", String::from_utf8_lossy(bytes)),
                Piece::Torn => "torn".to_owned(),
                Piece::TooLong => "too long".to_owned(),
                Piece::More => continue,
                Piece::End => return found,
            });
        }
    }

    #[test]
    fn lines_come_last_first_whatever_the_block_size() {
        for block in 1..20 {
            assert_eq!(
                walk(b"one\n\nthree33333333\nx\n", block),
                ["19:x", "5:three33333333", "4:", "0:one"],
                "{block}"
            );
        }
    }

    #[test]
    fn what_follows_the_last_newline_is_torn_and_never_a_line() {
        for block in 1..9 {
            assert_eq!(walk(b"one\ntw", block), ["torn", "0:one"], "{block}");
            assert_eq!(walk(b"tw", block), ["torn"], "{block}");
        }
        assert_eq!(walk(b"", 4), Vec::<String>::new());
        assert_eq!(walk(b"\n", 4), ["0:"]);
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_in_bounded_memory() {
        let mut bytes = b"first\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 3 * JOURNAL_LINE_MAX));
        bytes.extend(b"\nlast\n");
        let mut backward = Backward::new(file(&bytes), 64 * 1024).unwrap();
        let mut found = Vec::new();
        loop {
            match backward.step().unwrap() {
                Piece::Line { bytes, .. } => found.push(String::from_utf8_lossy(bytes).into_owned()),
                Piece::TooLong => found.push("too long".to_owned()),
                Piece::More => assert!(backward.buf.len() <= 2 * JOURNAL_LINE_MAX + 64 * 1024),
                Piece::Torn => panic!("nothing is torn"),
                Piece::End => break,
            }
        }
        assert_eq!(found, ["last", "too long", "first"]);
    }

    #[test]
    fn the_last_line_costs_one_block_of_a_big_file() {
        let bytes = b"a line of some length\n".repeat(100_000);
        let mut backward = Backward::new(file(&bytes), 4096).unwrap();
        while !matches!(backward.step().unwrap(), Piece::Line { .. }) {}
        assert_eq!(backward.bytes_read(), 4096);
    }
}

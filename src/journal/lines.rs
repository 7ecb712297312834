//! Lines of a file from its first to its last, with one reused buffer of bounded size.
//! Knows bytes; knows nothing of records.

use std::io::{self, BufRead};

use crate::limits::JOURNAL_LINE_MAX;

/// One line, as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Without its newline.
    Whole(&'a [u8]),
    /// Longer than [`JOURNAL_LINE_MAX`].
    TooLong,
    /// The file ends before the line does.
    Torn,
}

/// Calls `each` with every line of `reader` and its number, from 1.
///
/// # Errors
/// The file can't be read.
pub(super) fn each_line(reader: &mut dyn BufRead, each: &mut dyn FnMut(u64, Line<'_>)) -> io::Result<()> {
    let mut number = 0;
    // The beginning of a line that lies across the reader's buffer.
    let mut begun: Vec<u8> = Vec::new();
    let mut too_long = false;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            if too_long || !begun.is_empty() {
                each(number + 1, Line::Torn);
            }
            return Ok(());
        }
        let newline = chunk.iter().position(|&b| b == b'\n');
        let piece = &chunk[..newline.unwrap_or(chunk.len())];
        too_long |= begun.len() + piece.len() >= JOURNAL_LINE_MAX;
        if newline.is_some() {
            number += 1;
            if too_long {
                each(number, Line::TooLong);
            } else if begun.is_empty() {
                each(number, Line::Whole(piece));
            } else {
                begun.extend_from_slice(piece);
                each(number, Line::Whole(&begun));
            }
            begun.clear();
            too_long = false;
        } else if too_long {
            begun.clear();
        } else {
            begun.extend_from_slice(piece);
        }
        let used = piece.len() + usize::from(newline.is_some());
        reader.consume(used);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn walk(bytes: &[u8], buffer: usize) -> Vec<String> {
        let mut found = Vec::new();
        each_line(&mut BufReader::with_capacity(buffer, bytes), &mut |number, line| {
            found.push(match line {
                Line::Whole(bytes) => format!("{number}:{}", String::from_utf8_lossy(bytes)),
                Line::TooLong => format!("{number} too long"),
                Line::Torn => format!("{number} torn"),
            });
        })
        .unwrap();
        found
    }

    #[test]
    fn lines_are_numbered_from_one_whatever_the_buffer_size() {
        for buffer in 1..20 {
            assert_eq!(
                walk(b"one\n\nthree3333333\ntor", buffer),
                ["1:one", "2:", "3:three3333333", "4 torn"]
            );
        }
        assert_eq!(walk(b"", 8), Vec::<String>::new());
    }

    #[test]
    fn a_line_beyond_the_limit_is_told_once_and_the_next_is_read() {
        let mut bytes = vec![b'x'; JOURNAL_LINE_MAX];
        bytes.extend(b"\nnext\n");
        assert_eq!(walk(&bytes, 8192), ["1 too long", "2:next"]);
        let mut bytes = vec![b'x'; JOURNAL_LINE_MAX - 1];
        bytes.extend(b"\nnext\n");
        assert_eq!(walk(&bytes, 8192)[1], "2:next");
        assert!(walk(&bytes, 8192)[0].starts_with("1:x"));
    }
}

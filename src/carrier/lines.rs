//! From bytes as they come to lines with a priority. Pure: knows no descriptor and no journal.

/// The priority of a line that does not say its own: informational, as systemd takes the output of a service.
const PRIORITY_DEFAULT: u8 = 6;

/// A line without its end, or a part of a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    /// 0 (emergency) to 7 (debug), see syslog(3).
    pub(super) priority: u8,
    pub(super) end: End,
}

/// What ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Newline,
    /// It is longer than an entry may be; the next one goes on with it.
    LineMax,
    /// The output ended without a newline.
    Eof,
}

/// Cuts lines out of what comes, in a buffer as large as the longest of them.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// What is in the buffer and was not given out: from here,
    start: usize,
    /// to here.
    end: usize,
    /// Up to here there is no newline.
    searched: usize,
    priority: u8,
    /// Whether what comes next is the rest of a line whose beginning was given out.
    goes_on: bool,
}

impl Lines {
    /// For lines of at most so many bytes, at least four.
    pub(super) fn new(max: usize) -> Self {
        Self {
            buffer: vec![0; max],
            start: 0,
            end: 0,
            searched: 0,
            priority: PRIORITY_DEFAULT,
            goes_on: false,
        }
    }

    /// Where more can be put; never empty once [`Lines::next`] has given `None`.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.searched -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// So many bytes were put there.
    pub(super) const fn came(&mut self, count: usize) {
        self.end += count;
    }

    /// The next whole line, or the first part of one that is too long.
    pub(super) fn next(&mut self) -> Option<Line<'_>> {
        let new = &self.buffer[self.searched..self.end];
        if let Some(at) = new.iter().position(|b| *b == b'\n') {
            let end = self.searched + at;
            return Some(self.give(end, end + 1, End::Newline));
        }
        self.searched = self.end;
        if self.end - self.start < self.buffer.len() {
            return None;
        }
        let end = self.start + whole_characters(&self.buffer[self.start..self.end]);
        let line = self.give(end, end, End::LineMax);
        Some(line)
    }

    /// What is left at the end of the output.
    pub(super) fn rest(&mut self) -> Option<Line<'_>> {
        (self.start < self.end).then(|| self.give(self.end, self.end, End::Eof))
    }

    /// Gives out all up to `end`; the next line begins at `next`.
    fn give(&mut self, end: usize, next: usize, why: End) -> Line<'_> {
        let mut start = std::mem::replace(&mut self.start, next);
        self.searched = self.searched.max(next);
        if !std::mem::replace(&mut self.goes_on, why == End::LineMax) {
            self.priority = PRIORITY_DEFAULT;
            // `<N>` in front of a line, see sd-daemon(3).
            if let [b'<', digit @ b'0'..=b'7', b'>', ..] = self.buffer[start..end] {
                self.priority = digit - b'0';
                start += 3;
            }
        }
        Line { text: &self.buffer[start..end], priority: self.priority, end: why }
    }
}

/// How many of these bytes there are without a UTF-8 character that has only begun at their end; all of them where they
/// are no text.
fn whole_characters(bytes: &[u8]) -> usize {
    let begun = (1..=3.min(bytes.len())).find(|back| bytes[bytes.len() - back] & 0xc0 != 0x80);
    let Some(back) = begun else { return bytes.len() };
    let length = match bytes[bytes.len() - back] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if length > back && back < bytes.len() { bytes.len() - back } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cut = (String, u8, End);

    /// What comes of these bytes when they come `piece` at a time.
    fn cut(bytes: &[u8], max: usize, piece: usize) -> Vec<Cut> {
        let mut lines = Lines::new(max);
        let mut cut = Vec::new();
        let own = |line: Line<'_>| (String::from_utf8_lossy(line.text).into_owned(), line.priority, line.end);
        let mut left = bytes;
        while !left.is_empty() {
            let room = lines.room();
            let count = left.len().min(piece).min(room.len());
            room[..count].copy_from_slice(&left[..count]);
            lines.came(count);
            left = &left[count..];
            while let Some(line) = lines.next() {
                cut.push(own(line));
            }
        }
        cut.extend(lines.rest().map(own));
        cut
    }

    fn line(text: &str, priority: u8, end: End) -> Cut {
        (text.to_owned(), priority, end)
    }

    #[test]
    fn lines_are_the_same_however_their_bytes_come() {
        let bytes = b"one\n\n<3>bad\n<7>\nthe last";
        let expected = [
            line("one", 6, End::Newline),
            line("", 6, End::Newline),
            line("bad", 3, End::Newline),
            line("", 7, End::Newline),
            line("the last", 6, End::Eof),
        ];
        for piece in 1..=bytes.len() {
            assert_eq!(cut(bytes, 16, piece), expected, "{piece} bytes at a time");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_keeps_its_priority_to_its_end() {
        for piece in [1, 7, 100] {
            let cut = cut(b"<4>0123456789<5>34567\n<9>x\n", 8, piece);
            let expected = [
                line("01234", 4, End::LineMax),
                line("56789<5>", 4, End::LineMax),
                line("34567", 4, End::Newline),
                line("<9>x", 6, End::Newline),
            ];
            assert_eq!(cut, expected, "{piece} bytes at a time");
        }
    }

    #[test]
    fn a_line_exactly_as_long_as_may_be_is_whole_or_ends_with_an_empty_part() {
        assert_eq!(cut(b"1234567\n", 8, 99), [line("1234567", 6, End::Newline)]);
        let full = [line("12345678", 6, End::LineMax), line("", 6, End::Newline)];
        assert_eq!(cut(b"12345678\n", 8, 99), full);
        assert_eq!(cut(b"12345678", 8, 99), full[..1]);
    }

    #[test]
    fn a_character_is_not_cut_in_two_and_what_is_no_text_is() {
        for (text, parts) in [
            ("123456\u{e4}b\n", ["123456\u{e4}", "b"]),
            ("1234567\u{e4}\n", ["1234567", "\u{e4}"]),
            ("123456\u{20ac}\n", ["123456", "\u{20ac}"]),
            ("12345\u{1f41f}\n", ["12345", "\u{1f41f}"]),
        ] {
            let cut: Vec<String> = cut(text.as_bytes(), 8, 3).into_iter().map(|(text, ..)| text).collect();
            assert_eq!(cut, parts, "{text}");
        }
        for bytes in [&[0xff; 8][..], &[0x80; 8], &[0xc3, 0x28, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(whole_characters(bytes), 8, "{bytes:?}");
        }
    }
}

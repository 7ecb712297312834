//! A part of the expression that knows where it stands, so that every error can point at what it means.
//! Must not know any grammar.

use std::ops::Range;

use super::error::ScheduleError;

/// Some bytes of the expression and their place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub text: &'a str,
    pub at: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn span(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// A part of this part; `range` counts from its beginning and falls between characters.
    pub(super) fn part(self, range: Range<usize>) -> Piece<'a> {
        Piece { text: &self.text[range.clone()], at: self.at + range.start }
    }

    /// What stands before and behind the first `separator`.
    pub(super) fn split_once(self, separator: char) -> Option<(Piece<'a>, Piece<'a>)> {
        let cut = self.text.find(separator)?;
        Some((self.part(0..cut), self.part(cut + separator.len_utf8()..self.text.len())))
    }

    /// What stands between the `separator`s; at least one part, any of them may be empty.
    pub(super) fn split(self, separator: char) -> impl Iterator<Item = Piece<'a>> {
        let mut at = self.at;
        self.text.split(separator).map(move |text| {
            let piece = Piece { text, at };
            at += text.len() + separator.len_utf8();
            piece
        })
    }

    /// The words between spaces and tabs.
    pub(super) fn words(self) -> Vec<Piece<'a>> {
        let blank = |c: char| c == ' ' || c == '\t';
        let mut rest = self;
        let mut words = Vec::with_capacity(6);
        while let Some(start) = rest.text.find(|c| !blank(c)) {
            let end = rest.text[start..].find(blank).map_or(rest.text.len(), |length| start + length);
            words.push(rest.part(start..end));
            rest = rest.part(end..rest.text.len());
        }
        words
    }

    /// An error about all of it.
    pub(super) fn wrong(self, message: impl Into<String>) -> ScheduleError {
        ScheduleError::new(message, self.span())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_knows_its_place() {
        let text = " 1,,20\t* ";
        let words = Piece { text, at: 0 }.words();
        let places: Vec<_> = words.iter().map(|w| (w.text, w.span())).collect();
        assert_eq!(places, [("1,,20", 1..6), ("*", 7..8)]);
        let items: Vec<_> = words[0].split(',').map(|p| (p.text, p.at)).collect();
        assert_eq!(items, [("1", 1), ("", 3), ("20", 4)]);
        let (before, behind) = Piece { text: "10-40", at: 3 }.split_once('-').unwrap();
        assert_eq!((before.span(), behind.span()), (3..5, 6..8));
    }
}

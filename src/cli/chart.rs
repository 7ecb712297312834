//! Bars of block characters, in one line or in several. Knows nothing of what they stand for.

use anstyle::Style;

use super::screen::Look;

/// From nothing to all of a cell, in eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One line, a column a value; what is not nothing is seen.
pub(super) fn line(values: &[u64], top: u64) -> String {
    values.iter().map(|value| EIGHTHS[eighths(*value, top, 1)]).collect()
}

/// The values in so many columns: each the highest of its share.
pub(super) fn columns(values: &[u64], width: usize) -> Vec<u64> {
    let share = |column: usize| {
        let from = column * values.len() / width;
        let to = ((column + 1) * values.len() / width).max(from + 1);
        values.get(from..to).unwrap_or_default().iter().copied().max().unwrap_or(0)
    };
    (0..width).map(share).collect()
}

/// A chart of several lines.
pub(super) struct Chart<'a> {
    /// A column each.
    pub(super) values: &'a [u64],
    /// What reaches the upper edge.
    pub(super) top: u64,
    /// Lines.
    pub(super) height: usize,
    /// Where a line goes across, and the style of columns that are higher.
    pub(super) mark: Option<(u64, Style)>,
}

impl Chart<'_> {
    /// The lines from the top down.
    pub(super) fn lines(&self, look: Look) -> Vec<String> {
        (0..self.height).rev().map(|row| self.row(row, look)).collect()
    }

    /// The line, counted from the top, that the mark goes across.
    pub(super) fn marked(&self) -> Option<usize> {
        let (mark, _) = self.mark?;
        let row = eighths(mark, self.top, self.height).div_ceil(8).clamp(1, self.height.max(1));
        Some(self.height - row)
    }

    fn row(&self, row: usize, look: Look) -> String {
        let is_marked = self.marked() == Some(self.height - 1 - row);
        let cell = |value: &u64| match eighths(*value, self.top, self.height).saturating_sub(row * 8).min(8) {
            0 if is_marked => '─',
            filled => EIGHTHS[filled],
        };
        let is_over = |value: &u64| self.mark.is_some_and(|(mark, _)| *value > mark);
        let parts = self.values.chunk_by(|a, b| is_over(a) == is_over(b));
        let painted = parts.map(|part| {
            let text: String = part.iter().map(cell).collect();
            match self.mark {
                Some((_, style)) if is_over(&part[0]) && !text.trim().is_empty() => look.paint(style, &text),
                Some(_) | None => text,
            }
        });
        painted.collect::<String>().trim_end().to_owned()
    }
}

/// How high a value is, in eighths of a line; at least one for what is not nothing.
fn eighths(value: u64, top: u64, height: usize) -> usize {
    let all = height * 8;
    let filled = (u128::from(value) * all as u128).div_ceil(u128::from(top.max(1)));
    usize::try_from(filled).unwrap_or(all).min(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::screen::BAD;

    #[test]
    fn a_line_has_a_column_a_value_and_shows_the_smallest() {
        assert_eq!(line(&[0, 1, 32, 64, 500, 800, 900], 800), " ▁▁▁▅██");
        assert_eq!(line(&[], 800), "");
        assert_eq!(line(&[0, 5], 0), " █");
    }

    #[test]
    fn no_highest_value_is_lost_where_columns_are_few_or_many() {
        let values: Vec<u64> = (0..256).collect();
        for width in [1, 7, 60, 256, 400] {
            let columns = columns(&values, width);
            assert_eq!(columns.len(), width);
            assert_eq!(columns.last(), Some(&255));
            assert!(columns.is_sorted());
        }
        assert_eq!(columns(&[], 2), [0, 0]);
    }

    #[test]
    fn a_chart_stands_on_its_values_and_has_its_line_across() {
        let chart = Chart { values: &[0, 10, 20, 30, 40], top: 40, height: 4, mark: Some((30, BAD)) };
        assert_eq!(chart.lines(Look::PLAIN), ["    █", "───██", "  ███", " ████"]);
        assert_eq!(chart.marked(), Some(1));
        let coloured = chart.lines(Look { colours: true, ..Look::PLAIN });
        assert!(
            coloured[3].ends_with(&Look { colours: true, ..Look::PLAIN }.paint(BAD, "█")),
            "{coloured:?}"
        );
        let bare = Chart { values: &[8], top: 16, height: 2, mark: None };
        assert_eq!(bare.lines(Look::PLAIN), ["", "█"]);
        assert_eq!(bare.marked(), None);
    }
}

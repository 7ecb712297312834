//! Tables for people: one line a row, aligned, without borders; what does not fit on the terminal is shortened.
//! Knows nothing of what is in them.

use anstyle::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row as Line, Width};

use super::figures;
use super::screen::{HEADING, Look, QUIET};

/// Blanks between two columns.
const GAP: u16 = 2;
/// A last column that would be narrower than this is left out.
const LAST_MIN: u16 = 12;
/// Blanks before a line below a row.
pub(super) const INDENT: usize = 4;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its heading.
    pub(super) heading: &'static str,
    /// Whether its cells stand at its right edge, as numbers do.
    pub(super) is_number: bool,
}

/// A row.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// One for each column.
    pub(super) cells: Vec<String>,
    /// A column and the style of its cell.
    pub(super) style: Option<(usize, Style)>,
    /// Lines below the row.
    pub(super) notes: Vec<String>,
}

/// The table as text, each line ended; the last columns give way where the terminal is too narrow.
pub(super) fn render(columns: &[Column], rows: &[Row], look: Look) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING).set_header(columns.iter().map(|c| c.heading));
    for row in rows {
        let mut line = Line::from(row.cells.iter().map(|cell| figures::one_line(cell)).collect::<Vec<_>>());
        line.max_height(1);
        table.add_row(line);
    }
    for (column, settings) in columns.iter().zip(table.column_iter_mut()) {
        settings.set_padding((0, GAP));
        if column.is_number {
            settings.set_cell_alignment(CellAlignment::Right);
        }
    }
    fit(&mut table, look);
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    let mut out = look.paint(HEADING, header.trim_end()) + "\n";
    for (row, line) in rows.iter().zip(lines) {
        out += &painted(row, columns, &header, line.trim_end(), look);
        out.push('\n');
        for note in &row.notes {
            out += &format!("{:INDENT$}{}\n", "", look.paint(QUIET, &figures::one_line(note)));
        }
    }
    out
}

/// Makes the table fit the terminal, where there is one: columns are left out from the last one on, until what is before
/// them is seen whole. A cell without its end says less than none.
fn fit(table: &mut comfy_table::Table, look: Look) {
    let Some(width) = look.width else { return };
    let widths = table.column_max_content_widths();
    for (index, column_width) in widths.iter().enumerate().rev() {
        let before = &widths[..index];
        let taken: u16 = before.iter().map(|w| w.saturating_add(GAP)).fold(0, u16::saturating_add);
        let left = width.saturating_sub(taken);
        let Some(column) = table.column_mut(index) else { return };
        column.set_padding((0, 0));
        if index > 0 && left < LAST_MIN.min(*column_width) {
            column.set_constraint(ColumnConstraint::Hidden);
            continue;
        }
        if left < *column_width {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(left)));
        }
        break;
    }
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
}

/// The line with its cell in its style: the cell stands below its heading, unless it is a number or was shortened.
fn painted(row: &Row, columns: &[Column], header: &str, line: &str, look: Look) -> String {
    let found = row.style.and_then(|(index, style)| {
        let at = header.find(columns.get(index)?.heading)?;
        let cell = row.cells.get(index)?;
        let (before, rest) = (line.get(..at)?, line.get(at..)?);
        let behind = rest.strip_prefix(cell.as_str())?;
        Some(format!("{before}{}{behind}", look.paint(style, cell)))
    });
    found.unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::screen::BAD;

    const COLUMNS: [Column; 3] = [
        Column { heading: "JOB", is_number: false },
        Column { heading: "PEAK", is_number: true },
        Column { heading: "DESCRIPTION", is_number: false },
    ];

    fn rows() -> Vec<Row> {
        let row = |cells: [&str; 3]| Row { cells: cells.map(str::to_owned).to_vec(), ..Row::default() };
        let mut rows =
            vec![row(["indexer", "812M", "Rebuilds the search index of the site"]), row(["a", "9M", ""])];
        rows[0].style = Some((0, BAD));
        rows[0].notes = vec!["its file\nhas changed".to_owned()];
        rows
    }

    #[test]
    fn columns_are_aligned_and_notes_stand_below_their_row() {
        let expected = "\
JOB      PEAK  DESCRIPTION
indexer  812M  Rebuilds the search index of the site
    its file has changed
a          9M
";
        assert_eq!(render(&COLUMNS, &rows(), Look::PLAIN), expected);
    }

    #[test]
    fn the_last_column_is_shortened_and_then_left_out_where_the_terminal_is_narrow() {
        let at = |width| render(&COLUMNS, &rows(), Look { width: Some(width), ..Look::PLAIN });
        for width in 7..=60 {
            for line in at(width).lines().filter(|line| !line.starts_with("    ")) {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
            }
        }
        assert!(at(60).contains("of the site"));
        assert!(at(40).contains("Rebuilds the search") && at(40).contains('…'), "{}", at(40));
        assert!(!at(20).contains("DESCRIPTION"), "{}", at(20));
        assert_eq!(at(11).lines().next(), Some("JOB"), "and so on: none is cut in the middle");
    }

    #[test]
    fn colours_do_not_disturb_the_columns() {
        let look = Look { colours: true, ..Look::PLAIN };
        let painted = render(&COLUMNS, &rows(), look);
        assert!(painted.contains(&look.paint(BAD, "indexer")));
        let mut plain = String::new();
        let mut rest = painted.as_str();
        while let Some((before, behind)) = rest.split_once('\u{1b}') {
            plain += before;
            rest = behind.split_once('m').unwrap().1;
        }
        assert_eq!(plain + rest, render(&COLUMNS, &rows(), Look::PLAIN));
    }
}

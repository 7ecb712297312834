//! A measurement and its baseline side by side, for people. Knows nothing of what is allowed.

use crate::limits;
use crate::measure::{Compared, Comparison};
use crate::words::Figure;

use super::super::failure::Failure;
use super::super::figures;
use super::super::screen::{BAD, NOTICE, Screen};
use super::super::table::{self, Column, Row};
use super::super::times::Moment;
use super::show;

const COLUMNS: [Column; 5] = [
    Column { heading: "", is_number: false },
    Column { heading: "BASELINE", is_number: true },
    Column { heading: "NOW", is_number: true },
    Column { heading: "CHANGE", is_number: true },
    Column { heading: "HELD", is_number: false },
];

/// Prints both on standard error, what has regressed last.
///
/// # Errors
/// When it can't be printed.
pub(super) fn print(
    comparison: &Comparison,
    file: &std::path::Path,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let look = screen.err_look;
    let at = Moment::read().short_stamp(comparison.baseline_at.timestamp());
    let file = figures::one_line(&file.display().to_string());
    writeln!(screen.err, "ebb: against {file} of {at}")?;
    let rows: Vec<Row> = comparison.figures.iter().map(|compared| row(compared, comparison)).collect();
    screen.err.write_all(table::render(&COLUMNS, &rows, look).as_bytes())?;
    for grown in comparison.grown.iter().take(limits::MEASURE_BILLS_SHOWN) {
        let (then, now) = (figures::size(grown.baseline_bytes), figures::size(grown.now_bytes));
        let told = format!("ebb: the import of {} has grown from {then} of its own to {now}", grown.package);
        screen.remark(NOTICE, &figures::one_line(&told))?;
    }
    for warning in &comparison.warnings {
        screen.remark(NOTICE, &format!("ebb: {}", figures::one_line(warning)))?;
    }
    for compared in comparison.regressions() {
        screen.remark(BAD, &format!("ebb: {}", sentence(compared, comparison)))?;
    }
    Ok(())
}

fn row(compared: &Compared, comparison: &Comparison) -> Row {
    let value = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |v| shown(compared.figure, v));
    let held = match (compared.is_held, compared.is_regression) {
        (false, _) => String::new(),
        (true, false) => format!("within {}", comparison.tolerance),
        (true, true) => "regression".to_owned(),
    };
    Row {
        cells: vec![
            format!("  {}", compared.figure),
            value(compared.baseline),
            value(compared.now),
            compared.change_permille.map_or_else(|| "-".to_owned(), change),
            held,
        ],
        style: compared.is_regression.then_some((4, BAD)),
        notes: Vec::new(),
    }
}

fn shown(figure: Figure, value: u64) -> String {
    match figure {
        Figure::PeakAnon | Figure::PeakTotal => figures::size(value),
        Figure::Cpu | Figure::Wall => show::time(value),
    }
}

/// `+47.6%`, `-3.1%`.
fn change(permille: i64) -> String {
    let sign = if permille < 0 { '-' } else { '+' };
    let size = permille.unsigned_abs();
    format!("{sign}{}.{}%", size / 10, size % 10)
}

fn sentence(compared: &Compared, comparison: &Comparison) -> String {
    let figure = compared.figure;
    match (compared.baseline, compared.now) {
        (Some(then), Some(now)) => format!(
            "regression: {figure} is {} where the baseline has {} ({}; {} is allowed)",
            shown(figure, now),
            shown(figure, then),
            compared.change_permille.map_or_else(|| "from nothing".to_owned(), change),
            comparison.tolerance
        ),
        (None, _) => format!("regression: the baseline has no {figure} to hold it to"),
        (_, None) => format!("regression: {figure} is not known of this run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_its_sign_and_one_decimal() {
        let table = [(476, "+47.6%"), (-31, "-3.1%"), (0, "+0.0%"), (10_000, "+1000.0%")];
        for (permille, text) in table {
            assert_eq!(change(permille), text);
        }
    }
}

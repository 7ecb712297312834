//! Import bills for people: the dearest process package by package, the others in a line each. Knows nothing of how they
//! came about.

use crate::limits;
use crate::measure::{Bill, Package};

use super::super::figures;
use super::super::screen::{Look, NOTICE, QUIET};
use super::super::table::{self, Column, Row};
use super::show;

const COLUMNS: [Column; 6] = [
    Column { heading: "  PACKAGE", is_number: false },
    Column { heading: "MEMORY", is_number: true },
    Column { heading: "OWN", is_number: true },
    Column { heading: "TIME", is_number: true },
    Column { heading: "OWN TIME", is_number: true },
    Column { heading: "BROUGHT BY", is_number: false },
];

/// A package that costs less than this is summed up with others, in bytes.
const SMALL: u64 = 128 * 1024;

/// Why there can be no bill at all.
const NONE: &str = "no import was seen: the command has started no CPython from 3.9 on, or one that goes by no environment \
                    (python -I, -E or -S; a #! line can have them)";

/// The bills as text, each line ended.
pub(super) fn text(bills: &[Bill], look: Look) -> String {
    let Some((dearest, others)) = bills.split_first() else {
        return format!("ebb: {}\n", look.paint(NOTICE, NONE));
    };
    let mut text = format!("ebb: {}\n", look.paint(QUIET, &head(dearest)));
    text += &packages(dearest, look);
    let shown = others.iter().take(limits::MEASURE_BILLS_SHOWN);
    for bill in shown {
        text += &format!("ebb: {}\n", look.paint(QUIET, &head(bill)));
    }
    if let Some(more) = others.len().checked_sub(limits::MEASURE_BILLS_SHOWN).filter(|more| *more > 0) {
        text += &format!("ebb: {}\n", look.paint(QUIET, &format!("and {more} more; --json has them all")));
    }
    text
}

/// What all imports of a process cost together.
fn head(bill: &Bill) -> String {
    let command = show::command(&bill.command);
    let fork = if bill.is_fork { ", forked, on top of what its parent had" } else { "" };
    let left = match bill.left_bytes {
        Some(left) => format!("{} of heap left by the run itself", figures::size(left)),
        None => "its end was not seen".to_owned(),
    };
    format!(
        "imports of {command} (Python {}{fork}): {} in {}, on an interpreter of {}; {left}",
        bill.python,
        figures::size(bill.imports_bytes),
        show::time(bill.imports_us),
        figures::size(bill.interpreter_bytes)
    )
}

fn packages(bill: &Bill, look: Look) -> String {
    let is_small = |package: &&Package| package.memory_bytes < SMALL;
    let large: Vec<&Package> = bill.packages.iter().filter(|package| !is_small(package)).collect();
    let shown = large.len().min(limits::MEASURE_PACKAGES_SHOWN);
    let rows: Vec<Row> = large[..shown].iter().map(|package| row(package)).collect();
    let mut text = if rows.is_empty() { String::new() } else { table::render(&COLUMNS, &rows, look) };
    let rest: Vec<&Package> =
        large[shown..].iter().copied().chain(bill.packages.iter().filter(is_small)).collect();
    if !rest.is_empty() {
        let own: u64 = rest.iter().map(|package| package.own_bytes).sum();
        let told = format!(
            "and {} with {} of their own",
            figures::counted(rest.len() as u64, "package"),
            figures::size(own)
        );
        text += &format!("  {}\n", look.paint(QUIET, &told));
    }
    text
}

fn row(package: &Package) -> Row {
    Row {
        cells: vec![
            format!("  {}", package.name),
            figures::size(package.memory_bytes),
            figures::size(package.own_bytes),
            show::time(package.wall_us),
            show::time(package.own_us),
            package.brought_by.clone().unwrap_or_else(|| "the program".to_owned()),
        ],
        ..Row::default()
    }
}

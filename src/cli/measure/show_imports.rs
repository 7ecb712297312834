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
    let mut text = format!("ebb: {}\n", look.paint(QUIET, &whose(dearest)));
    let imports = format!("{} in {}", figures::size(dearest.imports_bytes), show::time(dearest.imports_us));
    let left = dearest.left_bytes.map_or_else(|| "not known: it ended at once".to_owned(), figures::size);
    let facts = [
        ("imports", imports),
        ("before", format!("{}, the interpreter", figures::size(dearest.interpreter_bytes))),
        ("heap left", left),
    ];
    for (label, fact) in facts {
        text += &show::line(label, &fact, look);
    }
    text += &packages(dearest, look, |package| {
        package.brought_by.clone().unwrap_or_else(|| "the program".to_owned())
    });
    let shown = others.iter().take(limits::MEASURE_BILLS_SHOWN);
    for bill in shown {
        let imports = format!("{} in {}", figures::size(bill.imports_bytes), show::time(bill.imports_us));
        text += &format!("ebb: {}: {imports}\n", look.paint(QUIET, &whose(bill)));
    }
    if let Some(more) = others.len().checked_sub(limits::MEASURE_BILLS_SHOWN).filter(|more| *more > 0) {
        text += &format!("ebb: {}\n", look.paint(QUIET, &format!("and {more} more; --json has them all")));
    }
    text
}

/// The process that a bill is of.
fn whose(bill: &Bill) -> String {
    let fork = if bill.is_fork { ", a fork" } else { "" };
    format!("imports of {} (Python {}{fork})", show::command(&bill.command), figures::one_line(&bill.python))
}

/// The table of a bill's packages; `by` says where each comes from.
pub(in crate::cli) fn packages(bill: &Bill, look: Look, by: impl Fn(&Package) -> String) -> String {
    let is_small = |package: &&Package| package.memory_bytes < SMALL;
    let large: Vec<&Package> = bill.packages.iter().filter(|package| !is_small(package)).collect();
    let shown = large.len().min(limits::MEASURE_PACKAGES_SHOWN);
    let rows: Vec<Row> = large[..shown].iter().map(|package| row(package, by(package))).collect();
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

fn row(package: &Package, by: String) -> Row {
    Row {
        cells: vec![
            format!("  {}", package.name),
            figures::size(package.memory_bytes),
            figures::size(package.own_bytes),
            show::time(package.wall_us),
            show::time(package.own_us),
            by,
        ],
        ..Row::default()
    }
}

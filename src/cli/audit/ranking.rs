//! The table of an audit: services, the one that holds most first.

use crate::audit::{Finding, Service};
use crate::cli::figures;
use crate::cli::screen::{Look, NOTICE};
use crate::cli::table::{self, Column, Row};
use crate::limits;

/// A name that is longer is shortened.
const NAME_MAX: usize = 32;

/// A service with what was found in it.
pub(super) struct Judged<'a> {
    pub(super) service: Service<'a>,
    pub(super) findings: Vec<Finding>,
}

/// The table as text; with `is_all` without a bound.
pub(super) fn render(
    judged: &[Judged<'_>],
    window_ms: u64,
    is_touched: bool,
    is_all: bool,
    look: Look,
) -> String {
    let has_swap = judged.iter().any(|one| one.service.swap() > 0);
    let number = |heading| Column { heading, is_number: true };
    let mut columns = vec![Column { heading: "SERVICE", is_number: false }, number("PSS"), number("USS")];
    columns.extend(has_swap.then(|| number("SWAP")));
    columns.extend(is_touched.then(|| number("USED")));
    columns.extend(["CPU", "WAKES/MIN", "SERVED", "PROCS", "AGE"].map(number));
    columns.push(Column { heading: "FOUND", is_number: false });
    let shown = if is_all { judged.len() } else { limits::AUDIT_ROWS.min(judged.len()) };
    let row = |one: &Judged<'_>| {
        let service = &one.service;
        let mut cells =
            vec![short(&service.name), figures::size(service.pss()), figures::size(service.uss())];
        cells.extend(has_swap.then(|| figures::size(service.swap())));
        cells.extend(is_touched.then(|| percent(service.used_milli())));
        let listens = !service.listens().is_empty();
        cells.extend([
            percent(service.cpu_milli(window_ms)),
            per_minute(service.wakes(), window_ms).to_string(),
            if listens { service.served().to_string() } else { "-".to_owned() },
            service.members.len().to_string(),
            figures::roughly(service.age_ms()),
            one.findings.iter().map(|finding| finding.rule.word()).collect::<Vec<_>>().join(", "),
        ]);
        let style = (!one.findings.is_empty()).then_some((0, NOTICE));
        Row { cells, style, notes: Vec::new() }
    };
    let rows: Vec<Row> = judged.iter().take(shown).map(row).collect();
    table::render(&columns, &rows, look)
}

fn short(name: &str) -> String {
    let name = figures::one_line(name);
    if name.chars().count() <= NAME_MAX {
        return name;
    }
    name.chars().take(NAME_MAX - 1).chain(['…']).collect()
}

/// Thousandths as a percentage.
pub(super) fn percent(milli: u64) -> String {
    if milli >= 100 { format!("{}%", (milli + 5) / 10) } else { format!("{}.{}%", milli / 10, milli % 10) }
}

/// So many within the window, a minute.
pub(super) fn per_minute(count: u64, window_ms: u64) -> u64 {
    let exact = u128::from(count) * 60_000;
    u64::try_from((exact + u128::from(window_ms / 2)) / u128::from(window_ms.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rates_are_rounded_to_what_people_compare() {
        for (milli, told) in [(0, "0.0%"), (4, "0.4%"), (99, "9.9%"), (100, "10%"), (1_996, "200%")] {
            assert_eq!(percent(milli), told);
        }
        assert_eq!((per_minute(3, 60_000), per_minute(1, 2_000), per_minute(0, 0)), (3, 30, 0));
        assert_eq!(short(&"a".repeat(40)).chars().count(), NAME_MAX);
    }
}

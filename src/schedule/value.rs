//! Numbers, names and ranges of them.
//! The end of a range that is written `sun` is 7, so that `fri-sun` is what it looks like; cronie refuses it.

use super::error::ScheduleError;
use super::piece::Piece;
use super::unit::{MONTH, Unit, WEEKDAY};

/// `low-high`, both included.
pub(super) fn range(
    whole: Piece<'_>,
    low: Piece<'_>,
    high: Piece<'_>,
    unit: &Unit,
) -> Result<(u32, u32), ScheduleError> {
    let example = || format!("write both ends, as in `{}-{}`", unit.low, unit.high);
    if low.text.is_empty() || high.text.is_empty() {
        return Err(whole.wrong("this range has only one end").help(example()));
    }
    if high.text.contains('-') {
        return Err(whole
            .wrong("this range has more than two ends")
            .help("write `low-high`, and several of them with commas between"));
    }
    let first = one(low, unit)?;
    let mut last = one(high, unit)?;
    if last == 0 && first > 0 && high.text.eq_ignore_ascii_case("sun") {
        last = 7;
    }
    if first > last {
        let part = |low: u32, high: u32| if low == high { low.to_string() } else { format!("{low}-{high}") };
        let rewritten = if unit.number == WEEKDAY.number && last == 0 {
            part(first, 7)
        } else {
            format!("{},{}", part(first, unit.high), part(unit.low, last))
        };
        return Err(whole
            .wrong(format!("this range runs backwards, from {first} to {last}"))
            .help(format!("write `{rewritten}` to go past the end, or `{last}-{first}`")));
    }
    Ok((first, last))
}

/// A number or a name.
pub(super) fn one(piece: Piece<'_>, unit: &Unit) -> Result<u32, ScheduleError> {
    let word = piece.text;
    if word.bytes().all(|b| b.is_ascii_digit()) {
        let value = word.parse().unwrap_or(u32::MAX);
        return if (unit.low..=unit.highest).contains(&value) {
            Ok(value)
        } else {
            Err(out_of_range(piece, value, unit))
        };
    }
    unit.named(word).ok_or_else(|| if quartz(word) { no_quartz(piece) } else { unknown(piece, unit) })
}

fn out_of_range(piece: Piece<'_>, value: u32, unit: &Unit) -> ScheduleError {
    let number = piece.text.trim_start_matches('0');
    let number = if number.is_empty() { "0" } else { number };
    let help = match (unit.name, value) {
        ("hour", 24) => "write `0` for midnight".to_owned(),
        ("minute" | "second", 60) => "write `0`, where the next one begins".to_owned(),
        ("day of week", _) => "write 0 to 6, where 0 is Sunday (7 as well), or `sun` to `sat`".to_owned(),
        _ => format!("write a number from {}", unit.range()),
    };
    piece.wrong(format!("{number} is out of range: the {} goes from {}", unit.name, unit.range())).help(help)
}

/// `L`, `W`, `LW`, `5L`, `15W`: what Quartz has and crontab has not.
fn quartz(word: &str) -> bool {
    let letters = word.trim_start_matches(|c: char| c.is_ascii_digit());
    ["l", "w", "lw"].iter().any(|known| letters.eq_ignore_ascii_case(known))
}

fn no_quartz(piece: Piece<'_>) -> ScheduleError {
    let (what, help) = if piece.text.ends_with(['L', 'l']) {
        (
            "`L` for the last day",
            "write `28-31` as day of month, and let the job itself see whether tomorrow is the 1st",
        )
    } else {
        (
            "`W` for the nearest working day",
            "write the days of month as numbers, and let the job itself look at the day of week",
        )
    };
    piece.wrong(format!("crontab has no {what}")).help(help)
}

fn unknown(piece: Piece<'_>, unit: &Unit) -> ScheduleError {
    let word = piece.text.to_ascii_lowercase();
    if !word.bytes().all(|b| b.is_ascii_alphabetic()) {
        let or_name = if unit.names.is_empty() { "" } else { " or a name" };
        return piece
            .wrong(format!("`{}` is no {}", piece.text, unit.name))
            .help(format!("write a number from {}{or_name}", unit.range()));
    }
    for other in [MONTH, WEEKDAY] {
        if other.number != unit.number && other.named(&word).is_some() {
            return piece
                .wrong(format!(
                    "`{}` is a {}, and this is the field for the {}",
                    piece.text, other.name, unit.name
                ))
                .help("the order of the fields is minute, hour, day of month, month, day of week");
        }
    }
    let message = format!("`{}` is no {}", piece.text, unit.name);
    if unit.names.is_empty() {
        return piece.wrong(message).help(format!("write a number from {}", unit.range()));
    }
    let short = word.get(..3).filter(|short| unit.named(short).is_some());
    let near = short.or_else(|| super::nearest(&word, unit.names.iter().copied()));
    let help = near
        .map_or_else(|| format!("the names are {}", unit.names.join(", ")), |near| format!("write `{near}`"));
    piece.wrong(message).help(help)
}

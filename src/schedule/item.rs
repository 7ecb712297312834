//! One item of a field's list: `*`, a value, a range or `H`, with a step where crontab(5) has one.
//! A step after a single value (`5/15`) is refused as cronie does: some read it as 5-59/15, others as 5.

use super::error::ScheduleError;
use super::piece::Piece;
use super::spread::spread;
use super::unit::{DAY, Unit};
use super::value;

/// What one item allows.
pub(super) struct Item {
    pub bits: u64,
    /// Whether it is `*`, `*/N`, or `H/N` over the whole range.
    pub is_star: bool,
}

/// What stands before the step.
#[derive(Clone, Copy)]
enum Base {
    Star,
    One(u32),
    Range { low: u32, high: u32 },
    Spread { low: u32, high: u32, whole: bool },
}

pub(super) fn read(item: Piece<'_>, unit: &Unit, job_name: &str) -> Result<Item, ScheduleError> {
    let Some((before, behind)) = item.split_once('/') else {
        return Ok(match base(item, unit)? {
            Base::Star => Item { bits: unit.all(), is_star: true },
            Base::One(value) => Item { bits: 1 << value, is_star: false },
            Base::Range { low, high } => Item { bits: Unit::bits(low, high, 1), is_star: false },
            Base::Spread { low, high, .. } => {
                Item { bits: 1 << draw(low, high - low + 1, unit, job_name), is_star: false }
            }
        });
    };
    if before.text.is_empty() {
        return Err(item.wrong("there is nothing before the `/`").help(format!("write `*{}`", item.text)));
    }
    let base = base(before, unit)?;
    let (low, high) = match base {
        Base::Star => (unit.low, unit.high),
        Base::One(value) => return Err(step_after_value(item, value, behind, unit)),
        Base::Range { low, high } | Base::Spread { low, high, .. } => (low, high),
    };
    let step = step(item, before, behind, low, high, unit)?;
    Ok(match base {
        Base::Spread { whole, .. } => {
            Item { bits: Unit::bits(draw(low, step, unit, job_name), high, step), is_star: whole }
        }
        Base::Star | Base::One(_) | Base::Range { .. } => {
            Item { bits: Unit::bits(low, high, step), is_star: matches!(base, Base::Star) }
        }
    })
}

/// One of `count` numbers from `low` on, the job's own.
fn draw(low: u32, count: u32, unit: &Unit, job_name: &str) -> u32 {
    low + u32::try_from(spread(job_name, unit) % u64::from(count)).unwrap_or(0)
}

fn base(piece: Piece<'_>, unit: &Unit) -> Result<Base, ScheduleError> {
    if piece.text == "*" {
        return Ok(Base::Star);
    }
    if piece.text.contains('*') {
        return Err(piece
            .wrong("`*` stands alone, or before a step")
            .help("write `*`, or `*/5` for every fifth"));
    }
    if let Some(rest) = piece.text.strip_prefix(['H', 'h'])
        && !rest.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return spread_base(piece, unit);
    }
    if let Some((low, high)) = piece.split_once('-') {
        let (low, high) = value::range(piece, low, high, unit)?;
        return Ok(Base::Range { low, high });
    }
    value::one(piece, unit).map(Base::One)
}

/// `H` or `H(low-high)`.
fn spread_base(piece: Piece<'_>, unit: &Unit) -> Result<Base, ScheduleError> {
    let rest = piece.part(1..piece.text.len());
    if rest.text.is_empty() {
        return Ok(Base::Spread { low: unit.low, high: unit.spread_high, whole: true });
    }
    let shape = || {
        let (low, high) = (unit.low, unit.spread_high);
        piece
            .wrong("behind `H` comes a range in parentheses, a step, or nothing")
            .help(format!("write `H` or `H({low}-{high})`"))
    };
    let inner = rest.text.strip_prefix('(').and_then(|r| r.strip_suffix(')')).ok_or_else(shape)?;
    let inner = Piece { text: inner, at: rest.at + 1 };
    let (low, high) = inner.split_once('-').ok_or_else(shape)?;
    let (low, high) = value::range(inner, low, high, unit)?;
    if high > unit.spread_high {
        let reason = if unit.number == DAY.number {
            "not every month has the days from 29 on"
        } else {
            "0 is Sunday as well"
        };
        return Err(inner
            .wrong(format!("`H` may go up to {} here: {reason}", unit.spread_high))
            .help(format!("write `H({}-{})`", low.min(unit.spread_high), unit.spread_high)));
    }
    Ok(Base::Spread { low, high, whole: false })
}

/// The number behind the `/`, which must take a second step within the range.
fn step(
    item: Piece<'_>,
    before: Piece<'_>,
    behind: Piece<'_>,
    low: u32,
    high: u32,
    unit: &Unit,
) -> Result<u32, ScheduleError> {
    let slash = item.part(before.text.len()..item.text.len());
    if behind.text.is_empty() {
        return Err(slash
            .wrong("there is no number behind the `/`")
            .help(format!("write `{}/2` for every other one", before.text)));
    }
    if !behind.text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(behind
            .wrong(format!("a step is a number, and `{}` is none", behind.text))
            .help(format!("write `{}/2` for every other one", before.text)));
    }
    let step = behind.text.parse().unwrap_or(u32::MAX);
    if step == 0 {
        return Err(behind.wrong("a step of 0 never gets anywhere").help(format!(
            "write `{0}` for every {1}, or `{0}/2` for every other one",
            before.text, unit.name
        )));
    }
    if step > 1 && step > high - low {
        return Err(step_too_large(behind, before, low, high, unit));
    }
    Ok(step)
}

fn step_too_large(behind: Piece<'_>, before: Piece<'_>, low: u32, high: u32, unit: &Unit) -> ScheduleError {
    let spreads = before.text.starts_with(['H', 'h']);
    let only = if spreads { before.text.to_owned() } else { low.to_string() };
    let step = behind.text.trim_start_matches('0');
    let every = match unit.name {
        "second" => format!(", or `every = \"{step}s\"` in place of `schedule`"),
        "minute" => format!(", or `every = \"{step}m\"` in place of `schedule`"),
        "hour" => format!(", or `every = \"{step}h\"` in place of `schedule`"),
        _ => String::new(),
    };
    behind
        .wrong(format!(
            "a step of {step} is larger than its range {low}-{high}, it would only ever give one {}",
            unit.name
        ))
        .help(format!("write `{only}` if that is meant{every}"))
}

fn step_after_value(item: Piece<'_>, value: u32, behind: Piece<'_>, unit: &Unit) -> ScheduleError {
    let high = unit.high;
    item.wrong("crontab has a step only after `*` or a range").help(if value < high {
        format!("write `{value}-{high}/{}` to go on from there, or `{value}` for that one alone", behind.text)
    } else {
        format!("write `{value}` for that one alone")
    })
}

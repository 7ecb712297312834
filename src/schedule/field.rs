//! One field: a list of items, and whether it begins with `*`.
//! Characters that crontab does not have are refused here, with the reason.

use super::error::ScheduleError;
use super::item;
use super::piece::Piece;
use super::unit::Unit;

/// The numbers that a field allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Bit n stands for the number n; Sunday is 0.
    pub bits: u64,
    /// As crontab(5) means it for the days, and cronie for minute and hour: the field's first character is `*`, or it
    /// begins with `H/N`.
    pub begins_with_star: bool,
}

pub(super) fn read(field: Piece<'_>, unit: &Unit, job_name: &str) -> Result<FieldSet, ScheduleError> {
    refuse_strays(field, unit)?;
    let mut set = FieldSet { bits: 0, begins_with_star: false };
    for (index, piece) in field.split(',').enumerate() {
        if piece.text.is_empty() {
            return Err(empty_item(field, piece));
        }
        let item = item::read(piece, unit, job_name)?;
        set.bits |= item.bits;
        set.begins_with_star |= index == 0 && item.is_star;
    }
    set.bits = unit.fold_sundays(set.bits);
    Ok(set)
}

/// Points at the comma that has nothing on one side.
fn empty_item(field: Piece<'_>, piece: Piece<'_>) -> ScheduleError {
    let comma = if piece.at == field.at { piece.at } else { piece.at - 1 };
    let without = field.text.split(',').filter(|item| !item.is_empty()).collect::<Vec<_>>().join(",");
    let help = if without.is_empty() { "write `*`".to_owned() } else { format!("write `{without}`") };
    ScheduleError::new("there is nothing on one side of this comma", comma..comma + 1).help(help)
}

fn refuse_strays(field: Piece<'_>, unit: &Unit) -> Result<(), ScheduleError> {
    let stray = |c: char| !c.is_ascii_alphanumeric() && !"*,-/()".contains(c);
    let Some((at, c)) = field.text.char_indices().find(|(_, c)| stray(*c)) else { return Ok(()) };
    let (message, help) = match c {
        '?' => ("crontab has no `?`".to_owned(), "write `*`".to_owned()),
        '~' => (
            "crontab(5) has no `~`".to_owned(),
            "write `H` for a number of the job's own, as in `H(0-29)`".to_owned(),
        ),
        '#' if at == 0 => {
            ("a schedule has no comment".to_owned(), "write it behind the string, not in it".to_owned())
        }
        '#' => (
            "crontab has no `#` for the nth weekday of a month".to_owned(),
            "write the day of week alone, and let the job itself look at the date".to_owned(),
        ),
        '%' => ("a schedule has no `%`".to_owned(), "the program to run belongs in `command`".to_owned()),
        _ => (
            format!("`{}` means nothing in the field for the {}", c.escape_debug(), unit.name),
            format!("a field is made of `*`, numbers ({}), `-`, `,` and `/`", unit.range()),
        ),
    };
    Err(field.part(at..at + c.len_utf8()).wrong(message).help(help))
}

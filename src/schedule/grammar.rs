//! An expression as a whole: macros, the number of fields, and days that never come.
//! The shape of one field is in `field`, of one list item in `item`. Source: crontab(5), except for seconds and `H`.

use super::error::ScheduleError;
use super::field::{self, FieldSet};
use super::piece::Piece;
use super::unit::{DAY, HOUR, MINUTE, MONTH, SECOND, Unit, WEEKDAY};

/// What the six fields of an expression allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub second: FieldSet,
    pub minute: FieldSet,
    pub hour: FieldSet,
    pub day: FieldSet,
    pub month: FieldSet,
    pub weekday: FieldSet,
}

/// The macros of crontab(5) with what they stand for; `@reboot` stands for no time.
const MACROS: [(&str, Option<&str>); 8] = [
    ("@hourly", Some("0 * * * *")),
    ("@daily", Some("0 0 * * *")),
    ("@midnight", Some("0 0 * * *")),
    ("@weekly", Some("0 0 * * 0")),
    ("@monthly", Some("0 0 1 * *")),
    ("@yearly", Some("0 0 1 1 *")),
    ("@annually", Some("0 0 1 1 *")),
    ("@reboot", None),
];

/// Reads an expression; none for `@reboot`.
pub(super) fn read(text: &str, job_name: &str) -> Result<Option<Fields>, ScheduleError> {
    let start = text.len() - text.trim_start().len();
    let whole = Piece { text: text.trim(), at: start };
    if whole.text.is_empty() {
        return Err(ScheduleError::new("there is no schedule here", 0..text.len())
            .help("write five fields such as `0 3 * * *` (daily at 03:00), or a macro such as `@daily`"));
    }
    if let Some(cut) = whole.text.find(['\n', '\r']) {
        return Err(whole
            .part(cut..cut + 1)
            .wrong("a schedule is one line")
            .help("write several as a list: schedule = [\"0 3 * * *\", \"0 15 * * 6\"]"));
    }
    let words = whole.words();
    if whole.text.starts_with('@') {
        return read_macro(&words, job_name);
    }
    match *words.as_slice() {
        [minute, hour, day, month, weekday] => {
            read_fields(None, [minute, hour, day, month, weekday], job_name)
        }
        [second, minute, hour, day, month, weekday] => {
            refuse_command(weekday)?;
            read_fields(Some(second), [minute, hour, day, month, weekday], job_name).map_err(|mut error| {
                if let Some(help) = &mut error.help {
                    help.push_str(" (of six fields, the first is the second)");
                }
                error
            })
        }
        _ => Err(wrong_number_of_fields(whole, &words)),
    }
    .map(Some)
}

fn read_macro(words: &[Piece<'_>], job_name: &str) -> Result<Option<Fields>, ScheduleError> {
    let name = words[0];
    if let Some(more) = words.get(1) {
        return Err(more
            .wrong(format!("`{}` stands alone", name.text))
            .help("take this out; the program to run belongs in `command`"));
    }
    match MACROS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.text)) {
        Some((_, Some(meaning))) => read(meaning, job_name),
        Some((_, None)) => Ok(None),
        None if name.text.eq_ignore_ascii_case("@every") => {
            Err(name.wrong("crontab has no `@every`").help("write `every = \"10m\"` in place of `schedule`"))
        }
        None => {
            let asked = name.text[1..].to_ascii_lowercase();
            let known = MACROS.map(|(known, _)| &known[1..]);
            let help = super::nearest(&asked, known).map_or_else(
                || format!("the macros are @{}", known.join(", @")),
                |near| format!("write `@{near}`"),
            );
            Err(name.wrong(format!("there is no macro `{}`", name.text)).help(help))
        }
    }
}

fn read_fields(
    second: Option<Piece<'_>>,
    [minute, hour, day, month, weekday]: [Piece<'_>; 5],
    job_name: &str,
) -> Result<Fields, ScheduleError> {
    let fields = Fields {
        second: second.map_or(Ok(FieldSet { bits: 1, begins_with_star: false }), |p| {
            field::read(p, &SECOND, job_name)
        })?,
        minute: field::read(minute, &MINUTE, job_name)?,
        hour: field::read(hour, &HOUR, job_name)?,
        day: field::read(day, &DAY, job_name)?,
        month: field::read(month, &MONTH, job_name)?,
        weekday: field::read(weekday, &WEEKDAY, job_name)?,
    };
    if fields.needs_both_days() && !fields.month_has_day() {
        let longest = fields.longest_month();
        let months = months_in_words(fields.month.bits);
        let end = if months.contains(',') { "they end" } else { "it ends" };
        return Err(ScheduleError::new(
            format!("there is no day {} in {months}: {end} on the {longest}th at the latest", day.text),
            day.at..month.span().end,
        )
        .help(format!("write a day of month from 1 to {longest}, or a longer month")));
    }
    Ok(fields)
}

impl Fields {
    /// Whether a day must match day of month and day of week; else one of the two is enough. crontab(5), "Note".
    pub(super) fn needs_both_days(&self) -> bool {
        self.day.begins_with_star || self.weekday.begins_with_star
    }

    /// The days of the longest of the months, 29 for February.
    fn longest_month(&self) -> u32 {
        const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        (1..)
            .zip(DAYS)
            .filter(|(month, _)| self.month.bits >> month & 1 == 1)
            .map(|(_, days)| days)
            .max()
            .unwrap_or(31)
    }

    fn month_has_day(&self) -> bool {
        self.day.bits & Unit::bits(DAY.low, self.longest_month(), 1) != 0
    }
}

fn months_in_words(bits: u64) -> String {
    let names: Vec<&str> = (MONTH.low..)
        .zip(MONTH.names)
        .filter(|(month, _)| bits >> month & 1 == 1)
        .map(|(_, name)| *name)
        .collect();
    names.join(", ")
}

fn wrong_number_of_fields(whole: Piece<'_>, words: &[Piece<'_>]) -> ScheduleError {
    const FIELDS: &str = "minute, hour, day of month, month, day of week";
    let count = words.len();
    if let Some(extra) = words.get(6) {
        let rest = whole.part(extra.at - whole.at..whole.text.len());
        let help = if rest.text.starts_with('#') {
            "write the comment behind the string, not in it"
        } else {
            "take this out; crontab has no field for the year, and the program to run belongs in `command`"
        };
        return rest
            .wrong(format!("there are {count} fields; a schedule has five ({FIELDS}) or six (second first)"))
            .help(help);
    }
    let fields =
        if count == 1 { "there is one field".to_owned() } else { format!("there are only {count} fields") };
    let padded =
        words.iter().map(|w| w.text).chain(std::iter::repeat("*")).take(5).collect::<Vec<_>>().join(" ");
    whole
        .wrong(format!("{fields}; a schedule has five: {FIELDS}"))
        .help(format!("put `*` where anything goes: `{padded}`"))
}

/// A line of a crontab ends in a command, which would be taken for the day of week of six fields.
fn refuse_command(last: Piece<'_>) -> Result<(), ScheduleError> {
    if last.text.starts_with(['/', '.', '~', '$']) {
        return Err(last.wrong("this is a command, not a day of week").help(format!(
            "write it as command = [\"{}\"], and the five fields alone here",
            last.text.escape_default()
        )));
    }
    Ok(())
}

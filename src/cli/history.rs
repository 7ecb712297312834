//! `ebb history`: how runs ended and what they cost, the newest last.

use jiff::civil;

use crate::exit;
use crate::job::Millis;
use crate::journal::HistoryLine;
use crate::protocol::HistoryQuery;

use super::failure::{Done, Failure};
use super::screen::{BAD, Look, QUIET, Screen};
use super::table::{self, Column, Row};
use super::target::Target;
use super::times::Moment;
use super::{args, chart, ended, figures};

const COLUMNS: [Column; 9] = [
    Column { heading: "ID", is_number: true },
    Column { heading: "JOB", is_number: false },
    Column { heading: "TRIGGER", is_number: false },
    Column { heading: "OUTCOME", is_number: false },
    Column { heading: "STARTED", is_number: false },
    Column { heading: "DURATION", is_number: true },
    Column { heading: "PEAK-ANON", is_number: true },
    Column { heading: "PEAK-TOTAL", is_number: true },
    Column { heading: "CPU", is_number: true },
];

/// A terminal of fewer columns has no room for the year and the seconds, or the peaks would be left out.
const NARROW: u16 = 100;
/// Columns where no terminal says how many there are.
const WIDTH: u16 = 100;

/// One reply of `History`.
#[derive(serde::Deserialize)]
struct Entry {
    #[serde(default)]
    result: Option<HistoryLine>,
}

pub(super) fn run(args: &args::History, target: &Target, screen: &mut Screen) -> Done {
    let moment = Moment::read();
    let query = HistoryQuery {
        job: args.job.clone(),
        since_ms: args.since.as_deref().map(|text| since(text, &moment)).transpose()?,
        outcome: args.outcome,
        limit: Some(args.limit),
    };
    let mut lines = Vec::new();
    target.connect()?.call_more("History", &query, |entry: Entry| {
        lines.extend(entry.result);
        Ok(())
    })?;
    // ebbd reads its journal backwards; people read forwards, and see the newest above their prompt.
    lines.reverse();
    if args.json {
        screen.json(&lines)?;
    } else if lines.is_empty() {
        screen.say(if is_narrowed(args) { "no run has ended that fits" } else { "no run has ended yet" })?;
    } else {
        let curves = if args.curve { Curves::Drawn } else { Curves::Left };
        screen.print(&overview(&lines, curves, &moment, screen.look))?;
    }
    Ok(exit::OK)
}

const fn is_narrowed(args: &args::History) -> bool {
    args.job.is_some() || args.since.is_some() || args.outcome.is_some()
}

/// An instant that was written as `2h`, as a day, a local time, or RFC 3339; in milliseconds since 1970 UTC.
pub(super) fn since(text: &str, moment: &Moment) -> Result<i64, Failure> {
    if let Ok(Millis(ms)) = text.parse() {
        return Ok(moment.now.as_millisecond().saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.as_millisecond());
    }
    // A civil time is looked at last: it would take an instant and leave out its offset.
    let local = text.parse::<civil::DateTime>().ok().and_then(|at| at.to_zoned(moment.zone.clone()).ok());
    local.map(|at| at.timestamp().as_millisecond()).ok_or_else(|| {
        Failure::Usage(format!(
            "--since `{text}` is no time; write `2h` or `7d`, a day such as `2026-01-31`, or `2026-01-31T14:00:00+01:00`"
        ))
    })
}

/// Whether the memory of each run over its time is drawn below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curves {
    Drawn,
    Left,
}

pub(super) fn overview(lines: &[HistoryLine], curves: Curves, moment: &Moment, look: Look) -> String {
    let is_narrow = look.width.is_some_and(|width| width < NARROW);
    let rows = lines.iter().map(|line| {
        let mut row = row(line, moment, is_narrow);
        row.notes.extend(curve(line, look).filter(|_| curves == Curves::Drawn));
        row
    });
    table::render(&COLUMNS, &rows.collect::<Vec<_>>(), look)
}

/// The memory of a run over its time in one line, and what its full height stands for.
fn curve(line: &HistoryLine, look: Look) -> Option<String> {
    let (curve, peak) = (line.curve.as_ref()?, line.peak_anon_bytes?);
    let (top, label) = match line.memory_max_bytes {
        Some(limit) => (limit, format!("  █ {}, its limit", figures::size(limit))),
        None => (peak, format!("  █ {}, its peak", figures::size(peak))),
    };
    let points = curve.bytes(peak);
    let left = usize::from(look.width.unwrap_or(WIDTH)).saturating_sub(table::INDENT + label.chars().count());
    let width = left.clamp(1, points.len().max(1));
    Some(chart::line(&chart::columns(&points, width), top) + &label)
}

fn row(line: &HistoryLine, moment: &Moment, is_narrow: bool) -> Row {
    let dash = || "-".to_owned();
    let trigger = match line.attempt {
        None | Some(0 | 1) => line.trigger.to_string(),
        Some(attempt) => format!("{} {attempt}", line.trigger),
    };
    let started = line.started_at.or(line.slot).or(line.queued_at).unwrap_or(line.at);
    let stamp = if is_narrow { Moment::short_stamp } else { Moment::stamp };
    let style = match line.id {
        None => Some((3, QUIET)),
        Some(_) => (!line.outcome.is_success()).then_some((3, BAD)),
    };
    Row {
        cells: vec![
            line.id.map_or_else(dash, |id| id.to_string()),
            line.job.clone(),
            trigger,
            ended::outcome(line),
            stamp(moment, started.timestamp()),
            line.duration_ms.map_or_else(dash, figures::duration),
            line.peak_anon_bytes.map_or_else(dash, figures::size),
            line.peak_total_bytes.map_or_else(dash, figures::size),
            line.cpu_ms.map_or_else(dash, figures::duration),
        ],
        style,
        notes: line.detail.iter().flat_map(|detail| figures::lines(detail)).collect(),
    }
}

//! The report on a terminal: a table of the jobs, the sums, and sentences. Reckons nothing.

use crate::cli::figures::{self, counted, duration, size};
use crate::cli::screen::{BAD, HEADING, LIVELY, Look, QUIET};
use crate::cli::table::{self, Column, Row};
use crate::cli::times::Moment;
use crate::report::{JobTold, RunTold, Told};

use super::figures::{mb_hours, remarkable, span};
use super::sentences;

/// Columns of sentences where no terminal says how many there are.
const WIDTH: u16 = 100;

const COLUMNS: [Column; 8] = [
    Column { heading: "JOB", is_number: false },
    Column { heading: "RUNS", is_number: true },
    Column { heading: "RESIDENT", is_number: true },
    Column { heading: "MB-H BEFORE", is_number: true },
    Column { heading: "MB-H NOW", is_number: true },
    Column { heading: "SAVED", is_number: true },
    Column { heading: "PEAK", is_number: true },
    Column { heading: "LONGEST", is_number: true },
];

const RUN_COLUMNS: [Column; 5] = [
    Column { heading: "ID", is_number: true },
    Column { heading: "JOB", is_number: false },
    Column { heading: "STARTED", is_number: false },
    Column { heading: "DURATION", is_number: true },
    Column { heading: "PEAK-ANON", is_number: true },
];

/// All of it, each line ended.
pub(in crate::cli) fn overview(told: &Told, moment: &Moment, look: Look) -> String {
    let period = format!("{} to now, {}", moment.stamp(told.from.timestamp()), span(told));
    let mut text = format!("{}\n", look.paint(QUIET, &period));
    let style = match &told.saving {
        Some(saving) if saving.saved_mb_hours >= 0.0 => LIVELY.bold(),
        Some(_) => BAD,
        None => HEADING,
    };
    text += &wrapped(&sentences::headline(told), look, Some(style));
    let rows: Vec<Row> = told.jobs.iter().filter(|job| is_shown(job)).map(row).chain(total(told)).collect();
    if rows.is_empty() {
        return text;
    }
    text += &format!("\n{}", table::render(&COLUMNS, &rows, look));
    let parts = [sentences::highest(told, moment), sentences::events(told), sentences::missing(told)];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        text.push('\n');
        part.iter().for_each(|sentence| text += &wrapped(sentence, look, None));
    }
    text += &ranked("Slowest", &told.slowest, moment, look);
    text += &ranked("Largest", &told.largest, moment, look);
    text.push('\n');
    for sentence in sentences::grounds(told, moment) {
        text += &wrapped(&sentence, look, Some(QUIET));
    }
    text
}

/// A job that is defined, and of which there is nothing to say, is left out.
fn is_shown(job: &JobTold) -> bool {
    job.used.runs + job.used.alive > 0 || job.baseline_bytes.is_some() || !job.skips.is_empty()
}

fn row(job: &JobTold) -> Row {
    let dash = || "-".to_owned();
    let saving = job.saving.as_ref();
    let used = saving.map_or(job.used.mb_hours, |saving| saving.used_mb_hours);
    Row {
        cells: vec![
            job.job.clone(),
            (job.used.runs + job.used.alive).to_string(),
            job.baseline_bytes.map_or_else(dash, size),
            saving.map_or_else(dash, |saving| mb_hours(saving.before_mb_hours)),
            mb_hours(used),
            saving.map_or_else(dash, |saving| mb_hours(saving.saved_mb_hours)),
            job.peak_bytes.map_or_else(dash, size),
            job.longest_ms.map_or_else(dash, duration),
        ],
        style: saving.filter(|saving| saving.saved_mb_hours < 0.0).map(|_| (5, BAD)),
        notes: remarkable(job).into_iter().collect(),
    }
}

/// The last rows: ebbd itself, and all together.
fn total(told: &Told) -> Vec<Row> {
    let Some(saving) = &told.saving else { return Vec::new() };
    let dash = || "-".to_owned();
    let jobs: f64 = told.jobs.iter().filter_map(|job| job.saving.as_ref()).map(|job| job.used_mb_hours).sum();
    let ebbd = saving.ebbd_bytes.map(|bytes| Row {
        cells: vec![
            "(ebbd)".into(),
            dash(),
            dash(),
            dash(),
            mb_hours(saving.used_mb_hours - jobs),
            dash(),
            size(bytes),
            dash(),
        ],
        style: Some((0, QUIET)),
        notes: Vec::new(),
    });
    let all = Row {
        cells: vec![
            "all with a baseline".into(),
            told.jobs
                .iter()
                .filter(|job| job.saving.is_some())
                .map(|job| job.used.runs + job.used.alive)
                .sum::<u64>()
                .to_string(),
            size(saving.before_bytes),
            mb_hours(saving.before_mb_hours),
            mb_hours(saving.used_mb_hours),
            mb_hours(saving.saved_mb_hours),
            size(saving.peak_bytes),
            dash(),
        ],
        style: Some((0, HEADING)),
        notes: Vec::new(),
    };
    ebbd.into_iter().chain([all]).collect()
}

fn ranked(what: &str, runs: &[RunTold], moment: &Moment, look: Look) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let dash = || "-".to_owned();
    let row = |run: &RunTold| Row {
        cells: vec![
            run.run.map_or_else(dash, |run| run.to_string()),
            run.job.clone(),
            run.started_at.map_or_else(dash, |at| moment.stamp(at.timestamp())),
            run.duration_ms.map_or_else(dash, duration),
            run.peak_anon_bytes.map_or_else(dash, size),
        ],
        style: None,
        notes: Vec::new(),
    };
    let heading = format!("{what} {}", counted(runs.len() as u64, "run"));
    let rows: Vec<Row> = runs.iter().map(row).collect();
    format!("\n{}\n{}", look.paint(HEADING, &heading), table::render(&RUN_COLUMNS, &rows, look))
}

/// A sentence in lines that fit.
fn wrapped(text: &str, look: Look, style: Option<anstyle::Style>) -> String {
    let painted = |line: &String| style.map_or_else(|| line.clone(), |style| look.paint(style, line));
    figures::wrapped(text, look.width.unwrap_or(WIDTH)).iter().map(|line| painted(line) + "\n").collect()
}

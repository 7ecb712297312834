//! The tables of the page. On a phone each row becomes a block of named figures.

use crate::cli::figures::{duration, size};
use crate::cli::times::Moment;
use crate::clock::Wall;
use crate::report::{JobTold, RunTold, Told};

use super::super::figures::{mb_hours, remarkable};
use super::html::text;
use super::pictures::class;

/// Jobs that have a row; the others are counted.
const ROWS: usize = 50;

/// A cell, already escaped.
struct Cell {
    heading: &'static str,
    html: String,
    is_number: bool,
}

fn words(heading: &'static str, html: String) -> Cell {
    Cell { heading, html, is_number: false }
}

fn number(heading: &'static str, html: String) -> Cell {
    Cell { heading, html, is_number: true }
}

fn dash() -> String {
    "–".to_owned()
}

/// Each job: what was before, what is now.
pub(super) fn jobs(told: &Told, colours: &[String]) -> String {
    let shown = |job: &&JobTold| {
        job.used.runs + job.used.alive > 0 || job.baseline_bytes.is_some() || !job.skips.is_empty()
    };
    let jobs: Vec<&JobTold> = told.jobs.iter().filter(shown).collect();
    let rows: Vec<Vec<Cell>> =
        jobs.iter().take(ROWS).map(|job| row(job, &class(colours, &job.job))).collect();
    let more = match jobs.len().saturating_sub(ROWS) {
        0 => String::new(),
        more => format!("<p class=\"quiet\">and {more} more; <code>ebb report --json</code> has all.</p>"),
    };
    table("Each job: memory held before, and used by its runs now", &rows) + &more
}

fn row(job: &JobTold, class: &str) -> Vec<Cell> {
    let saving = job.saving.as_ref();
    let about = job.description.as_deref().filter(|text| !text.is_empty());
    let about = about.map_or_else(String::new, |about| format!("<small>{}</small>", text(about)));
    let remarks = remarkable(job)
        .map_or_else(String::new, |remarks| format!("<small class=\"remark\">{}</small>", text(&remarks)));
    vec![
        words("Job", format!("<i class=\"swatch {class}\"></i><b>{}</b>{about}{remarks}", text(&job.job))),
        number("Runs", (job.used.runs + job.used.alive).to_string()),
        number("Resident before", job.baseline_bytes.map_or_else(dash, size)),
        number("MB-hours before", saving.map_or_else(dash, |saving| mb_hours(saving.before_mb_hours))),
        number("MB-hours now", mb_hours(saving.map_or(job.used.mb_hours, |saving| saving.used_mb_hours))),
        number("Saved", saving.map_or_else(dash, |saving| mb_hours(saving.saved_mb_hours))),
        number("Peak", job.peak_bytes.map_or_else(dash, size)),
        number("Limit", job.limit_bytes.map_or_else(dash, size)),
        number("Longest", job.longest_ms.map_or_else(dash, duration)),
    ]
}

/// Single runs.
pub(super) fn runs(caption: &str, runs: &[RunTold], moment: &Moment) -> String {
    let row = |run: &RunTold| {
        let detail = run
            .detail
            .as_deref()
            .map_or_else(String::new, |detail| format!("<small>{}</small>", text(detail)));
        let id = run.run.map_or_else(String::new, |id| format!(" <span class=\"quiet\">run {id}</span>"));
        vec![
            words("Job", format!("<b>{}</b>{id}", text(&run.job))),
            words("Started", run.started_at.map_or_else(dash, |at| started(at, moment))),
            number("Duration", run.duration_ms.map_or_else(dash, duration)),
            number("Peak", run.peak_anon_bytes.map_or_else(dash, size)),
            number("Limit", run.memory_max_bytes.map_or_else(dash, size)),
            words("Outcome", format!("{}{detail}", run.outcome)),
        ]
    };
    table(caption, &runs.iter().map(row).collect::<Vec<_>>())
}

fn started(at: Wall, moment: &Moment) -> String {
    format!("<time class=\"moment\" datetime=\"{at}\">{}</time>", moment.stamp(at.timestamp()))
}

fn table(caption: &str, rows: &[Vec<Cell>]) -> String {
    let Some(first) = rows.first() else { return "<p class=\"quiet\">none</p>".to_owned() };
    let class = |cell: &Cell| if cell.is_number { " class=\"n\"" } else { "" };
    let head: String =
        first.iter().map(|cell| format!("<th scope=\"col\"{}>{}</th>", class(cell), cell.heading)).collect();
    let cell = |(at, cell): (usize, &Cell)| match at {
        0 => format!("<th scope=\"row\">{}</th>", cell.html),
        _ => format!("<td{} data-label=\"{}\"><span>{}</span></td>", class(cell), cell.heading, cell.html),
    };
    let body: String = rows
        .iter()
        .map(|row| format!("<tr>{}</tr>", row.iter().enumerate().map(cell).collect::<String>()))
        .collect();
    format!("<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
}

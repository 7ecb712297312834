//! One picture a job: the memory of its runs over their time, with its limit.

use std::fmt::Write as _;

use crate::cli::figures::{counted, duration, size};
use crate::report::{JobTold, Kept, Told};

use super::frame::{Across, Frame, across, down, top_above};
use super::html::text;
use super::pictures::class;

/// Of a picture, in pixels.
const HEIGHT: u32 = 110;
/// Jobs that get a picture; the others are counted.
const PICTURES: usize = 24;
/// A limit more than so many times as high as the highest run is told and not drawn: it would press the curve to the ground.
const LIMIT_FAR: u64 = 5;

/// Cards, one a job that has a curve.
pub(super) fn cards(told: &Told, colours: &[String]) -> String {
    let with: Vec<&JobTold> = told.jobs.iter().filter(|job| job.curves.largest.is_some()).collect();
    let cards: String = with
        .iter()
        .take(PICTURES)
        .enumerate()
        .map(|(number, job)| card(number, job, &class(colours, &job.job)))
        .collect();
    let more = with.len().saturating_sub(PICTURES);
    let more = match more {
        0 => String::new(),
        more => format!(
            "<p class=\"quiet\">{} more have no picture here; \
             <code>ebb history JOB --curve</code> draws theirs.</p>",
            counted(more as u64, "job")
        ),
    };
    if cards.is_empty() {
        return "<p class=\"quiet\">No run was long enough to be looked at while it lived.</p>".to_owned();
    }
    format!("<div class=\"cards\">{cards}</div>{more}")
}

fn card(number: usize, job: &JobTold, class: &str) -> String {
    let Some(largest) = &job.curves.largest else { return String::new() };
    let others = job.curves.newest.iter().filter(|kept| kept.run != largest.run);
    let longest = others.clone().chain([largest]).map(|kept| kept.duration_ms).max().unwrap_or(1).max(1);
    // The limit that the largest run had: an operator may have set another one since.
    let limit = largest.limit.or(job.limit_bytes);
    let drawn = limit.filter(|limit| *limit <= largest.peak.saturating_mul(LIMIT_FAR));
    let top = top_above(drawn.unwrap_or(0).max(largest.peak));
    let mut picture: String = others.clone().map(|kept| line(kept, longest, top, "faint")).collect();
    picture += &area(largest, longest, top);
    picture += &line(largest, longest, top, "bold");
    if let Some(limit) = drawn {
        let y = down(limit, top);
        let _ = write!(
            picture,
            "<path class=\"limit\" d=\"M0 {y:.2}H1000\"><title>limit {}</title></path>",
            size(limit)
        );
    }
    let told = match (limit, drawn) {
        (Some(limit), Some(_)) => format!("limit {}", size(limit)),
        (Some(limit), None) => format!("limit {}, far above", size(limit)),
        (None, _) => "no limit".to_owned(),
    };
    let (id, peak) = (format!("curve-{number}"), size(largest.peak));
    let svg = Frame {
        id: &id,
        title: format!("Memory of the runs of {}: at most {peak}, {told}", job.job),
        desc: format!(
            "The bold line is its largest run, {}, which took {}; {} faint.",
            largest.run,
            duration(largest.duration_ms),
            counted(others.count() as u64, "newer run")
        ),
        height: HEIGHT,
        top,
        across: Across::Since(longest),
    }
    .drawn(&picture);
    let limit_class = if drawn.is_some() { " drawn" } else { "" };
    format!(
        "<article class=\"card {class}\"><h3>{}</h3><p class=\"quiet\">peak {peak} · \
         <span class=\"limit-told{limit_class}\">{told}</span></p>{svg}</article>",
        text(&job.job)
    )
}

/// The points as steps; what nobody looked at is left out.
fn steps(kept: &Kept, longest: u64, top: u64) -> Option<(f64, String, f64)> {
    let whole = i64::try_from(longest).unwrap_or(i64::MAX);
    let x = |ms: u64| across(i64::try_from(ms.min(kept.duration_ms)).unwrap_or(i64::MAX), whole);
    let first = kept.points.iter().position(|bytes| *bytes > 0)?;
    let begin = x(kept.ms.saturating_mul(first as u64));
    let (mut path, mut last) = (String::new(), None);
    for (number, bytes) in kept.points.iter().enumerate().skip(first) {
        if last != Some(bytes) {
            let _ = write!(path, "H{:.2}V{:.2}", x(kept.ms.saturating_mul(number as u64)), down(*bytes, top));
            last = Some(bytes);
        }
    }
    let end = x(kept.duration_ms);
    let _ = write!(path, "H{end:.2}");
    Some((begin, path, end))
}

fn line(kept: &Kept, longest: u64, top: u64, class: &str) -> String {
    let Some((begin, path, _)) = steps(kept, longest, top) else { return String::new() };
    format!(
        "<path class=\"curve {class}\" d=\"M{begin:.2} 1000{path}V1000\"><title>run {}, {}, {}</title></path>",
        kept.run,
        size(kept.peak),
        duration(kept.duration_ms)
    )
}

fn area(kept: &Kept, longest: u64, top: u64) -> String {
    let Some((begin, path, _)) = steps(kept, longest, top) else { return String::new() };
    format!("<path class=\"under\" d=\"M{begin:.2} 1000{path}V1000Z\"/>")
}

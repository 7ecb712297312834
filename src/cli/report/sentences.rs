//! The report in sentences, for the terminal and the page alike: what was saved, what went otherwise, what it was reckoned from.

use crate::cli::figures::{counted, duration, one_line, size};
use crate::cli::times::Moment;
use crate::report::{JobTold, Told};
use crate::words::BaselineSource;

use super::figures::{mb_hours, percent};

/// So many jobs are named; the others are counted.
const NAMED: usize = 5;

/// What was saved, in one sentence.
pub(super) fn headline(told: &Told) -> String {
    let what = compared(told);
    match &told.saving {
        None => format!("{what}."),
        Some(saving) if saving.saved_mb_hours >= 0.0 => {
            format!("{what}: {} less.", percent(saving.saved_percent))
        }
        Some(saving) => format!("{what}: {} more, nothing was saved.", mb_hours(-saving.saved_mb_hours)),
    }
}

/// What was used, instead of what; without its full stop.
pub(super) fn compared(told: &Told) -> String {
    let Some(saving) = &told.saving else {
        let runs = told.used.runs + told.used.alive;
        return match runs {
            0 => "Nothing has run yet".to_owned(),
            _ => format!("{} used {} MB-hours", counted(runs, "run"), mb_hours(told.used.mb_hours)),
        };
    };
    let (before, used) = (mb_hours(saving.before_mb_hours), mb_hours(saving.used_mb_hours));
    let jobs = told.jobs.iter().filter(|job| job.saving.is_some()).count() as u64;
    let were = if jobs == 1 { "was a daemon" } else { "were daemons" };
    format!("{} that {were} used {used} MB-hours instead of {before}", counted(jobs, "job"))
}

/// What was held at once, before and now.
pub(super) fn highest(told: &Told, moment: &Moment) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(saving) = &told.saving {
        let mut text = format!("As daemons they held {} at rest, all of the time", size(saving.before_bytes));
        if saving.before_peak_bytes > saving.before_bytes {
            text += &format!(", and up to {} at work", size(saving.before_peak_bytes));
        }
        text += &format!(
            "; as jobs they held at most {} at once, and nothing between runs",
            size(saving.peak_bytes)
        );
        text += &match saving.ebbd_bytes {
            Some(bytes) => format!(". ebbd itself holds {}, which is counted.", size(bytes)),
            None => ". What ebbd itself holds can't be seen from here, and is not counted.".to_owned(),
        };
        out.push(text);
    }
    if let Some(at) = told.host.peak_at {
        let who: Vec<String> = told
            .host
            .peak_jobs
            .iter()
            .map(|guest| format!("{} {}", one_line(&guest.job), size(guest.bytes)))
            .collect();
        let of = told.host.total_bytes.map_or_else(String::new, |total| format!(" of {}", size(total)));
        let at = moment.stamp(at.timestamp());
        out.push(format!(
            "All runs together held at most {}{of}, {at}: {}.",
            size(told.host.peak_bytes),
            named(&who)
        ));
    }
    out
}

/// What went otherwise than runs that start at once and end well.
pub(super) fn events(told: &Told) -> Vec<String> {
    let mut out = Vec::new();
    let waits = &told.waits;
    if waits.runs > 0 {
        let (runs, longest) = (counted(waits.runs, "run"), duration(waits.longest_ms));
        out.push(format!(
            "{runs} waited for a place or for memory, {} in all, {longest} at most.",
            duration(waits.total_ms)
        ));
    }
    if !told.skips.is_empty() {
        let all: u64 = told.skips.values().sum();
        let reasons: Vec<String> =
            told.skips.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let became = if all == 1 { "trigger became no run" } else { "triggers became no run" };
        out.push(format!("{all} {became}: {}.", reasons.join(", ")));
    }
    let oom = &told.oom_kills;
    if oom.runs > 0 {
        let parts = [
            (oom.limit, "at their own limit"),
            (oom.above, "at a limit above"),
            (oom.host, "as the host had none left"),
            (oom.unknown, "for an unknown reason"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        let were = if oom.runs == 1 { "was" } else { "were" };
        out.push(format!("{} {were} killed for memory: {}.", counted(oom.runs, "run"), parts.join(", ")));
    }
    let failed: Vec<String> = told
        .outcomes
        .iter()
        .filter(|(word, _)| !matches!(**word, "success" | "oom-kill"))
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if !failed.is_empty() {
        out.push(format!("Of {}, {} did not end well.", counted(told.used.runs, "run"), failed.join(", ")));
    }
    out
}

/// What the figures rest on, and what they leave out.
pub(super) fn grounds(told: &Told, moment: &Moment) -> Vec<String> {
    let mut out = Vec::new();
    let used = &told.used;
    if used.by_curve > 0 {
        let of = counted(used.by_curve, "run");
        out.push(format!(
            "What runs used is summed up from the curves of their memory ({of}), which is looked at up to a \
             second apart; what came and went in between is in a run's own peak alone."
        ));
    }
    if used.by_peak > 0 {
        let of = counted(used.by_peak, "run");
        out.push(format!(
            "Of {of} only the peak is known; it is taken for all of the run's time, so they \
             used that at most."
        ));
    }
    if used.unknown > 0 {
        let of = counted(used.unknown, "run");
        out.push(format!(
            "Of {of} the memory is not known; they count for nothing, so more was used than is said here."
        ));
    }
    if !told.journal_is_whole {
        let from = told
            .journal_from
            .map(|from| format!(" than {}", moment.stamp(from.timestamp())))
            .unwrap_or_default();
        out.push(format!("The journal goes back no further{from}; what was before is left out."));
    }
    if told.out_of_order > 0 {
        let runs = counted(told.out_of_order, "run");
        out.push(format!(
            "The clock was set: {runs} can't be put beside others for all of their time; \
             sums have them, peaks may not."
        ));
    }
    out.extend(baseline(told));
    out
}

/// Who says what the daemons held, and how it is counted.
fn baseline(told: &Told) -> Option<String> {
    let savings = || told.jobs.iter().filter_map(|job| job.saving.as_ref());
    let by = |source| savings().filter(|saving| saving.source == source).count() as u64;
    let measured = (by(BaselineSource::Audit), "measured by `ebb audit`");
    let given = (by(BaselineSource::Given), "given by hand");
    let parts: Vec<String> = [measured, given]
        .iter()
        .filter(|(jobs, _)| *jobs > 0)
        .map(|(jobs, how)| format!("{how} for {}", counted(*jobs, "job")))
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "What daemons held at rest was {}. Each counts as gone from its job's first run on; what it \
             took on top while it worked is left out.",
            parts.join(", ")
        )
    })
}

/// What can't be told for want of a baseline, and how to give one.
pub(super) fn missing(told: &Told) -> Vec<String> {
    let mut out = Vec::new();
    let names = |jobs: &dyn Fn(&&JobTold) -> bool| -> Vec<String> {
        told.jobs.iter().filter(jobs).map(|job| one_line(&job.job)).collect()
    };
    let idle = names(&|job| job.baseline_bytes.is_some() && job.saving.is_none());
    if !idle.is_empty() {
        let has = if idle.len() == 1 { "has a baseline and has" } else { "have a baseline and have" };
        out.push(format!("{} {has} not run: nothing is counted as saved.", named(&idle)));
    }
    let without = names(&|job| job.baseline_bytes.is_none() && job.used.runs + job.used.alive > 0);
    if let Some(first) = without.first() {
        let has = if without.len() == 1 { "has" } else { "have" };
        let what = if told.saving.is_some() { "" } else { ", so no saving can be told" };
        out.push(format!(
            "{} {has} no baseline{what}. If it was a daemon, say what it held: \
             `ebb report --before {first}=SIZE`; `ebb audit --write` measures it before it becomes a job.",
            named(&without)
        ));
    }
    out
}

/// `a, b, c and 3 more`.
pub(super) fn named(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

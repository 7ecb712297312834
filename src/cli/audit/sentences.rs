//! What a finding says to people: what was seen, and what to do about it. One arm a rule.

use crate::audit::libraries::Library;
use crate::audit::{Evidence, Finding};
use crate::cli::figures::{duration, roughly, size};
use crate::words::AuditRule;

use super::ranking::{per_minute, percent};

/// A heading, what was seen, and what to do.
pub(super) struct Told {
    pub(super) title: &'static str,
    pub(super) seen: String,
    pub(super) advice: String,
}

/// Names that are given of several.
const NAMED: usize = 4;

/// The words for a finding of a window of so many milliseconds.
pub(super) fn of(finding: &Finding, window_ms: u64) -> Told {
    let (seen, advice) = match &finding.evidence {
        Evidence::ResidentIdle { .. } => idle(&finding.evidence, window_ms),
        Evidence::SameCodeWorkers { .. } => workers(&finding.evidence),
        Evidence::GrowingMemory { from_bytes, to_bytes, over_ms, hourly_bytes, audits } => {
            let when = match audits {
                0 => format!("within {}, at every third of it", duration(*over_ms)),
                1 => format!("since the last audit, {} ago", roughly(*over_ms)),
                count => format!("more at each of {count} audits and now, over {}", roughly(*over_ms)),
            };
            (
                format!(
                    "Anonymous memory went from {} to {} {when}: {} an hour.",
                    size(*from_bytes),
                    size(*to_bytes),
                    size(*hourly_bytes)
                ),
                "A cache without bounds, or a leak: give the cache a bound, move it to disk (diskcache, SQLite), or make the \
                 work a job, whose memory is back when it exits. What has only just started may still be warming up."
                    .to_owned(),
            )
        }
        Evidence::UnusedLibraries { libraries, is_touched } => unused(libraries, *is_touched, window_ms),
        Evidence::Orm { .. } => orm(&finding.evidence),
        Evidence::NoBytecodeCache { .. } => bytecode(&finding.evidence),
    };
    Told { title: title(finding.rule), seen, advice }
}

/// What a rule is about.
const fn title(rule: AuditRule) -> &'static str {
    match rule {
        AuditRule::ResidentIdle => "rests in memory, and works little or at an interval",
        AuditRule::SameCodeWorkers => "several workers run the same code and have little to do",
        AuditRule::GrowingMemory => "memory only grows",
        AuditRule::UnusedLibraries => "libraries are loaded that were not seen to be used",
        AuditRule::Orm => "an object-relational mapper is loaded",
        AuditRule::NoBytecodeCache => "Python has no bytecode cache",
    }
}

fn idle(evidence: &Evidence, window_ms: u64) -> (String, String) {
    let Evidence::ResidentIdle {
        uss_bytes,
        cpu_milli,
        wakes,
        rhythm,
        sleeps_ms,
        wakes_in_ms,
        used_milli,
        connected,
        watches_files,
        imports_us,
    } = evidence
    else {
        return Default::default();
    };
    let mut seen = format!(
        "{} of its own, {} of a CPU in {}, nobody can connect to it.",
        size(*uss_bytes),
        percent(cpu_milli.0),
        duration(window_ms)
    );
    seen += &match rhythm {
        Some(rhythm) => {
            format!(" It woke {} times, about every {}.", rhythm.wakes, duration(rhythm.every_ms))
        }
        None if *wakes == 0 => " It did not wake once.".to_owned(),
        None => format!(" It woke {} times a minute.", per_minute(*wakes, window_ms)),
    };
    if let Some(ms) = sleeps_ms {
        seen += &format!(" It sleeps {} at a time.", roughly(*ms));
    }
    if let Some(ms) = wakes_in_ms {
        seen += &format!(" It will sleep for another {}.", roughly(*ms));
    }
    if let Some(used) = used_milli {
        seen += &format!(" It used {} of what it holds.", percent(used.0));
    }
    if !connected.is_empty() {
        seen += &format!(
            " But it is connected to {}: work may come from there.",
            listed(connected.iter().cloned())
        );
    }
    if *watches_files {
        seen += " But it watches files: work may come from there.";
    }
    if let Some(us) = imports_us {
        seen += &format!(" Each start would take {} for its imports.", duration(us / 1000));
    }
    let advice = "A candidate for a job that starts, works and exits: `ebb audit --write DIR` writes its file and says what \
                  turns the daemon off. Whether it holds state that matters can't be seen from outside.";
    (seen, advice.to_owned())
}

fn workers(evidence: &Evidence) -> (String, String) {
    let Evidence::SameCodeWorkers { workers, copies_bytes, cpu_milli, is_reachable, is_python } = evidence
    else {
        return Default::default();
    };
    let seen = format!(
        "{workers} workers used {} of a CPU together; all but one hold {} of their own.",
        percent(cpu_milli.0),
        size(*copies_bytes)
    );
    let advice = match (is_python, is_reachable) {
        (true, true) => {
            "One asynchronous worker can serve as many: an ASGI application under Granian or Uvicorn with one worker; for \
             WSGI, one worker with threads. At least `preload_app`, which shares what is loaded before the fork."
        }
        (true, false) => {
            "One worker with threads or an event loop, or fewer of them: start more when there is work."
        }
        (false, _) => "One worker with threads or an event loop, or such that are started on demand.",
    };
    (seen, advice.to_owned())
}

fn unused(libraries: &[Library], is_touched: bool, window_ms: u64) -> (String, String) {
    let named = libraries.iter().map(|library| {
        let place = library.imported_at.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
        format!("{} {}{place}", library.name, size(library.size()))
    });
    let named = listed(named);
    let seen = if is_touched {
        format!("In {} it used next to no page of: {named}.", duration(window_ms))
    } else {
        format!(
            "It did nothing in {} and has loaded: {named}. Which a busy hour uses, `--touch` tells.",
            duration(window_ms)
        )
    };
    let is_weighed = libraries.iter().any(|library| library.import_bytes.is_some());
    let measure = if is_weighed {
        "Where a place is named, the figure is what importing it anew took, heap and files, with all that it brings and that \
         nothing else imports."
    } else {
        "The figures are the resident pages of their files alone, which other processes may share; their heap comes on top, \
         and pure Python has no files there: `--imports` weighs all that its sources import."
    };
    (
        seen,
        format!(
            "Import them in the function that uses them, or lazily (`lazy import`, Python 3.15). {measure}"
        ),
    )
}

fn orm(evidence: &Evidence) -> (String, String) {
    let Evidence::Orm { orm, mapped_bytes, import_bytes, imports_bytes } = evidence else {
        return Default::default();
    };
    let seen = match (import_bytes, imports_bytes, mapped_bytes) {
        (Some(bytes), Some(all), _) => {
            let share = percent(bytes * 1000 / (*all).max(1));
            format!("{orm} takes {} of the {} that its imports take, {share}.", size(*bytes), size(*all))
        }
        (_, _, Some(bytes)) => {
            format!("{} of {orm}'s own files are in its memory, and its heap on top.", size(*bytes))
        }
        _ => format!("{orm} is installed for it, and its sources import it."),
    };
    let measure = if import_bytes.is_none() { " `--imports` tells its share." } else { "" };
    let advice = format!(
        "A hint, no verdict: where it only reads rows, the driver with plain SQL and slotted dataclasses takes a part of the \
         memory and the start.{measure}"
    );
    (seen, advice)
}

fn bytecode(evidence: &Evidence) -> (String, String) {
    let Evidence::NoBytecodeCache { forbidden_by, missing, is_unwritable, python } = evidence else {
        return Default::default();
    };
    let mut seen = forbidden_by.as_ref().map_or_else(String::new, |by| format!("{by} is set. "));
    if !missing.is_empty() {
        let named = listed(missing.iter().map(|dir| dir.display().to_string()));
        let why =
            if *is_unwritable && forbidden_by.is_none() { ", and its user may not write there" } else { "" };
        seen += &format!("There is no bytecode of Python {python} beside: {named}{why}.");
    }
    let program = if python.is_empty() { "python".to_owned() } else { format!("python{python}") };
    let which = if missing.is_empty() { "what was not compiled at installation" } else { "these sources" };
    let advice = format!(
        "Each start compiles {which} anew, which takes about five times as long as to load them: run `{program} -m \
         compileall` over them at installation, or set PYTHONPYCACHEPREFIX to a directory that it may write. Before it \
         becomes a job, above all."
    );
    (seen.trim_end().to_owned(), advice)
}

/// `a, b and 3 more`.
fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

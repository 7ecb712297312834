//! One job in detail, for `ebb status JOB`.

use crate::job::Bytes;
use crate::journal::HistoryLine;
use crate::protocol::{JobStatus, LearnedStatus, MemoryStatus, RunStatus};
use crate::words::ClaimSource;

use super::failure::Failure;
use super::screen::{BAD, HEADING, LIVELY, NOTICE, Screen};
use super::times::{self, Moment};
use super::{ended, figures};

/// Prints a job; `failure` is the record of its last run, where that did not end well.
///
/// # Errors
/// When it can't be printed.
pub(super) fn print(
    job: &JobStatus,
    failure: Option<&HistoryLine>,
    moment: &Moment,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let look = screen.look;
    let when =
        |text: &str| times::parse(text).map_or_else(|| text.to_owned(), |at| moment.stamp_and_relative(at));
    let title = look.paint(HEADING, &job.job);
    match job.description.as_str() {
        "" => writeln!(screen.out, "{title}")?,
        description => writeln!(screen.out, "{title}: {}", figures::one_line(description))?,
    }
    screen.fact("state", &state(job))?;
    screen.fact("schedule", &schedule(job))?;
    screen.fact("next", &job.next.as_deref().map_or_else(|| "-".to_owned(), when))?;
    if let Some(last) = &job.last {
        let style = if last.outcome.is_success() { LIVELY } else { BAD };
        let outcome = look.paint(style, last.outcome.word());
        screen.fact("last", &format!("run {}: {outcome}, {}", last.run, when(&last.finished_at)))?;
    }
    if let Some(line) = failure {
        screen.fact("", &look.paint(NOTICE, &ended::end(line)))?;
        if let Some(run) = line.started_at.and(line.id) {
            screen.fact("", &format!("`ebb logs {} --run {run}` shows what it wrote", job.job))?;
        }
    }
    for run in &job.runs {
        screen.fact(&format!("run {}", run.run), &of_run(run, moment))?;
        if let Some(waits) = &run.waits {
            let likely = waits.likely_at.as_deref().and_then(times::parse);
            let likely =
                likely.map_or_else(String::new, |at| format!("; likely {}", moment.relative_and_clock(at)));
            let why = figures::one_line(&waits.sentence) + &likely;
            screen.fact("", &look.paint(NOTICE, &why))?;
        }
    }
    memory(&job.memory, screen)?;
    if !job.unheld.is_empty() {
        let unheld = format!("{}; `ebb doctor` says why", job.unheld.join(", "));
        screen.fact("not held", &look.paint(BAD, &unheld))?;
    }
    for line in job.stale.iter().flat_map(|stale| figures::lines(stale)) {
        screen.fact("file", &look.paint(NOTICE, &line))?;
    }
    Ok(())
}

/// What its runs need, what that is known from, and what they get.
fn memory(memory: &MemoryStatus, screen: &mut Screen) -> Result<(), Failure> {
    if let Some(learned) = &memory.learned {
        for (heading, fact) in learned_of(learned) {
            screen.fact(heading, &fact)?;
        }
    }
    if let Some(max) = memory.max_bytes {
        screen.fact("limit", &Bytes(max).to_string())?;
    }
    if let (Some(bytes), Some(source)) = (memory.claim_bytes, memory.claim_source) {
        screen.fact("claim", &format!("{}, {}", figures::size(bytes), from(source)))?;
    }
    if memory.priority != 0 {
        screen.fact("priority", &memory.priority.to_string())?;
    }
    if let Some(pool) = &memory.pool {
        screen.fact("pool", pool)?;
    }
    Ok(())
}

fn learned_of(learned: &LearnedStatus) -> Vec<(&'static str, String)> {
    let (size, duration) = (figures::size, figures::duration);
    let mut facts = Vec::new();
    if learned.cut > 0 {
        let (cut, least) = (figures::counted(learned.cut.into(), "run"), size(learned.highest_bytes));
        facts.push(("memory", format!("at least {least}: the limit has cut the latest {cut} short")));
    }
    if learned.runs > 0 {
        let before = if learned.cut > 0 { "; before that " } else { "" };
        let (peak, stray) = (size(learned.peak_bytes), size(learned.peak_deviation_bytes));
        let highest = if learned.cut > 0 {
            String::new()
        } else {
            format!(", highest {}", size(learned.highest_bytes))
        };
        let runs = figures::counted(learned.runs.into(), "run");
        let text = format!("{before}peak-anon {peak} ± {stray}{highest}, from {runs} that succeeded");
        match facts.last_mut() {
            Some((_, fact)) => fact.push_str(&text),
            None => facts.push(("memory", text)),
        }
        let (mean, stray) = (duration(learned.duration_ms), duration(learned.duration_deviation_ms));
        facts.push(("takes", format!("{mean} ± {stray}, longest {}", duration(learned.longest_ms))));
    } else if learned.cut == 0 {
        facts.push(("memory", format!("at least {}: no run has succeeded yet", size(learned.highest_bytes))));
    }
    facts
}

const fn from(source: ClaimSource) -> &'static str {
    match source {
        ClaimSource::Declared => "declared in its file (`[memory] claim`)",
        ClaimSource::Learned => "learned from its runs",
        ClaimSource::Limit => "its limit, as too little is known of its runs",
        ClaimSource::Unknown => "as too little is known of its runs",
    }
}

fn state(job: &JobStatus) -> String {
    let mut state = job.state.clone();
    if job.paused {
        state +=
            &format!(" (held back by `ebb pause`; `ebb resume {}` lets it start by itself again)", job.job);
    } else if !job.enabled && job.state != "removed" {
        state += " (`enabled = false` in its file: it does not start by itself)";
    }
    state
}

fn schedule(job: &JobStatus) -> String {
    let every = job.every_ms.map(|ms| format!("every {}", figures::duration(ms)));
    let all: Vec<_> = job.schedule.iter().map(|text| figures::one_line(text)).chain(every).collect();
    if all.is_empty() { "none; it runs on demand".to_owned() } else { all.join(" | ") }
}

fn of_run(run: &RunStatus, moment: &Moment) -> String {
    let trigger = match run.attempt {
        1 => run.trigger.to_string(),
        attempt => format!("{}, attempt {attempt}", run.trigger),
    };
    let since = run.started_at.as_ref().unwrap_or(&run.queued_at);
    let since = times::parse(since).map_or_else(String::new, |at| {
        format!(" for {}, since {}", figures::duration(moment.since_ms(at)), moment.stamp(at))
    });
    let peak = run.peak_anon_bytes.map_or_else(String::new, |b| format!(", peak-anon {}", figures::size(b)));
    let lacks = run.lacks.as_deref().map(figures::one_line);
    let lacks = lacks.map_or_else(String::new, |lacks| format!("; it cannot start yet: {lacks}"));
    format!("{}{since}, {trigger}{peak}{lacks}", run.state)
}

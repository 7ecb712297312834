//! When a job starts by itself, how long it may take, and what overlapping and failed runs mean.

use crate::job::definition::{Retry, Timing};
use crate::job::host::Host;
use crate::job::kinds::Table::{Retry as InRetry, Root};
use crate::job::read::{Read, Reader};
use crate::job::units::Millis;
use crate::job::when::{When, check_schedule};
use crate::limits::{
    EVERY_MIN_MS, MAX_PARALLEL_DEFAULT, MAX_PARALLEL_MAX, QUEUE_LIMIT_DEFAULT, QUEUE_LIMIT_MAX,
    RETRY_ATTEMPTS_MAX, RETRY_BACKOFF_DEFAULT, RETRY_BACKOFF_MAX, RETRY_DELAY_DEFAULT_MS,
    RETRY_MAX_DELAY_DEFAULT_MS, SCHEDULES_MAX,
};
use crate::problem::hints::nearest;
use crate::problem::{TextProblem, shown};
use crate::words::{CatchUp, Overlap};

pub(super) fn timing(reader: &mut Reader<'_>, job: &str, host: Host<'_>) -> Timing {
    let (schedules, reboot) = schedules(reader, job);
    let every = every(reader);
    let at_start = reader.flag(Root, "at-start").unwrap_or_default();
    let timezone = timezone(reader, host);
    let jitter = reader.duration(Root, "jitter");
    let catch_up = reader.word::<CatchUp>(Root, "catch-up");
    // A schedule that was refused is there all the same.
    let has_schedule = !schedules.is_empty() || (reader.entry(Root, "schedule").is_some() && !reboot);
    let has_every = reader.entry(Root, "every").is_some();
    if !has_schedule {
        pointless(reader, "timezone", "`schedule`");
    }
    if !has_schedule && !has_every {
        pointless(reader, "jitter", "`schedule` or `every`");
        pointless(reader, "catch-up", "`schedule` or `every`");
    }
    if !schedules.is_empty()
        && every.is_some()
        && let Some(span) = reader.name_span(Root, "every")
    {
        let message = "a job has either `schedule` or `every`, not both";
        reader.report.error_help(&span, message, "take one of them out, or make two jobs of it");
    }
    if let (Some(jitter), Some(every)) = (&jitter, every)
        && jitter.value > every
    {
        let message =
            format!("`jitter` is longer than `every`: {} and {}", Millis(jitter.value), Millis(every));
        reader.report.error_help(&jitter.span, message, "make `jitter` a part of `every`");
    }
    Timing {
        schedules,
        every_ms: every,
        at_start: at_start || reboot,
        timezone,
        jitter_ms: jitter.map_or(0, |jitter| jitter.value),
        catch_up: catch_up.map_or_else(CatchUp::default, |word| word.value),
    }
}

/// A key that does nothing in this file, for the lack of another one.
fn pointless(reader: &mut Reader<'_>, name: &str, needs: &str) {
    // What stands in a line that could not be read may be just the other one.
    if reader.report.is_broken() {
        return;
    }
    if let Some(span) = reader.name_span(Root, name) {
        let message = format!("`{name}` does nothing without {needs}");
        reader.report.error_help(&span, message, format!("add {needs}, or take `{name}` out"));
    }
}

/// The expressions without `@reboot`, and whether that is among them.
fn schedules(reader: &mut Reader<'_>, job: &str) -> (Vec<String>, bool) {
    let Some(texts) = reader.strings(Root, "schedule", true) else { return (Vec::new(), false) };
    if let Some(first) = texts.get(SCHEDULES_MAX) {
        let message = format!("there are more than {SCHEDULES_MAX} schedules");
        reader.report.error_help(
            &first.span,
            message,
            "put them together: a field takes lists, like `0,15,30`",
        );
    }
    let (mut slots, mut reboot) = (Vec::new(), false);
    for text in texts {
        if slots.iter().any(|seen| seen == text.value) {
            reader.report.error_help(&text.span, "this schedule is there twice", "take one of them out");
            continue;
        }
        match check_schedule(text.value, job) {
            Ok(When::AtStart) => reboot = true,
            Ok(When::Slots) => slots.push(text.value.to_owned()),
            Err(problem) => reader.report.text_problem(&text.span, text.value, problem),
        }
    }
    (slots, reboot)
}

fn every(reader: &mut Reader<'_>) -> Option<u64> {
    let every = reader.duration(Root, "every")?;
    if every.value < EVERY_MIN_MS {
        let message = format!("`every` is shorter than {}", Millis(EVERY_MIN_MS));
        reader.report.error_help(&every.span, message, "a job that never rests is a service, not a job");
    }
    Some(every.value)
}

fn timezone(reader: &mut Reader<'_>, host: Host<'_>) -> Option<String> {
    let zone = reader.text(Root, "timezone")?;
    if host.machine.zone_exists(zone.value) {
        return Some(zone.value.to_owned());
    }
    let mut names = Vec::new();
    host.machine.each_zone(&mut |name| names.push(name.to_owned()));
    let city =
        |name: &&String| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(zone.value));
    let meant = names.iter().find(city).map(String::as_str);
    let help = match meant.or_else(|| nearest(zone.value, names.iter().map(String::as_str))) {
        Some(name) => format!("write `timezone = \"{name}\"`"),
        None => "write an IANA name, like \"UTC\" or \"Europe/Vienna\"".to_owned(),
    };
    let message = format!("there is no time zone `{}`", shown(zone.value));
    reader.report.text_problem(&zone.span, zone.value, TextProblem::new(0..zone.value.len(), message, help));
    None
}

/// `overlap` and the two numbers that go with it.
pub(super) struct Overlapping {
    pub(super) mode: Overlap,
    pub(super) queue_limit: u16,
    pub(super) max_parallel: u16,
}

pub(super) fn overlap(reader: &mut Reader<'_>) -> Overlapping {
    let written = reader.entry(Root, "overlap").is_some();
    let word = reader.word::<Overlap>(Root, "overlap");
    let refused = written && word.is_none();
    let mode = word.map_or(Overlap::Skip, |word| word.value);
    let small = |read: Option<Read<i64>>| read.and_then(|read| u16::try_from(read.value).ok());
    let queue_limit = small(reader.whole(Root, "queue-limit", 1..=i64::from(QUEUE_LIMIT_MAX)));
    let max_parallel = small(reader.whole(Root, "max-parallel", 1..=i64::from(MAX_PARALLEL_MAX)));
    if mode != Overlap::Parallel && !refused {
        pointless(reader, "max-parallel", "`overlap = \"parallel\"`");
    }
    let default = if mode == Overlap::Parallel { MAX_PARALLEL_DEFAULT } else { 1 };
    Overlapping {
        mode,
        queue_limit: queue_limit.unwrap_or(QUEUE_LIMIT_DEFAULT),
        max_parallel: max_parallel.unwrap_or(default),
    }
}

pub(super) fn timeout(reader: &mut Reader<'_>) -> Option<u64> {
    let timeout = reader.duration(Root, "timeout")?;
    if timeout.value == 0 {
        let help = "take `timeout` out for no limit";
        reader.report.error_help(&timeout.span, "a run can't end before it starts", help);
    }
    Some(timeout.value)
}

pub(super) fn grace(reader: &mut Reader<'_>) -> Option<u64> {
    reader.duration(Root, "grace").map(|grace| grace.value)
}

pub(super) fn retry(reader: &mut Reader<'_>) -> Retry {
    let attempts = reader.whole(InRetry, "attempts", 0..=i64::from(RETRY_ATTEMPTS_MAX));
    let delay = reader.duration(InRetry, "delay");
    let backoff = reader.factor(InRetry, "backoff", 1.0..=RETRY_BACKOFF_MAX);
    let max_delay = reader.duration(InRetry, "max-delay");
    let delay_ms = delay.as_ref().map_or(RETRY_DELAY_DEFAULT_MS, |read| read.value);
    let max_delay_ms = max_delay.as_ref().map_or(RETRY_MAX_DELAY_DEFAULT_MS, |read| read.value);
    if let Some(at) = delay.as_ref().or(max_delay.as_ref())
        && delay_ms > max_delay_ms
    {
        let message = format!(
            "`retry.delay` is longer than `retry.max-delay`: {} and {}",
            Millis(delay_ms),
            Millis(max_delay_ms)
        );
        let help = format!("write `max-delay = \"{}\"` or more", Millis(delay_ms));
        reader.report.error_help(&at.span, message, help);
    }
    let has = |reader: &Reader<'_>, name| reader.name_span(InRetry, name);
    let idle = has(reader, "delay").or_else(|| has(reader, "backoff")).or_else(|| has(reader, "max-delay"));
    if let Some(span) = idle.filter(|_| has(reader, "attempts").is_none() && !reader.report.is_broken()) {
        reader.report.error_help(&span, "`retry` does nothing without `attempts`", "add `attempts = 3`");
    }
    Retry {
        attempts: attempts.and_then(|read| u32::try_from(read.value).ok()).unwrap_or_default(),
        delay_ms,
        backoff: backoff.map_or(RETRY_BACKOFF_DEFAULT, |read| read.value),
        max_delay_ms,
    }
}

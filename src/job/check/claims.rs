//! How a job gets memory before its runs start: priority, pool, claim, and what follows when its limit has killed a run.

use toml::de::DeValue;

use super::limits::at_least;
use crate::job::definition::OnOom;
use crate::job::host::{CannotClaim, Host};
use crate::job::kinds::Table::{Memory as InMemory, OnOom as InOnOom, Root};
use crate::job::name::check_pool_name;
use crate::job::read::Reader;
use crate::job::units::{Bytes, Millis};
use crate::limits::{
    MEMORY_MIN, ON_OOM_GROW_DEFAULT_MILLI, ON_OOM_GROW_RANGE_MILLI, ON_OOM_RETRY_MAX, PRIORITY_RANGE,
    QUEUE_TIMEOUT_MIN_MS, SIZE_MAX,
};
use crate::problem::hints::nearest;
use crate::problem::{TextProblem, shown};

pub(super) fn priority(reader: &mut Reader<'_>) -> i8 {
    let range = i64::from(*PRIORITY_RANGE.start())..=i64::from(*PRIORITY_RANGE.end());
    let read = reader.whole(Root, "priority", range);
    read.and_then(|read| i8::try_from(read.value).ok()).unwrap_or_default()
}

/// `pool`, if the settings have it.
pub(super) fn pool(reader: &mut Reader<'_>, host: Host<'_>) -> Option<String> {
    let parse = |text: &str| {
        check_pool_name(text)?;
        let known = host.room.map_or(Ok(()), |room| room.check_pool(text));
        known.map(|()| text.to_owned()).map_err(|help| {
            let message = format!("there is no pool `{text}` in ebbd's settings");
            TextProblem::new(0..text.len(), message, help)
        })
    };
    reader.string(Root, "pool", parse, |_, _| None).map(|read| read.value)
}

pub(super) fn queue_timeout(reader: &mut Reader<'_>) -> Option<u64> {
    let timeout = reader.duration(Root, "queue-timeout")?;
    if timeout.value < QUEUE_TIMEOUT_MIN_MS {
        let message = format!("`queue-timeout` is shorter than {}", Millis(QUEUE_TIMEOUT_MIN_MS));
        reader.report.error_help(&timeout.span, message, "take `queue-timeout` out to wait without end");
    }
    Some(timeout.value)
}

/// `claim`, which is no more than `max` and can be had.
pub(super) fn claim(
    reader: &mut Reader<'_>,
    max: Option<u64>,
    pool: Option<&str>,
    host: Host<'_>,
) -> Option<u64> {
    let claim = at_least(reader, InMemory, "claim", MEMORY_MIN)?;
    if let Some(max) = max.filter(|max| claim.value > *max) {
        let message =
            format!("`memory.claim` is above `memory.max`: {} and {}", Bytes(claim.value), Bytes(max));
        let help = "a run never takes more than `max`: write what it takes on most days, or take `claim` out";
        reader.report.error_help(&claim.span, message, help);
    }
    let can = host.room.map_or(Ok(()), |room| room.check_claim(claim.value, pool));
    if let Err(CannotClaim { there, most }) = can {
        let message = format!("`memory.claim` is more than {there}: {} and {most}", Bytes(claim.value));
        let help = format!("no run would ever start: claim {most} or less, or change ebbd's settings");
        reader.report.error_help(&claim.span, message, help);
    }
    Some(claim.value)
}

/// `on-oom`: a word, or a table that raises `max`.
pub(super) fn on_oom(reader: &mut Reader<'_>, max: Option<u64>) -> OnOom {
    let Some(entry) = reader.entry(InMemory, "on-oom") else { return OnOom::default() };
    let (name_span, is_table) = (entry.name_span.clone(), entry.value.get_ref().is_table());
    if !is_table {
        let unquoted = |value: &DeValue<'_>, written: &str| {
            value.as_integer().map(|_| format!("{{ retry = {written} }}"))
        };
        reader.string(InMemory, "on-oom", fail, unquoted);
        return OnOom::default();
    }
    let retry = reader.whole(InOnOom, "retry", 1..=i64::from(ON_OOM_RETRY_MAX));
    let milli = |milli: &u32| f64::from(*milli) / 1000.0;
    let range = milli(ON_OOM_GROW_RANGE_MILLI.start())..=milli(ON_OOM_GROW_RANGE_MILLI.end());
    let grow = reader.factor(InOnOom, "grow", range);
    let up_to = at_least(reader, InOnOom, "up-to", MEMORY_MIN);
    // What is missing may stand in a line that could not be read.
    if !reader.report.is_broken() {
        if reader.entry(InOnOom, "retry").is_none() {
            let help = "add `retry = 2` to it, or write `on-oom = \"fail\"`";
            reader.report.error_help(&name_span, "`memory.on-oom` does nothing without `retry`", help);
        }
        if reader.entry(InMemory, "max").is_none() {
            let message = "`memory.on-oom` does nothing without `memory.max`, the limit that it raises";
            reader.report.error_help(&name_span, message, "add `max` to `memory`, or take `on-oom` out");
        }
    }
    if let (Some(up_to), Some(max)) = (&up_to, max)
        && up_to.value <= max
    {
        let message = format!(
            "`memory.on-oom.up-to` is not above `memory.max`: {} and {}",
            Bytes(up_to.value),
            Bytes(max)
        );
        let help = format!("write `up-to = \"{}\"` or so", Bytes(max.saturating_mul(2).min(SIZE_MAX)));
        reader.report.error_help(&up_to.span, message, help);
    }
    OnOom {
        retry: retry.and_then(|read| u32::try_from(read.value).ok()).unwrap_or_default(),
        grow_milli: grow.map_or(ON_OOM_GROW_DEFAULT_MILLI, |read| thousandths(read.value)),
        up_to: up_to.map(|read| read.value),
    }
}

/// The one word of `on-oom`.
fn fail(text: &str) -> Result<(), TextProblem> {
    if text == "fail" {
        return Ok(());
    }
    let help = match nearest(text, ["fail", "retry"].into_iter()) {
        Some("fail") => "write `\"fail\"`",
        Some("retry") => "write `on-oom = { retry = 2 }`",
        Some(_) | None => "it is \"fail\", or a table like `{ retry = 2, grow = 1.5 }`",
    };
    Err(TextProblem::new(0..text.len(), format!("`{}` is no word for `on-oom`", shown(text)), help))
}

/// A factor in the range of `grow`, in thousandths.
fn thousandths(factor: f64) -> u32 {
    // No integer type takes an f64 without a cast; the range of `grow` leaves nothing to lose.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let milli = (factor * 1000.0).round() as u32;
    milli.clamp(*ON_OOM_GROW_RANGE_MILLI.start(), *ON_OOM_GROW_RANGE_MILLI.end())
}

//! What a run may use: memory, CPU, processes, and disk for its output.

use toml::de::DeValue;

use super::claims;
use crate::job::definition::{Cpu, Memory, Output};
use crate::job::host::Host;
use crate::job::kinds::Table::{self, Cpu as InCpu, Memory as InMemory, Output as InOutput, Root};
use crate::job::read::{Read, Reader};
use crate::job::units::{Bytes, Quota, too_small};
use crate::limits::{
    CPU_WEIGHT_MAX, IDENTIFIER_MAX, MEMORY_MIN, NICE_RANGE, OOM_SCORE_ADJUST_RANGE, OUTPUT_KEEP_DEFAULT,
    OUTPUT_KEEP_MAX, OUTPUT_MAX_DEFAULT, OUTPUT_MAX_MIN, PIDS_MAX_MAX,
};
use crate::words::{EnforcementWish, OutputTo};

pub(super) fn memory(reader: &mut Reader<'_>, pool: Option<&str>, host: Host<'_>) -> Memory {
    let max = at_least(reader, InMemory, "max", MEMORY_MIN);
    let high = at_least(reader, InMemory, "high", MEMORY_MIN);
    let swap_max = reader.size(InMemory, "swap-max", true);
    if let (Some(high), Some(max)) = (&high, &max)
        && high.value > max.value
    {
        let message =
            format!("`memory.high` is above `memory.max`: {} and {}", Bytes(high.value), Bytes(max.value));
        reader.report.error_help(
            &high.span,
            message,
            "the kernel would kill before it slows down: set `high` below `max`",
        );
    }
    if let Some(high) = &high
        && reader.entry(Root, "timeout").is_none()
        && !reader.report.is_broken()
    {
        let message = "`memory.high` slows a run down and never ends it";
        reader.report.warning(&high.span, message, "set a `timeout` too, so that a run that crawls ends");
    }
    let limit = max.as_ref().map(|read| read.value);
    Memory {
        claim: claims::claim(reader, limit, pool, host),
        on_oom: claims::on_oom(reader, limit),
        // A memory limit without one of swap is no limit where there is swap.
        swap_max: swap_max.map_or_else(|| max.as_ref().map(|_| 0), |read| read.value),
        max: max.map(|read| read.value),
        high: high.map(|read| read.value),
        oom_group: reader.flag(InMemory, "oom-group").unwrap_or(true),
    }
}

/// A size that is no smaller than `least` bytes.
pub(super) fn at_least(reader: &mut Reader<'_>, table: Table, name: &str, least: u64) -> Option<Read<u64>> {
    let read = reader.size(table, name, false)?;
    let bytes = read.value?;
    if bytes >= least {
        return Some(Read { value: bytes, span: read.span });
    }
    let full_name = format!("{}.{name}", table.name());
    let (message, help) = too_small(&full_name, bytes, least, reader.report.source.slice(&read.span));
    reader.report.error_help(&read.span, message, help);
    None
}

pub(super) fn cpu(reader: &mut Reader<'_>) -> Cpu {
    let weight = reader.whole(InCpu, "weight", 1..=i64::from(CPU_WEIGHT_MAX));
    let unquoted = |value: &DeValue<'_>, written: &str| match value {
        // People who write 1.5 mean CPUs; who writes 150 means percent.
        DeValue::Float(number) => {
            let percent = number.as_str().parse::<f64>().ok()? * 100.0;
            Some(format!("\"{percent:.0}%\""))
        }
        DeValue::Integer(_) => Some(format!("\"{written}%\"")),
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    };
    let quota = reader.string(InCpu, "quota", |text| text.parse::<Quota>(), unquoted);
    Cpu {
        weight: weight.and_then(|read| u32::try_from(read.value).ok()),
        quota_millicpu: quota.map(|read| read.value.0),
    }
}

pub(super) fn pids_max(reader: &mut Reader<'_>) -> Option<u64> {
    let read = reader.whole(Root, "pids-max", 1..=i64::from(PIDS_MAX_MAX))?;
    u64::try_from(read.value).ok()
}

pub(super) fn nice(reader: &mut Reader<'_>) -> i32 {
    let range = i64::from(*NICE_RANGE.start())..=i64::from(*NICE_RANGE.end());
    let read = reader.whole(Root, "nice", range);
    read.and_then(|read| i32::try_from(read.value).ok()).unwrap_or_default()
}

pub(super) fn oom_score_adjust(reader: &mut Reader<'_>) -> Option<i32> {
    let range = i64::from(*OOM_SCORE_ADJUST_RANGE.start())..=i64::from(*OOM_SCORE_ADJUST_RANGE.end());
    let read = reader.whole(Root, "oom-score-adjust", range)?;
    i32::try_from(read.value).ok()
}

pub(super) fn enforcement(reader: &mut Reader<'_>) -> EnforcementWish {
    reader.word(Root, "enforcement").map_or(EnforcementWish::Best, |read| read.value)
}

pub(super) fn output(reader: &mut Reader<'_>, host: Host<'_>) -> Output {
    let to = reader.word::<OutputTo>(InOutput, "to").map_or(OutputTo::File, |read| read.value);
    let max = at_least(reader, InOutput, "max", OUTPUT_MAX_MIN);
    let keep = reader.whole(InOutput, "keep", 1..=i64::from(OUTPUT_KEEP_MAX));
    let identifier = identifier(reader);
    for (name, needed) in
        [("max", OutputTo::File), ("keep", OutputTo::File), ("identifier", OutputTo::Journal)]
    {
        if let Some(span) = reader.name_span(InOutput, name).filter(|_| to != needed) {
            let message = format!("`output.{name}` does nothing with `to = \"{to}\"`");
            let help = format!("write `to = \"{needed}\"`, or take `{name}` out");
            reader.report.error_help(&span, message, help);
        }
    }
    if to == OutputTo::Journal
        && let Err(why) = host.machine.has_journal()
        && let Some(span) = reader.entry(InOutput, "to").map(|entry| entry.value.span())
    {
        let message = format!("there is no systemd journal here: {why}");
        reader.report.warning(
            &span,
            message,
            "as long as there is none, output goes to files, as with `to = \"file\"`",
        );
    }
    Output {
        to,
        max: max.map_or(OUTPUT_MAX_DEFAULT, |read| read.value),
        keep: keep.and_then(|read| u32::try_from(read.value).ok()).unwrap_or(OUTPUT_KEEP_DEFAULT),
        identifier,
    }
}

fn identifier(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text(InOutput, "identifier")?;
    if (1..=IDENTIFIER_MAX).contains(&text.value.len()) {
        return Some(text.value.to_owned());
    }
    let message = format!("`output.identifier` is {} bytes long", text.value.len());
    reader.report.error_help(&text.span, message, format!("it is from 1 to {IDENTIFIER_MAX} bytes long"));
    None
}

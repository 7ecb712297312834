//! Amounts of memory against each other and against what the machine has. Reads nothing.

use super::read::{At, Reader};
use super::resolve::{bytes_of, readable};
use super::{Pressure, Share};
use crate::limits::{CLAIM_UNKNOWN_DEFAULT, MEMORY_MIN};

/// `[budget]`, with the places of what is compared.
#[derive(Default)]
pub(super) struct Budget {
    pub(super) memory: Option<At<Share>>,
    pub(super) reserve: Option<At<Share>>,
    pub(super) unknown: Option<At<u64>>,
    /// Whether the file has `unknown`, be it right or wrong.
    pub(super) has_unknown: bool,
    pub(super) max_parallel: Option<u16>,
    pub(super) pressure: Pressure,
}

/// A pool, with the place of what is compared.
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) memory: Option<At<Share>>,
    pub(super) max_parallel: Option<u16>,
}

/// Reports what can't be or can hardly be meant on a machine with `total` bytes.
pub(super) fn compare(reader: &mut Reader<'_>, budget: Option<&Budget>, pools: &[Pool], total: Option<u64>) {
    let memory = budget.and_then(|budget| amount(reader, "budget.memory", budget.memory.as_ref(), total));
    let reserve = budget.and_then(|budget| amount(reader, "budget.reserve", budget.reserve.as_ref(), total));
    // What can be claimed at most.
    let mut most = memory;
    if let (Some(budget), Some(total)) = (budget, total) {
        let left = left_by_reserve(reader, budget, reserve, total);
        if let (Some(memory), Some(at)) = (memory, &budget.memory)
            && memory > left
        {
            let (which, than) = if memory > total {
                ("this machine has", total)
            } else {
                ("`budget.reserve` leaves of this machine", left)
            };
            let message =
                format!("`budget.memory` is more than {which}: {} and {}", readable(memory), readable(than));
            let help =
                format!("what is free counts as well, so no more than {} is given out", readable(left));
            reader.report.warning(&at.span, message, help);
        }
        most = Some(memory.map_or(left, |memory| memory.min(left)));
    }
    let unknown = budget.map_or(CLAIM_UNKNOWN_DEFAULT, |budget| fits_unknown(reader, budget, most));
    for pool in pools {
        compare_pool(reader, pool, most.or(total), unknown, total);
    }
}

/// Bytes of an amount; a share of a machine whose memory is not known is a problem, and so is next to nothing.
fn amount(
    reader: &mut Reader<'_>,
    full_name: &str,
    share: Option<&At<Share>>,
    total: Option<u64>,
) -> Option<u64> {
    let at = share?;
    let Some(bytes) = bytes_of(at.value, total) else {
        let message = "how much memory this machine has can't be told, and so no share of it";
        reader.report.error_help(&at.span, message, "write a size, like \"2G\"");
        return None;
    };
    if matches!(at.value, Share::Percent(_)) && bytes < MEMORY_MIN {
        reader.too_small(full_name, bytes, MEMORY_MIN, &at.span);
        return None;
    }
    Some(bytes)
}

/// What the reserve leaves, which has to be something.
fn left_by_reserve(reader: &mut Reader<'_>, budget: &Budget, reserve: Option<u64>, total: u64) -> u64 {
    let reserve = reserve.unwrap_or(0);
    if let Some(at) = &budget.reserve
        && reserve >= total
    {
        let message = format!(
            "`budget.reserve` leaves nothing to run in: {} of {}",
            readable(reserve),
            readable(total)
        );
        reader.report.error_help(&at.span, message, "write a small part of it, like `reserve = \"5%\"`");
        return total;
    }
    total - reserve
}

/// What a run claims of which nothing is known; where that is more than there is, such a run claims half of it.
fn fits_unknown(reader: &mut Reader<'_>, budget: &Budget, most: Option<u64>) -> u64 {
    let unknown = budget.unknown.as_ref().map_or(CLAIM_UNKNOWN_DEFAULT, |unknown| unknown.value);
    let Some(most) = most.filter(|most| unknown > *most) else { return unknown };
    let help = format!(
        "such a run claims half of it: write `unknown = \"{}\"` or less",
        readable((most / 2).max(MEMORY_MIN))
    );
    let numbers = format!("{} and {}", readable(unknown), readable(most));
    if let Some(at) = &budget.unknown {
        let message = format!("`budget.unknown` is more than there is to give out: {numbers}");
        reader.report.error_help(&at.span, message, help);
    } else if let Some(at) =
        budget.memory.as_ref().or(budget.reserve.as_ref()).filter(|_| !budget.has_unknown)
    {
        let message =
            format!("what a run claims of which nothing is known is more than this leaves: {numbers}");
        reader.report.warning(&at.span, message, help);
    }
    most
}

/// A pool against the budget. Half of it is harmless, so these are warnings.
fn compare_pool(reader: &mut Reader<'_>, pool: &Pool, most: Option<u64>, unknown: u64, total: Option<u64>) {
    let full_name = format!("pools.{}.memory", pool.name);
    let Some(bytes) = amount(reader, &full_name, pool.memory.as_ref(), total) else { return };
    let Some(at) = &pool.memory else { return };
    if let Some(most) = most.filter(|most| bytes > *most) {
        let message = format!(
            "`{full_name}` is more than there is to give out: {} and {}",
            readable(bytes),
            readable(most)
        );
        reader.report.warning(
            &at.span,
            message,
            "all runs together get no more than that: write a part of it",
        );
    } else if unknown > bytes {
        let message = format!(
            "`{full_name}` is less than a run claims of which nothing is known: {} and {}",
            readable(bytes),
            readable(unknown)
        );
        let help = "give its jobs a `claim` or a `max`, or `[budget]` a smaller `unknown`";
        reader.report.warning(&at.span, message, help);
    }
}

//! The limits of one leaf, and how each version of cgroups writes them down.
//! Knows nothing of where leaves are.

use std::io;
use std::path::Path;

use super::files::write;

/// Limits of one leaf; `None` is "no limit".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeafLimits {
    /// Bytes beyond which the kernel kills.
    pub memory_max: Option<u64>,
    /// Bytes beyond which the kernel throttles and reclaims (v1: a soft limit, which counts only when the host is short).
    pub memory_high: Option<u64>,
    /// Bytes of swap besides; 0 where `memory_max` is set and this is not (v1: needs `memory_max`).
    pub swap_max: Option<u64>,
    /// Whether an OOM kill takes the whole leaf (v2 only; on v1 see [`super::Leaf::oom_watch`]).
    pub oom_group: bool,
    /// 1 to 10000; 100 is what everybody has.
    pub cpu_weight: Option<u32>,
    /// Thousandths of one CPU, at least 1.
    pub cpu_quota_millicpu: Option<u32>,
    /// Most processes and threads.
    pub pids_max: Option<u64>,
}

impl LeafLimits {
    pub(super) const fn memory(&self) -> bool {
        self.memory_max.is_some() || self.memory_high.is_some() || self.swap_max.is_some()
    }

    pub(super) const fn cpu(&self) -> bool {
        self.cpu_weight.is_some() || self.cpu_quota_millicpu.is_some()
    }
}

/// Writes the limits that `controllers` can hold into a leaf without processes.
pub(super) fn write_v2(leaf: &Path, controllers: &[&str], limits: &LeafLimits) -> io::Result<()> {
    let set = |file: &str, value: String| write(&leaf.join(file), &value);
    if controllers.contains(&"memory") {
        if let Some(high) = limits.memory_high {
            set("memory.high", high.to_string())?;
        }
        if let Some(max) = limits.memory_max {
            set("memory.max", max.to_string())?;
            if limits.oom_group {
                optional(set("memory.oom.group", "1".into()))?; // Linux 4.19
            }
        }
        if let Some(swap) = limits.swap_max.or(limits.memory_max.map(|_| 0)) {
            optional(set("memory.swap.max", swap.to_string()))?; // absent where the kernel has no swap
        }
    }
    if controllers.contains(&"pids")
        && let Some(max) = limits.pids_max
    {
        set("pids.max", max.to_string())?;
    }
    if controllers.contains(&"cpu") {
        if let Some(weight) = limits.cpu_weight {
            set("cpu.weight", weight.to_string())?;
        }
        if let Some(quota) = limits.cpu_quota_millicpu {
            let (quota_us, period_us) = cpu_quota(quota);
            set("cpu.max", format!("{quota_us} {period_us}"))?;
        }
    }
    Ok(())
}

/// A file that some kernels don't have is no error.
fn optional(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes the memory limits into a leaf without processes.
///
/// v1 knows no throttling: `high` becomes the soft limit, which counts only when the whole host is short. It limits memory
/// and swap together, so that swap can only be limited along with memory.
pub(super) fn write_v1_memory(leaf: &Path, limits: &LeafLimits) -> io::Result<()> {
    let set = |file: &str, value: u64| write(&leaf.join(file), &value.to_string());
    if let Some(high) = limits.memory_high {
        set("memory.soft_limit_in_bytes", high)?;
    }
    let Some(max) = limits.memory_max else { return Ok(()) };
    set("memory.limit_in_bytes", max)?;
    let swap = limits.swap_max.unwrap_or(0);
    match set("memory.memsw.limit_in_bytes", max.saturating_add(swap)) {
        // The host has no accounting of swap; not to swap at all is then the nearest thing.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        other => other?,
    }
    if swap == 0 {
        set("memory.swappiness", 0)?;
    }
    Ok(())
}

/// Writes the shares and limits of CPU into a leaf without processes.
pub(super) fn write_v1_cpu(leaf: &Path, limits: &LeafLimits) -> io::Result<()> {
    if let Some(weight) = limits.cpu_weight {
        // Everybody has 100 in v2 and 1024 in v1; the kernel takes no less than 2.
        let shares = (u64::from(weight) * 1024 / 100).max(2);
        write(&leaf.join("cpu.shares"), &shares.to_string())?;
    }
    if let Some(quota) = limits.cpu_quota_millicpu {
        let (quota_us, period_us) = cpu_quota(quota);
        write(&leaf.join("cpu.cfs_period_us"), &period_us.to_string())?;
        write(&leaf.join("cpu.cfs_quota_us"), &quota_us.to_string())?;
    }
    Ok(())
}

/// Writes the limit of processes and threads into a leaf without processes.
pub(super) fn write_v1_pids(leaf: &Path, limits: &LeafLimits) -> io::Result<()> {
    limits.pids_max.map_or(Ok(()), |max| write(&leaf.join("pids.max"), &max.to_string()))
}

/// Thousandths of a CPU as quota and period in microseconds; the kernel takes no quota under 1 ms and no period over 1 s.
pub(super) fn cpu_quota(millicpu: u32) -> (u64, u64) {
    let millicpu = u64::from(millicpu.max(1));
    let period_us = if millicpu < 10 { 1_000_000 } else { 100_000 };
    (millicpu * period_us / 1000, period_us)
}

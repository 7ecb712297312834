//! Memory: how much the machine has, and giving back what a burst of work has left behind.

/// Returns freed heap pages to the operating system (malloc_trim(3)). The allocators of other C libraries return them
/// by themselves.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes a number and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// All memory that there is, in bytes; none where it can't be told. This is the one place that says so.
#[must_use]
pub fn total_memory() -> Option<u64> {
    mem_total(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// `MemTotal` of proc_meminfo(5), in bytes.
fn mem_total(meminfo: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_machine_is_read_from_proc() {
        let text = "MemTotal:       16303412 kB\nMemFree:         123456 kB\n";
        assert_eq!(mem_total(text), Some(16_303_412 * 1024));
        for wrong in ["", "MemFree: 1 kB\n", "MemTotal: x kB\n", "MemTotal: 18446744073709551615 kB\n"] {
            assert_eq!(mem_total(wrong), None, "{wrong}");
        }
        assert!(total_memory().is_some_and(|bytes| bytes > 1 << 20), "this machine has some");
    }
}

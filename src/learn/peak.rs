//! The highest anonymous memory of a run, from what was seen of it and what the kernel kept. Knows no process.

/// Highest anonymous memory and swap of a run, in bytes; `None` where nothing is known of it.
///
/// Anonymous memory is sampled (`sampled`), and a run may be over, or at its peak, between two looks. So the largest
/// process's own high-water mark counts as well: its highest resident set (`largest`, which the kernel keeps), less what of
/// it was files' when last seen (`shared`), and no more than the kernel counted for the whole group (`counted`).
#[must_use]
pub fn peak_anon(
    sampled: Option<u64>,
    largest: Option<u64>,
    shared: u64,
    counted: Option<u64>,
) -> Option<u64> {
    let most = counted.unwrap_or(u64::MAX);
    sampled.max(largest.map(|rss| anonymous(rss, shared).min(most)))
}

/// How much of a highest resident set is not files', in bytes. The kernel counts both some dozens of pages at a time, so a
/// small process can seem to have nothing of its own. No process has nothing: then the bound is the whole set.
const fn anonymous(max_rss: u64, shared: u64) -> u64 {
    match max_rss.saturating_sub(shared) {
        0 => max_rss,
        own => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_process_has_no_memory_of_its_own_however_coarse_the_counts_are() {
        assert_eq!(anonymous(2_000_000, 1_500_000), 500_000);
        assert_eq!(anonymous(1_400_000, 1_400_000), 1_400_000);
        assert_eq!(anonymous(1_400_000, 1_500_000), 1_400_000);
    }

    #[test]
    fn the_higher_of_what_was_seen_and_what_the_kernel_kept_counts_within_what_the_group_had() {
        assert_eq!(peak_anon(None, None, 0, Some(7)), None);
        assert_eq!(peak_anon(Some(5), None, 0, None), Some(5));
        assert_eq!(peak_anon(Some(5), Some(90), 30, None), Some(60));
        assert_eq!(peak_anon(Some(70), Some(90), 30, None), Some(70));
        assert_eq!(peak_anon(None, Some(90), 30, Some(40)), Some(40));
    }
}

//! What `H` stands for: a number out of a job's name, the same on every host, in every release and after every restart.
//! Must not use std's hasher, which promises none of that.

use super::unit::Unit;

/// FNV-1a with 64 bits over the name, a zero byte and the field's number (0 for second to 5 for day of week), then the
/// 64-bit finaliser of MurmurHash3, because the last bytes of a name hardly reach FNV's upper bits. Changing anything here
/// moves every job that uses `H`; a test holds some values.
pub(super) fn spread(job_name: &str, unit: &Unit) -> u64 {
    const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
    let fnv = job_name
        .bytes()
        .chain([0, unit.number])
        .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::super::unit::{HOUR, MINUTE};
    use super::*;

    #[test]
    fn the_slot_of_a_name_never_changes() {
        let minutes: Vec<u64> = ["indexer", "backup", "a", ""].map(|n| spread(n, &MINUTE) % 60).to_vec();
        assert_eq!(minutes, [17, 33, 16, 4], "a change here moves the jobs of everybody who uses H");
    }

    #[test]
    fn a_thousand_numbered_jobs_spread_over_all_minutes_and_hours() {
        let mut minutes = [0u32; 60];
        let mut both = std::collections::BTreeSet::new();
        for i in 0..1000 {
            let name = format!("job-{i}");
            let minute = spread(&name, &MINUTE) % 60;
            minutes[usize::try_from(minute).unwrap()] += 1;
            both.insert((minute, spread(&name, &HOUR) % 24));
        }
        // 16.7 a minute on average; a fair draw of 1000 leaves this band once in some thousand names.
        assert!(minutes.iter().all(|n| (3..=36).contains(n)), "{minutes:?}");
        assert!(both.len() > 650, "minute and hour hang together: {} pairs", both.len());
    }
}

//! How much memory a run claims before it starts. Knows nothing of what there is.

use crate::learn::Learned;
use crate::words::ClaimSource;

use super::policy::Policy;

/// Bytes that a run claims, and where the figure comes from: what its job declares, else what its runs have taught, else its
/// limit, else `unknown`. `raised` is the limit that a retry gets in place of its job's: it is known to need more than that
/// one, so it claims all of what it gets.
pub(super) fn claim(
    policy: &Policy,
    learned: &Learned,
    raised: Option<u64>,
    unknown: u64,
) -> (u64, ClaimSource) {
    if let Some(raised) = raised {
        return (raised, ClaimSource::Limit);
    }
    if let Some(declared) = policy.claim {
        return (declared, ClaimSource::Declared);
    }
    match (learned.claim_bytes(), policy.memory_max) {
        // It can't take more than its limit.
        (Some(learned), Some(max)) => (learned.min(max), ClaimSource::Learned),
        (Some(learned), None) => (learned, ClaimSource::Learned),
        (None, Some(max)) => (max, ClaimSource::Limit),
        // What was seen is no claim yet, but nobody claims less than that either.
        (None, None) => (unknown.max(u64::from(learned.highest_kib) * 1024), ClaimSource::Unknown),
    }
}

//! From settings to bytes: the budget that the engine gives out.

use crate::engine::{Budget, Pool};
use crate::job::Bytes;
use crate::limits::{CLAIM_UNKNOWN_DEFAULT, PRESSURE_DEFAULT_PERCENT};

use super::{BudgetTable, Pressure, Settings, Share};

impl Settings {
    /// What there is to give out on a machine with `total` bytes of memory.
    #[must_use]
    pub fn budget(&self, total: Option<u64>) -> Budget {
        let bytes = |share: Option<Share>| share.and_then(|share| bytes_of(share, total));
        let none = BudgetTable { pressure: Pressure::Off, ..BudgetTable::default() };
        let table = self.budget.as_ref().unwrap_or(&none);
        let pool = |pool: &super::PoolTable| Pool {
            name: pool.name.as_str().into(),
            memory: bytes(pool.memory),
            max_parallel: pool.max_parallel,
        };
        Budget {
            is_on: self.budget.is_some(),
            memory: bytes(table.memory),
            reserve: bytes(table.reserve).unwrap_or(0),
            unknown: table.unknown.unwrap_or(CLAIM_UNKNOWN_DEFAULT),
            max_parallel: table.max_parallel,
            pressure: match table.pressure {
                Pressure::Default => Some(PRESSURE_DEFAULT_PERCENT),
                Pressure::Percent(percent) => Some(percent),
                Pressure::Off => None,
            },
            total,
            pools: self.pools.iter().map(pool).collect(),
        }
    }
}

/// The bytes of an amount; none where it is a share of what is not known.
pub(super) fn bytes_of(share: Share, total: Option<u64>) -> Option<u64> {
    match share {
        Share::Bytes(bytes) => Some(bytes),
        Share::Percent(percent) => total.map(|total| percent.of(total)),
    }
}

/// Bytes for people: whole mebibytes where there are any.
pub(super) fn readable(bytes: u64) -> Bytes {
    const MEBIBYTE: u64 = 1 << 20;
    Bytes(if bytes < MEBIBYTE { bytes } else { bytes / MEBIBYTE * MEBIBYTE })
}

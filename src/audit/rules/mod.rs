//! The rules, one file each: a service and the window it was seen in, to a finding or none. Rates decide, not sums, so that a
//! short window can show the same as a long one; how long it was is in the confidence.

mod bytecode;
mod growth;
mod idle;
mod libraries;
mod orm;
mod workers;

pub use orm::ORMS;

use crate::limits;
use crate::words::Confidence;

use super::{Finding, Observation, Service};

/// How long was looked, and how closely.
#[derive(Debug, Clone, Copy)]
struct Window {
    ms: u64,
    is_touched: bool,
    /// Now, in milliseconds since the epoch, to set earlier figures against.
    now_ms: i64,
}

impl Window {
    /// How far what was seen carries by the length of the look alone.
    const fn confidence(self) -> Confidence {
        let [medium, high] = limits::AUDIT_CONFIDENCE_MS;
        match self.ms {
            ms if ms >= high => Confidence::High,
            ms if ms >= medium => Confidence::Medium,
            _ => Confidence::Low,
        }
    }
}

/// All that the rules find in a service. `now_ms` is the wall clock, in milliseconds since the epoch.
#[must_use]
pub fn findings(service: &Service<'_>, seen: &Observation, now_ms: i64) -> Vec<Finding> {
    let window = Window { ms: seen.window_ms, is_touched: seen.is_touched, now_ms };
    let rules: [fn(&Service<'_>, Window) -> Option<Finding>; 6] =
        [idle::find, workers::find, growth::find, libraries::find, orm::find, bytecode::find];
    rules.iter().filter_map(|find| find(service, window)).collect()
}

#[cfg(test)]
use super::testing;

#[cfg(test)]
fn minute() -> Window {
    Window { ms: 60_000, is_touched: false, now_ms: 1_800_000_000_000 }
}

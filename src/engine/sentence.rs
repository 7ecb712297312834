//! The sentence that a person reads about an end, in figures. Decides nothing.

use crate::job::{Bytes, Millis};
use crate::journal::record::Usage;
use crate::words::Outcome;

use super::run::Why;

/// What to say beside the outcome; none where the outcome and the exit code say it all.
pub(super) fn of_end(
    outcome: Outcome,
    why: Option<Why>,
    timeout_ms: Option<u64>,
    usage: &Usage,
    memory_max: Option<u64>,
) -> Option<String> {
    match why {
        Some(Why::Timeout) => {
            return timeout_ms.map(|ms| format!("ended by ebb after its timeout of {}", Millis(ms)));
        }
        Some(Why::Requested) => return Some("stopped on request".to_owned()),
        Some(Why::Replaced) => return Some("replaced by a newer run".to_owned()),
        Some(Why::Shutdown) => return Some("ended because ebbd was stopped".to_owned()),
        Some(Why::OverLimit) | None => {}
    }
    match outcome {
        Outcome::OomKill => Some(of_oom_kill(why, usage, memory_max)),
        Outcome::Lost => {
            Some("ebbd was not there when it ended, and the kernel no longer knows how".to_owned())
        }
        Outcome::Success
        | Outcome::ExitCode
        | Outcome::Signal
        | Outcome::Timeout
        | Outcome::StartFailed
        | Outcome::Canceled
        | Outcome::Skipped => None,
    }
}

fn of_oom_kill(why: Option<Why>, usage: &Usage, memory_max: Option<u64>) -> String {
    let by = if why == Some(Why::OverLimit) { "ebb's watchdog" } else { "the kernel" };
    let limit = memory_max.map_or_else(String::new, |max| format!(" at its limit of {}", Bytes(max)));
    let peak = usage.peak_anon_bytes.map_or_else(String::new, |peak| format!("; peak-anon {}", Bytes(peak)));
    format!("killed by {by} for memory{limit}{peak}")
}

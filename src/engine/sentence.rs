//! The sentence that a person reads about an end, in figures. Decides nothing.

use crate::job::{Bytes, Millis};
use crate::journal::record::Usage;
use crate::words::{Outcome, StopReason};

/// What to say beside the outcome; none where the outcome and the exit code say it all.
pub(super) fn of_end(
    outcome: Outcome,
    why: Option<StopReason>,
    timeout_ms: Option<u64>,
    usage: &Usage,
    memory_max: Option<u64>,
) -> Option<String> {
    if let Some(why) = why.filter(|why| *why != StopReason::OverLimit) {
        return of_stop(why, timeout_ms);
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

/// What to say of a run that ebb ended; none where its outcome says it.
pub(super) fn of_stop(why: StopReason, timeout_ms: Option<u64>) -> Option<String> {
    let text = match why {
        StopReason::Timeout => {
            return timeout_ms.map(|ms| format!("ended by ebb after its timeout of {}", Millis(ms)));
        }
        StopReason::Requested => "stopped on request",
        StopReason::Replaced => "replaced by a newer run",
        StopReason::Shutdown => "ended because ebbd was stopped",
        StopReason::NotRecorded => "its demand could not be brought to disk and was refused",
        StopReason::OverLimit => return None,
    };
    Some(text.to_owned())
}

fn of_oom_kill(why: Option<StopReason>, usage: &Usage, memory_max: Option<u64>) -> String {
    let by = if why == Some(StopReason::OverLimit) { "ebb's watchdog" } else { "the kernel" };
    let limit = memory_max.map_or_else(String::new, |max| format!(" at its limit of {}", Bytes(max)));
    let peak = usage.peak_anon_bytes.map_or_else(String::new, |peak| format!("; peak-anon {}", Bytes(peak)));
    format!("killed by {by} for memory{limit}{peak}")
}

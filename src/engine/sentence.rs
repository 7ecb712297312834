//! The sentence that a person reads about an end, in figures. Decides nothing.

use crate::job::{Bytes, Millis};
use crate::journal::record::Usage;
use crate::learn::Learned;
use crate::words::{OomCause, Outcome, StopReason};

use super::policy::Policy;

/// What is known of an end, besides its outcome.
pub(super) struct Facts<'a> {
    /// Why ebb ended it, if it did.
    pub(super) why: Option<StopReason>,
    pub(super) usage: &'a Usage,
    /// The limit that it ran under, in bytes.
    pub(super) memory_max: Option<u64>,
    /// Which process the kernel killed for memory.
    pub(super) victim: Option<&'a str>,
    /// The limit that it got in place of its job's.
    pub(super) raised: Option<u64>,
    /// What earlier runs have taught.
    pub(super) learned: &'a Learned,
}

/// What to say beside the outcome; none where the outcome and the exit code say it all.
pub(super) fn of_end(outcome: Outcome, policy: &Policy, facts: &Facts<'_>) -> Option<String> {
    if let Some(why) = facts.why.filter(|why| *why != StopReason::OverLimit) {
        return of_stop(why, policy.timeout_ms);
    }
    match outcome {
        Outcome::OomKill => Some(of_oom_kill(facts)),
        Outcome::Lost => {
            Some("ebbd was not there when it ended, and the kernel no longer knows how".to_owned())
        }
        Outcome::Success => facts.raised.map(|raised| of_raised(raised, policy.memory_max)),
        Outcome::ExitCode | Outcome::Signal => of_kill_from_above(facts),
        Outcome::Timeout | Outcome::StartFailed | Outcome::Canceled | Outcome::Skipped => None,
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

fn of_oom_kill(facts: &Facts<'_>) -> String {
    let by = if facts.why == Some(StopReason::OverLimit) { "ebb's watchdog" } else { "the kernel" };
    let limit = facts.memory_max.map_or_else(String::new, |max| format!(" at its limit of {}", Bytes(max)));
    format!("killed by {by} for memory{limit}{}{}{}", peak(facts), victim(facts), earlier(facts.learned))
}

/// Whether the kernel killed it for the want of others.
fn of_kill_from_above(facts: &Facts<'_>) -> Option<String> {
    facts.usage.oom_kills.filter(|kills| *kills > 0)?;
    let whose = match facts.usage.oom_cause? {
        OomCause::Limit => return None,
        OomCause::Above => "a control group above it was at its limit",
        OomCause::Host => "the host was out of memory",
    };
    let limit =
        facts.memory_max.map_or_else(String::new, |max| format!(", not for its own limit of {}", Bytes(max)));
    Some(format!("killed by the kernel because {whose}{limit}{}{}", peak(facts), victim(facts)))
}

fn peak(facts: &Facts<'_>) -> String {
    facts.usage.peak_anon_bytes.map_or_else(String::new, |peak| format!("; peak-anon {}", mebibytes(peak)))
}

fn victim(facts: &Facts<'_>) -> String {
    facts.victim.map_or_else(String::new, |victim| format!("; {victim} was killed"))
}

/// How the last runs that succeeded compared.
fn earlier(learned: &Learned) -> String {
    let (mean, deviation) =
        (u64::from(learned.peak_kib.mean) * 1024, u64::from(learned.peak_kib.deviation) * 1024);
    match learned.runs {
        0 => "; no run has succeeded yet".to_owned(),
        1 => format!("; the one run that succeeded took {}", mebibytes(mean)),
        runs => format!(
            "; the {runs} runs that succeeded took {}, give or take {}",
            mebibytes(mean),
            mebibytes(deviation)
        ),
    }
}

/// A limit that was raised and did is a proposal.
fn of_raised(raised: u64, max: Option<u64>) -> String {
    let of_file = max.map_or_else(String::new, |max| format!(", where its file says {}", Bytes(max)));
    format!("it succeeded with a limit of {}{of_file}; `ebb suggest` says what to write", mebibytes(raised))
}

/// A size as people compare it: to whole mebibytes.
pub(super) fn mebibytes(bytes: u64) -> Bytes {
    const MIB: u64 = 1 << 20;
    Bytes(if bytes >= MIB { bytes.div_ceil(MIB) * MIB } else { bytes })
}

//! One run from its trigger to its end: its states, and how its outcome follows from the facts.

use std::rc::Rc;

use crate::clock::{Mono, Wall};
use crate::journal::record::{Finished, Payload, Queued, RunId, Usage};
use crate::words::{Enforcement, OomCause, Outcome, SkipReason, StopReason, Trigger};

use super::admit::{Hold, Turn};
use super::event::Exit;
use super::policy::Policy;

/// A run that has not ended.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) job: Rc<str>,
    /// As it was when the run started: a reload does not touch a run.
    pub(super) policy: Rc<Policy>,
    pub(super) trigger: Trigger,
    pub(super) attempt: u32,
    pub(super) slot: Option<Wall>,
    pub(super) queued_at: Wall,
    pub(super) uid: Option<u32>,
    pub(super) retry_of: Option<RunId>,
    /// The memory limit that it gets in place of its job's, in bytes.
    pub(super) raised_max: Option<u64>,
    pub(super) payload: Payload,
    pub(super) enforcement: Enforcement,
    /// Whether the journal has it; nothing follows from a run before.
    pub(super) is_recorded: bool,
    /// How often its start was put off because something was not to be had.
    pub(super) put_off: u32,
    /// What was not, the last time.
    pub(super) lacks: Option<Box<str>>,
    /// Bytes that it claims, once it has begun.
    pub(super) claim: u64,
    /// Since when it has waited for nothing but room; kept until it runs.
    pub(super) turn: Option<Turn>,
    /// Why there is none.
    pub(super) hold: Option<Box<Hold>>,
    pub(super) state: State,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Accepted; starts when its job has room and, for a retry, its delay has passed.
    Waiting { not_before: Option<Mono> },
    /// Its turn has come, but something that a start needs was not to be had; tried again at `until`, `None` once that is due.
    PutOff { until: Option<Mono> },
    /// The shell was told to start it; a stop that came meanwhile is carried out once it runs.
    Starting { stop: Option<StopReason>, deadline: Option<Mono> },
    /// Its program runs.
    Running { since: Since, deadline: Option<Mono> },
    /// It was asked to end; at `kill_at` it is ended, `None` when that has happened.
    Stopping { since: Since, why: StopReason, kill_at: Option<Mono> },
}

/// When a run's program started, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) wall: Wall,
    pub(super) mono: Mono,
}

impl Run {
    /// Whether it has, or is about to have, processes.
    pub(super) fn is_active(&self) -> bool {
        match self.state {
            State::Waiting { .. } | State::PutOff { .. } => false,
            State::Starting { .. } | State::Running { .. } | State::Stopping { .. } => true,
        }
    }

    /// Whether it waits only for its retry delay.
    pub(super) fn is_backing_off(&self, now: Mono) -> bool {
        matches!(self.state, State::Waiting { not_before: Some(at) } if at > now)
    }

    /// Whether it waits for nothing but room.
    pub(super) fn is_ready(&self, now: Mono) -> bool {
        self.is_recorded && !self.is_active() && !self.is_backing_off(now)
    }

    /// Whether it waits until its start is tried again.
    pub(super) fn is_put_off(&self) -> bool {
        matches!(self.state, State::PutOff { until: Some(_) })
    }

    /// Forgets what it waited for, and for how long.
    pub(super) fn waits_for_no_room(&mut self) {
        (self.turn, self.hold) = (None, None);
    }

    /// When its program started, where it has.
    pub(super) fn since(&self) -> Option<Since> {
        match self.state {
            State::Running { since, .. } | State::Stopping { since, .. } => Some(since),
            State::Waiting { .. } | State::PutOff { .. } | State::Starting { .. } => None,
        }
    }

    /// Why ebb is ending it, where it is.
    pub(super) fn why(&self) -> Option<StopReason> {
        match self.state {
            State::Stopping { why, .. } => Some(why),
            State::Starting { stop, .. } => stop,
            State::Waiting { .. } | State::PutOff { .. } | State::Running { .. } => None,
        }
    }

    /// The moment at which something is due for it by itself.
    pub(super) fn wake(&self) -> Option<Mono> {
        match self.state {
            State::Waiting { not_before } => not_before.filter(|_| self.is_recorded),
            State::PutOff { until } => until,
            State::Starting { deadline, .. } | State::Running { deadline, .. } => deadline,
            State::Stopping { kill_at, .. } => kill_at,
        }
    }

    /// What the journal says when it was accepted.
    pub(super) fn queued(&self, not_before: Option<Wall>) -> Queued {
        Queued {
            id: self.id,
            job: self.job.to_string(),
            trigger: self.trigger,
            attempt: self.attempt,
            slot: self.slot,
            not_before,
            uid: self.uid,
            retry_of: self.retry_of,
            raised_max_bytes: self.raised_max,
            payload: self.payload.clone(),
        }
    }

    /// What the journal says when it has ended.
    pub(super) fn finished(&self, end: End, now: crate::clock::Now) -> Finished {
        let since = self.since();
        Finished {
            id: self.id,
            job: self.job.to_string(),
            trigger: self.trigger,
            attempt: self.attempt,
            outcome: end.outcome,
            exit_code: match end.exit {
                Some(Exit::Code(code)) => Some(code),
                Some(Exit::Signal(_) | Exit::Unknown) | None => None,
            },
            signal: match end.exit {
                Some(Exit::Signal(signal)) => Some(signal),
                Some(Exit::Code(_) | Exit::Unknown) | None => None,
            },
            slot: self.slot,
            queued_at: self.queued_at,
            started_at: since.map(|s| s.wall),
            finished_at: now.wall.plus_ms(-i64::try_from(end.late_ms).unwrap_or(0)),
            duration_ms: since.map(|s| now.mono.0.saturating_sub(s.mono.0).saturating_sub(end.late_ms)),
            usage: end.usage,
            enforcement: self.enforcement,
            uid: self.uid,
            retry_of: self.retry_of,
            reason: end.reason,
            detail: end.detail,
            unheld: end.unheld.into(),
            memory_max_bytes: end.memory_max,
        }
    }
}

/// How a run ended, before the journal's form of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) exit: Option<Exit>,
    pub(super) usage: Usage,
    pub(super) reason: Option<SkipReason>,
    pub(super) detail: Option<String>,
    /// How long ago it ended, in milliseconds.
    pub(super) late_ms: u64,
    /// Limits of its job that nothing held.
    pub(super) unheld: Vec<String>,
    /// The memory limit that it ran under, in bytes.
    pub(super) memory_max: Option<u64>,
}

/// What the shell knows of a run whose tree is gone; see [`super::Event::Exited`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    pub(super) usage: Usage,
    pub(super) memory_max: Option<u64>,
    pub(super) late_ms: u64,
    pub(super) unheld: Vec<String>,
    pub(super) victim: Option<String>,
}

impl End {
    /// The end of a run that never had a process.
    pub(super) fn without_process(outcome: Outcome, detail: impl Into<String>) -> Self {
        let detail = Some(detail.into());
        Self {
            outcome,
            exit: None,
            usage: Usage::default(),
            reason: None,
            detail,
            late_ms: 0,
            unheld: Vec::new(),
            memory_max: None,
        }
    }
}

/// The outcome that follows from how the main process ended, why ebb ended it (if it did) and what the kernel counted.
///
/// What ebb did comes first: a job that returns 0 on SIGTERM after its timeout has still timed out. An OOM kill for the run's
/// own limit counts wherever in the tree it fell, unless the main process succeeded all the same. One that came from above,
/// because the host or all runs together were out of memory, is a signal like any other.
pub(super) fn outcome(exit: Exit, why: Option<StopReason>, usage: &Usage, success_codes: &[u8]) -> Outcome {
    let success = matches!(exit, Exit::Code(code) if success_codes.iter().any(|c| i32::from(*c) == code));
    match why {
        Some(StopReason::OverLimit) => return Outcome::OomKill,
        Some(StopReason::Timeout) => return Outcome::Timeout,
        Some(
            StopReason::Requested | StopReason::Replaced | StopReason::Shutdown | StopReason::NotRecorded,
        ) => return Outcome::Canceled,
        None => {}
    }
    if success {
        return Outcome::Success;
    }
    if usage.oom_kills.is_some_and(|n| n > 0) && is_own(usage.oom_cause) {
        return Outcome::OomKill;
    }
    match exit {
        Exit::Code(_) => Outcome::ExitCode,
        Exit::Signal(_) => Outcome::Signal,
        Exit::Unknown => Outcome::Lost,
    }
}

/// Whether it was the run's own limit. Where nobody can tell, its limit is the likely one.
const fn is_own(cause: Option<OomCause>) -> bool {
    match cause {
        Some(OomCause::Limit) | None => true,
        Some(OomCause::Above | OomCause::Host) => false,
    }
}

/// Whether a run that ended so is tried again: failures are, but never what somebody wanted to end, and never
/// blindly what would hit the same memory limit again.
pub(super) const fn is_retried(outcome: Outcome) -> bool {
    match outcome {
        Outcome::ExitCode | Outcome::Signal | Outcome::Timeout | Outcome::StartFailed | Outcome::Lost => true,
        Outcome::Success | Outcome::OomKill | Outcome::Canceled | Outcome::Skipped => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_because_the_host_is_out_of_memory_is_not_the_jobs_own() {
        let usage = |oom_cause| Usage { oom_kills: Some(1), oom_cause, ..Usage::default() };
        for cause in [OomCause::Host, OomCause::Above] {
            assert_eq!(outcome(Exit::Signal(9), None, &usage(Some(cause)), &[0]), Outcome::Signal);
            assert_eq!(outcome(Exit::Code(137), None, &usage(Some(cause)), &[0]), Outcome::ExitCode);
        }
        assert_eq!(outcome(Exit::Signal(9), None, &usage(Some(OomCause::Limit)), &[0]), Outcome::OomKill);
    }

    #[test]
    fn the_outcome_follows_from_the_facts() {
        let table = [
            (Exit::Code(0), None, None, Outcome::Success),
            (Exit::Code(0), None, Some(2), Outcome::Success),
            (Exit::Code(3), None, Some(0), Outcome::ExitCode),
            (Exit::Code(7), None, None, Outcome::Success),
            (Exit::Code(137), None, Some(1), Outcome::OomKill),
            (Exit::Signal(9), None, Some(0), Outcome::Signal),
            (Exit::Signal(9), None, Some(3), Outcome::OomKill),
            (Exit::Signal(9), None, None, Outcome::Signal),
            (Exit::Code(0), Some(StopReason::Timeout), None, Outcome::Timeout),
            (Exit::Signal(9), Some(StopReason::Timeout), Some(1), Outcome::Timeout),
            (Exit::Signal(15), Some(StopReason::Requested), None, Outcome::Canceled),
            (Exit::Code(0), Some(StopReason::Replaced), None, Outcome::Canceled),
            (Exit::Signal(15), Some(StopReason::Shutdown), None, Outcome::Canceled),
            (Exit::Signal(9), Some(StopReason::OverLimit), None, Outcome::OomKill),
            (Exit::Unknown, None, None, Outcome::Lost),
            (Exit::Unknown, None, Some(1), Outcome::OomKill),
        ];
        for (exit, why, oom_kills, expected) in table {
            let usage = Usage { oom_kills, ..Usage::default() };
            assert_eq!(outcome(exit, why, &usage, &[0, 7]), expected, "{exit:?} {why:?} {oom_kills:?}");
        }
    }
}

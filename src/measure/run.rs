//! One run: how it ended and what it cost.

use serde::{Deserialize, Serialize};

use crate::exit::{self, Code};
use crate::learn::Curve;
use crate::words::Outcome;

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// `success` (it exited with 0), `exit-code`, `signal`, `oom-kill` or `timeout`.
    pub outcome: Outcome,
    /// What it exited with, unless a signal ended it.
    pub exit_code: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
    /// From the start of the program to its end, in microseconds.
    pub wall_us: u64,
    /// CPU time in user mode, in microseconds: of all its processes where a control group counts them, else of the program
    /// and the children that it waited for.
    pub cpu_user_us: u64,
    /// The same in the kernel.
    pub cpu_system_us: u64,
    /// Highest anonymous memory and swap of all its processes together, in bytes.
    pub peak_anon_bytes: Option<u64>,
    /// Highest memory with page cache, in bytes, as the kernel counted it; for a process tree, the highest resident memory of
    /// its largest process, or peak-anon where that is more.
    pub peak_total_bytes: Option<u64>,
    /// Processes that the program left behind; they were ended.
    #[serde(default)]
    pub leftover: u64,
    /// Its anonymous memory and swap over its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
}

impl Run {
    /// Whether it exited with 0, in time.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.outcome.is_success()
    }

    /// CPU time, user and system, in microseconds.
    #[must_use]
    pub const fn cpu_us(&self) -> u64 {
        self.cpu_user_us.saturating_add(self.cpu_system_us)
    }

    /// What whoever measured it exits with: its own code, 128 and the number of a signal, 124 for a timeout.
    #[must_use]
    pub fn code(&self) -> Code {
        let byte = |number: i32| u8::try_from(number).ok();
        match (self.outcome, self.exit_code, self.signal) {
            (Outcome::Timeout, _, _) => exit::TIMED_OUT,
            (_, Some(code), _) => byte(code).map_or(exit::RUN_FAILED, Code),
            (_, None, Some(signal)) => byte(signal).map_or(exit::RUN_FAILED, |n| Code(n.saturating_add(128))),
            (_, None, None) => exit::RUN_FAILED,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One that succeeded and cost nothing.
    pub(in crate::measure) const RUN: Run = Run {
        outcome: Outcome::Success,
        exit_code: Some(0),
        signal: None,
        wall_us: 0,
        cpu_user_us: 0,
        cpu_system_us: 0,
        peak_anon_bytes: None,
        peak_total_bytes: None,
        leftover: 0,
        curve: None,
    };

    #[test]
    fn the_exit_code_is_the_programs_own() {
        let code = |outcome, exit_code, signal| Run { outcome, exit_code, signal, ..RUN }.code().0;
        assert_eq!(RUN.code(), exit::OK);
        assert_eq!(code(Outcome::ExitCode, Some(3), None), 3);
        assert_eq!(code(Outcome::Signal, None, Some(15)), 143);
        assert_eq!(code(Outcome::OomKill, None, Some(9)), 137);
        assert_eq!(code(Outcome::Timeout, None, Some(15)), 124);
        assert_eq!(code(Outcome::Timeout, Some(0), None), 124);
    }
}

//! What single runs of any command cost, against each other and against a baseline. PURE.
//! Knows nothing of how a run is started and looked at, nor of how figures are shown.

mod baseline;
mod imports;
mod run;
mod spread;

use serde::{Deserialize, Serialize};

use crate::clock::Wall;
use crate::words::Accounting;

pub use baseline::{Compared, Comparison, Grown};
pub use imports::{Bill, PROGRAM, Package};
pub use run::Run;
pub use spread::Spread;

/// The version of the JSON that `ebb measure` prints and saves; docs/measure.md describes it.
pub const VERSION: u32 = 1;

/// What was measured of a command, as `--json` prints it and `--save` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// [`VERSION`].
    pub version: u32,
    /// The program and its arguments; what is no UTF-8 is replaced.
    pub command: Vec<String>,
    /// When the first run began.
    pub at: Wall,
    /// What counted the memory.
    pub accounting: Accounting,
    /// Why nothing stronger counted it: sentences; none where a control group did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// What this accounting can't see, as a sentence.
    #[serde(default)]
    pub unseen: String,
    /// Each run, in the order in which they were made.
    pub runs: Vec<Run>,
    /// The figures of the runs that succeeded; of all, where none did.
    pub summary: Summary,
    /// What imports cost in each process of Python, the dearest first (`--imports`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imports: Option<Vec<Bill>>,
}

/// Each figure over several runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Highest anonymous memory and swap, in bytes.
    pub peak_anon_bytes: Option<Spread>,
    /// Highest memory with page cache, in bytes.
    pub peak_total_bytes: Option<Spread>,
    /// CPU time, user and system, in microseconds.
    pub cpu_us: Option<Spread>,
    /// From the start of the program to its end, in microseconds.
    pub wall_us: Option<Spread>,
}

impl Summary {
    /// The figures of the runs that succeeded; of all, where none did.
    #[must_use]
    pub fn of(runs: &[Run]) -> Self {
        let is_any_good = runs.iter().any(Run::is_success);
        let counted = || runs.iter().filter(|run| run.is_success() || !is_any_good);
        Self {
            peak_anon_bytes: Spread::of(counted().filter_map(|run| run.peak_anon_bytes)),
            peak_total_bytes: Spread::of(counted().filter_map(|run| run.peak_total_bytes)),
            cpu_us: Spread::of(counted().map(Run::cpu_us)),
            wall_us: Spread::of(counted().map(|run| run.wall_us)),
        }
    }
}

/// What an accounting can't see, as a sentence without a full stop.
#[must_use]
pub const fn unseen(accounting: Accounting) -> &'static str {
    match accounting {
        Accounting::CgroupV2 | Accounting::CgroupV1 => {
            "the kernel counts peak-total to the page; peak-anon is what was seen at looks some milliseconds apart, and \
             the highest resident memory of the largest process"
        }
        Accounting::ProcessTree => {
            "processes are summed up at looks some milliseconds apart, so a peak of several of them between two looks \
             is missed; page cache is not counted, nor are processes of other users"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Outcome;

    fn run(outcome: Outcome, bytes: u64) -> Run {
        Run { outcome, peak_anon_bytes: Some(bytes), wall_us: bytes * 2, ..run::tests::RUN }
    }

    #[test]
    fn a_failed_run_is_not_averaged_away() {
        let runs = [run(Outcome::Success, 10), run(Outcome::ExitCode, 1), run(Outcome::Success, 30)];
        let summary = Summary::of(&runs);
        assert_eq!(summary.peak_anon_bytes, Some(Spread { median: 20, min: 10, max: 30 }));
        assert_eq!(summary.wall_us, Some(Spread { median: 40, min: 20, max: 60 }));
        let failed = Summary::of(&runs[1..2]);
        assert_eq!(failed.peak_anon_bytes, Some(Spread { median: 1, min: 1, max: 1 }));
        assert_eq!(failed.peak_total_bytes, None);
    }
}

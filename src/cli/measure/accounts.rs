//! What counts the memory of the runs: the strongest rung of the ladder that this process may use, or the one that was asked
//! for. Makes the place of each run, and leaves nothing behind.

use crate::sys::cgroup::{CgroupConfig, Ladder, Leaf, LeafLimits};
use crate::sys::{foreground, proc};
use crate::words::{Accounting, Enforcement};

use super::super::failure::Failure;

/// What the names of all bases begin with; the pid follows.
const PREFIX: &str = "ebb-measure-";

/// Whether a control group is the base of a process that is gone, which had no time to remove it.
fn was_killed(name: &str) -> bool {
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<i32>().ok());
    pid.is_some_and(|pid| proc::is_mounted() && proc::stat(pid).is_err())
}

/// The ladder, climbed once for all runs.
pub(super) struct Accounts {
    ladder: Ladder,
    /// What counts.
    pub(super) accounting: Accounting,
    /// Why nothing stronger does.
    pub(super) why: Vec<String>,
    runs: u64,
}

impl Accounts {
    /// Finds out what can be used here, by trying it.
    ///
    /// # Errors
    /// What was asked for can't be had.
    pub(super) fn open(wish: Option<Accounting>) -> Result<Self, Failure> {
        let by_hand =
            |why| Self { ladder: Ladder::default(), accounting: Accounting::ProcessTree, why, runs: 0 };
        if wish == Some(Accounting::ProcessTree) {
            return Ok(by_hand(vec!["it was asked for".to_owned()]));
        }
        // No other one has the same name, also in another namespace of pids.
        let name = format!("{PREFIX}{}-{:x}", std::process::id(), foreground::now_ns());
        let ladder = Ladder::detect(&CgroupConfig { name: name.clone(), parent: None });
        ladder.remove_abandoned(|beside| beside != name && was_killed(beside));
        // Who reads it has called `ebb`, and the ladder speaks of whoever climbs it at other times.
        let why: Vec<String> = ladder.reasons().iter().map(|why| why.replace("ebbd", "ebb")).collect();
        let accounting = match ladder.memory() {
            Enforcement::CgroupV2 => Accounting::CgroupV2,
            Enforcement::CgroupV1 => Accounting::CgroupV1,
            Enforcement::Rlimit | Enforcement::None => Accounting::ProcessTree,
        };
        // Also its way back down: what it has made goes.
        let found = Self { ladder, accounting, why: Vec::new(), runs: 0 };
        match wish {
            Some(wish) if wish != accounting => Err(Failure::System(format!(
                "memory can't be counted by {wish} here, only by {accounting}: {}",
                if why.is_empty() { "that is stronger".to_owned() } else { why.join("; ") }
            ))),
            _ if accounting == Accounting::ProcessTree => {
                drop(found);
                Ok(by_hand(why))
            }
            _ => Ok(found),
        }
    }

    /// The control group of the next run; `None` where there is none.
    ///
    /// # Errors
    /// It can't be made.
    pub(super) fn leaf(&mut self) -> Result<Option<Leaf>, Failure> {
        self.runs += 1;
        let failed = |e| Failure::system("no control group can be made for the run", &e);
        self.ladder.leaf(self.runs, &LeafLimits::default(), true).map_err(failed)
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        // A run that can't be ended keeps its control group, and was told of.
        let _ = self.ladder.remove_base();
    }
}

//! What ebbd.toml means: TOML text becomes checked [`Settings`], all problems at once, and these a budget of bytes.
//! Knows nothing of who reads them; what a job file says of pools and claims is held against them by [`BudgetRoom`].

mod check;
mod compare;
mod file;
mod fit;
mod keys;
mod read;
mod resolve;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::job::Percent;
use crate::problem::Place;

pub use check::{Checked, check_text};
pub use file::{FileRead, read_file};
pub use fit::{BudgetRoom, below_every_claim};
pub use values::{check_cgroup, check_log, stop_within};

/// All settings of one file; what is not set there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The directory of job files.
    pub jobs: Option<PathBuf>,
    /// The directory of the journal, outputs and payloads.
    pub state: Option<PathBuf>,
    /// The control socket.
    pub socket: Option<PathBuf>,
    /// The control group of users.
    pub group: Option<String>,
    /// The control group that holds the runs.
    pub cgroup: Option<PathBuf>,
    /// How much is logged.
    pub log: Option<String>,
    /// Whether a problem in a job file keeps ebbd from starting.
    pub strict: Option<bool>,
    /// How long an end may take, in milliseconds.
    pub stop_within_ms: Option<u64>,
    /// `[budget]`, where there is one.
    pub budget: Option<BudgetTable>,
    /// `[pools.NAME]`, in the order of their names.
    pub pools: Vec<PoolTable>,
}

/// `[budget]`: what all runs together may claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BudgetTable {
    /// What they may claim. Default: what the host has left.
    pub memory: Option<Share>,
    /// Where that is written.
    pub memory_place: Option<Place>,
    /// What stays free. Default: nothing.
    pub reserve: Option<Share>,
    /// Bytes that a run claims of which nothing is known. Default: [`crate::limits::CLAIM_UNKNOWN_DEFAULT`].
    pub unknown: Option<u64>,
    /// Runs at once. Default: no limit.
    pub max_parallel: Option<u16>,
    /// From which pressure on nothing is started. Default: [`crate::limits::PRESSURE_DEFAULT_PERCENT`].
    pub pressure: Pressure,
}

/// One `[pools.NAME]`; it has at least one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTable {
    /// What job files call it.
    pub name: String,
    /// What its runs together may claim.
    pub memory: Option<Share>,
    /// Its runs at once.
    pub max_parallel: Option<u16>,
}

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many bytes.
    Bytes(u64),
    /// So much of all that there is.
    Percent(Percent),
}

/// From which share of a second on, in which some process stood still for memory, nothing is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pressure {
    /// From the default on.
    #[default]
    Default,
    /// From so many hundredths on.
    Percent(u8),
    /// Never held back for it.
    Off,
}

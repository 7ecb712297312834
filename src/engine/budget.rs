//! What memory there is to give out, as the settings say it and the host turns it into bytes. Decides nothing.

use std::rc::Rc;

/// What all runs together may claim. Without any of it every run starts as soon as its job lets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budget {
    /// Whether the settings have a budget at all: then what the host has left counts as well.
    pub is_on: bool,
    /// Bytes that all runs together may claim.
    pub memory: Option<u64>,
    /// Bytes of the host's memory that stay free.
    pub reserve: u64,
    /// Bytes that a run claims of which nothing is known.
    pub unknown: u64,
    /// Runs at once.
    pub max_parallel: Option<u16>,
    /// Percent of a second in which some process stood still for memory, from which on nothing is started; none: never held.
    pub pressure: Option<u8>,
    /// All memory that there is: the host's, or the container's where that is less. More can never be claimed.
    pub total: Option<u64>,
    /// Shares of it, sorted by name.
    pub pools: Vec<Pool>,
}

/// A share of the budget for the jobs that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// What job files call it.
    pub name: Rc<str>,
    /// Bytes that its runs together may claim.
    pub memory: Option<u64>,
    /// Its runs at once.
    pub max_parallel: Option<u16>,
}

/// What the host has left at a moment, in bytes, and what the runs have taken of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Room {
    /// What new processes can have without swapping (`MemAvailable` of proc_meminfo(5)).
    pub available: Option<u64>,
    /// The least that any control group above the runs has left: its limit less what it holds, but for file pages that can go
    /// (`max - (current - inactive_file)`).
    pub headroom: Option<u64>,
    /// Anonymous memory of live runs as last seen.
    pub used: Vec<(crate::journal::record::RunId, u64)>,
    /// Share of the last ten seconds in which some process stood still for memory, in hundredths of a percent (`some avg10` of
    /// the kernel's Documentation/accounting/psi.rst).
    pub stalled: Option<u32>,
}

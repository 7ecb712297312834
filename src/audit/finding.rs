//! What a rule has found, in figures. Says nothing to people.

use std::path::PathBuf;

use serde::Serialize;

use crate::words::{AuditRule, Confidence};

use super::libraries::Library;
use super::rhythm::Rhythm;

/// What one rule found in one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule.
    pub rule: AuditRule,
    /// How far it carries.
    pub confidence: Confidence,
    /// What a change would give back at most, in bytes, where that can be told.
    pub saves_bytes: Option<u64>,
    /// What was seen.
    pub evidence: Evidence,
}

/// Thousandths of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Share(pub u64);

/// What was seen, a rule each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Evidence {
    /// It rests and does hardly anything.
    ResidentIdle {
        /// Its own memory.
        uss_bytes: u64,
        /// CPU time, in thousandths of one CPU.
        cpu_milli: Share,
        /// Wake-ups within the window.
        wakes: u64,
        /// The interval that it was seen to wake at.
        rhythm: Option<Rhythm>,
        /// How long it sleeps at a time, in milliseconds, where that is longer than the window and the kernel was told so.
        sleeps_ms: Option<u64>,
        /// When it will wake, in milliseconds from now, where that is behind the window and the kernel was told when.
        wakes_in_ms: Option<u64>,
        /// What it used of what it holds, in thousandths; none where that was not looked at.
        used_milli: Option<Share>,
        /// Where it is connected to: something may come from there.
        connected: Vec<String>,
        /// Whether it is told of changes of files.
        watches_files: bool,
        /// The time that its imports take at each start, in microseconds; none where they were not weighed.
        #[serde(skip_serializing_if = "Option::is_none")]
        imports_us: Option<u64>,
    },
    /// Several processes run the same code.
    SameCodeWorkers {
        /// How many.
        workers: u64,
        /// What all but the largest hold of their own.
        copies_bytes: u64,
        /// CPU time of all of them, in thousandths of one CPU.
        cpu_milli: Share,
        /// Whether somebody can reach them.
        is_reachable: bool,
        /// Whether they are Python.
        is_python: bool,
    },
    /// Its anonymous memory only grows.
    GrowingMemory {
        /// What it held at first.
        from_bytes: u64,
        /// What it holds now.
        to_bytes: u64,
        /// How long that took, in milliseconds.
        over_ms: u64,
        /// Bytes an hour.
        hourly_bytes: u64,
        /// How many earlier audits say so; 0 where it was seen within the window.
        audits: usize,
    },
    /// Libraries that it was not seen to use.
    UnusedLibraries {
        /// The largest first.
        libraries: Vec<Library>,
        /// Whether used pages were told from others; else it was only seen to do nothing.
        is_touched: bool,
    },
    /// An object-relational mapper.
    Orm {
        /// Its package.
        orm: String,
        /// What is mapped of it; none where only the sources name it.
        mapped_bytes: Option<u64>,
        /// What importing it anew took, with all that came by it; none where that was not tried.
        #[serde(skip_serializing_if = "Option::is_none")]
        import_bytes: Option<u64>,
        /// What all imports took.
        #[serde(skip_serializing_if = "Option::is_none")]
        imports_bytes: Option<u64>,
    },
    /// Python without a bytecode cache.
    NoBytecodeCache {
        /// What forbids it.
        forbidden_by: Option<String>,
        /// Sources that it has loaded from without one.
        missing: Vec<PathBuf>,
        /// Whether its user may not write one there.
        is_unwritable: bool,
        /// Its version, such as `3.11`.
        python: String,
    },
}

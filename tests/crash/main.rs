//! Nothing is lost: ebbd is killed at every system call that changes anything, and at random moments under load; single calls
//! fail. After each of these, what was promised is held against the journal and against what the jobs themselves wrote.
//!
//! `EBB_CRASH_POINT=...` (as a failure names it) runs one alone; `EBB_CRASH_FACTOR=N` runs N times as many random ones.

#![allow(clippy::unwrap_used, clippy::print_stderr, unreachable_pub)] // In a test a panic is the verdict.

#[path = "../guarantees/harness.rs"]
#[allow(dead_code)] // The other tests use the rest of it.
mod harness;

mod faults;
mod load;
mod points;
mod pool;
mod scenario;
mod talk;
mod tracer;
mod verdict;

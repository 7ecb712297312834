//! What ebb promises, one file a guarantee, held with the real binaries and real processes.
//! Waits are on conditions with deadlines; what can't run here says `SKIPPED name: reason`.

mod harness;

mod demands;
mod limits;
mod tree;

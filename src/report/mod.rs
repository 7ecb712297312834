//! What ebb saved: the runs of the journal against what daemons held before, reckoned in one pass and in bounded memory. PURE.
//! Knows nothing of the socket, of files, nor of how it is shown.

mod gather;
mod job;
mod ranked;
mod reckon;
mod shape;
mod slices;
mod sweep;
mod told;

#[cfg(test)]
mod tests;

pub use gather::{Against, Alive, Begin, Gather};
pub use job::{Kept, KeptCurves};
pub use reckon::{Facts, mb_hours};
pub use slices::{Slice, Slices};
pub use told::{Guest, Highest, JobSaving, JobTold, OomKills, Pair, RunTold, Saving, Told, Use, Waits};

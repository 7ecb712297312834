//! What happened: an append-only file of JSON lines. It is the truth; everything that ebbd knows after a start is in it.
//! Knows files and records; knows nothing of jobs' definitions, of clocks to read, or of what to do next.
//!
//! In the state directory:
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | held by the one ebbd that may write here, with its pid inside |
//! | `journal.jsonl` | the live segment: [`Writer`] appends, [`replay()`] reads it at a start |
//! | `journal-20260301T023000.000Z.jsonl` | a segment that was full at that time; [`History`] reads on there |
//! | `journal.next` | the head of a new segment, while one is made |
//! | `journal.torn-20260301T023000.000Z` | an end that was not whole and was cut off |
//! | `input/` | what demands brought for standard input: [`Inputs`] |

mod backward;
mod codec;
mod entry;
mod error;
mod history;
mod input;
mod lines;
mod lock;
mod names;
pub mod record;
mod repair;
mod replay;
mod rotate;
mod segment;
mod state;
mod tally;
mod writer;

pub use entry::HistoryLine;
pub use error::{Error, Warning};
pub use history::{History, Query, Step};
pub use input::{Inputs, Staged};
pub use replay::replay;
pub use state::{OpenRun, OpenStart, State};
pub use tally::Tally;
pub use writer::Writer;

#[cfg(test)]
mod tests;

//! What a job is: TOML text becomes a raw form with spans, then a checked [`Definition`]; all problems come at once.
//!
//! [`load_dir`] and [`load_file`] read files, [`check_text`] a text that is at hand; what they must know of the machine
//! they ask a [`Host`]. `ebb check` and ebbd share all of it.

mod check;
mod definition;
pub mod envfile;
mod host;
mod keys;
mod kinds;
mod load;
mod name;
mod raw;
mod read;
mod reference;
mod signal;
mod trust;
mod units;
mod when;

#[cfg(test)]
mod tests;

pub use crate::problem::{Place, Problem, Severity, TextProblem};
pub use check::{Checked, check_text};
pub use definition::{Accept, Allow, Cpu, Definition, EnvironmentFile, Memory, OnOom, Output, Retry, Timing};
#[cfg(test)]
pub(crate) use host::TestHost;
pub use host::{CannotBecome, CannotClaim, Files, Host, Machine, Missing, Room, Wanted};
pub use keys::{DOCS, Doc, KEYS, Key, Omitted};
pub use kinds::{Kind, Table};
pub use load::{FileStamp, LoadResult, Loaded, load_dir, load_file};
pub use name::{check_name, check_pool_name};
pub use reference::reference_markdown;
pub use signal::{signal_name, stop_signal};
pub(crate) use units::too_small;
pub use units::{Bytes, Millis, Percent, Quota};

//! What rests on the memory of a host, and what would save it: two looks at all processes and what happened in between
//! become services, and each rule says what it finds in one. PURE: of `sys` it knows the facts' types alone.
//!
//! It can't see whether a service holds state that matters, so it names candidates and gives its evidence in figures.

pub mod container;
mod engines;
mod finding;
mod imports;
pub mod job_file;
pub mod libraries;
pub mod place;
pub mod program;
pub mod remembered;
pub mod rhythm;
mod rules;
mod sample;
mod service;
pub mod turn_off;

#[cfg(test)]
mod testing;

pub use finding::{Evidence, Finding, Share};
pub use imports::{Failed, IMPORT_ALL, Import, Imports, SOURCES};
pub use rules::{ORMS, findings};
pub use sample::{Cache, CacheMissing, Observation, Python, Watched};
pub use service::{Kind, Service, services};

//! What a job is: TOML text becomes a raw form with spans, then a checked [`Definition`]; all problems come at once.

mod definition;

pub use definition::{Accept, Allow, Cpu, Definition, EnvironmentFile, Memory, Output, Retry, Timing};

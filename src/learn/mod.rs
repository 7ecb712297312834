//! What the runs of a job teach about its memory and its time. PURE.
//! Knows nothing of where runs are recorded, nor of what follows from what was learned.

mod curve;
pub mod forecast;
mod learned;
mod peak;
pub mod suggest;

pub use curve::{ALPHABET, Curve, Trace};
pub use learned::{Learned, Lesson, Spread};
pub use peak::peak_anon;

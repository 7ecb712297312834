//! What happened: an append-only file of JSON lines. It is the truth; everything that ebbd knows after a start is in it.

pub mod record;

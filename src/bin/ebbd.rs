//! ebbd
fn main() {}

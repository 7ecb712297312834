//! Jobs in real seconds: one that has a slot each second, and what became of slots.

use serde_json::Value;

use crate::harness::Ebbd;

/// A job with a slot each second.
pub const TICKS: &str = "command = [\"true\"]\nschedule = \"* * * * * *\"\n";

/// An instant of a history line, in milliseconds since 1970.
pub fn ms(instant: &Value) -> i64 {
    let text = instant.as_str().unwrap_or_else(|| panic!("no instant: {instant}"));
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// What became of a job's triggers, oldest first.
pub fn history_of(ebbd: &Ebbd, job: &str) -> Vec<Value> {
    ebbd.history().into_iter().filter(|line| line["job"] == job).collect()
}

/// Waits until another job has had so many slots, so that this one would have had them too.
pub fn let_slots_pass(ebbd: &Ebbd, ticker: &str, count: usize) {
    let before = history_of(ebbd, ticker).len();
    ebbd.until("slots to pass", || history_of(ebbd, ticker).len() >= before + count);
}

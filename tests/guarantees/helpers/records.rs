//! What is known of a run: its records in the journal, and the result that a waiting client gets.

use serde_json::{Value, json};

use crate::harness::Ebbd;

/// How many records of a kind the journal has of a run.
pub(crate) fn count(ebbd: &Ebbd, event: &str, run: u64) -> usize {
    ebbd.journal().iter().filter(|record| record["event"] == event && record["id"] == run).count()
}

/// The run's result, waited for.
pub(crate) fn result(ebbd: &Ebbd, run: u64) -> Value {
    ebbd.call("Wait", json!({ "run": run })).unwrap()["result"].clone()
}

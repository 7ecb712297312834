//! Going without ending the runs: what is between two records settles first, so that the next ebbd knows it all.
//! Knows nothing of why ebbd goes, nor of clients.

use std::sync::atomic::Ordering;

use crate::engine::Order;

use super::live::Live;
use super::shell::Shell;

impl Shell {
    /// From now on nothing is started: what is due is queued, as the journal has it, for the
    /// next ebbd.
    pub(super) fn hold_back(&mut self) {
        self.held_back.get_or_insert_default();
    }

    /// Starts a run, or keeps it back.
    pub(super) fn start_order(&mut self, order: Order) {
        match &mut self.held_back {
            Some(held_back) => held_back.push(order),
            None => self.start(order),
        }
    }

    /// Whether the journal has all that there is to know of every run that has processes.
    pub(super) fn is_settled(&self) -> bool {
        !self.live.iter().any(|live| live.seen.is_unsettled.load(Ordering::Relaxed))
    }

    /// Says which runs the next ebbd will know too little of.
    pub(super) fn warn_of_unsettled(&self) {
        for live in self.live.iter().filter(|live| live.seen.is_unsettled.load(Ordering::Relaxed)) {
            let Live { id, job, .. } = &**live;
            tracing::warn!(run = id, %job, "left between two states: it is started anew, or its end will not be known");
        }
    }
}

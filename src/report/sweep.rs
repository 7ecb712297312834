//! Goes through runs from the newest back, as the journal gives them, and knows at each instant what all of them held together.
//! Keeps only the runs that may still overlap with what is to come.

use std::collections::{BTreeMap, BinaryHeap};

use super::shape::Shape;
use super::slices::{Slices, largest};
use crate::limits;

/// The most that runs held together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Top {
    /// In bytes.
    pub(super) bytes: u64,
    /// When it began, in milliseconds since 1970 UTC.
    pub(super) at: i64,
    /// Who held it, by number of the job, the largest first.
    pub(super) jobs: Vec<(u32, u64)>,
}

/// A level that changes. In the order of the heap: the latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    at: i64,
    job: u32,
    bytes: u64,
    /// Whether a piece ends here, so that going back its height is added; else it begins here.
    is_end: bool,
    is_compared: bool,
}

/// The sweep.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Steps that are still to come, going back.
    ahead: BinaryHeap<Step>,
    /// Nothing later than this counts any more.
    at: i64,
    total: u64,
    compared: u64,
    held: BTreeMap<u32, u64>,
    /// Runs that came too late to be counted for all of their time.
    pub(super) late: u64,
    pub(super) slices: Slices,
    pub(super) top: Top,
    /// The most that runs of jobs with a baseline held together, in bytes.
    pub(super) top_compared: u64,
}

impl Sweep {
    /// Back from an instant.
    pub(super) const fn new(end: i64) -> Self {
        Self {
            ahead: BinaryHeap::new(),
            at: end,
            total: 0,
            compared: 0,
            held: BTreeMap::new(),
            late: 0,
            slices: Slices::new(end),
            top: Top { bytes: 0, at: 0, jobs: Vec::new() },
            top_compared: 0,
        }
    }

    /// Takes in a run, from `since` on. Runs come in the order of their ends, the newest first; one that comes later than
    /// [`limits::HISTORY_SLACK_MS`] after its turn counts for what is left of its time.
    pub(super) fn add(&mut self, job: u32, shape: Shape, since: i64, is_compared: bool) {
        self.go_back_to(shape.to.saturating_add(limits::HISTORY_SLACK_MS));
        self.late += u64::from(shape.to > self.at);
        for (from, to, bytes) in shape.coarse().pieces() {
            let (from, to) = (from.max(since), to.min(self.at));
            if from < to && bytes > 0 {
                let step = Step { at: to, job, bytes, is_end: true, is_compared };
                self.ahead.push(step);
                self.ahead.push(Step { at: from, is_end: false, ..step });
            }
        }
    }

    /// Goes through all that is left.
    pub(super) fn finish(&mut self) {
        self.go_back_to(i64::MIN);
    }

    /// Everything later than that is settled.
    fn go_back_to(&mut self, until: i64) {
        while let Some(at) = self.ahead.peek().map(|step| step.at).filter(|at| *at > until) {
            self.settle(at);
            // All that changes at one instant is one change: a run that begins where another ends was never beside it.
            while let Some(step) = self.ahead.peek().copied().filter(|step| step.at == at) {
                self.ahead.pop();
                self.change(step);
            }
        }
    }

    /// The level as it is held from `from` up to the latest change.
    fn settle(&mut self, from: i64) {
        if self.total > 0 && from < self.at {
            self.slices.add(from, self.at, self.compared, self.total, &self.held);
            self.top_compared = self.top_compared.max(self.compared);
            if self.total > self.top.bytes {
                self.top = Top { bytes: self.total, at: from, jobs: largest(&self.held) };
            }
        }
        self.at = from;
    }

    fn change(&mut self, step: Step) {
        let held = self.held.entry(step.job).or_default();
        let (levels, compared) = ([&mut self.total, held], &mut self.compared);
        let compared = step.is_compared.then_some(compared);
        for level in levels.into_iter().chain(compared) {
            *level =
                if step.is_end { level.saturating_add(step.bytes) } else { level.saturating_sub(step.bytes) };
        }
        if self.held.get(&step.job) == Some(&0) {
            self.held.remove(&step.job);
        }
    }

    /// How much is kept for what is to come.
    #[cfg(test)]
    pub(super) fn steps_ahead(&self) -> usize {
        self.ahead.len()
    }
}

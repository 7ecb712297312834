//! The memory of the host over time in a bounded number of slices. Of each slice the highest moment is kept, with who held what
//! in it; nothing is averaged. Knows nothing of where the levels come from.

use std::collections::BTreeMap;

use crate::limits;

/// A slice of time: its highest moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slice {
    /// What all runs held then, in bytes.
    pub bytes: u64,
    /// The most that runs of jobs with a baseline held, in bytes: not always at the same moment.
    pub compared: u64,
    /// Who held what at the highest moment, by number of the job, the largest first; at most
    /// [`limits::REPORT_STACK_MAX`], what the others held is left over.
    pub jobs: Vec<(u32, u64)>,
}

/// Slices of equal length, counted back from an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slices {
    /// Where the latest ends, in milliseconds since 1970 UTC.
    pub end: i64,
    /// How long each is, in milliseconds; doubles whenever there would be too many.
    pub ms: i64,
    /// The latest first.
    pub slices: Vec<Slice>,
}

impl Slices {
    /// None yet.
    pub(super) const fn new(end: i64) -> Self {
        Self { end, ms: SLICE_MIN_MS, slices: Vec::new() }
    }

    /// All runs together held so much from one instant to another, both before the end.
    pub(super) fn add(&mut self, from: i64, to: i64, compared: u64, bytes: u64, jobs: &BTreeMap<u32, u64>) {
        self.reach(from);
        let (first, last) = (self.number(to.saturating_sub(1)), self.number(from));
        if self.slices.len() <= last {
            self.slices.resize_with(last + 1, Slice::default);
        }
        for slice in &mut self.slices[first..=last] {
            slice.compared = slice.compared.max(compared);
            if bytes > slice.bytes {
                slice.bytes = bytes;
                slice.jobs = largest(jobs);
            }
        }
    }

    /// Joins neighbours until there are few enough back to this instant.
    pub(super) fn reach(&mut self, from: i64) {
        while self.number(from) >= limits::REPORT_SLICES_MAX {
            self.ms *= 2;
            let pairs = std::mem::take(&mut self.slices).into_iter();
            let mut joined: Vec<Slice> = Vec::new();
            for (number, slice) in pairs.enumerate() {
                match joined.last_mut().filter(|_| number % 2 == 1) {
                    Some(earlier) => earlier.join(slice),
                    None => joined.push(slice),
                }
            }
            self.slices = joined;
        }
    }

    /// Which slice an instant is in; those after the end are in the latest.
    fn number(&self, at: i64) -> usize {
        let back = self.end.saturating_sub(1).saturating_sub(at).max(0);
        usize::try_from(back / self.ms).unwrap_or(usize::MAX)
    }

    /// When a slice begins, in milliseconds since 1970 UTC.
    #[must_use]
    pub fn begins(&self, number: usize) -> i64 {
        let back = i64::try_from(number + 1).unwrap_or(i64::MAX).saturating_mul(self.ms);
        self.end.saturating_sub(back)
    }
}

/// As short as the slices of a run's own curve.
const SLICE_MIN_MS: i64 = limits::CURVE_SLICE_MIN_MS.cast_signed();

impl Slice {
    fn join(&mut self, other: Self) {
        let compared = self.compared.max(other.compared);
        if other.bytes > self.bytes {
            *self = other;
        }
        self.compared = compared;
    }
}

/// The largest of them, the largest first.
pub(super) fn largest(jobs: &BTreeMap<u32, u64>) -> Vec<(u32, u64)> {
    let mut jobs: Vec<(u32, u64)> = jobs.iter().map(|(job, bytes)| (*job, *bytes)).collect();
    jobs.sort_by_key(|(job, bytes)| (std::cmp::Reverse(*bytes), *job));
    jobs.truncate(limits::REPORT_STACK_MAX);
    jobs
}

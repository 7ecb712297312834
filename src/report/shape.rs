//! The memory of one run over its time, as pieces of equal height. Knows no other run.

use crate::journal::HistoryLine;
use crate::learn::Curve;
use crate::limits;

/// How far the start by the wall clock may be from what end and length say, in milliseconds, while nobody has set it.
const CLOCKS_APART_MS: u64 = 1_000;

/// What is known of a run's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Its curve: what it held in each slice of its time.
    Curve,
    /// Its highest alone, which is taken for all of its time: it held that at most.
    Peak,
    /// Nothing.
    Nothing,
}

/// A run on the wall clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// When it began, in milliseconds since 1970 UTC.
    pub(super) from: i64,
    /// When it ended; later than `from`.
    pub(super) to: i64,
    /// What the figures rest on.
    pub(super) known: Known,
    /// Where a height begins, and the height in bytes; the first at `from`.
    steps: Vec<(i64, u64)>,
}

impl Shape {
    /// Of a run that has ended; `None` where its program never ran. Where the clock was set meanwhile its end counts, and its length
    /// by the clock that nobody sets.
    pub(super) fn of(line: &HistoryLine) -> Option<Self> {
        let started = line.started_at?.0;
        let to = line.ended().0;
        let length = line.duration_ms.and_then(|ms| i64::try_from(ms).ok());
        let reckoned = length.map_or(started, |length| to.saturating_sub(length));
        // The clock was set meanwhile where the two are far apart.
        let is_set = started.abs_diff(reckoned) > CLOCKS_APART_MS;
        let from = if is_set { reckoned } else { started.min(to) };
        let to = to.max(from.saturating_add(1));
        let Some(peak) = line.peak_anon_bytes else {
            return Some(Self { from, to, known: Known::Nothing, steps: Vec::new() });
        };
        let Some(curve) = line.curve.as_ref().filter(|curve| curve.ms > 0 && !curve.points.is_empty()) else {
            return Some(Self::flat(from, to, peak));
        };
        let ms = i64::try_from(curve.ms).unwrap_or(i64::MAX);
        let mut steps: Vec<(i64, u64)> = Vec::new();
        for (number, bytes) in with_peak(curve, peak).into_iter().enumerate() {
            let at = from.saturating_add(ms.saturating_mul(i64::try_from(number).unwrap_or(i64::MAX)));
            // Where nobody had looked yet it held no more than its highest.
            let bytes = if bytes == 0 { peak } else { bytes };
            if at < to && steps.last().is_none_or(|(_, height)| *height != bytes) {
                steps.push((at, bytes));
            }
        }
        Some(Self { from, to, known: Known::Curve, steps })
    }

    /// Of a run of which only the highest is known.
    pub(super) fn flat(from: i64, to: i64, bytes: u64) -> Self {
        Self { from, to: to.max(from.saturating_add(1)), known: Known::Peak, steps: vec![(from, bytes)] }
    }

    /// Its pieces: from, to, height in bytes.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (i64, i64, u64)> + '_ {
        let ends = self.steps.iter().skip(1).map(|(at, _)| *at).chain([self.to]);
        self.steps.iter().zip(ends).map(|((from, bytes), to)| (*from, to, *bytes))
    }

    /// Bytes times milliseconds from an instant on.
    pub(super) fn area(&self, since: i64) -> u128 {
        let piece = |(from, to, bytes): (i64, i64, u64)| {
            let ms = to.saturating_sub(from.max(since));
            u128::try_from(ms).unwrap_or(0) * u128::from(bytes)
        };
        self.pieces().map(piece).sum()
    }

    /// The same run in fewer pieces, each as high as the highest that it covers.
    pub(super) fn coarse(mut self) -> Self {
        while self.steps.len() > limits::REPORT_PIECES_MAX {
            let joined =
                self.steps.chunks(2).map(|pair| (pair[0].0, pair.iter().map(|p| p.1).max().unwrap_or(0)));
            self.steps = joined.collect();
        }
        self
    }
}

/// The points of a curve in bytes. A peak that came and went between two looks, as the last pages before a kill do, is put where
/// the run was seen at its highest.
pub(super) fn with_peak(curve: &Curve, peak: u64) -> Vec<u64> {
    let mut points = curve.bytes(peak);
    if let Some(highest) = points.iter_mut().max_by_key(|bytes| **bytes) {
        *highest = peak;
    }
    points
}

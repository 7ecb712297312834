//! The memory of one run over its time: kept while it lives, written as a line of characters, and read back.
//! Knows no clock, and nothing of where the looks come from.

use serde::{Deserialize, Serialize};

use crate::limits;

/// One character for each value from 0 to 63, in the order of ASCII, so that characters compare as their values do.
/// docs/varlink.md has the Python that reads it.
pub const ALPHABET: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
/// The value of a point that is as high as the run's peak.
const FULL: u64 = 63;

/// The curve of a run that lives. About 1 kB at its longest; nothing before the first look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trace {
    /// How often the slice of time has doubled.
    doubled: u8,
    /// The highest of each slice in KiB, the first from the run's start on; 0 where nobody looked.
    kib: Vec<u32>,
}

impl Trace {
    /// Takes in that a run had so much memory so long after its start. The order does not matter.
    pub fn add(&mut self, at_ms: u64, bytes: u64) {
        while at_ms / self.slice_ms() >= limits::CURVE_POINTS_MAX as u64 {
            self.join();
        }
        let slice = usize::try_from(at_ms / self.slice_ms()).unwrap_or(0);
        if slice >= self.kib.len() {
            self.kib.resize(slice + 1, 0);
        }
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).max(1);
        self.kib[slice] = self.kib[slice].max(kib);
    }

    /// How long a slice is, in milliseconds.
    const fn slice_ms(&self) -> u64 {
        limits::CURVE_SLICE_MIN_MS << self.doubled
    }

    /// Joins neighbours, so that a slice is twice as long.
    fn join(&mut self) {
        self.doubled += 1;
        self.kib = self.kib.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
    }

    /// As it is written of a run with this peak, in bytes; `None` before the first look.
    ///
    /// A slice between two looks is as high as the look before it; one before the first look has no height.
    #[must_use]
    pub fn written(&self, peak_bytes: u64) -> Option<Curve> {
        let peak = peak_bytes.div_ceil(1024).max(1);
        let mut height = 0;
        let points = self.kib.iter().map(|kib| {
            if *kib > 0 {
                height = (u64::from(*kib) * FULL).div_ceil(peak).min(FULL);
            }
            char::from(ALPHABET[usize::try_from(height).unwrap_or(0)])
        });
        let points: String = points.collect();
        (!points.is_empty()).then(|| Curve { ms: self.slice_ms(), points })
    }
}

/// The curve of a run as it is written: its points, each the highest of an equal slice of time, the first from its start on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// How long a slice is, in milliseconds.
    pub ms: u64,
    /// One character a slice: so many 63rds of the run's peak of anonymous memory and swap, rounded up; see [`ALPHABET`].
    pub points: String,
}

impl Curve {
    /// The points in bytes, of a run with this peak. What is no point is passed over.
    #[must_use]
    pub fn bytes(&self, peak_bytes: u64) -> Vec<u64> {
        let values = self.points.bytes().filter_map(|c| ALPHABET.iter().position(|known| *known == c));
        values.map(|value| scaled(value as u64, peak_bytes)).collect()
    }
}

fn scaled(value: u64, peak_bytes: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(peak_bytes) / u128::from(FULL)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn trace(looks: &[(u64, u64)]) -> Trace {
        let mut trace = Trace::default();
        looks.iter().for_each(|(at_ms, bytes)| trace.add(*at_ms, *bytes));
        trace
    }

    /// Looks as a sampler makes them: soon at first, then every second.
    fn looks(rng: &mut fastrand::Rng) -> Vec<(u64, u64)> {
        let (mut at_ms, mut pause_ms) = (rng.u64(0..3_000_000), 20);
        let one = |_| {
            at_ms += pause_ms;
            pause_ms = (pause_ms * 3 / 2).min(rng.u64(1_000..100_000));
            let most = 1 << rng.u32(12..42);
            (at_ms, rng.u64(0..most))
        };
        (0..2_000).map(one).collect()
    }

    #[test]
    fn its_highest_point_is_the_highest_look_and_there_are_never_more_than_the_bound() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..50 {
            let mut trace = Trace::default();
            let (mut highest, mut latest) = (0, 0);
            for (at_ms, bytes) in looks(&mut rng) {
                trace.add(at_ms, bytes);
                (highest, latest) = (bytes.max(highest), at_ms);
                assert!(trace.kib.len() <= limits::CURVE_POINTS_MAX);
            }
            let curve = trace.written(highest).unwrap();
            assert_eq!(curve.points.len() as u64, latest / curve.ms + 1, "it ends with the latest look");
            assert_eq!(curve.bytes(highest).into_iter().max(), Some(highest));
            let marked = highest + highest / 3;
            let top = trace.written(marked).unwrap().bytes(marked).into_iter().max().unwrap();
            assert!(top >= highest && top - highest <= marked.div_ceil(FULL), "{top} {highest}");
        }
    }

    #[test]
    fn the_order_of_the_looks_does_not_matter() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..50 {
            let mut looks = looks(&mut rng);
            let in_order = trace(&looks);
            rng.shuffle(&mut looks);
            assert_eq!(trace(&looks), in_order);
        }
    }

    #[test]
    fn each_point_is_the_highest_of_its_slice() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..50 {
            let looks = looks(&mut rng);
            let (peak, trace) = (looks.iter().map(|(_, bytes)| *bytes).max().unwrap(), trace(&looks));
            let curve = trace.written(peak).unwrap();
            let mut before = 0;
            for (slice, point) in curve.bytes(peak).into_iter().enumerate() {
                let within = looks.iter().filter(|(at_ms, _)| at_ms / curve.ms == slice as u64);
                let Some(highest) = within.map(|(_, bytes)| *bytes).max() else {
                    assert_eq!(point, before, "nobody looked: as high as before");
                    continue;
                };
                assert!(
                    point >= highest && point - highest <= peak.div_ceil(FULL) + 1024,
                    "{point} {highest}"
                );
                before = point;
            }
        }
    }

    #[test]
    fn a_short_run_has_few_points_and_one_that_nobody_looked_at_has_none() {
        assert_eq!(Trace::default().written(MIB), None);
        assert_eq!(trace(&[(7, MIB)]).written(MIB), Some(Curve { ms: 20, points: "z".to_owned() }));
        let curve = trace(&[(25, MIB), (95, 2 * MIB)]).written(4 * MIB).unwrap();
        assert_eq!(curve.points, "-FFFV", "nothing is known of its first slice");
        assert_eq!(curve.bytes(63), [0, 16, 16, 16, 32]);
    }

    #[test]
    fn it_is_about_a_kilobyte_while_the_run_lives_and_a_few_hundred_bytes_in_the_journal() {
        let day = (0..86_400).map(|second| (second * 1_000, (second + 1) << 10)).collect::<Vec<_>>();
        let trace = trace(&day);
        assert!(trace.kib.capacity() * size_of::<u32>() <= 2_048, "{}", trace.kib.capacity());
        let curve = trace.written(86_400 << 10).unwrap();
        let text = serde_json::to_string(&curve).unwrap();
        assert!(text.len() < 300 && !text.contains('\\'), "{text}");
        assert!(curve.points.as_bytes().is_sorted(), "it rises, and so do its characters: {text}");
        assert_eq!(serde_json::from_str::<Curve>(&text).unwrap(), curve);
    }

    #[test]
    fn no_number_overflows_and_no_character_is_too_much() {
        let trace = trace(&[(u64::MAX >> 1, u64::MAX), (0, 0)]);
        assert!(trace.kib.len() <= limits::CURVE_POINTS_MAX);
        let curve = trace.written(0).unwrap();
        assert!(curve.bytes(u64::MAX).contains(&u64::MAX));
        assert_eq!(Curve { ms: 1, points: "z?\u{e9}z".to_owned() }.bytes(5), [5, 5]);
    }
}

//! What is kept of all runs of a job together: a few numbers, whatever the number of runs.
//! The same lessons in the same order make the same numbers, so that a replayed journal and a living engine agree.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::words::{OomCause, Outcome};

/// What one run teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    /// How it ended.
    pub outcome: Outcome,
    /// Whose want of memory it was, where the kernel killed for memory.
    pub oom_cause: Option<OomCause>,
    /// Its highest anonymous memory and swap, in bytes.
    pub peak_anon_bytes: Option<u64>,
    /// The limit that it ran under, in bytes.
    pub memory_max_bytes: Option<u64>,
    /// How long it ran, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// A mean of the latest values, and how far they stray from it, as RFC 6298 reckons round-trip times: each value moves the
/// mean by an eighth of its distance, and the deviation by a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// The mean.
    pub mean: u32,
    /// The mean distance from it.
    pub deviation: u32,
}

impl Spread {
    fn first(value: u32) -> Self {
        Self { mean: value, deviation: 0 }
    }

    fn add(&mut self, value: u32) {
        self.deviation = towards(self.deviation, self.mean.abs_diff(value), 4);
        self.mean = towards(self.mean, value, 8);
    }

    /// What hardly any value exceeds: the mean and four deviations.
    #[must_use]
    pub const fn high(self) -> u32 {
        self.mean.saturating_add(self.deviation.saturating_mul(4))
    }
}

/// A part of the way from `from` to `to`, rounded so that it arrives.
const fn towards(from: u32, to: u32, part: u32) -> u32 {
    let step = from.abs_diff(to).div_ceil(part);
    if to >= from { from + step } else { from - step }
}

/// What was learned of a job. 32 bytes, kept of every job at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Learned {
    /// Runs that succeeded and whose peak is known; it stops at the highest number.
    pub runs: u32,
    /// Runs since the last success that their limit cut short: the peak is at least [`Learned::highest_kib`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: u32,
    /// Peaks of anonymous memory and swap of successful runs, in KiB.
    pub peak_kib: Spread,
    /// The highest peak of all runs, whatever became of them, in KiB; each success below it brings it an eighth nearer.
    pub highest_kib: u32,
    /// How long successful runs took, in hundredths of a second.
    pub duration_cs: Spread,
    /// The longest of all runs, in hundredths of a second, fading likewise.
    pub longest_cs: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Learned {
    /// Nothing.
    pub const EMPTY: Self = Self {
        runs: 0,
        cut: 0,
        peak_kib: Spread { mean: 0, deviation: 0 },
        highest_kib: 0,
        duration_cs: Spread { mean: 0, deviation: 0 },
        longest_cs: 0,
    };

    /// Takes a run in. Only success says what a run needs; what ended early says that it needs no less.
    pub fn learn(&mut self, lesson: &Lesson) {
        let Some(peak) = lesson.peak_anon_bytes.map(kib) else { return };
        let duration = lesson.duration_ms.map_or(0, |ms| u32::try_from(ms / 10).unwrap_or(u32::MAX));
        match lesson.outcome {
            Outcome::Success => self.succeed(peak, duration),
            Outcome::OomKill => {
                // It was stopped by its limit, whatever was seen of it before.
                let limit = lesson.memory_max_bytes.map_or(0, kib);
                self.cut = self.cut.saturating_add(1);
                self.at_least(peak.max(limit), duration);
            }
            Outcome::ExitCode | Outcome::Signal | Outcome::Timeout | Outcome::Canceled | Outcome::Lost => {
                self.at_least(peak, duration);
            }
            Outcome::StartFailed | Outcome::Skipped => {}
        }
    }

    fn succeed(&mut self, peak: u32, duration: u32) {
        if self.runs == 0 {
            self.peak_kib = Spread::first(peak);
            self.duration_cs = Spread::first(duration);
        } else {
            self.peak_kib.add(peak);
            self.duration_cs.add(duration);
        }
        self.runs = self.runs.saturating_add(1);
        self.cut = 0;
        self.highest_kib = fade(self.highest_kib, peak);
        self.longest_cs = fade(self.longest_cs, duration);
    }

    fn at_least(&mut self, peak: u32, duration: u32) {
        self.highest_kib = self.highest_kib.max(peak);
        self.longest_cs = self.longest_cs.max(duration);
    }

    /// Whether enough runs have succeeded to say what the next one needs.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.runs >= limits::LEARNED_RUNS_MIN
    }

    /// Memory that the next run will hardly exceed, in bytes: the most that was seen lately, or what the spread allows for,
    /// and a margin of a tenth, 16 MiB at least. None before enough runs have succeeded, or while the latest were cut short.
    #[must_use]
    pub fn claim_bytes(&self) -> Option<u64> {
        if !self.is_enough() || self.cut > 0 {
            return None;
        }
        let likely = u64::from(self.highest_kib.max(self.peak_kib.high())) * 1024;
        Some(likely + (likely / 10).max(limits::CLAIM_MARGIN_MIN))
    }

    /// How long the next run will hardly exceed, in milliseconds. None before enough runs have succeeded.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        self.is_enough().then(|| u64::from(self.longest_cs.max(self.duration_cs.high())) * 10)
    }
}

/// A highest value that a lower one brings an eighth nearer.
fn fade(highest: u32, value: u32) -> u32 {
    if value >= highest { value } else { highest - (highest - value) / 8 }
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn run(outcome: Outcome, peak_mib: u64, max_mib: Option<u64>) -> Lesson {
        Lesson {
            outcome,
            oom_cause: None,
            peak_anon_bytes: Some(peak_mib * MIB),
            memory_max_bytes: max_mib.map(|max| max * MIB),
            duration_ms: Some(10_000),
        }
    }

    fn learned(lessons: &[Lesson]) -> Learned {
        let mut learned = Learned::default();
        lessons.iter().for_each(|lesson| learned.learn(lesson));
        learned
    }

    #[test]
    fn nothing_is_claimed_before_enough_runs_have_succeeded() {
        let runs = [run(Outcome::Success, 100, None); 3];
        assert_eq!(learned(&runs[..2]).claim_bytes(), None);
        assert_eq!(learned(&runs).claim_bytes(), Some(116 * MIB), "a peak that never varies, and 16 MiB");
        assert_eq!(learned(&runs).duration_ms(), Some(10_000));
    }

    #[test]
    fn a_peak_that_varies_is_claimed_with_its_spread_and_an_old_peak_fades() {
        let steady = [run(Outcome::Success, 400, None); 8];
        let mut varied = steady;
        varied[4] = run(Outcome::Success, 600, None);
        let (steady, varied) =
            (learned(&steady).claim_bytes().unwrap(), learned(&varied).claim_bytes().unwrap());
        assert!(varied > 550 * MIB && steady == 440 * MIB, "{varied} {steady}");
        let mut faded = learned(&[run(Outcome::Success, 900, None); 3]);
        for _ in 0..60 {
            faded.learn(&run(Outcome::Success, 100, None));
        }
        assert!(faded.claim_bytes().unwrap() < 130 * MIB, "{faded:?}");
    }

    #[test]
    fn a_run_that_its_limit_cut_short_teaches_at_least_and_not_what_is_needed() {
        let mut job = learned(&[run(Outcome::Success, 100, None); 5]);
        job.learn(&run(Outcome::OomKill, 190, Some(200)));
        assert_eq!((job.cut, job.highest_kib, job.peak_kib.mean), (1, 200 * 1024, 100 * 1024));
        assert_eq!(job.claim_bytes(), None, "nobody knows how much more it needs");
        job.learn(&run(Outcome::Success, 250, Some(400)));
        assert_eq!(job.cut, 0);
        assert!(job.claim_bytes().unwrap() >= 266 * MIB);
    }

    #[test]
    fn a_run_that_failed_early_makes_no_later_one_look_small() {
        let mut job = learned(&[run(Outcome::Success, 100, None); 5]);
        let before = job.claim_bytes();
        for _ in 0..50 {
            job.learn(&run(Outcome::ExitCode, 5, None));
        }
        assert_eq!(job.claim_bytes(), before);
        job.learn(&run(Outcome::Timeout, 300, None));
        assert!(job.claim_bytes().unwrap() > 300 * MIB, "it was seen to need that much");
    }

    #[test]
    fn it_is_a_few_bytes_and_survives_the_journal() {
        assert_eq!(size_of::<Learned>(), 32);
        let job = learned(&[run(Outcome::Success, 123, None); 4]);
        let text = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Learned>(&text).unwrap(), job, "{text}");
    }

    #[test]
    fn no_number_overflows() {
        let mut job = Learned { runs: u32::MAX, ..Learned::default() };
        for peak in [u64::MAX, 0, u64::MAX] {
            let duration_ms = Some(u64::MAX);
            job.learn(&Lesson { peak_anon_bytes: Some(peak), duration_ms, ..run(Outcome::Success, 0, None) });
        }
        assert!(job.claim_bytes().is_some() && job.duration_ms().is_some());
    }
}

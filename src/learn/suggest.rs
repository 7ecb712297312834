//! What a job's settings should be, going by its runs: a memory limit, a timeout. PURE.
//! Says nothing where what is set is fine. Knows no file and no sentence.

use crate::limits;
use crate::words::{OomCause, Outcome};

use super::Lesson;

const MIB: u64 = 1 << 20;
const MINUTE_MS: u64 = 60_000;

/// A `[memory] max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxProposal {
    /// What it should be.
    pub bytes: u64,
    /// What runs were seen to need.
    pub needed: u64,
    /// How many runs say so.
    pub runs: usize,
    /// Why not what is set.
    pub why: WhyMax,
}

/// Why another limit is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyMax {
    /// None is set.
    Unset,
    /// A run that is a little larger would be killed.
    Tight,
    /// So many runs were killed at their limit, and none has shown yet how much is enough: `needed` is that limit.
    Cut(usize),
    /// A run succeeded with a limit that was raised for it, in bytes.
    Raised(u64),
    /// It is more than twice what is proposed.
    Roomy,
}

/// A `timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeoutProposal {
    /// What it should be, in milliseconds.
    pub ms: u64,
    /// The longest run, in milliseconds.
    pub longest_ms: u64,
    /// How many runs say so.
    pub runs: usize,
}

/// A limit for runs like these, where `in_force` is not fine: the larger of 1.4 times what they need and 64 MiB on top of
/// it, see [`written_size`]. They need the highest peak of those that succeeded, or the limit that others were killed at.
#[must_use]
pub fn max(runs: &[Lesson], in_force: Option<u64>) -> Option<MaxProposal> {
    let good = || runs.iter().filter(|run| run.outcome == Outcome::Success);
    let peaks = || good().filter_map(|run| run.peak_anon_bytes);
    let cuts: Vec<u64> = runs.iter().filter_map(cut_at).collect();
    let (highest, cut) = (peaks().max().unwrap_or(0), cuts.iter().copied().max().unwrap_or(0));
    let raised =
        good().filter_map(|run| run.memory_max_bytes.filter(|max| in_force.is_some_and(|it| *max > it)));
    let raised = raised.max().filter(|_| in_force.is_some_and(|max| cut >= max || highest >= max));
    let is_enough = peaks().count() >= limits::LEARNED_RUNS_MIN as usize;
    if !is_enough && cuts.is_empty() {
        return None;
    }
    let needed = highest.max(cut);
    let bytes = written_size(above(needed).max(raised.unwrap_or(0)));
    let is_tight = in_force.is_some_and(|max| max < needed + (needed / 8).max(16 * MIB));
    let is_roomy = in_force.is_some_and(|max| max / 2 > bytes);
    let why = match (in_force, raised) {
        (None, _) => WhyMax::Unset,
        (Some(max), _) if !is_tight && (!is_roomy || !is_enough || cut > max) => return None,
        (Some(_), Some(raised)) => WhyMax::Raised(raised),
        (Some(_), None) if is_tight && cut > highest => WhyMax::Cut(cuts.len()),
        (Some(_), None) if is_tight => WhyMax::Tight,
        (Some(_), None) => WhyMax::Roomy,
    };
    Some(MaxProposal { bytes, needed, runs: peaks().count(), why })
}

/// The limit that a run was killed at, where it was its own. It may have died before it was seen that high.
fn cut_at(run: &Lesson) -> Option<u64> {
    let is_own = matches!(run.oom_cause, None | Some(OomCause::Limit));
    let limit = run.memory_max_bytes.filter(|_| run.outcome == Outcome::OomKill && is_own)?;
    Some(limit.max(run.peak_anon_bytes.unwrap_or(0)))
}

/// A timeout for runs like these, where `in_force` is not fine: three times the longest that succeeded and a minute, see
/// [`written_duration`]. What timed out has not shown how long it takes: then none that is shorter.
#[must_use]
pub fn timeout(runs: &[Lesson], in_force: Option<u64>) -> Option<TimeoutProposal> {
    let good = runs.iter().filter(|run| run.outcome == Outcome::Success);
    let took: Vec<u64> = good.filter_map(|run| run.duration_ms).collect();
    let longest_ms = took.iter().copied().max()?;
    if took.len() < limits::LEARNED_RUNS_MIN as usize {
        return None;
    }
    let ms = written_duration(longest_ms.saturating_mul(3).saturating_add(MINUTE_MS));
    let has_timed_out = runs.iter().any(|run| run.outcome == Outcome::Timeout);
    let is_fine = in_force.is_some_and(|timeout| {
        let is_tight = timeout < longest_ms + longest_ms / 2 && ms > timeout;
        let is_roomy = timeout / 10 > ms && !has_timed_out;
        !is_tight && !is_roomy
    });
    (!is_fine && ms <= limits::DURATION_MAX_MS).then_some(TimeoutProposal {
        ms,
        longest_ms,
        runs: took.len(),
    })
}

/// The larger of 1.4 times what is needed and 64 MiB on top of it, in bytes.
#[must_use]
pub const fn above(needed: u64) -> u64 {
    let (part, least) = (needed.saturating_add(needed / 5 * 2), needed.saturating_add(64 * MIB));
    if part > least { part } else { least }
}

/// A size that a person would write, no smaller: in steps of 64M up to 512M, then of a quarter of the power of two below it:
/// 640M, 768M, 896M, 1G, 1.25G, 1.5G, 2G, 2.5G.
#[must_use]
pub fn written_size(bytes: u64) -> u64 {
    let below = bytes.saturating_sub(1).max(1).ilog2();
    let step = (1_u64 << below >> 2).max(64 * MIB);
    bytes.div_ceil(step).saturating_mul(step)
}

/// A duration that a person would write, no shorter: in minutes up to 10, then in steps of 5 minutes to an hour, of 30 to
/// six hours, of an hour to two days, of a day beyond.
#[must_use]
pub fn written_duration(ms: u64) -> u64 {
    let minutes = ms.div_ceil(MINUTE_MS);
    let step = match minutes {
        0..=10 => 1,
        11..=60 => 5,
        61..=360 => 30,
        361..=2_880 => 60,
        _ => 1_440,
    };
    minutes.div_ceil(step).saturating_mul(step * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Bytes, Millis};

    fn good(peak_mib: u64, max_mib: Option<u64>) -> Lesson {
        Lesson {
            outcome: Outcome::Success,
            oom_cause: None,
            peak_anon_bytes: Some(peak_mib * MIB),
            memory_max_bytes: max_mib.map(|max| max * MIB),
            duration_ms: Some(30_000),
        }
    }

    fn killed(max_mib: u64) -> Lesson {
        Lesson { outcome: Outcome::OomKill, ..good(max_mib - 9, Some(max_mib)) }
    }

    /// What is proposed in MiB, and why.
    fn proposed(runs: &[Lesson], in_force_mib: Option<u64>) -> Option<(u64, WhyMax)> {
        max(runs, in_force_mib.map(|mib| mib * MIB)).map(|it| (it.bytes / MIB, it.why))
    }

    #[test]
    fn a_limit_leaves_room_above_the_highest_peak() {
        let runs = [good(300, None), good(343, None), good(310, None)];
        assert_eq!(proposed(&runs[..2], None), None, "two runs say little");
        assert_eq!(proposed(&runs, None), Some((512, WhyMax::Unset)));
        assert_eq!(proposed(&[good(5, None); 3], None), Some((128, WhyMax::Unset)), "64 MiB on top");
        for fine in [400, 512, 768, 1024] {
            assert_eq!(proposed(&runs, Some(fine)), None, "{fine}");
        }
        assert_eq!(proposed(&runs, Some(350)), Some((512, WhyMax::Tight)));
        assert_eq!(proposed(&runs, Some(2048)), Some((512, WhyMax::Roomy)));
    }

    #[test]
    fn what_its_limit_cut_short_needs_at_least_that() {
        assert_eq!(proposed(&[killed(512)], Some(512)), Some((768, WhyMax::Cut(1))));
        let mixed =
            [good(200, Some(512)), killed(512), good(210, Some(512)), killed(512), good(220, Some(512))];
        assert_eq!(proposed(&mixed, Some(512)), Some((768, WhyMax::Cut(2))));
        assert_eq!(proposed(&mixed, Some(1024)), None, "raised since, and by enough");
        let by_host = Lesson { oom_cause: Some(OomCause::Host), ..killed(512) };
        assert_eq!(
            proposed(&[by_host], Some(512)),
            None,
            "a host without memory says nothing about the limit"
        );
    }

    #[test]
    fn a_raised_limit_that_was_enough_is_proposed() {
        let runs = [good(200, Some(256)), killed(256), good(300, Some(576)), good(230, Some(256))];
        assert_eq!(proposed(&runs, Some(256)), Some((640, WhyMax::Raised(576 * MIB))));
        assert_eq!(proposed(&runs, Some(640)), None, "it has been taken over");
        let needless = [good(100, Some(256)), good(100, Some(512)), good(90, Some(256))];
        assert_eq!(proposed(&needless, Some(256)), None, "nobody was killed at the limit in force");
    }

    #[test]
    fn no_proposal_is_below_what_was_seen() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..5_000 {
            let runs: Vec<Lesson> = (0..rng.usize(0..9))
                .map(|_| Lesson {
                    outcome: Outcome::ALL[rng.usize(..Outcome::ALL.len())],
                    oom_cause: None,
                    peak_anon_bytes: rng.bool().then(|| rng.u64(0..1 << 36)),
                    memory_max_bytes: rng.bool().then(|| rng.u64(1 << 18..1 << 36)),
                    duration_ms: rng.bool().then(|| rng.u64(0..90_000_000)),
                })
                .collect();
            let in_force = rng.bool().then(|| rng.u64(1 << 18..1 << 36));
            let succeeded = || runs.iter().filter(|run| run.outcome == Outcome::Success);
            if let Some(it) = max(&runs, in_force) {
                let peak = succeeded().filter_map(|run| run.peak_anon_bytes).max().unwrap_or(0);
                assert!(it.bytes >= peak + 64 * MIB && it.bytes >= peak / 5 * 7, "{it:?} {runs:?}");
                assert!(in_force != Some(it.bytes), "{it:?} {runs:?}");
                assert_eq!(max(&runs, Some(it.bytes)), None, "what is proposed is fine: {it:?} {runs:?}");
            }
            let timeout_in_force = rng.bool().then(|| rng.u64(1..900_000_000));
            if let Some(it) = timeout(&runs, timeout_in_force) {
                let longest = succeeded().filter_map(|run| run.duration_ms).max().unwrap();
                assert!(it.ms > longest * 3, "{it:?}");
                assert_eq!(timeout(&runs, Some(it.ms)), None, "{it:?} {runs:?}");
            }
        }
    }

    #[test]
    fn a_timeout_leaves_three_times_the_longest_and_a_minute() {
        let took = |ms| Lesson { duration_ms: Some(ms), ..good(1, None) };
        let runs = [took(31_000), took(123_000), took(40_000)];
        let ms = |runs: &[Lesson], in_force: Option<u64>| timeout(runs, in_force).map(|it| it.ms / MINUTE_MS);
        assert_eq!(ms(&runs, None), Some(8));
        assert_eq!(ms(&runs[..2], None), None);
        assert_eq!(ms(&runs, Some(20 * MINUTE_MS)), None);
        assert_eq!(ms(&runs, Some(130_000)), Some(8), "hardly longer than the longest");
        assert_eq!(ms(&runs, Some(86_400_000)), Some(8), "a day is no bound for two minutes");
        let late = Lesson { outcome: Outcome::Timeout, ..took(86_400_000) };
        assert_eq!(ms(&[runs[0], runs[1], runs[2], late], Some(86_400_000)), None, "some take as long");
    }

    #[test]
    fn what_is_proposed_is_what_a_person_would_write() {
        let sizes = [
            (1, "64M"),
            (65, "128M"),
            (300, "320M"),
            (450, "512M"),
            (513, "640M"),
            (700, "768M"),
            (769, "896M"),
            (1000, "1G"),
            (1025, "1.25G"),
            (1300, "1.5G"),
            (2049, "2.5G"),
            (9000, "10G"),
        ];
        for (mib, text) in sizes {
            assert_eq!(Bytes(written_size(mib * MIB)).to_string(), text, "{mib}");
        }
        let durations =
            [(1, "1m"), (430, "8m"), (661, "15m"), (3_700, "1h30m"), (25_000, "7h"), (200_000, "3d")];
        for (seconds, text) in durations {
            assert_eq!(Millis(written_duration(seconds * 1_000)).to_string(), text, "{seconds}");
        }
    }
}

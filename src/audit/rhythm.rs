//! Whether something wakes at an interval, going by the looks at which it had woken. Knows no process.

/// An interval that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Rhythm {
    /// From one wake-up to the next, in milliseconds.
    pub every_ms: u64,
    /// How often it has woken.
    pub wakes: usize,
}

/// Wake-ups that are less than this part of an interval off it are on time.
const SLACK_PART: u64 = 4;

/// The interval of these looks: when each was, in milliseconds, and whether something had woken since the one before. Looks
/// that follow each other are one wake-up. Needs three wake-ups, evenly apart, with rest in between.
#[must_use]
pub fn of(looks: &[(u64, bool)]) -> Option<Rhythm> {
    // When it was seen, and how much earlier it may have been.
    let begins: Vec<(u64, u64)> = looks
        .windows(2)
        .filter(|pair| pair[1].1 && !pair[0].1)
        .map(|pair| (pair[1].0, pair[1].0 - pair[0].0))
        .collect();
    let (from, to) = (begins.first()?.0, begins.last()?.0);
    let count = begins.len() as u64 - 1;
    if count < 2 {
        return None;
    }
    let every_ms = (to - from) / count;
    let is_even = begins.windows(2).all(|pair| {
        let ((before, early), (after, also_early)) = (pair[0], pair[1]);
        (after - before).abs_diff(every_ms) <= every_ms / SLACK_PART + early.max(also_early)
    });
    let pause = looks.windows(2).map(|pair| pair[1].0 - pair[0].0).max()?;
    // What comes as often as the looks can't be told from what never rests, and between late ones much is missed.
    let is_seen_to_rest = every_ms >= 2 * pause;
    (is_even && is_seen_to_rest).then_some(Rhythm { every_ms, wakes: begins.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks 100 ms apart, as a line of `.` and `x`.
    fn seen(looks: &str) -> Option<(u64, usize)> {
        let looks: Vec<(u64, bool)> =
            looks.bytes().enumerate().map(|(at, look)| (at as u64 * 100, look == b'x')).collect();
        of(&looks).map(|rhythm| (rhythm.every_ms, rhythm.wakes))
    }

    #[test]
    fn what_wakes_evenly_has_an_interval() {
        assert_eq!(seen("..x....x....x...."), Some((500, 3)));
        assert_eq!(seen("..xx...xx...x...."), Some((500, 3)), "a piece of work may take a while");
        assert_eq!(seen(".x.....x....x.....x"), Some((566, 4)), "a look late");
        let late =
            [(0, false), (50, true), (100, false), (300, false), (550, true), (600, false), (800, false)];
        let looks = |last| [&late[..], &[(950, false), (1_050, true), (last, false)]].concat();
        assert_eq!(of(&looks(1_100)).map(|it| it.every_ms), Some(500));
        assert_eq!(of(&looks(2_000)), None, "who knows what was missed");
    }

    #[test]
    fn what_does_not_has_none() {
        for looks in ["", ".", ".......", "..x..", "..x....x...", "xxxxxxxxxx", ".x.x.......x.......x....x"] {
            assert_eq!(seen(looks), None, "{looks}");
        }
        assert_eq!(seen(".x..........x.x........"), None);
    }
}

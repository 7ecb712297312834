//! A job as the engine keeps it at rest, and the arithmetic of its next slot.
//! Knows no schedule text: slots come from outside by [`super::Effect::Arm`].

use std::rc::Rc;

use crate::clock::Wall;
use crate::journal::record::JobFacts;
use crate::learn::Learned;
use crate::limits;

use super::event::DefinitionRef;
use super::policy::Policy;

/// A job at rest.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) name: Rc<str>,
    pub(super) policy: Rc<Policy>,
    pub(super) definition: DefinitionRef,
    pub(super) facts: Facts,
    pub(super) next: Option<Next>,
}

/// [`JobFacts`] without the name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) timing: u32,
    pub(super) since: Wall,
    pub(super) last_slot: Option<Wall>,
    pub(super) last: Option<Last>,
    pub(super) last_start: Option<Wall>,
    pub(super) paused: bool,
    pub(super) learned: Learned,
}

/// The latest run that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// Which run.
    pub run: crate::journal::record::RunId,
    /// How it ended.
    pub outcome: crate::words::Outcome,
    /// When.
    pub at: Wall,
}

/// The next start by itself: the slot, and the instant after its jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// The slot as the schedule names it.
    pub slot: Wall,
    /// When the run is due: the slot plus its jitter.
    pub at: Wall,
}

impl Facts {
    pub(super) const fn new(timing: u32, since: Wall) -> Self {
        Self {
            timing,
            since,
            last_slot: None,
            last: None,
            last_start: None,
            paused: false,
            learned: Learned::EMPTY,
        }
    }

    pub(super) fn restore(facts: &JobFacts) -> Self {
        let last = match (facts.last_run, facts.last_outcome, facts.last_end) {
            (Some(run), Some(outcome), Some(at)) => Some(Last { run, outcome, at }),
            _ => None,
        };
        Self {
            timing: facts.timing,
            since: facts.since,
            last_slot: facts.last_slot,
            last,
            last_start: facts.last_start,
            paused: facts.paused,
            learned: facts.learned,
        }
    }
}

impl Job {
    /// What the journal keeps of it.
    pub(super) fn record(&self) -> JobFacts {
        let Facts { timing, since, last_slot, last, last_start, paused, learned } = self.facts;
        JobFacts {
            job: self.name.to_string(),
            timing,
            since,
            last_slot,
            last_start,
            last_end: last.map(|l| l.at),
            last_outcome: last.map(|l| l.outcome),
            last_run: last.map(|l| l.run),
            paused,
            learned,
        }
    }

    /// Whether it starts by itself just now.
    pub(super) fn starts_by_itself(&self) -> bool {
        self.policy.enabled && !self.facts.paused
    }

    /// The instant after which slots count: the latest slot that was dealt with, or since when the timing is known.
    ///
    /// A clock that was set back leaves these in the future. By a little ([`limits::CLOCK_BACK_MS`]): they stay in
    /// force, so no slot runs twice. By more: the clock was wrong before, and slots count from now, so no silence.
    pub(super) fn slots_after(&self, now: Wall) -> Wall {
        let base = self.facts.last_slot.map_or(self.facts.since, |slot| slot.max(self.facts.since));
        if base > now.plus_ms(limits::CLOCK_BACK_MS) { now } else { base }
    }

    /// The next start of `every`: one interval after the last, and never further away than one interval.
    pub(super) fn next_every(&self, every_ms: u64, now: Wall) -> Wall {
        let every_ms = i64::try_from(every_ms).unwrap_or(i64::MAX);
        let base = self.facts.last_slot.unwrap_or(self.facts.since);
        base.plus_ms(every_ms).min(now.plus_ms(every_ms))
    }
}

/// Whether a start that is due now is still in time, or its moment passed while nobody was awake for it.
pub(super) fn is_missed(at: Wall, now: Wall) -> bool {
    now.0.saturating_sub(at.0) > limits::SLOT_LATE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::policy;

    fn job(since: i64, last_slot: Option<i64>) -> Job {
        let mut facts = Facts::new(0, Wall(since));
        facts.last_slot = last_slot.map(Wall);
        Job {
            name: "j".into(),
            policy: Rc::new(policy()),
            definition: DefinitionRef::default(),
            facts,
            next: None,
        }
    }

    #[test]
    fn slots_count_from_the_latest_one_that_was_dealt_with() {
        assert_eq!(job(100, None).slots_after(Wall(500)), Wall(100));
        assert_eq!(job(100, Some(300)).slots_after(Wall(500)), Wall(300));
    }

    #[test]
    fn a_clock_set_back_a_little_repeats_no_slot_and_one_set_back_far_does_not_silence_the_job() {
        let slot = 10_000_000;
        let little = Wall(slot - limits::CLOCK_BACK_MS);
        assert_eq!(job(0, Some(slot)).slots_after(little), Wall(slot));
        let far = Wall(slot - limits::CLOCK_BACK_MS - 1);
        assert_eq!(job(0, Some(slot)).slots_after(far), far);
    }

    #[test]
    fn every_counts_from_the_last_start_and_is_never_further_away_than_one_interval() {
        assert_eq!(job(100, None).next_every(50, Wall(120)), Wall(150));
        assert_eq!(job(100, Some(200)).next_every(50, Wall(220)), Wall(250));
        assert_eq!(job(100, Some(9_000_000)).next_every(50, Wall(220)), Wall(270), "after a clock set back");
    }
}

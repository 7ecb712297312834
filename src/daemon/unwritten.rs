//! What has happened while the journal could not be written (a full disk, say), kept until it can: else a run that has
//! ended would start once more with the next ebbd. Decides nothing about what may happen meanwhile.

use std::io;

use crate::journal::record::{Event, Queued, Record};
use crate::limits;
use crate::words::Trigger;

/// Records that wait for the journal, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Vec<Record>);

impl Unwritten {
    /// Whether nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes what waits, as far as that goes; those of it that queue a run, which may start now.
    ///
    /// # Errors
    /// What was said of the first record that could not be written; the ones before it are.
    pub(super) fn flush(
        &mut self,
        queued: &mut Vec<Queued>,
        mut write: impl FnMut(&Record) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        let result = self.0.iter().try_for_each(|record| write(record).map(|()| done += 1));
        for record in self.0.drain(..done) {
            if let Event::Queued(run) = record.event {
                queued.push(run);
            }
        }
        if done > 0 && self.0.is_empty() {
            self.0 = Vec::new();
            tracing::info!("the journal can be written again, and what had to wait for it is in it");
        }
        result
    }

    /// Keeps a record that could not be written; whether it is kept. A demand is not: whoever asked is told so, and what
    /// was not accepted has not happened. What ebbd decides by itself, nobody could be told.
    pub(super) fn keep(&mut self, record: &Record) -> bool {
        let most = match &record.event {
            Event::Queued(queued) if queued.trigger == Trigger::Manual => return false,
            // What can be done without leaves room for what can not.
            Event::Skipped(_) | Event::Pressure(_) => limits::UNWRITTEN_SKIPPED_MAX,
            Event::Opened(_)
            | Event::Job(_)
            | Event::JobRemoved { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Queued(_)
            | Event::Started(_)
            | Event::Stopping(_)
            | Event::Finished(_) => limits::UNWRITTEN_MAX,
        };
        let has_room = self.0.len() < most;
        if has_room {
            self.0.push(record.clone());
        } else {
            tracing::error!(
                "more has happened than can be kept until the journal can be written; this is lost"
            );
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;
    use crate::journal::record::Skipped;
    use crate::words::SkipReason;

    fn queued(id: u64, trigger: Trigger) -> Record {
        Record { at: Wall(0), event: Event::Queued(Queued::plain(id, "a", trigger)) }
    }

    fn skipped() -> Record {
        let (trigger, reason) = (Trigger::Schedule, SkipReason::Running);
        Record {
            at: Wall(0),
            event: Event::Skipped(Skipped { job: "a".into(), trigger, reason, slot: None, detail: None }),
        }
    }

    #[test]
    fn a_retry_and_a_slot_are_kept_and_a_demand_is_not() {
        let mut unwritten = Unwritten::default();
        assert!(!unwritten.keep(&queued(1, Trigger::Manual)));
        assert!(unwritten.keep(&queued(2, Trigger::Retry)));
        assert!(unwritten.keep(&queued(3, Trigger::Schedule)));
        let (mut now_queued, mut room) = (Vec::new(), 1);
        let mut write = |_: &Record| {
            room -= 1;
            if room < 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        };
        assert!(unwritten.flush(&mut now_queued, &mut write).is_err());
        assert_eq!(now_queued.iter().map(|q| q.id).collect::<Vec<_>>(), [2], "in their order");
        unwritten.flush(&mut now_queued, |_| Ok(())).unwrap();
        assert_eq!(now_queued.iter().map(|q| q.id).collect::<Vec<_>>(), [2, 3]);
        assert!(unwritten.is_empty());
    }

    #[test]
    fn what_waits_is_bounded_and_skipped_triggers_leave_room_for_the_rest() {
        let mut unwritten = Unwritten::default();
        let kept = (0..2 * limits::UNWRITTEN_MAX).filter(|_| unwritten.keep(&skipped())).count();
        assert_eq!(kept, limits::UNWRITTEN_SKIPPED_MAX);
        let kept = (0..2_000).filter(|id| unwritten.keep(&queued(*id, Trigger::Retry))).count();
        assert_eq!(kept, limits::UNWRITTEN_MAX - limits::UNWRITTEN_SKIPPED_MAX);
    }
}

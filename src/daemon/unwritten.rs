//! What has happened while the journal could not be written (a full disk, say), kept until it can: else a run that has
//! ended would start once more with the next ebbd. Decides nothing about what may happen meanwhile.

use std::io;

use crate::journal::Writer;
use crate::journal::record::{Event, Record};
use crate::limits;

/// Records that wait for the journal, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Vec<Record>);

impl Unwritten {
    /// Appends a record after all that waits, so that the journal keeps its order.
    ///
    /// # Errors
    /// What the system said. The record is kept, but for a trigger: what was not accepted has not happened.
    pub(super) fn append(&mut self, journal: &mut Writer, record: &Record) -> io::Result<()> {
        let written = self.flush(journal).and_then(|()| journal.append(record));
        if written.is_err() {
            self.keep(record);
        }
        written
    }

    /// Appends what waits, as far as there is room.
    ///
    /// # Errors
    /// What the system said of the first record that could not be appended.
    pub(super) fn flush(&mut self, journal: &mut Writer) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut done = 0;
        let result = self.0.iter().try_for_each(|record| journal.append(record).map(|()| done += 1));
        self.0.drain(..done);
        if self.0.is_empty() {
            self.0 = Vec::new();
            tracing::info!("the journal can be written again, and what had to wait for it is in it");
        }
        result
    }

    fn keep(&mut self, record: &Record) {
        if matches!(record.event, Event::Queued(_) | Event::Skipped(_)) {
            return;
        }
        if self.0.len() < limits::UNWRITTEN_MAX {
            self.0.push(record.clone());
        } else {
            tracing::error!(
                "more has happened than can be kept until the journal can be written; this is lost"
            );
        }
    }
}

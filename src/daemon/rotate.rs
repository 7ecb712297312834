//! The journal goes on in a new segment: piece by piece where it is only full, so that nobody waits for it, and at once where
//! nothing else makes sure of what is on disk. Knows nothing of what the records mean.

use crate::journal::{self, State, Tally};
use crate::limits;
use crate::sys;

use super::shell::Shell;

impl Shell {
    /// Goes on by a piece towards the rotation that is due, if one is. A journal that is suspect is not read by and by: after
    /// a sync that failed the next answer, or a while, tries again at once.
    pub(super) fn rotate_by_and_by(&mut self) {
        if !self.journal.needs_rotation() || self.journal.is_suspect() {
            self.tally = None;
            return;
        }
        let begun = match self.tally.take() {
            Some(tally) => Ok(Some(tally)),
            None => Tally::begin(self.journal.dir()).map(|begun| begun.map(Box::new)),
        };
        let (is_done, tally) = match begun {
            Ok(Some(mut tally)) => (tally.go_on(limits::JOURNAL_TALLY_STEP), tally),
            // It takes more than the live segment, or can't be read: then that is said.
            Ok(None) | Err(_) => {
                self.rotate();
                return;
            }
        };
        match is_done {
            Ok(true) => {
                self.rotate_with(Ok(tally.state()));
            }
            Ok(false) => self.tally = Some(tally),
            Err(_) => {
                self.rotate();
            }
        }
    }

    /// The journal goes on in a new segment whose head says all that is still true; whether it does.
    pub(super) fn rotate(&mut self) -> bool {
        self.tally = None;
        let mut state = State::default();
        // What was refused is no part of what was written.
        let read = self.journal.mend().map_err(|e| e.to_string()).and_then(|()| {
            let read = journal::replay(self.journal.dir(), &mut |record| state.apply(&record));
            read.map_err(|e| e.to_string())
        });
        self.rotate_with(read.map(|_| state))
    }

    fn rotate_with(&mut self, state: Result<State, String>) -> bool {
        let now = sys::clock::now().wall;
        let rotated = state.and_then(|state| {
            // What a failed sync has not brought to disk can be gone from memory, too.
            let (waiting, active) = self.engine.run_counts();
            if self.journal.is_suspect() && self.unwritten.is_empty() && state.runs.len() != waiting + active
            {
                return Err("it does not read as it was written".to_owned());
            }
            let opened = state.opened.clone().ok_or("it has no beginning")?;
            self.journal.rotate(now, state.snapshot(now, opened)).map_err(|e| e.to_string())
        });
        if let Err(error) = &rotated {
            tracing::error!("cannot begin a new segment of the journal: {error}");
        }
        rotated.is_ok()
    }
}

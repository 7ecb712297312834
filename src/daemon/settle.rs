//! The end of a batch: what was decided is brought to disk, and only then said. What a disk refuses is tried again.
//! Decides nothing but what of it is true.

use crate::engine::{ClientId, Event, Reply};
use crate::journal::record::RunId;

use super::shell::{Held, Shell};

impl Shell {
    /// The end of a batch: one sync for all that was accepted, then the answers that waited for it.
    pub(super) fn settle(&mut self) {
        let mut then = Vec::new();
        // Where there is still no room, it is tried again; the log has said so.
        let _ = self.flush(&mut then);
        for event in then {
            self.handle(event);
        }
        while !self.held.is_empty() {
            self.tell();
        }
        self.remove_inputs();
        self.rotate_by_and_by();
    }

    /// Removes the payloads of runs that have ended. That they have is on disk before: else a power cut could leave a run
    /// that starts again, without its payload.
    fn remove_inputs(&mut self) {
        if self.ended.is_empty() || self.needs_room() || !self.make_durable() {
            return;
        }
        for run in std::mem::take(&mut self.ended) {
            if let Err(error) = self.inputs.remove(run) {
                tracing::warn!(run, "cannot remove the run's payload: {error}");
            }
        }
    }

    /// Gives the answers that were held back, as far as they are true.
    fn tell(&mut self) {
        let held = std::mem::take(&mut self.held);
        let is_durable = !held.iter().any(|held| matches!(held, Held::Reply(..))) || self.make_durable();
        for held in held {
            match held {
                Held::Reply(client, reply) => {
                    let reply = self.true_reply(reply, is_durable);
                    self.answer_reply(client, reply);
                }
                Held::Result(run, line) => {
                    for client in take_waiting(&mut self.waiting, run) {
                        self.tell_result(client, run, &line);
                    }
                }
            }
        }
    }

    /// What can be said: accepted is what is on disk, done is what the next ebbd would know of.
    fn true_reply(&mut self, reply: Reply, is_durable: bool) -> Reply {
        match reply {
            Reply::Accepted { run, merged } if !is_durable => {
                // Who was told no will ask again; what they asked for must not be done twice.
                if !merged {
                    self.handle(Event::NotDurable { run });
                }
                Reply::NotRecorded
            }
            Reply::Stopping { .. } | Reply::Done if !is_durable || !self.unwritten.is_empty() => {
                Reply::NotKept
            }
            Reply::Accepted { .. }
            | Reply::Stopping { .. }
            | Reply::Done
            | Reply::NoSuchJob { .. }
            | Reply::NoSuchRun { .. }
            | Reply::QueueFull { .. }
            | Reply::NeverFits { .. }
            | Reply::ShuttingDown
            | Reply::NotRecorded
            | Reply::NotKept => reply,
        }
    }

    /// Brings the journal to disk. After a sync that failed nobody knows what of it is there, and the next one would
    /// succeed without having written it (fsync(2)): only a new segment, written and synced as a whole, is sure.
    pub(super) fn make_durable(&mut self) -> bool {
        self.sync() || self.rotate()
    }

    /// Whether something waits for a disk that can be written.
    pub(super) fn needs_room(&self) -> bool {
        self.lacks_room || self.journal.is_suspect() || !self.unwritten.is_empty()
    }

    /// Tries once more what the disk has refused; what is unwritten, [`Self::settle`] tries by itself.
    pub(super) fn try_for_room(&mut self) {
        if self.lacks_room {
            self.reload();
        }
        if self.journal.is_suspect() {
            self.rotate();
        }
    }

    fn sync(&mut self) -> bool {
        let synced = self.journal.sync();
        if let Err(error) = &synced {
            tracing::error!("cannot bring the journal to disk: {error}");
        }
        synced.is_ok()
    }
}

fn take_waiting(waiting: &mut Vec<(RunId, ClientId)>, run: RunId) -> Vec<ClientId> {
    let told = waiting.iter().filter(|(of, _)| *of == run).map(|(_, client)| *client).collect();
    waiting.retain(|(of, _)| *of != run);
    told
}

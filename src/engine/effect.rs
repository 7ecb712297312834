//! What comes out of the engine: what the shell has to do, in this order, as plain values.

use crate::clock::Wall;
use crate::journal::record::{Event as Recorded, Payload, RunId};
use crate::words::Trigger;

use super::event::{ClientId, DefinitionRef, JobIndex};

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // It lives for a moment, in a list of a few; a box for each record would cost more.
pub enum Effect {
    /// Find the first slot of a job's schedule after this instant and answer with [`super::Event::Armed`].
    Arm {
        /// Which job.
        job: JobIndex,
        /// Strictly after.
        after: Wall,
    },
    /// Write this into the journal.
    Record(Recorded),
    /// Start a run's program and answer with `Started` or `StartFailed`.
    Start(Box<Order>),
    /// Send the job's stop signal to every process of a run.
    Signal {
        /// Which run.
        run: RunId,
    },
    /// End every process of a run at once.
    Kill {
        /// Which run.
        run: RunId,
    },
    /// Answer a client, after every record before it is on disk.
    Reply {
        /// Whom.
        client: ClientId,
        /// With what.
        reply: Reply,
    },
    /// Look at what memory the host has left and answer with [`super::Event::Room`], after everything else here.
    Look,
    /// Nothing is left to wait for: end.
    Exit,
}

/// All that a start needs to know besides the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which run.
    pub run: RunId,
    /// Of which job.
    pub job: String,
    /// Where its definition lies.
    pub definition: DefinitionRef,
    /// Why it runs.
    pub trigger: Trigger,
    /// 1 for the first try.
    pub attempt: u32,
    /// The slot that it stands for.
    pub slot: Option<Wall>,
    /// What its demand brought along.
    pub payload: Payload,
    /// The memory limit that it gets in place of its job's, in bytes.
    pub raised_max: Option<u64>,
}

/// The answer to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It will run, and this is the run.
    Accepted {
        /// Which run.
        run: RunId,
        /// Whether an equal demand was waiting already, so that this one adds no run of its own.
        merged: bool,
    },
    /// These runs are being ended.
    Stopping {
        /// Which runs.
        runs: Vec<RunId>,
    },
    /// Done.
    Done,
    /// No such job.
    NoSuchJob {
        /// What was asked for.
        job: String,
    },
    /// No such run is under way or waiting.
    NoSuchRun {
        /// What was asked for.
        run: RunId,
    },
    /// As many runs wait as may.
    QueueFull {
        /// How many.
        limit: u16,
    },
    /// It claims more memory than there can ever be, in a sentence.
    NeverFits {
        /// How much, and of what.
        why: String,
    },
    /// ebbd is about to end and takes nothing new.
    ShuttingDown,
    /// The journal could not take it, so it was not accepted.
    NotRecorded,
    /// It is done, but the journal could not take that, so the next ebbd would not know of it.
    NotKept,
}

//! What goes into the engine: everything that can happen to ebbd, as plain values.

use serde::{Deserialize, Serialize};

use crate::clock::Wall;
use crate::journal::record::{Payload, RunId, Usage};
use crate::words::Enforcement;

use super::budget::{Budget, Room};
use super::policy::Policy;

/// Where the shell finds a job's definition again; the engine only carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DefinitionRef {
    /// Where it begins, in bytes.
    pub offset: u32,
    /// How long it is, in bytes.
    pub length: u32,
}

/// Position of a job in the order of names. Valid until the next [`Event::Load`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobIndex(pub usize);

/// Who waits for a reply; a number that the shell gives and knows.
pub type ClientId = u64;

/// A job as the shell has loaded it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// What decides.
    pub policy: Policy,
    /// Fingerprint of its timing: another one means that nothing can have been missed by the new timing.
    pub timing: u32,
    /// Where its definition lies.
    pub definition: DefinitionRef,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The files of these jobs have problems: where they are missing from the next [`Event::Load`], what is known of them
    /// and what waits for them is kept. Comes before each load.
    Refused(Refused),
    /// These are all jobs from now on, sorted by name: at start, and after each reload.
    Load(Vec<Loaded>),
    /// The answer to [`super::Effect::Arm`]: the first slot after the instant that was named.
    Armed {
        /// Which job.
        job: JobIndex,
        /// Its slot; none if the schedule never comes again.
        slot: Option<Wall>,
    },
    /// Time has passed; something may be due.
    Due,
    /// The wall clock was set.
    ClockSet,
    /// Somebody who may asks for a run.
    Demand {
        /// Who waits for the answer.
        client: ClientId,
        /// Which job.
        job: String,
        /// What it brings along; the shell has checked that the job accepts it.
        payload: Payload,
        /// Who asks.
        uid: u32,
    },
    /// Somebody who may asks for an end.
    Stop {
        /// Who waits for the answer.
        client: ClientId,
        /// Of what.
        target: Target,
    },
    /// Hold back a job's own triggers.
    Pause {
        /// Who waits for the answer.
        client: ClientId,
        /// Which job.
        job: String,
    },
    /// Let them count again.
    Resume {
        /// Who waits for the answer.
        client: ClientId,
        /// Which job.
        job: String,
    },
    /// A run's program runs.
    Started {
        /// Which run.
        run: RunId,
        /// Its main process, told apart from a reused pid by its start.
        process: Process,
        /// Which rung holds it.
        enforcement: Enforcement,
        /// Its control groups.
        cgroups: Vec<String>,
    },
    /// A run's program could not be started, in a sentence for people.
    StartFailed {
        /// Which run.
        run: RunId,
        /// Why.
        error: String,
    },
    /// A run could not be started because something was not to be had just then (a descriptor, a process, memory, room on
    /// a disk). It keeps its place and is tried again.
    StartPutOff {
        /// Which run.
        run: RunId,
        /// What was not to be had, in a sentence for people.
        lacks: String,
    },
    /// A run's whole tree is gone.
    Exited {
        /// Which run.
        run: RunId,
        /// How its main process ended.
        exit: Exit,
        /// What was measured.
        usage: Usage,
        /// Its memory limit in bytes, for the sentence that a person reads.
        memory_max: Option<u64>,
        /// How long ago that was, in milliseconds: how an earlier ebbd's run ended is known when somebody has reaped it.
        late_ms: u64,
        /// Limits of its job that nothing held, by their names in the file.
        unheld: Vec<String>,
        /// Which of its processes the kernel killed for memory, for people: `python3 (pid 1234, 490M)`.
        victim: Option<String>,
    },
    /// The watchdog saw a run above its memory limit (rlimit rung only).
    OverLimit {
        /// Which run.
        run: RunId,
    },
    /// The record that a run was queued is in the journal. Only now does anything follow from the run: it may start, and
    /// what it stands in for may end.
    Recorded {
        /// Which run.
        run: RunId,
    },
    /// The journal can't take the record that a run was queued; it must not run.
    NotRecorded {
        /// Which run.
        run: RunId,
    },
    /// The record that a run was queued may not be on disk, and whoever asked for it was told that it was not accepted.
    NotDurable {
        /// Which run.
        run: RunId,
    },
    /// Memory is given out by these rules from the next [`Event::Load`] on, which comes right after: at start, and at each
    /// reload that could read them.
    Budget(Budget),
    /// The answer to [`super::Effect::Look`].
    Room(Room),
    /// The kernel says that processes stand still for memory; and what there is of it.
    Pressure(Room),
    /// The end of ebbd is asked for; a second time means at once.
    Shutdown,
}

/// Jobs whose files could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// These, by name.
    Names(Vec<String>),
    /// All of them: the directory could not be read.
    All,
}

impl Refused {
    /// Whether the file of this job is among them.
    #[must_use]
    pub fn has(&self, job: &str) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|name| name == job),
            Self::All => true,
        }
    }
}

/// A process, as a pid alone does not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start: u64,
}

/// What is to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All runs of a job, those that wait included.
    Job(String),
    /// One run.
    Run(RunId),
}

/// How a run's main process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// Nobody can know.
    Unknown,
}

//! What the loop takes in besides timers and signals: messages of the tasks that serve clients and watch runs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::{ClientId, Exit, Process};
use crate::journal::Staged;
use crate::journal::record::{RunId, Usage};
use crate::protocol::Request;
use crate::sys::users::{Answer, Question};

use super::access::Caller;
use super::client::Client;

/// A message to the loop.
pub(super) enum Input {
    /// A client calls.
    Call { client: ClientId, caller: Arc<Caller>, request: Request, more: bool, staged: Option<Staged> },
    /// A client has taken one job of its status and asks for the next.
    MoreStatus { client: ClientId, caller: Arc<Caller>, next: usize },
    /// A client is paused, as the loop wished.
    Paused(Box<Client>),
    /// What was found out about the binary that an upgrade was asked for: where it is, or why it can't take over.
    Probed { found: Result<PathBuf, String> },
    /// What a directory service has said, or not.
    Answered(Vec<(Question, Answer)>),
    /// A client has gone.
    ClientGone { client: ClientId },
    /// A run's program runs.
    Started { run: RunId, process: Process },
    /// A run's program could not be started.
    StartFailed { run: RunId, error: String },
    /// A run's program could not be started for want of something that may be had later.
    StartPutOff { run: RunId, lacks: String },
    /// A run is above its limit and nothing but ebb holds it.
    OverLimit { run: RunId },
    /// A run's tree is gone. `victim`: whom the kernel killed of it for memory, for people.
    Exited { run: RunId, exit: Exit, usage: Usage, victim: Option<String>, late_ms: u64 },
    /// Processes stand still for want of memory.
    Pressure,
}

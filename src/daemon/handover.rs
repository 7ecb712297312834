//! What one ebbd leaves to the one that takes its place by execve(2): descriptors by their numbers, and the little that the
//! journal does not know. A sealed file of JSON whose number stands in the environment. Decides nothing.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::{Carried, DefinitionRef, Exit};
use crate::job::Memory;
use crate::journal::record::RunId;
use crate::learn::Trace;
use crate::sys::image;

use super::socket::Socket;

/// Number of the form below. Whoever reads another one starts as after a crash: what is here can be done without. What comes
/// to it has a default, by which a form without it reads as it always did, and what is not known is passed over: neither needs
/// another number.
pub(super) const FORMAT: u32 = 1;
/// The environment variable that names the file. No job sees it: a run's environment is made from nothing.
pub(super) const VARIABLE: &str = "EBB_HANDOVER";
/// What `ebbd --check-handover` answers before the number.
pub(super) const ANSWER: &str = "handover ";

/// Everything.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Handover {
    /// [`FORMAT`].
    pub(super) format: u32,
    /// The process: a file that strayed to another one is nobody's.
    pub(super) pid: u32,
    /// The version that wrote it.
    pub(super) version: String,
    /// The state directory, whatever the settings say by now: the runs are there.
    pub(super) state: PathBuf,
    /// The socket's path, likewise.
    pub(super) socket: PathBuf,
    pub(super) listener: RawFd,
    /// Who has made its socket.
    pub(super) whose: Socket,
    /// What the state directory's lock hangs on.
    pub(super) lock: RawFd,
    /// The definitions in force, whatever their files say by now.
    pub(super) store: RawFd,
    /// Where in it they are.
    pub(super) jobs: Vec<DefinitionRef>,
    /// What keeps job files from being in force, each as it is printed.
    pub(super) problems: Vec<String>,
    /// Names of jobs whose files have problems.
    pub(super) refused: Vec<String>,
    pub(super) is_unreadable: bool,
    /// Whether there was no room for some definition, so that the job files are to be read once more.
    #[serde(default)]
    pub(super) lacks_room: bool,
    pub(super) engine: Carried,
    pub(super) runs: Vec<Run>,
    pub(super) clients: Vec<Client>,
}

/// A run that has processes, as it was started and as it was last seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) stop_signal: i32,
    pub(super) memory: Memory,
    /// Limits of its job that nothing held when it started.
    #[serde(default)]
    pub(super) unheld: Option<Vec<String>>,
    pub(super) output_max: Option<u64>,
    pub(super) keep: u32,
    pub(super) peak_anon: u64,
    /// Its memory so far; one that an ebbd without curves has started begins where this one takes over.
    #[serde(default)]
    pub(super) trace: Trace,
    pub(super) shared: u64,
    pub(super) in_grace: bool,
    pub(super) leftover: u32,
    /// How its main process ended, where that has been asked already.
    pub(super) ended: Option<Ended>,
}

/// How a main process ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    pub(super) max_rss: Option<u64>,
    pub(super) cpu_ms: Option<u64>,
}

/// A connection.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) stream: RawFd,
    /// What it has sent and nobody has taken, in base64.
    pub(super) unread: String,
    /// What it is to be sent, in base64.
    pub(super) unsent: String,
    /// What it has staged for its next demand.
    pub(super) staged: Option<RawFd>,
    pub(super) awaits: Option<Awaits>,
}

/// What a client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Awaits {
    pub(super) what: What,
    /// Whether the answer goes nowhere.
    pub(super) oneway: bool,
}

/// See [`Awaits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    /// The end of this run.
    Run(RunId),
    /// This upgrade.
    Upgrade,
}

/// Writes it down and keeps open what it names. Gives the file, whose number belongs into [`VARIABLE`].
///
/// # Errors
/// No memory or descriptor is left; then nothing is kept open.
pub(super) fn give(handover: &Handover, named: &[BorrowedFd<'_>]) -> io::Result<OwnedFd> {
    let file = image::sealed(&serde_json::to_vec(handover)?)?;
    let kept = named.iter().copied().chain([file.as_fd()]).try_for_each(|fd| image::keep_open(fd, true));
    if let Err(error) = kept {
        take_back(named);
        return Err(error);
    }
    Ok(file)
}

/// What was kept open is closed by an execve(2) again.
pub(super) fn take_back(named: &[BorrowedFd<'_>]) {
    for fd in named {
        let _ = image::keep_open(*fd, false);
    }
}

/// What was found at the start.
pub(super) struct Received {
    pub(super) handover: Handover,
    pub(super) listener: Option<OwnedFd>,
    pub(super) lock: Option<File>,
    pub(super) store: Option<File>,
    /// Each with its connection and what it has staged.
    pub(super) clients: Vec<(Client, OwnedFd, Option<File>)>,
}

/// What an earlier image of this process has left, if it has. Comes before anything else is opened.
///
/// # Errors
/// Why it is of no use. Then nothing of it is open any more, but for the first `activated` descriptors after the standard
/// ones, which are the service manager's.
pub(super) fn receive(activated: RawFd) -> Result<Option<Received>, String> {
    let Some(number) = std::env::var_os(VARIABLE) else { return Ok(None) };
    let number = number.to_str().and_then(|text| text.parse().ok()).unwrap_or(-1);
    let received = read(number);
    if received.is_err() {
        image::close_left(3 + activated);
    }
    received.map(Some)
}

fn read(number: RawFd) -> Result<Received, String> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let bytes = image::take(number).and_then(image::unsealed).map_err(|e| e.to_string())?;
    let Format { format } = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    if format != FORMAT {
        return Err(format!("its format is {format}, and this ebbd reads {FORMAT}"));
    }
    let mut handover: Handover = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    if handover.pid != std::process::id() {
        return Err(format!("it is process {}'s", handover.pid));
    }
    let take = |number| image::take(number).map_err(|e| format!("descriptor {number}: {e}"));
    let clients = std::mem::take(&mut handover.clients).into_iter().map(|client| {
        let staged = client.staged.map(take).transpose()?.map(File::from);
        take(client.stream).map(|stream| (client, stream, staged))
    });
    Ok(Received {
        listener: Some(take(handover.listener)?),
        lock: Some(take(handover.lock)?.into()),
        store: Some(take(handover.store)?.into()),
        clients: clients.collect::<Result<_, String>>()?,
        handover,
    })
}

//! Signals to ebbd, as a stream of plain words.

use std::io;

use futures_util::StreamExt;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook_tokio::{Signals as Stream, SignalsInfo};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// TERM, INT: end.
    End,
    /// USR2: end, and leave the runs to the next ebbd.
    Leave,
    /// HUP: read the job files again.
    Reload,
    /// CHLD: some child changed; runs have their own watch, orphans do not.
    Child,
}

/// The signals that ebbd listens for.
pub(super) struct Signals(SignalsInfo);

impl Signals {
    /// Listens from now on. A broken pipe and a file at its size limit are errors of their write, never signals.
    pub(super) fn listen() -> io::Result<Self> {
        crate::sys::signals::ignore_file_size_signal()?;
        Stream::new([SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD]).map(Self)
    }

    /// The next one that means something.
    pub(super) async fn next(&mut self) -> Signal {
        loop {
            match self.0.next().await {
                Some(SIGTERM | SIGINT) => return Signal::End,
                Some(SIGUSR2) => return Signal::Leave,
                Some(SIGHUP) => return Signal::Reload,
                Some(SIGCHLD) => return Signal::Child,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

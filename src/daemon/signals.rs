//! Signals to ebbd, as a stream of plain words.

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook_tokio::{Signals as Stream, SignalsInfo};
use tokio::time::timeout;

use crate::limits;
use crate::sys::{self, image};

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
        sys::signals::ignore_file_size_signal()?;
        Stream::new([SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD]).map(Self)
    }

    /// The next one that means something.
    pub(super) async fn next(&mut self) -> Signal {
        loop {
            match self.0.next().await {
                Some(number) => {
                    if let Some(signal) = meaning(number) {
                        return signal;
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// From now on signals wait in the kernel, those that have come and were not heard among them, until they are let through
    /// again, be it by another program in this one's place. Whether one of those asks for the end of ebbd.
    pub(super) async fn hold_back(&mut self) -> io::Result<bool> {
        image::block_signals()?;
        let mut asks_to_end = false;
        // The loop looks at what has come at least once before it says that this time is over.
        let look = Duration::from_millis(limits::SIGNALS_LOOK_MS);
        while let Ok(Some(number)) = timeout(look, self.0.next()).await {
            asks_to_end |= matches!(meaning(number), Some(Signal::End | Signal::Leave));
            sys::signals::send_to_self(number)?;
        }
        Ok(asks_to_end)
    }
}

const fn meaning(number: i32) -> Option<Signal> {
    match number {
        SIGTERM | SIGINT => Some(Signal::End),
        SIGUSR2 => Some(Signal::Leave),
        SIGHUP => Some(Signal::Reload),
        SIGCHLD => Some(Signal::Child),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::alone;

    #[test]
    fn what_has_come_and_was_not_heard_is_heard_by_whoever_lets_signals_through() {
        let name = "daemon::signals::tests::what_has_come_and_was_not_heard_is_heard_by_whoever_lets_signals_through";
        if !alone(name) {
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut signals = Signals::listen().unwrap();
            for (number, signal, asks_to_end) in [
                (SIGHUP, Signal::Reload, false),
                (SIGCHLD, Signal::Child, false),
                (SIGTERM, Signal::End, true),
                (SIGUSR2, Signal::Leave, true),
            ] {
                // Its handler has run when this is over.
                sys::signals::send_to_self(number).unwrap();
                assert_eq!(signals.hold_back().await.unwrap(), asks_to_end, "{number}");
                // One that comes now comes with it.
                sys::signals::send_to_self(number).unwrap();
                let heard = timeout(Duration::from_millis(50), signals.next()).await;
                assert!(heard.is_err(), "nobody hears it meanwhile: {heard:?}");
                image::unblock_signals().unwrap();
                assert_eq!(signals.next().await, signal);
            }
        });
    }
}

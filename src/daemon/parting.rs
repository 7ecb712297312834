//! How ebbd goes: what has begun is settled, clients hear their last answers, and all of it within a bound where there is one.
//! Knows nothing of what they are told.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

use super::input::Input;
use super::shell::Shell;
use super::turn::{Loop, on_input};

/// How long an end may take at most, in milliseconds. Its last two seconds (or half of it) are for ebbd itself: one to see
/// what was killed gone and recorded, one to tell the clients.
#[derive(Clone, Copy)]
pub(super) struct StopWithin(pub(super) u64);

impl StopWithin {
    /// What runs get before they are killed.
    pub(super) fn grace_ms(self) -> u64 {
        self.0 - 2_000.min(self.0 / 2)
    }

    /// When ebbd waits for no run any more.
    pub(super) fn wait_ms(self) -> u64 {
        self.0 - 1_000.min(self.0 / 4)
    }
}

impl Loop {
    /// Takes in messages alone until all is settled. False where that takes too long.
    pub(super) async fn settle(&mut self, shell: &mut Shell, is_settled: impl Fn(&Shell) -> bool) -> bool {
        let patience = Duration::from_millis(limits::SETTLE_MS);
        let deadline = Instant::now() + patience;
        loop {
            shell.settle();
            if is_settled(shell) {
                return true;
            }
            // The service manager hears that this takes a while, and not that ebbd hangs.
            let until = shell.notify.due_at().map_or(deadline, |due| due.min(deadline));
            match tokio::time::timeout_at(until, self.input.recv()).await {
                Ok(input) => self.take_in(shell, input),
                Err(_) if Instant::now() >= deadline => return false,
                Err(_) => shell.notify_due(),
            }
        }
    }

    /// A call that comes with the end is told so: its caller must not wonder whether it was taken.
    async fn hear_last_calls(&mut self, shell: &mut Shell) {
        let until = Instant::now() + Duration::from_millis(limits::LAST_CALL_MS);
        while !shell.clients.is_empty() {
            match tokio::time::timeout_at(until, self.input.recv()).await {
                Ok(input) => self.take_in(shell, input),
                Err(_) => return,
            }
            shell.settle();
        }
    }

    /// Lets every client go, after it has been told what there is to tell.
    pub(super) async fn part(&mut self, shell: &mut Shell) {
        self.hear_last_calls(shell).await;
        let mut left = std::mem::take(&mut shell.clients).len();
        let patience = Duration::from_millis(limits::PART_TIMEOUT_MS);
        let all_gone = tokio::time::timeout(patience, async {
            while left > 0 {
                match self.input.recv().await {
                    Some(Input::ClientGone { .. }) => left -= 1,
                    Some(input) if shell.leaves_runs => on_input(shell, input),
                    Some(_) => {}
                    None => return,
                }
            }
        });
        if all_gone.await.is_err() {
            tracing::warn!("{left} clients did not read their last answers");
        }
    }
}

//! How ebbd goes: what has begun is settled, clients hear their last answers, and all of it within a bound where there is one.
//! Knows nothing of what they are told.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

use super::input::Input;
use super::shell::Shell;
use super::turn::{Loop, on_input};

/// How long an end may take at most, in milliseconds. Its last two seconds (or half of it) are for ebbd itself: one to see
/// what was killed gone and recorded, then half of one for the clients, and nearly as much for output that is still carried.
#[derive(Clone, Copy)]
pub(super) struct StopWithin(pub(super) u64);

impl StopWithin {
    /// What runs get before they are killed.
    pub(super) fn grace_ms(self) -> u64 {
        self.0 - 2_000.min(self.0 / 2)
    }

    /// When ebbd waits for no run any more.
    fn wait_ms(self) -> u64 {
        self.0 - 1_000.min(self.0 / 4)
    }

    /// When it waits for no client any more.
    fn part_ms(self) -> u64 {
        self.0 - 500.min(self.0 / 8)
    }

    /// When it waits for nothing any more; to go takes a moment as well.
    fn carry_ms(self) -> u64 {
        self.0 - 100.min(self.0 / 16)
    }
}

/// Until when each part of an end may take its time; without a bound, each has its own patience alone.
#[derive(Clone, Copy, Default)]
pub(super) struct Bounds {
    /// For the runs.
    pub(super) wait: Option<Instant>,
    /// For the clients.
    part: Option<Instant>,
    /// For whatever comes last.
    pub(super) carry: Option<Instant>,
}

impl Bounds {
    /// Those of an end that begins now.
    pub(super) fn of(within: StopWithin) -> Self {
        let now = Instant::now();
        let after = |ms| Some(now + Duration::from_millis(ms));
        Self { wait: after(within.wait_ms()), part: after(within.part_ms()), carry: after(within.carry_ms()) }
    }
}

/// When a patience of so many milliseconds is over, which lasts no longer than the bound.
pub(super) fn by(patience_ms: u64, bound: Option<Instant>) -> Instant {
    let by = Instant::now() + Duration::from_millis(patience_ms);
    bound.map_or(by, |bound| by.min(bound))
}

impl Loop {
    /// Takes in messages alone until all is settled. False where that takes too long.
    pub(super) async fn settle(&mut self, shell: &mut Shell, is_settled: impl Fn(&Shell) -> bool) -> bool {
        let deadline = by(limits::SETTLE_MS, self.bounds.part);
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
        let until = by(limits::LAST_CALL_MS, self.bounds.part);
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
        shell.give_up_asking(true);
        self.hear_last_calls(shell).await;
        let mut left = std::mem::take(&mut shell.clients).len();
        let all_gone = tokio::time::timeout_at(by(limits::PART_TIMEOUT_MS, self.bounds.part), async {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_an_end_that_has_a_bound_comes_after_the_one_before_and_all_of_them_before_the_bound() {
        for ms in [100, 1_000, 2_000, 9_000, 25_000, 3_600_000] {
            let within = StopWithin(ms);
            let parts = [within.grace_ms(), within.wait_ms(), within.part_ms(), within.carry_ms(), ms];
            assert!(parts.windows(2).all(|pair| pair[0] < pair[1]), "{parts:?}");
            assert!(parts[0] >= ms / 2, "the runs have most of it: {parts:?}");
        }
    }

    #[test]
    fn a_patience_is_cut_by_the_bound_and_never_made_longer_by_it() {
        let now = Instant::now();
        let soon = now + Duration::from_millis(10);
        assert_eq!(by(60_000, Some(soon)), soon);
        assert!(by(0, Some(now + Duration::from_secs(60))) < now + Duration::from_secs(30));
        assert!(by(60_000, None) >= now + Duration::from_secs(60));
    }
}

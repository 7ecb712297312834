//! `Budget`: what memory there is to give out, and who has claimed it, for clients; and what the host says of it, for the
//! engine. Decides nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::{ClientId, Room, ShareView};
use crate::protocol::{BudgetReply, Refusal, Share};
use crate::sys::{meminfo, pressure};

use super::live::Live;
use super::shell::Shell;

impl Shell {
    /// Everybody may see it: a forecast needs it, and it names no job.
    pub(super) fn tell_budget(&mut self, client: ClientId) -> Result<(), Refusal> {
        let budget = self.engine.budget();
        let reply = BudgetReply {
            is_on: budget.is_on,
            total_bytes: budget.total.or_else(|| self.ladder.total_memory()),
            available_bytes: self.look_for_room().available,
            reserve_bytes: budget.reserve,
            unknown_bytes: budget.unknown,
            held_since: self.engine.held_since().map(|at| at.to_string()),
            shares: self.engine.shares().map(share).collect(),
        };
        self.answer(client, &reply);
        Ok(())
    }

    /// What the host has left now, and what the runs have taken of it as they were last seen.
    pub(super) fn look_for_room(&self) -> Room {
        let used = |live: &Arc<Live>| (live.id, live.seen.current_anon.load(Ordering::Relaxed));
        Room {
            available: meminfo::look().available,
            headroom: self.ladder.headroom(),
            used: self.live.iter().map(used).collect(),
            stalled: pressure::stalled(),
        }
    }
}

fn share(view: ShareView<'_>) -> Share {
    Share {
        name: view.pool.unwrap_or("host").to_owned(),
        memory_bytes: view.memory,
        claimed_bytes: view.claimed,
        max_parallel: view.max_parallel,
        running: view.running as u64,
    }
}

//! `Budget`: what memory there is to give out, and who has claimed it, for clients. Decides nothing.

use crate::engine::{ClientId, Room, ShareView};
use crate::protocol::{BudgetReply, Refusal, Share};

use super::shell::Shell;

impl Shell {
    /// Everybody may see it: a forecast needs it, and it names no job.
    pub(super) fn tell_budget(&mut self, client: ClientId) -> Result<(), Refusal> {
        let budget = self.engine.budget();
        let reply = BudgetReply {
            is_on: budget.is_on,
            total_bytes: budget.total,
            available_bytes: self.look_for_room().available,
            reserve_bytes: budget.reserve,
            unknown_bytes: budget.unknown,
            held_since: self.engine.held_since().map(|at| at.to_string()),
            shares: self.engine.shares().map(share).collect(),
        };
        self.answer(client, &reply);
        Ok(())
    }

    /// What the host has left now.
    pub(super) fn look_for_room(&self) -> Room {
        Room::default()
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

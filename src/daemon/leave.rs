//! Going without ending the runs: nothing is started any more, what is between two records settles, and clients are
//! brought to rest, so that whoever comes next can go on. Knows nothing of why ebbd goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::{ClientId, Order};
use crate::journal::Staged;
use crate::protocol::{Refusal, Request};

use super::access::Caller;
use super::client::Client;
use super::live::Live;
use super::shell::Shell;

/// What waits while ebbd is about to go: for its going on after all, or for whoever comes next.
#[derive(Default)]
pub(super) struct Pause {
    /// Runs that are not started. The journal has them as queued.
    pub(super) starts: Vec<Order>,
    /// Clients at rest.
    pub(super) clients: Vec<Client>,
    /// Calls that came too late to be taken.
    pub(super) calls: Vec<Call>,
}

/// A client's call.
pub(super) struct Call {
    pub(super) client: ClientId,
    pub(super) caller: Arc<Caller>,
    pub(super) request: Request,
    pub(super) more: bool,
    /// What it brought along.
    pub(super) staged: Option<Staged>,
}

impl Shell {
    /// From now on nothing is started and no call is taken.
    pub(super) fn hold_back(&mut self) {
        self.pause.get_or_insert_default();
        self.give_up_asking(false);
    }

    /// Starts a run, or keeps it back.
    pub(super) fn start_order(&mut self, order: Order) {
        match &mut self.pause {
            Some(pause) => pause.starts.push(order),
            None => self.start(order),
        }
    }

    /// A call that came while ebbd is about to go: what is not begun any more has not been accepted.
    pub(super) fn call_too_late(&mut self, call: Call) {
        match &mut self.pause {
            Some(pause) if !self.leaves_runs => pause.calls.push(call),
            Some(_) | None => self.refuse(call.client, &Refusal::ShuttingDown),
        }
    }

    /// Asks every client's task to come to rest.
    pub(super) fn pause_clients(&mut self) {
        for connected in &mut self.clients {
            if let Some(pause) = connected.pause.take() {
                let _ = pause.send(());
            }
        }
    }

    /// A client's task has come to rest; it goes on at once where ebbd does as well.
    pub(super) fn paused(&mut self, client: Box<Client>) {
        match &mut self.pause {
            Some(pause) => pause.clients.push(*client),
            None => self.resume(*client),
        }
    }

    /// Whether every client's task is at rest.
    pub(super) fn has_paused_clients(&self) -> bool {
        let paused = self.pause.as_ref().map_or(&[][..], |pause| &pause.clients);
        self.clients.iter().all(|connected| paused.iter().any(|client| client.id == connected.id))
    }

    /// Goes on as if nothing had happened.
    pub(super) fn go_on(&mut self) {
        let Some(pause) = self.pause.take() else { return };
        for order in pause.starts {
            self.start(order);
        }
        for client in pause.clients {
            self.resume(client);
        }
        for Call { client, caller, request, more, staged } in pause.calls {
            self.call(client, &caller, request, more, staged);
        }
    }

    /// Whether the journal has all that there is to know of every run that has processes.
    pub(super) fn is_settled(&self) -> bool {
        !self.live.iter().any(|live| live.is_starting() || live.has_ended()) && !self.asking.has_reload()
    }

    /// Says which runs the next ebbd will know too little of.
    pub(super) fn warn_of_unsettled(&self) {
        for live in self.live.iter().filter(|live| live.is_starting() || live.has_ended()) {
            let Live { id, job, .. } = &**live;
            tracing::warn!(run = id, %job, "left between two states: it is started anew, or its end will not be known");
        }
    }

    /// A run that is on its way to its program, if there is one.
    pub(super) fn starting(&self) -> Option<&Live> {
        self.live.iter().find(|live| live.is_starting()).map(|live| &**live)
    }

    /// Puts calls that wait for a moment's answer back among what is unread, so that they are taken anew. What waits for
    /// the end of a run, or for `upgrade`, stays.
    pub(super) fn put_calls_back(&mut self) {
        let Some(pause) = &mut self.pause else { return };
        pause.clients.retain(|client| self.clients.iter().any(|connected| connected.id == client.id));
        for client in &mut pause.clients {
            let late = pause.calls.iter().position(|call| call.client == client.id);
            let late = late.map(|index| pause.calls.swap_remove(index));
            client.bring_to_rest(late.map(|call| call.staged));
        }
    }
}

impl Live {
    fn is_starting(&self) -> bool {
        self.seen.is_starting.load(Ordering::Relaxed)
    }

    fn has_ended(&self) -> bool {
        self.seen.ended.get().is_some()
    }
}

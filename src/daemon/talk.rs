//! Clients as the loop sees them: letting them in, answering them, letting them go.

use std::sync::Arc;

use serde::Serialize;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use crate::engine::ClientId;
use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::limits;
use crate::protocol::{Refusal, Reply, RunNowReply, encode};
use crate::sys::{descriptors, peer};

use super::access::Caller;
use super::client::{Answer, Client};
use super::shell::{Connected, Shell, Wish};
use super::wire::Wire;

impl Shell {
    /// Lets a client in, or tells it that there is no room.
    pub(super) fn welcome(&mut self, id: ClientId, stream: UnixStream) {
        let caller = match peer::of(&stream) {
            Ok(peer) => Arc::new(Caller { uid: peer.uid, groups: peer.groups }),
            Err(error) => {
                tracing::warn!("cannot tell who a client is, so it is sent away: {error}");
                return;
            }
        };
        if let Some(refusal) = self.no_room_for(&caller) {
            tracing::warn!(uid = caller.uid, "a client is sent away: {refusal}");
            if let Ok(bytes) = encode(&refusal.to_error()) {
                // The socket's buffer is empty, so this fits or the client has gone.
                let _ = stream.try_write(&bytes);
            }
            return;
        }
        let (sender, answers) = mpsc::channel(limits::REPLIES_PENDING_MAX);
        let (pause, wish) = oneshot::channel();
        self.clients.push(Connected {
            id,
            caller: Arc::clone(&caller),
            answers: sender,
            wish: Wish::Accepted,
            pause: Some(pause),
        });
        let inputs = Arc::clone(&self.inputs);
        let client = Client {
            id,
            caller,
            wire: Wire::new(stream),
            input: self.input.clone(),
            answers,
            staged: None,
            inputs,
            call: None,
            is_busy: Arc::default(),
        };
        tokio::spawn(client.serve(wish));
    }

    /// Whether there are descriptors for another client, so that those that are left are enough to end runs with.
    pub(super) fn can_let_in(&self) -> bool {
        let few = descriptors::limit().is_some_and(|limit| self.clients.len() >= limit / 4);
        (!few || self.clients.len() >= limits::CLIENTS_MAX)
            && descriptors::has_more_than(limits::DESCRIPTORS_FOR_ENDS)
    }

    fn no_room_for(&self, caller: &Caller) -> Option<Refusal> {
        if self.clients.len() >= limits::CLIENTS_MAX {
            return Some(Refusal::Busy(format!(
                "ebbd serves at most {} clients at once",
                limits::CLIENTS_MAX
            )));
        }
        let is_guest = |caller: &Caller| caller.uid != 0 && caller.uid != self.gate.own_uid;
        if !is_guest(caller) {
            return None;
        }
        let same = self.clients.iter().filter(|c| c.caller.uid == caller.uid).count();
        if same >= limits::CLIENTS_PER_USER_MAX {
            let most = limits::CLIENTS_PER_USER_MAX;
            return Some(Refusal::Busy(format!("a user has at most {most} connections")));
        }
        let guests = self.clients.iter().filter(|c| is_guest(&c.caller)).count();
        (guests >= limits::CLIENTS_GUESTS_MAX).then(|| {
            let most = limits::CLIENTS_GUESTS_MAX;
            Refusal::Busy(format!("users other than root have at most {most} connections together"))
        })
    }

    /// Forgets a client; its runs go on.
    pub(super) fn farewell(&mut self, client: ClientId) {
        self.clients.retain(|c| c.id != client);
        self.waiting.retain(|(_, waiting)| *waiting != client);
        if self.clients.is_empty() {
            self.clients = Vec::new();
        }
    }

    /// Sends what a client's task is to write. One that is too far behind is let go.
    pub(super) fn send(&mut self, client: ClientId, answer: Answer) {
        let Some(connected) = self.clients.iter().find(|c| c.id == client) else { return };
        if connected.answers.try_send(answer).is_err() {
            tracing::warn!(client, "a client does not read its answers and is let go");
            self.farewell(client);
        }
    }

    pub(super) fn reply<T: Serialize>(&mut self, client: ClientId, parameters: &T, continues: bool) {
        match encode(&Reply { parameters, continues }) {
            Ok(bytes) => self.send(client, Answer::Frame { bytes, continues }),
            Err(error) => self.refuse(client, &Refusal::System(error.to_string())),
        }
    }

    pub(super) fn answer<T: Serialize>(&mut self, client: ClientId, parameters: &T) {
        self.reply(client, parameters, false);
    }

    pub(super) fn refuse(&mut self, client: ClientId, refusal: &Refusal) {
        if let Ok(bytes) = encode(&refusal.to_error()) {
            self.send(client, Answer::Frame { bytes, continues: false });
        }
    }

    /// Tells a client that waited how its run ended.
    pub(super) fn tell_result(&mut self, client: ClientId, run: RunId, line: &HistoryLine) {
        let reply = RunNowReply { run, merged: false, result: Some(line.clone()) };
        self.answer(client, &reply);
    }
}

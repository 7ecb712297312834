//! The other side of an upgrade: an ebbd takes up what the one before has handed over. What can't be taken up is said and
//! let go, as after a crash; no run depends on it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use crate::engine::ClientId;
use crate::journal::record::RunId;
use crate::journal::{History, Query};
use crate::limits;
use crate::places::Places;
use crate::protocol::UpgradeReport;
use crate::sys::peer;

use super::access::Caller;
use super::client::{Answer, Client, Unanswered};
use super::handover::{self, Received, What};
use super::history::Search;
use super::live::{Ended, Seen};
use super::load::Harvest;
use super::shell::{Connected, Shell, Wish};
use super::store::Store;
use super::wire::Wire;

impl Received {
    /// What holds for the state and the socket, whatever flags and settings say by now.
    pub(super) fn take_places(&self, places: &mut Places) {
        for (place, over) in
            [(&mut places.state, &self.handover.state), (&mut places.socket, &self.handover.socket)]
        {
            if place != over && std::path::absolute(&*place).is_ok_and(|place| place != *over) {
                tracing::warn!(
                    "{} stays in use instead of {} until ebbd is restarted",
                    over.display(),
                    place.display()
                );
            }
            place.clone_from(over);
        }
    }

    /// The definitions that were in force, as they were.
    pub(super) fn in_force(&mut self, store: &mut Store) -> io::Result<Harvest> {
        let before = Store::new(self.store.take().ok_or(io::ErrorKind::NotFound)?);
        let mut harvest = Harvest {
            problems: std::mem::take(&mut self.handover.problems),
            refused: self.handover.refused.drain(..).collect(),
            is_unreadable: self.handover.is_unreadable,
            lacks_room: self.handover.lacks_room,
            ..Harvest::default()
        };
        for at in self.handover.jobs.drain(..) {
            harvest.put(before.get(at)?, store);
        }
        Ok(harvest)
    }
}

impl Seen {
    /// As it was handed over.
    pub(super) fn of(over: &handover::Run) -> Self {
        let seen = Self {
            peak_anon: over.peak_anon.into(),
            trace: over.trace.clone().into(),
            shared: over.shared.into(),
            in_grace: over.in_grace.into(),
            leftover: over.leftover.into(),
            ..Self::default()
        };
        if let Some(ended) = &over.ended {
            let _ = seen.ended.set(Ended::of(ended));
        }
        seen
    }
}

impl Shell {
    /// Goes on with the clients of an ebbd of version `earlier`. Gives the number of the next client.
    pub(super) fn welcome_back(
        &mut self,
        clients: Vec<(handover::Client, OwnedFd, Option<File>)>,
        earlier: &str,
    ) -> ClientId {
        let mut id = 1;
        for (over, stream, staged) in clients {
            if let Err(error) = self.welcome_one_back(id, &over, stream, staged, earlier) {
                tracing::warn!("a client that was handed over can't be served on: {error}");
            }
            id += 1;
        }
        tracing::info!(clients = self.clients.len(), "taken over in place from ebbd {earlier}");
        id
    }

    fn welcome_one_back(
        &mut self,
        id: ClientId,
        over: &handover::Client,
        stream: OwnedFd,
        staged: Option<File>,
        earlier: &str,
    ) -> io::Result<()> {
        let peer = peer::of(&stream)?;
        let bytes = |text: &String| BASE64.decode(text).map_err(io::Error::other);
        let mut wire = Wire::new(UnixStream::from_std(stream.into())?);
        wire.frames.push(&bytes(&over.unread)?);
        wire.unsent = bytes(&over.unsent)?;
        let staged = staged.map(|file| self.inputs.stage_again(file)).transpose()?;
        let (sender, answers) = mpsc::channel(limits::REPLIES_PENDING_MAX);
        let client = Client {
            id,
            caller: Arc::new(Caller { uid: peer.uid, groups: peer.groups }),
            wire,
            input: self.input.clone(),
            answers,
            staged,
            inputs: Arc::clone(&self.inputs),
            call: over.awaits.map(|awaits| Unanswered { frame: Vec::new(), oneway: awaits.oneway }),
            is_busy: Arc::default(),
        };
        self.clients.push(Connected {
            id,
            caller: Arc::clone(&client.caller),
            answers: sender,
            wish: Wish::Result,
            pause: None,
        });
        match over.awaits.map(|awaits| awaits.what) {
            Some(What::Run(run)) => self.wait_on(id, run)?,
            Some(What::Upgrade) => self.answer(
                id,
                &UpgradeReport {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    earlier: earlier.to_owned(),
                    pid: std::process::id(),
                },
            ),
            None => {}
        }
        self.resume(client);
        Ok(())
    }

    /// Waits on for the end of a run; it may have come meanwhile.
    fn wait_on(&mut self, client: ClientId, run: RunId) -> io::Result<()> {
        if self.engine.job_of(run).is_some() {
            self.waiting.push((run, client));
            return Ok(());
        }
        let history = History::open(self.journal.dir(), Query::default())?;
        // Whoever waited was allowed to.
        self.send(client, Answer::Search(Box::new(Search::new(history, run, Box::new(|_| true)))));
        Ok(())
    }

    /// Serves a client on whose task is at rest.
    pub(super) fn resume(&mut self, client: Client) {
        let (pause, wish) = oneshot::channel();
        let Some(connected) = self.clients.iter_mut().find(|connected| connected.id == client.id) else {
            return;
        };
        connected.pause = Some(pause);
        tokio::spawn(client.serve(wish));
    }
}

//! One task a client: reads its frames, hands one call at a time to the loop, and writes what comes back.
//! A client that sends garbage, stops in the middle of a frame or does not read ends its own task and nobody else's.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::engine::ClientId;
use crate::journal::{Inputs, Staged};
use crate::limits;
use crate::protocol::{InputStaged, Parsed, Refusal, Reply, Request, encode};
use crate::sys::peer;

use super::access::Caller;
use super::history::{HistoryStream, Search};
use super::input::Input;
use super::wire::{HangUp, Wire};

/// What the loop answers. Everything that would be long is made piece by piece, as fast as the client reads.
pub(super) enum Answer {
    /// A reply; another follows where `continues`.
    Frame { bytes: Vec<u8>, continues: bool },
    /// A reply that carries an open file.
    WithFile { bytes: Vec<u8>, file: OwnedFd },
    /// One job of many; the next is asked for once this one is written.
    Status { bytes: Vec<u8>, next: usize },
    /// A run that has ended is looked up in the journal.
    Search(Box<Search>),
    /// Everything that follows is read from the journal.
    History(Box<HistoryStream>),
}

/// A client as its own task sees it. Between two polls all that is under way stands here, so that the task can be ended
/// and another go on, be it in another ebbd.
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) caller: Arc<Caller>,
    pub(super) wire: Wire,
    pub(super) input: mpsc::UnboundedSender<Input>,
    pub(super) answers: mpsc::Receiver<Answer>,
    pub(super) staged: Option<Staged>,
    pub(super) inputs: Arc<Inputs>,
    /// The call that the loop has been handed and not answered.
    pub(super) call: Option<Unanswered>,
    /// Whether an answer is made piece by piece just now, or the connection closed: nobody else could go on with that.
    pub(super) is_busy: Arc<AtomicBool>,
}

/// A call that is not answered.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// As it was read; empty once a part of the answer has come.
    pub(super) frame: Vec<u8>,
    /// Whether the answer goes nowhere.
    pub(super) oneway: bool,
}

impl Client {
    /// Leaves nothing in the middle, once its task has ended: what was answered is to be written, and a call that waits for a
    /// moment's answer, or that came too `late` with what it brought along, is to be read anew.
    pub(super) fn bring_to_rest(&mut self, late: Option<Option<Staged>>) {
        let mut is_put_back = late.is_some();
        if let Some(staged) = late {
            self.staged = staged.or(self.staged.take());
        }
        while let (Some(call), Ok(answer)) = (&self.call, self.answers.try_recv()) {
            match answer {
                Answer::Frame { bytes, continues } => {
                    if !call.oneway {
                        self.wire.unsent.extend(bytes);
                    }
                    if !continues {
                        self.call = None;
                    }
                }
                Answer::WithFile { .. } | Answer::Status { .. } | Answer::Search(_) | Answer::History(_) => {
                    is_put_back = true;
                }
            }
        }
        if is_put_back && let Some(call) = self.call.take() {
            self.wire.frames.put_back(&call.frame);
        }
    }

    /// Serves the client until it or its patience ends, and tells the loop; or until the loop wishes it to pause, and
    /// hands it back.
    pub(super) async fn serve(mut self, wish: oneshot::Receiver<()>) {
        let input = self.input.clone();
        let gone = Input::ClientGone { client: self.id };
        let _ = input.send(match self.converse_or_pause(wish).await {
            Some(Ok(())) => gone,
            Some(Err(error)) => {
                tracing::debug!(client = self.id, uid = self.caller.uid, "client ended: {error}");
                gone
            }
            None => Input::Paused(Box::new(self)),
        });
    }

    /// `None` where the loop wished for a pause and nothing stood against it.
    async fn converse_or_pause(&mut self, wish: oneshot::Receiver<()>) -> Option<io::Result<()>> {
        let is_busy = Arc::clone(&self.is_busy);
        let (mut wish, mut is_wished) = (Some(wish), false);
        let mut talk = pin!(self.converse());
        poll_fn(|context| {
            if let Poll::Ready(end) = talk.as_mut().poll(context) {
                return Poll::Ready(Some(end));
            }
            if let Some(asked) = &mut wish
                && let Poll::Ready(asked) = Pin::new(asked).poll(context)
            {
                // Where it was dropped instead, the client is let go, and its answers end.
                is_wished = asked.is_ok();
                wish = None;
            }
            if is_wished && !is_busy.load(Ordering::Relaxed) { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    async fn converse(&mut self) -> io::Result<()> {
        // What is left of a conversation that was paused.
        self.wire.flush().await?;
        self.take_answers().await?;
        loop {
            while let Some((parsed, frame)) = self.next_call().await? {
                match parsed {
                    Ok(Parsed { request: Ok(request), more, oneway }) => {
                        self.call(request, more, oneway, frame).await?;
                    }
                    Ok(Parsed { request: Err(_), oneway: true, .. }) => {}
                    Ok(Parsed { request: Err(refusal), .. }) => {
                        self.wire.write(encode(&refusal.to_error())?).await?;
                    }
                    Err(refusal) => return self.close(&refusal).await,
                }
            }
            if !self.fill().await? {
                return Ok(());
            }
        }
    }

    /// The next call with its frame, of which nothing is kept where the loop does not get it.
    async fn next_call(&mut self) -> io::Result<Option<(Result<Parsed, Refusal>, Vec<u8>)>> {
        let error = match self.wire.frames.next_frame() {
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => {
                let parsed = Parsed::from_frame(frame);
                let is_for_the_loop = matches!(
                    &parsed,
                    Ok(Parsed { request: Ok(request), .. }) if !matches!(request, Request::Input { .. })
                );
                let kept = if is_for_the_loop { frame.to_vec() } else { Vec::new() };
                return Ok(Some((parsed, kept)));
            }
            Err(error) => error,
        };
        self.close(&Refusal::BadFrame(error.to_string())).await?;
        Err(io::Error::other(error))
    }

    /// Says why the connection ends.
    async fn close(&mut self, refusal: &Refusal) -> io::Result<()> {
        self.is_busy.store(true, Ordering::Relaxed);
        self.wire.write(encode(&refusal.to_error())?).await
    }

    /// Reads more bytes; false at the end. A frame that has begun has to end in its time.
    async fn fill(&mut self) -> io::Result<bool> {
        let mut deadline = None;
        loop {
            let limit = if self.wire.frames.has_partial() {
                let patience = Duration::from_millis(limits::FRAME_TIMEOUT_MS);
                Some(*deadline.get_or_insert_with(|| Instant::now() + patience))
            } else {
                self.wire.frames.release();
                None
            };
            tokio::select! {
                ready = self.wire.stream.readable() => ready?,
                // Nothing was asked, so this is the loop letting go.
                _ = self.answers.recv() => return Ok(false),
                () = until(limit) => return Err(io::ErrorKind::TimedOut.into()),
            }
            match self.wire.read_some() {
                Ok(0) => return Ok(false),
                Ok(_) if self.wire.frames.is_ready() => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands a call to the loop and writes what is answered; nothing of it where the caller wants no reply.
    async fn call(&mut self, request: Request, more: bool, oneway: bool, frame: Vec<u8>) -> io::Result<()> {
        if let Request::Input { data } = &request {
            let reply = self.stage(data)?;
            return if oneway { Ok(()) } else { self.wire.write(reply).await };
        }
        let staged = if matches!(request, Request::RunNow(_)) { self.staged.take() } else { None };
        let caller = Arc::clone(&self.caller);
        self.send(Input::Call { client: self.id, caller, request, more, staged })?;
        self.call = Some(Unanswered { frame, oneway });
        self.take_answers().await
    }

    /// Writes what the loop answers to the call under way, if there is one.
    async fn take_answers(&mut self) -> io::Result<()> {
        while let Some(oneway) = self.call.as_ref().map(|call| call.oneway) {
            match self.answer().await? {
                Answer::Frame { bytes, continues } => {
                    if continues {
                        self.call = Some(Unanswered { frame: Vec::new(), oneway });
                    } else {
                        self.call = None;
                    }
                    if !oneway {
                        self.wire.write(bytes).await?;
                    }
                }
                Answer::WithFile { .. } | Answer::Status { .. } | Answer::Search(_) | Answer::History(_)
                    if oneway =>
                {
                    self.call = None;
                }
                piecemeal => {
                    self.is_busy.store(true, Ordering::Relaxed);
                    if !self.take_piecemeal(piecemeal).await? {
                        self.call = None;
                    }
                }
            }
        }
        self.is_busy.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Writes an answer that comes in pieces or with a file; whether the loop has more to say.
    async fn take_piecemeal(&mut self, answer: Answer) -> io::Result<bool> {
        match answer {
            Answer::Frame { bytes, continues } => {
                self.wire.write(bytes).await?;
                return Ok(continues);
            }
            Answer::WithFile { bytes, file } => self.wire.write_with_file(bytes, file).await?,
            Answer::Status { bytes, next } => {
                self.wire.write(bytes).await?;
                self.send(Input::MoreStatus { client: self.id, caller: Arc::clone(&self.caller), next })?;
                return Ok(true);
            }
            Answer::Search(search) => {
                let frame = search.frame().await?;
                self.wire.write(frame).await?;
            }
            Answer::History(mut history) => {
                while let Some(frame) = history.next_frame().await? {
                    self.wire.write(frame).await?;
                }
            }
        }
        Ok(false)
    }

    /// Waits for the loop's answer, and notices a client that goes away meanwhile. Calls that come early are kept. Who has
    /// only closed its own side (shutdown(2)) has said all and still listens.
    async fn answer(&mut self) -> io::Result<Answer> {
        let gone = || io::Error::other("the client went away before its answer");
        let mut has_said_all = false;
        let mut hang_up = None;
        loop {
            let may_read = !self.wire.frames.is_full() && !has_said_all;
            if !may_read && hang_up.is_none() {
                hang_up = self.wire.hang_up();
            }
            tokio::select! {
                biased;
                answer = self.answers.recv() => {
                    return answer.ok_or_else(|| io::Error::other("the daemon let the client go"));
                }
                ready = self.wire.stream.readable(), if may_read => {
                    ready?;
                    match self.wire.read_some() {
                        Ok(0) if peer::has_gone(&self.wire.stream)? => return Err(gone()),
                        Ok(0) => has_said_all = true,
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
                came = came(hang_up.as_ref()) => return came.and(Err(gone())),
            }
        }
    }

    fn stage(&mut self, data: &str) -> io::Result<Vec<u8>> {
        match self.add_to_staged(data) {
            Ok(bytes) => Ok(encode(&Reply { parameters: InputStaged { bytes }, continues: false })?),
            Err(refusal) => Ok(encode(&refusal.to_error())?),
        }
    }

    /// A part that can't be taken takes the whole payload with it: half a payload is worth nothing.
    fn add_to_staged(&mut self, data: &str) -> Result<u64, Refusal> {
        let staged = self.staged.take();
        let part = BASE64
            .decode(data)
            .map_err(|e| Refusal::InvalidParameter(format!("`data` is not base64: {e}")))?;
        let system = |e: io::Error| match e.kind() {
            io::ErrorKind::FileTooLarge => Refusal::InvalidParameter(e.to_string()),
            _ => Refusal::System(format!("the payload can't be kept: {e}")),
        };
        let mut staged = staged.map_or_else(|| self.inputs.stage(), Ok).map_err(system)?;
        staged.write(&part).map_err(system)?;
        let bytes = staged.input().bytes;
        self.staged = Some(staged);
        Ok(bytes)
    }

    fn send(&self, input: Input) -> io::Result<()> {
        self.input.send(input).map_err(|_| io::Error::other("the daemon is gone"))
    }
}

/// Waits for a moment; for ever where there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn came(hang_up: Option<&HangUp>) -> io::Result<()> {
    match hang_up {
        Some(hang_up) => hang_up.came().await,
        None => std::future::pending().await,
    }
}

//! One task a client: reads its frames, hands one call at a time to the loop, and writes what comes back.
//! A client that sends garbage, stops in the middle of a frame or does not read ends its own task and nobody else's.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::engine::ClientId;
use crate::journal::{Inputs, Staged};
use crate::limits;
use crate::protocol::{Frames, InputStaged, Parsed, Refusal, Reply, Request, encode};
use crate::sys::peer;

use super::access::Caller;
use super::history::{HistoryStream, Search};
use super::input::Input;

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

/// A client as its own task sees it.
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) caller: Arc<Caller>,
    pub(super) stream: UnixStream,
    pub(super) input: mpsc::UnboundedSender<Input>,
    pub(super) answers: mpsc::Receiver<Answer>,
    pub(super) staged: Option<Staged>,
    pub(super) inputs: Arc<Inputs>,
}

impl Client {
    /// Serves the client until it or its patience ends, and tells the loop.
    pub(super) async fn serve(mut self) {
        let mut frames = Frames::default();
        if let Err(error) = self.converse(&mut frames).await {
            tracing::debug!(client = self.id, uid = self.caller.uid, "client ended: {error}");
        }
        let _ = self.input.send(Input::ClientGone { client: self.id });
    }

    async fn converse(&mut self, frames: &mut Frames) -> io::Result<()> {
        loop {
            while let Some(parsed) = self.next_call(frames).await? {
                match parsed {
                    Ok(Parsed { request: Ok(request), more, oneway }) => {
                        self.call(request, more, oneway, frames).await?;
                    }
                    Ok(Parsed { request: Err(_), oneway: true, .. }) => {}
                    Ok(Parsed { request: Err(refusal), .. }) => {
                        self.write(&encode(&refusal.to_error())?).await?;
                    }
                    Err(refusal) => return self.write(&encode(&refusal.to_error())?).await,
                }
            }
            if !self.fill(frames).await? {
                return Ok(());
            }
        }
    }

    async fn next_call(&mut self, frames: &mut Frames) -> io::Result<Option<Result<Parsed, Refusal>>> {
        match frames.next_frame() {
            Ok(frame) => Ok(frame.map(Parsed::from_frame)),
            Err(error) => {
                self.write(&encode(&Refusal::BadFrame(error.to_string()).to_error())?).await?;
                Err(io::Error::other(error))
            }
        }
    }

    /// Reads more bytes; false at the end. A frame that has begun has to end in its time.
    async fn fill(&mut self, frames: &mut Frames) -> io::Result<bool> {
        let mut deadline = None;
        loop {
            if frames.has_partial() {
                let patience = Duration::from_millis(limits::FRAME_TIMEOUT_MS);
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + patience);
                timeout_at(deadline, self.stream.readable()).await??;
            } else {
                frames.release();
                tokio::select! {
                    ready = self.stream.readable() => ready?,
                    // Nothing was asked, so this is the loop letting go.
                    _ = self.answers.recv() => return Ok(false),
                }
            }
            match self.read_some(frames) {
                Ok(0) => return Ok(false),
                Ok(_) if frames.is_ready() => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn read_some(&self, frames: &mut Frames) -> io::Result<usize> {
        let mut piece = [0; 4096];
        let count = self.stream.try_read(&mut piece)?;
        frames.push(&piece[..count]);
        Ok(count)
    }

    /// Hands a call to the loop and writes what is answered; nothing of it where the caller wants no reply.
    async fn call(
        &mut self,
        request: Request,
        more: bool,
        oneway: bool,
        frames: &mut Frames,
    ) -> io::Result<()> {
        if let Request::Input { data } = &request {
            let reply = self.stage(data)?;
            return if oneway { Ok(()) } else { self.write(&reply).await };
        }
        let staged = if matches!(request, Request::RunNow(_)) { self.staged.take() } else { None };
        let caller = Arc::clone(&self.caller);
        self.send(Input::Call { client: self.id, caller, request, more, staged })?;
        loop {
            let answer = self.answer(frames).await?;
            let continues = match answer {
                Answer::Frame { continues, .. } if oneway => continues,
                Answer::WithFile { .. } | Answer::Status { .. } | Answer::Search(_) | Answer::History(_)
                    if oneway =>
                {
                    false
                }
                Answer::Frame { bytes, continues } => {
                    self.write(&bytes).await?;
                    continues
                }
                Answer::WithFile { bytes, file } => {
                    self.write_with_file(&bytes, file).await?;
                    false
                }
                Answer::Status { bytes, next } => {
                    self.write(&bytes).await?;
                    self.send(Input::MoreStatus { client: self.id, caller: Arc::clone(&self.caller), next })?;
                    true
                }
                Answer::Search(search) => {
                    let frame = search.frame().await?;
                    self.write(&frame).await?;
                    false
                }
                Answer::History(mut history) => {
                    while let Some(frame) = history.next_frame().await? {
                        self.write(&frame).await?;
                    }
                    false
                }
            };
            if !continues {
                return Ok(());
            }
        }
    }

    /// Waits for the loop's answer, and notices a client that goes away meanwhile. Calls that come early are kept. Who has
    /// only closed its own side (shutdown(2)) has said all and still listens.
    async fn answer(&mut self, frames: &mut Frames) -> io::Result<Answer> {
        let mut has_said_all = false;
        loop {
            let may_read = !frames.is_full() && !has_said_all;
            tokio::select! {
                biased;
                answer = self.answers.recv() => {
                    return answer.ok_or_else(|| io::Error::other("the daemon let the client go"));
                }
                ready = self.stream.readable(), if may_read => {
                    ready?;
                    match self.read_some(frames) {
                        Ok(0) if peer::has_gone(&self.stream)? => {
                            return Err(io::Error::other("the client went away before its answer"));
                        }
                        Ok(0) => has_said_all = true,
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
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

    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let patience = Duration::from_millis(limits::REPLY_TIMEOUT_MS);
        timeout(patience, async {
            let mut rest = bytes;
            while !rest.is_empty() {
                self.stream.writable().await?;
                match self.stream.try_write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
        .await?
    }

    async fn write_with_file(&self, bytes: &[u8], file: OwnedFd) -> io::Result<()> {
        let patience = Duration::from_millis(limits::REPLY_TIMEOUT_MS);
        let sent = timeout(patience, async {
            self.stream
                .async_io(Interest::WRITABLE, || peer::send_with_fd(&self.stream, bytes, file.as_fd()))
                .await
        });
        let sent = sent.await??;
        self.write(&bytes[sent..]).await
    }
}

//! One conversation with ebbd: calls out, replies and perhaps a file in. Knows no method and no verb.

use std::io::{ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::limits;
use crate::protocol::{Call, Error, INTERFACE, Reply, encode};
use crate::sys::peer;

use super::failure::Failure;

/// Bytes that are read at a time.
const PIECE: usize = 16 * 1024;

/// A connection to ebbd.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    path: PathBuf,
    /// What was read and is not yet a whole reply.
    bytes: Vec<u8>,
    /// The file that came with the latest reply.
    file: Option<OwnedFd>,
}

/// A frame that answers as it should, read in one go: a long history has many of them.
#[derive(serde::Deserialize)]
struct Answer<T> {
    #[serde(default)]
    error: Option<IgnoredAny>,
    parameters: T,
    #[serde(default)]
    continues: bool,
}

/// What a frame from ebbd can be.
#[derive(serde::Deserialize)]
struct Frame {
    error: Option<String>,
    #[serde(default)]
    parameters: Value,
    #[serde(default)]
    continues: bool,
}

impl Connection {
    /// Over a stream to the socket at `path`.
    pub(super) const fn new(stream: UnixStream, path: PathBuf) -> Self {
        Self { stream, path, bytes: Vec::new(), file: None }
    }

    /// Which socket it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Calls a method of ebb's interface and takes its only reply.
    ///
    /// # Errors
    /// Those of [`Self::send`] and [`Self::reply`].
    pub(super) fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        parameters: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(method, parameters, false)?;
        self.reply().map(|reply| reply.parameters)
    }

    /// Calls a method that gives several replies.
    ///
    /// # Errors
    /// Those of [`Self::send`] and [`Self::reply`], and of `each`.
    pub(super) fn call_more<T: DeserializeOwned>(
        &mut self,
        method: &str,
        parameters: &impl Serialize,
        mut each: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.send(method, parameters, true)?;
        loop {
            let reply = self.reply()?;
            each(reply.parameters)?;
            if !reply.continues {
                return Ok(());
            }
        }
    }

    /// Sends a call.
    ///
    /// # Errors
    /// A call that is too long, and a connection that ebbd has closed; what it said before it did so comes first.
    pub(super) fn send(
        &mut self,
        method: &str,
        parameters: &impl Serialize,
        more: bool,
    ) -> Result<(), Failure> {
        let unwritable =
            |e: serde_json::Error| Failure::Usage(format!("the call can't be written as JSON: {e}"));
        let call = Call {
            method: format!("{INTERFACE}.{method}"),
            parameters: serde_json::to_value(parameters).map_err(unwritable)?,
            more,
            oneway: false,
        };
        let frame = encode(&call).map_err(unwritable)?;
        if frame.len() - 1 > limits::FRAME_MAX {
            return Err(Failure::Usage(format!(
                "the call takes {} bytes and ebbd reads at most {}; hand large data over with `--input FILE`",
                frame.len() - 1,
                limits::FRAME_MAX
            )));
        }
        match self.stream.write_all(&frame) {
            Ok(()) => Ok(()),
            // ebbd may have said why it closed the connection, such as that it is full.
            Err(error) => match self.reply::<Value>() {
                Err(refused @ Failure::Refused(_)) => Err(refused),
                Ok(_) | Err(_) => Err(self.gone(&error.to_string())),
            },
        }
    }

    /// The next reply, which is to come soon.
    ///
    /// # Errors
    /// [`Failure::Refused`] where ebbd refuses, [`Failure::Busy`] where it takes longer than
    /// [`limits::ANSWER_TIMEOUT_MS`], [`Failure::Gone`] where it has closed the
    /// connection, [`Failure::Garbled`] where what it says is no reply.
    pub(super) fn reply<T: DeserializeOwned>(&mut self) -> Result<Reply<T>, Failure> {
        let patience = Duration::from_millis(limits::ANSWER_TIMEOUT_MS);
        self.reply_within(Some(patience))?.ok_or_else(|| {
            Failure::Busy(format!(
                "ebbd at {} has taken the call and not answered it within {} s; whether it was done is not known, \
                 `ebb status` and ebbd's log tell",
                self.path.display(),
                patience.as_secs()
            ))
        })
    }

    /// The next reply; `None` where `patience` has passed before it was whole. Without patience it waits for ever.
    ///
    /// # Errors
    /// As [`Self::reply`].
    pub(super) fn reply_within<T: DeserializeOwned>(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<Option<Reply<T>>, Failure> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let mut searched = 0;
        loop {
            if let Some(end) = self.bytes[searched..].iter().position(|b| *b == 0) {
                let rest = self.bytes.split_off(searched + end + 1);
                let frame = std::mem::replace(&mut self.bytes, rest);
                return self.read(&frame[..frame.len() - 1]).map(Some);
            }
            searched = self.bytes.len();
            if searched > limits::REPLY_MAX {
                return Err(self.garbled(&format!("it is longer than {} bytes", limits::REPLY_MAX)));
            }
            if !self.fill(deadline)? {
                return Ok(None);
            }
        }
    }

    /// The file that came with the replies so far.
    pub(super) fn take_file(&mut self) -> Option<std::fs::File> {
        self.file.take().map(std::fs::File::from)
    }

    /// Reads more bytes; false once the deadline has passed.
    fn fill(&mut self, deadline: Option<Instant>) -> Result<bool, Failure> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        self.stream.set_read_timeout(left).map_err(|e| Failure::system("a timeout can't be set", &e))?;
        let mut piece = [0; PIECE];
        match peer::receive_with_fd(&self.stream, &mut piece) {
            Ok((0, _)) => Err(self.gone(if self.bytes.is_empty() {
                "it has closed the connection before it answered"
            } else {
                "it has closed the connection in the middle of a reply"
            })),
            Ok((count, file)) => {
                self.bytes.extend_from_slice(&piece[..count]);
                self.file = file.or(self.file.take());
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            // The kernel reports once that ebbd closed without having read all; what it wrote can still be read.
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionReset) => {
                Ok(true)
            }
            Err(error) => Err(self.gone(&error.to_string())),
        }
    }

    fn read<T: DeserializeOwned>(&self, frame: &[u8]) -> Result<Reply<T>, Failure> {
        if let Ok(Answer { error: None, parameters, continues }) = serde_json::from_slice(frame) {
            return Ok(Reply { parameters, continues });
        }
        let no_reply = |e: serde_json::Error| self.garbled(&e.to_string());
        let Frame { error, parameters, continues } = serde_json::from_slice(frame).map_err(no_reply)?;
        if let Some(error) = error {
            return Err(Failure::Refused(Error { error, parameters }));
        }
        let parameters =
            if parameters.is_null() { Value::Object(serde_json::Map::new()) } else { parameters };
        Ok(Reply { parameters: serde_json::from_value(parameters).map_err(no_reply)?, continues })
    }

    fn garbled(&self, why: &str) -> Failure {
        let path = self.path.display();
        Failure::Garbled(format!("what ebbd at {path} says is no reply that this client understands: {why}"))
    }

    fn gone(&self, why: &str) -> Failure {
        Failure::Gone(format!("the conversation with ebbd at {} broke off: {why}", self.path.display()))
    }
}

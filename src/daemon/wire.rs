//! One end of a client's connection: bytes in as frames, bytes out however slowly they are read, and the other end's
//! going away. All that is under way stands here and in no task, so that it outlives the task. Knows no call.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::limits;
use crate::protocol::Frames;
use crate::sys::{peer, watch};

/// A connection.
pub(super) struct Wire {
    pub(super) stream: UnixStream,
    /// What was read and not yet taken for a call.
    pub(super) frames: Frames,
    /// What is to be written, as far as it has not been.
    pub(super) unsent: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, frames: Frames::default(), unsent: Vec::new() }
    }

    /// Reads what is there; 0 at the end.
    pub(super) fn read_some(&mut self) -> io::Result<usize> {
        let mut piece = [0; 4096];
        let count = self.stream.try_read(&mut piece)?;
        self.frames.push(&piece[..count]);
        Ok(count)
    }

    pub(super) async fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.unsent = bytes;
        self.flush().await
    }

    /// Writes what is to be written.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let patience = Duration::from_millis(limits::REPLY_TIMEOUT_MS);
        timeout(patience, async {
            while !self.unsent.is_empty() {
                self.stream.writable().await?;
                match self.stream.try_write(&self.unsent) {
                    Ok(count) => drop(self.unsent.drain(..count)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            self.unsent = Vec::new();
            Ok(())
        })
        .await?
    }

    pub(super) async fn write_with_file(&mut self, mut bytes: Vec<u8>, file: OwnedFd) -> io::Result<()> {
        let patience = Duration::from_millis(limits::REPLY_TIMEOUT_MS);
        let sent = timeout(patience, async {
            self.stream
                .async_io(Interest::WRITABLE, || peer::send_with_fd(&self.stream, &bytes, file.as_fd()))
                .await
        });
        let sent = sent.await??;
        bytes.drain(..sent);
        self.write(bytes).await
    }

    /// What tells that the other end has closed both directions, where reading can't: it has closed its own already, or
    /// nothing more is read for now. Reading it costs a descriptor; none where there is none left.
    pub(super) fn hang_up(&self) -> Option<HangUp> {
        // Of its own, so that its readiness is not the stream's. Nothing is asked for: a hang-up is told all the same
        // (epoll_ctl(2), EPOLLHUP), and neither bytes nor room for them wake anybody.
        let copy = self.stream.as_fd().try_clone_to_owned().ok()?;
        watch::watch(copy, Interest::PRIORITY).ok().map(HangUp)
    }
}

/// See [`Wire::hang_up`].
pub(super) struct HangUp(AsyncFd<OwnedFd>);

impl HangUp {
    /// Waits for it.
    pub(super) async fn came(&self) -> io::Result<()> {
        self.0.ready(Interest::PRIORITY).await?.retain_ready();
        Ok(())
    }
}

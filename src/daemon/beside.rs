//! A short-lived process beside the loop, and all that it says. Knows nothing of what that means.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use crate::sys::pidfd::Aim;
use crate::sys::proc;

/// Starts a command and reads up to so many bytes from the other end of its pipe, for so long; then it is killed, if it is
/// still there.
pub(super) async fn all_it_says(
    mut command: Command,
    pipe: io::PipeReader,
    most: u64,
    patience: Duration,
) -> io::Result<Vec<u8>> {
    let child = command.spawn()?;
    // It holds the near end of the pipe.
    drop(command);
    // Reaped with the orphans, so that it is named by more than its number.
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let (aim, start) = (Aim::at(pid)?, proc::pid_start_ticks(pid).ok());
    let said = timeout(patience, read_all(pipe.into(), most)).await;
    let is_it = |aim: &Aim| {
        matches!(aim, Aim::Descriptor(_)) || (start.is_some() && proc::pid_start_ticks(pid).ok() == start)
    };
    if let Some(aim) = aim.filter(is_it) {
        let _ = aim.signal(pid, libc::SIGKILL);
    }
    said.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", patience.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

async fn read_all(pipe: OwnedFd, most: u64) -> io::Result<Vec<u8>> {
    let pipe = Receiver::from_owned_fd(pipe)?;
    let mut said = Vec::new();
    pipe.take(most).read_to_end(&mut said).await?;
    Ok(said)
}

//! Descriptors under the event loop's eye. The one place where `sys` knows of tokio: registering a descriptor there is
//! unsafe, since the loop must never look at one that was closed and given out again.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::clock::{MonoTimer, WallTimer};
use super::spawn::ExecStatus;

/// What owns the one descriptor that it names, for as long as it lives.
pub trait Watchable: AsRawFd + sealed::Owner {}

mod sealed {
    /// Keeps others from claiming it for what does not own its descriptor.
    pub trait Owner {}
}

impl sealed::Owner for OwnedFd {}
impl sealed::Owner for WallTimer {}
impl sealed::Owner for MonoTimer {}
impl sealed::Owner for ExecStatus {}
impl<T: AsRawFd + sealed::Owner> Watchable for T {}

/// Takes what a counter such as an eventfd holds, so that it becomes readable anew.
///
/// # Errors
/// `WouldBlock` where it holds nothing.
pub fn drain(fd: &OwnedFd) -> io::Result<()> {
    nix::unistd::read(fd, &mut [0; 8])?;
    Ok(())
}

/// Puts a descriptor under the loop's eye.
///
/// # Errors
/// No memory or watch is left (epoll_ctl(2)), or the file is none that can be waited for.
pub fn watch<T: Watchable>(fd: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: every `Watchable` owns its descriptor and never swaps it, and `AsyncFd` ends its watch before it drops it.
    let watched = unsafe { AsyncFd::register_with_interest(fd, interest) };
    watched.map_err(io::Error::from)
}

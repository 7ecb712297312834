//! Descriptors under the event loop's eye. The one place where `sys` knows of tokio: registering a descriptor there is
//! unsafe, since the loop must never look at one that was closed and given out again.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard, AsyncFdRegisterError};
use tokio::time::sleep;

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
    register(fd, interest).map_err(io::Error::from)
}

fn register<T: Watchable>(fd: T, interest: Interest) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
    // SAFETY: every `Watchable` owns its descriptor and never swaps it, and `AsyncFd` ends its watch before it drops it.
    unsafe { AsyncFd::register_with_interest(fd, interest) }
}

/// A descriptor that is waited for in any case: under the loop's eye, or where there is no room for one more (no memory, the
/// user's number of watches), looked at again and again.
#[derive(Debug)]
pub struct Watch<T: Watchable> {
    seat: Seat<T>,
    interest: Interest,
}

#[derive(Debug)]
enum Seat<T: Watchable> {
    Registered(AsyncFd<T>),
    LookedAt(T),
}

impl<T: Watchable> Watch<T> {
    /// Waits for this descriptor from now on.
    pub fn new(fd: T, interest: Interest) -> Self {
        let seat = register(fd, interest)
            .map_or_else(|refused| Seat::LookedAt(refused.into_parts().0), Seat::Registered);
        Self { seat, interest }
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &T {
        match &self.seat {
            Seat::Registered(fd) => fd.get_ref(),
            Seat::LookedAt(fd) => fd,
        }
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// The loop is ending.
    pub async fn ready(&self) -> io::Result<Ready<'_, T>> {
        match &self.seat {
            Seat::Registered(fd) => fd.ready(self.interest).await.map(Ready::Registered),
            Seat::LookedAt(fd) => {
                while !is_ready(fd.as_raw_fd(), self.interest)? {
                    sleep(LOOK).await;
                }
                Ok(Ready::LookedAt)
            }
        }
    }
}

/// That a [`Watch`] was ready.
#[must_use]
pub enum Ready<'a, T: Watchable> {
    /// As the loop saw it.
    Registered(AsyncFdReadyGuard<'a, T>),
    /// As it looked.
    LookedAt,
}

impl<T: Watchable> Ready<'_, T> {
    /// It stays ready.
    pub fn keep(self) {
        match self {
            Self::Registered(mut ready) => ready.retain_ready(),
            Self::LookedAt => {}
        }
    }

    /// It was not what was waited for: the next wait is for the next time.
    pub async fn again(self) {
        match self {
            Self::Registered(mut ready) => ready.clear_ready(),
            Self::LookedAt => sleep(LOOK).await,
        }
    }
}

/// How often is looked at what can't be watched.
const LOOK: Duration = Duration::from_millis(100);

fn is_ready(fd: RawFd, interest: Interest) -> io::Result<bool> {
    let events = if interest.is_priority() { libc::POLLPRI } else { libc::POLLIN };
    let mut looked_at = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: `looked_at` is one valid pollfd.
    let ready = unsafe { libc::poll(&raw mut looked_at, 1, 0) };
    match super::raw::check(ready) {
        Ok(count) => Ok(count > 0),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_watch_is_looked_at() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (reader, writer) = io::pipe().unwrap();
            let watch = Watch { seat: Seat::LookedAt(OwnedFd::from(reader)), interest: Interest::READABLE };
            assert!(tokio::time::timeout(LOOK * 2, watch.ready()).await.is_err());
            nix::unistd::write(&writer, b"x").unwrap();
            watch.ready().await.unwrap().keep();
            assert!(tokio::time::timeout(LOOK / 2, watch.ready().await.unwrap().again()).await.is_err());
            // A regular file can't be registered: whatever refuses, nothing is lost.
            let file = OwnedFd::from(tempfile::tempfile().unwrap());
            assert!(matches!(Watch::new(file, Interest::READABLE).seat, Seat::LookedAt(_)));
        });
    }
}

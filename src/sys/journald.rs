//! The systemd journal's native socket: one datagram an entry (systemd's "Native Journal Protocol"), fields as the caller
//! has laid them out. Knows neither fields nor runs.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, UnixAddr, sendmsg};

use super::raw::{self, because};

/// Where journald listens (sd_journal_print(3), "Notes").
const SOCKET: &str = "/run/systemd/journal/socket";
/// A variable of ebbd's own environment that names another socket, for tests. No run gets or sets it.
const VARIABLE: &str = "EBB_JOURNALD_SOCKET";

/// Where journald listens.
#[must_use]
pub fn socket_path() -> PathBuf {
    std::env::var_os(VARIABLE).unwrap_or_else(|| OsString::from(SOCKET)).into()
}

/// Whether somebody listens there.
///
/// # Errors
/// The path, and why nobody can be reached: there is none, or it has gone.
pub fn reach(path: &Path) -> io::Result<()> {
    Connection::open(path, Duration::ZERO)
        .map(drop)
        .map_err(|e| because(&e, format_args!("cannot reach {}", path.display())))
}

/// A socket connected to journald's.
#[derive(Debug)]
pub struct Connection(UnixDatagram);

impl Connection {
    /// Connects; what is sent may wait up to `patience` for room.
    ///
    /// # Errors
    /// Whatever connect(2) says: ENOENT and ECONNREFUSED where nobody listens.
    pub fn open(path: &Path, patience: Duration) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(patience).filter(|patience| !patience.is_zero()))?;
        Ok(Self(socket))
    }

    /// Sends one entry; where there is no room, it waits for that or gives up at once.
    ///
    /// # Errors
    /// `WouldBlock`: there was no room. ECONNREFUSED, ENOTCONN, EPIPE and the like: nobody listens there any more.
    pub fn send(&self, entry: &[IoSlice<'_>], waits: bool) -> io::Result<()> {
        let mut flags = MsgFlags::MSG_NOSIGNAL;
        flags.set(MsgFlags::MSG_DONTWAIT, !waits);
        sendmsg::<UnixAddr>(self.0.as_raw_fd(), entry, &[], flags, None)?;
        Ok(())
    }

    /// Waits until journald is done with every entry that was sent here, up to `patience`; whether it is.
    ///
    /// It takes one datagram after the other, so it is done with the last entry when it takes an empty one after it, of
    /// which it makes nothing.
    pub fn settle(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        // Where there is no room for it, there is not much to wait for either.
        let _ = self.send(&[], false);
        let mut pause = Duration::from_micros(200);
        while self.unread().is_ok_and(|bytes| bytes > 0) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        true
    }

    /// Bytes that were sent and that nobody has received yet, as the kernel accounts for them (unix(7), SIOCOUTQ).
    fn unread(&self) -> io::Result<libc::c_int> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the request writes one int, for which `bytes` is valid.
        let asked = unsafe { libc::ioctl(self.0.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
        raw::check(asked)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_datagram_and_whoever_has_sent_it_learns_when_it_was_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let connection = Connection::open(&path, Duration::ZERO).unwrap();
        connection.send(&[IoSlice::new(b"A=1\n"), IoSlice::new(b"B=2\n")], false).unwrap();
        assert!(!connection.settle(Duration::from_millis(20)), "nobody has taken it");
        let mut bytes = [0; 64];
        let count = journald.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..count], b"A=1\nB=2\n");
        // The one of the first wait, and that of the second.
        assert_eq!(journald.recv(&mut bytes).unwrap(), 0);
        assert!(!connection.settle(Duration::from_millis(20)), "nor is the empty one taken");
        assert_eq!(journald.recv(&mut bytes).unwrap(), 0);
        assert!(connection.unread().is_ok_and(|bytes| bytes == 0));
    }

    #[test]
    fn a_journald_that_takes_nothing_holds_nobody_up_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _journald = UnixDatagram::bind(&path).unwrap();
        let connection = Connection::open(&path, Duration::from_millis(100)).unwrap();
        let entry = [0; 4096];
        let full = |waits| loop {
            if let Err(error) = connection.send(&[IoSlice::new(&entry)], waits) {
                return error.kind();
            }
        };
        assert_eq!(full(false), io::ErrorKind::WouldBlock);
        let begun = Instant::now();
        assert_eq!(full(true), io::ErrorKind::WouldBlock);
        assert!(begun.elapsed() >= Duration::from_millis(90));
    }

    #[test]
    fn where_nobody_listens_the_sentence_names_the_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let said = reach(&path).unwrap_err().to_string();
        assert!(said.contains("cannot reach") && said.contains(path.to_str().unwrap()), "{said}");
        drop(UnixDatagram::bind(&path).unwrap());
        assert!(reach(&path).is_err(), "a socket that nobody holds any more");
    }
}

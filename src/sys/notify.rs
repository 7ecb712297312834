//! Messages to the service manager that started this process (sd_notify(3)): one datagram each, to the socket that
//! NOTIFY_SOCKET names. Knows nothing of what is said.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::ClockId;

use crate::limits;

/// The socket of a service manager.
#[derive(Debug, Clone)]
pub struct Manager(SocketAddr);

impl Manager {
    /// The one that the value of NOTIFY_SOCKET names: a path, or an abstract name behind an `@`.
    ///
    /// # Errors
    /// Neither of the two (sd_notify(3) also knows `vsock:`, for whole machines), or longer than a socket's name may be.
    pub fn named(value: &OsStr) -> io::Result<Self> {
        let address = match value.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(value),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a path nor an abstract name")),
        };
        address.map(Self)
    }

    /// Says something: lines of `NAME=value`. The socket is opened for it and closed again, so none is held at rest.
    ///
    /// # Errors
    /// Nobody is there, or does not read within [`limits::NOTIFY_TIMEOUT_MS`].
    pub fn tell(&self, message: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(Duration::from_millis(limits::NOTIFY_TIMEOUT_MS)))?;
        socket.send_to_addr(message.as_bytes(), &self.0).map(drop)
    }
}

/// CLOCK_MONOTONIC in microseconds, by which systemd orders a `RELOADING=1` (sd_notify(3), MONOTONIC_USEC). Good for nothing
/// else in ebb: it does not count a suspend.
#[must_use]
pub fn monotonic_usec() -> u128 {
    ClockId::CLOCK_MONOTONIC.now().map_or(0, |at| Duration::from(at).as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut bytes = [0; 200];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    #[test]
    fn a_manager_is_told_by_path_and_by_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Manager::named(path.as_os_str()).unwrap().tell("READY=1\nSTATUS=up").unwrap();
        assert_eq!(received(&socket), "READY=1\nSTATUS=up");

        let name = format!("ebb-test-notify-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Manager::named(OsStr::new(&format!("@{name}"))).unwrap().tell("STOPPING=1").unwrap();
        assert_eq!(received(&socket), "STOPPING=1");
    }

    #[test]
    fn other_names_are_refused_and_nobody_there_is_an_error() {
        assert!(Manager::named(OsStr::new("vsock:2:1234")).is_err());
        assert!(Manager::named(OsStr::new("")).is_err());
        assert!(Manager::named(OsStr::new("/nonexistent/notify")).unwrap().tell("READY=1").is_err());
    }

    #[test]
    fn a_manager_that_does_not_read_holds_nobody_up_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _socket = UnixDatagram::bind(&path).unwrap();
        let manager = Manager::named(path.as_os_str()).unwrap();
        let full = (0..100_000).find_map(|_| manager.tell("STATUS=x").err()).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock, "{full}");
    }

    #[test]
    fn the_monotonic_clock_is_the_kernels() {
        let text = std::fs::read_to_string("/proc/uptime").unwrap();
        let up: u128 = text.split('.').next().unwrap().parse().unwrap();
        let seconds = monotonic_usec() / 1_000_000;
        // The machine may have slept, which this clock does not count.
        assert!(seconds > 0 && seconds <= up + 1, "{seconds} s, up for {up} s");
    }
}

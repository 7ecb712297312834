//! A listening socket that the service manager has opened and hands over (sd_listen_fds(3)).
//! Knows nothing of what is spoken on it.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{SockType, getsockopt, sockopt};

/// The first descriptor that is handed over (sd_listen_fds(3), SD_LISTEN_FDS_START).
const FIRST: RawFd = 3;

/// How many descriptors were handed to this process, from the first after the standard ones on.
#[must_use]
pub fn count(env: impl Fn(&str) -> Option<String>) -> RawFd {
    let number = |name| env(name).and_then(|text| text.parse::<u32>().ok());
    // Variables that somebody has inherited from the process they were meant for do not count.
    let count = number("LISTEN_FDS").filter(|_| number("LISTEN_PID") == Some(std::process::id()));
    count.and_then(|count| count.try_into().ok()).unwrap_or(0)
}

/// The socket that was handed to this process, non-blocking and not for its children; `None` where none was. `env` looks up
/// an environment variable. To be called once, before anything else is opened: it takes the descriptors for its own.
///
/// # Errors
/// More than one was handed over, or something else than a listening unix stream socket.
pub fn handed_over(env: impl Fn(&str) -> Option<String>) -> io::Result<Option<UnixListener>> {
    let count = count(env);
    if count == 0 {
        return Ok(None);
    }
    if count > 1 {
        return Err(io::Error::other(format!("{count} sockets were handed over, where ebbd takes one")));
    }
    let listener = UnixListener::from(own(FIRST)?);
    check(&listener)?;
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

fn own(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: it is only asked whether the number is an open descriptor, and that it closes at an exec.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and by LISTEN_PID it was opened for this very process, which takes it here once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn check(listener: &UnixListener) -> io::Result<()> {
    let is_stream = getsockopt(listener, sockopt::SockType).is_ok_and(|kind| kind == SockType::Stream);
    let listens = getsockopt(listener, sockopt::AcceptConn).unwrap_or(false);
    // Another family than AF_UNIX is an error of `local_addr`.
    if is_stream && listens && listener.local_addr().is_ok() {
        return Ok(());
    }
    Err(io::Error::other(
        "what was handed over is no listening unix stream socket (ListenStream= with a path)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_are_not_for_this_process_do_not_count() {
        let own = std::process::id();
        for (pid, count) in
            [(None, Some("1")), (Some(own + 1), Some("1")), (Some(own), None), (Some(own), Some("0"))]
        {
            let env = |name: &str| match name {
                "LISTEN_PID" => pid.map(|pid| pid.to_string()),
                _ => count.map(str::to_owned),
            };
            assert!(handed_over(env).unwrap().is_none(), "{pid:?} {count:?}");
        }
        let two = |name: &str| Some(if name == "LISTEN_PID" { own.to_string() } else { "2".into() });
        assert!(handed_over(two).is_err());
    }

    #[test]
    fn only_a_listening_unix_stream_socket_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        check(&listener).unwrap();
        let (connected, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(check(&UnixListener::from(OwnedFd::from(connected))).is_err());
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(check(&UnixListener::from(OwnedFd::from(tcp))).is_err());
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(check(&UnixListener::from(OwnedFd::from(file))).is_err());
    }
}

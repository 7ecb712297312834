//! The other end of a unix socket: who it is, in the kernel's word, and files handed over (unix(7)).

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, getsockopt, recvmsg, sendmsg, sockopt,
};

use super::raw;

/// Who connected, as the kernel noted it at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its process.
    pub pid: i32,
    /// User id.
    pub uid: u32,
    /// Primary and supplementary group ids.
    pub groups: Vec<u32>,
}

/// Who connected (SO_PEERCRED, and SO_PEERGROUPS since Linux 4.13).
///
/// # Errors
/// When the socket is no connected unix socket.
pub fn of(socket: &impl AsFd) -> io::Result<Peer> {
    let credentials = getsockopt(&socket.as_fd(), sockopt::PeerCredentials)?;
    let mut groups = vec![credentials.gid()];
    // A kernel that does not know the option leaves the primary group, which is less and never more.
    if let Ok(more) = peer_groups(socket.as_fd()) {
        groups.extend(more.into_iter().filter(|gid| *gid != credentials.gid()));
    }
    Ok(Peer { pid: credentials.pid(), uid: credentials.uid(), groups })
}

fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    // NGROUPS_MAX is 65536; most callers have a few, and the kernel says how much room it wants.
    let mut groups = vec![0_u32; 64];
    loop {
        let mut length =
            libc::socklen_t::try_from(size_of_val(groups.as_slice())).unwrap_or(libc::socklen_t::MAX);
        // SAFETY: `groups` is writable for `length` bytes, and the kernel writes no more than that.
        let got = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let count = length as usize / size_of::<u32>();
        match raw::check(got) {
            Ok(_) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && count > groups.len() => {
                groups.resize(count, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the other end is closed in both directions, so that nobody is left to read an answer (poll(2), POLLHUP).
///
/// # Errors
/// Whatever poll(2) says.
pub fn has_gone(socket: &impl AsFd) -> io::Result<bool> {
    // A hang-up is told whether it is asked for or not.
    let mut looked_at = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    // The end of a child interrupts even a poll that does not wait.
    while let Err(error) = poll(&mut looked_at, PollTimeout::ZERO) {
        if error != nix::errno::Errno::EINTR {
            return Err(error.into());
        }
    }
    Ok(looked_at[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)))
}

/// Sends bytes with an open file (SCM_RIGHTS); returns how many bytes went.
///
/// # Errors
/// `WouldBlock` on a non-blocking socket that is full; whatever sendmsg(2) says.
pub fn send_with_fd(socket: &impl AsFd, bytes: &[u8], file: BorrowedFd<'_>) -> io::Result<usize> {
    let files = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&files)];
    let flags = MsgFlags::MSG_NOSIGNAL;
    let sent = sendmsg::<UnixAddr>(socket.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], &rights, flags, None)?;
    Ok(sent)
}

/// Receives bytes and, where one comes along, an open file (close-on-exec). Zero bytes are the end.
///
/// # Errors
/// Whatever recvmsg(2) says.
pub fn receive_with_fd(socket: &impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let mut pieces = [IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<UnixAddr>(socket.as_fd().as_raw_fd(), &mut pieces, Some(&mut space), flags)?;
    let mut file = None;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control {
            for fd in fds {
                // SAFETY: the kernel has just made this descriptor for us, and nobody else owns it.
                file = Some(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
    }
    Ok((message.bytes, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_kernel_says_who_connected() {
        let (a, _b) = UnixStream::pair().unwrap();
        let peer = of(&a).unwrap();
        assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(peer.pid, i32::try_from(std::process::id()).unwrap());
        assert!(peer.groups.contains(&nix::unistd::getegid().as_raw()));
    }

    #[test]
    fn who_has_closed_its_own_side_has_not_gone() {
        let (a, b) = UnixStream::pair().unwrap();
        assert!(!has_gone(&a).unwrap());
        b.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(!has_gone(&a).unwrap());
        drop(b);
        assert!(has_gone(&a).unwrap());
    }

    #[test]
    fn a_file_goes_over_with_its_bytes() {
        let (a, b) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"inside").unwrap();
        file.rewind().unwrap();
        assert_eq!(send_with_fd(&a, b"hello", file.as_fd()).unwrap(), 5);
        let mut bytes = [0; 16];
        let (count, received) = receive_with_fd(&b, &mut bytes).unwrap();
        assert_eq!(&bytes[..count], b"hello");
        let mut text = String::new();
        std::fs::File::from(received.unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        drop(a);
        assert_eq!(receive_with_fd(&b, &mut bytes).unwrap().0, 0);
    }
}

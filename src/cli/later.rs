//! Calls that belong to modules which are not merged yet; each one becomes a call of the module that its comment names.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// `sys::peer`.
pub(super) fn receive(stream: &UnixStream, piece: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let mut parts = [IoSliceMut::new(piece)];
    let got = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut file = None;
    for message in got.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = message {
            for fd in fds {
                // SAFETY: the kernel has just made this descriptor for us and nobody else knows its number.
                file = Some(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
    }
    Ok((got.bytes, file))
}

/// `sys::peer`, for tests.
#[cfg(test)]
pub(super) fn send_with_file(stream: &UnixStream, bytes: &[u8], file: &File) -> io::Result<usize> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let fds = [file.as_raw_fd()];
    let parts = [io::IoSlice::new(bytes)];
    Ok(sendmsg::<()>(
        stream.as_raw_fd(),
        &parts,
        &[ControlMessage::ScmRights(&fds)],
        MsgFlags::empty(),
        None,
    )?)
}

/// `sys`: where the next byte that is no hole stands, at or after `from`; none where there is nothing but holes.
pub(super) fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
    use nix::unistd::{Whence, lseek};
    let from = i64::try_from(from).map_err(io::Error::other)?;
    match lseek(file, from, Whence::SeekData) {
        Ok(at) => Ok(u64::try_from(at).ok()),
        Err(nix::Error::ENXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `sys`: the user id that counts for files and sockets.
pub(super) fn uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// `sys::zoneinfo`.
pub(super) fn host_zone() -> jiff::tz::TimeZone {
    std::fs::read("/etc/localtime")
        .ok()
        .and_then(|bytes| jiff::tz::TimeZone::tzif("local", &bytes).ok())
        .unwrap_or(jiff::tz::TimeZone::UTC)
}

/// `job::Millis`.
pub(super) fn millis(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit =
        [("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)].iter().find(|(u, _)| *u == unit);
    let (_, unit) = unit.ok_or("no duration")?;
    number.parse::<u64>().map(|n| n.saturating_mul(*unit)).map_err(|e| e.to_string())
}

/// `job::signal_name`.
pub(super) fn signal_name(number: i32) -> Option<&'static str> {
    let name = nix::sys::signal::Signal::try_from(number).ok()?.as_str();
    Some(name.strip_prefix("SIG").unwrap_or(name))
}

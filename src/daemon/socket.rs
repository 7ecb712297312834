//! The control socket: its directory, whom it is open to, and that there is one ebbd behind it. Made here, or handed over by
//! the service manager, which then owns it: ebbd never removes it, so that what comes while no ebbd is there waits in it.
//! Whoever made it, it is the control group's: one that may control ebbd and can't open its socket could not.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as Handed;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;

use crate::exit;

use super::Failure;
use super::handover::Received;
use super::shell::Shell;

/// Root, ebbd's own user and the control group.
const CLOSED: u32 = 0o660;
/// The part of it that the control group needs.
const GROUP: u32 = 0o060;
/// Everybody may connect; who may do what is decided call by call, by the kernel's word on who is calling.
const OPEN: u32 = 0o666;

/// Whose socket it is, and its mode while no job has an `[allow]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Socket {
    /// Whether the service manager made it.
    pub(super) is_handed_over: bool,
    closed: u32,
}

impl Socket {
    /// One that ebbd makes by itself.
    pub(super) const OWN: Self = Self { is_handed_over: false, closed: CLOSED };

    /// One that was handed over, with the mode that it was found with. What is open to all was left so by an ebbd before
    /// this one, as far as can be known.
    const fn handed_over(mode: u32) -> Self {
        let mode = mode & 0o777;
        Self { is_handed_over: true, closed: if mode == OPEN { CLOSED } else { mode } }
    }
}

impl Shell {
    /// Listens: on what was handed over, else on a socket that is made.
    pub(super) fn bind(&mut self, handed: Option<Handed>) -> Result<UnixListener, Failure> {
        match handed {
            Some(handed) => self.take_over_socket(handed),
            None => self.make_socket(),
        }
    }

    fn take_over_socket(&mut self, handed: Handed) -> Result<UnixListener, Failure> {
        let refused = Failure::os("cannot listen on the socket that was handed over");
        // Where the unit says another place than the settings, the unit is right: nobody could connect elsewhere.
        if let Some(path) = handed.local_addr().ok().and_then(|at| at.as_pathname().map(Path::to_owned)) {
            self.options.places.socket = path;
        }
        self.socket = Socket::handed_over(mode_of(&self.options.places.socket).unwrap_or(CLOSED));
        let listener = UnixListener::from_std(handed).map_err(refused)?;
        self.give_socket_to_group();
        Ok(listener)
    }

    /// Goes on listening where an ebbd before this one in the same place did.
    pub(super) fn listen_on(&mut self, received: &mut Received) -> Result<UnixListener, Failure> {
        let refused = Failure::os("cannot go on listening on the control socket");
        self.socket = received.handover.whose;
        let listener = received.listener.take().ok_or_else(|| io::ErrorKind::NotFound.into());
        let listener = listener.and_then(|listener: OwnedFd| UnixListener::from_std(listener.into()));
        self.give_socket_to_group();
        listener.map_err(refused)
    }

    /// The settings count for a socket that is there already: its unit can't know them, and they may be newer than it is.
    /// A mode that keeps every group out is the unit's to say, unless a group was named.
    fn give_socket_to_group(&mut self) {
        if self.options.group.is_some() {
            self.socket.closed |= GROUP;
        }
        let path = &self.options.places.socket;
        if let (Some(gid), Ok(found)) = (self.gate.control_gid, std::fs::symlink_metadata(path))
            && found.gid() != gid
        {
            let group = self.control_group_name();
            match std::os::unix::fs::lchown(path, None, Some(gid)) {
                Ok(()) => tracing::info!(
                    "{} was of gid {} and is now of group {group}, which controls ebbd (setting `group`)",
                    path.display(),
                    found.gid()
                ),
                Err(error) => tracing::warn!("cannot give {} to group {group}: {error}", path.display()),
            }
        }
        self.open_socket_as_needed();
        if let Some(remark) = self.keeps_group_out() {
            tracing::warn!("{remark}");
        }
    }

    /// What to do where the socket, as it is now, keeps out the group that may control ebbd.
    pub(super) fn keeps_group_out(&self) -> Option<String> {
        let (gid, path) = (self.gate.control_gid?, &self.options.places.socket);
        let found = std::fs::symlink_metadata(path).ok()?;
        let mode = found.mode() & 0o777;
        let needed = if self.options.group.is_some() { GROUP } else { 0 };
        if mode == OPEN || (found.gid() == gid && mode & needed == needed) {
            return None;
        }
        let (group, path) = (self.control_group_name(), path.display());
        let systemctl = if self.gate.own_uid == 0 { "systemctl" } else { "systemctl --user" };
        Some(format!(
            "group {group} may control ebbd (setting `group`) and can't open {path}, which is of gid {} with mode {mode:04o}. \
             For now: `chgrp {group} {path} && chmod g+rw {path}`. For good: `{systemctl} edit ebbd.socket` with the lines \
             `[Socket]`, `SocketGroup={group}`, `SocketMode=0660`",
            found.gid()
        ))
    }

    /// Makes the socket. One that nobody answers on is of an ebbd that died, and makes room.
    fn make_socket(&self) -> Result<UnixListener, Failure> {
        let path = &self.options.places.socket;
        make_room(path)?;
        let listener =
            UnixListener::bind(path).map_err(Failure::os(format!("cannot listen on {}", path.display())))?;
        if let Some(gid) = self.gate.control_gid {
            std::os::unix::fs::chown(path, None, Some(gid))
                .map_err(Failure::os(format!("cannot give {} to its group", path.display())))?;
        }
        self.open_socket_as_needed();
        Ok(listener)
    }

    /// A job with an `[allow]` opens the socket to callers outside of the control group, so that the call can be judged.
    pub(super) fn open_socket_as_needed(&self) {
        let path = &self.options.places.socket;
        let mode = if self.has_guests { OPEN } else { self.socket.closed };
        // One that was handed over need not be ebbd's to change.
        if mode_of(path).is_ok_and(|found| found & 0o777 == mode) {
            return;
        }
        if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)) {
            tracing::error!("cannot set the mode of {}: {error}", path.display());
        }
    }

    /// The end: ebbd's own socket goes. One that was handed over stays as open as it is, so that also a caller whom some
    /// job lets in can wait in it for the next ebbd.
    pub(super) fn close_socket(&self) {
        if !self.socket.is_handed_over {
            let _ = std::fs::remove_file(&self.options.places.socket);
        }
    }
}

fn mode_of(path: &Path) -> io::Result<u32> {
    Ok(std::fs::symlink_metadata(path)?.permissions().mode())
}

fn make_room(path: &Path) -> Result<(), Failure> {
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(Failure::os(format!(
            "cannot make {} for the socket (--socket names another place)",
            dir.display()
        )))?;
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => {
            let message =
                format!("another ebbd listens on {}; name another place with --socket", path.display());
            return Err(Failure { message, code: exit::OS });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| {
        use std::os::unix::fs::FileTypeExt;
        m.file_type().is_socket()
    });
    if !is_socket {
        let message = format!(
            "{} is there and is no socket; remove it or name another place with --socket",
            path.display()
        );
        return Err(Failure { message, code: exit::OS });
    }
    std::fs::remove_file(path)
        .map_err(Failure::os(format!("cannot remove the old socket {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_of_a_socket_that_was_handed_over_is_the_units() {
        assert_eq!(Socket::handed_over(0o140_600).closed, 0o600);
        assert_eq!(Socket::handed_over(0o140_660).closed, 0o660);
        assert_eq!(Socket::handed_over(0o140_666).closed, 0o660, "left open by a crash");
    }
}

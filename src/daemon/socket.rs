//! The control socket: its directory, its mode, and that there is one ebbd behind it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use tokio::net::UnixListener;

use crate::exit;

use super::Failure;
use super::shell::Shell;

/// Root, ebbd's own user and the control group.
const CLOSED: u32 = 0o660;
/// Everybody may connect; who may do what is decided call by call, by the kernel's word on who is calling.
const OPEN: u32 = 0o666;

impl Shell {
    /// Makes the socket and listens. A socket that nobody answers on is of an ebbd that died, and makes room.
    pub(super) fn bind(&self) -> Result<UnixListener, Failure> {
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
        let mode = if self.has_guests { OPEN } else { CLOSED };
        if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)) {
            tracing::error!("cannot set the mode of {}: {error}", path.display());
        }
    }
}

/// Goes on listening on a socket that an earlier ebbd has left open.
pub(super) fn inherited(listener: OwnedFd) -> Result<UnixListener, Failure> {
    UnixListener::from_std(listener.into())
        .map_err(Failure::os("cannot listen on the socket that was handed over"))
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

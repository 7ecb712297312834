//! Connections of other users, as the kernel sees them. A helper process becomes that user, connects, and hands the
//! connection over; who is calling was fixed when it connected (SO_PEERCRED, unix(7)).

use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use super::proc::python;
use crate::harness::{Caller, Ebbd};

/// Any user without rights; `nobody` where there is one.
pub(crate) const NOBODY: u32 = 65534;
/// Another one.
pub(crate) const OTHER: u32 = 65533;

const BECOME: &str = "
import os, socket, sys
path, uid, groups = sys.argv[1], int(sys.argv[2]), [int(g) for g in sys.argv[3].split(',') if g]
os.setgroups(groups)
os.setgid(uid)
os.setuid(uid)
caller = socket.socket(socket.AF_UNIX)
try:
    caller.connect(path)
except OSError as error:
    sys.exit(str(error.errno))
socket.send_fds(socket.socket(fileno=0), [b'x'], [caller.fileno()])
";

/// A connection of that user (its primary group has the same number) with these further groups; else the errno of
/// connect(2).
pub(crate) fn connect_as(ebbd: &Ebbd, uid: u32, groups: &[u32]) -> Result<Caller, i32> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    let child = Command::new(python())
        .args(["-c", BECOME])
        .arg(ebbd.socket())
        .arg(uid.to_string())
        .arg(groups.join(","))
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    if !child.status.success() {
        let said = String::from_utf8_lossy(&child.stderr).into_owned();
        return Err(said.trim().parse().unwrap_or_else(|_| panic!("the helper failed: {said}")));
    }
    let mut byte = [0];
    let (_, connection) = ebb::sys::peer::receive_with_fd(&ours, &mut byte).unwrap();
    Ok(Caller::over(connection.unwrap().into()))
}

/// The number of a group that every system has.
pub(crate) fn group(name: &str) -> u32 {
    nix::unistd::Group::from_name(name).unwrap().unwrap_or_else(|| panic!("no group {name}")).gid.as_raw()
}

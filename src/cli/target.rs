//! Which ebbd to talk to, and what to say when it is not there. Knows nothing of what is said on the connection.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::places::Places;

use super::connection::Connection;
use super::failure::Failure;

/// The sockets to try, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    sockets: Vec<PathBuf>,
    /// How to start what should be there.
    start: String,
}

impl Target {
    /// One socket and no other.
    pub(super) fn at(socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        let start = format!("Start it with `ebbd --socket {}`, or name another socket", socket.display());
        Self { sockets: vec![socket], start }
    }

    /// The one that was named by flag or by `EBB_SOCKET`; else the user's own ebbd, then the system's.
    pub(super) fn of(flag: Option<PathBuf>, uid: u32, env: impl Fn(&str) -> Option<OsString>) -> Self {
        let named = flag.or_else(|| env("EBB_SOCKET").filter(|p| !p.is_empty()).map(PathBuf::from));
        if let Some(socket) = named {
            return Self::at(socket);
        }
        let own = Places::of(uid, |name| env(name).map(PathBuf::from)).socket;
        let system = Places::of(0, |_| None).socket;
        const NAME: &str = "another socket is named by --socket or EBB_SOCKET";
        if uid == 0 {
            let start = format!("Start it with `systemctl start ebbd`, or by hand with `ebbd`; {NAME}");
            return Self { sockets: vec![system], start };
        }
        let start = format!(
            "Root starts the system's with `systemctl start ebbd`, you start your own with `ebbd`; {NAME}"
        );
        Self { sockets: vec![own, system], start }
    }

    /// Connects to the first that answers.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] where one is there that the user may not open, else [`Failure::NoDaemon`]; both name
    /// every path that was tried and why it did not do.
    pub(super) fn connect(&self) -> Result<Connection, Failure> {
        let mut tried = Vec::new();
        for socket in &self.sockets {
            match UnixStream::connect(socket) {
                Ok(stream) => return Ok(Connection::new(stream, socket.clone())),
                Err(error) => tried.push((socket.as_path(), error)),
            }
        }
        Err(self.not_there(&tried))
    }

    fn not_there(&self, tried: &[(&Path, io::Error)]) -> Failure {
        let attempts: Vec<_> =
            tried.iter().map(|(path, error)| format!("{}: {}", path.display(), why(error))).collect();
        let attempts = attempts.join("; ");
        let is_denied = |(_, error): &&(&Path, io::Error)| error.kind() == io::ErrorKind::PermissionDenied;
        if tried.iter().any(|attempt| is_denied(&attempt)) {
            return Failure::NotAllowed(format!(
                "ebbd can't be reached. {attempts}. It is open to root and to the members of the socket's group: root \
             adds you with `usermod -aG ebb NAME`, which counts from your next login on, or lists you in a job's `[allow]`"
            ));
        }
        Failure::NoDaemon(format!("ebbd does not answer. {attempts}. {}", self.start))
    }
}

fn why(error: &io::Error) -> String {
    const WORDS: [(io::ErrorKind, &str); 4] = [
        (io::ErrorKind::NotFound, "there is no such socket"),
        (
            io::ErrorKind::ConnectionRefused,
            "nobody listens there; an ebbd that was killed leaves its socket behind",
        ),
        (io::ErrorKind::PermissionDenied, "you may not open this socket"),
        (io::ErrorKind::InvalidInput, "the path is longer than a socket's may be (107 bytes)"),
    ];
    let known = WORDS.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, words)| (*words).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn sockets(flag: Option<&str>, uid: u32, env: &[(&str, &str)]) -> Vec<String> {
        let look_up =
            |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let target = Target::of(flag.map(PathBuf::from), uid, look_up);
        target.sockets.iter().map(|p| p.display().to_string()).collect()
    }

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_places() {
        let env = [("EBB_SOCKET", "/e"), ("XDG_RUNTIME_DIR", "/run/user/7")];
        assert_eq!(sockets(Some("/f"), 7, &env), ["/f"]);
        assert_eq!(sockets(None, 7, &env), ["/e"]);
        assert_eq!(sockets(None, 7, &env[1..]), ["/run/user/7/ebb/ebb.sock", "/run/ebb/ebb.sock"]);
        assert_eq!(sockets(None, 0, &env[1..]), ["/run/ebb/ebb.sock"]);
        assert_eq!(sockets(None, 0, &[("EBB_SOCKET", "")]), ["/run/ebb/ebb.sock"]);
    }

    #[test]
    fn the_systems_ebbd_is_reached_where_the_users_own_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let system = dir.path().join("system.sock");
        let _listener = UnixListener::bind(&system).unwrap();
        let target =
            Target { sockets: vec![dir.path().join("own.sock"), system.clone()], start: String::new() };
        assert_eq!(target.connect().unwrap().path(), system);
    }

    #[test]
    fn an_ebbd_that_is_not_there_is_said_with_every_path_and_reason() {
        let dir = tempfile::tempdir().unwrap();
        let (none, dead) = (dir.path().join("none.sock"), dir.path().join("dead.sock"));
        drop(UnixListener::bind(&dead).unwrap());
        let failure = Target { sockets: vec![none.clone(), dead.clone()], ..Target::of(None, 7, |_| None) }
            .connect()
            .unwrap_err();
        let text = failure.to_string();
        assert_eq!(failure.exit_code().0, 69);
        assert!(text.contains(&format!("{}: there is no such socket", none.display())), "{text}");
        assert!(text.contains(&format!("{}: nobody listens there", dead.display())), "{text}");
        assert!(text.contains("systemctl start ebbd"), "{text}");
    }

    #[test]
    fn a_socket_that_may_not_be_opened_is_not_allowed() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let none = io::Error::from(io::ErrorKind::NotFound);
        let failure =
            Target::at("/own").not_there(&[(Path::new("/own"), none), (Path::new("/system"), denied)]);
        assert_eq!(failure.exit_code().0, 77);
        assert!(failure.to_string().contains("/system: you may not open this socket"), "{failure}");
    }
}

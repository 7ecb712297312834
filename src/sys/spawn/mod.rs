//! Starts a program straight inside its cgroup, with nothing of ebbd about it but what the specification says.
//! The parent does not wait: whether the exec went well is read from a pipe. Knows nothing of jobs.

mod begun;
mod clone;
mod failure;
mod inside;
mod own;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use libc::c_char;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

pub use begun::{Begun, Note, Place};
pub use failure::{ExecFailure, ExecResult, ExecStatus, Step};

use super::cgroup::Leaf;
use super::users::Identity;
use super::{proc, raw};

/// Where a program without a `/` is looked for if the environment has no PATH.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A resource limit, `u64::MAX` for none (setrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    /// `libc::RLIMIT_DATA` and so on.
    pub resource: u32,
    /// What is enforced.
    pub soft: u64,
    /// How far the program may raise it.
    pub hard: u64,
}

impl Rlimit {
    /// RLIMIT_NOFILE: one more than the highest descriptor that can be opened.
    #[must_use]
    pub const fn descriptors(soft: u64, hard: u64) -> Self {
        // As below.
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
        Self { resource: libc::RLIMIT_NOFILE as u32, soft, hard }
    }

    /// RLIMIT_DATA: bytes of private memory that one process may reserve, used or not.
    #[must_use]
    pub const fn data(bytes: u64) -> Self {
        // The constant's type differs between C libraries; its value is small everywhere.
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
        Self { resource: libc::RLIMIT_DATA as u32, soft: bytes, hard: bytes }
    }
}

/// What is started, and as what. The strings are checked and laid out when it is made; the rest can be set afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnSpec {
    argv: Vec<CString>,
    envp: Vec<CString>,
    programs: Vec<CString>,
    path: String,
    cwd: CString,
    /// Whom to become; `None` is "stay".
    pub identity: Option<Identity>,
    /// The file mode creation mask.
    pub umask: u32,
    /// Added to those that are inherited.
    pub rlimits: Vec<Rlimit>,
    /// -20 to 19; below ebbd's own only with the privilege for it. `None`: ebbd's own, but no less than 0.
    pub nice: Option<i32>,
    /// -1000 to 1000; below ebbd's own only with the privilege for it. `None`: ebbd's own, but no less than 0.
    pub oom_score_adj: Option<i32>,
}

impl SpawnSpec {
    /// `command` is the program and its arguments. The program is taken as it is if it has a `/` in it (relative to `cwd`),
    /// else looked for in the PATH of `environment`, whose empty elements do not count. Of two variables of one name the
    /// later one counts.
    ///
    /// # Errors
    /// An empty command, a NUL in any string, a variable name that is empty or has `=` in it.
    pub fn new(command: &[String], environment: &[(String, String)], cwd: &Path) -> io::Result<Self> {
        let Some(program) = command.first().filter(|p| !p.is_empty()) else {
            return Err(invalid("the command is empty: name a program"));
        };
        let variables: BTreeMap<&str, &str> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Some(name) = variables.keys().find(|name| name.is_empty() || name.contains('=')) {
            return Err(invalid(&format!("`{name}` can't be the name of an environment variable")));
        }
        let path = variables.get("PATH").copied().unwrap_or(DEFAULT_PATH);
        let programs = if program.contains('/') {
            vec![c_string(program)?]
        } else {
            let dirs = path.split(':').filter(|dir| !dir.is_empty());
            dirs.map(|dir| c_string(&format!("{dir}/{program}"))).collect::<io::Result<_>>()?
        };
        Ok(Self {
            argv: command.iter().map(|arg| c_string(arg)).collect::<io::Result<_>>()?,
            envp: variables.iter().map(|(n, v)| c_string(&format!("{n}={v}"))).collect::<io::Result<_>>()?,
            programs,
            path: path.to_owned(),
            cwd: c_string_of(cwd.as_os_str().as_encoded_bytes())?,
            identity: None,
            umask: 0o022,
            rlimits: Vec::new(),
            nice: None,
            oom_score_adj: None,
        })
    }

    /// Executes this file instead, and calls it as the command says. `/proc/self/exe` is the program that this process runs,
    /// also after its file was replaced.
    #[must_use]
    pub fn executing(mut self, file: &CStr) -> Self {
        self.programs = vec![file.to_owned()];
        self
    }

    fn about(&self) -> failure::About {
        let text = |c: &CStr| c.to_string_lossy().into_owned();
        let own = || (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let (uid, gid) = self.identity.as_ref().map_or_else(own, |id| (id.uid, id.gid));
        failure::About {
            program: self.argv.first().map(|a| text(a)).unwrap_or_default(),
            path: self.path.clone(),
            cwd: text(&self.cwd).into(),
            uid,
            gid,
            nice: self.nice.unwrap_or(0),
            oom_score_adj: self.oom_score_adj.unwrap_or(0),
        }
    }
}

/// A child that is on its way to its program.
#[derive(Debug)]
pub struct Spawned {
    /// Its pid, which is also its process group and session; valid until it is reaped.
    pub pid: i32,
    /// Its descriptor: readable when it has ended, and what [`super::child::reap`] takes.
    pub pidfd: OwnedFd,
    /// Whether it reached its program.
    pub exec: ExecStatus,
    /// When it started, in clock ticks since boot, or [`proc::START_UNKNOWN`].
    pub start_ticks: u64,
}

/// Starts a child with `stdio` as its descriptors 0, 1 and 2, in `leaf` if there is one.
///
/// It is made inside the v2 leaf (CLONE_INTO_CGROUP); v1 leaves it joins before all else. Where clone3 is not to be had (a
/// container's seccomp filter, Linux before 5.7) it joins the v2 leaf by itself as well, which costs some milliseconds.
/// The last thing it does before its program is to leave a note at `place`, if there is one.
///
/// # Errors
/// The leaf is gone, or there is no process, memory or descriptor left. What fails in the child later on is told by
/// [`Spawned::exec`].
pub fn spawn(
    spec: &SpawnSpec,
    stdio: [BorrowedFd<'_>; 3],
    leaf: Option<&Leaf>,
    place: Option<Place<'_>>,
) -> io::Result<Spawned> {
    let into = leaf.map(Leaf::v2_dir_fd).transpose()?.flatten();
    let v1 = leaf.map(Leaf::join_fds).transpose()?.unwrap_or_default();
    let (reader, writer) = status_pipe()?;
    let [stdin, stdout, stderr] = stdio.map(above_stdio);
    let (stdin, stdout, stderr) = (stdin?, stdout?, stderr?);

    let lists = Lists::of(spec);
    let share = own::share();
    let oom_score_adj = spec.oom_score_adj.or(share.oom_score_adj).map(|n| n.to_string());
    let join: Vec<RawFd> = v1.iter().map(AsRawFd::as_raw_fd).collect();
    let plan = inside::Plan {
        status: writer.as_raw_fd(),
        join: &join,
        reset: clone::ignored_signals(),
        oom_score_adj: oom_score_adj.as_ref().map(String::as_bytes),
        nice: spec.nice.or(share.nice),
        rlimits: &lists.rlimits,
        umask: spec.umask,
        identity: spec
            .identity
            .as_ref()
            .filter(|id| !id.is_ours())
            .map(|id| (id.uid, id.gid, &id.groups[..])),
        cwd: spec.cwd.as_ptr(),
        stdio: [stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()],
        note: place.map(Place::parts),
        programs: &lists.programs,
        argv: &lists.argv,
        envp: &lists.envp,
    };
    let (pid, pidfd) = clone::clone(&plan, into.as_ref().map(AsFd::as_fd))?;
    drop(writer);
    // The child is not reaped yet, so the pid is its own.
    let start_ticks = proc::pid_start_ticks(pid).unwrap_or(proc::START_UNKNOWN);
    Ok(Spawned { pid, pidfd, exec: ExecStatus { pipe: reader, about: spec.about() }, start_ticks })
}

/// The lists of pointers that execve(2) takes, and limits in the kernel's form; they live as long as the specification.
struct Lists {
    programs: Vec<*const c_char>,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    rlimits: Vec<(u32, inside::RawLimit)>,
}

impl Lists {
    fn of(spec: &SpawnSpec) -> Self {
        let pointers = |strings: &[CString]| strings.iter().map(|s| s.as_ptr()).collect::<Vec<_>>();
        let ended = |strings: &[CString]| {
            let mut list = pointers(strings);
            list.push(std::ptr::null());
            list
        };
        let limit = |l: &Rlimit| (l.resource, inside::RawLimit { soft: l.soft, hard: l.hard });
        Self {
            programs: pointers(&spec.programs),
            argv: ended(&spec.argv),
            envp: ended(&spec.envp),
            rlimits: spec.rlimits.iter().map(limit).collect(),
        }
    }
}

/// A non-blocking pipe whose write end can't be mistaken for standard input, output or error.
fn status_pipe() -> io::Result<(io::PipeReader, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    let writer = if writer.as_raw_fd() < 3 { above_stdio(writer.as_fd())? } else { writer };
    Ok((reader.into(), writer))
}

/// A copy of the descriptor at 3 or above, so that setting up 0, 1 and 2 overwrites none that is still needed.
fn above_stdio(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    raw::own_fd(copy.into())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn c_string(text: &str) -> io::Result<CString> {
    c_string_of(text.as_bytes())
}

fn c_string_of(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| {
        invalid(&format!(
            "`{}` has a NUL byte in it, which no program can be given",
            String::from_utf8_lossy(bytes)
        ))
    })
}

//! Starts a program as the shell would have: in this terminal, this session and this process group, with all that this
//! process was given. Only its cgroups are its own. And hears the signals that are meant for it meanwhile.
//! Knows nothing of what is measured.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::fcntl::OFlag;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, pthread_sigmask, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::cgroup::Leaf;
use super::pidfd;
use super::raw::because;

/// What ends a program at a terminal or from a supervisor, and has to reach the program instead of this process.
const HEARD: [Signal; 4] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP];

/// What is started.
#[derive(Debug)]
pub struct Program<'a> {
    /// The program and its arguments. Without a `/` it is looked for in PATH (execvp(3)).
    pub command: &'a [OsString],
    /// Variables that are set on top of this process's own.
    pub environment: &'a [(OsString, OsString)],
    /// What its standard output is, if not this process's own.
    pub stdout: Option<OwnedFd>,
}

/// A program that runs.
#[derive(Debug)]
pub struct Started {
    /// Its pid; valid until it is reaped.
    pub pid: i32,
    /// Its descriptor: readable when it has ended, and what [`super::child::reap`] takes.
    pub pidfd: OwnedFd,
    /// When it was about to become its program, in nanoseconds of [`now_ns`].
    pub began_ns: u64,
    /// Whether it is in the leaf that it was to be in.
    pub is_inside: bool,
}

/// Signals that were sent to this process, which it does not die of as long as this lives.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    /// From now on SIGINT, SIGQUIT, SIGTERM and SIGHUP wait to be read here (signalfd(2)).
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn hear() -> io::Result<Self> {
        let mut before = SigSet::empty();
        let set: SigSet = HEARD.into_iter().collect();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut before))?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        // Whoever started this process may ignore it, and then the kernel keeps no status of children (waitpid(2)).
        // SAFETY: the default is no handler of ours.
        let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
        Ok(Self { fd, before })
    }

    /// The next one, and whether a process sent it to us alone. What comes from the terminal (`SI_KERNEL`) has gone to the
    /// whole foreground group already, the program included.
    ///
    /// # Errors
    /// None in practice.
    pub fn next(&self) -> io::Result<Option<(i32, bool)>> {
        let Some(info) = self.fd.read_signal()? else { return Ok(None) };
        let number = i32::try_from(info.ssi_signo).unwrap_or(0);
        Ok(Some((number, info.ssi_code <= 0)))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}

/// CLOCK_BOOTTIME in nanoseconds.
#[must_use]
pub fn now_ns() -> u64 {
    ns(nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).ok())
}

fn ns(at: Option<nix::sys::time::TimeSpec>) -> u64 {
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    at.map_or(0, |at| part(at.tv_sec()) * 1_000_000_000 + part(at.tv_nsec()))
}

/// Starts the program inside of `leaf`, if there is one, with the signals as this process had them before [`Signals::hear`].
///
/// Back when it has become its program. It has no session and no limits of its own, so a terminal's Ctrl-C and Ctrl-Z reach
/// it, and descriptors that were meant for it (`<(...)` of a shell) are still open.
///
/// # Errors
/// What execvp(3) says of the program; or there is no process or descriptor left.
pub fn start(program: &Program<'_>, signals: &Signals, leaf: Option<&Leaf>) -> io::Result<Started> {
    let Some((name, arguments)) = program.command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let joins = leaf.map(joins).transpose()?.unwrap_or_default();
    let join: Vec<RawFd> = joins.iter().map(AsRawFd::as_raw_fd).collect();
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let (note, before) = (writer.as_raw_fd(), signals.before);
    let mut command = Command::new(name);
    command.args(arguments).envs(program.environment.iter().map(|(name, value)| (name, value)));
    if let Some(stdout) = &program.stdout {
        command.stdout(Stdio::from(stdout.try_clone()?));
    }
    // SAFETY: between fork and exec only bare system calls are made; nothing allocates or locks.
    unsafe { command.pre_exec(move || prepare(&join, note, &before)) };
    let mut child = command.spawn()?;
    drop(writer);
    // Not reaped yet, so the pid is its own.
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let pidfd = pidfd::pidfd_open(pid).inspect_err(|_| {
        // What can't be watched does not run.
        let _ = child.kill();
        let _ = child.wait();
    });
    let pidfd = pidfd.map_err(|e| because(&e, "the program can't be watched (pidfd_open)"))?;
    let mut note = [0; 16];
    std::fs::File::from(reader).read_exact(&mut note)?;
    let (began, inside) = note.split_at(8);
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
    Ok(Started { pid, pidfd, began_ns: word(began), is_inside: word(inside) == 1 })
}

/// Files into which the child writes `0` to be in the leaf.
fn joins(leaf: &Leaf) -> io::Result<Vec<OwnedFd>> {
    let mut joins = leaf.join_fds()?;
    if let Some(dir) = leaf.v2_dir_fd()? {
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        joins.push(nix::fcntl::openat(&dir, "cgroup.procs", flags, nix::sys::stat::Mode::empty())?);
    }
    Ok(joins)
}

/// In the child: joins, takes back the signals, and notes when it is done with that. Never fails, so that an error of the
/// start is one of the program.
fn prepare(join: &[RawFd], note: RawFd, before: &SigSet) -> io::Result<()> {
    let mut is_inside = true;
    for &file in join {
        // SAFETY: one valid byte is written.
        is_inside &= unsafe { libc::write(file, c"0".as_ptr().cast(), 1) } == 1;
    }
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(before), None);
    let words = [now_ns(), u64::from(is_inside)];
    // SAFETY: sixteen valid bytes are written, which a pipe takes at once.
    let _ = unsafe { libc::write(note, words.as_ptr().cast(), size_of_val(&words)) };
    Ok(())
}

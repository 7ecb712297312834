//! Calls a program with a service's rights, in a session of its own without a terminal, and takes down what it says, within
//! bounds of time and length. Whatever comes of it is ended. Knows nothing of Python.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::limits;
use crate::sys::child::{self, Exit};
use crate::sys::foreground::Signals;
use crate::sys::spawn::{self, ExecResult, SpawnSpec, Spawned};
use crate::sys::tracked::Tree;
use crate::sys::tree::Family;
use crate::sys::users::Identity;

/// What is called.
pub(super) struct Call<'a> {
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// Whether it is this program of ours that is executed, whatever the command calls it.
    pub(super) is_own: bool,
    pub(super) environment: &'a [(String, String)],
    pub(super) identity: &'a Identity,
}

/// What it has said, and how it ended.
pub(super) struct Answer {
    pub(super) exit: Exit,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// Somebody wants this process to end: with this signal.
    Interrupted(i32),
    /// The end of a sentence.
    Because(String),
}

/// What marks the processes of a call, on top of their descent.
const MARK: &str = "EBB_AUDIT";

/// Calls it, and waits for its end.
pub(super) fn ask(call: &Call<'_>, signals: &Signals) -> Result<Answer, Unanswered> {
    let refused = |e: io::Error| Unanswered::Because(format!("its interpreter can't be called: {e}"));
    let mark = format!("{}-{:x}", std::process::id(), crate::sys::foreground::now_ns());
    let mut environment = call.environment.to_vec();
    environment.push((MARK.to_owned(), mark.clone()));
    let mut spec = SpawnSpec::new(&call.command, &environment, Path::new("/")).map_err(refused)?;
    if call.is_own {
        spec = spec.executing(c"/proc/self/exe");
    }
    spec.identity = Some(call.identity.clone());
    // It is nobody's work: it waits for all others, and goes first where memory runs out.
    (spec.nice, spec.oom_score_adj) = (Some(19), Some(1000));
    let nothing = File::options().read(true).write(true).open("/dev/null").map_err(refused)?;
    let (out, its_out) = pipe().map_err(refused)?;
    let (err, its_err) = pipe().map_err(refused)?;
    let stdio = [nothing.as_fd(), its_out.as_fd(), its_err.as_fd()];
    let spawned = spawn::spawn(&spec, stdio, None, None).map_err(refused)?;
    drop((its_out, its_err));
    let family = Family::new(spawned.pid, spawned.start_ticks, &format!("{MARK}={mark}"));
    let mut said = [Said::from(out), Said::from(err)];
    // Its status first: what is reaped with the rest leaves none.
    let exit = listen(&spawned, &mut said, signals).and_then(|()| exit_of(&spawned));
    let is_gone = Tree::Family(family).vanish();
    let exit = exit?;
    if !is_gone {
        return Err(Unanswered::Because("what it has started can't be ended".to_owned()));
    }
    said.iter_mut().for_each(Said::take);
    let [stdout, stderr] = said.map(|said| String::from_utf8_lossy(&said.text).into_owned());
    Ok(Answer { exit, stdout, stderr })
}

/// How it ended, which it has by now, or why it never was what it should be.
fn exit_of(spawned: &Spawned) -> Result<Exit, Unanswered> {
    let because = |why: String| Unanswered::Because(why);
    if let Ok(ExecResult::Failed(failure)) = spawned.exec.read() {
        return Err(because(format!("its interpreter can't be called: {failure}")));
    }
    match child::reap(spawned.pidfd.as_fd()) {
        Ok(Some(reaped)) => Ok(reaped.exit),
        Ok(None) => Err(because("it can't be ended".to_owned())),
        Err(e) => Err(because(format!("its end can't be read: {e}"))),
    }
}

/// Takes down what it says until it has ended or its time is up.
fn listen(spawned: &Spawned, said: &mut [Said; 2], signals: &Signals) -> Result<(), Unanswered> {
    let failed = |e: io::Error| Unanswered::Because(format!("it can't be watched: {e}"));
    let most = Duration::from_millis(limits::AUDIT_IMPORTS_MS + limits::AUDIT_ANSWER_GRACE_MS);
    let deadline = Instant::now() + most;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Unanswered::Because(format!("it took longer than {} s", most.as_secs())));
        }
        let mut fds = vec![
            PollFd::new(spawned.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(
            said.iter().filter_map(|said| Some(PollFd::new(said.from.as_ref()?.as_fd(), PollFlags::POLLIN))),
        );
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(failed(e.into())),
        }
        let is_ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        let (has_ended, is_signalled) = (is_ready(&fds[0]), is_ready(&fds[1]));
        if let Some((signal, _)) = is_signalled.then(|| signals.next()).transpose().map_err(failed)?.flatten()
        {
            return Err(Unanswered::Interrupted(signal));
        }
        said.iter_mut().for_each(Said::take);
        if has_ended {
            return Ok(());
        }
    }
}

/// One of its streams.
struct Said {
    from: Option<File>,
    text: Vec<u8>,
}

impl From<OwnedFd> for Said {
    fn from(fd: OwnedFd) -> Self {
        Self { from: Some(fd.into()), text: Vec::new() }
    }
}

impl Said {
    /// Takes what is there, a part at a time: somebody may write without end. What is too much is read and forgotten, so
    /// that nobody waits for us.
    fn take(&mut self) {
        // A pipe holds 64 KiB.
        let mut part = [0; 64 * 1024];
        for _ in 0..2 {
            let Some(from) = &mut self.from else { return };
            match from.read(&mut part) {
                Ok(0) => self.from = None,
                Ok(count) => {
                    let room = limits::AUDIT_ANSWER_MAX.saturating_sub(self.text.len());
                    self.text.extend_from_slice(&part[..count.min(room)]);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.from = None,
            }
        }
    }
}

/// A pipe; who reads does not wait.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader, writer))
}

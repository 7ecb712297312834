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
use crate::sys::pidfd;
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
    /// How long it may take.
    pub(super) within: Duration,
}

/// What it has said, and how it ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) exit: Exit,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// Somebody wants this process to end: with this signal.
    Interrupted(i32),
    /// The end of a sentence.
    Because(String),
}

/// Calls it, and waits for its end. All that comes into being below this process meanwhile ends with it; for this process being
/// a subreaper ([`child::set_subreaper`]) also what has forked twice.
pub(super) fn ask(call: &Call<'_>, signals: &Signals) -> Result<Answer, Unanswered> {
    let family = Family::of_this_process();
    let refused = |e: io::Error| Unanswered::Because(format!("its interpreter can't be called: {e}"));
    let mut spec = SpawnSpec::new(&call.command, call.environment, Path::new("/")).map_err(refused)?;
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
    let mut said = [Said::from(out), Said::from(err)];
    // Its status first: what is reaped with the rest leaves none.
    let exit = listen(&spawned, &mut said, signals, call.within).and_then(|()| exit_of(&spawned));
    if exit.is_err() {
        // It may have files to remove.
        let _ = pidfd::pidfd_signal(spawned.pidfd.as_fd(), libc::SIGTERM);
        let _ = listen(&spawned, &mut said, signals, Duration::from_millis(limits::AUDIT_END_MS));
    }
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
fn listen(
    spawned: &Spawned,
    said: &mut [Said; 2],
    signals: &Signals,
    within: Duration,
) -> Result<(), Unanswered> {
    let failed = |e: io::Error| Unanswered::Because(format!("it can't be watched: {e}"));
    let deadline = Instant::now() + within;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Unanswered::Because(format!("it took longer than {} s", within.as_secs())));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::processes;

    fn answer(script: &str, within: Duration) -> Result<Answer, Unanswered> {
        let own = i32::try_from(std::process::id()).unwrap();
        let call = Call {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            is_own: false,
            environment: &[("ALONE".to_owned(), "1".to_owned())],
            identity: &processes::identity_of(own).unwrap(),
            within,
        };
        ask(&call, &Signals::hear().unwrap())
    }

    /// Other tests have children as well, which would end with what is called.
    fn is_alone(test: &str) -> bool {
        crate::sys::testing::alone(&format!("cli::audit::imports::ask::tests::{test}"))
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_called_has_nothing_of_ours() {
        if !is_alone("what_is_called_has_nothing_of_ours") {
            return;
        }
        let told = answer("env; pwd; echo oops >&2; read word; tty; exit 3", LONG).unwrap();
        assert_eq!((told.exit, told.stderr.as_str()), (Exit::Code(3), "oops\n"));
        let lines: Vec<&str> = told.stdout.lines().collect();
        assert!(lines.contains(&"ALONE=1") && lines.contains(&"/"), "{lines:?}");
        assert!(lines.contains(&"not a tty"), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("CARGO")), "{lines:?}");
    }

    #[test]
    fn what_says_too_much_is_cut_off_and_what_never_ends_is_ended() {
        if !is_alone("what_says_too_much_is_cut_off_and_what_never_ends_is_ended") {
            return;
        }
        let most = limits::AUDIT_ANSWER_MAX;
        let told = answer(&format!("head -c {} /dev/zero", most + 300_000), LONG).unwrap();
        assert_eq!((told.exit, told.stdout.len()), (Exit::Code(0), most));
        let endless = answer("trap '' TERM; while :; do echo x; done", Duration::from_millis(300));
        assert!(matches!(&endless, Err(Unanswered::Because(why)) if why.contains("longer")), "{endless:?}");
    }

    #[test]
    fn what_it_has_started_ends_with_it_and_keeps_nobody_waiting() {
        if !is_alone("what_it_has_started_ends_with_it_and_keeps_nobody_waiting") {
            return;
        }
        child::set_subreaper().unwrap();
        let told = answer("setsid sleep 600 & echo $!", LONG).unwrap();
        let pid: i32 = told.stdout.trim().parse().unwrap();
        assert!(crate::sys::proc::stat(pid).is_err(), "{pid} is still there");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        if !is_alone("a_program_that_is_not_there_is_named") {
            return;
        }
        let own = i32::try_from(std::process::id()).unwrap();
        let call = Call {
            command: vec!["/nonexistent/python".to_owned()],
            is_own: false,
            environment: &[],
            identity: &processes::identity_of(own).unwrap(),
            within: LONG,
        };
        let why = ask(&call, &Signals::hear().unwrap()).unwrap_err();
        assert!(matches!(&why, Unanswered::Because(why) if why.contains("/nonexistent/python")), "{why:?}");
    }
}

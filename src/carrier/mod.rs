//! The carrier of one run's output: ebbd's own program as a process of its own, which reads what the run writes and sends
//! it to the systemd journal, an entry a line. So ebbd is not in the path: what becomes of ebbd is nothing to it, and it
//! ends when the last process that can write has gone. Knows nothing of jobs beyond their names.

mod entry;
mod lines;
mod sender;

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid};

use crate::exit;
use crate::limits;
use crate::sys;

use entry::Fields;
use lines::Lines;
use sender::Sender;

/// The first argument of an ebbd that is a carrier. Not for people.
pub const FLAG: &str = "--carry-output";

/// What a carrier is started with, as arguments, so that `ps` shows whose output it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Where journald listens.
    pub socket: PathBuf,
    /// SYSLOG_IDENTIFIER.
    pub identifier: String,
    /// The job's name.
    pub job: String,
    /// The run's number.
    pub run: u64,
    /// What names the run among all of all ebbd on the host.
    pub key: String,
    /// User and group to become, where they are not ebbd's own.
    pub user: Option<(u32, u32)>,
}

impl Task {
    /// As arguments, [`FLAG`] first.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let user = self.user.map_or_else(String::new, |(uid, gid)| format!("{uid}:{gid}"));
        let socket = self.socket.display().to_string();
        let Self { identifier, job, run, key, .. } = self;
        vec![FLAG.to_owned(), socket, identifier.clone(), job.clone(), run.to_string(), key.clone(), user]
    }

    /// From arguments; none where they are not a carrier's.
    #[must_use]
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let words: Vec<&str> = words.into_iter().collect();
        let [FLAG, socket, identifier, job, run, key, user] = words[..] else { return None };
        let user = match user.split_once(':') {
            Some((uid, gid)) => Some((uid.parse().ok()?, gid.parse().ok()?)),
            None => user.is_empty().then_some(None)?,
        };
        Some(Self {
            socket: socket.into(),
            identifier: identifier.to_owned(),
            job: job.to_owned(),
            run: run.parse().ok()?,
            key: key.to_owned(),
            user,
        })
    }
}

/// Carries until nobody can write any more: the output comes from descriptor 0; descriptor 1, for reading as well, gives
/// the run's pid as digits once there is one.
#[must_use]
pub fn main(task: &Task) -> ExitCode {
    if let Err(error) = settle_in(task) {
        complain(task, &format!("cannot become its user: {error}"));
        return exit::OS.into();
    }
    let fields = Fields::new(task, pid_of_run());
    let mut sender = Sender::new(&task.socket, Duration::from_millis(limits::JOURNALD_STALL_MS));
    let carried = carry(io::stdin().as_fd(), &fields, &mut sender);
    let lost = sender.finish(&fields);
    if let Err(error) = &carried {
        complain(task, &format!("cannot read its output: {error}"));
    }
    if lost > 0 {
        complain(
            task,
            &format!("{lost} lines of its output are lost: the systemd journal does not take them"),
        );
    }
    if carried.is_ok() && lost == 0 { ExitCode::SUCCESS } else { exit::OS.into() }
}

/// Becomes what it shall be: of the run's user, out of that user's reach, and deaf to requests to end.
fn settle_in(task: &Task) -> io::Result<()> {
    sys::signals::ignore_requests_to_end()?;
    nix::sys::prctl::set_name(c"ebb-carrier")?;
    if let Some((uid, gid)) = task.user {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        nix::unistd::setgroups(&[])?;
        nix::unistd::setresgid(gid, gid, gid)?;
        nix::unistd::setresuid(uid, uid, uid)?;
    }
    // It is outside of the run's cgroup. Were it open to ptrace(2), a run could take it over and so get out of its limits.
    // (Becoming another user has closed it already, wherever fs.suid_dumpable is not 1.)
    Ok(nix::sys::prctl::set_dumpable(false)?)
}

/// What ebbd says about the run before it closes the pipe; an ebbd that dies first has said nothing.
fn pid_of_run() -> Option<u32> {
    let mut digits = [0; 16];
    let count = read(io::stdout().as_fd(), &mut digits).ok()?;
    std::str::from_utf8(&digits[..count]).ok()?.parse().ok()
}

fn carry(output: BorrowedFd<'_>, fields: &Fields, sender: &mut Sender<'_>) -> io::Result<()> {
    let mut lines = Lines::new(limits::JOURNALD_ENTRY_MAX);
    loop {
        let count = read(output, lines.room())?;
        if count == 0 {
            break;
        }
        lines.came(count);
        while let Some(line) = lines.next() {
            sender.deliver(fields, &line);
        }
    }
    if let Some(line) = lines.rest() {
        sender.deliver(fields, &line);
    }
    Ok(())
}

fn read(from: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match nix::unistd::read(from, into) {
            Err(Errno::EINTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Standard error is ebbd's own, as long as somebody reads that.
fn complain(task: &Task, what: &str) {
    let _ = writeln!(io::stderr(), "ERROR run {} of {}: {what}", task.run, task.job);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task {
            socket: "/run/systemd/journal/socket".into(),
            identifier: "the search".to_owned(),
            job: "indexer".to_owned(),
            run: 42,
            key: "ebb-1a2b3c4d/42".to_owned(),
            user: Some((33, 34)),
        }
    }

    #[test]
    fn a_carrier_is_told_by_its_arguments_and_nothing_else_is_taken_for_one() {
        for task in [task(), Task { user: None, ..task() }] {
            let words = task.words();
            assert_eq!(Task::parse(words.iter().map(String::as_str)), Some(task));
        }
        let words = task().words();
        assert_eq!(Task::parse(words.iter().skip(1).map(String::as_str)), None);
        assert_eq!(Task::parse(["--help"]), None);
        for user in ["root", ":", "1:", "1:2:3"] {
            let mut words = words.clone();
            words[6] = user.to_owned();
            assert_eq!(Task::parse(words.iter().map(String::as_str)), None, "{user}");
        }
    }
}

//! Carriers as ebbd sees them: one is started with each run whose output goes to the systemd journal, and then left alone.
//! Nothing is kept of it: who asks whether one is still at work gets the answer from `/proc`.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use crate::carrier::Task;
use crate::engine::{JobIndex, Order};
use crate::job::Definition;
use crate::journal::record::RunId;
use crate::protocol::LogFile;
use crate::sys;
use crate::sys::spawn::{self, SpawnSpec};
use crate::sys::users::Identity;
use crate::words::OutputTo;

use super::ladder::Ladder;
use super::shell::Shell;
use super::watch;

/// The near ends of a carrier's two pipes. Dropped, they tell it that no more will come from here.
pub(super) struct Carrier {
    output: OwnedFd,
    pid: io::PipeWriter,
}

impl Carrier {
    /// What the run writes to.
    pub(super) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Tells it the run's main process.
    pub(super) fn tell(mut self, pid: i32) {
        // A carrier that has gone has no use for it.
        let _ = self.pid.write_all(pid.to_string().as_bytes());
    }
}

impl Shell {
    /// Starts the carrier of a run's output. It waits for the run, and ends by itself if there will be none.
    pub(super) fn carrier(
        &self,
        job: &Definition,
        order: &Order,
        identity: Option<&Identity>,
    ) -> io::Result<Carrier> {
        let task = Task {
            socket: sys::journald::socket_path(),
            identifier: job.output.identifier.clone().unwrap_or_else(|| job.name.clone()),
            job: job.name.clone(),
            run: order.run,
            key: self.ladder.mark(order.run),
            user: identity.filter(|who| !who.is_ours()).map(|who| (who.uid, who.gid)),
        };
        start(&task, &self.ladder, identity)
    }

    /// Where the output of the run that was asked for is in the systemd journal, or of the job's latest run; none where it
    /// is not there. `in_file` is the run whose output was found in a file: there was no journal when it started.
    pub(super) fn in_journal(
        &self,
        job: &Definition,
        asked: Option<RunId>,
        in_file: Option<RunId>,
    ) -> Option<LogFile> {
        if job.output.to != OutputTo::Journal {
            return None;
        }
        let is_live = |run| self.live.iter().any(|live| live.id == run && live.job == job.name);
        let is_over = |run| run < self.engine.next_run() && self.engine.job_of(run).is_none();
        let run = match asked {
            Some(run) => Some(run).filter(|run| is_live(*run) || is_over(*run)),
            None => self.latest_run(&job.name),
        };
        let run = run.filter(|run| in_file.is_none_or(|in_file| in_file < *run))?;
        let mark = self.ladder.mark(run);
        let mut journal = vec![format!("EBB_JOB={}", job.name), format!("EBB_RUN_KEY={mark}")];
        // Everybody can send fields of these names; whose word it is, is the kernel's to say.
        journal.extend(self.become_whom(job).ok().map(|(user, identity)| {
            let uid = identity.map_or(user.uid, |who| who.uid);
            format!("_UID={uid}")
        }));
        let finished = !is_live(run) && !self.is_carried(run);
        Some(LogFile { run, finished, journal })
    }

    /// The latest run of a job that has begun.
    fn latest_run(&self, job: &str) -> Option<RunId> {
        let live = self.live.iter().filter(|live| live.job == job).map(|live| live.id).max();
        let view = self.engine.job_index(job).and_then(|index| self.engine.job(index));
        live.max(view.and_then(|view| view.last).map(|last| last.run))
    }

    /// Whether a carrier still has something of this run to send.
    fn is_carried(&self, run: RunId) -> bool {
        tasks(&self.ladder).any(|task| task.key == self.ladder.mark(run))
    }

    /// That jobs want the systemd journal and there is none.
    pub(super) fn without_journal(&self) -> Option<String> {
        let error = sys::journald::reach(&sys::journald::socket_path()).err()?;
        let views = (0..self.engine.job_count()).filter_map(|index| self.engine.job(JobIndex(index)));
        let wants = views.filter(|view| {
            self.store.get(view.definition).is_ok_and(|s| s.definition.output.to == OutputTo::Journal)
        });
        match wants.count() {
            0 => None,
            jobs => Some(format!(
                "there is no systemd journal here ({error}): the output of {} with `to = \"journal\"` goes to files",
                super::load::count(jobs)
            )),
        }
    }
}

fn start(task: &Task, ladder: &Ladder, identity: Option<&Identity>) -> io::Result<Carrier> {
    let words: Vec<String> = std::iter::once("ebbd".to_owned()).chain(task.words()).collect();
    // Also after an installation has replaced the file, it is this ebbd's own version.
    let spec = SpawnSpec::new(&words, &[], Path::new("/"))?.executing(c"/proc/self/exe");
    let (from, output) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let (pid_from, pid) = io::pipe()?;
    if let Some(who) = identity {
        // As with a file, `echo ... > /dev/stderr` opens it anew.
        std::os::unix::fs::fchown(&output, Some(who.uid), Some(who.gid))?;
    }
    let stderr = io::stderr();
    let stdio = [from.as_fd(), pid_from.as_fd(), stderr.as_fd()];
    // Not in the run's cgroup, whose memory it would take and with which it would be killed.
    let spawned = spawn::spawn(&spec, stdio, ladder.shelter().as_ref(), None)?;
    tokio::spawn(watch::note_exec_failure(spawned.exec, "what carries output to the systemd journal"));
    Ok(Carrier { output, pid })
}

/// Waits until the carriers have sent what they have, up to a bound: where ebbd is PID 1, they end with it.
pub(super) fn wait_for_all(ladder: &Ladder, deadline: Instant) {
    while tasks(ladder).next().is_some() {
        if Instant::now() >= deadline {
            tracing::warn!(
                "the systemd journal has not taken all output yet; what is left is sent without ebbd"
            );
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the carriers of this ebbd, and of those before it on the same state, are at.
fn tasks(ladder: &Ladder) -> impl Iterator<Item = Task> {
    let mine = ladder.mark_prefix();
    ladder.sheltered().into_iter().filter_map(task_of).filter(move |task| task.key.starts_with(&mine))
}

fn task_of(pid: i32) -> Option<Task> {
    Task::parse(sys::proc::arguments(pid)?.iter().skip(1).map(String::as_str))
}

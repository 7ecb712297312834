//! One task a run: from the clone of its process to the last process of its tree, with its facts on the way.
//! It sees the run alone and decides nothing: what it finds goes to the loop as a message.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::engine::{Exit, Process};
use crate::limits;
use crate::sys::is_scarce;
use crate::sys::spawn::{ExecFailure, ExecResult, ExecStatus};
use crate::sys::watch::{drain, watch};

use super::input::Input;
use super::live::{Ended, Live};
use super::sampler::Sampler;

/// What a freshly cloned process leaves to be watched.
pub(super) struct Watched {
    pub(super) live: Arc<Live>,
    /// None for a run of an earlier ebbd whose main process has gone meanwhile.
    pub(super) pidfd: Option<OwnedFd>,
    /// Its end of file says that the program runs; none for a run of an earlier ebbd, which runs already.
    pub(super) exec_status: Option<ExecStatus>,
    pub(super) input: mpsc::UnboundedSender<Input>,
}

impl Watched {
    /// Watches until nothing of the run is left, and tells the loop how it ended.
    pub(super) async fn watch(self) {
        let (live, input) = (Arc::clone(&self.live), self.input.clone());
        let end = match self.follow().await {
            Ok(end) => end,
            Err(error) => {
                // A watch that can't wait leaves nothing behind all the same.
                tracing::error!(run = live.id, job = %live.job, "cannot watch the run, ending it: {error}");
                end(&live, None).await
            }
        };
        let _ = input.send(end);
    }

    async fn follow(self) -> io::Result<Input> {
        let Self { live, pidfd, exec_status, input } = self;
        let run = live.id;
        let Some(pidfd) = pidfd else {
            // Where an upgrade came in the middle of its end, that is known all the same.
            let how = live.seen.ended.get().copied();
            if how.is_some() {
                grace(&live).await;
            }
            return Ok(end(&live, how.as_ref()).await);
        };
        let pidfd = watch(pidfd, Interest::READABLE)?;
        let is_taken_over = exec_status.is_none();
        if let Some(status) = exec_status {
            if let Some(failure) = exec_failure(status).await? {
                ended(&pidfd).await?;
                let _ = Live::reap(pidfd.get_ref());
                let _ = end(&live, None).await;
                return Ok(Input::StartFailed { run, error: failure.to_string() });
            }
            let process = Process { pid: live.pid, start: live.pid_start };
            let _ = input.send(Input::Started { run, process });
        }
        let mut sampler = Sampler::new(Arc::clone(&live));
        let oom = live.oom_watch().map(|fd| watch(fd, Interest::READABLE)).transpose()?;
        if is_taken_over && oom.is_some() && live.tree.facts().oom_kills.is_some_and(|kills| kills > 0) {
            // What the kernel said of it, it said while nobody listened.
            take_the_rest(&live).await;
        }
        loop {
            tokio::select! {
                biased;
                done = ended(&pidfd) => break done?,
                choked = choked(oom.as_ref()) => {
                    choked?;
                    take_the_rest(&live).await;
                }
                () = sleep(sampler.pause()) => {
                    if sampler.sample() {
                        let _ = input.send(Input::OverLimit { run });
                    }
                }
            }
        }
        let how = (!live.is_adopted).then(|| live.take_exit(pidfd.get_ref()));
        grace(&live).await;
        live.note_leftover();
        let how = match how {
            Some(how) => how,
            None => {
                // What is left does not live on while the main process waits for its reaper.
                vanish(&live).await;
                noted(&pidfd).await?
            }
        };
        let end = end(&live, Some(&how)).await;
        sampler.last();
        Ok(end)
    }
}

/// How the main process of an earlier ebbd's run ended. The kernel notes it when the process has been reaped, by whoever
/// it fell to, and wakes the pidfd once more then; a reaper that takes too long leaves the end unknown.
async fn noted(pidfd: &AsyncFd<OwnedFd>) -> io::Result<Ended> {
    let patience = Duration::from_millis(limits::EXIT_NOTE_MS);
    let note = async {
        loop {
            let mut ready = pidfd.readable().await?;
            match Live::note(pidfd.get_ref()) {
                Some(how) => return Ok(how),
                None => ready.clear_ready(),
            }
        }
    };
    // A kernel that notes the end without waking anybody is asked once more.
    let late = || Ok(Live::note(pidfd.get_ref()).unwrap_or(Ended::UNKNOWN));
    timeout(patience, note).await.unwrap_or_else(|_| late())
}

/// Ends what is left of the tree, reads the facts, and lets the control groups go.
async fn end(live: &Live, how: Option<&Ended>) -> Input {
    vanish(live).await;
    let usage = live.usage(how);
    if let Err(error) = live.tree.remove() {
        tracing::error!(run = live.id, job = %live.job, "cannot remove the run's control group: {error}");
    }
    Input::Exited { run: live.id, exit: how.map_or(Exit::Unknown, |ended| ended.exit), usage }
}

/// Lets what the main process left behind clean up, where the tree was asked to end: the loop ends the grace by killing.
async fn grace(live: &Live) {
    while live.is_in_grace() {
        let pause = Duration::from_millis(50);
        match live.tree.events() {
            Some(events) if live.is_in_grace() => drop(timeout(pause, changed(events)).await),
            Some(_) => {}
            None => sleep(pause).await,
        }
    }
}

/// Ends what the main process left behind and waits for the last of it, up to a bound. As long as nobody can look whether
/// anything is left, the bound does not count: that is no reason to believe that nothing is.
async fn vanish(live: &Live) {
    let patience = Duration::from_millis(limits::TREE_VANISH_MS);
    let (mut deadline, mut pause) = (Instant::now() + patience, Duration::from_micros(200));
    let mut was_blind = false;
    loop {
        match live.tree.kill_all() {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                if !was_blind {
                    tracing::warn!(run = live.id, job = %live.job, "cannot end what is left of the run yet: {error}");
                }
                was_blind = true;
                if is_scarce(&error) {
                    deadline = Instant::now() + patience;
                }
            }
        }
        if Instant::now() >= deadline {
            let pids = live.tree.pids().unwrap_or_default();
            tracing::error!(run = live.id, job = %live.job, "processes that can't be ended are left: {pids:?}");
            return;
        }
        // The kernel needs a moment to take a killed process away; it says so on the events file.
        match live.tree.events() {
            Some(events) => drop(timeout(pause, changed(events)).await),
            None => sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// Says in the log where a process that no run hangs on did not reach its program.
pub(super) async fn note_exec_failure(status: ExecStatus, whose: &str) {
    if let Ok(Some(failure)) = exec_failure(status).await {
        tracing::error!("{whose} did not start: {failure}");
    }
}

/// Waits for the end of the exec-status pipe; what is in it is why there is no program.
async fn exec_failure(status: ExecStatus) -> io::Result<Option<ExecFailure>> {
    let status = watch(status, Interest::READABLE)?;
    loop {
        let mut ready = status.readable().await?;
        match status.get_ref().read()? {
            ExecResult::Pending => ready.clear_ready(),
            ExecResult::Running => return Ok(None),
            ExecResult::Failed(failure) => return Ok(Some(failure)),
        }
    }
}

/// A pidfd is readable once its process has ended, and stays so.
async fn ended(pidfd: &AsyncFd<OwnedFd>) -> io::Result<()> {
    pidfd.readable().await?.retain_ready();
    Ok(())
}

/// Waits until the kernel is about to kill for memory; for ever where nothing says so.
async fn choked(oom: Option<&AsyncFd<OwnedFd>>) -> io::Result<()> {
    match oom {
        Some(oom) => {
            oom.readable().await?.clear_ready();
            drain(oom.get_ref())
        }
        None => std::future::pending().await,
    }
}

/// cgroup v1 kills one process where `oom-group` asks for all: the others follow as soon as the first has been counted.
async fn take_the_rest(live: &Live) {
    for _ in 0..limits::OOM_LOOKS {
        if live.tree.facts().oom_kills.is_some_and(|kills| kills > 0) {
            if let Err(error) = live.tree.kill_all() {
                tracing::warn!(run = live.id, job = %live.job, "cannot end the rest of a run out of memory: {error}");
            }
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn changed(events: OwnedFd) -> io::Result<()> {
    watch(events, Interest::PRIORITY)?.ready(Interest::PRIORITY).await?.retain_ready();
    Ok(())
}

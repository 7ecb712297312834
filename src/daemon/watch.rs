//! One task a run: from the clone of its process to the last process of its tree, with its facts on the way.
//! It sees the run alone and decides nothing: what it finds goes to the loop as a message.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::engine::{Exit, Process};
use crate::journal::record::RunId;
use crate::limits;
use crate::sys::spawn::{ExecFailure, ExecResult, ExecStatus};
use crate::sys::watch::{Watch, drain};
use crate::sys::{child, is_scarce, pidfd};

use super::autopsy;
use super::input::Input;
use super::live::{Ended, Live};
use super::sampler::Sampler;

/// What a freshly cloned process leaves to be watched.
pub(super) struct Watched {
    pub(super) live: Arc<Live>,
    /// Its main process.
    pub(super) main: Main,
    /// Its end of file says that the program runs; none for a run of an earlier ebbd, which runs already.
    pub(super) exec_status: Option<ExecStatus>,
    pub(super) input: mpsc::UnboundedSender<Input>,
}

/// A main process, by what tells its end.
pub(super) enum Main {
    /// Its descriptor becomes readable.
    Open(OwnedFd),
    /// Of a run of an earlier ebbd, where no descriptor is to be had: it has to be looked at again and again.
    Number,
    /// It ended meanwhile; what an earlier ebbd started and is gone has no status any more.
    Gone,
}

impl Main {
    /// Whether it is our child, whose status nobody else takes: an upgrade changes nothing in that.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::Open(pidfd) => child::is_ours(pidfd.as_fd()),
            Self::Number | Self::Gone => false,
        }
    }
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
                end(&live, None, 0).await
            }
        };
        let _ = input.send(end);
    }

    async fn follow(self) -> io::Result<Input> {
        let Self { live, main, exec_status, input } = self;
        let run = live.id;
        let is_taken_over = exec_status.is_none();
        let main = match main {
            Main::Open(pidfd) => Some(Watch::new(pidfd, Interest::READABLE)),
            Main::Number => None,
            Main::Gone => {
                // Where an upgrade came in the middle of its end, that is known all the same.
                let how = live.seen.ended.get().copied();
                if how.is_some() {
                    grace(&live, &mut Sampler::new(Arc::clone(&live)), &input).await;
                }
                return Ok(end(&live, how.as_ref(), 0).await);
            }
        };
        if let (Some(status), Some(main)) = (exec_status, &main) {
            if let Some(failure) = exec_failure(status).await? {
                main.ready().await?.keep();
                let _ = Live::reap(main.get_ref());
                let _ = end(&live, None, 0).await;
                let (is_scarce, error) = (failure.is_scarce(), failure.to_string());
                return Ok(if is_scarce {
                    Input::StartPutOff { run, lacks: error }
                } else {
                    Input::StartFailed { run, error }
                });
            }
            let process = Process { pid: live.pid, start: live.pid_start };
            let _ = input.send(Input::Started { run, process });
        }
        let mut sampler = Sampler::new(Arc::clone(&live));
        let oom = live.oom_watch().map(|fd| Watch::new(fd, Interest::READABLE));
        if is_taken_over && oom.is_some() && live.tree.facts().oom_kills.is_some_and(|kills| kills > 0) {
            // What the kernel said of it, it said while nobody listened.
            take_the_rest(&live).await;
        }
        loop {
            tokio::select! {
                biased;
                done = ended(&live, main.as_ref()) => break done?,
                () = choked(oom.as_ref()) => take_the_rest(&live).await,
                () = sampler.written() => sampler.wake(),
                () = sleep(sampler.pause()) => look(&mut sampler, run, &input),
            }
        }
        let how = main.as_ref().filter(|_| !live.is_adopted).map(|main| live.take_exit(main.get_ref()));
        grace(&live, &mut sampler, &input).await;
        live.note_leftover();
        let (how, late_ms) = match (how, main) {
            (Some(how), _) => (how, 0),
            (None, main) => {
                // What is left does not live on while the main process waits for its reaper.
                vanish(&live).await;
                let began = Instant::now();
                let how = match &main {
                    Some(main) => noted(main).await?,
                    None => Ended::UNKNOWN,
                };
                (how, u64::try_from(began.elapsed().as_millis()).unwrap_or(0))
            }
        };
        let end = end(&live, Some(&how), late_ms).await;
        sampler.last();
        Ok(end)
    }
}

/// One look at the run; what only ebb holds and has grown too large is reported.
fn look(sampler: &mut Sampler, run: RunId, input: &mpsc::UnboundedSender<Input>) {
    if sampler.sample() {
        let _ = input.send(Input::OverLimit { run });
    }
}

/// How the main process of an earlier ebbd's run ended. The kernel notes it when the process has been reaped, by whoever
/// it fell to, and wakes the pidfd once more then; a reaper that takes too long leaves the end unknown.
async fn noted(main: &Watch<OwnedFd>) -> io::Result<Ended> {
    let patience = Duration::from_millis(limits::EXIT_NOTE_MS);
    let note = async {
        loop {
            let ready = main.ready().await?;
            match Live::note(main.get_ref()) {
                Some(how) => return Ok(how),
                None => ready.again().await,
            }
        }
    };
    // A kernel that notes the end without waking anybody is asked once more.
    let late = || Ok(Live::note(main.get_ref()).unwrap_or(Ended::UNKNOWN));
    timeout(patience, note).await.unwrap_or_else(|_| late())
}

/// Ends what is left of the tree, reads the facts, and lets the control groups go. `late_ms`: for how long the end was known
/// to have come already, and only how was not.
async fn end(live: &Live, how: Option<&Ended>, late_ms: u64) -> Input {
    vanish(live).await;
    let mut usage = live.usage(how);
    let mut victim = None;
    if usage.oom_kills.is_some_and(|kills| kills > 0)
        && let Some(kill) = autopsy::latest_kill(live).await
    {
        // The counters only make it likely.
        usage.oom_cause = Some(kill.cause);
        victim = Some(autopsy::named(&kill.victim));
    }
    if let Err(error) = live.tree.remove() {
        tracing::error!(run = live.id, job = %live.job, "cannot remove the run's control group: {error}");
    }
    let exit = how.map_or(Exit::Unknown, |ended| ended.exit);
    Input::Exited { run: live.id, exit, usage, victim, late_ms }
}

/// Lets what the main process left behind clean up, where the tree was asked to end: the loop ends the grace by killing.
/// Meanwhile it is held to its limits as before.
async fn grace(live: &Live, sampler: &mut Sampler, input: &mpsc::UnboundedSender<Input>) {
    let mut due = Instant::now() + sampler.pause();
    while live.is_in_grace() {
        if Instant::now() >= due {
            look(sampler, live.id, input);
            due = Instant::now() + sampler.pause();
        }
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
    let status = Watch::new(status, Interest::READABLE);
    loop {
        let ready = status.ready().await?;
        match status.get_ref().read()? {
            ExecResult::Pending => ready.again().await,
            ExecResult::Running => return Ok(None),
            ExecResult::Failed(failure) => return Ok(Some(failure)),
        }
    }
}

/// Waits for the end of the main process. A pidfd is readable from then on, and stays so.
async fn ended(live: &Live, main: Option<&Watch<OwnedFd>>) -> io::Result<()> {
    let Some(main) = main else {
        while !pidfd::has_ended(i32::try_from(live.pid).unwrap_or(0), live.pid_start) {
            sleep(Duration::from_millis(100)).await;
        }
        return Ok(());
    };
    main.ready().await?.keep();
    Ok(())
}

/// Waits until the kernel is about to kill for memory; for ever where nothing says so.
async fn choked(oom: Option<&Watch<OwnedFd>>) {
    let Some(oom) = oom else { return std::future::pending().await };
    match oom.ready().await {
        // What it counts is taken, so that the next time is told again; how often it was does not matter.
        Ok(ready) => {
            let _ = drain(oom.get_ref());
            ready.again().await;
        }
        Err(_) => std::future::pending().await,
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
    Watch::new(events, Interest::PRIORITY).ready().await?.keep();
    Ok(())
}

//! The loop's hands: takes events to the engine and carries its effects out, in their order.
//! Decides nothing that the engine could decide.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::clock::Now;
use crate::engine::{Budget, ClientId, Effect, Engine, Event, Exit, JobIndex, Loaded, Process, Reply};
use crate::journal::record::{Event as Recorded, Finished, Record, RunId, Usage};
use crate::journal::{HistoryLine, Inputs, Staged, State, Tally, Writer};
use crate::sys;
use crate::sys::spawn::Begun;
use crate::sys::users::User;

use super::access::{Caller, Gate};
use super::client::Answer;
use super::directory::Asking;
use super::input::Input;
use super::ladder::Ladder;
use super::leave::Pause;
use super::live::Live;
use super::notify::Notify;
use super::options::Options;
use super::pressure::Alarm;
use super::socket::Socket;
use super::store::Store;
use super::unwritten::Unwritten;

/// Everything that ebbd holds besides the engine.
pub(super) struct Shell {
    pub(super) options: Options,
    pub(super) engine: Engine,
    pub(super) journal: Writer,
    pub(super) unwritten: Unwritten,
    pub(super) store: Store,
    pub(super) ladder: Ladder,
    /// Where children note that they have begun.
    pub(super) begun: Option<Begun>,
    pub(super) gate: Gate,
    pub(super) socket: Socket,
    pub(super) notify: Notify,
    pub(super) own_user: User,
    pub(super) inputs: Arc<Inputs>,
    pub(super) input: mpsc::UnboundedSender<Input>,
    pub(super) clients: Vec<Connected>,
    /// Who waits for the end of which run.
    pub(super) waiting: Vec<(RunId, ClientId)>,
    pub(super) live: Vec<Arc<Live>>,
    /// What keeps job files from being in force, each as it is printed.
    pub(super) problems: Vec<String>,
    /// Names of the jobs whose files have problems, so that the version loaded before is in force.
    pub(super) refused: BTreeSet<String>,
    /// Whether the directory of job files could not be read at the start.
    pub(super) is_unreadable: bool,
    /// Whether there was no room for the definitions at the start, so that they are read once more before long.
    pub(super) lacks_room: bool,
    /// Whether any job's `[allow]` lets in callers from outside of the control group.
    pub(super) has_guests: bool,
    /// Answers that are held back until the records before them are on disk.
    pub(super) held: Vec<Held>,
    /// What the demand that is being handled brought for standard input.
    pub(super) staged: Option<Staged>,
    /// Runs whose payloads go, once their ends, and the retries that share the payloads, are on disk.
    pub(super) ended: Vec<RunId>,
    /// How far the sum of a journal that is full has come.
    pub(super) tally: Option<Box<Tally>>,
    /// What was read at the start, until it is in force.
    pub(super) fresh: Option<(Vec<Loaded>, State, Budget)>,
    pub(super) is_over: bool,
    /// Whether ebbd ends without its runs.
    pub(super) leaves_runs: bool,
    /// What waits for a directory service.
    pub(super) asking: Asking,
    /// What waits while ebbd is about to go.
    pub(super) pause: Option<Pause>,
    /// Who has asked for an upgrade, and the binary that can take over once that is known.
    pub(super) upgrade: Option<(ClientId, Option<PathBuf>)>,
    /// What wakes the loop when processes stand still for want of memory.
    pub(super) alarm: Alarm,
    /// Whether anything happened since memory was last given back.
    pub(super) is_stirred: bool,
}

/// An answer that is held back.
pub(super) enum Held {
    /// To one client, as the engine decided.
    Reply(ClientId, Reply),
    /// To everyone who waits for this run's end.
    Result(RunId, Box<HistoryLine>),
}

/// A client as the loop sees it.
pub(super) struct Connected {
    pub(super) id: ClientId,
    pub(super) caller: Arc<Caller>,
    pub(super) answers: mpsc::Sender<Answer>,
    /// Whether its call is a demand that waits for the end of its run, and takes a reply when it is accepted.
    pub(super) wish: Wish,
    /// Makes its task pause.
    pub(super) pause: Option<oneshot::Sender<()>>,
}

/// What a client wants to hear about its demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Wish {
    /// That it was accepted.
    #[default]
    Accepted,
    /// How it ended.
    Result,
    /// Both.
    Both,
}

impl Shell {
    /// Hands an event to the engine and does what it says.
    pub(super) fn handle(&mut self, event: Event) {
        let now = sys::clock::now();
        let effects = self.engine.handle(now, event);
        self.carry_out(now, effects);
    }

    fn carry_out(&mut self, now: Now, effects: Vec<Effect>) {
        // What became of the records of new runs; the engine hears of it once all of this is done.
        let mut then = Vec::new();
        for effect in effects {
            match effect {
                Effect::Arm { job, after } => self.arm(now, job, after),
                Effect::Record(event) => self.record(now, event, &mut then),
                Effect::Start(order) => self.start_order(*order),
                Effect::Signal { run } => self.with_live(run, Live::ask_to_end),
                // It waits for a directory service, and has nothing that could be killed.
                Effect::Kill { run } if self.asking.forget_start(run) => {
                    then.push(Event::StartPutOff { run, lacks: String::new() });
                }
                Effect::Kill { run } => self.with_live(run, Live::kill),
                Effect::Reply { client, reply: Reply::Accepted { run, .. } }
                    if then.contains(&Event::NotRecorded { run }) =>
                {
                    self.held.push(Held::Reply(client, Reply::NotRecorded));
                }
                Effect::Reply { client, reply } => self.held.push(Held::Reply(client, reply)),
                Effect::Look => then.push(Event::Room(self.look_for_room())),
                Effect::Exit => self.is_over = true,
            }
        }
        for event in then {
            self.handle(event);
        }
    }

    fn arm(&mut self, now: Now, job: JobIndex, after: crate::clock::Wall) {
        let slot = self.slot_after(job, after);
        let effects = self.engine.handle(now, Event::Armed { job, slot });
        debug_assert!(effects.is_empty(), "a slot alone starts nothing");
    }

    /// Writes a record, after all that still waits, so that the journal keeps its order. Adds to `then` what the engine has
    /// to hear of runs that are queued, or can't be.
    fn record(&mut self, now: Now, event: Recorded, then: &mut Vec<Event>) {
        let record = Record { at: now.wall, event };
        log(&record.event);
        let queued = if let Recorded::Queued(queued) = &record.event { Some(queued.id) } else { None };
        match self.flush(then).and_then(|()| self.write(&record)) {
            Ok(()) => then.extend(queued.map(|run| Event::Recorded { run })),
            Err(error) => {
                tracing::error!("cannot write to the journal: {error}");
                if !self.unwritten.keep(&record) {
                    then.extend(queued.map(|run| Event::NotRecorded { run }));
                }
            }
        }
        if let Recorded::Finished(finished) = record.event {
            self.finished(finished);
        }
    }

    /// Writes what had to wait for the journal; what the engine has to hear of it is added to `then`.
    pub(super) fn flush(&mut self, then: &mut Vec<Event>) -> std::io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let mut unwritten = std::mem::take(&mut self.unwritten);
        let mut queued = Vec::new();
        let result = unwritten.flush(&mut queued, |record| self.write(record));
        self.unwritten = unwritten;
        then.extend(queued.into_iter().map(|run| Event::Recorded { run: run.id }));
        result
    }

    /// Appends a record. The payload of the run that it queues is on disk under that run's number before.
    fn write(&mut self, record: &Record) -> std::io::Result<()> {
        let Recorded::Queued(queued) = &record.event else {
            self.journal.append(record)?;
            self.forget_note(&record.event);
            return Ok(());
        };
        if queued.payload.input.is_some() {
            self.keep_input(queued)?;
        }
        let written = self.journal.append(record);
        if written.is_err() && queued.payload.input.is_some() && queued.retry_of.is_none() {
            // Nobody else knows of it.
            let _ = self.inputs.remove(queued.id);
        }
        written
    }

    /// What the journal says of a run, its note need not.
    fn forget_note(&self, event: &Recorded) {
        let run = match event {
            Recorded::Started(started) => started.id,
            Recorded::Finished(finished) => finished.id,
            Recorded::Opened(_)
            | Recorded::Job(_)
            | Recorded::JobRemoved { .. }
            | Recorded::Paused { .. }
            | Recorded::Resumed { .. }
            | Recorded::Queued(_)
            | Recorded::Stopping(_)
            | Recorded::Skipped(_)
            | Recorded::Pressure(_) => return,
        };
        self.forget_note_of(run);
    }

    /// Nobody needs to know from its note that a run has begun.
    pub(super) fn forget_note_of(&self, run: RunId) {
        if let Some(begun) = &self.begun {
            begun.forget(run);
        }
    }

    fn keep_input(&mut self, queued: &crate::journal::record::Queued) -> std::io::Result<()> {
        // A retry that had to wait may be written on the way to a demand, whose payload it must not take.
        let kept = match queued.retry_of {
            Some(before) => self.inputs.pass_on(before, queued.id),
            None => self.staged.take().map_or(Ok(()), |staged| staged.keep(queued.id).map(drop)),
        };
        kept.map_err(|e| {
            std::io::Error::new(e.kind(), format!("cannot keep the payload of run {}: {e}", queued.id))
        })
    }

    /// A run has ended: its tree is let go, and those who wait are told.
    fn finished(&mut self, finished: Finished) {
        let run = finished.id;
        self.let_go(run);
        if finished.started_at.is_none() {
            // Made by an ebbd that died before the run began, if at all.
            self.outputs().discard(&finished.job, run);
        }
        if self.inputs.has(run) {
            self.ended.push(run);
        }
        if !self.waiting.is_empty() || !self.held.is_empty() {
            let line = HistoryLine::finished(finished.finished_at, finished);
            self.held.push(Held::Result(run, Box::new(line)));
        }
    }

    /// Forgets a run's processes and bounds the number of its job's outputs.
    pub(super) fn let_go(&mut self, run: RunId) {
        let Some(position) = self.live.iter().position(|live| live.id == run) else { return };
        let live = self.live.remove(position);
        let is_live = |run| self.live.iter().any(|live| live.id == run);
        if let Err(error) = self.outputs().prune(&live.job, live.keep as usize, is_live) {
            tracing::warn!(job = %live.job, "cannot remove old outputs: {error}");
        }
    }

    /// A run's program runs.
    pub(super) fn started(&mut self, run: RunId, process: Process) {
        if let Some(live) = self.live.iter().find(|live| live.id == run) {
            let (enforcement, cgroups) = (live.enforcement, live.tree.paths());
            live.seen.is_starting.store(false, std::sync::atomic::Ordering::Relaxed);
            self.handle(Event::Started { run, process, enforcement, cgroups });
        }
    }

    /// A run's tree is gone. `victim`: whom the kernel killed of it for memory.
    pub(super) fn exited(
        &mut self,
        run: RunId,
        exit: Exit,
        usage: Usage,
        victim: Option<String>,
        late_ms: u64,
    ) {
        let live = self.live.iter().find(|live| live.id == run);
        if let (Some(victim), Some(cause), Some(live)) = (&victim, usage.oom_cause, live) {
            tracing::info!(run, job = %live.job, %cause, "the kernel killed {victim} for memory");
        }
        let memory_max = live.and_then(|live| live.memory.max);
        let unheld = live.map(|live| live.unheld.clone()).unwrap_or_default();
        self.handle(Event::Exited { run, exit, usage, memory_max, late_ms, unheld, victim });
        if exit == Exit::Unknown {
            // Where its watch could not reap it, it is an orphan now.
            self.reap_orphans();
        }
    }

    /// Orphans that fall to ebbd as PID 1 or subreaper; a run's main process is left to its watch.
    pub(super) fn reap_orphans(&self) {
        let is_run = |pid: i32| self.live.iter().any(|live| i64::from(live.pid) == i64::from(pid));
        if let Err(error) = sys::child::reap_orphans(&is_run) {
            tracing::warn!("cannot reap orphans: {error}");
        }
    }

    /// Gives memory back once everything is quiet: ebbd holds itself to what it asks of jobs.
    pub(super) fn rest(&mut self) {
        let is_quiet = self.live.is_empty() && self.clients.is_empty();
        if is_quiet && self.is_stirred {
            self.live = Vec::new();
            self.waiting = Vec::new();
            sys::memory::give_back();
        }
        self.is_stirred = !is_quiet;
    }

    pub(super) fn with_live(&self, run: RunId, act: impl Fn(&Live) -> std::io::Result<()>) {
        if let Some(live) = self.live.iter().find(|live| live.id == run)
            && let Err(error) = act(live)
        {
            tracing::error!(run, job = %live.job, "cannot reach the run's processes: {error}");
        }
    }
}

/// What the log says of what happened; the journal has it all, the log what an operator wants to see go by.
fn log(event: &Recorded) {
    match event {
        Recorded::Started(started) => {
            tracing::info!(run = started.id, job = %started.job, pid = started.pid, "started");
        }
        Recorded::Finished(finished) => {
            let detail = finished.detail.as_deref().unwrap_or_default();
            if finished.outcome.is_success() {
                tracing::info!(run = finished.id, job = %finished.job, "success");
            } else {
                let code = finished.exit_code.or(finished.signal);
                tracing::warn!(run = finished.id, job = %finished.job, code, "{} {detail}", finished.outcome);
            }
        }
        Recorded::Skipped(skipped) => {
            tracing::info!(job = %skipped.job, "skipped a {} trigger: {}", skipped.trigger, skipped.reason);
        }
        Recorded::Stopping(stopping) => {
            tracing::info!(run = stopping.id, job = %stopping.job, "ending it: {}", stopping.reason);
        }
        Recorded::Pressure(pressure) if pressure.holds => {
            tracing::warn!("the host stands still for memory: nothing more is started until that has passed");
        }
        Recorded::Pressure(_) => tracing::info!("the memory pressure has passed: runs are started again"),
        Recorded::Opened(_)
        | Recorded::Job(_)
        | Recorded::JobRemoved { .. }
        | Recorded::Paused { .. }
        | Recorded::Resumed { .. }
        | Recorded::Queued(_) => {}
    }
}

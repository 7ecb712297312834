//! From nothing to a shell: the state directory, the journal's memory, the job files, and runs of an earlier ebbd.
//! And the way back, when ebbd ends.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::engine::{Budget, Carried, Engine, Event, Exit, Process, Refused, Restored, RestoredRun};
use crate::exit;
use crate::journal::record::{Event as Recorded, Opened, Record, RunId, Started, Usage};
use crate::journal::{self, Inputs, State, Writer};
use crate::limits;
use crate::settings::Settings;
use crate::sys;
use crate::sys::users;
use crate::words::{OutputTo, StopReason};

use super::Failure;
use super::access::Gate;
use super::begun;
use super::carriers;
use super::directory::Asking;
use super::handover::{self, Received};
use super::input::Input;
use super::ladder::Ladder;
use super::live::{Live, Seen};
use super::load::{Harvest, harvest};
use super::notify::Notify;
use super::options::{DEFAULT_GROUP, Options};
use super::parting::{self, Bounds};
use super::pressure::Alarm;
use super::shell::Shell;
use super::socket::Socket;
use super::store::Store;
use super::sweep;
use super::unwritten::Unwritten;
use super::watch::{Main, Watched};

impl Shell {
    /// Opens the state directory and reads the journal and the job files. Nothing has started after it.
    pub(super) fn open(
        mut options: Options,
        input: mpsc::UnboundedSender<Input>,
        mut received: Option<&mut Received>,
    ) -> Result<Self, Failure> {
        let state = options.places.state.clone();
        let mut builder = std::fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o750)
            .create(&state)
            .map_err(Failure::os(format!("cannot make {}", state.display())))?;
        // Paths are written into the store and shown to people: whole ones, wherever ebbd was started.
        for path in [&mut options.places.config, &mut options.places.state, &mut options.places.jobs] {
            *path = std::path::absolute(&*path).map_err(Failure::os("cannot tell the current directory"))?;
        }
        let (mut journal, mut known) =
            open_journal(&state, received.as_mut().and_then(|received| received.lock.take()))?;
        let mut store = Store::new(
            sys::durable::nameless(&state)
                .map_err(Failure::os(format!("cannot write in {}", state.display())))?,
        );
        let goes_on = received.is_some();
        let file = options.file.take().unwrap_or_default();
        let budget = file.settings.budget(sys::meminfo::look().total);
        let gathered = gather(&options, &mut store, received, &file.settings, &budget)?;
        let gate = Gate { own_uid: nix::unistd::geteuid().as_raw(), control_gid: control_group(&options)? };
        let (own_user, _) =
            users::resolve(None, None).map_err(Failure::os("cannot tell who ebbd runs as"))?;
        let ladder = Ladder::detect(&options.places.state, options.cgroup.as_deref());
        // What the control groups above the runs may hold is known only now.
        let budget = file.settings.budget(ladder.total_memory());
        let begun = begun::open(&state);
        if let Some(begun) = &begun {
            begun::settle(begun, &mut known, &ladder, &mut journal);
        }
        let mut shell = Self {
            engine: Engine::new(restored(&known), sys::clock::now().mono.0).going_on(goes_on),
            journal,
            unwritten: Unwritten::default(),
            store,
            ladder,
            begun,
            gate,
            socket: Socket::OWN,
            notify: Notify::of(|name| std::env::var_os(name)),
            own_user,
            inputs: Arc::new(Inputs::new(&options.places.state)),
            input,
            clients: Vec::new(),
            waiting: Vec::new(),
            live: Vec::new(),
            problems: gathered.problems,
            refused: gathered.refused,
            is_unreadable: gathered.is_unreadable,
            lacks_room: gathered.lacks_room,
            has_guests: gathered.has_guests,
            held: Vec::new(),
            staged: None,
            ended: Vec::new(),
            tally: None,
            fresh: Some((gathered.jobs, known, budget)),
            is_over: false,
            leaves_runs: false,
            asking: Asking::default(),
            pause: None,
            upgrade: None,
            alarm: Alarm::default(),
            is_stirred: true,
            options,
        };
        shell.note_opened();
        Ok(shell)
    }

    fn note_opened(&mut self) {
        let opened = Recorded::Opened(Opened {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            boot: sys::proc::boot_id().unwrap_or_default(),
            next_run: self.engine.next_run(),
        });
        let record = Record { at: sys::clock::now().wall, event: opened };
        if let Err(error) = self.journal.append(&record) {
            tracing::error!("cannot write to the journal: {error}");
            self.unwritten.keep(&record);
        }
        // On another boot the runs of the one before are over, whoever has their pids by now.
        if let Some((_, known, _)) = &mut self.fresh {
            known.apply(&record);
        }
    }

    /// Puts the jobs into force and takes over what an earlier ebbd left, with what it has handed over.
    pub(super) fn begin(&mut self, over: Option<(Carried, Vec<handover::Run>)>) {
        let Some((jobs, known, budget)) = self.fresh.take() else { return };
        // Before anything is started: a sweep does not know the runs that start with the first load.
        let alive = known.under_way().filter(|(_, start)| !start.rebooted);
        let cgroups: Vec<String> =
            alive.flat_map(|(_, start)| start.started.cgroups.iter().cloned()).collect();
        sweep::sweep(&self.ladder, &cgroups, &|run| {
            known.runs.get(&run).is_some_and(|run| run.started.is_none())
        });
        let refused = if self.is_unreadable {
            Refused::All
        } else {
            Refused::Names(self.refused.iter().cloned().collect())
        };
        let (carried, over) = over.unwrap_or_default();
        self.engine.carry_on(carried);
        self.budget_in_force(budget);
        self.handle(Event::Refused(refused));
        self.handle(Event::Load(jobs));
        self.warn_of_unheld_limits();
        for (run, start) in known.under_way() {
            let id = run.queued.id;
            let over = over.iter().find(|over| over.id == id);
            self.take_over(id, &start.started, start.rebooted, over);
            // The earlier ebbd may have died between the decision and the deed; one that has handed over has not. What the
            // load has decided, such as that a newer run replaces this one, could not be carried out before.
            let is_done = over.is_some() && run.stopping.is_some();
            match self.engine.why_ending(id).filter(|_| !is_done) {
                Some(StopReason::OverLimit) => self.with_live(id, Live::kill),
                Some(_) => self.with_live(id, Live::ask_to_end),
                None => {}
            }
        }
        let is_open = |run: RunId| known.runs.contains_key(&run);
        if let Err(error) = self.inputs.sweep(&is_open) {
            tracing::warn!("cannot remove payloads that nobody waits for: {error}");
        }
        self.settle();
    }

    /// Takes over a run of an earlier ebbd: watched on if it lives, ended for good if its main process has gone.
    fn take_over(&mut self, run: RunId, started: &Started, rebooted: bool, over: Option<&handover::Run>) {
        let process = Process { pid: started.pid, start: started.pid_start };
        let tree = if rebooted { None } else { self.ladder.adopt(run, process, &started.cgroups) };
        let Some((tree, main)) = tree else {
            self.handle(Event::Exited {
                run,
                exit: Exit::Unknown,
                usage: Usage::default(),
                memory_max: None,
                late_ms: 0,
                unheld: Vec::new(),
                victim: None,
            });
            return;
        };
        // Its number may be another's by now.
        let is_reaped = over.is_some_and(|over| over.ended.is_some());
        let main = if is_reaped { Main::Gone } else { main };
        let job = self.definition(&started.job);
        let mut memory = over.map(|o| o.memory).or(job.as_ref().map(|j| j.memory)).unwrap_or_default();
        memory.max = self.engine.raised_max(run).or(memory.max);
        let to_file = job.as_ref().filter(|j| match j.output.to {
            OutputTo::File => true,
            // There was no journal when it started.
            OutputTo::Journal => self.outputs().has(&started.job, run),
            OutputTo::Inherit | OutputTo::Null => false,
        });
        let output_max = over.map_or(to_file.map(|j| j.output.max), |over| over.output_max);
        let output = output_max.and_then(|max| Some((self.outputs().create(&started.job, run).ok()?, max)));
        let live = Arc::new(Live {
            id: run,
            job: started.job.clone(),
            pid: started.pid,
            pid_start: started.pid_start,
            is_adopted: !main.is_ours(),
            enforcement: started.enforcement,
            tree,
            stop_signal: over.map(|o| o.stop_signal).or(job.as_ref().map(|j| j.stop_signal)).unwrap_or(15),
            memory,
            unheld: over
                .and_then(|o| o.unheld.clone())
                .or(job.as_ref().map(|j| self.ladder.unheld(j)))
                .unwrap_or_default(),
            output,
            keep: over
                .map(|o| o.keep)
                .or(job.as_ref().map(|j| j.output.keep))
                .unwrap_or(limits::OUTPUT_KEEP_DEFAULT),
            seen: over.map(Seen::of).unwrap_or_default(),
        });
        tracing::info!(run, job = %started.job, pid = started.pid, "taken over from an earlier ebbd");
        self.live.push(Arc::clone(&live));
        tokio::spawn(Watched { live, main, exec_status: None, input: self.input.clone() }.watch());
    }

    /// The end: nothing of ebbd is left but its state.
    pub(super) fn close(&mut self, bounds: Bounds) {
        self.settle();
        self.make_durable();
        if !self.unwritten.is_empty() {
            tracing::error!("the journal can't be written, so some of what happened last is lost");
        }
        self.close_socket();
        if !self.leaves_runs {
            let deadline = parting::by(limits::CARRIERS_TIMEOUT_MS, bounds.carry);
            carriers::wait_for_all(&self.ladder, deadline.into());
            sweep::finish(&self.ladder, &|run| self.live.iter().any(|live| live.id == run));
        }
        if !self.leaves_runs || self.live.is_empty() {
            self.ladder.remove();
        }
        tracing::info!("ended");
    }
}

fn open_journal(state: &Path, lock: Option<File>) -> Result<(Writer, State), Failure> {
    let refuse = |error: journal::Error| {
        let code = if matches!(error, journal::Error::Locked { .. }) { exit::BUSY } else { exit::OS };
        Failure { message: error.to_string(), code }
    };
    let (writer, warnings) = Writer::open_with(state, sys::clock::now().wall, lock).map_err(refuse)?;
    let mut known = State::default();
    let more = journal::replay(state, &mut |record| known.apply(&record)).map_err(refuse)?;
    for warning in warnings.iter().chain(&more) {
        tracing::warn!("{warning}");
    }
    Ok((writer, known))
}

fn gather(
    options: &Options,
    store: &mut Store,
    received: Option<&mut Received>,
    settings: &Settings,
    budget: &Budget,
) -> Result<Harvest, Failure> {
    if let Some(received) = received {
        match received.in_force(store) {
            Ok(harvest) => return Ok(harvest),
            Err(error) => tracing::warn!(
                "the definitions that were in force can't be read, so the job files are read anew: {error}"
            ),
        }
    }
    let mut gathered = harvest(&options.places.jobs, store, budget);
    gathered.hold_against(&options.places.config, settings, budget);
    for problem in &gathered.problems {
        tracing::error!("{problem}");
    }
    if options.strict && (!gathered.refused.is_empty() || gathered.is_unreadable) {
        let message = "not started, because job files have problems and --strict was given".to_owned();
        return Err(Failure { message, code: exit::CONFIG });
    }
    Ok(gathered)
}

/// The group that may do all. The default one need not exist, one that was named has to.
fn control_group(options: &Options) -> Result<Option<u32>, Failure> {
    if let Some(group) = &options.group {
        // Not to be told is no word that there is none: it is tried again, as the service manager does.
        let gid = users::group_id(group)
            .map_err(Failure::os(format!("cannot look up the group `{group}` (--group)")))?;
        return gid.map(Some).ok_or_else(|| Failure {
            message: format!("there is no group `{group}` to control ebbd (--group)"),
            code: exit::CONFIG,
        });
    }
    let has_one = nix::unistd::geteuid().is_root() && !options.user;
    Ok(users::group_id(DEFAULT_GROUP).ok().flatten().filter(|_| has_one))
}

fn restored(known: &State) -> Restored {
    let run = |run: &journal::OpenRun| RestoredRun {
        queued_at: run.queued_at,
        queued: run.queued.clone(),
        started: run.started.as_ref().map(|s| (s.at, s.started.clone())),
        stopping: run.stopping,
    };
    Restored {
        jobs: known.jobs.values().cloned().collect(),
        runs: known.runs.values().map(run).collect(),
        next_run: known.next_run,
        carried: Carried::default(),
    }
}

//! The shell of `ebbd`: one loop on one thread. Inputs become events, effects become system calls; what is decided is
//! decided in `engine`. Asleep whenever nothing is due and nobody calls.

pub mod access;
mod begun;
mod carriers;
mod client;
pub mod environment;
mod handover;
mod history;
mod input;
mod ladder;
mod leave;
mod live;
mod load;
mod names;
mod notify;
pub mod options;
mod outputs;
mod requests;
mod restore;
mod rights;
mod sampler;
mod settle;
mod shell;
mod signals;
mod socket;
mod start;
mod status;
pub mod store;
mod talk;
mod tree;
mod unwritten;
mod upgrade;
mod watch;
mod welcome;
mod wire;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use crate::carrier::{self, Task};
use crate::engine::{Event, Wake};
use crate::exit;
use crate::limits;
use crate::places::Places;
use crate::sys;
use crate::sys::clock::{MonoTimer, Tick, WallTimer};

use handover::Received;
use input::Input;
use leave::Call;
use options::{Command, Defaults, Options};
use shell::Shell;
use signals::{Signal, Signals};

/// Runs ebbd as it was called, until it is told to end.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(task) = Task::parse(args.iter().skip(1).filter_map(|arg| arg.to_str())) {
        return carrier::main(&task);
    }
    let uid = nix::unistd::geteuid().as_raw();
    let env = |name: &str| std::env::var_os(name).map(Into::into);
    let defaults = Defaults { own: Places::of(uid, env), users: Places::of_user(uid, env) };
    match options::parse(args, defaults) {
        Ok(Command::Run(options)) => match run(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                tracing::error!("{}", failure.message);
                failure.code.into()
            }
        },
        Ok(Command::Print(text)) => {
            use std::io::Write;
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(refused) => {
            log_to_stderr("info");
            tracing::error!("{}", refused.message);
            refused.code.into()
        }
    }
}

/// Why ebbd could not start or go on.
pub(crate) struct Failure {
    message: String,
    code: exit::Code,
}

impl Failure {
    fn os(tried: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self { message: format!("{tried}: {error}"), code: exit::OS }
    }
}

fn run(mut options: Options) -> Result<(), Failure> {
    // First of all, for everything that is open now is an earlier ebbd's.
    let received = handover::receive(sys::listen::count(environment_variable));
    log_to_stderr(&options.log);
    let received = received.unwrap_or_else(|why| {
        tracing::warn!(
            "what an earlier ebbd has handed over is of no use, so this is a start as after a crash: {why}"
        );
        None
    });
    if let Some(received) = &received {
        received.take_places(&mut options.places);
    }
    if std::process::id() == 1 {
        options.stop_within_ms = options.stop_within_ms.or(Some(limits::STOP_WITHIN_PID1_MS));
    }
    sys::descriptors::raise(limits::DESCRIPTORS_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::os("cannot make the event loop"))?;
    runtime.block_on(serve(options, received))
}

fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn serve(options: Options, mut received: Option<Received>) -> Result<(), Failure> {
    // Before anything else is opened: it takes descriptors by their numbers.
    let handed = match &received {
        None => sys::listen::handed_over(environment_variable)
            .map_err(Failure::os("cannot take over the control socket"))?,
        Some(_) => None,
    };
    let signals = Signals::listen().map_err(Failure::os("cannot listen for signals"))?;
    // Those that came while an earlier ebbd made room for this one are heard now.
    sys::image::unblock_signals().map_err(Failure::os("cannot listen for signals"))?;
    let (sender, input) = mpsc::unbounded_channel();
    let stop_within = options.stop_within_ms.map(StopWithin);
    let mut shell = Shell::open(options, sender, received.as_mut())?;
    if let Some(within) = stop_within {
        shell.engine.bound_last_grace(within.grace_ms());
    }
    let listener = match &mut received {
        None => shell.bind(handed).inspect_err(|_| shell.ladder.remove())?,
        Some(received) => shell.listen_on(received)?,
    };
    let mut main = Loop::new(signals, input).map_err(Failure::os("cannot make timers"))?;
    match received {
        None => shell.begin(None),
        Some(Received { handover, clients, .. }) => {
            shell.begin(Some((handover.engine, handover.runs)));
            main.next_client = shell.welcome_back(clients, &handover.version);
            // The ends of orphans that nobody was told of.
            shell.reap_orphans();
        }
    }
    sys::memory::trim();
    tracing::info!(
        "ready: {}, {} enforces limits, listening on {}",
        load::count(shell.engine.job_count()),
        shell.ladder.enforcement(),
        shell.options.places.socket.display()
    );
    shell.notify_ready();
    let ended = main.turn(&mut shell, &listener).await;
    if shell.leaves_runs {
        shell.hold_back();
        main.settle(&mut shell, Shell::is_settled).await;
    }
    main.part(&mut shell).await;
    // Once more, for what has happened while clients read their last answers; from here on nothing is waited for.
    if shell.leaves_runs && !main.settle(&mut shell, Shell::is_settled).await {
        shell.warn_of_unsettled();
    }
    shell.close();
    ended.map_err(Failure::os("the event loop can't go on"))
}

/// Everything that the loop waits for.
struct Loop {
    signals: Signals,
    input: mpsc::UnboundedReceiver<Input>,
    wall: AsyncFd<WallTimer>,
    mono: AsyncFd<MonoTimer>,
    armed: Option<Wake>,
    next_client: u64,
    /// When clients are let in again, after that has failed.
    accept_from: Option<tokio::time::Instant>,
    /// Whether nobody is let in for want of descriptors, so that the log has said so.
    is_shut: bool,
    /// When ebbd ends whatever is left, once it was asked to end.
    end_by: Option<tokio::time::Instant>,
    /// When the disk is tried again, on which there was no room.
    room_from: Option<tokio::time::Instant>,
}

/// How long an end may take at most, in milliseconds. Its last two seconds (or half of it) are for ebbd itself: one to see
/// what was killed gone and recorded, one to tell the clients.
#[derive(Clone, Copy)]
struct StopWithin(u64);

impl StopWithin {
    /// What runs get before they are killed.
    fn grace_ms(self) -> u64 {
        self.0 - 2_000.min(self.0 / 2)
    }

    /// When ebbd waits for no run any more.
    fn wait_ms(self) -> u64 {
        self.0 - 1_000.min(self.0 / 4)
    }
}

/// Messages taken in before one sync serves them all.
const BATCH: usize = 256;

impl Loop {
    fn new(signals: Signals, input: mpsc::UnboundedReceiver<Input>) -> io::Result<Self> {
        let wall = sys::watch::watch(WallTimer::new()?, Interest::READABLE)?;
        let mono = sys::watch::watch(MonoTimer::new()?, Interest::READABLE)?;
        Ok(Self {
            signals,
            input,
            wall,
            mono,
            armed: None,
            next_client: 1,
            accept_from: None,
            is_shut: false,
            end_by: None,
            room_from: None,
        })
    }

    async fn turn(&mut self, shell: &mut Shell, listener: &UnixListener) -> io::Result<()> {
        while !shell.is_over {
            self.arm(shell.engine.next_wake())?;
            self.room_from = shell.needs_room().then(|| self.room_from.unwrap_or_else(in_a_while));
            // Not biased: a flood of calls must not keep timers, signals and new clients waiting.
            tokio::select! {
                signal = self.signals.next() => {
                    if signal == Signal::End {
                        let within = shell.options.stop_within_ms.map(StopWithin);
                        let wait = within.map(|within| std::time::Duration::from_millis(within.wait_ms()));
                        self.end_by = self.end_by.or(wait.map(|wait| tokio::time::Instant::now() + wait));
                    }
                    on_signal(shell, signal);
                }
                () = tokio::time::sleep_until(self.end_by.unwrap_or_else(tokio::time::Instant::now)),
                    if self.end_by.is_some() => {
                        tracing::error!("ending with runs that could not be ended in time (--stop-within)");
                        shell.is_over = true;
                    }
                input = self.input.recv() => self.take_in(shell, input),
                ready = self.wall.readable() => {
                    let mut ready = ready?;
                    match ready.get_inner().read()? {
                        Tick::Fired => shell.handle(Event::Due),
                        Tick::ClockChanged => shell.handle(Event::ClockSet),
                        Tick::Nothing => ready.clear_ready(),
                    }
                    self.armed = None;
                }
                ready = self.mono.readable() => {
                    let mut ready = ready?;
                    match ready.get_inner().read()? {
                        Tick::Fired => shell.handle(Event::Due),
                        Tick::ClockChanged => {}
                        Tick::Nothing => ready.clear_ready(),
                    }
                    self.armed = None;
                }
                () = tokio::time::sleep_until(self.accept_from.unwrap_or_else(tokio::time::Instant::now)),
                    if self.accept_from.is_some() => self.guard(shell, None),
                // Nothing else may happen for hours: what waits for room on the disk is tried again.
                () = tokio::time::sleep_until(self.room_from.unwrap_or_else(tokio::time::Instant::now)),
                    if self.room_from.is_some() => {
                        self.room_from = None;
                        shell.try_for_room();
                    }
                () = tokio::time::sleep_until(shell.notify.due_at().unwrap_or_else(tokio::time::Instant::now)),
                    if shell.notify.due_at().is_some() => shell.notify_due(),
                accepted = listener.accept(), if self.accept_from.is_none() => match accepted {
                    Ok((stream, _)) => {
                        shell.welcome(self.next_client, stream);
                        self.next_client += 1;
                        self.guard(shell, None);
                    }
                    Err(error) => self.guard(shell, Some(&error)),
                },
            }
            shell.settle();
            if matches!(shell.upgrade, Some((_, Some(_)))) && !shell.is_over {
                self.upgrade(shell, listener).await;
            }
            shell.notify_status();
            shell.rest();
        }
        Ok(())
    }

    /// Takes in messages alone until all is settled. False where that takes too long.
    async fn settle(&mut self, shell: &mut Shell, is_settled: impl Fn(&Shell) -> bool) -> bool {
        let patience = std::time::Duration::from_millis(limits::SETTLE_MS);
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            shell.settle();
            if is_settled(shell) {
                return true;
            }
            match tokio::time::timeout_at(deadline, self.input.recv()).await {
                Ok(input) => self.take_in(shell, input),
                Err(_) => return false,
            }
        }
    }

    /// A call that comes with the end is told so: its caller must not wonder whether it was taken.
    async fn hear_last_calls(&mut self, shell: &mut Shell) {
        let until = tokio::time::Instant::now() + std::time::Duration::from_millis(limits::LAST_CALL_MS);
        while !shell.clients.is_empty() {
            match tokio::time::timeout_at(until, self.input.recv()).await {
                Ok(input) => self.take_in(shell, input),
                Err(_) => return,
            }
            shell.settle();
        }
    }

    /// Lets nobody in for a while where that has failed or would take the last descriptors: who is inside is served on, the
    /// others wait in the backlog.
    fn guard(&mut self, shell: &Shell, refused: Option<&io::Error>) {
        let was_shut = std::mem::replace(&mut self.is_shut, refused.is_some() || !shell.can_let_in());
        let pause = std::time::Duration::from_millis(limits::ACCEPT_PAUSE_MS);
        self.accept_from = self.is_shut.then(|| tokio::time::Instant::now() + pause);
        match refused {
            Some(error) if !was_shut => tracing::error!("cannot let a client in: {error}"),
            None if self.is_shut && !was_shut => tracing::warn!(
                "cannot let a client in before another one has gone: too few descriptors (RLIMIT_NOFILE)"
            ),
            Some(_) | None => {}
        }
    }

    /// Lets every client go, after it has been told what there is to tell.
    async fn part(&mut self, shell: &mut Shell) {
        self.hear_last_calls(shell).await;
        let mut left = std::mem::take(&mut shell.clients).len();
        let patience = std::time::Duration::from_millis(limits::PART_TIMEOUT_MS);
        let all_gone = tokio::time::timeout(patience, async {
            while left > 0 {
                match self.input.recv().await {
                    Some(Input::ClientGone { .. }) => left -= 1,
                    Some(input) if shell.leaves_runs => on_input(shell, input),
                    Some(_) => {}
                    None => return,
                }
            }
        });
        if all_gone.await.is_err() {
            tracing::warn!("{left} clients did not read their last answers");
        }
    }

    fn take_in(&mut self, shell: &mut Shell, first: Option<Input>) {
        let mut next = first;
        for _ in 0..BATCH {
            let Some(input) = next else { break };
            on_input(shell, input);
            next = self.input.try_recv().ok();
        }
        if let Some(input) = next {
            on_input(shell, input);
        }
    }

    fn arm(&mut self, wake: Wake) -> io::Result<()> {
        if self.armed != Some(wake) {
            self.wall.get_ref().arm(wake.wall)?;
            self.mono.get_ref().arm(wake.mono)?;
            self.armed = Some(wake);
        }
        Ok(())
    }
}

/// When a disk without room is tried again.
fn in_a_while() -> tokio::time::Instant {
    tokio::time::Instant::now() + std::time::Duration::from_millis(limits::UNWRITTEN_RETRY_MS)
}

fn on_signal(shell: &mut Shell, signal: Signal) {
    match signal {
        Signal::End => {
            match shell.options.stop_within_ms.map(StopWithin) {
                Some(within) => tracing::info!("asked to end; runs get at most {} ms", within.grace_ms()),
                None => tracing::info!("asked to end"),
            }
            shell.notify_stopping();
            shell.handle(Event::Shutdown);
        }
        Signal::Leave => {
            tracing::info!("asked to end and to leave the runs alone");
            shell.leaves_runs = true;
            shell.is_over = true;
            shell.notify_stopping();
        }
        Signal::Reload => drop(shell.reload()),
        Signal::Child => shell.reap_orphans(),
    }
}

fn on_input(shell: &mut Shell, input: Input) {
    match input {
        Input::Call { client, caller, request, more, staged } if shell.is_over || shell.pause.is_some() => {
            shell.call_too_late(Call { client, caller, request, more, staged });
        }
        Input::Call { client, caller, request, more, staged } => {
            shell.call(client, &caller, request, more, staged);
        }
        Input::MoreStatus { client, caller, next } => shell.more_status(client, &caller, next),
        Input::Paused(client) => shell.paused(client),
        Input::Probed { found } => shell.probed(found),
        Input::ClientGone { client } => shell.farewell(client),
        Input::Started { run, process } => shell.started(run, process),
        Input::StartFailed { run, error } => shell.handle(Event::StartFailed { run, error }),
        Input::StartPutOff { run, lacks } => shell.start_put_off(run, lacks),
        Input::OverLimit { run } => shell.handle(Event::OverLimit { run }),
        Input::Exited { run, exit, usage, late_ms } => shell.exited(run, exit, usage, late_ms),
    }
}

/// Compact lines on standard error. The systemd journal adds the time itself (systemd.exec(5), JOURNAL_STREAM).
fn log_to_stderr(level: &str) {
    let level = level.parse().unwrap_or(tracing::Level::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false);
    // A second call, after a failed start, keeps the first.
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().try_init()
    } else {
        builder.try_init()
    };
}

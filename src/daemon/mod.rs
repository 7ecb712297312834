//! The shell of `ebbd`: one loop on one thread. Inputs become events, effects become system calls; what is decided is
//! decided in `engine`. Asleep whenever nothing is due and nobody calls.

pub mod access;
mod begun;
mod client;
pub mod environment;
mod history;
mod input;
mod ladder;
mod live;
mod load;
mod names;
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
mod watch;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use crate::engine::{Event, Wake};
use crate::exit;
use crate::limits;
use crate::places::Places;
use crate::sys;
use crate::sys::clock::{MonoTimer, Tick, WallTimer};

use input::Input;
use options::{Command, Options};
use shell::Shell;
use signals::{Signal, Signals};

/// Runs ebbd as it was called, until it is told to end.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let places = Places::of(nix::unistd::geteuid().as_raw(), |name| std::env::var_os(name).map(Into::into));
    match options::parse(args, places) {
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
        Err(message) => {
            log_to_stderr("info");
            tracing::error!("{message}");
            exit::USAGE.into()
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

fn run(options: Options) -> Result<(), Failure> {
    log_to_stderr(&options.log);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::os("cannot make the event loop"))?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Failure> {
    let signals = Signals::listen().map_err(Failure::os("cannot listen for signals"))?;
    let (sender, input) = mpsc::unbounded_channel();
    let mut shell = Shell::open(options, sender)?;
    let listener = shell.bind().inspect_err(|_| shell.ladder.remove())?;
    shell.begin();
    sys::memory::trim();
    tracing::info!(
        "ready: {}, {} enforces limits, listening on {}",
        load::count(shell.engine.job_count()),
        shell.ladder.enforcement(),
        shell.options.places.socket.display()
    );
    let mut main = Loop::new(signals, input).map_err(Failure::os("cannot make timers"))?;
    let ended = main.turn(&mut shell, &listener).await;
    main.part(&mut shell).await;
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
    /// When the disk is tried again, on which there was no room.
    room_from: Option<tokio::time::Instant>,
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
            room_from: None,
        })
    }

    async fn turn(&mut self, shell: &mut Shell, listener: &UnixListener) -> io::Result<()> {
        while !shell.is_over {
            self.arm(shell.engine.next_wake())?;
            self.room_from = shell.needs_room().then(|| self.room_from.unwrap_or_else(in_a_while));
            // Not biased: a flood of calls must not keep timers, signals and new clients waiting.
            tokio::select! {
                signal = self.signals.next() => on_signal(shell, signal),
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
                    if self.accept_from.is_some() => self.accept_from = None,
                // Nothing else may happen for hours: what waits for room on the disk is tried again.
                () = tokio::time::sleep_until(self.room_from.unwrap_or_else(tokio::time::Instant::now)),
                    if self.room_from.is_some() => {
                        self.room_from = None;
                        shell.try_for_room();
                    }
                accepted = listener.accept(), if self.accept_from.is_none() => match accepted {
                    Ok((stream, _)) => {
                        shell.welcome(self.next_client, stream);
                        self.next_client += 1;
                    }
                    Err(error) => {
                        // Out of descriptors, most likely: others are served on, this one waits in the backlog.
                        tracing::error!("cannot let a client in: {error}");
                        let pause = std::time::Duration::from_millis(limits::ACCEPT_PAUSE_MS);
                        self.accept_from = Some(tokio::time::Instant::now() + pause);
                    }
                },
            }
            shell.settle();
            shell.rest();
        }
        Ok(())
    }

    /// Lets every client go, after it has been told what there is to tell.
    async fn part(&mut self, shell: &mut Shell) {
        let mut left = std::mem::take(&mut shell.clients).len();
        let patience = std::time::Duration::from_millis(limits::PART_TIMEOUT_MS);
        let all_gone = tokio::time::timeout(patience, async {
            while left > 0 {
                match self.input.recv().await {
                    Some(Input::ClientGone { .. }) => left -= 1,
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
            tracing::info!("asked to end");
            shell.handle(Event::Shutdown);
        }
        Signal::Reload => drop(shell.reload()),
        Signal::Child => shell.reap_orphans(),
    }
}

fn on_input(shell: &mut Shell, input: Input) {
    match input {
        Input::Call { client, caller, request, more, staged } => {
            shell.call(client, &caller, request, more, staged);
        }
        Input::MoreStatus { client, caller, next } => shell.more_status(client, &caller, next),
        Input::ClientGone { client } => shell.farewell(client),
        Input::Started { run, process } => shell.started(run, process),
        Input::StartFailed { run, error } => shell.handle(Event::StartFailed { run, error }),
        Input::OverLimit { run } => shell.handle(Event::OverLimit { run }),
        Input::Exited { run, exit, usage } => shell.exited(run, exit, usage),
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

//! The shell of `ebbd`: one loop on one thread. Inputs become events, effects become system calls; what is decided is
//! decided in `engine`. Asleep whenever nothing is due and nobody calls.

pub mod access;
mod autopsy;
mod begun;
mod beside;
mod budget;
mod carriers;
mod client;
mod directory;
mod doctor;
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
mod parting;
mod pressure;
mod requests;
mod restore;
mod rights;
mod rotate;
mod sampler;
mod settings;
mod settle;
mod shell;
mod signals;
mod socket;
mod start;
mod status;
pub mod store;
mod sweep;
mod talk;
mod turn;
mod unwritten;
mod upgrade;
mod watch;
mod welcome;
mod wire;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use tokio::sync::mpsc;

use crate::carrier::{self, Task};
use crate::exit;
use crate::limits;
use crate::places::Places;
use crate::sys;

use handover::Received;
use options::{Command, Defaults, Options};
use parting::StopWithin;
use shell::Shell;
use signals::Signals;
use turn::Loop;

/// Runs ebbd as it was called, until it is told to end.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let words = || args.iter().skip(1).filter_map(|arg| arg.to_str());
    if let Some(task) = Task::parse(words()) {
        return carrier::main(&task);
    }
    if let Some(done) = directory::main(words()) {
        return done;
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
    for warning in options.file.iter().flat_map(|file| &file.warnings) {
        tracing::warn!("{warning}");
    }
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
    // From here on whoever needs a directory service waits alone.
    sys::users::never_wait();
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
    shell.close(main.bounds);
    ended.map_err(Failure::os("the event loop can't go on"))
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

//! The loop: everything that ebbd waits for, on one thread. Inputs become events; asleep whenever nothing is due and nobody
//! calls. Knows nothing of what an event leads to.

use std::io;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::{Event, Wake};
use crate::limits;
use crate::sys;
use crate::sys::clock::{MonoTimer, Tick, WallTimer};

use super::input::Input;
use super::leave::Call;
use super::parting::{Bounds, StopWithin};
use super::shell::Shell;
use super::signals::{Signal, Signals};

/// Everything that the loop waits for.
pub(super) struct Loop {
    pub(super) signals: Signals,
    pub(super) input: mpsc::UnboundedReceiver<Input>,
    wall: AsyncFd<WallTimer>,
    mono: AsyncFd<MonoTimer>,
    armed: Option<Wake>,
    pub(super) next_client: u64,
    /// When clients are let in again, after that has failed.
    accept_from: Option<Instant>,
    /// Whether nobody is let in for want of descriptors, so that the log has said so.
    is_shut: bool,
    /// By when ebbd ends whatever is left, once it was asked to end.
    pub(super) bounds: Bounds,
    /// When the disk is tried again, on which there was no room.
    room_from: Option<Instant>,
}

/// Messages taken in before one sync serves them all.
const BATCH: usize = 256;

impl Loop {
    pub(super) fn new(signals: Signals, input: mpsc::UnboundedReceiver<Input>) -> io::Result<Self> {
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
            bounds: Bounds::default(),
            room_from: None,
        })
    }

    pub(super) async fn turn(&mut self, shell: &mut Shell, listener: &UnixListener) -> io::Result<()> {
        while !shell.is_over {
            shell.rest();
            self.arm(shell.engine.next_wake())?;
            self.room_from = shell.needs_room().then(|| self.room_from.unwrap_or_else(in_a_while));
            // Not biased: a flood of calls must not keep timers, signals and new clients waiting.
            tokio::select! {
                signal = self.signals.next() => {
                    if signal == Signal::End && self.bounds.wait.is_none() {
                        let within = shell.options.stop_within_ms.map(StopWithin);
                        self.bounds = within.map(Bounds::of).unwrap_or_default();
                    }
                    on_signal(shell, signal);
                }
                () = tokio::time::sleep_until(self.bounds.wait.unwrap_or_else(Instant::now)),
                    if self.bounds.wait.is_some() => {
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
                () = tokio::time::sleep_until(self.accept_from.unwrap_or_else(Instant::now)),
                    if self.accept_from.is_some() => self.guard(shell, None),
                // Between two pieces of a rotation everybody else has a turn.
                () = tokio::task::yield_now(), if shell.tally.is_some() => {}
                // Nothing else may happen for hours: what waits for room on the disk is tried again.
                () = tokio::time::sleep_until(self.room_from.unwrap_or_else(Instant::now)),
                    if self.room_from.is_some() => {
                        self.room_from = None;
                        shell.try_for_room();
                    }
                () = tokio::time::sleep_until(shell.notify.due_at().unwrap_or_else(Instant::now)),
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
            shell.watch_pressure();
        }
        Ok(())
    }

    /// Lets nobody in for a while where that has failed or would take the last descriptors: who is inside is served on, the
    /// others wait in the backlog.
    fn guard(&mut self, shell: &Shell, refused: Option<&io::Error>) {
        let was_shut = std::mem::replace(&mut self.is_shut, refused.is_some() || !shell.can_let_in());
        let pause = Duration::from_millis(limits::ACCEPT_PAUSE_MS);
        self.accept_from = self.is_shut.then(|| Instant::now() + pause);
        match refused {
            Some(error) if !was_shut => tracing::error!("cannot let a client in: {error}"),
            None if self.is_shut && !was_shut => tracing::warn!(
                "cannot let a client in before another one has gone: too few descriptors (RLIMIT_NOFILE)"
            ),
            Some(_) | None => {}
        }
    }

    pub(super) fn take_in(&mut self, shell: &mut Shell, first: Option<Input>) {
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
fn in_a_while() -> Instant {
    Instant::now() + Duration::from_millis(limits::UNWRITTEN_RETRY_MS)
}

fn on_signal(shell: &mut Shell, signal: Signal) {
    match signal {
        Signal::End => {
            match shell.options.stop_within_ms.map(StopWithin) {
                Some(within) => tracing::info!("asked to end; runs get at most {} ms", within.grace_ms()),
                None => tracing::info!("asked to end"),
            }
            // First of all: a service manager that takes its time must not take the runs'.
            shell.handle(Event::Shutdown);
            shell.notify_stopping();
        }
        Signal::Leave => {
            tracing::info!("asked to end and to leave the runs alone");
            shell.leaves_runs = true;
            shell.is_over = true;
            shell.notify_stopping();
        }
        Signal::Reload => shell.reload(),
        Signal::Child => shell.reap_orphans(),
    }
}

pub(super) fn on_input(shell: &mut Shell, input: Input) {
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
        Input::Answered(answers) => shell.answered(answers),
        Input::ClientGone { client } => shell.farewell(client),
        Input::Started { run, process } => shell.started(run, process),
        Input::StartFailed { run, error } => shell.handle(Event::StartFailed { run, error }),
        Input::StartPutOff { run, lacks } => shell.start_put_off(run, lacks),
        Input::OverLimit { run } => shell.handle(Event::OverLimit { run }),
        Input::Exited { run, exit, usage, victim, late_ms } => {
            shell.exited(run, exit, usage, victim, late_ms);
        }
        Input::Pressure => shell.pressure(),
    }
}

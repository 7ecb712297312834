//! An upgrade: ebbd executes its binary anew in its own place. The pid stays, so its children stay its children and their
//! ends are read as ever; what the journal does not know is handed over. Whatever goes wrong before the new program runs
//! leaves this one as it was.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::net::UnixListener;

use crate::engine::{ClientId, JobIndex};
use crate::limits;
use crate::protocol::Refusal;
use crate::sys::{descriptors, image};

use super::access::Caller;
use super::beside;
use super::client::Client;
use super::handover::{self, ANSWER, Awaits, FORMAT, Handover, VARIABLE, What};
use super::input::Input;
use super::live::Live;
use super::shell::Shell;
use super::turn::Loop;

impl Shell {
    /// Takes the call: the binary is looked at first, beside everything else.
    pub(super) fn ask_upgrade(&mut self, client: ClientId, caller: &Caller) -> Result<(), Refusal> {
        self.needs_control(caller, "upgrade ebbd")?;
        if self.engine.is_ending() {
            return Err(Refusal::ShuttingDown);
        }
        if self.upgrade.is_some() {
            return Err(Refusal::Busy("an upgrade is under way already".to_owned()));
        }
        self.upgrade = Some((client, None));
        let input = self.input.clone();
        tokio::spawn(async move {
            let found = match binary() {
                Ok(path) => probe(&path).await.map(|()| path),
                Err(error) => Err(format!("cannot tell which binary ebbd was started from: {error}")),
            };
            let _ = input.send(Input::Probed { found });
        });
        Ok(())
    }

    /// What was found out about the binary.
    pub(super) fn probed(&mut self, found: Result<PathBuf, String>) {
        match (found, &mut self.upgrade) {
            (Ok(_), Some(_)) if self.engine.is_ending() => self.not_upgraded("it is about to end"),
            (Ok(path), Some((_, binary))) => *binary = Some(path),
            (Err(why), Some(_)) => self.not_upgraded(&why),
            (_, None) => {}
        }
    }

    /// ebbd goes on as it is.
    fn not_upgraded(&mut self, why: &str) {
        let Some((client, _)) = self.upgrade.take() else { return };
        tracing::error!("not upgraded: {why}");
        self.refuse(client, &Refusal::NotUpgraded(format!("ebbd goes on as it is: {why}")));
    }

    /// The journal has all that it has to, and on disk.
    fn bring_to_disk(&mut self) -> io::Result<()> {
        if !self.unwritten.is_empty() {
            return Err(io::Error::other("it can't be written just now"));
        }
        self.journal.sync()
    }

    fn handover(&self, listener: &UnixListener, clients: Vec<handover::Client>) -> Handover {
        let definition = |index| self.engine.job(JobIndex(index)).map(|view| view.definition);
        Handover {
            format: FORMAT,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: self.options.places.state.clone(),
            socket: self.options.places.socket.clone(),
            listener: image::number(listener.as_fd()),
            whose: self.socket,
            lock: image::number(self.journal.lock().as_fd()),
            store: image::number(self.store.file().as_fd()),
            jobs: (0..self.engine.job_count()).filter_map(definition).collect(),
            problems: self.problems.clone(),
            refused: self.refused.iter().cloned().collect(),
            is_unreadable: self.is_unreadable,
            lacks_room: self.lacks_room,
            engine: self.engine.carried(),
            runs: self.live.iter().map(|live| live.hand_over()).collect(),
            clients,
        }
    }

    /// A client at rest, with a copy of what it has staged.
    fn hand_over_client(&self, client: &Client) -> io::Result<(handover::Client, Option<OwnedFd>)> {
        let staged = client.staged.as_ref().map(|staged| staged.open().map(OwnedFd::from)).transpose()?;
        let run = self.waiting.iter().find(|(_, of)| *of == client.id).map(|(run, _)| What::Run(*run));
        let is_asker = self.upgrade.as_ref().is_some_and(|(of, _)| *of == client.id);
        let what = run.or(is_asker.then_some(What::Upgrade));
        let over = handover::Client {
            stream: image::number(client.wire.stream.as_fd()),
            unread: BASE64.encode(client.wire.frames.unread()),
            unsent: BASE64.encode(&client.wire.unsent),
            staged: staged.as_ref().map(|fd| image::number(fd.as_fd())),
            awaits: client
                .call
                .as_ref()
                .and_then(|call| what.map(|what| Awaits { what, oneway: call.oneway })),
        };
        Ok((over, staged))
    }
}

impl Live {
    fn hand_over(&self) -> handover::Run {
        use std::sync::atomic::Ordering::Relaxed;
        handover::Run {
            id: self.id,
            stop_signal: self.stop_signal,
            memory: self.memory,
            unheld: Some(self.unheld.clone()),
            output_max: self.output.as_ref().map(|(_, max)| *max),
            keep: self.keep,
            peak_anon: self.seen.peak_anon.load(Relaxed),
            trace: self.seen.trace().clone(),
            shared: self.seen.shared.load(Relaxed),
            in_grace: self.seen.in_grace.load(Relaxed),
            leftover: self.seen.leftover.load(Relaxed),
            ended: self.seen.ended.get().map(|ended| handover::Ended {
                exit: ended.exit,
                max_rss: ended.max_rss,
                cpu_ms: ended.cpu_ms,
            }),
        }
    }
}

impl Loop {
    /// Carries the upgrade out that is due. Comes back only where it could not, and then ebbd goes on.
    pub(super) async fn upgrade(&mut self, shell: &mut Shell, listener: &UnixListener) {
        let Some((_, Some(binary))) = shell.upgrade.clone() else { return };
        tracing::info!("coming to rest, for {} to take over", binary.display());
        let why = match self.come_to_rest(shell).await {
            Ok(()) => match take_my_place(shell, listener, &binary) {
                Ok(never) => match never {},
                Err(why) => why,
            },
            Err(why) => why,
        };
        // First of all: what is started now must not inherit that signals are blocked, and those that came are heard next.
        let _ = image::unblock_signals();
        shell.go_on();
        shell.not_upgraded(&why);
    }

    /// Everything is between two steps after this, and signals wait in the kernel for whoever lets them through again.
    async fn come_to_rest(&mut self, shell: &mut Shell) -> Result<(), String> {
        // One that would end ebbd later on is not taken here: then the next one hears it.
        match self.signals.hold_back().await {
            Ok(asks_to_end) if asks_to_end => return Err("it is about to end".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(format!("signals can't be held back: {error}")),
        }
        shell.notify_alive();
        shell.hold_back();
        shell.pause_clients();
        if !self.settle(shell, |shell| shell.is_settled() && shell.has_paused_clients()).await {
            if let Some(live) = shell.starting() {
                return Err(format!(
                    "run {} of {} has been about to start for more than {} ms; try again later",
                    live.id,
                    live.job,
                    limits::SETTLE_MS
                ));
            }
            shell.let_go_of_the_busy();
        }
        if shell.engine.is_ending() {
            return Err("it is about to end".to_owned());
        }
        shell.put_calls_back();
        shell.bring_to_disk().map_err(|e| format!("the journal can't be brought to disk: {e}"))?;
        // The next one reads the journal first.
        shell.notify_alive();
        Ok(())
    }
}

impl Shell {
    /// A client that reads too slowly to come to rest is let go, as one that does not read at all.
    fn let_go_of_the_busy(&mut self) {
        let paused = self.pause.as_ref().map_or(&[][..], |pause| &pause.clients);
        let at_rest: Vec<ClientId> = paused.iter().map(|client| client.id).collect();
        let busy = self.clients.iter().map(|c| c.id).filter(|id| !at_rest.contains(id));
        for client in busy.collect::<Vec<_>>() {
            tracing::warn!(client, "a client is still being told something and is let go for the upgrade");
            self.farewell(client);
        }
    }
}

/// The point of no return. An error comes back to an ebbd that is as it was.
fn take_my_place(
    shell: &Shell,
    listener: &UnixListener,
    binary: &Path,
) -> Result<std::convert::Infallible, String> {
    let clients = shell.pause.as_ref().map_or(&[][..], |pause| &pause.clients);
    let handed: io::Result<Vec<_>> = clients.iter().map(|client| shell.hand_over_client(client)).collect();
    let (handed, staged): (Vec<_>, Vec<_>) =
        handed.map_err(|e| format!("a client can't be handed over: {e}"))?.into_iter().unzip();
    let streams = clients.iter().map(|client| client.wire.stream.as_fd());
    let own = [listener.as_fd(), shell.journal.lock().as_fd(), shell.store.file().as_fd()];
    let named: Vec<BorrowedFd<'_>> =
        own.into_iter().chain(streams).chain(staged.iter().flatten().map(AsFd::as_fd)).collect();
    let file = handover::give(&shell.handover(listener, handed), &named)
        .map_err(|e| format!("what is to be handed over can't be written down: {e}"))?;
    let args: Vec<OsString> = std::env::args_os().collect();
    let number = image::number(file.as_fd()).to_string();
    let mut environment: Vec<_> = std::env::vars_os().filter(|(name, _)| name != VARIABLE).collect();
    environment.push((VARIABLE.into(), number.into()));
    tracing::info!("executing {} in this one's place", binary.display());
    descriptors::restore();
    let error = image::replace(binary, &args, &environment);
    descriptors::raise(limits::DESCRIPTORS_MAX);
    handover::take_back(&named);
    Err(format!("{} can't be executed: {error}", binary.display()))
}

/// The binary that ebbd was started from, as it is named: by its first argument where that is a whole path (a service
/// manager's; a symbolic link leads to the newest version), else by what the kernel says, which marks a file that has been
/// replaced meanwhile (proc_pid_exe(5)).
fn binary() -> io::Result<PathBuf> {
    if let Some(named) = std::env::args_os().next().map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(named);
    }
    let path = std::fs::read_link("/proc/self/exe")?;
    let replaced = path.to_str().and_then(|text| text.strip_suffix(" (deleted)"));
    Ok(replaced.map(PathBuf::from).filter(|_| !path.exists()).unwrap_or(path))
}

/// Whether the binary can take over: nobody could have put something else in its place, and it says so itself, with the
/// arguments and settings that it would run with.
async fn probe(path: &Path) -> Result<(), String> {
    let shown = path.display();
    check(path).map_err(|why| format!("{shown} {why}"))?;
    let said =
        ask(path).await.map_err(|e| format!("{shown} can't be asked whether it can take over: {e}"))?;
    let formats = said.lines().find_map(|line| line.strip_prefix(ANSWER));
    match formats {
        Some(formats) if formats.split(' ').any(|format| format == FORMAT.to_string()) => Ok(()),
        Some(formats) => Err(format!(
            "{shown} takes over from another version (it reads format {formats} of what is handed over, this ebbd \
             writes {FORMAT}); restart the service instead"
        )),
        None => Err(format!(
            "{shown} does not say that it can take over; it says: {}",
            Some(said.trim()).filter(|said| !said.is_empty()).unwrap_or("nothing")
        )),
    }
}

fn check(path: &Path) -> Result<(), String> {
    let facts = std::fs::metadata(path).map_err(|e| format!("can't be looked at: {e}"))?;
    let (mode, owner) = (facts.mode(), facts.uid());
    if !facts.is_file() {
        Err("is no file".to_owned())
    } else if mode & 0o111 == 0 {
        Err("is not executable".to_owned())
    } else if owner != 0 && owner != nix::unistd::geteuid().as_raw() {
        Err(format!("belongs to user {owner}, who is neither root nor the one that ebbd runs as"))
    } else if mode & 0o022 != 0 {
        Err(format!("can be written by others (mode {:o})", mode & 0o7777))
    } else {
        Ok(())
    }
}

/// Runs it with `--check-handover`; all that it says, up to a bound and for so long.
async fn ask(path: &Path) -> io::Result<String> {
    let (pipe, end) = io::pipe()?;
    let mut command = Command::new(path);
    command.args(std::env::args_os().skip(1)).arg("--check-handover").env_remove(VARIABLE);
    command.stdin(Stdio::null()).stdout(end.try_clone()?).stderr(end);
    let patience = Duration::from_millis(limits::PROBE_TIMEOUT_MS);
    let said = beside::all_it_says(command, pipe, limits::PROBE_ANSWER_MAX, patience).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

//! The start of a run: its definition becomes a leaf with limits, an environment, descriptors, and a process.
//! What fails on the way is one sentence, and leaves nothing behind.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::engine::{Event, Order};
use crate::job::{Definition, envfile};
use crate::journal::record::RunId;
use crate::limits;
use crate::sys;
use crate::sys::spawn::{self, Rlimit, SpawnSpec};
use crate::sys::tracked::Tree;
use crate::sys::tree::Family;
use crate::sys::users::{self, Identity, User};
use crate::words::{Enforcement, OutputTo};

use super::carriers::Carrier;
use super::directory::Deferred;
use super::environment::{self, Host};
use super::input::Input;
use super::live::{Live, Seen};
use super::outputs::Outputs;
use super::shell::Shell;
use super::watch::{Main, Watched};

impl Shell {
    /// Starts a run; a failure comes back as a message, like everything else that a run does.
    pub(super) fn start(&mut self, order: Order) {
        let run = order.run;
        let asked = users::asked();
        match self.try_start(&order) {
            Ok(watched) => {
                self.live.push(Arc::clone(&watched.live));
                tokio::spawn(watched.watch());
            }
            Err(_) if users::asked() != asked => {
                self.outputs().discard(&order.job, run);
                self.defer(Deferred::Start(order));
            }
            Err(Obstacle { what, is_scarce }) => {
                self.outputs().discard(&order.job, run);
                let _ = self.input.send(if is_scarce {
                    Input::StartPutOff { run, lacks: what }
                } else {
                    Input::StartFailed { run, error: what }
                });
            }
        }
    }

    /// A start that has to wait for something: said in the log the first time, and whenever it is as long as it gets.
    pub(super) fn start_put_off(&mut self, run: RunId, lacks: String) {
        let job = self.engine.job_of(run).unwrap_or_default();
        match self.engine.times_put_off(run) {
            0 => tracing::warn!(run, job, "cannot start yet, and is tried again until it can: {lacks}"),
            times => tracing::debug!(run, job, times, "still cannot start: {lacks}"),
        }
        self.outputs().discard(job, run);
        self.let_go(run);
        self.forget_note_of(run);
        self.handle(Event::StartPutOff { run, lacks });
    }

    fn try_start(&self, order: &Order) -> Result<Watched, Obstacle> {
        let stored = self.store.get(order.definition);
        let mut job = stored.map_err(Obstacle::to("read its definition back"))?.definition;
        job.memory.max = order.raised_max.or(job.memory.max);
        if !sys::descriptors::has_more_than(limits::DESCRIPTORS_FOR_CLIENTS) {
            return Err(Obstacle::scarce(format!(
                "all but {} of ebbd's descriptors are in use (RLIMIT_NOFILE, or LimitNOFILE= of its unit)",
                limits::DESCRIPTORS_FOR_CLIENTS
            )));
        }
        let (user, identity) = self.become_whom(&job)?;
        let mut environment = environment_of(&job, order, &user)?;
        let mark = self.ladder.mark(order.run);
        environment.push((environment::MARK.to_owned(), mark.clone()));
        let mark = format!("{}={mark}", environment::MARK);
        let command: Vec<String> = job.command.iter().chain(&order.payload.args).cloned().collect();
        let home = || Some(user.home.as_path()).filter(|home| job.user.is_some() && home.exists());
        let directory = job.working_directory.as_deref().or_else(home).unwrap_or(Path::new("/"));
        let mut spec = SpawnSpec::new(&command, &environment, directory).map_err(Obstacle::of)?;
        spec.identity = identity;
        spec.umask = job.umask;
        spec.nice = (job.nice != 0).then_some(job.nice);
        spec.oom_score_adj = job.oom_score_adjust;
        spec.rlimits.extend(sys::descriptors::original().map(|(soft, hard)| Rlimit::descriptors(soft, hard)));
        let output = self.open_output(&job, order, spec.identity.as_ref())?;
        let stdin = self.stdin(order)?;
        let carrier = (job.output.to == OutputTo::Journal && output.is_none())
            .then(|| self.carrier(&job, order, spec.identity.as_ref()))
            .transpose()
            .map_err(Obstacle::to("start what carries its output to the systemd journal"))?;
        let (stdout, stderr) = stdio(&job, output.as_ref(), carrier.as_ref())?;
        let (leaf, enforcement) = self.ladder.leaf(order.run, &job).map_err(Obstacle::of)?;
        if let (Enforcement::Rlimit, Some(max)) = (enforcement, job.memory.max) {
            spec.rlimits.push(data_limit(max));
        }
        let stdio = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let place = self.begun.as_ref().map(|begun| begun.place(order.run));
        let spawned = spawn::spawn(&spec, stdio, leaf.as_ref(), place).map_err(|e| {
            let _ = leaf.as_ref().map(sys::cgroup::Leaf::remove);
            Obstacle::of(e)
        })?;
        if let Some(carrier) = carrier {
            carrier.tell(spawned.pid);
        }
        let live = Live {
            id: order.run,
            job: order.job.clone(),
            pid: u32::try_from(spawned.pid).unwrap_or(0),
            pid_start: spawned.start_ticks,
            is_adopted: false,
            enforcement,
            tree: leaf.map_or_else(
                || Tree::Family(Family::new(spawned.pid, spawned.start_ticks, &mark)),
                Tree::Leaf,
            ),
            stop_signal: job.stop_signal,
            memory: job.memory,
            unheld: self.ladder.unheld(&job),
            output: output.map(|file| (file, job.output.max)),
            keep: job.output.keep,
            seen: Seen { is_starting: true.into(), ..Seen::default() },
        };
        Ok(Watched {
            live: Arc::new(live),
            main: Main::Open(spawned.pidfd),
            exec_status: Some(spawned.exec),
            input: self.input.clone(),
        })
    }

    /// The user of a run, and what it has to become; ebbd's own is known since its start.
    pub(super) fn become_whom(&self, job: &Definition) -> Result<(User, Option<Identity>), Obstacle> {
        if job.user.is_none() && job.group.is_none() {
            return Ok((self.own_user.clone(), None));
        }
        let (user, identity) =
            users::resolve(job.user.as_deref(), job.group.as_deref()).map_err(Obstacle::of)?;
        Ok((user, Some(identity)))
    }

    fn stdin(&self, order: &Order) -> Result<OwnedFd, Obstacle> {
        match order.payload.input {
            Some(input) => self.inputs.open(order.run, input).map(Into::into).map_err(Obstacle::of),
            None => null(),
        }
    }

    /// The run's output file, where it has one. It is the run's user's own, for `echo ... > /dev/stderr` opens it anew.
    fn open_output(
        &self,
        job: &Definition,
        order: &Order,
        identity: Option<&Identity>,
    ) -> Result<Option<OwnedFd>, Obstacle> {
        match job.output.to {
            OutputTo::File => {}
            OutputTo::Journal => match sys::journald::reach(&sys::journald::socket_path()) {
                Ok(()) => return Ok(None),
                Err(error) => {
                    let (run, job) = (order.run, &order.job);
                    tracing::warn!(run, %job, "its output goes to a file, as there is no systemd journal here: {error}");
                }
            },
            OutputTo::Inherit | OutputTo::Null => return Ok(None),
        }
        let made = self.outputs().create(&order.job, order.run).and_then(|file| {
            identity.map_or(Ok(()), |who| std::os::unix::fs::fchown(&file, Some(who.uid), None))?;
            Ok(file)
        });
        // A state directory that can't be written now can be again later, as one without room.
        let can_wait =
            |e: &std::io::Error| sys::is_scarce(e) || e.kind() == std::io::ErrorKind::ReadOnlyFilesystem;
        made.map(Some)
            .map_err(|e| Obstacle { is_scarce: can_wait(&e), ..Obstacle::to("make its output file")(e) })
    }

    pub(super) fn outputs(&self) -> Outputs {
        Outputs::of(&self.options.places.state)
    }
}

fn stdio(
    job: &Definition,
    output: Option<&OwnedFd>,
    carrier: Option<&Carrier>,
) -> Result<(OwnedFd, OwnedFd), Obstacle> {
    let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map_err(Obstacle::to("copy a descriptor"));
    // Both streams to one place, so that what is written is read in that order.
    let place = output.map(AsFd::as_fd).or_else(|| carrier.map(Carrier::output));
    match (job.output.to, place) {
        (_, Some(place)) => Ok((copy(place)?, copy(place)?)),
        (OutputTo::Inherit, None) => Ok((copy(std::io::stderr().as_fd())?, copy(std::io::stderr().as_fd())?)),
        (OutputTo::Null | OutputTo::File | OutputTo::Journal, None) => Ok((null()?, null()?)),
    }
}

/// A stop for one process that grows faster than the watchdog looks. RLIMIT_DATA counts memory that is reserved, not
/// used (getrlimit(2)), so it stands at twice the limit, which the watchdog holds the whole tree to.
fn data_limit(max: u64) -> Rlimit {
    Rlimit::data(max.saturating_mul(2))
}

fn environment_of(job: &Definition, order: &Order, user: &User) -> Result<Vec<(String, String)>, Obstacle> {
    let mut files = Vec::new();
    for file in &job.environment_files {
        let path = file.path.display();
        let text = match read_bounded(&file.path) {
            Ok(text) => text,
            Err(e) if file.optional && e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Obstacle::to(format_args!("read the environment-file {path}"))(e)),
        };
        let parsed = envfile::parse(&text).map_err(|e| format!("environment-file {path}: {e}"));
        files.extend(parsed.map_err(|what| Obstacle { what, is_scarce: false })?);
    }
    let host = Host {
        user: user.name.clone(),
        home: user.home.display().to_string(),
        lang: std::env::var("LANG").ok(),
        tz: job
            .timing
            .timezone
            .clone()
            .or_else(|| std::env::var("TZ").ok())
            .unwrap_or_else(sys::zoneinfo::host_zone),
    };
    Ok(environment::of_run(&host, files, &job.environment, order))
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    regular(path)?.take(limits::ENVIRONMENT_FILE_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limits::ENVIRONMENT_FILE_MAX {
        return Err(std::io::Error::other(format!(
            "it is larger than {} bytes",
            limits::ENVIRONMENT_FILE_MAX
        )));
    }
    Ok(text)
}

/// Opens a regular file and nothing else: whoever owns the file may be less than ebbd, and a pipe in its place would hold
/// all of ebbd up.
fn regular(path: &Path) -> std::io::Result<File> {
    let file = File::options().read(true).custom_flags(sys::durable::NON_BLOCKING).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is no regular file")) }
}

fn null() -> Result<OwnedFd, Obstacle> {
    let file = File::options().read(true).write(true).open("/dev/null");
    file.map(Into::into).map_err(Obstacle::to("open /dev/null"))
}

/// Why a run did not start: in a sentence, and whether the same may well succeed later.
pub(super) struct Obstacle {
    what: String,
    is_scarce: bool,
}

impl Obstacle {
    fn of(error: std::io::Error) -> Self {
        Self { what: error.to_string(), is_scarce: sys::is_scarce(&error) }
    }

    fn to(tried: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |e| Self { what: format!("cannot {tried}: {e}"), is_scarce: sys::is_scarce(&e) }
    }

    fn scarce(what: String) -> Self {
        Self { what, is_scarce: true }
    }
}

//! A real ebbd in a directory of its own, calls over its socket, and waits that end.

use std::fmt::Display;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Longest wait for anything that has to happen; machines under load are slow.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// An ebbd with its own jobs, state and socket. Dropped, it is ended, and nothing of it is left.
pub(crate) struct Ebbd {
    child: Option<Child>,
    dir: tempfile::TempDir,
    flags: Vec<String>,
    wrapper: Vec<String>,
    variables: Vec<(String, String)>,
    uid: Option<u32>,
    listener: Option<UnixListener>,
}

impl Ebbd {
    /// Starts one with these job files: name without `.toml`, and text.
    pub(crate) fn start(jobs: &[(&str, &str)]) -> Self {
        Self::prepare(jobs).go()
    }

    /// Lays everything out without starting.
    pub(crate) fn prepare(jobs: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("ebb-test-").tempdir().unwrap();
        // Job files are refused where others may write; a run as another user has to reach its files.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(dir.path().join("jobs")).unwrap();
        let ebbd = Self {
            child: None,
            dir,
            flags: Vec::new(),
            wrapper: Vec::new(),
            variables: Vec::new(),
            uid: None,
            listener: None,
        };
        for (name, text) in jobs {
            ebbd.write_job(name, text);
        }
        ebbd
    }

    /// Adds a flag.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Starts it by way of another command, which gets ebbd's path and arguments and has to exec them.
    pub(crate) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Sets a variable of ebbd's own environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs it as this user (the test has to be root).
    pub(crate) fn run_as(mut self, uid: u32) -> Self {
        std::os::unix::fs::chown(self.dir.path(), Some(uid), Some(uid)).unwrap();
        std::os::unix::fs::chown(self.dir.path().join("jobs"), Some(uid), Some(uid)).unwrap();
        self.uid = Some(uid);
        self
    }

    /// Hands a listening socket over to it, and to each that follows, as a service manager does (sd_listen_fds(3)).
    pub(crate) fn handed(mut self, listener: UnixListener) -> Self {
        self.listener = Some(listener);
        self.under(&["sh", "-c", "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", "sh"])
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn go(mut self) -> Self {
        self.spawn();
        self.wait_ready();
        self
    }

    /// Starts the process alone.
    pub(crate) fn spawn(&mut self) {
        self.child = Some(self.command().spawn().unwrap());
    }

    /// What starts it.
    pub(crate) fn command(&self) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let words: Vec<&str> =
            self.wrapper.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_ebbd")]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command.arg("--jobs").arg(self.path("jobs")).arg("--state").arg(self.path("state"));
        command.arg("--socket").arg(self.socket()).args(&self.flags);
        let listener = self.listener.as_ref().map(|listener| listener.try_clone().unwrap());
        command
            .stdin(listener.map_or_else(Stdio::null, |listener| OwnedFd::from(listener).into()))
            .stdout(Stdio::null())
            .stderr(log)
            .env("LANG", "C.UTF-8")
            .env_remove("TZ");
        command.env("HOME", self.dir.path()).env_remove("XDG_CONFIG_HOME");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(uid) = self.uid {
            use std::os::unix::process::CommandExt;
            command.uid(uid).gid(uid);
        }
        command
    }

    pub(crate) fn wait_ready(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if answers(&self.socket()) {
                return;
            }
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().unwrap()) {
                panic!("ebbd ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "ebbd does not listen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("ebb.sock")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn write_job(&self, name: &str, text: &str) {
        let path = self.path("jobs").join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Kills it as a crash would, and takes its status.
    pub(crate) fn crash(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.take().unwrap().wait().unwrap();
    }

    /// Starts the next one on the same state.
    pub(crate) fn restart(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Waits until it has ended by itself; its exit code.
    pub(crate) fn wait_end(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("ebbd does not end:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn connect(&self) -> Caller {
        Caller::connect(&self.socket())
    }

    /// One call on a connection of its own: its parameters, or the name of its error.
    pub(crate) fn call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.connect().call(method, parameters)
    }

    /// Asks for a run and waits for its end; its history line.
    pub(crate) fn run(&self, job: &str) -> Value {
        let reply = self.call("RunNow", json!({"job": job, "wait": true})).unwrap();
        reply["result"].clone()
    }

    /// Asks for a run; its number.
    pub(crate) fn demand(&self, job: &str) -> u64 {
        self.call("RunNow", json!({ "job": job })).unwrap()["run"].as_u64().unwrap()
    }

    /// The name of the error that a call is refused with, and its sentence.
    pub(crate) fn refusal(&self, method: &str, parameters: Value) -> (String, String) {
        self.connect().refusal(method, parameters)
    }

    /// All that ended, oldest first.
    pub(crate) fn history(&self) -> Vec<Value> {
        let mut lines = self.connect().stream("History", json!({})).unwrap();
        lines.reverse();
        lines
            .into_iter()
            .filter_map(|line| line.get("result").cloned())
            .filter(|line| !line.is_null())
            .collect()
    }

    pub(crate) fn status(&self, job: &str) -> Value {
        self.call("Status", json!({ "job": job })).unwrap()["job"].clone()
    }

    /// The journal's lines, as far as they are whole.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("state/journal.jsonl")).unwrap();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until a run's program runs and the journal has it; its main process. (A run that is about to start counts
    /// as running for `Status` already.)
    pub(crate) fn until_started(&self, run: u64) -> i32 {
        let mut pid = None;
        self.until(format_args!("run {run} to be started"), || {
            let started = self.journal().into_iter().find(|r| r["event"] == "started" && r["id"] == run);
            pid = started.and_then(|record| i32::try_from(record["pid"].as_i64()?).ok());
            pid.is_some()
        });
        pid.unwrap()
    }

    pub(crate) fn output(&self, job: &str, run: u64) -> String {
        let path = self.path("state/output").join(job).join(format!("{run}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Runs the client against it.
    pub(crate) fn ebb(&self, args: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_ebb"))
            .arg("--socket")
            .arg(self.socket())
            .args(args)
            .stdin(Stdio::null())
            .env_remove("EBB_SOCKET")
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Waits until a condition of this ebbd holds.
    pub(crate) fn until(&self, what: impl Display, condition: impl FnMut() -> bool) {
        wait_until(format_args!("{what}\n--- ebbd's log:\n{}", self.log()), condition);
    }
}

impl Drop for Ebbd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- the end of ebbd's log:\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
        let Some(mut child) = self.child.take() else { return };
        let deadline = Instant::now() + Duration::from_secs(20);
        // Again and again: the second one that arrives ends runs at once, and two can arrive as one.
        while child.try_wait().is_ok_and(|status| status.is_none()) {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            let signal = if Instant::now() > deadline { Signal::SIGKILL } else { Signal::SIGTERM };
            let _ = nix::sys::signal::kill(pid, signal);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What the client said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A connection that speaks Varlink with nothing but bytes.
pub(crate) struct Caller {
    pub(crate) stream: UnixStream,
    buffer: Vec<u8>,
}

impl Caller {
    pub(crate) fn connect(socket: &Path) -> Self {
        Self::over(UnixStream::connect(socket).unwrap())
    }

    /// Goes on with a connection that somebody else has made.
    pub(crate) fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, method: &str, parameters: &Value, more: bool) {
        let call =
            json!({"method": format!("io.ebb.Control.{method}"), "parameters": parameters, "more": more});
        self.send_frame(&call);
    }

    /// Sends any JSON as a frame.
    pub(crate) fn send_frame(&mut self, call: &Value) {
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next frame; none at the end of the connection.
    pub(crate) fn receive(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == 0) {
                let frame: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&frame[..end]).unwrap());
            }
            let mut piece = [0; 65536];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                // What we sent was not read to its end before the other side closed.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                // With a timeout, a read ends early also where the process was stopped and goes on (signal(7)).
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }

    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        self.send(method, &parameters, false);
        result(self.receive().expect("an answer")).map(|(reply, _)| reply)
    }

    /// The name of the error that a call is refused with, and its sentence.
    pub(crate) fn refusal(&mut self, method: &str, parameters: Value) -> (String, String) {
        self.send(method, &parameters, false);
        let frame = self.receive().expect("an answer");
        let name = frame["error"].as_str().unwrap_or_else(|| panic!("not refused: {frame}"));
        let message = frame["parameters"].as_object().and_then(|p| p.values().find_map(Value::as_str));
        (name.rsplit('.').next().unwrap().to_owned(), message.unwrap_or_default().to_owned())
    }

    pub(crate) fn stream(&mut self, method: &str, parameters: Value) -> Result<Vec<Value>, String> {
        self.send(method, &parameters, true);
        let mut replies = Vec::new();
        loop {
            let (reply, continues) = result(self.receive().expect("an answer"))?;
            replies.push(reply);
            if !continues {
                return Ok(replies);
            }
        }
    }
}

/// Whether an ebbd answers there. That somebody lets one in is not enough: a child of one that was killed can hold its
/// socket open until it has reached its own program.
fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let mut byte = [0];
    stream.write_all(b"{\"method\":\"org.varlink.service.GetInfo\"}\0").is_ok()
        && stream.set_read_timeout(Some(DEADLINE)).is_ok()
        && stream.read(&mut byte).is_ok_and(|count| count == 1)
}

/// What a reply says: its parameters and whether another follows, or the name of the error.
pub(crate) fn result(frame: Value) -> Result<(Value, bool), String> {
    match frame.get("error").and_then(Value::as_str) {
        Some(error) => Err(error.rsplit('.').next().unwrap_or_default().to_owned()),
        None => Ok((frame["parameters"].clone(), frame["continues"] == true)),
    }
}

/// Waits until a condition holds; panics at the deadline with what was waited for.
pub(crate) fn wait_until(what: impl Display, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// True, and said by name, where a test needs root and has none.
pub(crate) fn skips_without_root(test: &str) -> bool {
    if !is_root() {
        skip(test, "it needs root");
    }
    !is_root()
}

/// Says that a test can't run here: on standard error, and in the file that EBB_SKIPPED_FILE names, since cargo shows
/// nothing of a test that passes.
pub(crate) fn skip(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {why}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("EBB_SKIPPED_FILE") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Whether a process is there, zombies not counted.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// A number that a job wrote into a file.
pub(crate) fn number_in(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Children of a process that have ended and were not reaped.
pub(crate) fn zombies_of(pid: u32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|p| p.parse().ok()).filter(|p| !is_alive(*p)).collect()
}

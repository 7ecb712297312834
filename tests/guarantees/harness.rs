//! A real ebbd in a directory of its own, calls over its socket, and waits that end.

use std::fmt::Display;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for anything that has to happen; machines under load are slow.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// An ebbd with its own jobs, state and socket. Dropped, it is ended, and nothing of it is left.
pub struct Ebbd {
    child: Option<Child>,
    dir: tempfile::TempDir,
    flags: Vec<String>,
    uid: Option<u32>,
}

impl Ebbd {
    /// Starts one with these job files: name without `.toml`, and text.
    pub fn start(jobs: &[(&str, &str)]) -> Self {
        Self::prepare(jobs).go()
    }

    /// Lays everything out without starting.
    pub fn prepare(jobs: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("ebb-test-").tempdir().unwrap();
        // Job files are refused where others may write; a run as another user has to reach its files.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(dir.path().join("jobs")).unwrap();
        let ebbd = Self { child: None, dir, flags: Vec::new(), uid: None };
        for (name, text) in jobs {
            ebbd.write_job(name, text);
        }
        ebbd
    }

    /// Adds a flag.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Runs it as this user (the test has to be root).
    pub fn run_as(mut self, uid: u32) -> Self {
        std::os::unix::fs::chown(self.dir.path(), Some(uid), Some(uid)).unwrap();
        std::os::unix::fs::chown(self.dir.path().join("jobs"), Some(uid), Some(uid)).unwrap();
        self.uid = Some(uid);
        self
    }

    /// Starts it and waits until it is ready.
    pub fn go(mut self) -> Self {
        self.spawn();
        self.wait_ready();
        self
    }

    /// Starts the process alone.
    pub fn spawn(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ebbd"));
        command.arg("--jobs").arg(self.path("jobs")).arg("--state").arg(self.path("state"));
        command.arg("--socket").arg(self.socket()).args(&self.flags);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .env("LANG", "C.UTF-8")
            .env_remove("TZ");
        command.env("HOME", self.dir.path()).env_remove("XDG_CONFIG_HOME");
        if let Some(uid) = self.uid {
            use std::os::unix::process::CommandExt;
            command.uid(uid).gid(uid);
        }
        self.child = Some(command.spawn().unwrap());
    }

    fn wait_ready(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if UnixStream::connect(self.socket()).is_ok() {
                return;
            }
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().unwrap()) {
                panic!("ebbd ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "ebbd does not listen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("ebb.sock")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn write_job(&self, name: &str, text: &str) {
        let path = self.path("jobs").join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Kills it as a crash would, and takes its status.
    pub fn crash(&mut self) {
        self.signal(nix::sys::signal::Signal::SIGKILL);
        self.child.take().unwrap().wait().unwrap();
    }

    /// Starts the next one on the same state.
    pub fn restart(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Waits until it has ended by itself; its exit code.
    pub fn wait_end(&mut self) -> Option<i32> {
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

    pub fn connect(&self) -> Caller {
        Caller::connect(&self.socket())
    }

    /// One call on a connection of its own: its parameters, or the name of its error.
    pub fn call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.connect().call(method, parameters)
    }

    /// Asks for a run and waits for its end; its history line.
    pub fn run(&self, job: &str) -> Value {
        let reply = self.call("RunNow", json!({"job": job, "wait": true})).unwrap();
        reply["result"].clone()
    }

    /// Asks for a run; its number.
    pub fn demand(&self, job: &str) -> u64 {
        self.call("RunNow", json!({ "job": job })).unwrap()["run"].as_u64().unwrap()
    }

    /// All that ended, oldest first.
    pub fn history(&self) -> Vec<Value> {
        let mut lines = self.connect().stream("History", json!({})).unwrap();
        lines.reverse();
        lines
            .into_iter()
            .filter_map(|line| line.get("result").cloned())
            .filter(|line| !line.is_null())
            .collect()
    }

    pub fn status(&self, job: &str) -> Value {
        self.call("Status", json!({ "job": job })).unwrap()["job"].clone()
    }

    /// The journal's lines.
    pub fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("state/journal.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn output(&self, job: &str, run: u64) -> String {
        let path = self.path("state/output").join(job).join(format!("{run}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Runs the client against it.
    pub fn ebb(&self, args: &[&str]) -> Said {
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
    pub fn until(&self, what: impl Display, condition: impl FnMut() -> bool) {
        wait_until(format_args!("{what}\n--- ebbd's log:\n{}", self.log()), condition);
    }
}

impl Drop for Ebbd {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Twice: the second one ends runs at once.
        for _ in 0..2 {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            std::thread::sleep(Duration::from_millis(20));
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while child.try_wait().is_ok_and(|status| status.is_none()) {
            if Instant::now() > deadline {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What the client said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A connection that speaks Varlink with nothing but bytes.
pub struct Caller {
    pub stream: UnixStream,
    buffer: Vec<u8>,
}

impl Caller {
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, method: &str, parameters: &Value, more: bool) {
        let call =
            json!({"method": format!("io.ebb.Control.{method}"), "parameters": parameters, "more": more});
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next frame; none at the end of the connection.
    pub fn receive(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == 0) {
                let frame: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&frame[..end]).unwrap());
            }
            let mut piece = [0; 65536];
            match self.stream.read(&mut piece).unwrap() {
                0 => return None,
                count => self.buffer.extend_from_slice(&piece[..count]),
            }
        }
    }

    pub fn call(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        self.send(method, &parameters, false);
        result(self.receive().expect("an answer")).map(|(reply, _)| reply)
    }

    pub fn stream(&mut self, method: &str, parameters: Value) -> Result<Vec<Value>, String> {
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

fn result(frame: Value) -> Result<(Value, bool), String> {
    match frame.get("error").and_then(Value::as_str) {
        Some(error) => Err(error.rsplit('.').next().unwrap_or_default().to_owned()),
        None => Ok((frame["parameters"].clone(), frame["continues"] == true)),
    }
}

/// Waits until a condition holds; panics at the deadline with what was waited for.
pub fn wait_until(what: impl Display, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// True, and said by name, where a test needs root and has none.
pub fn skips_without_root(test: &str) -> bool {
    if !is_root() {
        eprintln!("SKIPPED {test}: it needs root");
    }
    !is_root()
}

/// Whether a process is there, zombies not counted.
pub fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// A number that a job wrote into a file.
pub fn number_in(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Children of a process that have ended and were not reaped.
pub fn zombies_of(pid: u32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|p| p.parse().ok()).filter(|p| !is_alive(*p)).collect()
}

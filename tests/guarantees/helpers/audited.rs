//! Real services for `ebb audit` to look at, and what it says of them.

use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{DEADLINE, wait_until};

/// A service: a process group of its own, as a service manager starts it. Dropped, all of it is ended.
pub(crate) struct Service {
    child: Child,
    dir: tempfile::TempDir,
}

impl Service {
    /// Starts a program with a directory of its own as its working directory.
    pub(crate) fn start(dir: tempfile::TempDir, command: Command) -> Self {
        Self::start_with(dir, command, Stdio::null())
    }

    /// The same with a standard input that stays open and has nothing.
    pub(crate) fn start_reading(dir: tempfile::TempDir, command: Command) -> Self {
        Self::start_with(dir, command, Stdio::piped())
    }

    fn start_with(dir: tempfile::TempDir, mut command: Command, input: Stdio) -> Self {
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        command.stdin(input).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.current_dir(dir.path()).process_group(0).spawn().unwrap();
        Self { child, dir }
    }

    /// Starts a Python program from a file `service.py`, and waits until it has made a file `ready`.
    pub(crate) fn python(python: &Path, source: &str, environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("ebb-audit-").tempdir().unwrap();
        std::fs::write(dir.path().join("service.py"), source).unwrap();
        Self::python_in(dir, python, environment)
    }

    /// The same in a directory that was laid out before.
    pub(crate) fn python_in(dir: tempfile::TempDir, python: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(python);
        command.arg(dir.path().join("service.py")).env_remove("PYTHONDONTWRITEBYTECODE");
        command.envs(environment.iter().copied());
        let service = Self::start(dir, command);
        service.wait_for("ready");
        service
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Waits until it has made a file.
    pub(crate) fn wait_for(&self, name: &str) {
        wait_until(format_args!("{name} of {}", self.log()), || self.path(name).exists());
    }

    /// Waits until it takes connections at a port of this host.
    pub(crate) fn wait_port(&self, port: u16) {
        let mut log = String::new();
        wait_until(format_args!("port {port}"), || {
            log = self.log();
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// What an audit of it says, with the figures of earlier ones in its own directory.
    pub(crate) fn audit(&self, flags: &[&str]) -> Audit {
        self.audit_of(self.pid(), flags)
    }

    /// The same of another process that came of it.
    pub(crate) fn audit_of(&self, pid: i32, flags: &[&str]) -> Audit {
        let (state, pid) = (self.path("state"), pid.to_string());
        let output = Command::new(env!("CARGO_BIN_EXE_ebb"))
            .args(["audit", &pid, "--json", "--state"])
            .arg(state)
            .args(flags)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let all: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(all["services"].as_array().unwrap().len(), 1, "{all}");
        Audit { service: all["services"][0].clone(), all }
    }

    /// Audits it until that says what is waited for: what a machine under load does to a short window is not its own.
    pub(crate) fn audit_until(&self, flags: &[&str], is_so: impl Fn(&Audit) -> bool) -> Audit {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let audit = self.audit(flags);
            if is_so(&audit) {
                return audit;
            }
            assert!(Instant::now() < deadline, "{}\n{}", audit.all, self.log());
        }
    }

    /// Audits it until nothing is found.
    pub(crate) fn audit_until_silent(&self, flags: &[&str]) -> Audit {
        self.audit_until(flags, |audit| audit.rules().is_empty())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Those that have a session of their own, as PostgreSQL's have, first. Nobody forks who is stopped.
        let _ = killpg(Pid::from_raw(self.pid()), Signal::SIGSTOP);
        for pid in below(self.pid()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // Its group is its own, and it is not reaped yet, so that the number is still its.
        let _ = killpg(Pid::from_raw(self.pid()), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The processes that have come of one, as long as their parents live.
fn below(pid: i32) -> Vec<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children: Vec<i32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    children.into_iter().flat_map(|child| [vec![child], below(child)].concat()).collect()
}

/// What an audit has said of one service.
pub(crate) struct Audit {
    pub(crate) service: Value,
    pub(crate) all: Value,
}

impl Audit {
    /// The rules that have found something.
    pub(crate) fn rules(&self) -> Vec<&str> {
        let findings = self.service["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
    }

    pub(crate) fn has(&self, rule: &str) -> bool {
        self.rules().contains(&rule)
    }

    /// What a rule has found.
    pub(crate) fn finding(&self, rule: &str) -> &Value {
        let findings = self.service["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["rule"] == rule);
        found.unwrap_or_else(|| panic!("no {rule}: {}", self.service))
    }
}

/// A Python that has these packages, as `tests/run.sh` makes one.
pub(crate) fn python_with(packages: &str) -> Option<PathBuf> {
    let made = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".work/diet/venv/bin/python");
    let tried = Command::new(&made).args(["-c", &format!("import {packages}")]).output();
    tried.is_ok_and(|output| output.status.success()).then_some(made)
}

/// A port of this host that nobody has just now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Clients that ask a server of this host for `/`, one after the other, until dropped.
pub(crate) struct Load {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    clients: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    pub(crate) fn on(port: u16, clients: usize) -> Self {
        use std::sync::atomic::{AtomicBool, Ordering};
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let client = || {
            let stop = std::sync::Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    ask(port);
                    // No faster than the kernel forgets them: ports are few.
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
            })
        };
        let clients = (0..clients).map(|_| client()).collect();
        Self { stop, clients }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

/// One request; how it ends is the server's affair.
fn ask(port: u16) {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(5)));
    if stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").is_ok() {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

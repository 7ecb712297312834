//! Commands with a deadline, job files that vanish with their test, and waits that end. For tests inside the guest:
//! the ebb that is looked at is the installed one, and everything here takes 10 to 60 times as long as on its host.

use std::fmt::Display;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::varlink;

/// Longest wait for anything that has to happen.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Where the installed ebb has its job files.
pub const JOBS: &str = "/etc/ebb/jobs.d";
/// Where its settings are.
const SETTINGS: &str = "/etc/ebb/ebbd.toml";

/// The settings of ebbd as a test wants them, of which ebbd is still to be told. Dropped, they are as they were.
pub struct Settings {
    before: String,
    /// The command that tells ebbd so in the end.
    then: &'static [&'static str],
}

impl Settings {
    /// Instead of those that are there.
    #[must_use]
    pub fn written(text: &str, then: &'static [&'static str]) -> Self {
        let before = std::fs::read_to_string(SETTINGS).unwrap();
        std::fs::write(SETTINGS, text).unwrap();
        Self { before, then }
    }

    /// On top of those that are there.
    #[must_use]
    pub fn added(text: &str, then: &'static [&'static str]) -> Self {
        let before = std::fs::read_to_string(SETTINGS).unwrap();
        Self::written(&format!("{before}\n{text}"), then)
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let _ = std::fs::write(SETTINGS, &self.before);
        let _ = run(self.then);
    }
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; -1 where a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// Its standard output, if it ended well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }
}

/// Runs a command to its end.
#[track_caller]
pub fn run(words: &[&str]) -> Said {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    finish(command, &words.join(" "))
}

/// Runs a line of shell to its end.
#[track_caller]
pub fn sh(script: &str) -> Said {
    run(&["sh", "-c", script])
}

/// Runs the installed client to its end.
#[track_caller]
pub fn ebb(args: &[&str]) -> Said {
    run(&[&["/usr/bin/ebb"], args].concat())
}

/// Starts the installed client, for a test that goes on meanwhile.
#[track_caller]
pub fn spawn_ebb(args: &[&str]) -> Child {
    let (out, err) = (Stdio::piped(), Stdio::piped());
    let mut command = Command::new("/usr/bin/ebb");
    command.args(args).stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap()
}

/// Runs the client as another user.
#[track_caller]
pub fn ebb_as(uid: u32, args: &[&str]) -> Said {
    let mut command = Command::new("/usr/bin/ebb");
    command.args(args).uid(uid).gid(uid);
    finish(command, &args.join(" "))
}

/// `systemctl` with these words; its output, if it ended well.
#[track_caller]
pub fn systemctl(args: &[&str]) -> String {
    run(&[&["systemctl"], args].concat()).ok()
}

/// One property of a unit, as `systemctl show` has it.
#[track_caller]
pub fn property(unit: &str, name: &str) -> String {
    systemctl(&["show", "--value", "--property", name, unit]).trim().to_owned()
}

/// The main process of ebbd's service.
#[track_caller]
pub fn ebbd_pid() -> u32 {
    property("ebbd.service", "MainPID").parse().unwrap()
}

#[track_caller]
fn finish(mut command: Command, what: &str) -> Said {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("SYSTEMD_PAGER", "")
        .spawn()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let Some(status) = wait(&mut child) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{what}: not done in time\n{}\n{}", out.join().unwrap(), err.join().unwrap());
    };
    Said { code: status.code().unwrap_or(-1), out: out.join().unwrap(), err: err.join().unwrap() }
}

fn wait(child: &mut Child) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A job file of the installed ebbd, loaded. Dropped, it is gone, and its runs are ended.
pub struct Job {
    name: String,
}

impl Job {
    /// Writes it and has ebbd load it; the name must be this test's own.
    #[track_caller]
    pub fn new(name: &str, text: &str) -> Self {
        std::fs::write(Path::new(JOBS).join(format!("{name}.toml")), text).unwrap();
        let job = Self { name: name.to_owned() };
        let said = ebb(&["reload"]);
        assert_eq!(said.code, 0, "{text}\n{}\n{}", said.out, said.err);
        job
    }

    /// Asks for a run and waits for its end; its line of the history.
    #[track_caller]
    pub fn run(&self) -> Value {
        varlink::call("RunNow", serde_json::json!({"job": self.name, "wait": true})).unwrap()["result"]
            .clone()
    }

    /// Asks for a run; its number.
    #[track_caller]
    pub fn demand(&self) -> u64 {
        varlink::call("RunNow", serde_json::json!({"job": self.name})).unwrap()["run"].as_u64().unwrap()
    }

    /// Waits for the end of a run; its line of the history.
    #[track_caller]
    pub fn wait(&self, run: u64) -> Value {
        varlink::call("Wait", serde_json::json!({ "run": run })).unwrap()["result"].clone()
    }

    /// The end of what a run printed.
    #[track_caller]
    pub fn output(&self, run: u64) -> String {
        ebb(&["logs", &self.name, "--run", &run.to_string()]).ok()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(Path::new(JOBS).join(format!("{}.toml", self.name)));
        let _ = ebb(&["stop", &self.name]);
        let _ = ebb(&["reload"]);
    }
}

/// Waits until a condition holds; panics at the deadline with what was waited for, and with ebbd's last words.
#[track_caller]
pub fn wait_until(what: impl Display, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        if Instant::now() > deadline {
            let words = run(&["journalctl", "--no-pager", "-u", "ebbd.service", "-n", "30", "-o", "cat"]);
            panic!("waited in vain for: {what}\n{}", words.out);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the system's journal has of a unit since a moment that [`journal_cursor`] gave, one value an entry.
#[track_caller]
pub fn journal(unit: &str, cursor: &str) -> Vec<Value> {
    run(&["journalctl", "--sync"]).ok();
    let after = format!("--after-cursor={cursor}");
    let text = run(&["journalctl", "--no-pager", "-q", "-o", "json", "-u", unit, &after]).ok();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The end of the system's journal as it is now.
#[track_caller]
pub fn journal_cursor() -> String {
    let text = run(&["journalctl", "--no-pager", "-q", "-n", "1", "-o", "json"]).ok();
    serde_json::from_str::<Value>(&text).unwrap()["__CURSOR"].as_str().unwrap().to_owned()
}

/// Memory that the whole guest could still hand out, in kB.
///
/// What a process gives back lies on a list of its processor for a while, up to an eighth of the memory from Linux 6.7
/// on. It is free, but `MemAvailable` does not know of it; `/proc/zoneinfo` does.
pub fn mem_available_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:")).unwrap();
    let available: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let zones = std::fs::read_to_string("/proc/zoneinfo").unwrap();
    let on_lists =
        zones.lines().filter_map(|line| line.trim().strip_prefix("count:")?.trim().parse::<u64>().ok());
    available + on_lists.sum::<u64>() * 4
}

/// Whether this guest is the named one, `trixie` or `bookworm`.
pub fn is_guest(name: &str) -> bool {
    std::env::var("EBB_VM_GUEST").as_deref() == Ok(name)
}

/// A file that goes back to the host, to `.work/vm/out/GUEST/`.
pub fn artefact(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("EBB_VM_ARTEFACTS").expect("run.sh starts this")).join(name)
}

/// Something measured: a line that run.sh prints at the end and keeps.
pub fn figure(line: &str) {
    use std::io::Write;
    let mut file = std::fs::File::options().create(true).append(true).open(artefact("figures")).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// The run ended while the ebbd that had started it was gone: its code is known where the kernel keeps it (Linux 6.15).
#[track_caller]
pub fn assert_adopted_end(line: &Value) {
    let known = (&json!("exit-code"), &json!(7));
    assert!((&line["outcome"], &line["exit_code"]) == known || line["outcome"] == "lost", "{line}");
    assert_eq!(line["enforcement"], "cgroup-v2", "{line}");
    assert!(line["peak_total_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{line}");
}

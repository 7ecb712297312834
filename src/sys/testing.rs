//! Helpers of this module's tests: waiting on conditions to a deadline, starting real programs, real cgroups that go away
//! afterwards, and saying by name what could not be tested. Compiled for tests alone.

use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::cgroup::{CgroupConfig, Ladder, Leaf};
use super::child::{Exit, Reaped, reap};
pub(crate) use super::clock::worked;
use super::spawn::{ExecResult, Place, SpawnSpec, Spawned, spawn};

/// Long enough for a busy machine, in milliseconds.
pub(crate) const LONG: u16 = 20_000;

/// Whether `fd` becomes readable (or reports an error) within `ms` milliseconds.
pub(crate) fn readable_within(fd: BorrowedFd<'_>, ms: u16) -> bool {
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(ms)).unwrap() > 0
}

/// Waits until `condition` holds, at most `ms` milliseconds.
pub(crate) fn holds_within(ms: u16, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_millis(ms.into());
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Says that a test could not run here, and why: on standard error, and in the file that EBB_SKIPPED_FILE names, since
/// cargo shows nothing of a test that passes (`tests/run.sh` repeats it at the end).
pub(crate) fn skip(test: &str, reason: &dyn Display) {
    let line = format!("SKIPPED {test}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("EBB_SKIPPED_FILE") {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs the calling test once more in a process of its own, with no other test beside it, for what concerns a whole
/// process. `true` in that process; `false` in the first one, after the other has passed.
pub(crate) fn alone(test: &str) -> bool {
    const MARK: &str = "EBB_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let exe = std::env::current_exe().unwrap();
    let output = Command::new(exe).args(["--exact", test, "--nocapture"]).env(MARK, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("1 passed"), "{test} by itself:\n{text}");
    for line in text.lines().filter(|line| line.starts_with("SKIPPED")) {
        eprintln!("{line}");
    }
    false
}

/// Takes every descriptor that is left, down to the last; dropped, they are free again. The limit is lowered first, so this
/// is for a test that is [`alone`].
pub(crate) fn take_all_descriptors() -> Vec<File> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64.min(hard), hard).unwrap();
    let first = File::open("/dev/null").unwrap();
    let mut held = Vec::new();
    while let Ok(copy) = first.try_clone() {
        held.push(copy);
    }
    held.push(first);
    held
}

/// A specification of a command without environment but PATH, in `/`.
pub(crate) fn command(words: &[&str]) -> SpawnSpec {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let path = ("PATH".to_owned(), "/usr/bin:/bin:/usr/sbin:/sbin".to_owned());
    SpawnSpec::new(&words, &[path], Path::new("/")).unwrap()
}

/// The same for a line of shell.
pub(crate) fn shell(line: &str) -> SpawnSpec {
    command(&["/bin/sh", "-c", line])
}

/// Starts it without input and output.
pub(crate) fn start(spec: &SpawnSpec, leaf: Option<&Leaf>) -> Spawned {
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let fd = null.as_fd();
    spawn(spec, [fd, fd, fd], leaf, None).unwrap()
}

/// Starts it without input and output, and with a place for its note.
pub(crate) fn start_noting(spec: &SpawnSpec, place: Place<'_>) -> Spawned {
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let fd = null.as_fd();
    spawn(spec, [fd, fd, fd], None, Some(place)).unwrap()
}

/// Waits until it has reached its program, or not.
pub(crate) fn exec_result(child: &Spawned) -> ExecResult {
    assert!(readable_within(child.exec.as_fd(), LONG), "the exec takes for ever");
    child.exec.read().unwrap()
}

/// Waits for the end and reaps.
pub(crate) fn end(child: &Spawned) -> Reaped {
    assert!(readable_within(child.pidfd.as_fd(), LONG), "pid {} does not end", child.pid);
    reap(child.pidfd.as_fd()).unwrap().unwrap()
}

/// Runs it to its end and returns what it wrote; it must succeed.
pub(crate) fn output(spec: &SpawnSpec, leaf: Option<&Leaf>) -> String {
    let null = File::open("/dev/null").unwrap();
    let mut file = tempfile::tempfile().unwrap();
    let child = spawn(spec, [null.as_fd(), file.as_fd(), file.as_fd()], leaf, None).unwrap();
    let result = exec_result(&child);
    let exit = end(&child).exit;
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((result, exit), (ExecResult::Running, Exit::Code(0)), "{text}");
    text
}

/// A ladder on this machine's real cgroups, whose base is removed when the last test lets go of it.
pub(crate) struct TestLadder(pub(crate) Ladder);

impl Drop for TestLadder {
    fn drop(&mut self) {
        for leaf in self.0.sweep() {
            holds_within(LONG, || leaf.kill_all().unwrap_or(false));
            holds_within(LONG, || leaf.remove().is_ok());
        }
        self.0.remove_base().unwrap();
    }
}

/// The ladder of this host, shared by the tests that run at the same time. `None`, and said so, where there are no cgroups.
pub(crate) fn ladder(test: &str) -> Option<Arc<TestLadder>> {
    static SHARED: Mutex<Weak<TestLadder>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ladder = shared.upgrade().unwrap_or_else(|| {
        // Another name each time: the one before may be on its way out just now.
        let name = format!("ebb-test-{}-{}", std::process::id(), run_id());
        Arc::new(TestLadder(Ladder::detect(&CgroupConfig { name, parent: None })))
    });
    *shared = Arc::downgrade(&ladder);
    if ladder.0.bases().is_empty() {
        skip(test, &ladder.0.reasons().first().map_or("no reason", String::as_str));
        return None;
    }
    Some(ladder)
}

/// A run number that no other test of this process uses.
pub(crate) fn run_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

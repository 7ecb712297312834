//! ebbd as the first process of a container: a root file system that is hardly there, control groups that are read-only, and
//! an engine that gives ten seconds. Made of namespaces by unshare(1); needs root.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::filtered::FILTER;
use crate::harness::{Caller, Ebbd, skips_without_root, wait_until, zombies_of};
use crate::helpers::proc::python;

/// Lays out a root file system of its own below $1: the machine's programs, a state directory and nothing else that could be
/// written to. `parts` beside it: `proc`, `tmp`, `cgroup` (read-only), `user` (one without an account, in place of root), `old` (a kernel
/// without pidfd_open). Then becomes ebbd in it.
const ENTER: &str = r#"
set -e
root=$1 parts=$2 inside=$3 ebbd=$4 python=$5 filter=$6; shift 6
mount -t tmpfs -o mode=0755 ebb-test "$root"
cd "$root"
mkdir ebb dev etc
for dir in usr bin sbin lib lib64; do
    if [ -L /$dir ]; then cp -a /$dir $dir
    elif [ -d /$dir ]; then mkdir $dir; mount --bind /$dir $dir; mount -o remount,bind,ro $dir; fi
done
for node in null zero urandom; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mount --bind "$inside" ebb
touch ebbd; mount --bind "$ebbd" ebbd
case $parts in *cgroup*)
    mkdir -p sys/fs/cgroup
    mount --rbind /sys/fs/cgroup sys/fs/cgroup
    awk -v at="$root/sys/fs/cgroup" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo |
        while read at; do mount -o remount,bind,ro "$at"; done
esac
case $parts in *tmp*) mkdir tmp; mount -t tmpfs ebb-test tmp; esac
case $parts in *proc*) mkdir proc; mount -t proc proc proc; esac
mount -o remount,ro "$root"
user=
case $parts in *user*) user=--userspec=61236:61236; esac
set -- /ebbd --jobs /ebb/jobs --state /ebb/state --socket /ebb/ebb.sock "$@"
case $parts in *old*) set -- "$python" -c "$filter" 38 434 "$@"; esac
exec env -i PATH="$PATH" chroot $user . "$@"
"#;

/// An ebbd that is the first process of a container.
struct Container {
    files: Ebbd,
    root: tempfile::TempDir,
    unshare: Child,
}

impl Container {
    fn start(parts: &str, jobs: &[(&str, &str)], flags: &[&str]) -> Self {
        let files = Ebbd::prepare(jobs);
        if parts.contains("user") {
            std::os::unix::fs::chown(files.path("."), Some(61_236), Some(61_236)).unwrap();
            std::os::unix::fs::chown(files.path("jobs"), Some(61_236), Some(61_236)).unwrap();
        }
        let root = tempfile::Builder::new().prefix("ebb-test-root-").tempdir().unwrap();
        let log = std::fs::File::create(files.path("log")).unwrap();
        let unshare = Command::new("unshare")
            .args(["--pid", "--mount", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"])
            .arg(root.path())
            .arg(parts)
            .arg(files.path("."))
            .arg(env!("CARGO_BIN_EXE_ebbd"))
            .args([python(), FILTER])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let container = Self { files, root, unshare };
        wait_until(format_args!("the socket\n{}", container.files.log()), || {
            container.files.log().contains("ready: ")
        });
        container
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        Caller::connect(&self.files.socket()).call(method, parameters).unwrap()
    }

    fn run(&self, job: &str) -> Value {
        self.call("RunNow", json!({"job": job, "wait": true}))["result"].clone()
    }

    /// The first process, as it is called out here.
    fn first(&self) -> u32 {
        self.try_first().unwrap()
    }

    fn try_first(&self) -> Option<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.unshare.id());
        std::fs::read_to_string(children).ok()?.trim().parse().ok()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.first()).unwrap()), signal).unwrap();
    }

    /// How long it takes to end after a signal.
    fn end(&mut self, signal: Signal) -> Duration {
        let began = Instant::now();
        self.signal(signal);
        wait_until("the end", || self.unshare.try_wait().unwrap().is_some());
        began.elapsed()
    }

    fn finished(&self) -> Vec<Value> {
        self.files.journal().into_iter().filter(|record| record["event"] == "finished").collect()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // With its first process go all others and all mounts. `--kill-child` alone is not enough: who becomes another user
        // is no longer told of his parent's death (PR_SET_PDEATHSIG(2const)).
        if let Some(first) = self.try_first().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(first), Signal::SIGKILL);
        }
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        assert!(self.root.path().exists());
    }
}

#[test]
fn read_only_control_groups_leave_the_watchdog_and_doctor_says_what_would_lift_it() {
    if skips_without_root("container::read_only_control_groups_leave_the_watchdog") {
        return;
    }
    let fat = r#"
command = ["perl", "-e", "my @x; while (1) { push @x, 'x' x (1 << 20); select undef, undef, undef, 0.01 }"]
timeout = "50s"
[memory]
max = "48M"
"#;
    let required = "command = [\"true\"]\nenforcement = \"required\"\n";
    let container = Container::start("proc tmp cgroup", &[("fat", fat), ("required", required)], &[]);
    let doctor = container.call("Doctor", json!({}));
    assert_eq!((&doctor["enforcement"], &doctor["tracking"]), (&json!("rlimit"), &json!("process-tree")));
    let reasons = doctor["reasons"].to_string();
    assert!(
        reasons.contains("read-only") && reasons.contains("give the container a writable one"),
        "{reasons}"
    );
    let log = container.files.log();
    assert!(log.contains("read-only") && log.contains("held by RLIMIT_DATA and a watchdog"), "{log}");
    let line = container.run("fat");
    assert_eq!((&line["outcome"], &line["enforcement"]), (&json!("oom-kill"), &json!("rlimit")), "{line}");
    assert_eq!(container.run("required")["outcome"], "start-failed");
}

/// Leaves orphans that end by themselves, one that does not, and returns a code that only its own reaper can know.
const MESSY: &str = r#"
command = ["sh", "-c", "for i in 1 2 3; do setsid sh -c 'sleep 0.05 & exit 0' & done; sleep 0.2; sleep 600 & echo done; exit 7"]
"#;

#[test]
fn hardly_any_file_system_is_enough_for_runs_their_output_and_their_orphans() {
    if skips_without_root("container::hardly_any_file_system_is_enough") {
        return;
    }
    // No accounts, no HOME, nothing to write to but the state; then without /tmp, and without /proc.
    for parts in ["proc tmp", "proc", "", "proc user"] {
        let home = "command = [\"sh\", \"-c\", \"echo home $HOME; touch /x || exit 3\"]\n";
        let container = Container::start(parts, &[("messy", MESSY), ("home", home)], &[]);
        let line = container.run("messy");
        assert_eq!(
            (&line["outcome"], &line["exit_code"]),
            (&json!("exit-code"), &json!(7)),
            "{parts}: {line}"
        );
        assert_eq!(container.files.output("messy", 1), "done\n", "{parts}");
        let first = container.first();
        wait_until(format_args!("orphans to be reaped, with `{parts}`"), || zombies_of(first).is_empty());
        let children = format!("/proc/{first}/task/{first}/children");
        let none = || std::fs::read_to_string(&children).unwrap().trim().is_empty();
        wait_until(format_args!("what it left to be gone, with `{parts}`\n{}", container.files.log()), none);
        assert_eq!(container.run("home")["exit_code"], 3, "{parts}");
        assert!(container.files.output("home", 2).starts_with("home /"), "{parts}");
    }
}

#[test]
fn an_upgrade_where_nobody_can_look_at_processes_takes_no_run_for_gone() {
    if skips_without_root("container::an_upgrade_where_nobody_can_look_at_processes_takes_no_run_for_gone") {
        return;
    }
    let waiting = "while [ ! -e /ebb/go$EBB_RUN_ID ]; do sleep 0.05; done; exit 33";
    let job = format!("command = {}\noverlap = \"parallel\"\n", json!(["sh", "-c", waiting]));
    for (parts, exit_code) in [("", json!(33)), ("old", Value::Null), ("proc", json!(33))] {
        let container = Container::start(parts, &[("held", &job)], &[]);
        for run in 1..=2 {
            container.call("RunNow", json!({"job": "held"}));
            container.files.until_started(run);
        }
        for go in ["go1", "go2"] {
            let report = container.call("Upgrade", json!({}));
            assert_eq!(report["pid"], 1, "{parts}");
            let mut waiting = Caller::connect(&container.files.socket());
            let run: u64 = go[2..].parse().unwrap();
            waiting.send("Wait", &json!({ "run": run }), false);
            // Its end is seen, and not before it comes.
            container.call("Status", json!({"job": "held"}));
            assert_eq!(container.finished().len() as u64, run - 1, "{parts}\n{}", container.files.log());
            std::fs::write(container.files.path(go), "").unwrap();
            let line = waiting.receive().unwrap()["parameters"]["result"].clone();
            assert_eq!(line["exit_code"], exit_code, "{parts}: {line}");
        }
        let first = container.first();
        wait_until(format_args!("its children to be reaped, with `{parts}`"), || {
            zombies_of(first).is_empty()
        });
    }
}

#[test]
fn a_stop_ends_within_what_the_engine_gives_however_long_a_jobs_grace_is() {
    if skips_without_root("container::a_stop_ends_within_what_the_engine_gives") {
        return;
    }
    let deaf = "command = [\"sh\", \"-c\", \"trap '' TERM; echo up; while :; do sleep 0.1; done\"]\ngrace = \"10m\"\n";
    let clean = "command = [\"sh\", \"-c\", \"trap 'echo cleaned; exit 0' TERM; echo up; while :; do sleep 0.05; done\"]\n";
    for (flags, most) in [(&[][..], 10_000), (&["--stop-within", "2s"], 2_000)] {
        let mut container = Container::start("proc tmp", &[("deaf", deaf), ("clean", clean)], flags);
        for (job, run) in [("deaf", 1), ("clean", 2)] {
            container.call("RunNow", json!({ "job": job }));
            container.files.until_started(run);
            wait_until("it to be up", || container.files.output(job, run).contains("up"));
        }
        let took = container.end(Signal::SIGTERM);
        // What is measured has the machine's own pace in it; docker kills at ten seconds.
        assert!(took < Duration::from_millis(most + 500), "{took:?}");
        let ends = container.finished();
        assert_eq!(ends.len(), 2, "{ends:?}");
        assert!(ends.iter().all(|end| end["outcome"] == "canceled"), "{ends:?}");
        let said = container.files.output("clean", 2);
        assert!(said.contains("cleaned"), "it had time for that: {said}\n{}", container.files.log());
        assert!(container.files.log().contains("runs get at most"), "{}", container.files.log());
    }
}

#[test]
fn signals_mean_as_the_first_process_what_they_mean_elsewhere() {
    if skips_without_root("container::signals_mean_as_the_first_process_what_they_mean_elsewhere") {
        return;
    }
    let mut container = Container::start("proc", &[("old", "command = [\"true\"]\n")], &[]);
    container.files.write_job("new", "command = [\"true\"]\n");
    container.signal(Signal::SIGHUP);
    let status = |job: &str| Caller::connect(&container.files.socket()).call("Status", json!({ "job": job }));
    wait_until("the reload", || status("new").is_ok());
    // What would end another process by default does nothing to a container.
    for signal in [Signal::SIGALRM, Signal::SIGPIPE, Signal::SIGQUIT] {
        container.signal(signal);
    }
    assert_eq!(container.run("new")["outcome"], "success");
    assert!(container.end(Signal::SIGINT) < Duration::from_secs(5));
    assert!(container.files.log().ends_with("ended\n"), "{}", container.files.log());
}

#[test]
fn output_that_is_inherited_goes_where_the_log_goes() {
    if skips_without_root("container::output_that_is_inherited_goes_where_the_log_goes") {
        return;
    }
    let loud =
        "command = [\"sh\", \"-c\", \"echo out loud; echo err loud >&2\"]\n[output]\nto = \"inherit\"\n";
    let container = Container::start("proc", &[("loud", loud)], &[]);
    assert_eq!(container.run("loud")["outcome"], "success");
    let mut log = String::new();
    let path: PathBuf = container.files.path("log");
    std::fs::File::open(path).unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("\nout loud\n") && log.contains("\nerr loud\n"), "{log}");
}

#[test]
fn limits_that_nothing_holds_are_said_at_the_load_by_doctor_by_status_and_in_the_runs_record() {
    if skips_without_root("container::limits_that_nothing_holds_are_said") {
        return;
    }
    let job = "command = [\"true\"]\npids-max = 5\n[cpu]\nquota = \"50%\"\n[memory]\nmax = \"64M\"\nhigh = \"32M\"\n";
    let container =
        Container::start("proc cgroup", &[("bound", job), ("free", "command = [\"true\"]\n")], &[]);
    let unheld = json!(["[memory] high", "[cpu]", "pids-max"]);
    let status = |job: &str| container.call("Status", json!({ "job": job }))["job"]["unheld"].clone();
    assert_eq!((status("bound"), status("free")), (unheld.clone(), Value::Null));
    let doctor = container.call("Doctor", json!({}));
    let remark = "nothing here holds limits of bound: [memory] high, [cpu], pids-max";
    assert_eq!(doctor["remarks"], json!([remark]), "{doctor}");
    assert_eq!(container.run("bound")["unheld"], unheld);
    assert_eq!(container.run("free")["unheld"], json!([]));
    let said = || container.files.log().matches("1 job with limits that nothing on this host holds").count();
    assert_eq!(said(), 1, "{}", container.files.log());
    container.call("Reload", json!({}));
    assert_eq!(said(), 2, "once a load");
    let shown = container.files.ebb(&["status", "bound"]).out;
    assert!(shown.contains("not held"), "{shown}");
    assert!(container.files.ebb(&["doctor"]).out.contains("bound: [memory] high"), "{shown}");
}

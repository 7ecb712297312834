//! A run's whole tree ends with it, however it hides, and leaves no process, no zombie and no control group.

use serde_json::json;

use crate::harness::{Ebbd, is_alive, number_in, skip, skips_without_root, wait_until, zombies_of};
use crate::resources::Group;

/// Forks twice with a session of its own in between, and writes its number where the test finds it.
const DAEMONIZE: &str = r#"
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(600)
    os._exit(0)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
time.sleep(float(sys.argv[2]))
"#;

fn daemonizing(ebbd: &Ebbd, seconds: &str, more: &str) {
    let pid_file = ebbd.path("hidden.pid");
    let command = json!(["python3", "-c", DAEMONIZE, pid_file, seconds]);
    ebbd.write_job("hide", &format!("command = {command}\n[accept]\nargs = true\n{more}"));
}

#[test]
fn a_grandchild_that_forked_twice_with_a_session_of_its_own_dies_with_its_run() {
    let ebbd = Ebbd::prepare(&[]);
    daemonizing(&ebbd, "0", "");
    let ebbd = ebbd.go();
    let line = ebbd.run("hide");
    assert_eq!(line["outcome"], "success", "{line}");
    assert_eq!(line["leftover"], 1, "{line}");
    let hidden = number_in(&ebbd.path("hidden.pid")).unwrap();
    assert!(!is_alive(hidden), "{hidden} outlived its run");
}

#[test]
fn the_same_without_any_control_group() {
    if skips_without_root("tree::the_same_without_any_control_group") {
        return;
    }
    let ebbd = Ebbd::prepare(&[]);
    daemonizing(&ebbd, "0", "");
    let ebbd = ebbd.run_as(65534).go();
    let doctor = ebbd.call("Doctor", json!({})).unwrap();
    assert_eq!(doctor["tracking"], "process-tree", "{doctor}");
    let line = ebbd.run("hide");
    assert_eq!(line["outcome"], "success", "{line}");
    let hidden = number_in(&ebbd.path("hidden.pid")).unwrap();
    assert!(!is_alive(hidden), "{hidden} outlived its run");
    wait_until("the orphan to be reaped", || zombies_of(ebbd.pid()).is_empty());
}

#[test]
fn a_timeout_asks_first_and_then_ends_everything() {
    let job = r#"
command = ["sh", "-c", "trap 'echo asked' TERM; echo $$ > \"$0\"; while :; do sleep 0.1; done", "PIDFILE"]
timeout = "700ms"
grace = "300ms"
"#;
    let ebbd = Ebbd::prepare(&[]);
    ebbd.write_job("stubborn", &job.replace("PIDFILE", ebbd.path("pid").to_str().unwrap()));
    let ebbd = ebbd.go();
    let line = ebbd.run("stubborn");
    assert_eq!((&line["outcome"], &line["signal"]), (&json!("timeout"), &json!(9)), "{line}");
    assert!(line["duration_ms"].as_u64().unwrap() >= 1000, "{line}");
    assert!(ebbd.output("stubborn", 1).contains("asked"), "{}", ebbd.output("stubborn", 1));
    assert!(!is_alive(number_in(&ebbd.path("pid")).unwrap()));
}

#[test]
fn a_stop_signal_of_the_jobs_choice_reaches_the_whole_tree() {
    let job = r#"
command = ["sh", "-c", "trap 'wait; echo parent; exit 3' USR1; (trap 'echo child; exit 0' USR1; echo up; while :; do sleep 0.05; done) & while :; do sleep 0.05; done"]
stop-signal = "SIGUSR1"
grace = "20s"
"#;
    let ebbd = Ebbd::start(&[("pair", job)]);
    let run = ebbd.demand("pair");
    ebbd.until("both to be up", || ebbd.output("pair", run).contains("up"));
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    ebbd.until("its end", || ebbd.history().len() == 1);
    let line = ebbd.history().remove(0);
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("canceled"), &json!(3)), "{line}");
    let output = ebbd.output("pair", run);
    assert!(output.contains("child") && output.contains("parent"), "{output}");
}

#[test]
fn a_fork_bomb_under_pids_max_does_not_outlive_its_run() {
    if skips_without_root("tree::a_fork_bomb_under_pids_max_does_not_outlive_its_run") {
        return;
    }
    let job = r#"
command = ["python3", "-c", """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""]
timeout = "1s"
grace = "100ms"
pids-max = 40
"#;
    let ebbd = Ebbd::start(&[("bomb", job)]);
    let line = ebbd.run("bomb");
    assert_eq!(line["outcome"], "timeout", "{line}");
    let leaf = ebbd.journal().into_iter().find(|r| r["event"] == "started").unwrap()["cgroups"].clone();
    for path in leaf.as_array().unwrap() {
        assert!(!std::path::Path::new(path.as_str().unwrap()).exists(), "{path} is left");
    }
}

#[test]
fn many_runs_leave_no_zombie_no_descriptor_and_no_control_group() {
    let ebbd = Ebbd::start(&[(
        "true",
        "command = [\"true\"]\noverlap = \"parallel\"\nmax-parallel = 8\nqueue-limit = 1000\n",
    )]);
    ebbd.run("true");
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", ebbd.pid())).unwrap().count();
    let before = descriptors();
    for _ in 0..100 {
        assert_eq!(ebbd.run("true")["outcome"], "success");
    }
    assert_eq!(zombies_of(ebbd.pid()), [0; 0]);
    ebbd.until("descriptors to be closed", || descriptors() <= before);
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", ebbd.pid())).unwrap();
    assert_eq!(children.trim(), "");
    let left = ebbd
        .journal()
        .into_iter()
        .filter(|r| r["event"] == "started")
        .flat_map(|r| r["cgroups"].as_array().cloned().unwrap_or_default().into_iter());
    for path in left {
        assert!(!std::path::Path::new(path.as_str().unwrap()).exists(), "{path} is left");
    }
}

#[test]
fn the_grace_is_the_whole_trees_also_where_the_main_process_goes_first() {
    let job = r#"
command = ["sh", "-c", "sh -c 'trap \"sleep 0.5; echo cleaned; exit 0\" TERM; echo up; while :; do sleep 0.05; done'; true"]
grace = "20s"
"#;
    let ebbd = Ebbd::start(&[("slow", job)]);
    let run = ebbd.demand("slow");
    ebbd.until("the child to be up", || ebbd.output("slow", run).contains("up"));
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    ebbd.until("its end", || ebbd.history().len() == 1);
    assert!(ebbd.output("slow", run).contains("cleaned"), "{}", ebbd.output("slow", run));
    assert_eq!(ebbd.history()[0]["outcome"], "canceled");
}

/// A process in the control group of a run that is none, and frozen by another one, so that nothing ends it.
struct Frozen {
    process: std::process::Child,
    leaf: std::path::PathBuf,
    freezer: Group,
}

impl Frozen {
    /// In the group of the run of this number; none, and said so, where there are not both kinds of groups.
    fn make(test: &str, ebbd: &Ebbd, run: u64) -> Option<Self> {
        let first = ebbd.run("job")["id"].as_u64().unwrap();
        let started =
            ebbd.journal().into_iter().find(|r| r["event"] == "started" && r["id"] == first).unwrap();
        let leaf = started["cgroups"][0]
            .as_str()
            .map(|path| std::path::Path::new(path).with_file_name(format!("run-{run}")));
        let (Some(leaf), Some(freezer)) = (leaf, Group::make("freezer", &format!("frozen-{run}"))) else {
            skip(test, "no control groups, or no freezer of cgroup v1");
            return None;
        };
        let process = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        std::fs::create_dir(&leaf).unwrap();
        std::fs::write(leaf.join("cgroup.procs"), process.id().to_string()).unwrap();
        freezer.write("cgroup.procs", &process.id().to_string());
        freezer.write("freezer.state", "FROZEN");
        Some(Self { process, leaf, freezer })
    }

    fn thaw(&mut self) {
        self.freezer.write("freezer.state", "THAWED");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.thaw();
        let _ = self.process.kill();
        self.process.wait().unwrap();
        let _ = std::fs::remove_dir(&self.leaf);
    }
}

#[test]
fn what_an_earlier_run_left_and_cannot_be_ended_yet_holds_no_start_up_and_is_seen_to() {
    let test = "tree::what_an_earlier_run_left_and_cannot_be_ended_yet_holds_no_start_up_and_is_seen_to";
    if skips_without_root(test) {
        return;
    }
    let mut ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n")]);
    let Some(mut left) = Frozen::make(test, &ebbd, 900_000) else { return };
    ebbd.crash();
    let begun = std::time::Instant::now();
    ebbd.restart();
    assert_eq!(ebbd.run("job")["outcome"], "success");
    assert!(begun.elapsed().as_secs() < 8, "{:?}\n{}", begun.elapsed(), ebbd.log());
    assert!(left.leaf.exists());
    left.thaw();
    wait_until("it to be ended", || left.process.try_wait().unwrap().is_some());
    ebbd.until("its control group to be gone", || !left.leaf.exists());
}

#[test]
fn a_run_whose_control_group_is_not_free_yet_is_put_off_and_not_failed() {
    let test = "tree::a_run_whose_control_group_is_not_free_yet_is_put_off_and_not_failed";
    if skips_without_root(test) {
        return;
    }
    let ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n")]);
    let Some(mut left) = Frozen::make(test, &ebbd, 2) else { return };
    assert_eq!(ebbd.demand("job"), 2);
    ebbd.until("it to be put off", || ebbd.log().contains("cannot start yet"));
    left.thaw();
    ebbd.until("its end", || ebbd.history().len() == 2);
    assert!(ebbd.history().iter().all(|line| line["outcome"] == "success"), "{:?}", ebbd.history());
}

//! What the machine has none of left (descriptors, processes, memory) ebbd waits for: it stays, says what it could not do,
//! loses no demand, and goes on by itself once there is some again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Caller, Ebbd, is_alive, number_in, skip, skips_without_root, wait_until};
use crate::helpers::gate::Gate;

/// Starts what follows with hardly any descriptors.
const FEW: [&str; 3] = ["sh", "-c", "ulimit -n 64; exec \"$0\" \"$@\""];
/// Starts what follows with a soft limit that it may raise.
const SOFT: [&str; 3] = ["sh", "-c", "ulimit -Sn 99; exec \"$0\" \"$@\""];

/// Sets a limit of a process that runs, as prlimit(1) writes it.
fn set_limit(pid: u32, limit: &str) {
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), limit]).status().unwrap();
    assert!(done.success(), "prlimit {limit}");
}

/// A process of some user, ended when it is dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start(uid: u32) -> Self {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("sleep");
        command.arg("600").uid(uid).gid(uid).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a run of the job lacks that waits.
fn lack(job: &Value) -> Option<String> {
    let run = job["runs"].as_array()?.iter().find(|run| run["state"] == "waiting")?;
    run["lacks"].as_str().map(str::to_owned)
}

#[test]
fn a_run_has_the_limit_of_descriptors_that_ebbd_was_started_with_and_ebbd_a_higher_one() {
    let ebbd = Ebbd::prepare(&[("limits", "command = [\"sh\", \"-c\", \"ulimit -Sn; ulimit -Hn\"]\n")]);
    let ebbd = ebbd.under(&SOFT).go();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", ebbd.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [soft, hard] = numbers[..] else { panic!("{line}") };
    assert_eq!(soft, hard.min(16_384), "{line}");
    assert_eq!(ebbd.run("limits")["outcome"], "success");
    assert_eq!(ebbd.output("limits", 1), format!("99\n{hard}\n"));
}

#[test]
fn clients_that_take_every_descriptor_keep_neither_runs_nor_one_another_out() {
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]).under(&FEW).go();
    let mut first = ebbd.connect();
    let held: Vec<Caller> = (0..60).map(|_| ebbd.connect()).collect();
    let reply = first.call("RunNow", json!({"job": "job", "wait": true})).unwrap();
    assert_eq!(reply["result"]["outcome"], "success", "{reply}");
    // Those that wait are let in by and by.
    ebbd.until("the log to say so", || ebbd.log().contains("cannot let a client in"));
    drop(held);
    ebbd.until("room for a client again", || ebbd.call("Doctor", json!({})).is_ok());
}

#[test]
fn runs_beyond_the_descriptors_wait_say_why_and_all_start_in_the_end() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let job = format!("{}overlap = \"parallel\"\nmax-parallel = 40\nqueue-limit = 100\n", gate.job());
    ebbd.write_job("many", &format!("{job}[accept]\nargs = true\n"));
    let ebbd = ebbd.under(&FEW).go();
    for number in 0..40 {
        let arg = json!([number.to_string()]);
        ebbd.call("RunNow", json!({"job": "many", "args": arg})).unwrap();
    }
    ebbd.until("one to wait", || lack(&ebbd.status("many")).is_some());
    let lacks = lack(&ebbd.status("many")).unwrap();
    assert!(lacks.contains("RLIMIT_NOFILE") || lacks.contains("Too many open files"), "{lacks}");
    assert!(ebbd.log().contains("cannot start yet"), "{}", ebbd.log());
    let shown = ebbd.ebb(&["status", "many"]);
    assert!(shown.out.contains("cannot start yet"), "{}", shown.out);
    gate.open();
    ebbd.until("all of them", || ebbd.history().len() == 40);
    let others: Vec<Value> = ebbd.history().into_iter().filter(|line| line["outcome"] != "success").collect();
    assert_eq!(others, [Value::Null; 0]);
}

#[test]
fn a_run_that_ends_while_ebbd_can_open_nothing_is_ended_for_good_afterwards() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    // It leaves a process behind, which ebbd can neither see nor end for want of a descriptor.
    let script = "setsid sleep 600 & echo $! > \"$0\"; exec flock -s \"$1\" sh -c 'exit 5'";
    let command = json!(["sh", "-c", script, ebbd.path("left"), ebbd.path("gate")]);
    ebbd.write_job("leaver", &format!("command = {command}\n"));
    let ebbd = ebbd.go();
    let run = ebbd.demand("leaver");
    let main = ebbd.until_started(run);
    ebbd.until("what it leaves", || number_in(&ebbd.path("left")).is_some());
    let left = number_in(&ebbd.path("left")).unwrap();
    set_limit(ebbd.pid(), "--nofile=3:");
    gate.open();
    ebbd.until("its main process to end", || !is_alive(main));
    ebbd.until("the log to say so", || ebbd.log().contains("cannot end what is left of the run yet"));
    assert!(!ebbd.journal().iter().any(|record| record["event"] == "finished"), "{}", ebbd.log());
    assert!(is_alive(left));
    set_limit(ebbd.pid(), "--nofile=1000:");
    ebbd.until("its end", || ebbd.history().len() == 1);
    let line = ebbd.history().remove(0);
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(5)), "{line}");
    assert!(!is_alive(left), "{left} outlived its run");
}

#[test]
fn a_start_that_finds_no_descriptor_at_all_is_made_up_for() {
    let ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n")]);
    let mut caller = ebbd.connect();
    caller.call("Doctor", json!({})).unwrap();
    set_limit(ebbd.pid(), "--nofile=3:");
    caller.call("RunNow", json!({"job": "job"})).unwrap();
    let mut lacks =
        || lack(&caller.call("Status", json!({"job": "job"})).unwrap()["job"]).is_some_and(|l| !l.is_empty());
    ebbd.until("it to wait", &mut lacks);
    set_limit(ebbd.pid(), "--nofile=1000:");
    ebbd.until("its end", || ebbd.history().len() == 1);
    assert_eq!(ebbd.history()[0]["outcome"], "success");
}

#[test]
fn a_start_that_finds_no_process_left_is_made_up_for() {
    if skips_without_root("resources::a_start_that_finds_no_process_left_is_made_up_for") {
        return;
    }
    // The limit counts the processes of a user, so it has to be one that nobody else uses.
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]).run_as(61_234);
    let ebbd = ebbd.under(&["prlimit", "--nproc=2"]).go();
    let other = Sleeper::start(61_234);
    let run = ebbd.demand("job");
    ebbd.until("it to wait", || lack(&ebbd.status("job")).is_some());
    let lacks = lack(&ebbd.status("job")).unwrap();
    assert!(lacks.contains("cannot start a process"), "{lacks}");
    drop(other);
    ebbd.until("its end", || ebbd.history().len() == 1);
    let line = &ebbd.history()[0];
    assert_eq!((&line["id"], &line["outcome"]), (&json!(run), &json!("success")), "{line}");
}

#[test]
fn a_run_whose_user_has_too_many_processes_waits_for_one_of_them_to_end() {
    if skips_without_root("resources::a_run_whose_user_has_too_many_processes_waits_for_one_of_them_to_end") {
        return;
    }
    let job = "command = [\"true\"]\nuser = \"61235\"\ngroup = \"61235\"\n";
    // root's own limit does not bind it; that of the job's user does, at the exec.
    let ebbd = Ebbd::prepare(&[("job", job)]).under(&["prlimit", "--nproc=1"]).go();
    // The kernel looks before it counts the one that comes in (setresuid(2)), so the limit is passed by two.
    let mut others = vec![Sleeper::start(61_235), Sleeper::start(61_235)];
    ebbd.demand("job");
    ebbd.until("it to wait", || lack(&ebbd.status("job")).is_some());
    others.clear();
    ebbd.until("its end", || ebbd.history().len() == 1);
    assert_eq!(ebbd.history()[0]["outcome"], "success", "{}", ebbd.history()[0]);
}

#[test]
fn a_run_that_could_not_begin_is_not_taken_for_one_that_has_after_a_crash() {
    if skips_without_root("resources::a_run_that_could_not_begin_is_not_taken_for_one_that_has_after_a_crash")
    {
        return;
    }
    let job = "command = [\"true\"]\nuser = \"61239\"\ngroup = \"61236\"\n";
    let mut ebbd = Ebbd::prepare(&[("job", job)]).under(&["prlimit", "--nproc=1"]).go();
    // As above: its exec is refused, the last step of all.
    let mut others = vec![Sleeper::start(61_239), Sleeper::start(61_239)];
    let run = ebbd.demand("job");
    ebbd.until("it to wait", || lack(&ebbd.status("job")).is_some_and(|lacks| lacks.contains("execute")));
    ebbd.crash();
    others.clear();
    ebbd.restart();
    ebbd.until("its end", || ebbd.history().len() == 1);
    let line = &ebbd.history()[0];
    assert_eq!((&line["id"], &line["outcome"]), (&json!(run), &json!("success")), "{line}");
}

#[test]
fn a_soft_limit_of_cgroup_v1_is_not_taken_for_memory_high() {
    let job = "command = [\"true\"]\n[memory]\nhigh = \"32M\"\n";
    let required = format!("enforcement = \"required\"\n{job}");
    let ebbd = Ebbd::start(&[("best", job), ("required", &required)]);
    if ebbd.call("Doctor", json!({})).unwrap()["enforcement"] != "cgroup-v1" {
        return; // The other rungs have tests of their own.
    }
    let line = ebbd.run("best");
    assert_eq!((&line["outcome"], &line["unheld"]), (&json!("success"), &json!(["[memory] high"])), "{line}");
    let line = ebbd.run("required");
    assert_eq!(line["outcome"], "start-failed", "{line}");
    assert!(line["detail"].as_str().unwrap().contains("no cgroup here can hold [memory] high"), "{line}");
}

/// A control group of the test's own in a v1 hierarchy; none where there is no such hierarchy here.
pub(crate) struct Group(PathBuf);

impl Group {
    pub(crate) fn make(controller: &str, name: &str) -> Option<Self> {
        let dir = Path::new("/sys/fs/cgroup").join(controller);
        let dir = dir.join(format!("ebb-test-own-{}-{name}", std::process::id()));
        std::fs::create_dir(&dir).ok()?;
        dir.join("tasks").exists().then_some(Self(dir))
    }

    pub(crate) fn write(&self, file: &str, value: &str) {
        std::fs::write(self.0.join(file), value).unwrap();
    }

    fn number(&self, file: &str) -> u64 {
        std::fs::read_to_string(self.0.join(file)).unwrap().trim().parse().unwrap()
    }

    /// Starts what follows in it.
    fn enter(&self) -> [String; 3] {
        let script = format!("echo 0 > {}/cgroup.procs; exec \"$0\" \"$@\"", self.0.display());
        ["sh".to_owned(), "-c".to_owned(), script]
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        wait_until("the test's own group to be free", || std::fs::remove_dir(&self.0).is_ok());
    }
}

#[test]
fn a_control_group_that_is_full_of_processes_makes_runs_wait() {
    let test = "resources::a_control_group_that_is_full_of_processes_makes_runs_wait";
    if skips_without_root(test) {
        return;
    }
    let Some(group) = Group::make("pids", "pids") else {
        return skip(test, "no pids hierarchy of cgroup v1");
    };
    let words = group.enter();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]).under(&words).go();
    group.write("pids.max", "1");
    ebbd.demand("job");
    ebbd.until("it to wait", || lack(&ebbd.status("job")).is_some());
    group.write("pids.max", "max");
    ebbd.until("its end", || ebbd.history().len() == 1);
    assert_eq!(ebbd.history()[0]["outcome"], "success");
    drop(ebbd);
}

#[test]
fn an_ebbd_that_is_killed_for_its_own_memory_loses_no_demand_and_no_run() {
    let test = "resources::an_ebbd_that_is_killed_for_its_own_memory_loses_no_demand_and_no_run";
    if skips_without_root(test) {
        return;
    }
    let Some(group) = Group::make("memory", "ebbd") else {
        return skip(test, "no memory hierarchy of cgroup v1");
    };
    let elsewhere = Group::make("memory", "run").unwrap();
    let words = group.enter();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.command(&["sh", "-c", "exit 4"]));
    let mut ebbd = ebbd.under(&words).go();
    let (run, waiting) = (ebbd.demand("held"), ebbd.demand("held"));
    let main = ebbd.until_started(run);
    // The kernel takes the largest of the group, and that shall be ebbd: the run goes elsewhere.
    elsewhere.write("cgroup.procs", &main.to_string());
    let used = group.number("memory.usage_in_bytes");
    group.write("memory.limit_in_bytes", &(used + (2 << 20)).to_string());
    // Payloads that are staged on connections are ebbd's own memory, up to a bound for each client.
    let data = "QUFB".repeat(12_000);
    let mut callers = Vec::new();
    ebbd.until("ebbd to be killed", || {
        if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(ebbd.socket()) {
            let call = json!({"method": "io.ebb.Control.Input", "parameters": {"data": data}}).to_string();
            for _ in 0..20 {
                let _ = stream.write_all(format!("{call}\0").as_bytes());
            }
            callers.push(stream);
        }
        group.number("memory.failcnt") > 0 && !is_alive(i32::try_from(ebbd.pid()).unwrap())
    });
    drop(callers);
    assert!(is_alive(main), "the run is none of those that are killed");
    assert_eq!(ebbd.wait_end(), None, "killed by a signal");
    group.write("memory.limit_in_bytes", "-1");
    ebbd.restart();
    gate.open();
    ebbd.until("both ends", || ebbd.history().len() == 2);
    let ends = ebbd.history();
    let of = |id: u64| ends.iter().find(|line| line["id"] == id).unwrap();
    assert!(["exit-code", "lost"].contains(&of(run)["outcome"].as_str().unwrap()), "{ends:?}");
    assert_eq!(of(run)["oom_kills"].as_u64().unwrap_or(0), 0, "ebbd's own end is none of the run's");
    assert_eq!(of(waiting)["outcome"], "exit-code");
}

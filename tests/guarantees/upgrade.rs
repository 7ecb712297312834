//! An upgrade puts the new binary in the place of the old one, and nobody notices: no run, no client that waits, no queue.
//! A binary that can't take over is refused, and ebbd goes on.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Caller, Ebbd, is_alive, skips_without_root, wait_until, zombies_of};
use crate::helpers::gate::{Gate, NO_OUTPUT};
use crate::helpers::past;
use crate::helpers::proc::{descriptors, kernel, python, settled_descriptors, status_number, wait_quiet};
use crate::helpers::records::{count, result};
use crate::helpers::stranger::{NOBODY, connect_as};
use crate::helpers::tmpfs::on_small_disk;
use crate::notify::Manager;

const TRUE: &str = "command = [\"true\"]\n";

/// An ebbd whose binary is a copy, so that another can be put into its place.
fn with_own_binary(ebbd: Ebbd) -> Ebbd {
    let own = binary(&ebbd);
    put_file(&own, Path::new(env!("CARGO_BIN_EXE_ebbd")));
    ebbd.under(&["sh", "-c", &format!("exec {} \"$@\"", own.display())])
}

fn binary(ebbd: &Ebbd) -> PathBuf {
    ebbd.path("ebbd")
}

/// Puts a program into a place as a package does: a new file takes the name.
fn put(at: &Path, bytes: &[u8]) {
    let text = at.with_extension("text");
    std::fs::write(&text, bytes).unwrap();
    put_file(at, &text);
}

/// The same with a program that is there.
fn put_file(at: &Path, from: &Path) {
    let new = at.with_extension("new");
    // By another process: a child that some other test starts meanwhile would keep what this one writes open, and what is
    // open for writing can't be executed.
    assert!(Command::new("cp").arg(from).arg(&new).status().unwrap().success());
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(new, at).unwrap();
}

/// Puts a program into the binary's place that says that it can take over, and when it does, does this first.
fn put_in_between(ebbd: &Ebbd, then: &str) {
    let real = env!("CARGO_BIN_EXE_ebbd");
    let text = format!(
        "#!{} -S\nimport os, signal, sys, time\nif sys.argv[-1] == '--check-handover':\n    print('ebbd 9.9.9\\nhandover 1')\n    sys.exit()\n\
         {then}\nos.execve('{real}', ['{real}'] + sys.argv[1:], os.environ)\n",
        python()
    );
    put(&binary(ebbd), text.as_bytes());
}

fn upgrade(ebbd: &Ebbd) {
    let pid = ebbd.pid();
    let report = ebbd.call("Upgrade", json!({})).unwrap();
    assert_eq!(report["pid"], pid);
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
}

/// How often an ebbd has taken over in place.
fn takeovers(ebbd: &Ebbd) -> usize {
    ebbd.log().matches("taken over in place").count()
}

/// A client that waits by itself.
fn client(ebbd: &Ebbd, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ebb"))
        .arg("--socket")
        .arg(ebbd.socket())
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Its exit code and what it said.
fn end_of(client: Child) -> (Option<i32>, String) {
    let output = client.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn runs_and_all_who_wait_for_them_go_on_with_their_own_exit_codes() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let gate = Gate::closed(ebbd.path("gate"));
    for code in 1..=5 {
        let then = format!("echo before; sleep 0.05; echo after; exit 1{code}");
        ebbd.write_job(&format!("job{code}"), &gate.command(&["sh", "-c", &then]));
    }
    let ebbd = ebbd.go();
    let runs: Vec<u64> = (1..=5).map(|code| ebbd.demand(&format!("job{code}"))).collect();
    let pids: Vec<i32> = runs.iter().map(|run| ebbd.until_started(*run)).collect();
    let mut by_wait = ebbd.connect();
    by_wait.send("Wait", &json!({ "run": runs[0] }), false);
    // Asks for one run more, which waits for its turn.
    let mut by_demand = ebbd.connect();
    by_demand.send("RunNow", &json!({"job": "job2", "wait": true}), false);
    let mut by_both = ebbd.connect();
    by_both.send("RunNow", &json!({"job": "job3", "wait": true}), true);
    let accepted = by_both.receive().unwrap();
    let mut half_closed = ebbd.connect();
    half_closed.send("Wait", &json!({ "run": runs[3] }), false);
    half_closed.stream.shutdown(std::net::Shutdown::Write).unwrap();
    let command = client(&ebbd, &["run-now", "job5", "--follow"]);
    let is_queued = |job: &str| ebbd.status(job)["runs"].as_array().unwrap().len() == 2;
    ebbd.until("all demands to be accepted", || ["job2", "job3", "job5"].into_iter().all(is_queued));
    upgrade(&ebbd);
    assert!(pids.iter().all(|pid| is_alive(*pid)), "runs go on");
    upgrade(&ebbd);
    assert_eq!(takeovers(&ebbd), 2);
    gate.open();
    let code = |caller: &mut Caller| {
        caller.receive().expect("its answer")["parameters"]["result"]["exit_code"].as_i64()
    };
    assert_eq!(accepted["continues"], true);
    assert_eq!(code(&mut by_wait), Some(11));
    assert_eq!(code(&mut by_demand), Some(12));
    assert_eq!(code(&mut by_both), Some(13));
    assert_eq!(code(&mut half_closed), Some(14));
    let (code, said) = end_of(command);
    assert_eq!(code, Some(15), "{said}");
    assert!(said.contains("before\nafter\n"), "{said}");
    for (run, expected) in runs.iter().zip(11..) {
        let line = result(&ebbd, *run);
        assert_eq!(line["exit_code"], expected, "{line}");
        assert!(line["cpu_ms"].is_u64(), "the kernel's figures of a child are there: {line}");
        assert_eq!((count(&ebbd, "started", *run), count(&ebbd, "finished", *run)), (1, 1));
    }
    // The same connections serve on.
    for caller in [&mut by_wait, &mut by_demand, &mut by_both] {
        caller.call("Status", json!({"job": "job1"})).unwrap();
    }
    wait_until("every child to be reaped", || zombies_of(ebbd.pid()).is_empty());
}

#[test]
fn what_a_client_has_sent_and_staged_and_not_got_yet_goes_over_with_it() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    ebbd.write_job("cat", "command = [\"cat\"]\n[accept]\ninput = true\n");
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("gate", &gate.job());
    let ebbd = ebbd.go();
    let held = ebbd.demand("gate");
    let payload = "eHh4".repeat(10_000);
    let mut staging: Vec<_> = (0..40).map(|_| ebbd.connect()).collect();
    for caller in &mut staging {
        caller.call("Input", json!({ "data": payload })).unwrap();
    }
    let mut half = ebbd.connect();
    half.stream.write_all(b"{\"method\":\"io.ebb.Control.").unwrap();
    // Calls behind one that waits: they are read, and their turn has not come.
    let mut early = ebbd.connect();
    early.send("Wait", &json!({ "run": held }), false);
    for _ in 0..100 {
        early.send("Status", &json!({"job": "cat"}), false);
    }
    let mut idle = ebbd.connect();
    idle.call("Doctor", json!({})).unwrap();
    upgrade(&ebbd);
    for caller in &mut staging {
        caller.call("Input", json!({ "data": "eXl5" })).unwrap();
    }
    upgrade(&ebbd);
    half.stream.write_all(b"Doctor\"}\0").unwrap();
    assert_eq!(half.receive().unwrap()["parameters"]["pid"], ebbd.pid());
    let line = staging[7].call("RunNow", json!({"job": "cat", "wait": true})).unwrap()["result"].clone();
    let output = ebbd.output("cat", line["id"].as_u64().unwrap());
    assert_eq!((output.len(), output.ends_with("xyyy")), (30_003, true), "{line}");
    drop(staging);
    idle.call("Doctor", json!({})).unwrap();
    gate.open();
    assert_eq!(early.receive().unwrap()["parameters"]["result"]["outcome"], "success");
    for _ in 0..100 {
        assert_eq!(early.receive().unwrap()["parameters"]["job"]["job"], "cat");
    }
    ebbd.until("payloads that nobody sent off to be removed", || {
        std::fs::read_dir(ebbd.path("state/input")).unwrap().count() == 0
    });
}

#[test]
fn an_upgrade_is_no_start_and_no_reload() {
    let ebbd = with_own_binary(Ebbd::prepare(&[
        ("at-start", "command = [\"true\"]\nat-start = true\n"),
        ("paused", "command = [\"true\"]\nevery = \"1s\"\n"),
        ("jittered", "command = [\"true\"]\nevery = \"10h\"\njitter = \"9h\"\n"),
        ("changed", "command = [\"echo\", \"old\"]\n"),
        ("broken", TRUE),
        ("removed", TRUE),
    ]));
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("limited", &format!("{}timeout = \"2s\"\n", gate.job()));
    let ebbd = ebbd.go();
    ebbd.call("Pause", json!({"job": "paused"})).unwrap();
    let begun = Instant::now();
    let limited = ebbd.demand("limited");
    ebbd.until_started(limited);
    // From now on another timeout; the run keeps the one that it was started with.
    ebbd.write_job("limited", &format!("{}timeout = \"1h\"\n", gate.job()));
    ebbd.write_job("broken", "comand = [\"true\"]\n");
    ebbd.call("Reload", json!({})).unwrap();
    ebbd.write_job("changed", "command = [\"echo\", \"new\"]\n");
    ebbd.write_job("fresh", TRUE);
    std::fs::remove_file(ebbd.path("jobs/removed.toml")).unwrap();
    let seen = |ebbd: &Ebbd| {
        let mut jobs = ebbd.connect().stream("Status", json!({})).unwrap();
        // What runs is told with what it uses just now.
        for job in &mut jobs {
            job["job"]["runs"] = Value::Null;
        }
        (jobs, ebbd.call("Doctor", json!({})).unwrap())
    };
    ebbd.until("the start's own run to end", || ebbd.history().iter().any(|line| line["job"] == "at-start"));
    let before = seen(&ebbd);
    for _ in 0..3 {
        upgrade(&ebbd);
    }
    assert_eq!(seen(&ebbd), before, "jobs, next starts, problems and places are as they were");
    assert_eq!(ebbd.history().iter().filter(|line| line["job"] == "at-start").count(), 1);
    assert_eq!(ebbd.history().iter().filter(|line| line["job"] == "paused").count(), 0);
    assert_eq!(ebbd.output("changed", ebbd.run("changed")["id"].as_u64().unwrap()), "old\n");
    assert_eq!(ebbd.run("removed")["outcome"], "success");
    let line = result(&ebbd, limited);
    assert_eq!(line["outcome"], "timeout", "{line}");
    let took = begun.elapsed();
    assert!((1900..20_000).contains(&took.as_millis()), "{took:?} of 2 s");
    ebbd.call("Reload", json!({})).unwrap();
    assert_eq!(ebbd.output("changed", ebbd.run("changed")["id"].as_u64().unwrap()), "new\n");
}

#[test]
fn a_binary_that_cannot_take_over_is_refused_and_everything_goes_on() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &format!("{}{NO_OUTPUT}", gate.command(&["sh", "-c", "exit 9"])));
    let ebbd = ebbd.go();
    let run = ebbd.demand("held");
    let pid = ebbd.until_started(run);
    let mut waiting = ebbd.connect();
    waiting.send("Wait", &json!({ "run": run }), false);
    let own = binary(&ebbd);
    let real = Path::new(env!("CARGO_BIN_EXE_ebbd"));
    let refused = |what: &str, why: &str| {
        let said = ebbd.ebb(&["upgrade"]);
        assert_eq!(said.code, 71, "{what}: {said:?}");
        assert!(said.err.contains(why) && said.err.contains("goes on as it is"), "{what}: {said:?}");
        assert!(is_alive(pid), "{what}");
    };
    std::fs::remove_file(&own).unwrap();
    refused("gone", "can't be looked at");
    // All that was connected before is let in by now.
    let before = settled_descriptors(ebbd.pid());
    std::fs::create_dir(&own).unwrap();
    refused("a directory", "is no file");
    std::fs::remove_dir(&own).unwrap();
    put_file(&own, real);
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused("not executable", "is not executable");
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o777)).unwrap();
    refused("open to all", "can be written by others");
    put(&own, b"#!/bin/sh\nexit 1\n");
    refused("ends at once", "does not say that it can take over");
    put(&own, b"#!/bin/sh\necho 'cannot find libfoo.so' >&2; exit 127\n");
    refused("lacks something", "cannot find libfoo.so");
    put(&own, b"\x7fELF and no program");
    refused("no program", "can't be asked");
    put(&own, b"#!/bin/sh\necho ebbd 9; echo handover 9\n");
    refused("of another age", "reads format 9");
    // It passes and is gone when it is to be executed.
    put(&own, b"#!/bin/sh\nrm -- \"$0\"; echo handover 1\n");
    refused("gone meanwhile", "can't be executed");
    assert!(!blocks_signals(&ebbd), "it hears signals as before");
    put_file(&own, real);
    ebbd.until("all connections to be closed", || descriptors(ebbd.pid()) <= before);
    assert_eq!(takeovers(&ebbd), 0);
    ebbd.until("children to be reaped", || zombies_of(ebbd.pid()).is_empty());
    gate.open();
    assert_eq!(waiting.receive().unwrap()["parameters"]["result"]["exit_code"], 9, "it is served on");
    upgrade(&ebbd);
    assert!(!blocks_signals(&ebbd), "the next one hears them as well");
    assert_eq!(ebbd.ebb(&["run-now", "held", "--wait"]).code, 9);
    let said = ebbd.ebb(&["upgrade", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["pid"]), (0, &json!(ebbd.pid())), "{said:?}");
}

#[test]
fn settings_that_would_keep_the_new_binary_from_starting_are_found_out_before() {
    let ebbd = Ebbd::prepare(&[]);
    let settings = ebbd.path("ebbd.toml");
    std::fs::write(&settings, "log = \"debug\"\n").unwrap();
    let ebbd = with_own_binary(ebbd).flag("--config").flag(settings.to_str().unwrap()).go();
    std::fs::write(&settings, "jbos = 1\n").unwrap();
    let (name, message) = ebbd.refusal("Upgrade", json!({}));
    assert_eq!(name, "NotUpgraded");
    assert!(message.contains("jbos"), "{message}");
    std::fs::write(&settings, "log = \"info\"\nstate = \"/elsewhere\"\n").unwrap();
    upgrade(&ebbd);
}

#[test]
fn a_stranger_may_not_upgrade() {
    if skips_without_root("upgrade::a_stranger_may_not_upgrade") {
        return;
    }
    let open = format!("{TRUE}[allow]\nrun = [\"{NOBODY}\"]\n");
    let ebbd = with_own_binary(Ebbd::prepare(&[("open", &open)])).go();
    let mut stranger = connect_as(&ebbd, NOBODY, &[]).unwrap();
    assert_eq!(stranger.refusal("Upgrade", json!({})).0, "NotAllowed");
    assert_eq!(takeovers(&ebbd), 0);
    upgrade(&ebbd);
    stranger.call("RunNow", json!({"job": "open", "wait": true})).unwrap();
    assert_eq!(stranger.refusal("Upgrade", json!({})).0, "NotAllowed", "it is a stranger afterwards as well");
}

#[test]
fn a_run_that_ends_while_no_ebbd_is_there_has_its_own_exit_code() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let gone = ebbd.path("gone");
    let wait = format!("while [ ! -e {} ]; do sleep 0.01; done; exit 33", gone.display());
    ebbd.write_job("ending", &format!("command = {}\n", json!(["sh", "-c", wait])));
    let ebbd = ebbd.go();
    let client = client(&ebbd, &["run-now", "ending", "--wait"]);
    ebbd.until("the run", || ebbd.journal().iter().any(|record| record["event"] == "started"));
    let pid = ebbd.until_started(1);
    // It lets the run end and goes on once it is a zombie.
    put_in_between(
        &ebbd,
        &format!(
            "open('{}', 'w')\nwhile open('/proc/{pid}/stat').read().rsplit(')')[1].split()[0] != 'Z': time.sleep(0.01)",
            gone.display()
        ),
    );
    upgrade(&ebbd);
    let (code, said) = end_of(client);
    assert_eq!(code, Some(33), "{said}");
    assert_eq!((count(&ebbd, "started", 1), count(&ebbd, "finished", 1)), (1, 1));
    wait_until("it to be reaped", || zombies_of(ebbd.pid()).is_empty());
}

#[test]
fn a_signal_that_comes_while_no_ebbd_is_there_is_heard_by_the_next_one() {
    let ebbd = with_own_binary(Ebbd::prepare(&[("job", TRUE)])).go();
    put_in_between(&ebbd, "os.kill(os.getpid(), signal.SIGHUP)");
    upgrade(&ebbd);
    ebbd.until("the reload", || ebbd.log().contains("reloaded:"));
    assert_eq!(ebbd.run("job")["outcome"], "success");
    let mut ebbd = with_own_binary(Ebbd::prepare(&[])).go();
    put_in_between(&ebbd, "os.kill(os.getpid(), signal.SIGTERM)");
    assert_eq!(ebbd.ebb(&["upgrade"]).code, 0);
    assert_eq!(ebbd.wait_end(), Some(0), "it ends gracefully");
}

/// An ebbd with a run and with a client that holds it up as long as it may be held up on its way to its rest.
fn slow_to_rest(ebbd: Ebbd) -> (Ebbd, Gate, u64, Caller) {
    let ebbd = with_own_binary(ebbd);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.command(&["sh", "-c", "exit 8"]));
    let lines = (1..=4000).map(|id| past::success(id, "gone", i64::try_from(id).unwrap(), 400));
    past::write(&ebbd.path("state/journal.jsonl"), std::iter::once(past::opened(4001)).chain(lines));
    let ebbd = ebbd.go();
    let run = ebbd.demand("held");
    ebbd.until_started(run);
    let mut silent = ebbd.connect();
    silent.send("History", &json!({}), true);
    silent.receive().expect("its first line");
    (ebbd, gate, run, silent)
}

fn until_it_comes_to_rest(ebbd: &Ebbd) {
    ebbd.until("it to come to rest", || ebbd.log().contains("coming to rest"));
}

#[test]
fn a_signal_that_comes_while_ebbd_comes_to_rest_is_heard_by_the_next_one() {
    for signal in [Signal::SIGTERM, Signal::SIGUSR2] {
        let (mut ebbd, gate, run, _silent) = slow_to_rest(Ebbd::prepare(&[]));
        let pid = ebbd.until_started(run);
        let asking = client(&ebbd, &["upgrade"]);
        until_it_comes_to_rest(&ebbd);
        ebbd.signal(signal);
        let (code, said) = end_of(asking);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(ebbd.wait_end(), Some(0), "{signal}");
        assert_eq!(takeovers(&ebbd), 1, "{signal}");
        assert_eq!(is_alive(pid), signal == Signal::SIGUSR2, "{signal}");
        gate.open();
        ebbd.restart();
        result(&ebbd, run);
    }
}

#[test]
fn a_signal_that_comes_before_an_upgrade_that_fails_is_heard_after_it() {
    let (mut ebbd, _gate, run, _silent) = slow_to_rest(Ebbd::prepare(&[]));
    let pid = ebbd.until_started(run);
    put(&binary(&ebbd), b"#!/bin/sh\nrm -- \"$0\"; echo handover 1\n");
    let asking = client(&ebbd, &["upgrade"]);
    until_it_comes_to_rest(&ebbd);
    ebbd.signal(Signal::SIGUSR2);
    let (code, said) = end_of(asking);
    assert_eq!(code, Some(71), "{said}");
    assert_eq!((ebbd.wait_end(), takeovers(&ebbd), is_alive(pid)), (Some(0), 0, true));
    put_file(&binary(&ebbd), Path::new(env!("CARGO_BIN_EXE_ebbd")));
    ebbd.restart();
    ebbd.call("Stop", json!({ "run": run })).unwrap();
}

/// Whether it blocks any signal.
fn blocks_signals(ebbd: &Ebbd) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", ebbd.pid())).unwrap();
    !status.contains("SigBlk:\t0000000000000000")
}

#[test]
fn a_crash_right_after_the_exec_loses_nothing() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.command(&["sh", "-c", "echo once; exit 5"]));
    let mut ebbd = ebbd.go();
    let (run, queued) = (ebbd.demand("held"), ebbd.demand("held"));
    let pid = ebbd.until_started(run);
    let waiting = client(&ebbd, &["run-now", "held", "--wait"]);
    ebbd.until("its demand to be accepted", || {
        ebbd.journal().iter().filter(|r| r["event"] == "queued").count() >= 2
    });
    put_in_between(&ebbd, "os.kill(os.getpid(), signal.SIGKILL)");
    let asking = client(&ebbd, &["upgrade"]);
    assert_eq!(ebbd.wait_end(), None, "it was killed");
    assert!(is_alive(pid), "the run goes on");
    put_file(&binary(&ebbd), Path::new(env!("CARGO_BIN_EXE_ebbd")));
    ebbd.restart();
    let (code, said) = end_of(asking);
    assert_eq!(code, Some(0), "it finds the ebbd that is there: {said}");
    gate.open();
    let (code, said) = end_of(waiting);
    let expected = if kernel() >= (6, 15) { 5 } else { 1 };
    assert!([Some(expected), Some(5)].contains(&code), "{said}");
    for run in [run, queued] {
        result(&ebbd, run);
        assert_eq!((count(&ebbd, "started", run), count(&ebbd, "finished", run)), (1, 1));
        assert_eq!(ebbd.output("held", run), "once\n");
    }
}

#[test]
fn a_handover_that_cannot_be_read_is_a_start_as_after_a_crash_and_no_status_is_lost() {
    let of_another_age = "import fcntl
fd = os.memfd_create('handover', os.MFD_ALLOW_SEALING)
os.write(fd, b'{\"format\": 99}')
os.lseek(fd, 0, 0)
fcntl.fcntl(fd, 1033, 15)
os.set_inheritable(fd, True)
os.environ['EBB_HANDOVER'] = str(fd)";
    for (spoil, why) in [
        ("os.environ['EBB_HANDOVER'] = '987'", "Bad file descriptor"),
        ("os.environ['EBB_HANDOVER'] = 'x'", "Bad file descriptor"),
        ("os.environ['EBB_HANDOVER'] = str(os.open('/dev/null', 0))", "Bad file descriptor"),
        (of_another_age, "its format is 99"),
    ] {
        let ebbd = with_own_binary(Ebbd::prepare(&[]));
        let gate = Gate::closed(ebbd.path("gate"));
        ebbd.write_job("held", &format!("{}{NO_OUTPUT}", gate.command(&["sh", "-c", "exit 6"])));
        let ebbd = ebbd.go();
        let run = ebbd.demand("held");
        let pid = ebbd.until_started(run);
        let mut idle = ebbd.connect();
        idle.call("Doctor", json!({})).unwrap();
        let before = settled_descriptors(ebbd.pid());
        put_in_between(&ebbd, spoil);
        let said = ebbd.ebb(&["upgrade"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("begun anew"), "{said:?}");
        let log = ebbd.log();
        assert!(log.contains("is of no use") && log.contains(why), "{why}: {log}");
        assert!(is_alive(pid));
        assert_eq!(idle.receive(), None, "clients are let go");
        ebbd.until("what was open to be closed", || descriptors(ebbd.pid()) < before);
        let mut waiting = ebbd.connect();
        waiting.send("Wait", &json!({ "run": run }), false);
        gate.open();
        let line = waiting.receive().unwrap()["parameters"]["result"].clone();
        assert_eq!(line["exit_code"], 6, "it is its child still: {line}");
    }
}

#[test]
fn ten_upgrades_under_load_lose_nothing_do_nothing_twice_and_leak_nothing() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let done = ebbd.path("done");
    std::fs::create_dir(&done).unwrap();
    let note = format!("echo x >> {}/$EBB_RUN_ID; sleep 0.0$1; exit 2$1", done.display());
    let job = format!(
        "command = {}\noverlap = \"parallel\"\nmax-parallel = 4\nqueue-limit = 1000\n[accept]\nargs = true\n",
        json!(["sh", "-c", note, "sh"])
    );
    ebbd.write_job("job", &job);
    let ebbd = ebbd.go();
    let socket = ebbd.socket();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut before = None;
    std::thread::scope(|scope| {
        let asking: Vec<_> = (1..=4)
            .map(|number| {
                let (socket, stop) = (&socket, &stop);
                scope.spawn(move || {
                    let mut runs = Vec::new();
                    let mut caller = Caller::connect(socket);
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        let demand = json!({"job": "job", "args": [number.to_string()], "wait": true});
                        let line = caller.call("RunNow", demand).unwrap()["result"].clone();
                        assert_eq!(line["exit_code"], 20 + number, "{line}");
                        runs.push(line["id"].as_u64().unwrap());
                    }
                    runs
                })
            })
            .collect();
        for round in 0..10 {
            // One that fails at the last moment, with every client at rest, changes nothing either.
            put(&binary(&ebbd), b"#!/bin/sh\nrm -- \"$0\"; echo handover 1\n");
            assert_eq!(ebbd.call("Upgrade", json!({})), Err("NotUpgraded".to_owned()));
            put_file(&binary(&ebbd), Path::new(env!("CARGO_BIN_EXE_ebbd")));
            upgrade(&ebbd);
            // Something has gone on in between.
            let ends = ebbd.history().len();
            ebbd.until("another run to end", || ebbd.history().len() > ends);
            if round == 0 {
                before = Some(fds(ebbd.pid()));
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut runs: Vec<u64> = asking.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        runs.sort_unstable();
        assert!(runs.windows(2).all(|pair| pair[0] < pair[1]), "a number was used twice: {runs:?}");
        for run in runs {
            let times = std::fs::read_to_string(done.join(run.to_string())).unwrap_or_default();
            assert_eq!(times, "x\n", "run {run} ran once");
            assert_eq!((count(&ebbd, "started", run), count(&ebbd, "finished", run)), (1, 1));
        }
    });
    assert_eq!(takeovers(&ebbd), 10);
    ebbd.until("all to be over", || ebbd.status("job")["runs"] == json!([]));
    let mut now = Vec::new();
    let fresh = Ebbd::start(&[("job", TRUE)]);
    fresh.run("job");
    ebbd.until("no descriptor to be left open", || {
        now = fds(ebbd.pid());
        now == fds(fresh.pid())
    });
    assert!(before.is_some_and(|before| before.len() >= now.len()));
    wait_until("every child to be reaped", || zombies_of(ebbd.pid()).is_empty());
}

/// What kinds of files a process has open.
fn fds(pid: u32) -> Vec<String> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let kind = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned();
        let name = target.rsplit('/').next().unwrap_or_default();
        Some(name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>())
    };
    let mut kinds: Vec<String> = entries.filter_map(kind).collect();
    kinds.sort();
    kinds
}

#[test]
fn after_an_upgrade_ebbd_holds_no_more_memory_than_after_a_start() {
    let jobs: Vec<(String, String)> = (0..100).map(|n| (format!("job{n}"), TRUE.to_owned())).collect();
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let ebbd = with_own_binary(Ebbd::prepare(&jobs)).go();
    ebbd.run("job1");
    wait_quiet(ebbd.pid());
    let before = status_number(ebbd.pid(), "RssAnon");
    for _ in 0..3 {
        let mut callers: Vec<_> = (0..20).map(|_| ebbd.connect()).collect();
        for caller in &mut callers {
            caller.call("Input", json!({"data": "eHh4".repeat(10_000)})).unwrap();
        }
        upgrade(&ebbd);
    }
    ebbd.run("job1");
    wait_quiet(ebbd.pid());
    let after = status_number(ebbd.pid(), "RssAnon");
    assert!(after <= before + 200, "{before} kB after the start, {after} kB after upgrades");
}

#[test]
fn who_waits_gets_the_exit_code_across_a_restart_as_well() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.command(&["sh", "-c", "echo output; exit 4"]));
    let mut ebbd = ebbd.go();
    let waiting = client(&ebbd, &["run-now", "held", "--wait"]);
    ebbd.until("the first", || ebbd.journal().iter().any(|record| record["event"] == "started"));
    let following = client(&ebbd, &["run-now", "held", "--follow"]);
    ebbd.until("the second", || ebbd.status("held")["runs"].as_array().unwrap().len() == 2);
    ebbd.signal(Signal::SIGUSR2);
    assert_eq!(ebbd.wait_end(), Some(0));
    std::thread::sleep(Duration::from_millis(300));
    ebbd.restart();
    gate.open();
    let (code, said) = end_of(waiting);
    let expected = if kernel() >= (6, 15) { 4 } else { 1 };
    assert!([Some(expected), Some(4)].contains(&code), "{said}");
    assert!(said.contains("Run 1 is on record"), "{said}");
    let (code, said) = end_of(following);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("output\n"), "{said}");
}

#[test]
fn a_run_that_is_being_ended_has_what_is_left_of_its_grace_and_is_not_asked_twice() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let asked = ebbd.path("asked");
    let polite = format!("trap 'echo x >> {}' TERM; echo up; while :; do sleep 0.05; done", asked.display());
    ebbd.write_job("polite", &format!("command = {}\ngrace = \"2s\"\n", json!(["sh", "-c", polite])));
    let ebbd = ebbd.go();
    let run = ebbd.demand("polite");
    ebbd.until("it to be up", || ebbd.output("polite", run).contains("up"));
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    let begun = Instant::now();
    ebbd.until("it to be asked", || asked.exists());
    upgrade(&ebbd);
    upgrade(&ebbd);
    let line = result(&ebbd, run);
    let took = begun.elapsed();
    assert_eq!(line["outcome"], "canceled", "{line}");
    assert!((1500..15_000).contains(&took.as_millis()), "{took:?} of 2 s of grace");
    assert_eq!(std::fs::read_to_string(&asked).unwrap(), "x\n");
}

#[test]
fn a_socket_that_was_handed_over_by_the_service_manager_goes_on_as_its_own() {
    for spoil in ["", "os.environ['EBB_HANDOVER'] = '987'"] {
        let ebbd = with_own_binary(Ebbd::prepare(&[("job", TRUE)]));
        let listener = std::os::unix::net::UnixListener::bind(ebbd.socket()).unwrap();
        std::fs::set_permissions(ebbd.socket(), std::fs::Permissions::from_mode(0o600)).unwrap();
        let script = format!(
            "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec {} \"$@\"",
            binary(&ebbd).display()
        );
        let mut ebbd = ebbd.handed(listener).under(&["sh", "-c", &script]).go();
        put_in_between(&ebbd, spoil);
        // Who connects while nobody accepts waits in the socket.
        assert_eq!(ebbd.ebb(&["upgrade"]).code, 0);
        assert_eq!(ebbd.run("job")["outcome"], "success", "{spoil}");
        let mode = std::fs::metadata(ebbd.socket()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{spoil}");
        ebbd.signal(Signal::SIGTERM);
        assert_eq!(ebbd.wait_end(), Some(0));
        assert!(ebbd.socket().exists(), "it is not ebbd's to remove: {spoil}");
    }
}

#[test]
fn output_to_a_run_that_goes_on_stays_bounded_and_is_followed() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let gate = Gate::closed(ebbd.path("gate"));
    let loud = gate.command(&["sh", "-c", "yes 'a line of a flood' | head -c 20000000; echo; echo the end"]);
    ebbd.write_job("loud", &format!("{loud}[output]\nmax = \"1M\"\n"));
    let ebbd = ebbd.go();
    let run = ebbd.demand("loud");
    ebbd.until_started(run);
    wait_quiet(ebbd.pid());
    let before = settled_descriptors(ebbd.pid());
    let following = client(&ebbd, &["logs", "loud", "-f"]);
    ebbd.until("it to be followed", || descriptors(ebbd.pid()) > before);
    upgrade(&ebbd);
    gate.open();
    result(&ebbd, run);
    let facts = std::fs::metadata(ebbd.path("state/output/loud").join(format!("{run}.log"))).unwrap();
    let on_disk = std::os::unix::fs::MetadataExt::blocks(&facts) * 512;
    assert!(on_disk <= 1 << 20, "{on_disk} bytes on disk");
    let (code, said) = end_of(following);
    assert_eq!(code, Some(0));
    assert!(said.trim_end().ends_with("the end") || said.contains("the end\n"), "its end is shown");
}

#[test]
fn a_client_that_does_not_read_its_answer_is_let_go_and_the_others_go_on() {
    let ebbd = with_own_binary(Ebbd::prepare(&[("job", TRUE)]));
    let lines = (1..=4000).map(|id| past::success(id, "gone", i64::try_from(id).unwrap(), 400));
    past::write(&ebbd.path("state/journal.jsonl"), std::iter::once(past::opened(4001)).chain(lines));
    let ebbd = ebbd.go();
    let mut silent = ebbd.connect();
    silent.send("History", &json!({}), true);
    silent.receive().expect("its first line");
    // One whose answers are made at once, and more of them than its socket holds.
    let mut slow = ebbd.connect();
    let calls = 1200;
    for _ in 0..calls {
        slow.send("Status", &json!({"job": "job"}), false);
    }
    let mut idle = ebbd.connect();
    idle.call("Doctor", json!({})).unwrap();
    upgrade(&ebbd);
    idle.call("Doctor", json!({})).unwrap();
    for _ in 0..calls {
        assert_eq!(slow.receive().expect("an answer to each call")["parameters"]["job"]["job"], "job");
    }
    let mut last = Value::Null;
    while let Some(frame) = silent.receive() {
        last = frame;
    }
    assert_eq!(last["continues"], true, "it has not come to its end: {last}");
}

#[test]
fn signs_of_life_go_on_through_an_upgrade_that_takes_longer_than_the_watchdog_waits() {
    let ebbd = Ebbd::prepare(&[]);
    let path = ebbd.path("notify");
    let manager = Manager::at(&path);
    let ebbd = ebbd.variable("NOTIFY_SOCKET", path.to_str().unwrap()).variable("WATCHDOG_USEC", "3000000");
    let (ebbd, _gate, run, _silent) = slow_to_rest(ebbd);
    manager.until("READY=1");
    let asking = client(&ebbd, &["upgrade"]);
    let (begun, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    let ready = loop {
        let message = manager.next(Duration::from_secs(30)).expect("the next one to be ready");
        if message.iter().any(|line| line == "WATCHDOG=1") {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        if message.contains(&"READY=1".to_owned()) {
            break message;
        }
    };
    assert!(begun.elapsed() > Duration::from_secs(4), "it took no time");
    assert!(ready.contains(&"WATCHDOG=1".to_owned()), "the next one is alive: {ready:?}");
    assert!(longest < Duration::from_secs(3), "{longest:?} without a sign of life");
    let (code, said) = end_of(asking);
    assert_eq!(code, Some(0), "{said}");
    ebbd.call("Stop", json!({ "run": run })).unwrap();
}

#[test]
fn a_run_that_is_being_ended_keeps_the_end_of_its_grace_whatever_its_job_says_by_now() {
    let ebbd = with_own_binary(Ebbd::prepare(&[]));
    let deaf = json!(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]);
    let job = |grace: &str| format!("command = {deaf}\ngrace = \"{grace}\"\n");
    ebbd.write_job("deaf", &job("2s"));
    let ebbd = ebbd.go();
    let run = ebbd.demand("deaf");
    ebbd.until("it to be up", || ebbd.output("deaf", run).contains("up"));
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    let begun = Instant::now();
    ebbd.write_job("deaf", &job("1h"));
    ebbd.call("Reload", json!({})).unwrap();
    upgrade(&ebbd);
    upgrade(&ebbd);
    assert_eq!(result(&ebbd, run)["outcome"], "canceled");
    assert!(begun.elapsed() > Duration::from_millis(1500), "{:?} of 2 s of grace", begun.elapsed());
}

#[test]
fn limits_that_nothing_held_when_a_run_started_are_in_its_record_whatever_its_job_says_by_now() {
    if skips_without_root("upgrade::limits_that_nothing_held_when_a_run_started_are_in_its_record") {
        return;
    }
    let ebbd = with_own_binary(Ebbd::prepare(&[])).run_as(65_534);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("bound", &format!("pids-max = 50\n{}", gate.job()));
    let ebbd = ebbd.go();
    let run = ebbd.demand("bound");
    ebbd.until_started(run);
    ebbd.write_job("bound", &gate.job());
    ebbd.call("Reload", json!({})).unwrap();
    upgrade(&ebbd);
    gate.open();
    let line = result(&ebbd, run);
    assert_eq!((&line["outcome"], &line["unheld"]), (&json!("success"), &json!(["pids-max"])), "{line}");
}

#[test]
fn a_job_for_which_there_was_no_room_is_loaded_when_there_is_some_also_after_an_upgrade() {
    let test = "upgrade::a_job_for_which_there_was_no_room_is_loaded_when_there_is_some";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    let ebbd = with_own_binary(ebbd);
    // Larger than what is left for definitions; what else ebbd writes at a start is smaller.
    let wide = json!({ "WIDE": "x".repeat(60_000) });
    ebbd.write_job("large", &format!("{TRUE}environment = {{ WIDE = {} }}\n", wide["WIDE"]));
    let mut ebbd = ebbd.go();
    ebbd.run("large");
    ebbd.crash();
    let filler = disk.fill();
    let full = std::fs::metadata(&filler).unwrap().len();
    std::fs::File::options().write(true).open(&filler).unwrap().set_len(full - 40_000).unwrap();
    ebbd.restart();
    let has_job = |ebbd: &Ebbd| ebbd.call("Status", json!({"job": "large"})).is_ok();
    assert!(!has_job(&ebbd), "there was room: {}", ebbd.log());
    upgrade(&ebbd);
    assert!(!has_job(&ebbd));
    std::fs::remove_file(filler).unwrap();
    ebbd.until("its job to be there, with nobody asking for it", || has_job(&ebbd));
    assert_eq!(ebbd.run("large")["id"], 2);
    drop(ebbd);
}

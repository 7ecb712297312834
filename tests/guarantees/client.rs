//! What the client `ebb` returns to a script, with the real binaries on both ends.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::{Ebbd, skips_without_root, wait_until};

#[test]
fn wait_returns_what_the_run_returned() {
    let jobs = [
        ("good", "command = [\"true\"]\n"),
        ("seven", "command = [\"sh\", \"-c\", \"exit 7\"]\n"),
        ("accepted", "command = [\"sh\", \"-c\", \"exit 7\"]\nsuccess-codes = [0, 7]\n"),
        ("term", "command = [\"sh\", \"-c\", \"kill -TERM $$\"]\n"),
        ("slow", "command = [\"sleep\", \"600\"]\ntimeout = \"300ms\"\n"),
        ("missing", "command = [\"/no/such/program\"]\n"),
    ];
    let ebbd = Ebbd::start(&jobs);
    for (job, code) in
        [("good", 0), ("seven", 7), ("accepted", 7), ("term", 143), ("slow", 124), ("missing", 1)]
    {
        let said = ebbd.ebb(&["run-now", job, "--wait"]);
        assert_eq!(said.code, code, "{job}: {said:?}");
    }
    let said = ebbd.ebb(&["run-now", "missing", "--wait"]);
    assert!(said.err.contains("cannot execute /no/such/program: No such file"), "{said:?}");
}

#[test]
fn an_oom_kill_returns_137_with_a_sentence() {
    if skips_without_root("client::an_oom_kill_returns_137_with_a_sentence") {
        return;
    }
    let job = "command = [\"python3\", \"-c\", \"x = bytearray(300 << 20)\"]\n[memory]\nmax = \"48M\"\n";
    let ebbd = Ebbd::start(&[("fat", job)]);
    let said = ebbd.ebb(&["run-now", "fat", "--wait"]);
    assert_eq!(said.code, 137, "{said:?}");
    assert!(said.err.contains("memory") && said.err.contains("48M"), "{said:?}");
}

#[test]
fn follow_shows_all_output_and_returns_the_code() {
    let job = "command = [\"sh\", \"-c\", \"for i in 1 2 3; do echo line $i; sleep 0.1; done; exit 5\"]\n";
    let ebbd = Ebbd::start(&[("lines", job)]);
    let said = ebbd.ebb(&["run-now", "lines", "--follow"]);
    assert_eq!(said.code, 5, "{said:?}");
    let lines: Vec<_> = said.out.lines().filter(|line| line.starts_with("line ")).collect();
    assert_eq!(lines, ["line 1", "line 2", "line 3"], "{said:?}");
}

#[test]
fn interrupting_the_client_does_not_stop_the_run() {
    let ebbd = Ebbd::prepare(&[]);
    let go = ebbd.path("go");
    ebbd.write_job(
        "gate",
        &format!("command = [\"sh\", \"-c\", \"until [ -e {} ]; do sleep 0.02; done\"]\n", go.display()),
    );
    let ebbd = ebbd.go();
    let mut client = Command::new(env!("CARGO_BIN_EXE_ebb"))
        .arg("--socket")
        .arg(ebbd.socket())
        .args(["run-now", "gate", "--wait"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    ebbd.until("the run", || ebbd.status("gate")["state"] == "running");
    kill(Pid::from_raw(i32::try_from(client.id()).unwrap()), Signal::SIGINT).unwrap();
    let mut status = None;
    wait_until("the client to end", || {
        status = client.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.and_then(|s| s.code()), Some(130));
    assert_eq!(ebbd.status("gate")["state"], "running");
    std::fs::write(&go, "").unwrap();
    ebbd.until("the run to end", || ebbd.history().len() == 1);
    assert_eq!(ebbd.history()[0]["outcome"], "success");
}

#[test]
fn input_and_arguments_arrive_from_the_command_line() {
    let job = "command = [\"sh\", \"-c\", \"echo $MODE $*; cat\", \"sh\"]\n[accept]\nargs = true\nenvironment = [\"MODE\"]\ninput = true\n";
    let ebbd = Ebbd::start(&[("open", job)]);
    let payload = "0123456789abcdef".repeat(20_000);
    std::fs::write(ebbd.path("payload"), &payload).unwrap();
    let path = ebbd.path("payload");
    let said = ebbd.ebb(&[
        "run-now",
        "open",
        "--wait",
        "--env",
        "MODE=fast",
        "--input",
        path.to_str().unwrap(),
        "--",
        "-x",
        "two words",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ebbd.output("open", 1), format!("fast -x two words\n{payload}"));
}

#[test]
fn json_is_json_on_all_that_print() {
    let ebbd = Ebbd::start(&[("good", "command = [\"true\"]\nschedule = \"0 3 * * *\"\n")]);
    ebbd.run("good");
    let commands: [&[&str]; 7] = [
        &["status", "--json"],
        &["status", "good", "--json"],
        &["history", "--json"],
        &["next", "good", "--json"],
        &["doctor", "--json"],
        &["reload", "--json"],
        &["run-now", "good", "--wait", "--json"],
    ];
    for command in commands {
        let said = ebbd.ebb(command);
        assert_eq!(said.code, 0, "{command:?} {said:?}");
        let parsed: Result<Value, _> = serde_json::from_str(&said.out);
        assert!(parsed.is_ok(), "{command:?} {said:?}");
    }
    let said = ebbd.ebb(&[
        "next",
        "--schedule",
        "30 2 * * *",
        "--timezone",
        "Europe/Vienna",
        "--from",
        "2026-03-28T12:00:00Z",
        "--count",
        "2",
        "--json",
    ]);
    let slots: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(slots, json!(["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]), "{said:?}");
}

#[test]
fn what_is_wrong_is_said_with_its_own_code() {
    let ebbd = Ebbd::start(&[("good", "command = [\"true\"]\n")]);
    assert_eq!(ebbd.ebb(&["run-now", "nope"]).code, 2);
    assert_eq!(ebbd.ebb(&["run-now", "good", "--", "arg"]).code, 2);
    assert_eq!(ebbd.ebb(&["frobnicate"]).code, 2);
    let jobs = ebbd.path("jobs");
    assert_eq!(ebbd.ebb(&["check", jobs.to_str().unwrap()]).code, 0);
    ebbd.write_job("bad", "comand = [\"true\"]\n");
    let said = ebbd.ebb(&["check", jobs.to_str().unwrap()]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(format!("{}{}", said.out, said.err).contains("bad.toml:1:1:"), "{said:?}");
    let absent = Command::new(env!("CARGO_BIN_EXE_ebb"))
        .args(["--socket", "/nonexistent/x", "status"])
        .output()
        .unwrap();
    assert_eq!(absent.status.code(), Some(69));
}

#[test]
fn a_client_that_waits_is_told_that_ebbd_ended_its_run() {
    let mut ebbd = Ebbd::start(&[("long", "command = [\"sleep\", \"600\"]\n")]);
    let mut caller = ebbd.connect();
    caller.send("RunNow", &json!({"job": "long", "wait": true}), false);
    ebbd.until("the run", || ebbd.status("long")["state"] == "running");
    ebbd.signal(Signal::SIGTERM);
    let reply = caller.receive().expect("an answer before the end of the connection");
    assert_eq!(reply["parameters"]["result"]["outcome"], "canceled", "{reply}");
    assert_eq!(ebbd.wait_end(), Some(0));
}

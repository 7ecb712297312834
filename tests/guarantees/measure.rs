//! `ebb measure`: what a run of any command cost is what it was, whoever counts, and the program runs as without ebb.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Said, is_root, skip};

const MIB: u64 = 1 << 20;

/// What counts memory on some machine.
const ACCOUNTINGS: [&str; 3] = ["cgroup-v2", "cgroup-v1", "process-tree"];

/// `ebb measure` with these words.
fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ebb"));
    command.arg("measure").args(words).stdin(Stdio::null());
    command
}

fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn measure(words: &[&str]) -> Said {
    said(&mut command(words))
}

/// The figures of one run.
fn figures(words: &[&str]) -> Value {
    let said = measure(&[&["--json"], words].concat());
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

/// Does this with each accounting that this machine has, and says which it has not.
fn with_each(test: &str, check: impl Fn(&str)) {
    let mut tried = 0;
    for accounting in ACCOUNTINGS {
        let probe = measure(&["--json", "--accounting", accounting, "--", "true"]);
        if probe.code == 0 {
            check(accounting);
            tried += 1;
        } else {
            assert!(probe.code == 71 && probe.err.contains("memory can't be counted by"), "{probe:?}");
        }
    }
    if tried == 1 {
        skip(test, "no control group here counts memory; counted by process tree alone");
    }
}

#[test]
fn a_program_has_the_peak_that_it_had_by_each_accounting() {
    const NAME: &str = "measure::a_program_has_the_peak_that_it_had_by_each_accounting";
    // Held for a while and given back: the looks see it, and the curve comes down again.
    const PROGRAM: &str = "import time\nx = bytearray(100 << 20)\ntime.sleep(0.3)\ndel x\ntime.sleep(0.2)\n";
    with_each(NAME, |accounting| {
        let words = ["--accounting", accounting, "--", "python3", "-c", PROGRAM];
        let figures = figures(&words);
        let run = &figures["runs"][0];
        assert_eq!((&figures["accounting"], &run["outcome"]), (&accounting.into(), &"success".into()));
        let peak = run["peak_anon_bytes"].as_u64().unwrap();
        assert!((100 * MIB..125 * MIB).contains(&peak), "{accounting}: {figures}");
        assert!(run["peak_total_bytes"].as_u64().unwrap() >= 100 * MIB, "{accounting}: {figures}");
        let wall = run["wall_us"].as_u64().unwrap();
        assert!(wall >= 500_000, "{figures}");
        let points = run["curve"]["points"].as_str().unwrap();
        assert!(points.len() > 5 && points.contains('z'), "{figures}");
        assert!(!figures["unseen"].as_str().unwrap().is_empty());
        assert_eq!(figures["summary"]["peak_anon_bytes"]["median"].as_u64(), Some(peak));
    });
}

#[test]
fn a_program_of_a_few_milliseconds_has_a_peak() {
    const NAME: &str = "measure::a_program_of_a_few_milliseconds_has_a_peak";
    with_each(NAME, |accounting| {
        for _ in 0..10 {
            let run = &figures(&["--accounting", accounting, "--", "true"])["runs"][0];
            for figure in ["peak_anon_bytes", "peak_total_bytes", "wall_us"] {
                assert!(run[figure].as_u64().is_some_and(|value| value > 0), "{accounting} {figure}: {run}");
            }
        }
        // It is at its peak for an instant only: no look has to see it.
        let words = ["--accounting", accounting, "--", "python3", "-c", "bytearray(60 << 20)"];
        let peak = figures(&words)["runs"][0]["peak_anon_bytes"].as_u64().unwrap();
        assert!((60 * MIB..90 * MIB).contains(&peak), "{accounting}: {peak}");
    });
}

#[test]
fn the_memory_of_all_processes_of_a_run_is_summed() {
    const NAME: &str = "measure::the_memory_of_all_processes_of_a_run_is_summed";
    // All three hold theirs until each of them has it: told by one byte each, and by the end of the other pipe.
    const PROGRAM: &str = "\
import os
ready, go = os.pipe(), os.pipe()
for _ in range(3):
    if os.fork() == 0:
        os.close(go[1])
        x = bytearray(30 << 20)
        os.write(ready[1], b'.')
        os.read(go[0], 1)
        os._exit(0)
for _ in range(3):
    os.read(ready[0], 1)
import time
time.sleep(0.3)
os.close(go[1])
for _ in range(3):
    os.wait()
";
    with_each(NAME, |accounting| {
        let figures = figures(&["--accounting", accounting, "--", "python3", "-c", PROGRAM]);
        let peak = figures["runs"][0]["peak_anon_bytes"].as_u64().unwrap();
        assert!((90 * MIB..125 * MIB).contains(&peak), "{accounting}: {figures}");
    });
}

#[test]
fn the_program_has_its_input_and_outputs_and_gives_its_own_exit_code() {
    use std::io::Write as _;
    let mut measured = command(&["--", "sh", "-c", "read line; echo out $line; echo err >&2; exit 7"]);
    let mut child =
        measured.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), out.as_str()), (Some(7), "out hello\n"));
    assert!(err.starts_with("err\nebb: sh -c "), "{err}");
    for figure in ["exit-code 7", "peak-anon ", "peak-total ", "cpu ", "wall ", "counted by "] {
        assert!(err.contains(figure), "{figure}: {err}");
    }
    let json = measure(&["--json", "--", "sh", "-c", "echo out; kill -TERM $$"]);
    assert_eq!((json.code, json.err.as_str()), (143, "out\n"));
    let figures: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(figures["runs"][0]["signal"], 15);
}

#[test]
fn a_program_that_is_not_there_or_cannot_be_executed_is_said_as_env_does() {
    let absent = measure(&["--", "no-such-program-here"]);
    assert_eq!((absent.code, absent.out.as_str()), (127, ""));
    assert_eq!(absent.err, "ebb: there is no program `no-such-program-here` in PATH\n");
    let line = measure(&["--", "sleep 1"]);
    assert!(line.code == 127 && line.err.contains("sh -c 'sleep 1'"), "{line:?}");
    let folder = measure(&["--", "/"]);
    assert!(folder.code == 126 && folder.err.starts_with("ebb: cannot execute `/`: "), "{folder:?}");
    assert_eq!(measure(&["--"]).code, 2);
    assert_eq!(measure(&["true"]).code, 2);
}

#[test]
fn without_root_and_without_a_daemon_a_run_is_measured() {
    const NAME: &str = "measure::without_root_and_without_a_daemon_a_run_is_measured";
    let dir = tempfile::tempdir().unwrap();
    let mut measured = if is_root() {
        // The build's own directory may be closed to others.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let copy = dir.path().join("ebb");
        std::fs::copy(env!("CARGO_BIN_EXE_ebb"), &copy).unwrap();
        use std::os::unix::process::CommandExt as _;
        let mut measured = Command::new(copy);
        measured.uid(65_534).gid(65_534).current_dir("/").env("PATH", "/usr/bin:/bin");
        measured.arg("measure").stdin(Stdio::null());
        measured
    } else {
        command(&[])
    };
    let program = "import time; x = bytearray(100 << 20); time.sleep(0.3)";
    let said = said(measured.args(["--json", "--", "/usr/bin/python3", "-c", program]));
    if said.code == 127 {
        return skip(NAME, "there is no /usr/bin/python3 for everybody");
    }
    let figures: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let peak = figures["runs"][0]["peak_anon_bytes"].as_u64().unwrap();
    assert!((100 * MIB..125 * MIB).contains(&peak), "{figures}");
    if figures["accounting"] == "process-tree" {
        assert!(figures["why"][0].as_str().is_some_and(|why| !why.is_empty()), "{figures}");
    }
}

//! `ebb measure`: what a run of any command cost is what it was, whoever counts, and the program runs as without ebb.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Said, is_root, skip};

const MIB: u64 = 1 << 20;

/// What counts memory on some machine.
const ACCOUNTINGS: [&str; 3] = ["cgroup-v2", "cgroup-v1", "process-tree"];

/// The interpreter itself: what is called `python3` can be a script that looks for one, and takes longer than it.
pub(crate) fn python() -> &'static str {
    static FOUND: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    FOUND.get_or_init(|| {
        let question = ["-c", "import sys; print(sys.executable)"];
        let output = Command::new("python3").args(question).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

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
    const PROGRAM: &str = "import time\nx = bytearray(100 << 20)\ntime.sleep(0.6)\ndel x\ntime.sleep(0.2)\n";
    with_each(NAME, |accounting| {
        let words = ["--accounting", accounting, "--", python(), "-c", PROGRAM];
        let figures = figures(&words);
        let run = &figures["runs"][0];
        assert_eq!((&figures["accounting"], &run["outcome"]), (&accounting.into(), &"success".into()));
        let peak = run["peak_anon_bytes"].as_u64().unwrap();
        assert!((100 * MIB..125 * MIB).contains(&peak), "{accounting}: {figures}");
        assert!(run["peak_total_bytes"].as_u64().unwrap() >= 100 * MIB, "{accounting}: {figures}");
        let wall = run["wall_us"].as_u64().unwrap();
        assert!(wall >= 800_000, "{figures}");
        let points = run["curve"]["points"].as_str().unwrap();
        assert!(points.len() > 5 && points.chars().any(|c| c >= 'v'), "{figures}");
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
        let words = ["--accounting", accounting, "--", python(), "-c", "bytearray(60 << 20)"];
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
time.sleep(0.8)
os.close(go[1])
for _ in range(3):
    os.wait()
";
    with_each(NAME, |accounting| {
        let figures = figures(&["--accounting", accounting, "--", python(), "-c", PROGRAM]);
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
fn the_exit_code_stays_the_programs_own_where_nobody_reads_the_figures_and_where_children_are_ignored() {
    let ebb = env!("CARGO_BIN_EXE_ebb");
    // The end that reads is gone before the figures come.
    let script = format!(
        "exec 3>&1; {{ sleep 0.3; {ebb} measure -- sh -c 'exit 7'; echo $? >&3; }} 2>&1 >/dev/null | true"
    );
    let said = said(Command::new("sh").args(["-c", &script]).stdin(Stdio::null()));
    assert_eq!(said.out, "7\n", "{said:?}");
    let ignoring = format!("trap '' CHLD; exec {ebb} measure -- sh -c 'exit 8'");
    let ignored = Command::new("sh").args(["-c", &ignoring]).status().unwrap();
    assert_eq!(ignored.code(), Some(8));
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
    assert_eq!((measure(&[]).code, measure(&["--no-such-flag", "true"]).code), (2, 2));
    assert_eq!(measure(&["sh", "-c", "exit 9"]).code, 9, "the -- may be left out");
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

/// A program in a terminal of its own: what it shows once `keys` were typed after the word `ready`, and its exit code.
fn in_terminal(words: &[&str], keys: &str) -> (String, i32) {
    const DRIVER: &str = "\
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen, typed = b'', False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if b'ready' in seen and not typed:
        os.write(terminal, sys.argv[1].encode())
        typed = True
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";
    let mut driver = Command::new("timeout");
    driver.args(["60", python(), "-c", DRIVER, keys, env!("CARGO_BIN_EXE_ebb"), "measure"]).args(words);
    let said = said(driver.stdin(Stdio::null()).env("NO_COLOR", "1"));
    (said.out, said.code)
}

#[test]
fn ctrl_c_reaches_the_program_and_the_figures_are_printed_all_the_same() {
    // It says that it is ready once it waits for nothing but the signal.
    const PROGRAM: &str = "\
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(5))
print('ready', flush=True)
while True:
    signal.pause()
";
    let (shown, code) = in_terminal(&["--runs", "3", "--", python(), "-c", PROGRAM], "\u{3}");
    assert_eq!(code, 5, "{shown}");
    assert!(shown.contains("exit-code 5") && shown.contains("peak-anon "), "{shown}");
    assert!(!shown.contains("3 runs"), "the series has ended: {shown}");
}

#[test]
fn a_signal_to_ebb_alone_is_handed_on() {
    use std::io::BufRead as _;
    const PROGRAM: &str = "\
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print('ready', flush=True)
signal.pause()
";
    let mut measured = command(&["--", python(), "-c", PROGRAM]);
    let mut child = measured.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(9), "{err}");
    assert!(err.contains("exit-code 9") && err.contains("peak-anon "), "{err}");
}

#[test]
fn what_takes_too_long_is_ended_and_so_is_what_is_left_behind() {
    const NAME: &str = "measure::what_takes_too_long_is_ended_and_so_is_what_is_left_behind";
    with_each(NAME, |accounting| {
        let late =
            measure(&["--json", "--accounting", accounting, "--timeout", "300ms", "--", "sleep", "600"]);
        assert_eq!(late.code, 124, "{late:?}");
        assert!(late.out.contains("\"outcome\":\"timeout\""), "{late:?}");
        // One that forks twice and begins a session of its own, and nobody waits for.
        let forgets = "(setsid sleep 600 & echo $! >&2) &\nwait\nexit 0";
        let left = measure(&["--json", "--accounting", accounting, "--", "sh", "-c", forgets]);
        let figures: Value = serde_json::from_str(&left.out).unwrap_or_else(|e| panic!("{e}: {left:?}"));
        assert_eq!(figures["runs"][0]["leftover"], 1, "{left:?}");
        let pid: i32 = left.err.trim().parse().unwrap();
        assert!(!crate::harness::is_alive(pid), "{left:?}");
    });
}

#[test]
fn what_was_there_before_the_run_is_neither_counted_nor_ended() {
    let ebb = env!("CARGO_BIN_EXE_ebb");
    let script = format!(
        "sleep 300 >/dev/null 2>&1 & echo $! >&3; exec {ebb} measure --json --accounting process-tree -- true 3>&-"
    );
    let dir = tempfile::tempdir().unwrap();
    let script = format!("exec 3>{}; {script}", dir.path().join("pid").display());
    let said = said(Command::new("sh").args(["-c", &script]).stdin(Stdio::null()));
    let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().unwrap());
    let killed = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    let figures: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(figures["runs"][0]["leftover"], 0, "{figures}");
    assert!(killed.is_ok(), "it was ended with the run");
}

#[test]
fn a_series_names_the_run_that_failed_and_exits_as_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let count = dir.path().join("count");
    let script = format!("echo x >>{0}; [ $(wc -l <{0}) != 2 ] || exit 4", count.display());
    let said = measure(&["--runs", "4", "--", "sh", "-c", &script]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.err.contains("1 failed (run 2: exit-code 4); the figures are of the others"), "{said:?}");
    assert!(said.err.contains("MEDIAN"), "{said:?}");
    let json = measure(&["--json", "--runs", "3", "--", "sh", "-c", &script]);
    let figures: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(figures["runs"].as_array().unwrap().len(), 3);
    let spread = &figures["summary"]["wall_us"];
    let of = |name: &str| spread[name].as_u64().unwrap();
    assert!(of("min") <= of("median") && of("median") <= of("max"), "{figures}");
}

/// A program that takes so much.
fn taking(mib: u32) -> String {
    format!("x = bytearray({mib} << 20)")
}

#[test]
fn more_memory_than_the_baseline_allows_exits_with_1_and_shows_both() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("base.json");
    let base = base.to_str().unwrap();
    let program = dir.path().join("job.py");
    let program = program.to_str().unwrap();
    std::fs::write(program, taking(60)).unwrap();
    let run = |words: &[&str]| measure(&[words, &["--", python(), program]].concat());
    let saved = run(&["--save", base, "--runs", "3"]);
    assert_eq!(saved.code, 0, "{saved:?}");
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no half file is left: {names:?}");

    let same = run(&["--baseline", base]);
    assert_eq!(same.code, 0, "{same:?}");
    assert!(same.err.contains("within 10%") && !same.err.contains("regression"), "{same:?}");
    std::fs::write(program, taking(90)).unwrap();
    let more = run(&["--baseline", base, "--tolerance", "20%"]);
    assert_eq!(more.code, 1, "{more:?}");
    let side = more.err.lines().find(|line| line.starts_with("  peak-anon") && line.ends_with("regression"));
    let cells: Vec<&str> = side.unwrap().split_whitespace().collect();
    assert!(cells[1].ends_with('M') && cells[2].ends_with('M') && cells[3].starts_with('+'), "{more:?}");
    assert!(more.err.contains("ebb: regression: peak-anon is "), "{more:?}");
    assert_eq!(run(&["--baseline", base, "--tolerance", "100%"]).code, 0, "as much is allowed");
    let json = run(&["--baseline", base, "--json", "--hold", "peak-total"]);
    let figures: Value = serde_json::from_str(&json.out).unwrap();
    let regressed: Vec<_> = figures["comparison"]["figures"].as_array().unwrap().iter().collect();
    let of = |name: &str| regressed.iter().find(|one| one["figure"] == name).unwrap();
    assert_eq!((json.code, &of("peak-total")["is_regression"]), (1, &Value::Bool(true)), "{figures}");
    assert_eq!(of("peak-anon")["is_held"], Value::Bool(false), "{figures}");

    std::fs::write(program, "raise SystemExit(3)").unwrap();
    let failed = run(&["--baseline", base, "--save", base]);
    assert_eq!(failed.code, 3, "the program's own: {failed:?}");
    assert!(failed.err.contains("is not written, since no run succeeded"), "{failed:?}");
    std::fs::write(program, taking(60)).unwrap();
    assert_eq!(run(&["--baseline", base]).code, 0, "and the file is as it was");
}

#[test]
fn a_baseline_of_something_else_is_warned_of_and_one_that_is_not_there_keeps_from_running() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (base, ran) = (at("base.json"), at("ran"));
    let absent = measure(&["--baseline", &base, "--", "touch", &ran]);
    assert!(absent.code == 2 && absent.err.contains("--save"), "{absent:?}");
    let nowhere = measure(&["--save", &at("no/base.json"), "--", "touch", &ran]);
    assert!(nowhere.code == 2 && nowhere.err.contains("there is no directory"), "{nowhere:?}");
    assert!(!std::path::Path::new(&ran).exists());

    let by_hand = ["--accounting", "process-tree"];
    assert_eq!(measure(&[&by_hand[..], &["--save", &base, "--", "true"]].concat()).code, 0);
    let text = std::fs::read_to_string(&base).unwrap().replace("process-tree", "cgroup-v2");
    std::fs::write(&base, text).unwrap();
    let other = measure(
        &[&by_hand[..], &["--baseline", &base, "--tolerance", "100%", "--", "sh", "-c", ":"]].concat(),
    );
    assert!(other.err.contains("the baseline is of another command: true"), "{other:?}");
    assert!(other.err.contains("counted by cgroup-v2, this by process-tree"), "{other:?}");
}

#[test]
fn the_gates_of_the_documentation_hold_what_they_say() {
    let page = include_str!("../../docs/measure.md");
    let lines = page.lines().map(|line| line.trim().trim_start_matches("- ").trim_start_matches("run: "));
    let mut commands: Vec<&str> =
        lines.filter(|line| line.starts_with("ebb measure --runs 5 --accounting")).collect();
    let save = commands.pop().unwrap();
    assert!(save.contains("--save") && commands.len() == 2, "{commands:?}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("ci")).unwrap();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_ebb")).parent().unwrap();
    std::os::unix::fs::symlink(python(), dir.path().join("python3")).unwrap();
    let before = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{before}", dir.path().display(), bin.display());
    let run = |mib, line: &str| {
        // Fewer runs do here.
        let line = line.replace("--runs 5", "--runs 2");
        std::fs::write(dir.path().join("nightly.py"), taking(mib)).unwrap();
        said(Command::new("sh").args(["-ec", &line]).current_dir(dir.path()).env("PATH", &path))
    };
    assert_eq!(run(40, save).code, 0);
    for gate in commands {
        let (same, more) = (run(40, gate), run(60, gate));
        assert_eq!((same.code, more.code), (0, 1), "{gate}: {same:?} {more:?}");
    }
}

#[test]
fn what_a_killed_ebb_has_left_is_removed_by_the_next_one() {
    const NAME: &str = "measure::what_a_killed_ebb_has_left_is_removed_by_the_next_one";
    use std::io::BufRead as _;
    let mut child =
        command(&["--", "sh", "-c", "echo $$; exec sleep 600"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid: i32 = line.trim().parse().unwrap();
    let base = format!("ebb-measure-{}-", child.id());
    let groups = || -> Vec<std::path::PathBuf> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        let mounts =
            text.lines().filter(|line| line.contains(" - cgroup")).filter_map(|line| line.split(' ').nth(4));
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let places = mounts.flat_map(|mount| {
            own.lines().map(move |line| format!("{mount}{}", line.rsplit(':').next().unwrap_or_default()))
        });
        let dirs = places.filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
        dirs.map(|dir| dir.path()).filter(|path| path.to_string_lossy().contains(&base)).collect()
    };
    let made = groups();
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = || nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    if made.is_empty() {
        gone().unwrap();
        return skip(NAME, "ebb measure makes no control group here");
    }
    assert_eq!(measure(&["--", "true"]).code, 0);
    assert!(made.iter().any(|dir| dir.exists()), "the program of the first one is still in it");
    gone().unwrap();
    crate::harness::wait_until("the program is gone", || !crate::harness::is_alive(pid));
    crate::harness::wait_until("nothing is left", || {
        assert_eq!(measure(&["--", "true"]).code, 0);
        made.iter().all(|dir| !dir.exists())
    });
}

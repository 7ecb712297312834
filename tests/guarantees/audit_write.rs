//! `ebb audit --write DIR`: job files that `ebb check` passes, without a secret of the daemon's, and a baseline.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::helpers::audited::{Audit, Service};
use crate::helpers::proc::python;

const INDEXER: &str = "
import time
index = {number: str(number) * 40 for number in range(60_000)}
open('ready', 'w').close()
while True:
    time.sleep(0.4)
";

fn ebb(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ebb")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_candidate_becomes_a_job_file_that_passes_the_check() {
    let service = Service::python(Path::new(python()), INDEXER, &[("APP_TOKEN", "hunter2-not-to-be-seen")]);
    let dir = service.path("jobs");
    let dir = dir.to_str().unwrap();
    let audit = service.audit_until(&["--for", "2s", "--write", dir], |audit| audit.has("resident-idle"));
    let file = service.path("jobs/service.toml");
    assert_eq!(audit.all["written"][0], file.display().to_string(), "{}", audit.all);

    let job = std::fs::read_to_string(&file).unwrap();
    let line =
        |key: &str| job.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap_or_default();
    let script = service.path("service.py").display().to_string();
    assert!(line("command").contains(&format!("\"{script}\"")), "{job}");
    assert!(line("working-directory").contains(script.strip_suffix("/service.py").unwrap()), "{job}");
    assert!(line("max").ends_with("M\""), "{job}");
    assert!(job.contains("APP_TOKEN"), "{job}");
    let checked = ebb(&["check", dir]);
    assert!(checked.status.success(), "{}\n{job}", text(&checked.stdout));
    assert!(text(&checked.stdout).contains("1 job file") && text(&checked.stdout).contains("0 problems"));

    let page = std::fs::read_to_string(service.path("jobs/service.turn-off.md")).unwrap();
    assert!(page.contains(&format!("kill {}", service.pid())) && page.contains("Back again"), "{page}");

    let baseline: Value =
        serde_json::from_slice(&std::fs::read(service.path("jobs/baseline.json")).unwrap()).unwrap();
    let before = &baseline["jobs"]["service"];
    assert_eq!(before["source"], "audit", "{baseline}");
    assert_eq!(before["service"], "service.py", "{baseline}");
    assert!(before["resident-bytes"].as_u64().unwrap() > 15 << 20, "{baseline}");
    assert!(before["peak-bytes"].as_u64() >= before["resident-bytes"].as_u64(), "{baseline}");

    for entry in std::fs::read_dir(dir).unwrap() {
        let written = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!written.contains("hunter2"), "a value of its environment was written down: {written}");
    }

    // What somebody has made of the file stays.
    std::fs::write(&file, "# mine\ncommand = [\"true\"]\n").unwrap();
    let audit = service.audit_until(&["--for", "1s", "--write", dir], |audit| audit.has("resident-idle"));
    assert_eq!(audit.all["kept"][0], file.display().to_string(), "{}", audit.all);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("# mine"));
}

#[test]
fn a_sleep_of_hours_is_the_interval_of_the_job_though_nobody_saw_it_end() {
    let service = Service::python(Path::new(python()), &INDEXER.replace("0.4", "4 * 3600"), &[]);
    let dir = service.path("jobs");
    // It is ready a moment before it sleeps.
    service.audit_until(&["--for", "500ms"], |audit| audit.has("resident-idle") && sleep_of(audit).is_some());
    let audit = service.audit(&["--for", "500ms", "--write", dir.to_str().unwrap()]);
    assert!(sleep_of(&audit) > Some(14_000_000), "{}", audit.service);
    let job = std::fs::read_to_string(dir.join("service.toml")).unwrap();
    // How long it sleeps Python tells the kernel before 3.11 alone, since then until when: then it stands there as a comment.
    assert!(job.contains("every = \"4h\"\n"), "{job}");
}

/// How long it sleeps, or still sleeps, in milliseconds.
fn sleep_of(audit: &Audit) -> Option<u64> {
    let evidence = &audit.finding("resident-idle")["evidence"];
    evidence["sleeps_ms"].as_u64().or_else(|| evidence["wakes_in_ms"].as_u64())
}

#[test]
fn people_get_a_table_and_what_to_do_and_mistakes_are_told() {
    let service = Service::python(Path::new(python()), INDEXER, &[]);
    let (pid, state) = (service.pid().to_string(), service.path("state").display().to_string());
    let said = ebb(&["audit", &pid, "--for", "1s", "--state", &state]);
    let out = text(&said.stdout);
    assert!(said.status.success() && out.starts_with("SERVICE "), "{out}");
    assert!(out.contains("\nresident-idle: rests in memory") && out.contains("confidence low): "), "{out}");
    assert!(!out.contains('\u{1b}') && !text(&said.stderr).contains("left"), "no terminal, no progress");

    for (args, code, told) in [
        (
            &["audit", "no-such-service-here", "--for", "500ms"][..],
            2,
            "no service has `no-such-service-here`",
        ),
        (&["audit", "--for", "10"], 2, "10"),
        (&["audit", "--for", "1ms"], 2, "an audit looks for 500ms to 1d"),
        (&["audit", &pid, "--for", "500ms", "--write", "/proc/nowhere"], 71, "/proc/nowhere"),
    ] {
        let said = ebb(&[args, &["--state", &state]].concat());
        assert_eq!(said.status.code(), Some(code), "{args:?} {}", text(&said.stderr));
        assert!(text(&said.stderr).contains(told), "{args:?} {}", text(&said.stderr));
    }
}

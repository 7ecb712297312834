//! What `ebb audit` finds in real services: a resident that could be a job, workers that are copies, memory that grows.

use std::path::Path;
use std::process::Command;

use crate::harness::{skip, wait_until};
use crate::helpers::audited::{Load, Service, free_port, python_with};
use crate::helpers::proc::{python, status_number};

/// Holds an index in memory and looks each second whether there is work.
const INDEXER: &str = "
import time
index = {number: str(number) * 40 for number in range(60_000)}
open('ready', 'w').close()
while True:
    time.sleep(1)
";

#[test]
fn a_resident_that_sleeps_is_a_candidate_for_a_job() {
    let service = Service::python(Path::new(python()), INDEXER, &[]);
    let audit = service.audit_until(&["--for", "5s"], |audit| {
        audit.has("resident-idle") && audit.finding("resident-idle")["evidence"]["rhythm"].is_object()
    });
    assert_eq!(audit.service["name"], "service.py");
    let finding = audit.finding("resident-idle");
    let held = finding["saves_bytes"].as_u64().unwrap();
    assert!(held > 15 << 20 && held <= audit.service["pss_bytes"].as_u64().unwrap(), "{finding}");
    assert_eq!(finding["confidence"], "low", "five seconds are no proof");
    let every_ms = finding["evidence"]["rhythm"]["every_ms"].as_u64().unwrap();
    assert!((800..=1_600).contains(&every_ms), "{finding}");
    assert!(finding["advice"].as_str().unwrap().contains("candidate"), "{finding}");
}

#[test]
fn with_touch_it_is_told_how_little_of_its_memory_it_uses() {
    let service = Service::python(Path::new(python()), INDEXER, &[]);
    let audit = service.audit_until(&["--for", "1s", "--touch"], |audit| audit.has("resident-idle"));
    let used = audit.finding("resident-idle")["evidence"]["used_milli"].as_u64().unwrap();
    assert!(used < 500, "{}", audit.service);

    // One that goes through all that it holds needs it.
    let busy = INDEXER.replace("time.sleep(1)", "time.sleep(0.05); sum(map(len, index.values()))");
    let service = Service::python(Path::new(python()), &busy, &[]);
    service.audit_until_silent(&["--for", "1s", "--touch"]);
}

/// A WSGI application that holds 20 MB and works as long as it is told to by its environment.
const APPLICATION: &str = "
import os, time
held = [os.urandom(1000) for _ in range(20_000)]
work = float(os.environ.get('WORK', '0'))
def app(environ, start_response):
    until = time.process_time() + work
    while time.process_time() < until:
        pass
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']
";

fn gunicorn(python: &Path, port: u16, work: &str) -> Service {
    let dir = tempfile::Builder::new().prefix("ebb-audit-").tempdir().unwrap();
    std::fs::write(dir.path().join("web.py"), APPLICATION).unwrap();
    let mut command = Command::new(python);
    command.args(["-m", "gunicorn", "--workers", "3", "--bind", &format!("127.0.0.1:{port}"), "web:app"]);
    command.env("WORK", work).env_remove("PYTHONDONTWRITEBYTECODE");
    let service = Service::start(dir, command);
    service.wait_port(port);
    service
}

#[test]
fn idle_workers_of_one_program_are_copies_and_busy_ones_are_not() {
    let Some(python) = python_with("gunicorn") else {
        let why = "there is no Python with gunicorn; tests/run.sh installs one";
        return skip("audit::idle_workers_of_one_program_are_copies_and_busy_ones_are_not", why);
    };
    let port = free_port();
    let service = gunicorn(&python, port, "0.02");
    // The workers load the application by themselves, after the port is open.
    let audit = service.audit_until(&["--for", "1s"], |audit| {
        audit.has("same-code-workers") && audit.service["uss_bytes"].as_u64().unwrap() > 60 << 20
    });
    let finding = audit.finding("same-code-workers");
    assert_eq!(finding["evidence"]["workers"], 3, "{finding}");
    let copies = finding["saves_bytes"].as_u64().unwrap();
    assert!(copies > 40 << 20 && copies < audit.service["uss_bytes"].as_u64().unwrap(), "{finding}");
    assert!(finding["advice"].as_str().unwrap().contains("Granian"), "{finding}");
    assert!(!audit.has("resident-idle"), "it can be connected to: {}", audit.service);
    let listens = audit.service["listens"].as_array().unwrap();
    assert!(listens.iter().any(|place| *place == format!("tcp 127.0.0.1:{port}")), "{}", audit.service);

    let load = Load::on(port, 6);
    let audit = service.audit_until_silent(&["--for", "1s"]);
    assert!(audit.service["served"].as_u64().unwrap() >= 3, "{}", audit.service);
    drop(load);
}

/// Keeps all that comes; while there is a file `stop`, nothing comes, and it says so by a file `idle`.
const CACHE: &str = "
import os, time
cache = {}
open('ready', 'w').close()
while True:
    time.sleep(0.01)
    if os.path.exists('stop'):
        open('idle', 'w').close()
    else:
        cache[len(cache)] = os.urandom(100_000)
";

#[test]
fn a_cache_that_only_grows_is_told_with_its_rate_and_one_with_a_bound_is_not() {
    let service = Service::python(Path::new(python()), CACHE, &[]);
    let audit = service.audit_until(&["--for", "1s"], |audit| audit.has("growing-memory"));
    let evidence = &audit.finding("growing-memory")["evidence"];
    assert!(evidence["hourly_bytes"].as_u64().unwrap() > 1 << 30, "{evidence}");
    assert!(evidence["to_bytes"].as_u64() > evidence["from_bytes"].as_u64(), "{evidence}");

    let bounded = CACHE
        .replace("len(cache)]", "len(cache) % 50]")
        .replace("cache = {}", "cache = {n: os.urandom(100_000) for n in range(50)}");
    let bounded = bounded.replace("cache[len(cache) % 50]", "cache[int(time.time() * 100) % 50]");
    let service = Service::python(Path::new(python()), &bounded, &[]);
    service.audit_until(&["--for", "1s"], |audit| !audit.has("growing-memory"));
}

#[test]
fn slow_growth_shows_from_audit_to_audit() {
    let service = Service::python(Path::new(python()), CACHE, &[]);
    let pid = u32::try_from(service.pid()).unwrap();
    let held = || status_number(pid, "RssAnon") << 10;
    let grow = || {
        let (stop, until) = (service.path("stop"), held() + (6 << 20));
        let _ = std::fs::remove_file(&stop);
        wait_until("6 MB more", || held() > until);
        std::fs::write(&stop, "").unwrap();
        let _ = std::fs::remove_file(service.path("idle"));
        service.wait_for("idle");
    };
    // Seen at three audits, at each with more than before, and never within one.
    for _ in 0..2 {
        grow();
        assert!(!service.audit(&["--for", "500ms"]).has("growing-memory"));
    }
    grow();
    let audit = service.audit(&["--for", "500ms"]);
    let evidence = &audit.finding("growing-memory")["evidence"];
    assert!(evidence["audits"].as_u64().unwrap() == 2, "{evidence}");
    let grown = evidence["to_bytes"].as_u64().unwrap() - evidence["from_bytes"].as_u64().unwrap();
    assert!(grown > 10 << 20, "{evidence}");
    // It is at rest, and the audits after that find it so.
    assert!(!service.audit(&["--for", "500ms"]).has("growing-memory"));
}

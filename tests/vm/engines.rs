//! A container at rest, of a real podman: `ebb audit` calls it what people call it and writes its job, which runs in a container
//! whose first process is ebbd; what its page says turns it off, for good, and on again. Containers have the guest's programs,
//! so that no image is needed.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Said, ebb, property, run, sh, systemctl, wait_until};

const PLACE: &str = "/run/vm-engines";
const UNIT: &str = "vm-quadlet.service";
const MIB: u64 = 1 << 20;

/// Works when there is something to do, and keeps all that it needs for it; or works once.
const PROGRAM: &str = "import sys, time
index = bytearray(64 << 20)
while '--loop' in sys.argv:
    time.sleep(0.5)
";

/// Podman as somebody calls it at a terminal: called in a unit, its monitor would stay there.
const PODMAN: &str = "env -u INVOCATION_ID podman";

/// What containers are started with, apart from their names.
const ALL: &str = "--network none -v /usr:/usr:ro";
const ROOT: &str = "--rootfs /run/vm-engines/root";
const INDEXER: &str = "--init -w /srv -u 65534:65534 -e API_TOKEN=hunter2";
const LOOP: &str = "python3 indexer.py --loop";

/// Their file system, and where things are written. Dropped, nothing is left of any of it, nor of what is called so.
struct Place(&'static str);

impl Place {
    fn of(clean_up: &'static str) -> Self {
        let _ = sh(&format!("rm -rf {PLACE}"));
        for dir in ["usr", "etc/ebb/jobs.d", "proc", "sys", "dev", "tmp", "run", "var/lib", "srv"] {
            std::fs::create_dir_all(format!("{PLACE}/root/{dir}")).unwrap();
        }
        for dir in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{dir}"), format!("{PLACE}/root/{dir}")).unwrap();
        }
        std::fs::write(format!("{PLACE}/root/srv/indexer.py"), PROGRAM).unwrap();
        Self(clean_up)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = sh(&format!("{}; rm -rf {PLACE}", self.0));
    }
}

#[track_caller]
fn podman(line: &str) -> Said {
    sh(&format!("{PODMAN} {line}"))
}

/// Looks until the audit names it a candidate; the service it found, and what was written of it: the job and the page.
#[track_caller]
fn candidate(word: &str, job: &str) -> (Value, String, String) {
    let written = format!("{PLACE}/{job}");
    let mut told = Value::Null;
    wait_until(format!("the audit to name {word}"), || {
        let audit = ["audit", word, "--for", "1s", "--json", "--write", &written];
        told = serde_json::from_str(&ebb(&audit).ok()).unwrap();
        told["written"].as_array().is_some_and(|files| !files.is_empty())
    });
    let services = told["services"].as_array().unwrap();
    let service =
        services.iter().find(|service| service["kind"] == "container").unwrap_or_else(|| panic!("{told}"));
    let saves = service["findings"][0]["saves_bytes"].as_u64().unwrap();
    assert!((64 * MIB..90 * MIB).contains(&saves), "{told}");
    let read = |end: &str| std::fs::read_to_string(format!("{written}/{job}.{end}")).unwrap();
    (service.clone(), read("toml"), read("turn-off.md"))
}

/// What a page says is to be typed, to turn the daemon off and to turn it on again.
fn commands(page: &str) -> (String, String) {
    let (off, on) = page.split_once("Back again").unwrap();
    let typed = |text: &str| {
        let blocks = text.split("```console").skip(1).map(|block| block.split("```").next().unwrap());
        blocks.collect::<String>()
    };
    (typed(off), typed(on))
}

/// Whether what the audit has seen of a service is gone.
fn has_ended(service: &Value) -> bool {
    service["pids"].as_array().unwrap().iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

#[test]
fn one_that_was_started_by_hand_becomes_a_job_and_is_stopped_and_started() {
    let place = Place::of("podman rm -f -t 0 vm-indexer vm-jobs");
    podman(&format!("run -d --name vm-indexer {ALL} {INDEXER} {ROOT} {LOOP}")).ok();
    let (service, job, page) = candidate("vm-index", "vm-indexer");
    assert_eq!(service["name"], "podman vm-indexer", "{service}");
    assert_eq!((&service["of"], &service["container_name"]), (&"podman".into(), &"vm-indexer".into()));

    for line in ["working-directory = \"/srv\"", "user = \"65534\"", "group = \"65534\"", "# API_TOKEN"] {
        assert!(job.lines().any(|it| it == line), "{line}\n{job}");
    }
    assert!(job.contains("python3.") && job.contains(", \"indexer.py\", \"--loop\"]"), "{job}");
    assert!(!job.contains("hunter2"), "{job}");
    assert_eq!(ebb(&["check", &format!("{PLACE}/vm-indexer")]).code, 0, "{job}");

    let (off, on) = commands(&page);
    sh(&off).ok();
    assert!(has_ended(&service), "{page}");

    // As a person goes on: the daemon's loop is no job's, and its file goes into an image like the container's.
    let jobs = format!("{PLACE}/root/etc/ebb/jobs.d/vm-indexer.toml");
    std::fs::write(jobs, job.replace(", \"--loop\"", "")).unwrap();
    podman(&format!("run -d --name vm-jobs {ALL} --security-opt unmask=/sys/fs/cgroup {ROOT} ebbd")).ok();
    let mut said = String::new();
    wait_until("the job's run in the container", || {
        let run = podman("exec vm-jobs ebb run-now vm-indexer --wait --json");
        said = run.out;
        run.code == 0
    });
    let run: Value = serde_json::from_str(&said).unwrap();
    let result = &run["result"];
    assert_eq!(
        (&result["outcome"], &result["enforcement"]),
        (&"success".into(), &"cgroup-v2".into()),
        "{run}"
    );

    sh(&on).ok();
    assert_eq!(podman("ps --format {{.Names}} --filter name=vm-indexer").ok(), "vm-indexer\n", "{page}");
    drop(place);
}

#[test]
fn one_that_a_quadlet_starts_is_turned_off_by_its_unit_and_stays_off() {
    // The next test that has systemd read its units again has it forget this one.
    let place = Place::of(
        "systemctl stop vm-quadlet.service; \
         rm -f /etc/containers/systemd/vm-quadlet.container /etc/systemd/system/vm-quadlet.service",
    );
    let quadlet = format!(
        "[Container]\nRootfs={PLACE}/root\nPodmanArgs={ALL} {INDEXER}\nExec={LOOP}\n[Install]\nWantedBy=multi-user.target\n"
    );
    std::fs::create_dir_all("/etc/containers/systemd").unwrap();
    std::fs::write("/etc/containers/systemd/vm-quadlet.container", quadlet).unwrap();
    systemctl(&["daemon-reload"]);
    systemctl(&["start", UNIT]);
    let (service, job, page) = candidate(UNIT, "vm-quadlet");
    assert_eq!(service["name"], "podman systemd-vm-quadlet", "{service}");
    assert_eq!(service["started_by"], UNIT, "{service}");
    assert!(job.contains(", \"indexer.py\", \"--loop\"]"), "{job}");

    let (off, on) = commands(&page);
    sh(&off).ok();
    assert!(has_ended(&service), "{page}");
    // What wants it at the next boot, wants it in vain.
    assert_ne!(run(&["systemctl", "start", UNIT]).code, 0, "{page}");
    sh(&on).ok();
    assert_eq!(property(UNIT, "ActiveState"), "active", "{page}");
    drop(place);
}

//! The whole way of a daemon that rests in memory: `ebb audit` finds its unit and writes the job, the unit is turned off as
//! the audit says, the job runs, and `ebb report` tells what that saves. Only what a person would write is written here.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{JOBS, ebb, property, sh, systemctl, wait_until};
use crate::varlink::Caller;

const UNIT: &str = "vm-resident.service";
const PLACE: &str = "/run/vm-journey";
const MIB: u64 = 1 << 20;

/// Works when there is something to do, and keeps all that it needs for it; or works once.
const PROGRAM: &str = "import sys, time, vm_weights
index = bytearray(64 << 20)
while '--loop' in sys.argv:
    time.sleep(0.5)
time.sleep(1)
";

/// A package as installed, that holds memory without any file in it.
fn package() -> String {
    let place = sh("python3 -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'").ok();
    format!("{}/vm_weights.py", place.trim())
}

/// The unit and what comes of it. Dropped, all of it is gone.
struct Daemon;

impl Daemon {
    fn start() -> Self {
        let _ = sh(&format!("rm -rf {PLACE}; mkdir {PLACE}"));
        std::fs::write(format!("{PLACE}/indexer.py"), PROGRAM).unwrap();
        let package = package();
        std::fs::create_dir_all(Path::new(&package).parent().unwrap()).unwrap();
        std::fs::write(package, "held = bytearray(12 << 20)\n").unwrap();
        let unit = format!(
            "[Service]\nExecStart=/usr/bin/python3 {PLACE}/indexer.py --loop\nUser=nobody\nWorkingDirectory={PLACE}\n\
             PrivateTmp=yes\nProtectSystem=strict\nEnvironment=API_TOKEN=hunter2\n[Install]\nWantedBy=multi-user.target\n"
        );
        std::fs::write(format!("/etc/systemd/system/{UNIT}"), unit).unwrap();
        systemctl(&["daemon-reload"]);
        systemctl(&["enable", "--now", UNIT]);
        let daemon = Self;
        wait_until("it to hold its index", || Self::held() > 76 * MIB);
        daemon
    }

    fn held() -> u64 {
        property(UNIT, "MemoryCurrent").parse().unwrap_or(0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = sh(&format!(
            "systemctl disable --now {UNIT}; rm -rf {} {PLACE} /etc/systemd/system/{UNIT} {JOBS}/vm-resident.toml {JOBS}/baseline.json; \
             systemctl daemon-reload; ebb reload",
            package()
        ));
    }
}

fn found(service: &Value) -> Option<&Value> {
    service["findings"].as_array()?.iter().find(|finding| finding["rule"] == "resident-idle")
}

#[test]
fn from_a_daemon_that_rests_to_a_job_and_a_proven_saving() {
    let daemon = Daemon::start();
    let written = format!("{PLACE}/written");
    let mut told = Value::Null;
    wait_until("the audit to name it", || {
        let audit = ["audit", "vm-resident", "--for", "5s", "--json", "--write", &written];
        told = serde_json::from_str(&ebb(&audit).ok()).unwrap();
        found(&told["services"][0]).is_some()
    });
    let service = &told["services"][0];
    assert_eq!(service["name"], UNIT, "{told}");
    let saves = found(service).unwrap()["saves_bytes"].as_u64().unwrap();
    assert!((76 * MIB..100 * MIB).contains(&saves), "{told}");

    let job = std::fs::read_to_string(format!("{written}/vm-resident.toml")).unwrap();
    assert!(
        job.contains("user = \"nobody\"") && job.contains("API_TOKEN") && !job.contains("hunter2"),
        "{job}"
    );
    // What it imports is weighed by its own interpreter, as its own user.
    let audit = ["audit", "vm-resident", "--for", "1s", "--imports", "--json"];
    let weighed: Value = serde_json::from_str(&ebb(&audit).ok()).unwrap();
    let imports = &weighed["services"][0]["imports"];
    assert_eq!((&imports["user"], &imports["failed"]), (&json!("nobody"), &json!([])), "{weighed}");
    assert_eq!(imports["places"]["vm_weights"], "indexer.py:1", "{weighed}");
    let packages = imports["bill"]["packages"].as_array().unwrap();
    let weights = packages.iter().find(|package| package["name"] == "vm_weights").unwrap();
    assert!(
        weights["own_bytes"].as_u64().is_some_and(|own| (12 * MIB..13 * MIB).contains(&own)),
        "{weighed}"
    );

    let page = std::fs::read_to_string(format!("{written}/vm-resident.turn-off.md")).unwrap();
    let off = format!("systemctl disable --now {UNIT}");
    assert!(page.contains(&off), "{page}");

    // As a person goes on: the daemon's loop is no job's, and all that was written goes where the jobs are.
    let once = job.replace(", \"--loop\"", "");
    assert_ne!(once, job);
    std::fs::write(format!("{JOBS}/vm-resident.toml"), once).unwrap();
    std::fs::copy(format!("{written}/baseline.json"), Path::new(JOBS).join("baseline.json")).unwrap();
    assert_eq!(ebb(&["check"]).code, 0);
    sh(&off).ok();
    ebb(&["reload"]).ok();
    let run = Caller::connect().call("RunNow", json!({"job": "vm-resident", "wait": true})).unwrap();
    assert_eq!(run["result"]["outcome"], "success", "{run}");
    assert_eq!(property(UNIT, "ActiveState"), "inactive");

    let report: Value = serde_json::from_str(&ebb(&["report", "--json"]).ok()).unwrap();
    let jobs = report["jobs"].as_array().unwrap();
    let job = jobs.iter().find(|job| job["job"] == "vm-resident").unwrap_or_else(|| panic!("{report}"));
    let saving = &job["saving"];
    assert_eq!((&saving["service"], &saving["source"]), (&json!(UNIT), &json!("audit")), "{job}");
    assert!(saving["before_mb_hours"].as_f64().unwrap() > 0.0, "{job}");
    assert!(job["peak_bytes"].as_u64().is_some_and(|peak| (76 * MIB..100 * MIB).contains(&peak)), "{job}");
    drop(daemon);
}

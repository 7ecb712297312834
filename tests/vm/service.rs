//! The installed service stands on its own feet: it is active, the kernel holds its runs, and a run has its peak.

use serde_json::{Value, json};

use crate::harness::{Job, ebb, property};

#[test]
fn the_service_is_active() {
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
    assert_eq!(property("ebbd.service", "NRestarts"), "0");
}

#[test]
fn the_doctor_finds_cgroup_v2() {
    let report: Value = serde_json::from_str(&ebb(&["doctor", "--json"]).ok()).unwrap();
    assert_eq!(
        (&report["enforcement"], &report["tracking"]),
        (&json!("cgroup-v2"), &json!("cgroup-v2")),
        "{report}"
    );
    assert_eq!(report["reasons"], json!([]), "{report}");
}

#[test]
fn a_run_is_held_by_the_kernel_and_has_its_peak() {
    let job = Job::new("smoke", "command = [\"true\"]\n[memory]\nmax = \"32M\"\n");
    let line = job.run();
    assert_eq!((&line["outcome"], &line["enforcement"]), (&json!("success"), &json!("cgroup-v2")), "{line}");
    for peak in ["peak_anon_bytes", "peak_total_bytes"] {
        assert!(line[peak].as_u64().is_some_and(|bytes| (1..32 << 20).contains(&bytes)), "{peak}: {line}");
    }
}

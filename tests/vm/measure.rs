//! `ebb measure` on cgroup v2: counted by the kernel where systemd delegates a control group, for root and for others, and by
//! the process tree elsewhere; nothing is left of it.

use serde_json::Value;

use crate::harness::{Said, run, sh};

const MIB: u64 = 1 << 20;
/// A program that is at its peak long enough to be looked at on an emulated processor.
const PROGRAM: &str = "import time; x = bytearray(60 << 20); time.sleep(2)";

#[track_caller]
fn peak(said: Said, accounting: &str) -> Value {
    let text = said.ok();
    let figures: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(figures["accounting"], accounting, "{figures}");
    let run = figures["runs"][0].clone();
    let peak = run["peak_anon_bytes"].as_u64().unwrap();
    assert!((60 * MIB..80 * MIB).contains(&peak), "{figures}");
    assert!(run["peak_total_bytes"].as_u64().unwrap() >= peak - MIB, "{figures}");
    figures
}

#[track_caller]
fn nothing_is_left() {
    assert_eq!(sh("find /sys/fs/cgroup -name 'ebb-measure*'").ok(), "");
}

#[test]
fn the_kernel_counts_in_a_control_group_that_systemd_delegates() {
    let measure = ["ebb", "measure", "--json", "--", "python3", "-c", PROGRAM];
    let scope = ["systemd-run", "--quiet", "--scope", "--property=Delegate=yes"];
    peak(run(&[&scope[..], &measure].concat()), "cgroup-v2");
    nothing_is_left();
    let service = ["systemd-run", "--quiet", "--pipe", "--wait", "--uid=nobody", "--property=Delegate=yes"];
    peak(run(&[&service[..], &measure].concat()), "cgroup-v2");
    nothing_is_left();
    // Many short ones, each with its own control group.
    let short = ["ebb", "measure", "--json", "--runs", "20", "--", "true"];
    let figures: Value = serde_json::from_str(&run(&[&scope[..], &short].concat()).ok()).unwrap();
    for run in figures["runs"].as_array().unwrap() {
        let has = |figure: &str| run[figure].as_u64().is_some_and(|value| value > 0);
        assert!(has("peak_anon_bytes") && has("peak_total_bytes") && has("wall_us"), "{run}");
    }
    nothing_is_left();
}

#[test]
fn who_may_make_no_control_group_is_told_so_and_measures_all_the_same() {
    let as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let measure = ["ebb", "measure", "--json", "--", "python3", "-c", PROGRAM];
    let figures = peak(run(&[&as_nobody[..], &measure].concat()), "process-tree");
    let why = figures["why"].to_string();
    assert!(why.contains("Delegate=yes") && !why.contains("ebbd"), "{why}");
    let asked =
        run(&[&as_nobody[..], &["ebb", "measure", "--accounting", "cgroup-v2", "--", "true"]].concat());
    assert!(asked.code == 71 && asked.err.contains("only by process-tree"), "{asked:?}");
}

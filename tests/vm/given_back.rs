//! Every byte goes back: after 200 runs the host has what it had, and no leaf is left.

use serde_json::json;

use crate::cgroups::leaves;
use crate::harness::{Job, ebbd_pid, figure, mem_available_kb, sh};
use crate::limits_memory::touches;
use crate::varlink::Caller;

const RUNS: u64 = 200;

#[test]
fn two_hundred_runs_leave_the_memory_as_it_was() {
    let _job = Job::new("returned", &format!("{}[memory]\nmax = \"48M\"\n", touches(8)));
    let mut caller = Caller::connect();
    let mut run = || {
        let reply = caller.call("RunNow", json!({"job": "returned", "wait": true})).unwrap();
        assert_eq!(reply["result"]["outcome"], "success", "{reply}");
    };
    // What the first runs bring along stays: pages of the program, caches of the kernel.
    (0..10).for_each(|_| run());
    let before = mem_available_kb();
    (0..RUNS).for_each(|_| run());
    let after = mem_available_kb();
    let lost = before.saturating_sub(after);
    let dying = sh("sed -n 's/nr_dying_descendants //p' /sys/fs/cgroup/cgroup.stat").ok();
    let own =
        sh(&format!("grep -E '^(VmRSS|RssAnon)' /proc/{}/status | tr -s '\\t\\n' ' '", ebbd_pid())).ok();
    figure(&format!(
        "MemAvailable after {RUNS} runs: {lost} kB less ({:.1} kB a run), {} dying cgroups, ebbd {own}",
        lost as f64 / RUNS as f64,
        dying.trim()
    ));
    assert!(lost < RUNS << 10, "{before} kB before, {after} kB after");
    assert_eq!(leaves(), Vec::<std::path::PathBuf>::new());
}

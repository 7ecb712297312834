//! A run is its whole tree: what a grandchild uses counts, also one that left its session and lost its parent.

use crate::cgroups::Before;
use crate::harness::{Job, run};
use crate::limits_memory::is_oom_kill;

/// A shell that does this in a grandchild in a session of its own.
fn distant(script: &str, then: &str) -> String {
    format!("command = [\"sh\", \"-c\", \"(setsid sh -c '{script}' &); {then}\"]\n[memory]\nmax = \"48M\"\n")
}

#[test]
fn a_grandchild_that_grows_too_large_takes_the_run_along() {
    let job = Job::new("distant-fat", &distant("dd if=/dev/zero of=/dev/null bs=200M count=1", "sleep 100"));
    let before = Before::look();
    let line = job.run();
    is_oom_kill(&line, 48);
    before.is_back(&line);
}

#[test]
fn a_grandchilds_memory_is_in_the_peaks() {
    let script = "dd if=/dev/zero of=/dev/null bs=32M count=20; touch /run/distant-done";
    let job = distant(script, "until [ -e /run/distant-done ]; do sleep 0.1; done; rm /run/distant-done");
    let job = Job::new("distant-peak", &job);
    let before = Before::look();
    let line = job.run();
    assert_eq!(line["outcome"], "success", "{line}");
    assert!(line["peak_total_bytes"].as_u64().is_some_and(|bytes| bytes >= 32 << 20), "{line}");
    before.is_back(&line);
}

#[test]
fn what_a_run_leaves_behind_is_ended_and_its_memory_is_back() {
    let script = "dd if=/dev/zero bs=32M count=1 of=/dev/null; touch /run/distant-left; exec sleep 986";
    let job =
        distant(script, "until [ -e /run/distant-left ]; do sleep 0.1; done; rm /run/distant-left; sleep 1");
    let job = Job::new("distant-left", &job);
    let before = Before::look();
    let line = job.run();
    assert_eq!((&line["outcome"], &line["leftover"]), (&"success".into(), &1.into()), "{line}");
    assert_eq!(run(&["pgrep", "-f", "^sleep 986"]).out, "");
    before.is_back(&line);
}

//! The same thing done with systemd-run in the same boot, side by side: from the command to its return.

use std::process::Command;
use std::time::Instant;

use crate::harness::{Job, figure};

const ROUNDS: usize = 20;

fn timed_ms(words: &[&str]) -> f64 {
    let began = Instant::now();
    let status =
        Command::new(words[0]).args(&words[1..]).stdout(std::process::Stdio::null()).status().unwrap();
    assert!(status.success(), "{words:?}: {status}");
    began.elapsed().as_secs_f64() * 1000.0
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[test]
fn a_limited_run_is_quicker_than_by_systemd_run() {
    let _job = Job::new("versus", "command = [\"/bin/true\"]\n[memory]\nmax = \"64M\"\n");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(timed_ms(&["/usr/bin/ebb", "run-now", "versus", "--wait"]));
        theirs.push(timed_ms(&["systemd-run", "--quiet", "--wait", "-p", "MemoryMax=64M", "/bin/true"]));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    figure(&format!(
        "/bin/true under 64 MiB, command to return, median of {ROUNDS}: ebb {ours:.1} ms, systemd-run {theirs:.1} ms, \
         {:.1} times",
        theirs / ours
    ));
    assert!(ours < theirs, "ebb {ours:.1} ms, systemd-run {theirs:.1} ms");
}

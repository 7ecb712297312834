//! A quota bounds the CPU time of a run, and weights divide what there is.

use crate::cgroups::{keyed, leaf_of};
use crate::harness::Job;

/// Burns for some seconds of the clock on the first processor, from a moment that all who take part know.
const BURN: &str = "command = [\"taskset\", \"-c\", \"0\", \"sh\", \"-c\", \
                    \"until [ -e /run/burn ]; do sleep 0.05; done; while [ -e /run/burn ]; do :; done\"]\n";

/// The CPU time of these jobs, in ms, while all of them burn for three seconds.
fn burn(jobs: &[&Job]) -> Vec<u64> {
    let runs: Vec<u64> = jobs.iter().map(|job| job.demand()).collect();
    let leaves: Vec<_> = runs.iter().map(|run| leaf_of(*run)).collect();
    let used_ms =
        || leaves.iter().map(|leaf| keyed(leaf, "cpu.stat", "usage_usec") / 1000).collect::<Vec<_>>();
    std::fs::write("/run/burn", "").unwrap();
    let before = used_ms();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let after = used_ms();
    std::fs::remove_file("/run/burn").unwrap();
    jobs.iter().zip(runs).for_each(|(job, run)| drop(job.wait(run)));
    before.into_iter().zip(after).map(|(before, after)| after - before).collect()
}

#[test]
fn a_quota_bounds_the_cpu_time() {
    let half = Job::new("quota", &format!("{BURN}[cpu]\nquota = \"20%\"\n"));
    let used = burn(&[&half])[0];
    // A fifth of three seconds, or a little more where the test itself had to wait for a processor.
    assert!((200..1200).contains(&used), "{used} ms");
}

#[test]
fn weights_divide_the_cpu() {
    let light = Job::new("light", &format!("{BURN}[cpu]\nweight = 50\n"));
    let heavy = Job::new("heavy", &format!("{BURN}[cpu]\nweight = 1000\n"));
    let used = burn(&[&light, &heavy]);
    assert!(used[1] > 3 * used[0], "20 to 1 was asked for: {used:?} ms");
}

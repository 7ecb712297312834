//! A quota bounds the CPU time of a run, and weights divide what there is.

use crate::harness::Job;

/// Burns for some seconds of the clock on the first processor, from a moment that all who take part know.
const BURN: &str = "command = [\"taskset\", \"-c\", \"0\", \"sh\", \"-c\", \
                    \"until [ -e /run/burn ]; do sleep 0.05; done; while [ -e /run/burn ]; do :; done\"]\n";

/// The CPU time of these jobs, in ms, while all of them burn for five seconds.
fn burn(jobs: &[&Job]) -> Vec<u64> {
    let runs: Vec<u64> = jobs.iter().map(|job| job.demand()).collect();
    for run in &runs {
        crate::cgroups::leaf_of(*run);
    }
    std::fs::write("/run/burn", "").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(5));
    std::fs::remove_file("/run/burn").unwrap();
    let lines: Vec<_> = jobs.iter().zip(runs).map(|(job, run)| job.wait(run)).collect();
    lines.iter().map(|line| line["cpu_ms"].as_u64().unwrap_or_else(|| panic!("{line}"))).collect()
}

#[test]
fn a_quota_bounds_the_cpu_time() {
    let half = Job::new("quota", &format!("{BURN}[cpu]\nquota = \"20%\"\n"));
    let used = burn(&[&half])[0];
    // A fifth of five seconds, and what it used before and after.
    assert!((300..2200).contains(&used), "{used} ms");
}

#[test]
fn weights_divide_the_cpu() {
    let light = Job::new("light", &format!("{BURN}[cpu]\nweight = 50\n"));
    let heavy = Job::new("heavy", &format!("{BURN}[cpu]\nweight = 1000\n"));
    let used = burn(&[&light, &heavy]);
    assert!(used[1] > 4 * used[0], "20 to 1 was asked for: {used:?} ms");
}

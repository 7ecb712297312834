//! `memory.max` kills and `memory.high` slows down, from the first instruction of a run on.

use serde_json::{Value, json};

use crate::cgroups::{Before, leaf_of, read};
use crate::harness::{Job, ebbd_pid, property};

/// A command that touches so many MiB at once. (A Python takes seconds to start in a guest.)
pub fn touches(mib: u32) -> String {
    format!("command = [\"dd\", \"if=/dev/zero\", \"of=/dev/null\", \"bs={mib}M\", \"count=2\"]\n")
}

/// That a run was killed for its limit, held to it until then, and left nothing.
#[track_caller]
pub fn is_oom_kill(line: &Value, max_mib: u64) {
    assert_eq!((&line["outcome"], &line["enforcement"]), (&json!("oom-kill"), &json!("cgroup-v2")), "{line}");
    assert!(line["oom_kills"].as_u64().is_some_and(|kills| kills > 0), "{line}");
    assert!(line["peak_total_bytes"].as_u64().is_some_and(|bytes| bytes <= max_mib << 20), "{line}");
}

#[test]
fn a_run_above_its_limit_is_killed_and_gives_all_back() {
    let job = Job::new("too-large", &format!("{}[memory]\nmax = \"32M\"\n", touches(200)));
    let ebbd = ebbd_pid();
    let before = Before::look();
    let line = job.run();
    is_oom_kill(&line, 32);
    assert_eq!(line["signal"], 9, "{line}");
    before.is_back(&line);
    // systemd sees the kill as well, and ends neither unit for it.
    assert_eq!(property("ebb-runs.service", "ActiveState"), "active");
    assert_eq!((property("ebbd.service", "ActiveState").as_str(), ebbd_pid()), ("active", ebbd));
}

#[test]
fn a_run_below_its_limit_ends_well_and_its_peak_is_what_it_used() {
    let job = Job::new("fits", &format!("{}[memory]\nmax = \"64M\"\n", touches(40)));
    let before = Before::look();
    let line = job.run();
    assert_eq!((&line["outcome"], &line["oom_kills"]), (&json!("success"), &json!(0)), "{line}");
    for peak in ["peak_anon_bytes", "peak_total_bytes"] {
        assert!(
            line[peak].as_u64().is_some_and(|bytes| (39 << 20..50 << 20).contains(&bytes)),
            "{peak}: {line}"
        );
    }
    before.is_back(&line);
}

#[test]
fn every_limit_is_written_before_the_program_runs() {
    let script = "cd /sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup) && grep . memory.max memory.high \
                  memory.swap.max memory.oom.group pids.max cpu.max cpu.weight";
    let job = format!(
        "command = [\"sh\", \"-c\", \"{script}\"]\npids-max = 20\n[memory]\nmax = \"32M\"\nhigh = \"24M\"\n\
         swap-max = \"8M\"\n[cpu]\nquota = \"150%\"\nweight = 50\n"
    );
    let job = Job::new("looks", &job);
    let line = job.run();
    let wanted = "memory.max:33554432\nmemory.high:25165824\nmemory.swap.max:8388608\nmemory.oom.group:1\n\
                  pids.max:20\ncpu.max:150000 100000\ncpu.weight:50\n";
    assert_eq!(job.output(line["id"].as_u64().unwrap()), wanted, "{line}");
}

#[test]
fn memory_high_slows_a_run_down_until_its_timeout_ends_it() {
    // It keeps the last line, and there is no end of it. The kernel slows down between two calls, not in the middle of one.
    let job = "command = [\"tail\", \"/dev/zero\"]\ntimeout = \"6s\"\n[memory]\nhigh = \"24M\"\n";
    let job = Job::new("slowed", job);
    let before = Before::look();
    let run = job.demand();
    let leaf = leaf_of(run);
    assert_eq!((read(&leaf, "memory.high"), read(&leaf, "memory.max")), ("25165824".into(), "max".into()));
    let line = job.wait(run);
    assert_eq!((&line["outcome"], &line["oom_kills"]), (&json!("timeout"), &json!(0)), "{line}");
    // The kernel lets it creep above the mark, ever more slowly.
    assert!(line["peak_total_bytes"].as_u64().is_some_and(|bytes| bytes < 200 << 20), "{line}");
    before.is_back(&line);
}

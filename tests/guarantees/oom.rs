//! Whose want of memory it was that a run was killed, and who was killed of it.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use crate::harness::{DEADLINE, Ebbd, skip, skips_without_root};

/// A job that touches 200 MiB under this limit.
fn eater(max: &str) -> String {
    format!("command = [\"python3\", \"-c\", \"x = bytearray(200 << 20)\"]\n[memory]\nmax = \"{max}\"\n")
}

/// Whether the kernel's log can be read here, which alone knows the victim.
fn has_log(test: &str) -> bool {
    let opened = std::fs::File::open("/dev/kmsg").map(drop);
    opened.map_err(|why| skip(test, &format!("/dev/kmsg can't be read: {why}"))).is_ok()
}

/// A cgroup v1 memory group of 64 MiB below this test's own, for all runs of one ebbd. Dropped, it is gone.
struct Group {
    name: String,
    dir: PathBuf,
}

impl Group {
    fn new(test: &str) -> Option<Self> {
        let membership = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = membership.lines().find_map(|line| line.split_once(":memory:").map(|(_, path)| path));
        let mount = PathBuf::from("/sys/fs/cgroup/memory");
        let Some(own) = own.filter(|_| mount.join("memory.limit_in_bytes").exists()) else {
            skip(test, "no cgroup v1 holds memory here; for cgroup v2 the same is tested in a guest");
            return None;
        };
        let name = format!("{}/ebb-test-group-{}", own.trim_end_matches('/'), std::process::id());
        let dir = mount.join(name.trim_start_matches('/'));
        if let Err(why) = std::fs::create_dir(&dir) {
            skip(test, &format!("cannot make {}: {why}", dir.display()));
            return None;
        }
        let group = Self { name, dir };
        std::fs::write(group.dir.join("memory.limit_in_bytes"), "67108864").unwrap();
        // Where the host has swap, it does not help.
        let _ = std::fs::write(group.dir.join("memory.memsw.limit_in_bytes"), "67108864");
        Some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while std::fs::remove_dir(&self.dir).is_err() && Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn a_run_that_its_own_limit_kills_says_so_and_names_the_victim() {
    const NAME: &str = "oom::a_run_that_its_own_limit_kills_says_so_and_names_the_victim";
    if skips_without_root(NAME) {
        return;
    }
    let ebbd = Ebbd::start(&[("fat", &eater("48M"))]);
    let line = ebbd.run("fat");
    assert_eq!((&line["outcome"], &line["oom_cause"]), (&json!("oom-kill"), &json!("limit")), "{line}");
    if has_log(NAME) {
        let detail = line["detail"].as_str().unwrap();
        let (_, victim) = detail.split_once("; python3 (pid ").unwrap_or_else(|| panic!("{detail}"));
        let (pid, rest) = victim.split_once(", ").unwrap();
        assert!(pid.parse::<u32>().is_ok_and(|pid| pid > 1), "{detail}");
        let (mib, _) = rest.split_once("M)").unwrap_or_else(|| panic!("{detail}"));
        assert!(
            (20..=48).contains(&mib.parse::<u32>().unwrap()),
            "it held nearly all of its limit: {detail}"
        );
        let said = format!("the kernel killed python3 (pid {pid}, {mib}M) for memory");
        assert!(ebbd.log().contains(&said), "{}", ebbd.log());
    }
}

#[test]
fn a_run_that_is_killed_for_the_limit_of_all_runs_together_is_not_said_to_have_reached_its_own() {
    const NAME: &str = "oom::a_run_that_is_killed_for_the_limit_of_all_runs_together";
    if skips_without_root(NAME) {
        return;
    }
    let Some(group) = Group::new(NAME) else { return };
    let ebbd = Ebbd::prepare(&[("fat", &eater("1G"))]).flag("--cgroup").flag(&group.name).go();
    let line = ebbd.run("fat");
    assert_eq!((&line["oom_cause"], &line["signal"]), (&json!("above"), &json!(9)), "{line}");
    assert_eq!(line["outcome"], "signal", "{line}");
    assert!(line["detail"].as_str().is_some_and(|detail| detail.contains("above")), "{line}");
    assert!(line["oom_kills"].as_u64().is_some_and(|kills| kills > 0), "{line}");
    // What there is for runs is what the group may hold.
    let budget = ebbd.call("Budget", json!({})).unwrap();
    assert_eq!(budget["total_bytes"], 64 << 20, "{budget}");
    drop(ebbd);
}

#[test]
fn a_run_without_an_oom_kill_has_no_cause_of_one() {
    let job =
        "command = [\"python3\", \"-c\", \"import os; os.kill(os.getpid(), 9)\"]\n[memory]\nmax = \"64M\"\n";
    let ebbd = Ebbd::start(&[("suicide", job)]);
    let line = ebbd.run("suicide");
    assert_eq!((&line["outcome"], &line["oom_cause"]), (&json!("signal"), &json!(null)), "{line}");
    assert!(!ebbd.log().contains("the kernel killed"), "{}", ebbd.log());
}

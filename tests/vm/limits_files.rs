//! What a run writes into files counts as its memory: on a tmpfs to the bitter end, on a disk only as long as there is room.

use serde_json::json;

use crate::cgroups::Before;
use crate::harness::Job;
use crate::limits_memory::is_oom_kill;

fn writes(mib: u32, path: &str) -> String {
    format!(
        "command = [\"dd\", \"if=/dev/zero\", \"of={path}\", \"bs=1M\", \"count={mib}\"]\n[memory]\nmax = \"32M\"\n"
    )
}

#[test]
fn a_file_on_a_tmpfs_is_memory_of_the_run_that_writes_it() {
    let job = Job::new("tmpfs", &writes(100, "/dev/shm/vm-test"));
    let before = Before::look();
    let line = job.run();
    let written = std::fs::metadata("/dev/shm/vm-test").unwrap().len();
    std::fs::remove_file("/dev/shm/vm-test").unwrap();
    is_oom_kill(&line, 32);
    assert!(written <= 32 << 20, "{written} bytes were kept in memory");
    before.is_back(&line);
}

#[test]
fn the_page_cache_of_a_file_gives_way_and_kills_nobody() {
    let job = Job::new("page-cache", &writes(100, "/var/tmp/vm-test"));
    let before = Before::look();
    let line = job.run();
    let written = std::fs::metadata("/var/tmp/vm-test").unwrap().len();
    std::fs::remove_file("/var/tmp/vm-test").unwrap();
    assert_eq!((&line["outcome"], &line["oom_kills"]), (&json!("success"), &json!(0)), "{line}");
    assert_eq!(written, 100 << 20);
    assert!(line["peak_total_bytes"].as_u64().is_some_and(|bytes| bytes <= 32 << 20), "{line}");
    assert!(
        line["peak_anon_bytes"].as_u64().is_some_and(|bytes| bytes < 16 << 20),
        "cache is not its own: {line}"
    );
    before.is_back(&line);
}

//! Where the runs of the installed ebbd live in the guest's cgroup v2, and what the kernel says of them.

use std::path::{Path, PathBuf};

use crate::harness::{mem_available_kb, wait_until};

/// Where cgroup v2 is mounted.
pub const ROOT: &str = "/sys/fs/cgroup";

/// The leaf of a run, if it is there.
pub fn leaf(run: u64) -> Option<PathBuf> {
    leaves().into_iter().find(|path| path.ends_with(format!("run-{run}")))
}

/// The leaf of a run, as soon as it is there and has a process.
#[track_caller]
pub fn leaf_of(run: u64) -> PathBuf {
    let mut found = None;
    wait_until(format_args!("a leaf of run {run} with a process in it"), || {
        found = leaf(run).filter(|path| !processes(path).is_empty());
        found.is_some()
    });
    found.unwrap()
}

/// The leaves of all runs of the system's ebbd.
pub fn leaves() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&Path::new(ROOT).join("system.slice"), &mut found);
    found
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_dir && name.starts_with("run-") && dir.to_string_lossy().contains("/ebb") {
            found.push(entry.path());
        } else if is_dir && name.starts_with("ebb") {
            collect(&entry.path(), found);
        }
    }
}

/// The processes of a cgroup itself.
pub fn processes(dir: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The content of a file of a cgroup, trimmed.
#[track_caller]
pub fn read(dir: &Path, file: &str) -> String {
    let path = dir.join(file);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .trim()
        .to_owned()
}

/// A line of a flat keyed file, such as `oom_kill` of `memory.events`.
#[track_caller]
pub fn keyed(dir: &Path, file: &str, key: &str) -> u64 {
    let text = read(dir, file);
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {key} in {file}:\n{text}"))
}

/// What a test does must have gone back: the leaf of its run at once, its memory but for 8 MiB very soon.
pub struct Before {
    available_kb: u64,
    meminfo: String,
}

impl Before {
    /// What there is now.
    pub fn look() -> Self {
        Self { available_kb: mem_available_kb(), meminfo: meminfo() }
    }

    /// Waits until it is there again, and the leaf of this run is not.
    #[track_caller]
    pub fn is_back(&self, line: &serde_json::Value) {
        let run = line["id"].as_u64().unwrap_or_else(|| panic!("no run: {line}"));
        assert_eq!(leaf(run), None, "a run that has ended has no leaf");
        let mut last = 0;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while last + (8 << 10) < self.available_kb {
            assert!(
                std::time::Instant::now() < deadline,
                "{} kB were available before, {last} kB are now:\n{}\n{}",
                self.available_kb,
                self.meminfo,
                meminfo()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
            last = mem_available_kb();
        }
    }
}

fn meminfo() -> String {
    std::fs::read_to_string("/proc/meminfo").unwrap()
}

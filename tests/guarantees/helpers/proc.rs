//! What the kernel says of a process.

use std::time::Duration;

/// A number from `/proc/PID/status`, such as `RssAnon` in kB.
pub(crate) fn status_number(pid: u32, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{key}:")));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{pid} has no {key}"))
}

/// How often all its threads have been taken off a CPU, by themselves or not.
pub(crate) fn context_switches(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let tasks = tasks.map(|task| task.unwrap().file_name().into_string().unwrap().parse::<u32>().unwrap());
    tasks
        .map(|task| {
            status_number(task, "voluntary_ctxt_switches") + status_number(task, "nonvoluntary_ctxt_switches")
        })
        .sum()
}

/// How many descriptors it has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Waits until a process has done nothing for a while, so that what is measured next is its rest.
pub(crate) fn wait_quiet(pid: u32) {
    let mut before = context_switches(pid);
    crate::harness::wait_until("ebbd to come to rest", || {
        std::thread::sleep(Duration::from_millis(200));
        let now = context_switches(pid);
        std::mem::replace(&mut before, now) == now
    });
}

/// The kernel's version, as far as it decides something here.
pub(crate) fn kernel() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// The path of a Python 3 that starts fast: the system's own before whatever the PATH puts in front of it.
pub(crate) fn python() -> &'static str {
    if std::path::Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

/// Open descriptors of a process once none has come or gone for a while: what a call has opened is closed a moment after
/// its answer.
pub(crate) fn settled_descriptors(pid: u32) -> usize {
    let (mut seen, mut looks) = (descriptors(pid), 0);
    while looks < 10 {
        std::thread::sleep(Duration::from_millis(20));
        let now = descriptors(pid);
        looks = if now == seen { looks + 1 } else { 0 };
        seen = now;
    }
    seen
}

//! The installed service stands on its own feet: it is active, the kernel holds its runs, and they outlive an ebbd that is
//! restarted or killed, but not one that is stopped.

use std::path::Path;

use serde_json::{Value, json};

use crate::cgroups;
use crate::harness::{
    Job, Settings, assert_adopted_end, ebb, ebbd_pid, journal, journal_cursor, property, run, sh, systemctl,
    wait_until,
};
use crate::varlink;

/// The control group of all runs.
const RUNS: &str = "/sys/fs/cgroup/system.slice/ebb-runs.service";

/// A job whose runs end with 7 once a file is there.
fn held(name: &str) -> (Job, String) {
    let gate = format!("/run/vm-gate-{name}");
    let _ = std::fs::remove_file(&gate);
    let script = format!("while [ ! -e {gate} ]; do sleep 0.1; done; exit 7");
    let job =
        Job::new(name, &format!("command = {}\n[memory]\nmax = \"32M\"\n", json!(["sh", "-c", script])));
    (job, gate)
}

/// The process of a run that has started.
#[track_caller]
fn process_of(run: u64) -> i32 {
    cgroups::processes(&cgroups::leaf_of(run))[0]
}

fn is_alive(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn answers() -> bool {
    std::os::unix::net::UnixStream::connect(varlink::SOCKET).is_ok() && ebb(&["status"]).code == 0
}

fn doctor() -> Value {
    serde_json::from_str(&ebb(&["doctor", "--json"]).ok()).unwrap()
}

#[test]
fn the_service_is_active() {
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
    assert_eq!(property("ebb-runs.service", "ActiveState"), "active");
    assert_eq!(property("ebbd.socket", "SubState"), "running");
    assert_eq!(property("ebbd.service", "UnitFileState"), "enabled");
    let status = property("ebbd.service", "StatusText");
    assert!(status.contains("running, "), "{status}");
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let units = ["ebbd.service", "ebbd.socket", "ebb-runs.service"];
    for unit in units {
        let said = run(&["systemd-analyze", "verify", "--man=no", unit]);
        let about_ours = said.err.lines().filter(|line| line.contains("ebb")).collect::<Vec<_>>();
        assert!(said.code == 0 && about_ours.is_empty(), "{unit}: {about_ours:?}");
    }
    let words = run(&["journalctl", "--no-pager", "-q", "-o", "cat", "_PID=1"]).ok();
    let odd: Vec<&str> =
        words.lines().filter(|l| l.contains("Unknown key") || l.contains("Failed to parse")).collect();
    assert!(odd.iter().all(|line| !line.contains("ebb")), "{odd:?}");
}

#[test]
fn the_doctor_finds_cgroup_v2() {
    let report = doctor();
    assert_eq!(
        (&report["enforcement"], &report["tracking"]),
        (&json!("cgroup-v2"), &json!("cgroup-v2")),
        "{report}"
    );
    assert_eq!(report["reasons"], json!([]), "{report}");
}

#[test]
fn a_run_is_held_by_the_kernel_and_has_its_peak() {
    let job = Job::new("smoke", "command = [\"true\"]\n[memory]\nmax = \"32M\"\n");
    let line = job.run();
    assert_eq!((&line["outcome"], &line["enforcement"]), (&json!("success"), &json!("cgroup-v2")), "{line}");
    for peak in ["peak_anon_bytes", "peak_total_bytes"] {
        assert!(line[peak].as_u64().is_some_and(|bytes| (1..32 << 20).contains(&bytes)), "{peak}: {line}");
    }
}

#[test]
fn runs_live_in_a_unit_of_their_own_that_stays_when_they_go() {
    let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(RUNS).unwrap());
    let (first, controllers) = (inode(), ["cpu", "memory", "pids"]);
    let job = Job::new("smoke", "command = [\"sleep\", \"0.1\"]\n");
    for _ in 0..3 {
        assert_eq!(job.run()["outcome"], "success");
        systemctl(&["daemon-reload"]);
    }
    systemctl(&["daemon-reexec"]);
    wait_until("systemd to be back", || run(&["systemctl", "is-active", "ebbd.service"]).code == 0);
    assert_eq!(inode(), first, "it was removed and made anew");
    let handed_on = cgroups::read(Path::new(RUNS), "cgroup.subtree_control");
    let mut handed_on: Vec<&str> = handed_on.split(' ').collect();
    handed_on.sort_unstable();
    assert_eq!(handed_on, controllers);
    let own = std::fs::read_to_string(format!("/proc/{}/cgroup", ebbd_pid())).unwrap();
    assert_eq!(own.trim(), "0::/system.slice/ebbd.service");
}

#[test]
fn a_restart_leaves_runs_alone_and_the_next_ebbd_records_their_end() {
    let (job, gate) = held("held");
    let id = job.demand();
    let (pid, before) = (process_of(id), ebbd_pid());
    for _ in 0..2 {
        systemctl(&["restart", "ebbd.service"]);
        assert!(is_alive(pid));
    }
    assert_ne!(ebbd_pid(), before);
    assert_eq!(doctor()["reasons"], json!([]));
    std::fs::write(&gate, "").unwrap();
    assert_adopted_end(&job.wait(id));
    wait_until("its control group to go", || cgroups::leaf(id).is_none());
}

#[test]
fn a_killed_ebbd_is_started_again_by_itself_and_takes_its_runs_over() {
    let (job, gate) = held("held");
    let id = job.demand();
    let (pid, before) = (process_of(id), ebbd_pid());
    sh(&format!("kill -9 {before}")).ok();
    wait_until("another ebbd", || ![0, before].contains(&ebbd_pid()) && answers());
    assert!(is_alive(pid));
    assert_eq!(doctor()["reasons"], json!([]));
    std::fs::write(&gate, "").unwrap();
    assert_adopted_end(&job.wait(id));
}

#[test]
fn a_stop_ends_runs_with_their_grace_and_leaves_the_control_group_as_systemd_made_it() {
    let mark = "/run/vm-mark-stopped";
    let _ = std::fs::remove_file(mark);
    let script =
        format!("trap 'sleep 1; touch {mark}; exit 0' TERM; echo ready; while :; do sleep 0.1; done");
    let job = Job::new("held", &format!("command = {}\ngrace = \"100s\"\n", json!(["sh", "-c", script])));
    let id = job.demand();
    let pid = process_of(id);
    wait_until("the trap to be set", || job.output(id).contains("ready"));
    systemctl(&["stop", "ebbd.service"]);
    assert!(!is_alive(pid) && Path::new(mark).exists(), "it had its grace");
    assert_eq!(property("ebbd.service", "Result"), "success");
    assert_eq!(cgroups::read(Path::new(RUNS), "cgroup.subtree_control"), "");
    let children = std::fs::read_dir(RUNS).unwrap().flatten().filter(|entry| entry.path().is_dir()).count();
    assert_eq!(children, 0);
    systemctl(&["start", "ebbd.service"]);
    assert_eq!(job.wait(id)["outcome"], "canceled");
}

#[test]
fn a_crashed_ebbds_controllers_are_handed_back_too() {
    let before = ebbd_pid();
    sh(&format!("kill -9 {before}")).ok();
    wait_until("another ebbd", || ![0, before].contains(&ebbd_pid()) && answers());
    systemctl(&["stop", "ebbd.service"]);
    assert_eq!(cgroups::read(Path::new(RUNS), "cgroup.subtree_control"), "");
    systemctl(&["start", "ebbd.service"]);
}

#[test]
fn stopping_the_unit_of_the_runs_stops_ebbd_first_and_starting_ebbd_brings_both_back() {
    let (job, _gate) = held("held");
    let id = job.demand();
    let pid = process_of(id);
    systemctl(&["stop", "ebb-runs.service"]);
    assert_eq!(property("ebbd.service", "ActiveState"), "inactive");
    assert!(!is_alive(pid));
    systemctl(&["start", "ebbd.service"]);
    assert_eq!(job.wait(id)["outcome"], "canceled", "ended by ebbd and not under it");
    assert_eq!(doctor()["reasons"], json!([]));
}

#[test]
fn settings_with_a_problem_end_it_with_78_and_it_is_not_tried_again() {
    let start = &["systemctl", "start", "ebbd.socket", "ebbd.service"];
    let settings = Settings::written("log = \"loud\"\n", start);
    let cursor = journal_cursor();
    assert_ne!(run(&["systemctl", "restart", "ebbd.service"]).code, 0);
    assert_eq!(property("ebbd.service", "ExecMainStatus"), "78");
    // Three times as long as it waits before it tries again.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(property("ebbd.service", "ActiveState"), "failed");
    let lines = journal("ebbd.service", &cursor);
    let said: Vec<&str> = lines.iter().filter_map(|line| line["MESSAGE"].as_str()).collect();
    let starts = said.iter().filter(|line| line.contains("no log level")).count();
    assert_eq!(starts, 1, "{said:?}");
    // Who asks meanwhile starts it a number of times and not for ever.
    let refused = ebb(&["status"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    drop(settings);
    wait_until("ebbd to answer", answers);
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
    assert_eq!(property("ebbd.socket", "ActiveState"), "active");
    // The socket counts for a minute how often it has started ebbd in vain (TriggerLimitIntervalSec=). Until the guest's next
    // boot it may be more often, so that the tests after this one need not wait.
    let dropin = Path::new("/run/systemd/system/ebbd.socket.d/more.conf");
    std::fs::create_dir_all(dropin.parent().unwrap()).unwrap();
    std::fs::write(dropin, "[Socket]\nTriggerLimitBurst=1000\n").unwrap();
    systemctl(&["daemon-reload"]);
    systemctl(&["stop", "ebbd.service"]);
    assert_eq!(ebb(&["status"]).code, 0);
}

#[test]
fn a_watchdog_that_the_operator_sets_is_fed_and_one_that_starves_starts_it_again() {
    let dropin = "/run/systemd/system/ebbd.service.d/watchdog.conf";
    std::fs::create_dir_all(Path::new(dropin).parent().unwrap()).unwrap();
    std::fs::write(dropin, "[Service]\nWatchdogSec=4s\n").unwrap();
    systemctl(&["daemon-reload"]);
    systemctl(&["restart", "ebbd.service"]);
    let pid = ebbd_pid();
    std::thread::sleep(std::time::Duration::from_secs(10));
    let is_fed = ebbd_pid() == pid;
    sh(&format!("kill -STOP {pid}")).ok();
    wait_until("another ebbd", || ![0, pid].contains(&ebbd_pid()));
    std::fs::remove_file(dropin).unwrap();
    systemctl(&["daemon-reload"]);
    systemctl(&["restart", "ebbd.service"]);
    assert!(is_fed, "it fed its watchdog for 10 s");
}

#[test]
fn a_thousand_jobs_fit_well_into_its_memory_limit() {
    let name = |n: usize| format!("/etc/ebb/jobs.d/many-{n}.toml");
    for n in 0..1000 {
        std::fs::write(
            name(n),
            "command = [\"true\"]\nschedule = \"H 3 * * *\"\ntimezone = \"Europe/Vienna\"\n",
        )
        .unwrap();
    }
    systemctl(&["restart", "ebbd.service"]);
    let jobs = doctor()["job_count"].as_u64().unwrap();
    systemctl(&["reload", "ebbd.service"]);
    let unit = Path::new("/sys/fs/cgroup/system.slice/ebbd.service");
    let anon = cgroups::read(unit, "memory.stat");
    let anon: u64 = anon.lines().find_map(|l| l.strip_prefix("anon ")).unwrap().parse().unwrap();
    let peak = sh("cat /sys/fs/cgroup/system.slice/ebbd.service/memory.peak").out;
    let limit: u64 = cgroups::read(unit, "memory.max").parse().unwrap();
    for n in 0..1000 {
        std::fs::remove_file(name(n)).unwrap();
    }
    systemctl(&["reload", "ebbd.service"]);
    println!("with {jobs} jobs: {anon} bytes of its own at rest, peak {} of {limit}", peak.trim());
    assert!(jobs >= 1000);
    assert!(anon < limit / 8, "{anon} bytes of {limit}");
    let events = cgroups::read(unit, "memory.events");
    assert!(events.lines().any(|line| line == "oom_kill 0"), "{events}");
}

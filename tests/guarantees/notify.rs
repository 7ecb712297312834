//! The service manager is told the truth and no more often than needed (sd_notify(3)): ready when jobs can be run, reloading,
//! stopping and for how long, what goes on, and signs of life where they are asked for.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Caller, DEADLINE, Ebbd, skips_without_root};
use crate::helpers::gate::Gate;

const TRUE: &str = "command = [\"true\"]\n";

/// The other end, where a service manager would be.
pub(crate) struct Manager(UnixDatagram);

impl Manager {
    pub(crate) fn at(path: &Path) -> Self {
        Self(UnixDatagram::bind(path).unwrap())
    }

    /// The next message, as its lines; none within the time.
    pub(crate) fn next(&self, patience: Duration) -> Option<Vec<String>> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut bytes = [0; 4096];
        let count = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned).collect())
    }

    /// Waits for a message with this line; all that came up to it.
    pub(crate) fn until(&self, line: &str) -> Vec<Vec<String>> {
        let deadline = Instant::now() + DEADLINE;
        let mut messages = Vec::new();
        loop {
            let message =
                self.next(deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
            messages.push(message.unwrap_or_else(|| panic!("no `{line}`: {messages:?}")));
            if messages.last().unwrap().iter().any(|l| l == line) {
                return messages;
            }
        }
    }

    /// The same for the line of a name; its value.
    fn value(&self, name: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let message = self.next(DEADLINE).unwrap_or_else(|| panic!("no {name}"));
            if let Some(value) = message.iter().find_map(|line| line.strip_prefix(&format!("{name}="))) {
                return value.to_owned();
            }
            assert!(Instant::now() < deadline, "no {name}");
        }
    }
}

fn managed(jobs: &[(&str, &str)]) -> (Ebbd, Manager) {
    let ebbd = Ebbd::prepare(jobs);
    let path = ebbd.path("notify");
    let manager = Manager::at(&path);
    (ebbd.variable("NOTIFY_SOCKET", path.to_str().unwrap()), manager)
}

#[test]
fn ready_is_said_once_and_not_before_a_job_can_be_run() {
    let (mut ebbd, manager) = managed(&[("job", TRUE)]);
    ebbd.spawn();
    let first = manager.next(DEADLINE).unwrap();
    assert_eq!(first, ["READY=1", "STATUS=1 job, 0 running, nothing scheduled"]);
    // No waiting for the socket: it listens by now, and the jobs are in force.
    let reply = Caller::connect(&ebbd.socket()).call("RunNow", json!({"job": "job", "wait": true})).unwrap();
    assert_eq!(reply["result"]["outcome"], "success");
    ebbd.signal(Signal::SIGTERM);
    let messages = manager.until("STOPPING=1");
    assert!(!messages.concat().contains(&"READY=1".to_owned()), "{messages:?}");
    assert_eq!(ebbd.wait_end(), Some(0));
}

#[test]
fn an_ebbd_that_does_not_come_up_is_never_ready() {
    let (ebbd, manager) = managed(&[("bad", "nonsense")]);
    let mut ebbd = ebbd.flag("--strict");
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(78));
    assert_eq!(manager.next(Duration::from_millis(10)), None);
}

#[test]
fn a_reload_is_announced_and_its_end_said_by_whatever_way_it_was_asked_for() {
    let (mut ebbd, manager) = managed(&[("job", TRUE)]);
    ebbd.spawn();
    manager.until("READY=1");
    ebbd.write_job("second", TRUE);
    for round in 0..2_u8 {
        let before = ebb::sys::notify::monotonic_usec();
        if round == 0 {
            ebbd.call("Reload", json!({})).unwrap();
        } else {
            ebbd.write_job("third", "nonsense");
            ebbd.signal(Signal::SIGHUP);
        }
        let begun = manager.until("RELOADING=1");
        let usec = begun.last().unwrap().iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        let usec: u128 = usec.unwrap().parse().unwrap();
        assert!((before..=ebb::sys::notify::monotonic_usec()).contains(&usec), "{usec}");
        let ended = manager.until("READY=1");
        let problem = if round == 0 { "" } else { "1 file with a problem, " };
        let status = format!("STATUS=2 jobs, {problem}0 running, nothing scheduled");
        assert!(ended.last().unwrap().contains(&status), "{ended:?}");
    }
}

#[test]
fn the_status_names_what_runs_and_the_instant_of_the_next_start() {
    let (ebbd, manager) = managed(&[("nightly", "command = [\"true\"]\nschedule = \"30 4 1 1 *\"\n")]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.job());
    let mut ebbd = ebbd.variable("TZ", "Europe/Vienna");
    ebbd.spawn();
    let status = manager.value("STATUS");
    assert!(status.starts_with("2 jobs, 0 running, next nightly at 2"), "{status}");
    assert!(status.ends_with("-01-01 04:30:00 CET"), "{status}");
    ebbd.wait_ready();
    ebbd.demand("held");
    let running = status.replace("0 running", "1 running");
    manager.until(&format!("STATUS={running}"));
    ebbd.demand("held");
    manager.until(&format!("STATUS={}", running.replace("1 running", "1 running, 1 waiting")));
    gate.open();
    manager.until(&format!("STATUS={status}"));
}

#[test]
fn a_storm_of_runs_is_a_few_lines_and_the_last_of_them_is_true() {
    let (mut ebbd, manager) = managed(&[("job", TRUE)]);
    ebbd.spawn();
    manager.until("READY=1");
    let (begun, mut runs) = (Instant::now(), 0);
    let mut caller = ebbd.connect();
    while begun.elapsed() < Duration::from_millis(2500) {
        caller.call("RunNow", json!({"job": "job", "wait": true})).unwrap();
        runs += 1;
    }
    let mut lines = Vec::new();
    while let Some(message) = manager.next(Duration::from_millis(2500)) {
        lines.push(message);
    }
    assert!((1..=5).contains(&lines.len()), "{lines:?} for {runs} runs in {:?}", begun.elapsed());
    assert_eq!(*lines.last().unwrap(), ["STATUS=1 job, 0 running, nothing scheduled"]);
}

#[test]
fn at_its_end_it_asks_for_as_long_as_the_longest_grace_of_what_runs() {
    let (mut ebbd, manager) = managed(&[]);
    let stubborn =
        "command = [\"sh\", \"-c\", \"trap '' TERM; touch $0; while :; do sleep 0.1; done\", \"MARK\"]\n";
    let mark = ebbd.path("mark").display().to_string();
    ebbd.write_job("long", &format!("{}grace = \"20m\"\n", stubborn.replace("MARK", &mark)));
    ebbd.write_job("short", "command = [\"sleep\", \"1000\"]\n");
    ebbd.spawn();
    ebbd.wait_ready();
    for job in ["long", "short"] {
        let run = ebbd.demand(job);
        ebbd.until_started(run);
    }
    ebbd.until("the trap to be set", || ebbd.path("mark").exists());
    ebbd.signal(Signal::SIGTERM);
    let stopping = manager.until("STOPPING=1");
    let lines = stopping.last().unwrap();
    assert_eq!(lines[2], "STATUS=ending 2 runs");
    let usec: u64 = lines[1].strip_prefix("EXTEND_TIMEOUT_USEC=").unwrap().parse().unwrap();
    assert!((1200..1300).contains(&(usec / 1_000_000)), "{usec}");
    ebbd.signal(Signal::SIGTERM);
    assert_eq!(ebbd.wait_end(), Some(0));
}

#[test]
fn going_without_its_runs_it_asks_for_no_time() {
    let (mut ebbd, manager) = managed(&[("long", "command = [\"sleep\", \"1000\"]\ngrace = \"20m\"\n")]);
    ebbd.spawn();
    ebbd.wait_ready();
    let run = ebbd.demand("long");
    ebbd.until_started(run);
    ebbd.signal(Signal::SIGUSR2);
    assert_eq!(*manager.until("STOPPING=1").last().unwrap(), ["STOPPING=1"]);
    assert_eq!(ebbd.wait_end(), Some(0));
    ebbd.restart();
    manager.until("READY=1");
    ebbd.call("Stop", json!({ "run": run })).unwrap();
}

#[test]
fn signs_of_life_come_at_half_the_time_and_only_to_who_asked() {
    let (ebbd, manager) = managed(&[]);
    let mut ebbd = ebbd.variable("WATCHDOG_USEC", "600000");
    ebbd.spawn();
    manager.until("READY=1");
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(manager.next(DEADLINE).unwrap(), ["WATCHDOG=1"]);
    }
    assert!(begun.elapsed() > Duration::from_millis(500), "three within {:?}", begun.elapsed());
    // The wrapper's own number, which ebbd then has, against somebody else's.
    for (pid, is_told) in [("$$", true), ("1", false)] {
        let (ebbd, manager) = managed(&[]);
        let script = format!("WATCHDOG_USEC=600000 WATCHDOG_PID={pid} exec \"$@\"");
        let mut ebbd = ebbd.under(&["sh", "-c", &script, "sh"]);
        ebbd.spawn();
        manager.until("READY=1");
        let sign = manager.next(if is_told { DEADLINE } else { Duration::from_millis(1200) });
        assert_eq!(sign.is_some(), is_told, "{pid}: {sign:?}");
    }
}

#[test]
fn a_manager_without_a_path_is_told_too_and_one_that_is_gone_stops_nothing() {
    let ebbd = Ebbd::prepare(&[("job", TRUE)]);
    let name = format!("ebb-test-{}", ebbd.path("").file_name().unwrap_or_default().display());
    let name = format!("{name}{}", std::process::id());
    let manager = Manager(UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap());
    let mut ebbd = ebbd.variable("NOTIFY_SOCKET", &format!("@{name}"));
    ebbd.spawn();
    manager.until("READY=1");
    drop(manager);
    assert_eq!(ebbd.run("job")["outcome"], "success");
    for bad in ["/nonexistent/notify", "vsock:2:1"] {
        let ebbd = Ebbd::prepare(&[("job", TRUE)]).variable("NOTIFY_SOCKET", bad).go();
        assert_eq!(ebbd.run("job")["outcome"], "success", "{bad}");
        assert!(ebbd.log().contains("service manager"), "{}", ebbd.log());
    }
}

#[test]
fn a_run_knows_nothing_of_the_manager() {
    let (ebbd, manager) = managed(&[("env", "command = [\"cat\", \"/proc/self/environ\"]\n")]);
    let mut ebbd = ebbd.variable("WATCHDOG_USEC", "60000000");
    for name in [
        "INVOCATION_ID",
        "SYSTEMD_EXEC_PID",
        "MEMORY_PRESSURE_WATCH",
        "STATE_DIRECTORY",
        "CREDENTIALS_DIRECTORY",
    ] {
        ebbd = ebbd.variable(name, "x");
    }
    let ebbd = ebbd.variable("JOURNAL_STREAM", "8:1").go();
    manager.until("READY=1");
    let run = ebbd.run("env")["id"].as_u64().unwrap();
    let environment = ebbd.output("env", run);
    let names: Vec<&str> = environment.split('\0').filter_map(|pair| pair.split('=').next()).collect();
    let known = |name: &&str| name.starts_with("EBB_") || "HOME LANG LOGNAME PATH TZ USER".contains(*name);
    assert!(names.iter().all(known), "{names:?}");
}

#[test]
fn what_protects_ebbd_does_not_protect_its_runs() {
    if skips_without_root("notify::what_protects_ebbd_does_not_protect_its_runs") {
        return;
    }
    // That ebbd's OOMScoreAdjust= is not theirs is tested in the guest: not everywhere may one lower it.
    let show = "cut -d' ' -f19 /proc/self/stat; umask; grep SigBlk /proc/self/status";
    let job = format!("command = [\"sh\", \"-c\", {}]\n", json!(show));
    let own = format!("{job}nice = -3\n");
    let wrapper = "umask 077; exec nice -n -5 \"$@\"";
    let ebbd = Ebbd::prepare(&[("plain", &job), ("own", &own)]).under(&["sh", "-c", wrapper, "sh"]).go();
    let said = |job: &str| {
        let line = ebbd.run(job);
        assert_eq!(line["outcome"], "success", "{line}");
        let output = ebbd.output(job, line["id"].as_u64().unwrap());
        output.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(said("plain"), ["0", "0022", "SigBlk:", "0000000000000000"]);
    assert_eq!(said("own")[0], "-3");
}

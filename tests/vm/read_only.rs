//! The disk that holds ebbd's state turns read-only under it, as a kernel makes it after an error: nothing is accepted that
//! is not on disk, nothing that was is lost, and once it can be written again all goes on by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Said, run, sh, systemctl, wait_until};

/// Where the other ebbd has everything.
const PLACE: &str = "/run/vm-read-only";
const UNIT: &str = "vm-read-only.service";

/// An ebbd of its own whose state is on a disk of its own. Dropped, both are gone.
struct Other;

impl Other {
    fn start() -> Self {
        let other = Self;
        // Its files without names would keep the guest's own disk from being made writable again (see below).
        systemctl(&["stop", "ebbd.socket", "ebbd.service"]);
        std::fs::create_dir_all(format!("{PLACE}/jobs")).unwrap();
        std::fs::create_dir_all(format!("{PLACE}/state")).unwrap();
        // In memory: what lies on the guest's own disk would go read-only in the middle of it. Without a journal of its own,
        // for with one ext4 is not made writable again as long as a file is open that has no name.
        sh(&format!(
            "modprobe loop && truncate -s 16M {PLACE}/disk && mke2fs -q -t ext4 -O ^has_journal {PLACE}/disk && \
             mount -o loop {PLACE}/disk {PLACE}/state"
        ))
        .ok();
        other
    }

    /// A job that leaves its slot in a file named after it.
    fn job(name: &str, script: &str, more: &str) {
        let script = format!("echo $EBB_SCHEDULED_FOR >>{PLACE}/{name}.ran; {script}");
        let text = format!("command = {}\n{more}\n", json!(["sh", "-c", script]));
        std::fs::write(format!("{PLACE}/jobs/{name}.toml"), text).unwrap();
    }

    fn serve(&self) {
        let places = format!("--jobs {PLACE}/jobs --state {PLACE}/state --socket {PLACE}/sock");
        sh(&format!(
            "systemd-run --quiet --unit={UNIT} -p Type=notify -p Delegate=yes /usr/bin/ebbd {places}"
        ))
        .ok();
    }

    /// The kernel's own way: no file that is open for writing keeps it from that. It takes every disk, so the guest's is given
    /// back at once.
    fn turn_read_only(&self) {
        let root = run(&["findmnt", "-n", "-o", "SOURCE", "/"]).ok();
        let facts = || run(&["dumpe2fs", "-h", root.trim()]).ok();
        wait_until("no file without a name to be open on the guest's disk", || {
            !facts().contains("First orphan")
        });
        std::fs::write("/proc/sysrq-trigger", "u").unwrap();
        wait_until("both disks to be read-only", || is_read_only("/") && is_read_only(&state()));
        run(&["mount", "-o", "remount,rw", "/"]).ok();
    }

    fn turn_writable(&self) {
        run(&["mount", "-o", "remount,rw", &state()]).ok();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = sh(&format!(
            "mount -o remount,rw /; systemctl stop {UNIT}; systemctl reset-failed {UNIT}; umount {PLACE}/state; rm -rf {PLACE}; \
             systemctl start ebbd.socket ebbd.service"
        ));
    }
}

fn state() -> String {
    format!("{PLACE}/state")
}

fn is_read_only(place: &str) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let of_place = |line: &&str| line.split(' ').nth(1) == Some(place);
    let last = mounts.lines().rfind(of_place).unwrap_or_else(|| panic!("{place} is not mounted: {mounts}"));
    last.split(' ').nth(3).is_some_and(|options| options.split(',').any(|option| option == "ro"))
}

fn ebb(args: &[&str]) -> Said {
    crate::harness::ebb(&[&["--socket", &format!("{PLACE}/sock")], args].concat())
}

fn ran(job: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(PLACE).join(format!("{job}.ran"))).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn ends(job: &str) -> Vec<Value> {
    let said = ebb(&["history", job, "--json", "--limit", "1000"]);
    serde_json::from_str(&said.ok()).unwrap()
}

#[test]
fn a_disk_that_turns_read_only_refuses_demands_and_keeps_slots_waiting_until_it_can_be_written() {
    let other = Other::start();
    let gate = format!("{PLACE}/go");
    Other::job("held", &format!("until [ -e {gate} ]; do sleep 0.1; done; exit 7"), "");
    Other::job("asked", "true", "");
    Other::job("slots", "true", "schedule = \"* * * * * *\"");
    other.serve();
    ebb(&["run-now", "held"]).ok();
    wait_until("the run and some slots", || ran("held").len() == 1 && ran("slots").len() > 1);

    other.turn_read_only();
    let refused = ebb(&["run-now", "asked", "--wait"]);
    assert_eq!(refused.code, 71, "{}{}", refused.out, refused.err);
    assert!(
        refused.err.contains("could not be written to the journal, so it was not accepted"),
        "{}",
        refused.err
    );
    // The log says why, of slots as well; it answers all the while.
    let log = || run(&["journalctl", "--no-pager", "-q", "-o", "cat", "-u", UNIT]).ok();
    wait_until("the log to say why", || log().matches("Read-only file system").count() > 1);
    let before = ran("slots").len();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let status = ebb(&["status", "held", "--json"]);
        assert_eq!(status.code, 0, "{}", status.err);
        assert!(status.out.contains("\"running\""), "{}", status.out);
    }
    assert!(ran("slots").len() <= before + 1, "slots run that are not on record: {:?}", ran("slots"));
    std::fs::write(&gate, "").unwrap();
    wait_until("the run to be over", || !ebb(&["status", "held", "--json"]).out.contains("\"running\""));

    let waited = ran("slots").len();
    other.turn_writable();
    wait_until("slots to go on by themselves", || ran("slots").len() > waited + 1);
    assert_eq!(ran("asked"), Vec::<String>::new(), "who was told no has asked for nothing");
    let accepted = ebb(&["run-now", "asked", "--wait"]);
    assert_eq!(accepted.code, 0, "{}{}\n{}", accepted.out, accepted.err, log());
    let held = ends("held");
    assert_eq!((held.len(), &held[0]["outcome"], &held[0]["exit_code"]), (1, &json!("exit-code"), &json!(7)));

    // And it is in the journal, not in ebbd's memory alone.
    systemctl(&["restart", UNIT]);
    assert_eq!(ends("held"), held);
    assert_eq!((ran("held").len(), ran("asked").len()), (1, 1), "nothing ran twice");
    let slots = ran("slots");
    assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "no slot twice: {slots:?}");
}

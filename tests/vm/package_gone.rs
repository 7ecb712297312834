//! The package removed and purged, last of all, since nothing of ebb is there afterwards: runs end gracefully, a removal
//! keeps what a reinstallation needs, and a purge leaves nothing but what the operator wrote.

use std::path::Path;

use serde_json::Value;

use crate::harness::{JOBS, ebb, run, sh, systemctl, wait_until};
use crate::package;

/// What is named after ebb, on disk and below /run and the control groups. Logs, and the lane's own files, aside.
fn of_ebb() -> Vec<String> {
    const ASIDE: [&str; 6] = ["/proc", "/var/log", "/tmp", "/root", "/home", "/var/lib/vm-lane"];
    let here = std::env::current_dir().unwrap();
    let aside: Vec<String> = ASIDE.iter().map(|path| format!("-path {path}")).collect();
    let found = sh(&format!(
        "find / /run /sys/fs/cgroup -xdev \\( {} -o -path {} \\) -prune \
         -o \\( -name 'ebb*' -o -name '_ebb' -o -name '*-ebb*' -o -path '*/ebb/*' \\) -print | sort -u",
        aside.join(" -o "),
        here.display()
    ));
    found.out.lines().map(str::to_owned).collect()
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

#[test]
fn removed_and_purged_it_leaves_what_the_operator_wrote() {
    let (mine, marked) = (format!("{JOBS}/mine.toml"), "/tmp/package-gone.marked");
    let _ = std::fs::remove_file(marked);
    let program =
        format!("trap 'echo asked >{marked}; exit 0' TERM; echo begins; while :; do sleep 0.1; done");
    std::fs::write(&mine, format!("command = [\"sh\", \"-c\", \"{program}\"]\ngrace = \"60s\"\n")).unwrap();
    ebb(&["reload"]).ok();
    ebb(&["run-now", "mine"]).ok();
    wait_until("the run's first words", || ebb(&["logs", "mine"]).out.contains("begins"));

    run(&["dpkg", "--remove", "ebb"]).ok();
    assert_eq!(
        std::fs::read_to_string(marked).unwrap(),
        "asked\n",
        "the run is asked to end, and has its grace"
    );
    assert!(!exists("/usr/bin/ebbd") && !exists("/run/ebb/ebb.sock"));
    assert_eq!(sh("pgrep -x ebbd").code, 1, "no ebbd is left");
    for kept in
        ["/etc/ebb/ebbd.toml", "/etc/ebb/jobs.d/example.toml", mine.as_str(), "/var/lib/ebb/journal.jsonl"]
    {
        assert!(exists(kept), "{kept} goes with a purge, not with a removal");
    }

    run(&["dpkg", "--install", &package::file()]).ok();
    wait_until("ebbd to answer again", || ebb(&["doctor"]).code == 0);
    let history: Value = serde_json::from_str(&ebb(&["history", "mine", "--json"]).ok()).unwrap();
    assert_eq!(history[0]["outcome"], "canceled", "{history}");

    let said = run(&["dpkg", "--purge", "ebb"]);
    assert!(said.out.contains("what is left in /etc/ebb"), "{}{}", said.out, said.err);
    said.ok();
    systemctl(&["daemon-reload"]);
    assert_eq!(of_ebb(), ["/etc/ebb", JOBS, &mine]);
    assert_eq!(sh("getent group ebb").code, 2, "the group goes too");
    let left = systemctl(&["list-units", "--all", "--plain", "--no-legend", "ebb*"]);
    assert!(left.is_empty(), "{left}");
}

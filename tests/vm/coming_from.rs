//! docs/coming-from.md speaks the truth of systemd: its units are ones that systemd takes, and its timer and its job file
//! mean the same instants.

use crate::harness::{ebb, run, sh};

const PAGE: &str = include_str!("../../docs/coming-from.md");

/// The text of the block that begins with this line.
fn block(first: &str) -> &'static str {
    let begin = PAGE.find(&format!("{first}\n")).unwrap() + first.len() + 1;
    &PAGE[begin..begin + PAGE[begin..].find("```").unwrap()]
}

/// What stands behind `name` and an equals sign.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
    line.unwrap().trim().trim_matches('"')
}

#[test]
fn systemd_takes_the_units() {
    for unit in ["search-index.timer", "search-index.service"] {
        std::fs::write(format!("/tmp/{unit}"), block(&format!("# /etc/systemd/system/{unit}"))).unwrap();
    }
    let said = sh("systemd-analyze verify --man=no /tmp/search-index.timer /tmp/search-index.service");
    let ours: Vec<_> = said.err.lines().filter(|line| line.contains("search-index")).collect();
    assert!(said.code == 0 && ours.is_empty(), "{}", said.err);
}

#[test]
fn the_timer_and_the_job_file_mean_the_same_instants() {
    let calendar = value(block("# /etc/systemd/system/search-index.timer"), "OnCalendar");
    let schedule = value(block("# /etc/ebb/jobs.d/search-index.toml"), "schedule");
    let said = run(&[
        "env",
        "TZ=UTC",
        "systemd-analyze",
        "calendar",
        "--base-time=2027-01-04 00:00:00 UTC",
        "--iterations=12",
        calendar,
    ]);
    // `Next elapse: Mon 2027-01-04 02:30:00 UTC`, and `Iteration #2: ...` for the others.
    let out = said.ok();
    let theirs: Vec<String> = out
        .lines()
        .filter(|line| line.contains("Next elapse:") || line.contains("Iter"))
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{}T{}Z", words[words.len() - 3], words[words.len() - 2])
        })
        .collect();
    let asked = ["next", "--schedule", schedule, "--timezone", "UTC", "--from", "2027-01-04T00:00:00Z"];
    let ours = ebb(&[&asked[..], &["--count", "12", "--json"]].concat()).ok();
    let ours: Vec<String> = serde_json::from_str(&ours).unwrap();
    let ours: Vec<String> = ours.iter().map(|at| at.replace(".000Z", "Z").replace("+00:00", "Z")).collect();
    assert_eq!(theirs.len(), 12, "{out}");
    assert_eq!(theirs, ours);
}

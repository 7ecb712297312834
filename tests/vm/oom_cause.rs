//! Whose want of memory it was that a run was killed: its own limit's, that of all runs together, or the host's. Only the
//! first is an `oom-kill`; in each case the log names the victim.

use serde_json::{Value, json};

use crate::cgroups::Before;
use crate::harness::{Job, journal, journal_cursor, sh, systemctl, wait_until};
use crate::limits_memory::{is_oom_kill, touches};

/// That ebbd has named the victim in its log since then.
#[track_caller]
fn names(victim: &str, cursor: &str) {
    let said: Vec<Value> = journal("ebbd.service", cursor);
    let beginning = format!("the kernel killed {victim} (pid ");
    let found = said.iter().any(|entry| {
        let message = entry["MESSAGE"].as_str().unwrap_or_default();
        message.contains(&beginning) && message.contains(") for memory")
    });
    assert!(found, "{said:#?}");
}

/// That a run was killed for want of memory, and not for its own limit.
#[track_caller]
fn is_killed_for(cause: &str, line: &Value) {
    assert_eq!((&line["oom_cause"], &line["signal"]), (&json!(cause), &json!(9)), "{line}");
    assert!(line["oom_kills"].as_u64().is_some_and(|kills| kills > 0), "{line}");
    assert_eq!(line["outcome"], "signal", "{line}");
    assert!(line["detail"].as_str().is_some_and(|detail| detail.contains(cause)), "{line}");
}

#[test]
fn its_own_limit() {
    let cursor = journal_cursor();
    let job = Job::new("own-limit", &format!("{}[memory]\nmax = \"32M\"\n", touches(200)));
    let line = job.run();
    is_oom_kill(&line, 32);
    assert_eq!(line["oom_cause"], "limit", "{line}");
    names("dd", &cursor);
}

/// A limit of all runs together. Dropped, it is gone.
struct LimitOfAll;

impl LimitOfAll {
    fn of(mib: u32) -> Self {
        systemctl(&["set-property", "--runtime", "ebb-runs.service", &format!("MemoryMax={mib}M")]);
        Self
    }
}

impl Drop for LimitOfAll {
    fn drop(&mut self) {
        systemctl(&["set-property", "--runtime", "ebb-runs.service", "MemoryMax=infinity"]);
    }
}

#[test]
fn the_limit_of_all_runs_together() {
    let cursor = journal_cursor();
    for (name, own) in [("no-own-limit", ""), ("far-own-limit", "[memory]\nmax = \"1G\"\n")] {
        let before = Before::look();
        let job = Job::new(name, &format!("{}{own}", touches(200)));
        let limit = LimitOfAll::of(64);
        let line = job.run();
        drop(limit);
        before.is_back(&line);
        names("dd", &cursor);
        // The kernel counts in advance at the leaf what it then does not get above.
        assert!(line["peak_total_bytes"].as_u64().is_none_or(|bytes| bytes <= 72 << 20), "{line}");
        is_killed_for("above", &line);
    }
}

/// A host that runs out of memory by being filled turns its pages over for minutes first, where its processor is emulated. So
/// the kernel is told to do what it does then (Documentation/admin-guide/sysrq.rst, `f`): the same choice, the same kill.
#[test]
fn the_hosts_own_want() {
    let cursor = journal_cursor();
    let job = "command = [\"sleep\", \"654\"]\noom-score-adjust = 1000\n[memory]\nmax = \"1G\"\n";
    let job = Job::new("bystander", job);
    let run = job.demand();
    wait_until("the bystander runs", || !sh("pgrep -f '^sleep 654'").out.is_empty());
    std::fs::write("/proc/sysrq-trigger", "f").unwrap();
    let line = job.wait(run);
    names("sleep", &cursor);
    is_killed_for("host", &line);
}

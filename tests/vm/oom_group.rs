//! An OOM kill takes the whole run (`oom-group = true`, the default), or one process of it (`false`).

use serde_json::json;

use crate::cgroups::Before;
use crate::harness::{Job, run};

/// A shell with a bystander, whose child is too large; what it says afterwards tells who lived.
fn family(oom_group: &str) -> String {
    format!(
        "command = [\"sh\", \"-c\", \"sleep 987 & dd if=/dev/zero of=/dev/null bs=200M count=1; \
         kill -0 $! && echo the bystander lives; kill $!; exit 0\"]\n[memory]\nmax = \"32M\"\n{oom_group}"
    )
}

fn bystanders() -> String {
    run(&["pgrep", "-f", "^sleep 987"]).out
}

#[test]
fn the_whole_run_dies_together() {
    let job = Job::new("together", &family(""));
    let before = Before::look();
    let line = job.run();
    assert_eq!((&line["outcome"], &line["signal"]), (&json!("oom-kill"), &json!(9)), "{line}");
    assert!(
        line["oom_kills"].as_u64().is_some_and(|kills| kills >= 3),
        "the shell and both children: {line}"
    );
    assert!(!job.output(line["id"].as_u64().unwrap()).contains("lives"), "{line}");
    assert_eq!(bystanders(), "");
    before.is_back(&line);
}

#[test]
fn only_the_one_process_dies_where_the_job_says_so() {
    let job = Job::new("alone", &family("oom-group = false\n"));
    let before = Before::look();
    let line = job.run();
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("success"), &json!(0)), "{line}");
    assert_eq!(line["oom_kills"], 1, "{line}");
    assert!(job.output(line["id"].as_u64().unwrap()).contains("the bystander lives"), "{line}");
    assert_eq!(bystanders(), "");
    before.is_back(&line);
}

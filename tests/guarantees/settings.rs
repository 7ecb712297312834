//! ebbd.toml: all its problems at once, a budget that a reload changes, and jobs that are held against it.

use serde_json::{Value, json};

use crate::harness::Ebbd;

const JOB: &str = "command = [\"true\"]\npool = \"heavy\"\nmemory.claim = \"1M\"\n";

fn prepare(settings: &str, jobs: &[(&str, &str)]) -> Ebbd {
    let ebbd = Ebbd::prepare(jobs);
    let config = ebbd.path("ebbd.toml").display().to_string();
    std::fs::write(ebbd.path("ebbd.toml"), settings).unwrap();
    ebbd.flag("--config").flag(&config)
}

/// The problems of a reload after these settings were written.
fn reload_with(ebbd: &Ebbd, settings: &str) -> Vec<String> {
    std::fs::write(ebbd.path("ebbd.toml"), settings).unwrap();
    let report = ebbd.call("Reload", json!({})).unwrap();
    let problems = report["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|problem| problem.as_str().unwrap_or_default().to_owned()).collect()
}

fn has_job(ebbd: &Ebbd, job: &str) -> bool {
    ebbd.call("Status", json!({ "job": job })).is_ok_and(|reply| reply != Value::Null)
}

#[test]
fn settings_with_problems_end_the_start_with_all_of_them_and_their_places() {
    let mut ebbd = prepare("jbos = \"/x\"\n[budget]\nmemory = \"110%\"\n", &[]);
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(78));
    let log = ebbd.log();
    assert!(log.contains("ebbd.toml:1:1: there is no key `jbos`\n  1 | jbos"), "{log}");
    assert!(log.contains("ebbd.toml:3:11: `110%` is out of range\n"), "{log}");
}

#[test]
fn a_reload_takes_a_new_budget_over_and_one_with_a_problem_leaves_the_old_one_in_force() {
    let ebbd = prepare("[budget]\nmemory = \"512M\"\n", &[("job", JOB)]).go();
    assert!(!has_job(&ebbd, "job"), "its pool is not there");
    assert!(ebbd.log().contains("jobs/job.toml:2:9: there is no pool `heavy`"), "{}", ebbd.log());

    assert_eq!(reload_with(&ebbd, "[pools.heavy]\nmax-parallel = 1\n"), Vec::<String>::new());
    assert!(has_job(&ebbd, "job"));

    let problems = reload_with(&ebbd, "[pools.heavy]\nmax-parallel = 0\n");
    assert_eq!(problems.len(), 1, "the pool of before is still there: {problems:?}");
    assert!(
        problems[0].contains("ebbd.toml:2:16: `pools.heavy.max-parallel` is out of range"),
        "{problems:?}"
    );

    let problems = reload_with(&ebbd, "[pools.heavy]\nmemory = \"512K\"\n");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("job.toml:3:16: `memory.claim` is more than the pool `heavy` has"));
    assert!(has_job(&ebbd, "job"), "the version that was loaded stays");
}

#[test]
fn a_budget_that_no_claim_fits_into_is_told_at_the_budget_too() {
    let job = "command = [\"true\"]\nmemory.claim = \"1G\"\n";
    let ebbd = prepare("[budget]\nmemory = \"512M\"\n", &[("a", job)]).go();
    let log = ebbd.log();
    assert!(log.contains("jobs/a.toml:2:16: `memory.claim` is more than"), "{log}");
    assert!(log.contains("ebbd.toml:2:10: no job that declares a claim could ever run"), "{log}");
}

#[test]
fn what_can_hardly_be_meant_is_a_warning_in_the_log() {
    let ebbd = prepare("[budget]\nmemory = \"1000T\"\n", &[]).go();
    let log = ebbd.log();
    assert!(log.contains("ebbd.toml:2:10: warning: `budget.memory` is more than this machine has"), "{log}");
}

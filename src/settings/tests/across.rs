//! Job files against the settings.

use std::path::Path;

use super::{TOTAL, good, print};
use crate::engine::Budget;
use crate::job::{self, Host, TestHost};
use crate::settings::{BudgetRoom, below_every_claim};

const SETTINGS: &str =
    "[budget]\nmemory = \"6G\"\n[pools.heavy]\nmemory = \"2G\"\n[pools.small]\nmax-parallel = 1\n";

/// What is said of a job by the budget.
fn of_job(budget: &Budget, text: &str) -> String {
    let (host, text) = (TestHost::default(), format!("command = [\"true\"]\n{text}\n"));
    let room = BudgetRoom::new(budget);
    let host = Host { room: Some(&room), ..Host::from(&host) };
    let (Ok((_, problems)) | Err(problems)) = job::check_text(Path::new("jobs.d/indexer.toml"), &text, host);
    print(&problems)
}

fn told(settings: &str, job: &str) -> String {
    of_job(&good(settings).budget(Some(TOTAL)), job)
}

#[test]
fn a_pool_that_is_not_defined_is_told_at_its_name() {
    assert_eq!(told(SETTINGS, "pool = \"heavy\""), "");
    assert_eq!(
        told(SETTINGS, "pool = \"heavi\""),
        r#"jobs.d/indexer.toml:2:9: there is no pool `heavi` in ebbd's settings
  2 | pool = "heavi"
    |         ^^^^^
help: write `pool = "heavy"`
"#
    );
    assert_eq!(
        told("", "pool = \"heavy\""),
        r#"jobs.d/indexer.toml:2:9: there is no pool `heavy` in ebbd's settings
  2 | pool = "heavy"
    |         ^^^^^
help: add `[pools.heavy]` to ebbd.toml, with `memory` or `max-parallel` below it
"#
    );
}

#[test]
fn a_claim_that_can_never_be_had_is_told_at_the_claim() {
    assert_eq!(told(SETTINGS, "memory.claim = \"6G\""), "");
    assert_eq!(
        told(SETTINGS, "memory.claim = \"8G\""),
        r#"jobs.d/indexer.toml:2:16: `memory.claim` is more than the budget has: 8G and 6G
  2 | memory.claim = "8G"
    |                ^^^^
help: no run would ever start: claim 6G or less, or change ebbd's settings
"#
    );
    assert_eq!(
        told(SETTINGS, "pool = \"heavy\"\nmemory.claim = \"3G\""),
        r#"jobs.d/indexer.toml:3:16: `memory.claim` is more than the pool `heavy` has: 3G and 2G
  3 | memory.claim = "3G"
    |                ^^^^
help: no run would ever start: claim 2G or less, or change ebbd's settings
"#
    );
    assert_eq!(told(SETTINGS, "pool = \"small\"\nmemory.claim = \"3G\""), "");
    assert_eq!(
        told("[budget]\nreserve = \"25%\"\n", "memory.claim = \"13G\""),
        r#"jobs.d/indexer.toml:2:16: `memory.claim` is more than the reserve leaves of this machine: 13G and 12G
  2 | memory.claim = "13G"
    |                ^^^^^
help: no run would ever start: claim 12G or less, or change ebbd's settings
"#
    );
    assert_eq!(told("", "memory.claim = \"100G\""), "", "without a budget nothing is held back");
    assert_eq!(told(SETTINGS, "memory.max = \"100G\""), "", "a limit is no claim once something is known");
}

#[test]
fn a_budget_below_every_claim_is_told_at_the_budget() {
    let settings = good(SETTINGS);
    let budget = settings.budget(Some(TOTAL));
    let told = |claims: &[&str]| {
        let host = TestHost::default();
        let room = BudgetRoom::new(&budget);
        let host = Host { room: Some(&room), ..Host::from(&host) };
        for claim in claims {
            let text = format!("command = [\"true\"]\nmemory.claim = \"{claim}\"\n");
            let _ = job::check_text(Path::new("jobs.d/a.toml"), &text, host);
        }
        let least = room.least_claim()?;
        below_every_claim(Path::new("ebbd.toml"), &settings, &budget, least)
            .map(|problem| problem.to_string())
    };
    assert_eq!(told(&[]), None);
    assert_eq!(told(&["8G", "6G"]), None);
    assert_eq!(
        told(&["8G", "7G"]).unwrap(),
        r#"ebbd.toml:2:10: no job that declares a claim could ever run: this gives out 6G
  2 | memory = "6G"
    |          ^^^^
help: the least that a job claims is 7G: write that or more"#
    );
}

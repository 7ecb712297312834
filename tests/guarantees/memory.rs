//! Memory is what is scheduled: claims, pools, priorities, waiting that says why, learned peaks, a larger limit after a kill.

use serde_json::{Value, json};

use crate::harness::{Ebbd, skip, skips_without_root};

const MIB: u64 = 1 << 20;

/// An ebbd with these settings.
fn with_settings(settings: &str, jobs: &[(&str, &str)]) -> Ebbd {
    let ebbd = Ebbd::prepare(jobs);
    let config = ebbd.path("ebbd.toml").display().to_string();
    std::fs::write(&config, settings).unwrap();
    ebbd.flag("--config").flag(&config).go()
}

/// A job that lives until a file of its name is there.
fn held(dir: &str, name: &str, more: &str) -> String {
    format!("command = [\"sh\", \"-c\", \"until [ -e {dir}/{name} ]; do sleep 0.02; done\"]\n{more}\n")
}

fn state(ebbd: &Ebbd, job: &str) -> String {
    ebbd.status(job)["state"].as_str().unwrap_or_default().to_owned()
}

fn waits(ebbd: &Ebbd, job: &str) -> Value {
    ebbd.status(job)["runs"][0]["waits"].clone()
}

#[test]
fn a_run_waits_for_memory_where_everybody_can_see_it_and_starts_when_it_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().display().to_string();
    let first = held(&dir, "first", "[memory]\nclaim = \"600M\"");
    let second = "command = [\"true\"]\n[memory]\nclaim = \"500M\"\n";
    let ebbd = with_settings(
        "[budget]\nmemory = \"1000M\"\npressure = \"off\"\n",
        &[("first", &first), ("second", second)],
    );
    let run = ebbd.demand("first");
    ebbd.until_started(run);
    ebbd.demand("second");
    ebbd.until("the second waits", || {
        state(&ebbd, "second") == "waiting" && !waits(&ebbd, "second").is_null()
    });
    let why = waits(&ebbd, "second");
    assert_eq!(
        (&why["resource"], &why["needs"], &why["free"]),
        (&json!("budget"), &json!(500 * MIB), &json!(400 * MIB))
    );
    let shown = ebbd.ebb(&["status", "second"]).out;
    assert!(shown.contains("needs 500M of the budget of 1000M, 400M is free"), "{shown}");
    let overview = ebbd.ebb(&["status"]).out;
    assert!(overview.contains("needs 500M of the budget of 1000M"), "{overview}");
    let budget = ebbd.call("Budget", json!({})).unwrap();
    assert_eq!(budget["shares"][0]["claimed_bytes"], json!(600 * MIB), "{budget}");
    std::fs::write(format!("{dir}/first"), "").unwrap();
    ebbd.until("both have ended", || ebbd.history().len() == 2);
    assert!(ebbd.history().iter().all(|line| line["outcome"] == "success"), "{:?}", ebbd.history());
}

#[test]
fn what_could_never_fit_is_refused_at_once_and_what_waits_too_long_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().display().to_string();
    let holder = held(&dir, "holder", "[memory]\nclaim = \"100M\"");
    let huge = "command = [\"true\"]\n[memory]\nmax = \"300M\"\n";
    let hasty = "command = [\"true\"]\nqueue-timeout = \"1s\"\n[memory]\nclaim = \"50M\"\n";
    let jobs = [("holder", &*holder), ("huge", huge), ("hasty", hasty)];
    let ebbd = with_settings("[budget]\nmemory = \"128M\"\npressure = \"off\"\n", &jobs);
    let (error, why) = ebbd.refusal("RunNow", json!({ "job": "huge" }));
    assert_eq!(error, "NeverFits");
    assert!(why.contains("it claims 300M (its memory limit, for want of a `[memory] claim`)"), "{why}");
    assert_eq!(ebbd.ebb(&["run-now", "huge"]).code, 78);
    let run = ebbd.demand("holder");
    ebbd.until_started(run);
    let line = ebbd.run("hasty");
    assert_eq!((&line["outcome"], &line["reason"]), (&json!("skipped"), &json!("memory")), "{line}");
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("queue-timeout of 1s: needs 50M of the budget of 128M"), "{detail}");
    std::fs::write(format!("{dir}/holder"), "").unwrap();
}

#[test]
fn a_pool_bounds_its_own_jobs_and_a_priority_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().display().to_string();
    let first = held(&dir, "go", "pool = \"one\"\n[memory]\nclaim = \"1M\"");
    let job = |priority: i8| {
        format!("command = [\"true\"]\npool = \"one\"\npriority = {priority}\n[memory]\nclaim = \"1M\"\n")
    };
    let (low, high) = (job(-5), job(5));
    let other = "command = [\"true\"]\n";
    let jobs = [("first", &*first), ("low", &*low), ("high", &*high), ("other", other)];
    let ebbd = with_settings("[pools.one]\nmax-parallel = 1\n", &jobs);
    let run = ebbd.demand("first");
    ebbd.until_started(run);
    ebbd.demand("low");
    ebbd.demand("high");
    assert_eq!(ebbd.run("other")["outcome"], "success", "who is in no pool waits for none");
    assert_eq!(waits(&ebbd, "low")["sentence"], "needs one of the 1 places for runs of pool one");
    std::fs::write(format!("{dir}/go"), "").unwrap();
    ebbd.until("all have ended", || ebbd.history().len() == 4);
    let started = |job: &str| {
        let lines = ebbd.history();
        lines.iter().find(|line| line["job"] == job).unwrap()["started_at"].as_str().unwrap().to_owned()
    };
    assert!(started("high") <= started("low"), "{:?}", ebbd.history());
}

#[test]
fn what_was_learned_outlives_a_restart_and_is_what_the_next_run_claims() {
    let job = "command = [\"python3\", \"-c\", \"x = bytearray(40 << 20)\"]\n";
    let mut ebbd = Ebbd::prepare(&[("job", job)]).go();
    for _ in 0..3 {
        assert_eq!(ebbd.run("job")["outcome"], "success");
    }
    let memory = ebbd.status("job")["memory"].clone();
    assert_eq!(
        (&memory["learned"]["runs"], &memory["claim_source"]),
        (&json!(3), &json!("learned")),
        "{memory}"
    );
    let (peak, claim) =
        (memory["learned"]["peak_bytes"].as_u64().unwrap(), memory["claim_bytes"].as_u64().unwrap());
    assert!((40 * MIB..80 * MIB).contains(&peak) && claim >= peak + 16 * MIB, "{memory}");
    ebbd.crash();
    ebbd.restart();
    assert_eq!(ebbd.status("job")["memory"], memory, "by replaying the journal");
    let shown = ebbd.ebb(&["status", "job"]).out;
    assert!(shown.contains("learned"), "{shown}");
}

#[test]
fn what_its_limit_has_killed_is_run_again_with_a_larger_one_and_the_file_stays_as_it_is() {
    const NAME: &str =
        "memory::what_its_limit_has_killed_is_run_again_with_a_larger_one_and_the_file_stays_as_it_is";
    if skips_without_root(NAME) {
        return;
    }
    let job = "command = [\"python3\", \"-c\", \"x = bytearray(90 << 20)\"]\n[memory]\nmax = \"32M\"\n\
               on-oom = { retry = 3, grow = 2, up-to = \"200M\" }\n";
    let ebbd = Ebbd::start(&[("fat", job)]);
    ebbd.demand("fat");
    ebbd.until("a retry has succeeded", || ebbd.history().iter().any(|line| line["outcome"] == "success"));
    let mut lines = ebbd.history();
    lines.sort_by_key(|line| line["id"].as_u64());
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line["outcome"].as_str().unwrap(), line["memory_max_bytes"].as_u64()))
        .collect();
    let limit = |mib: u64| Some(mib * MIB);
    assert_eq!(
        seen,
        [("oom-kill", limit(32)), ("oom-kill", limit(64)), ("success", limit(128))],
        "{lines:?}"
    );
    let first = lines[0]["detail"].as_str().unwrap();
    assert!(first.starts_with("killed by the kernel for memory at its limit of 32M; peak-anon "), "{first}");
    let last = lines[2]["detail"].as_str().unwrap();
    assert!(last.contains("it succeeded with a limit of 128M, where its file says 32M"), "{last}");
    assert_eq!(std::fs::read_to_string(ebbd.path("jobs/fat.toml")).unwrap(), job);
}

/// What the kernel has of a run's share of CPU, in whichever version of cgroups there is one.
fn cpu_share(ebbd: &Ebbd, run: u64) -> Option<(&'static str, u64)> {
    let started = ebbd.journal().into_iter().find(|line| line["event"] == "started" && line["id"] == run)?;
    let leaves: Vec<String> = serde_json::from_value(started["cgroups"].clone()).unwrap_or_default();
    let read = |file: &'static str| {
        let mut texts =
            leaves.iter().filter_map(|leaf| std::fs::read_to_string(format!("{leaf}/{file}")).ok());
        Some((file, texts.next()?.trim().parse().ok()?))
    };
    read("cpu.weight").or_else(|| read("cpu.shares"))
}

#[test]
fn a_priority_is_a_share_of_cpu_as_well() {
    const NAME: &str = "memory::a_priority_is_a_share_of_cpu_as_well";
    if skips_without_root(NAME) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().display().to_string();
    let ebbd = Ebbd::start(&[("first", &held(&dir, "go", "priority = 5"))]);
    let run = ebbd.demand("first");
    ebbd.until_started(run);
    match cpu_share(&ebbd, run) {
        Some(("cpu.weight", weight)) => assert_eq!(weight, 305),
        Some((_, shares)) => assert_eq!(shares, 305 * 1024 / 100),
        None => skip(NAME, "no control group here shares out the CPU"),
    }
    std::fs::write(format!("{dir}/go"), "").unwrap();
}

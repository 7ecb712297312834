//! Job files come and go while ebbd runs: one bad file takes nothing down, and no run, slot or unchanged job is touched.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Ebbd, is_alive};
use crate::helpers::gate::Gate;

fn echo(word: &str) -> String {
    format!("command = [\"echo\", \"{word}\"]\n")
}

/// What a job prints.
fn said(ebbd: &Ebbd, job: &str) -> String {
    let line = ebbd.run(job);
    assert_eq!(line["outcome"], "success", "{line}");
    ebbd.output(job, line["id"].as_u64().unwrap())
}

fn reload(ebbd: &Ebbd) -> Value {
    ebbd.call("Reload", json!({})).unwrap()
}

fn stale(ebbd: &Ebbd, job: &str) -> String {
    ebbd.status(job)["stale"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_bad_file_at_the_start_is_left_out_and_said_so_and_the_others_run() {
    let ebbd =
        Ebbd::start(&[("good", &echo("good")), ("bad", "comand = [\"true\"]\n"), ("worse", "\u{0}[[[")]);
    assert_eq!(said(&ebbd, "good"), "good\n");
    assert_eq!(ebbd.call("RunNow", json!({"job": "bad"})), Err("NoSuchJob".to_owned()));
    assert!(ebbd.log().contains("jobs/bad.toml:1:1: "), "{}", ebbd.log());
    assert!(ebbd.log().contains("`command`"), "the nearest key is named: {}", ebbd.log());
    let all = ebbd.connect().stream("Status", json!({})).unwrap();
    let problems = all.last().unwrap()["problems"].to_string();
    assert!(problems.contains("bad.toml") && problems.contains("worse.toml"), "{problems}");
}

#[test]
fn strict_does_not_start_while_any_file_has_a_problem() {
    let mut ebbd = Ebbd::prepare(&[("good", &echo("good")), ("bad", "comand = 1\n")]).flag("--strict");
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(78));
    assert!(ebbd.log().contains("bad.toml") && ebbd.log().contains("--strict"), "{}", ebbd.log());
    assert!(!ebbd.socket().exists());
    ebbd.write_job("bad", &echo("mended"));
    ebbd.restart();
    assert_eq!(said(&ebbd, "bad"), "mended\n");
    // Once it runs, a reload is as lenient as ever.
    ebbd.write_job("bad", "comand = 1\n");
    assert_eq!(reload(&ebbd)["problems"].as_array().unwrap().len(), 1);
    assert_eq!(said(&ebbd, "bad"), "mended\n");
}

#[test]
fn a_file_that_went_bad_leaves_the_loaded_version_in_force_and_status_says_so() {
    let ebbd = Ebbd::start(&[("job", &echo("one")), ("other", &echo("one"))]);
    ebbd.write_job("job", "command = \"echo two\"\n");
    ebbd.write_job("other", &echo("two"));
    for _ in 0..2 {
        let report = reload(&ebbd);
        assert_eq!((&report["jobs"], &report["removed"]), (&json!(2), &json!([])), "{report}");
        assert!(report["problems"].to_string().contains("job.toml:1:"), "{report}");
        assert_eq!(said(&ebbd, "job"), "one\n");
        assert!(stale(&ebbd, "job").contains("problem"), "{}", ebbd.status("job"));
        assert_eq!(said(&ebbd, "other"), "two\n", "the others are taken over all the same");
    }
    ebbd.write_job("job", &echo("three"));
    assert_eq!(reload(&ebbd)["changed"], json!(["job"]));
    assert_eq!((said(&ebbd, "job"), stale(&ebbd, "job")), ("three\n".to_owned(), String::new()));
}

#[test]
fn a_file_that_changed_counts_only_after_a_reload_and_status_says_that_one_is_due() {
    let ebbd = Ebbd::start(&[("job", &echo("one")), ("gone", &echo("here"))]);
    assert_eq!(stale(&ebbd, "job"), "");
    ebbd.write_job("job", &echo("one"));
    assert_eq!(stale(&ebbd, "job"), "", "written anew, it says the same");
    ebbd.write_job("job", &echo("two"));
    std::fs::remove_file(ebbd.path("jobs/gone.toml")).unwrap();
    ebbd.write_job("new", &echo("new"));
    assert!(stale(&ebbd, "job").contains("reload"), "{}", ebbd.status("job"));
    assert!(stale(&ebbd, "gone").contains("gone"), "{}", ebbd.status("gone"));
    assert_eq!((said(&ebbd, "job"), said(&ebbd, "gone")), ("one\n".to_owned(), "here\n".to_owned()));
    assert_eq!(ebbd.call("RunNow", json!({"job": "new"})), Err("NoSuchJob".to_owned()));
    let report = reload(&ebbd);
    assert_eq!(
        (&report["added"], &report["changed"], &report["removed"], &report["jobs"]),
        (&json!(["new"]), &json!(["job"]), &json!(["gone"]), &json!(2))
    );
    assert_eq!((said(&ebbd, "job"), stale(&ebbd, "job")), ("two\n".to_owned(), String::new()));
    assert_eq!(ebbd.call("RunNow", json!({"job": "gone"})), Err("NoSuchJob".to_owned()));
    let again = reload(&ebbd);
    assert_eq!((&again["added"], &again["changed"], &again["removed"]), (&json!([]), &json!([]), &json!([])));
}

#[test]
fn a_reload_touches_no_run_of_an_unchanged_a_changed_or_a_removed_job() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let jobs = ["changed", "removed", "same"];
    for job in jobs {
        ebbd.write_job(job, &gate.job());
    }
    let ebbd = ebbd.go();
    let mut pids = Vec::new();
    let mut runs = Vec::new();
    for job in jobs {
        let run = ebbd.demand(job);
        pids.push(ebbd.until_started(run));
        runs.push(run);
    }
    ebbd.write_job("changed", "command = [\"false\"]\ntimeout = \"1s\"\nsuccess-codes = [9]\n");
    std::fs::remove_file(ebbd.path("jobs/removed.toml")).unwrap();
    reload(&ebbd);
    ebbd.write_job("ticking", "command = [\"true\"]\nschedule = \"* * * * * *\"\n");
    reload(&ebbd);
    ebbd.until("more time to pass than the new timeout", || {
        ebbd.history().iter().filter(|line| line["job"] == "ticking").count() >= 3
    });
    assert!(pids.iter().all(|pid| is_alive(*pid)), "{}", ebbd.log());
    gate.open();
    for (job, run) in jobs.iter().zip(runs) {
        let line = ebbd.call("Wait", json!({ "run": run })).map(|reply| reply["result"]["outcome"].clone());
        assert_eq!(line, Ok(json!("success")), "{job}");
    }
    assert_eq!(ebbd.call("RunNow", json!({"job": "removed"})), Err("NoSuchJob".to_owned()));
}

#[test]
fn the_run_of_a_removed_job_can_still_be_waited_for_and_stopped_and_what_waited_is_dropped_with_its_reason() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("removed", &gate.command(&["echo", "x"]));
    let ebbd = ebbd.go();
    let (first, second) = (ebbd.demand("removed"), ebbd.demand("removed"));
    ebbd.until("it to run", || ebbd.status("removed")["state"] == "running");
    let mut waiting = ebbd.connect();
    waiting.send("Wait", &json!({ "run": second }), false);
    std::fs::remove_file(ebbd.path("jobs/removed.toml")).unwrap();
    reload(&ebbd);
    let dropped = waiting.receive().unwrap()["parameters"]["result"].clone();
    assert_eq!(
        (&dropped["outcome"], &dropped["reason"]),
        (&json!("skipped"), &json!("removed")),
        "{dropped}"
    );
    let mut waiting = ebbd.connect();
    waiting.send("Wait", &json!({ "run": first }), false);
    assert_eq!(
        ebbd.call("Stop", json!({ "run": first })).map(|reply| reply["runs"].clone()),
        Ok(json!([first]))
    );
    assert_eq!(waiting.receive().unwrap()["parameters"]["result"]["outcome"], "canceled");
    let kept = ebbd.call("Wait", json!({ "run": first })).unwrap();
    assert_eq!(kept["result"]["outcome"], "canceled", "its end is in the history");
}

#[test]
fn a_hangup_reloads() {
    let ebbd = Ebbd::start(&[("job", &echo("one"))]);
    ebbd.write_job("job", &echo("two"));
    ebbd.signal(Signal::SIGHUP);
    ebbd.until("the new version", || said(&ebbd, "job") == "two\n");
    // Many at once, in the middle of everything else.
    for number in 0..50 {
        ebbd.write_job(&format!("more{number}"), &echo("more"));
        ebbd.signal(Signal::SIGHUP);
    }
    ebbd.until("all of them", || said_or_none(&ebbd, "more49"));
    assert_eq!(said(&ebbd, "more0"), "more\n");
}

fn said_or_none(ebbd: &Ebbd, job: &str) -> bool {
    ebbd.call("RunNow", json!({"job": job, "wait": true})).is_ok()
}

#[test]
fn a_reload_loses_no_slot_and_repeats_none() {
    let ticking = "command = [\"true\"]\nschedule = \"* * * * * *\"\n";
    let ebbd = Ebbd::start(&[("ticking", ticking)]);
    let begun = Instant::now();
    let mut announced = BTreeSet::new();
    let mut round = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        announced.insert(ebbd.status("ticking")["next"].as_str().unwrap().to_owned());
        // Every other time the file has changed, though not in its timing.
        ebbd.write_job("ticking", &format!("{ticking}description = \"{}\"\n", round / 2));
        reload(&ebbd);
        announced.insert(ebbd.status("ticking")["next"].as_str().unwrap().to_owned());
        round += 1;
    }
    let last = announced.last().unwrap().clone();
    let slots = || -> Vec<String> {
        ebbd.history().iter().map(|line| line["slot"].as_str().unwrap().to_owned()).collect()
    };
    ebbd.until("the last slot that was announced", || slots().contains(&last));
    let slots = slots();
    let distinct: BTreeSet<String> = slots.iter().cloned().collect();
    assert_eq!(slots.len(), distinct.len(), "a slot came twice: {slots:?}");
    let lost: Vec<_> = announced.difference(&distinct).collect();
    assert!(lost.is_empty() && announced.len() >= 3, "announced and lost: {lost:?} of {announced:?}");
}

#[test]
fn a_directory_that_is_not_there_is_said_and_taken_over_once_it_is() {
    let ebbd = Ebbd::prepare(&[]);
    std::fs::remove_dir(ebbd.path("jobs")).unwrap();
    let ebbd = ebbd.go();
    assert!(ebbd.log().contains("/jobs"), "{}", ebbd.log());
    assert_eq!(ebbd.call("Doctor", json!({})).unwrap()["job_count"], 0);
    std::fs::create_dir(ebbd.path("jobs")).unwrap();
    ebbd.write_job("job", &echo("one"));
    assert_eq!(reload(&ebbd)["added"], json!(["job"]));
    assert_eq!(said(&ebbd, "job"), "one\n");
    // A directory that has gone says nothing about its jobs.
    std::fs::rename(ebbd.path("jobs"), ebbd.path("elsewhere")).unwrap();
    let report = reload(&ebbd);
    assert_eq!((&report["jobs"], &report["removed"]), (&json!(1), &json!([])), "{report}");
    assert_ne!(report["problems"], json!([]), "{report}");
    assert_eq!(said(&ebbd, "job"), "one\n");
    let mut strict = Ebbd::prepare(&[]).flag("--strict");
    std::fs::remove_dir(strict.path("jobs")).unwrap();
    strict.spawn();
    assert_eq!(strict.wait_end(), Some(78));
}

#[test]
fn strange_things_in_the_directory_hold_nothing_up() {
    let ebbd = Ebbd::prepare(&[("job", &echo("one"))]);
    let jobs = ebbd.path("jobs");
    nix::unistd::mkfifo(&jobs.join("pipe.toml"), nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
    std::fs::create_dir(jobs.join("directory.toml")).unwrap();
    std::os::unix::fs::symlink("loop.toml", jobs.join("loop.toml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", jobs.join("zero.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", jobs.join("dangling.toml")).unwrap();
    std::fs::write(jobs.join("large.toml"), vec![b'#'; 300 * 1024]).unwrap();
    std::fs::write(jobs.join("bytes.toml"), b"command = [\"\xff\xfe\"]").unwrap();
    std::fs::write(jobs.join("UPPER CASE.toml"), echo("x")).unwrap();
    std::fs::write(jobs.join("job.toml~"), "nonsense").unwrap();
    std::fs::write(jobs.join(".job.toml.swp"), "nonsense").unwrap();
    std::fs::write(jobs.join("README"), "nonsense").unwrap();
    let ebbd = ebbd.go();
    for _ in 0..2 {
        assert_eq!(said(&ebbd, "job"), "one\n");
        let report = reload(&ebbd);
        assert_eq!(report["jobs"], 1, "{report}");
        let problems = report["problems"].to_string();
        for name in ["pipe", "loop", "zero", "dangling", "large", "bytes", "UPPER CASE"] {
            assert!(problems.contains(&format!("{name}.toml")), "{name} is not named: {problems}");
        }
        assert!(!problems.contains("README") && !problems.contains(".swp"), "{problems}");
    }
    // What was a file when it was loaded need not be one when somebody asks whether it has changed.
    std::fs::remove_file(jobs.join("job.toml")).unwrap();
    nix::unistd::mkfifo(&jobs.join("job.toml"), nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
    assert!(stale(&ebbd, "job").contains("changed"), "{}", ebbd.status("job"));
    assert_eq!(said(&ebbd, "job"), "one\n");
}

#[test]
fn five_hundred_jobs_are_reloaded_at_once() {
    let ebbd = Ebbd::prepare(&[]);
    for number in 0..500 {
        let minute = number % 60;
        let job = format!("command = [\"echo\", \"{number}\"]\nschedule = \"{minute} 3 1 1 *\"\n");
        ebbd.write_job(&format!("job-{number:03}"), &job);
    }
    let ebbd = ebbd.go();
    let all = ebbd.connect().stream("Status", json!({})).unwrap();
    assert_eq!(all.len(), 501);
    assert!(all[..500].iter().all(|reply| reply["job"]["next"].is_string()));
    for number in (0..500).step_by(100) {
        ebbd.write_job(&format!("job-{number:03}"), &echo("changed"));
    }
    let report = reload(&ebbd);
    assert_eq!((&report["jobs"], report["changed"].as_array().unwrap().len()), (&json!(500), 5), "{report}");
    assert_eq!(said(&ebbd, "job-300"), "changed\n");
    assert_eq!(said(&ebbd, "job-301"), "301\n");
    let report = reload(&ebbd);
    assert_eq!((&report["changed"], &report["added"]), (&json!([]), &json!([])), "{report}");
}

#[test]
fn a_typo_at_a_restart_loses_no_demand_and_forgets_no_pause() {
    let long = "command = [\"sh\", \"-c\", \"exec sleep 600\"]\ngrace = \"100ms\"\n";
    let ebbd = &mut Ebbd::start(&[("long", long)]);
    ebbd.demand("long");
    ebbd.until("the run", || ebbd.status("long")["state"] == "running");
    let waiting = ebbd.demand("long");
    ebbd.call("Pause", json!({"job": "long"})).unwrap();
    ebbd.signal(Signal::SIGTERM);
    assert_eq!(ebbd.wait_end(), Some(0));
    ebbd.write_job("long", "comand = [\"true\"]\n");
    ebbd.restart();
    assert_eq!(ebbd.call("Status", json!({"job": "long"})), Err("NoSuchJob".to_owned()));
    ebbd.write_job("long", "command = [\"true\"]\n");
    ebbd.call("Reload", json!({})).unwrap();
    let reply = ebbd.call("Wait", json!({ "run": waiting })).unwrap();
    assert_eq!(reply["result"]["outcome"], "success", "{reply}");
    assert_eq!(ebbd.status("long")["paused"], true);
}

#[test]
fn a_removed_job_is_shown_as_such_and_can_be_stopped_by_its_name_until_its_run_has_ended() {
    let ebbd = Ebbd::prepare(&[("other", "command = [\"true\"]\n")]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("removed", &gate.command(&["echo", "x"]));
    let ebbd = ebbd.go();
    let run = ebbd.demand("removed");
    ebbd.until_started(run);
    std::fs::remove_file(ebbd.path("jobs/removed.toml")).unwrap();
    reload(&ebbd);
    let status = ebbd.status("removed");
    assert_eq!((&status["state"], &status["runs"][0]["run"]), (&json!("removed"), &json!(run)), "{status}");
    let all = ebbd.connect().stream("Status", json!({})).unwrap();
    let names: Vec<&str> = all.iter().filter_map(|reply| reply["job"]["job"].as_str()).collect();
    assert_eq!(names, ["other", "removed"]);
    let table = ebbd.ebb(&["status"]).out;
    assert!(table.contains("removed") && table.contains("its file is gone"), "{table}");
    assert_eq!(ebbd.call("Stop", json!({"job": "removed"})).unwrap()["runs"], json!([run]));
    ebbd.until("its end", || ebbd.call("Status", json!({"job": "removed"})) == Err("NoSuchJob".to_owned()));
    assert_eq!(ebbd.call("Stop", json!({"job": "removed"})), Err("NoSuchJob".to_owned()));
}

//! Nothing is lost with an ebbd that dies or is stopped: no accepted demand, no run, no end that the kernel still knows.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Ebbd, is_alive, number_in, skip, skips_without_root, wait_until};
use crate::helpers::gate::Gate;
use crate::helpers::proc::{kernel, python};
use crate::helpers::records::{count, result};
use crate::helpers::timeout;

#[test]
fn a_run_goes_on_while_ebbd_is_dead_and_the_next_one_takes_it_over_to_its_true_end() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.command(&["sh", "-c", "echo after; exit 7"]));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("held");
    let pid = ebbd.until_started(run);
    ebbd.crash();
    assert!(is_alive(pid), "the run does not hang on ebbd");
    ebbd.restart();
    ebbd.until_started(run);
    assert!(is_alive(pid));
    let mut waiting = ebbd.connect();
    waiting.send("Wait", &json!({ "run": run }), false);
    gate.open();
    let line = waiting.receive().unwrap()["parameters"]["result"].clone();
    if kernel() >= (6, 15) {
        assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(7)), "{line}");
    } else {
        assert_eq!(line["outcome"], "lost", "{line}");
    }
    assert_eq!(ebbd.output("held", run), "after\n");
    assert_eq!((count(&ebbd, "started", run), count(&ebbd, "finished", run)), (1, 1));
    assert_eq!(ebbd.run("held")["id"], run + 1, "numbers go on");
}

#[test]
fn two_crashes_on_end_change_nothing() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.job());
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("held");
    ebbd.until_started(run);
    for _ in 0..3 {
        ebbd.crash();
        ebbd.restart();
    }
    ebbd.until_started(run);
    gate.open();
    let line = result(&ebbd, run);
    assert!(["success", "lost"].contains(&line["outcome"].as_str().unwrap()), "{line}");
    assert_eq!((count(&ebbd, "started", run), count(&ebbd, "finished", run)), (1, 1));
}

#[test]
fn a_run_that_ended_while_nobody_was_there_is_ended_once_and_nothing_of_it_is_left() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let hidden = ebbd.path("hidden");
    // It leaves a process behind, in a session of its own, that outlives its main process.
    let leave = format!(
        "setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000' & while [ ! -e {0} ]; do sleep 0.02; done",
        hidden.display()
    );
    ebbd.write_job("held", &gate.command(&["sh", "-c", &leave]));
    let mut ebbd = ebbd.go();
    if ebbd.call("Doctor", json!({})).unwrap()["tracking"] == "process-tree" {
        // Without a cgroup what has left its session is lost sight of with the ebbd that was its subreaper.
        ebbd.write_job("held", &gate.command(&["sh", "-c", &leave.replacen("setsid ", "", 1)]));
        ebbd.call("Reload", json!({})).unwrap();
    }
    let run = ebbd.demand("held");
    let pid = ebbd.until_started(run);
    ebbd.crash();
    gate.open();
    wait_until("the main process to end", || !is_alive(pid));
    let left = number_in(&hidden).unwrap();
    assert!(is_alive(left));
    ebbd.restart();
    let line = result(&ebbd, run);
    // Should nobody have reaped it yet, its exit is still known.
    assert!(["lost", "success"].contains(&line["outcome"].as_str().unwrap()), "{line}");
    assert!(
        line["outcome"] == "success" || line["detail"].as_str().unwrap().contains("ebbd was not there"),
        "{line}"
    );
    assert_eq!(count(&ebbd, "finished", run), 1);
    ebbd.until("what it left behind to be ended", || !is_alive(left));
}

#[test]
fn what_is_left_of_a_timeout_counts_on_after_a_crash() {
    timeout::counts_on_after(Ebbd::crash);
}

#[test]
fn a_run_that_was_taken_over_can_be_stopped_and_its_time_that_passed_meanwhile_ends_it_at_once() {
    let ebbd = Ebbd::prepare(&[("late", "command = [\"sleep\", \"1000\"]\ntimeout = \"1s\"\n")]);
    let cleaned = ebbd.path("cleaned");
    // Its main process goes at once when it is asked, its child needs some of the grace.
    let stopped = format!(
        "(trap 'sleep 0.3; touch {}; exit' TERM; while :; do sleep 0.05; done) & \
         trap 'exit 0' TERM; while :; do sleep 0.05; done",
        cleaned.display()
    );
    ebbd.write_job("stopped", &format!("command = {}\ngrace = \"50s\"\n", json!(["sh", "-c", stopped])));
    let mut ebbd = ebbd.go();
    let (stopped, late) = (ebbd.demand("stopped"), ebbd.demand("late"));
    let pids = [ebbd.until_started(stopped), ebbd.until_started(late)];
    ebbd.crash();
    std::thread::sleep(Duration::from_millis(1100));
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    ebbd.restart();
    assert_eq!(result(&ebbd, late)["outcome"], "timeout");
    ebbd.call("Stop", json!({ "run": stopped })).unwrap();
    let line = result(&ebbd, stopped);
    assert_eq!(line["outcome"], "canceled", "{line}");
    assert!(cleaned.exists(), "its child had no grace: {line}");
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn a_process_that_only_has_the_number_of_a_run_is_left_alone() {
    let mut innocent = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = innocent.id();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks: u64 = stat.rsplit(") ").next().unwrap().split(' ').nth(19).unwrap().parse().unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for (boot, ticks) in [(boot.trim(), ticks + 1), ("another boot", ticks)] {
        let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]);
        let at = "2026-03-01T00:00:00.000Z";
        let records = [
            json!({"at": at, "event": "opened", "version": "0", "pid": 1, "boot": boot, "next_run": 1}),
            json!({"at": at, "event": "queued", "id": 1, "job": "job", "trigger": "manual", "attempt": 1}),
            json!({"at": at, "event": "started", "id": 1, "job": "job", "pid": pid, "pid_start": ticks, "enforcement": "none"}),
        ];
        std::fs::create_dir(ebbd.path("state")).unwrap();
        let text: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(ebbd.path("state/journal.jsonl"), text).unwrap();
        let ebbd = ebbd.go();
        let line = result(&ebbd, 1);
        assert_eq!(line["outcome"], "lost", "{line}");
        assert_eq!(ebbd.run("job")["id"], 2);
    }
    assert!(is_alive(i32::try_from(pid).unwrap()), "a stranger was killed");
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn a_run_whose_job_was_removed_while_nobody_was_there_goes_on_to_its_end() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("removed", &gate.job());
    let mut ebbd = ebbd.go();
    let (run, waiting) = (ebbd.demand("removed"), ebbd.demand("removed"));
    let pid = ebbd.until_started(run);
    ebbd.crash();
    std::fs::remove_file(ebbd.path("jobs/removed.toml")).unwrap();
    ebbd.restart();
    assert_eq!(result(&ebbd, waiting)["reason"], "removed");
    assert!(is_alive(pid));
    gate.open();
    let line = result(&ebbd, run);
    assert!(["success", "lost"].contains(&line["outcome"].as_str().unwrap()), "{line}");
    assert_eq!((count(&ebbd, "finished", run), count(&ebbd, "finished", waiting)), (1, 1));
}

#[test]
fn the_limits_of_a_run_hold_on_after_a_crash() {
    if skips_without_root("restart::the_limits_of_a_run_hold_on_after_a_crash") {
        return;
    }
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let fat = gate.command(&["python3", "-c", "x = bytearray(200 << 20)"]);
    ebbd.write_job("fat", &format!("{fat}[memory]\nmax = \"40M\"\n"));
    let loud = gate.command(&["sh", "-c", "yes 'a line of a flood' | head -c 20000000; echo; echo the end"]);
    ebbd.write_job("loud", &format!("{loud}[output]\nmax = \"1M\"\n"));
    let mut ebbd = ebbd.go();
    let (fat, loud) = (ebbd.demand("fat"), ebbd.demand("loud"));
    ebbd.until_started(fat);
    ebbd.until_started(loud);
    ebbd.crash();
    ebbd.restart();
    gate.open();
    let line = result(&ebbd, fat);
    assert_eq!(line["outcome"], "oom-kill", "{line}");
    result(&ebbd, loud);
    let path = ebbd.path("state/output/loud").join(format!("{loud}.log"));
    let facts = std::fs::metadata(&path).unwrap();
    assert!(facts.blocks() * 512 <= 1 << 20, "{} bytes on disk", facts.blocks() * 512);
    let text = std::fs::read(&path).unwrap();
    assert!(text.ends_with(b"\nthe end\n"), "its newest part is there");
}

#[test]
fn demands_that_waited_start_after_a_crash_with_what_they_brought_along() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let accept = "[accept]\nargs = true\nenvironment = [\"MODE\"]\ninput = true\n";
    ebbd.write_job("held", &format!("{}{accept}", gate.command(&["sh", "-c", "echo $MODE $*; cat", "sh"])));
    let mut ebbd = ebbd.go();
    let first = ebbd.demand("held");
    ebbd.until_started(first);
    let mut caller = ebbd.connect();
    caller.call("Input", json!({"data": "cGF5bG9hZA=="})).unwrap();
    let demand = json!({"job": "held", "args": ["a", "b c"], "environment": {"MODE": "fast"}});
    let second = caller.call("RunNow", demand).unwrap()["run"].as_u64().unwrap();
    ebbd.crash();
    ebbd.restart();
    assert_eq!(count(&ebbd, "started", second), 0, "its turn has not come");
    gate.open();
    let line = result(&ebbd, second);
    assert_eq!(line["outcome"], "success", "{line}");
    assert_eq!(ebbd.output("held", second), "fast a b c\npayload");
    assert_eq!((count(&ebbd, "finished", first), count(&ebbd, "finished", second)), (1, 1));
}

#[test]
fn every_demand_that_was_acknowledged_ends_exactly_once_however_often_ebbd_is_killed() {
    let mut random = fastrand::Rng::with_seed(7);
    let job = "command = [\"sh\", \"-c\", \"echo $EBB_RUN_ID\"]\noverlap = \"queue\"\nqueue-limit = 1000\n";
    let mut ebbd = Ebbd::start(&[("job", job)]);
    let mut accepted = BTreeSet::new();
    let (begun, mut rounds) = (Instant::now(), 0);
    while rounds < 12 || accepted.len() < 12 {
        assert!(begun.elapsed() < DEADLINE, "only {accepted:?} were accepted in {rounds} rounds");
        rounds += 1;
        let socket = ebbd.socket();
        let asking = std::thread::spawn(move || demand_until_it_dies(&socket));
        std::thread::sleep(Duration::from_millis(random.u64(5..120)));
        ebbd.crash();
        let more = asking.join().unwrap();
        assert!(accepted.is_disjoint(&more), "a number was used twice");
        accepted.extend(more);
        ebbd.restart();
    }
    ebbd.until("all of them to end", || ebbd.status("job")["runs"] == json!([]));
    let mut ends: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for record in ebbd.journal().iter().filter(|record| record["event"] == "finished") {
        let end = record["outcome"].as_str().unwrap().to_owned();
        ends.entry(record["id"].as_u64().unwrap()).or_default().push(end);
    }
    for run in &accepted {
        let end = ends.get(run).unwrap_or_else(|| panic!("run {run} was accepted and has no end"));
        assert_eq!(end.len(), 1, "run {run} ended {end:?}");
        assert!(["success", "lost"].contains(&&*end[0]), "run {run} ended {end:?}");
    }
    assert!(ends.values().all(|end| end.len() == 1), "{ends:?}");
}

/// Asks for runs on one connection until it breaks; the numbers of those that were acknowledged.
fn demand_until_it_dies(socket: &std::path::Path) -> BTreeSet<u64> {
    use std::io::{Read, Write};
    let mut accepted = BTreeSet::new();
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else { return accepted };
    let call = b"{\"method\":\"io.ebb.Control.RunNow\",\"parameters\":{\"job\":\"job\"}}\0";
    while stream.write_all(call).is_ok() {
        let mut reply = Vec::new();
        let mut byte = [0];
        while stream.read(&mut byte).is_ok_and(|count| count == 1) && byte != [0] {
            reply.push(byte[0]);
        }
        let Ok(reply) = serde_json::from_slice::<Value>(&reply) else { break };
        accepted.extend(reply["parameters"]["run"].as_u64());
    }
    accepted
}

#[test]
fn a_retry_keeps_its_delay_over_a_crash() {
    let job = "command = [\"false\"]\nretry = { attempts = 1, delay = \"2s\" }\n";
    let mut ebbd = Ebbd::start(&[("failing", job)]);
    ebbd.run("failing");
    ebbd.crash();
    ebbd.restart();
    assert_eq!(ebbd.status("failing")["runs"][0]["trigger"], "retry");
    ebbd.until("the retry to end", || ebbd.history().len() == 2);
    let lines = ebbd.history();
    let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let delay = at(&lines[1]["started_at"]) - at(&lines[0]["finished_at"]);
    assert!(delay >= 1900, "{delay} ms");
    assert_eq!((&lines[1]["attempt"], &lines[1]["retry_of"]), (&json!(2), &json!(1)));
}

#[test]
fn a_run_that_is_lost_is_tried_again_like_one_that_failed() {
    let retry = "command = [\"true\"]\nretry = { attempts = 1, delay = \"10ms\" }\n";
    let ebbd = Ebbd::prepare(&[("job", retry)]);
    let at = "2026-03-01T00:00:00.000Z";
    let records = [
        json!({"at": at, "event": "opened", "version": "0", "pid": 1, "boot": "another boot", "next_run": 1}),
        json!({"at": at, "event": "queued", "id": 1, "job": "job", "trigger": "manual", "attempt": 1}),
        json!({"at": at, "event": "started", "id": 1, "job": "job", "pid": 1, "pid_start": 1, "enforcement": "none"}),
    ];
    std::fs::create_dir(ebbd.path("state")).unwrap();
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    std::fs::write(ebbd.path("state/journal.jsonl"), text).unwrap();
    let ebbd = ebbd.go();
    assert_eq!(result(&ebbd, 1)["outcome"], "lost");
    ebbd.until("the retry to end", || ebbd.history().len() == 2);
    let again = result(&ebbd, 2);
    assert_eq!(
        (&again["outcome"], &again["retry_of"], &again["attempt"]),
        (&json!("success"), &json!(1), &json!(2))
    );
}

#[test]
fn a_stop_that_was_promised_is_carried_out_by_the_next_ebbd_and_what_was_stopped_is_not_tried_again() {
    let ebbd = Ebbd::prepare(&[]);
    let deaf = json!(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]);
    let more = "grace = \"2s\"\nretry = { attempts = 3, delay = \"10ms\" }\n";
    ebbd.write_job("deaf", &format!("command = {deaf}\n{more}"));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("deaf");
    let pid = ebbd.until_started(run);
    ebbd.until("it to be up", || ebbd.output("deaf", run).contains("up"));
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    ebbd.crash();
    assert!(is_alive(pid));
    ebbd.restart();
    let line = result(&ebbd, run);
    assert_eq!(
        (&line["outcome"], &line["detail"]),
        (&json!("canceled"), &json!("stopped on request")),
        "{line}"
    );
    assert!(!is_alive(pid));
    assert_eq!(ebbd.status("deaf")["runs"], json!([]), "nothing of it is tried again");
}

#[test]
fn a_run_that_the_start_of_ebbd_replaces_is_asked_to_end_and_has_its_grace() {
    let ebbd = Ebbd::prepare(&[]);
    let asked = |job: &str| ebbd.path(&format!("{job}-asked"));
    let polite = |job: &str, more: &str| {
        let script = format!(
            "trap 'touch {}; exit' TERM; echo up; while :; do sleep 0.05; done",
            asked(job).display()
        );
        let command = json!(["sh", "-c", script]);
        ebbd.write_job(job, &format!("command = {command}\noverlap = \"replace\"\ngrace = \"5s\"\n{more}"));
    };
    polite("booted", "at-start = true\n");
    polite("wanted", "");
    let asked = ["booted", "wanted"].map(asked);
    let mut ebbd = ebbd.go();
    let (booted, wanted) = (1, ebbd.demand("wanted"));
    ebbd.until("both to be up", || {
        ebbd.output("booted", booted).contains("up") && ebbd.output("wanted", wanted).contains("up")
    });
    ebbd.until_started(booted);
    ebbd.until_started(wanted);
    ebbd.crash();
    // As if ebbd had died as soon as a demand was on disk, which replaces what runs.
    let at = jiff::Timestamp::now();
    let newer = json!({"at": format!("{at:.3}"), "event": "queued", "id": 3, "job": "wanted", "trigger": "manual", "attempt": 1});
    let records = ebbd.journal().into_iter().chain([newer]);
    let text: String = records.map(|record| format!("{record}\n")).collect();
    std::fs::write(ebbd.path("state/journal.jsonl"), text).unwrap();
    ebbd.restart();
    for (run, asked) in [booted, wanted].into_iter().zip(asked) {
        let line = result(&ebbd, run);
        assert_eq!(line["outcome"], "canceled", "{line}");
        assert!(asked.exists(), "it was never asked, only killed: {line}");
    }
    ebbd.until("what replaces them to run", || {
        ["booted", "wanted"].iter().all(|job| ebbd.status(job)["runs"][0]["state"] == "running")
    });
}

#[test]
fn a_run_that_had_begun_when_ebbd_died_is_taken_over_and_not_started_again() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let did = ebbd.path("did");
    ebbd.write_job("held", &gate.command(&["sh", "-c", &format!("echo $EBB_RUN_ID >>{}", did.display())]));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("held");
    let pid = ebbd.until_started(run);
    ebbd.crash();
    // As if ebbd had died just before it wrote that the run has started.
    let records = ebbd.journal().into_iter().filter(|record| record["event"] != "started");
    let text: String = records.map(|record| format!("{record}\n")).collect();
    std::fs::write(ebbd.path("state/journal.jsonl"), text).unwrap();
    ebbd.restart();
    assert_eq!(ebbd.until_started(run), pid, "it is the same process");
    gate.open();
    let line = result(&ebbd, run);
    assert!(["success", "lost"].contains(&line["outcome"].as_str().unwrap()), "{line}");
    assert_eq!(std::fs::read_to_string(did).unwrap(), format!("{run}\n"), "it ran once");
}

/// Puts back the time since when the timing of every job is known, as if ebbd had been down since then.
fn age_journal(ebbd: &Ebbd, by: Duration) {
    let since = jiff::Timestamp::now() - jiff::SignedDuration::try_from(by).unwrap();
    let records = ebbd.journal().into_iter().map(|mut record| {
        if record["event"] == "job" {
            record["since"] = json!(format!("{since:.3}"));
        }
        format!("{record}\n")
    });
    std::fs::write(ebbd.path("state/journal.jsonl"), records.collect::<String>()).unwrap();
}

#[test]
fn slots_missed_while_ebbd_was_down_make_one_run_or_none_as_catch_up_says() {
    let hourly = "command = [\"true\"]\nschedule = \"30 * * * *\"\n";
    let mut ebbd = Ebbd::start(&[
        ("once", hourly),
        ("none", &format!("{hourly}catch-up = \"none\"\n")),
        ("every", "command = [\"true\"]\nevery = \"1h\"\n"),
        ("changed", hourly),
        ("off", hourly),
    ]);
    assert_eq!(ebbd.history(), [0; 0], "a job that is new has missed nothing");
    ebbd.crash();
    age_journal(&ebbd, Duration::from_secs(5 * 3600));
    ebbd.write_job("changed", "command = [\"true\"]\nschedule = \"31 * * * *\"\n");
    ebbd.write_job("off", &format!("{hourly}enabled = false\n"));
    ebbd.write_job("new", hourly);
    ebbd.restart();
    ebbd.until("what was missed to be dealt with", || {
        let history = ebbd.history();
        ["once", "none", "every"].iter().all(|job| history.iter().any(|line| line["job"] == *job))
    });
    let mut history: Vec<_> = ebbd
        .history()
        .iter()
        .map(|line| format!("{} {}", line["job"].as_str().unwrap(), line["outcome"].as_str().unwrap()))
        .collect();
    history.sort();
    assert_eq!(history, ["every success", "none skipped", "once success"]);
    let skipped = ebbd.history().into_iter().find(|line| line["job"] == "none").unwrap();
    assert_eq!(skipped["reason"], "missed");
    for job in ["once", "none", "every", "changed", "new"] {
        let next: jiff::Timestamp = ebbd.status(job)["next"].as_str().unwrap().parse().unwrap();
        assert!(next > jiff::Timestamp::now(), "{job}");
    }
    ebbd.crash();
    ebbd.restart();
    assert_eq!(ebbd.history().len(), 3, "caught up once is caught up: {:?}", ebbd.history());
}

#[test]
fn what_an_earlier_ebbd_has_left_goes_with_the_next_one_however_soon_that_ends() {
    const NAME: &str = "restart::what_an_earlier_ebbd_has_left_goes_with_the_next_one_however_soon_that_ends";
    // To tear so much memory down takes the kernel a while.
    let program = "held = bytearray(700 << 20); open('up', 'w').close(); import time; time.sleep(600)";
    let ebbd = Ebbd::prepare(&[]);
    let command = json!([python(), "-c", program]);
    let place = ebbd.path(".").display().to_string();
    ebbd.write_job("large", &format!("command = {command}\nworking-directory = {}\n", json!(place)));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("large");
    let left = ebbd.until_started(run);
    ebbd.until("it to hold its memory", || ebbd.path("up").exists());
    let groups = std::fs::read_to_string(format!("/proc/{left}/cgroup")).unwrap();
    let Some(group) = groups.split(['/', '\n']).find(|part| part.starts_with("ebb-")).map(str::to_owned)
    else {
        ebbd.call("Stop", json!({"job": "large"})).unwrap();
        return skip(NAME, "runs have no control group here");
    };
    ebbd.crash();
    // Nobody knows of the run any more.
    std::fs::remove_file(ebbd.path("state/journal.jsonl")).unwrap();
    ebbd.restart();
    ebbd.signal(Signal::SIGTERM);
    assert_eq!(ebbd.wait_end(), Some(0), "{}", ebbd.log());
    assert!(ebbd.log().contains("ending what is left of run-1"), "{}", ebbd.log());
    let found = Command::new("find").args(["/sys/fs/cgroup", "-maxdepth", "5", "-name", &group]).output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap(), "", "{}", ebbd.log());
}

//! The journal is the truth: what can't be written is not accepted, and no content of it keeps ebbd from starting.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Ebbd, is_root};
use crate::helpers::gate::Gate;
use crate::helpers::past::{self, THEN};
use crate::helpers::stranger::NOBODY;
use crate::helpers::tmpfs::on_small_disk;

/// A job that leaves a trace outside of the state directory.
fn tracing(ebbd: &Ebbd) -> String {
    let trace = ebbd.path("trace");
    format!("command = {}\n", json!(["sh", "-c", format!("echo ran >> {}", trace.display())]))
}

fn traces(ebbd: &Ebbd) -> usize {
    std::fs::read_to_string(ebbd.path("trace")).unwrap_or_default().lines().count()
}

/// Asks for runs until one is refused, since what is left of the journal's last block still takes some; how many ran.
fn until_refused(ebbd: &Ebbd) -> usize {
    let mut accepted = 0;
    ebbd.until("a demand to be refused", || {
        let reply = ebbd.call("RunNow", json!({"job": "trace", "wait": true}));
        accepted += usize::from(reply.is_ok());
        reply.is_err()
    });
    accepted
}

/// Ids of the history, newest first.
fn ids(ebbd: &Ebbd, parameters: Value) -> Vec<u64> {
    let lines = ebbd.connect().stream("History", parameters).unwrap();
    lines.iter().filter_map(|line| line["result"]["id"].as_u64()).collect()
}

fn rotated(ebbd: &Ebbd) -> usize {
    let names = std::fs::read_dir(ebbd.path("state")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("journal-") && name.ends_with(".jsonl")).count()
}

#[test]
fn a_demand_that_does_not_fit_on_the_disk_is_refused_and_does_not_run_and_all_is_well_when_there_is_room() {
    let test = "journal::a_demand_that_does_not_fit_on_the_disk_is_refused_and_does_not_run";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    ebbd.write_job("trace", &tracing(&ebbd));
    ebbd.write_job("input", "command = [\"cat\"]\n[accept]\ninput = true\n");
    let mut ebbd = ebbd.go();
    assert_eq!(ebbd.run("trace")["outcome"], "success");
    let filler = disk.fill();
    let accepted = 1 + until_refused(&ebbd);
    let before = ebbd.history();
    for _ in 0..3 {
        let (name, message) = ebbd.refusal("RunNow", json!({"job": "trace", "wait": true}));
        assert_eq!(name, "System", "{message}");
        assert!(message.contains("not accepted"), "{message}");
    }
    assert_eq!(
        ebbd.connect().call("Input", json!({"data": "eHh4".repeat(3000)})).map(drop),
        Err("System".to_owned())
    );
    assert_eq!(ebbd.status("trace")["runs"], json!([]), "nothing of it waits");
    assert_eq!(ebbd.history(), before);
    assert_eq!(traces(&ebbd), accepted);
    std::fs::remove_file(filler).unwrap();
    assert_eq!(ebbd.run("trace")["outcome"], "success");
    assert_eq!(traces(&ebbd), accepted + 1);
    ebbd.crash();
    ebbd.restart();
    ebbd.until("what is known at the start to be dealt with", || ebbd.status("trace")["runs"] == json!([]));
    assert_eq!(
        ebbd.history().len(),
        accepted + 1,
        "nothing refused comes back, nothing that ended starts again"
    );
    assert_eq!(traces(&ebbd), accepted + 1);
    drop(ebbd);
}

#[test]
fn the_end_of_a_run_that_did_not_fit_on_the_disk_is_told_and_written_once_there_is_room() {
    let test =
        "journal::the_end_of_a_run_that_did_not_fit_on_the_disk_is_told_and_written_once_there_is_room";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.command(&["sh", "-c", "exit 7"]));
    ebbd.write_job("trace", &tracing(&ebbd));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("held");
    ebbd.until_started(run);
    let mut waiting = ebbd.connect();
    waiting.send("Wait", &json!({ "run": run }), false);
    let filler = disk.fill();
    let traced = until_refused(&ebbd);
    gate.open();
    let line = waiting.receive().unwrap()["parameters"]["result"].clone();
    assert_eq!(line["exit_code"], 7, "who waits is told: {line}");
    std::fs::remove_file(filler).unwrap();
    ebbd.run("trace");
    assert_eq!(
        ids(&ebbd, json!({"job": "held"})),
        [run],
        "its end is in the history as soon as anything else is"
    );
    ebbd.crash();
    ebbd.restart();
    assert_eq!(ebbd.history().len(), 1 + traced + 1, "each end is there once: {:?}", ebbd.history());
    let line = ebbd.call("Wait", json!({ "run": run })).unwrap()["result"].clone();
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(7)), "{line}");
    drop(ebbd);
}

#[test]
fn a_torn_end_is_put_aside_with_a_warning_and_nothing_else_is_lost() {
    let mut ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n")]);
    ebbd.run("job");
    ebbd.crash();
    let live = ebbd.path("state/journal.jsonl");
    let torn = b"{\"at\":\"2026-03-01T00:00:00.000Z\",\"event\":\"queued\",\"id\":99,\"jo";
    std::fs::File::options().append(true).open(&live).unwrap().write_all(torn).unwrap();
    ebbd.restart();
    assert!(ebbd.log().contains("WARN") && ebbd.log().contains("journal.torn-"), "{}", ebbd.log());
    assert_eq!(ebbd.run("job")["id"], 2);
    assert_eq!(ids(&ebbd, json!({})), [2, 1]);
    ebbd.journal();
    let names = std::fs::read_dir(ebbd.path("state")).unwrap();
    let aside = names.map(|e| e.unwrap().path()).find(|p| p.to_string_lossy().contains("torn-")).unwrap();
    assert_eq!(std::fs::read(aside).unwrap(), torn);
}

#[test]
fn lines_that_are_no_records_are_passed_over_and_named() {
    let mut ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n")]);
    ebbd.run("job");
    ebbd.crash();
    let live = ebbd.path("state/journal.jsonl");
    let text = std::fs::read(&live).unwrap();
    let mut spoiled = b"garbage at the very beginning\n".to_vec();
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        spoiled.extend(line);
        let garbage: [&[u8]; 6] = [
            b"\n",
            b"\0\0\0\0\n",
            b"{\"at\":\"2026-03-01T00:00:00.000Z\",\"event\":\"from-the-future\",\"id\":7}\n",
            b"{\"at\":\"yesterday\",\"event\":\"finished\"}\n",
            b"\xff\xfe{}\n",
            b"[1,2,3]\n",
        ];
        spoiled.extend(garbage[index % garbage.len()]);
    }
    std::fs::write(&live, spoiled).unwrap();
    ebbd.restart();
    assert!(ebbd.log().contains("WARN"), "{}", ebbd.log());
    assert_eq!(ebbd.run("job")["id"], 2);
    assert_eq!(ids(&ebbd, json!({})), [2, 1]);
}

#[test]
fn an_empty_or_missing_journal_is_a_beginning() {
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]);
    std::fs::create_dir(ebbd.path("state")).unwrap();
    std::fs::write(ebbd.path("state/journal.jsonl"), "").unwrap();
    let ebbd = ebbd.go();
    assert_eq!(ebbd.run("job")["id"], 1);
}

#[test]
fn history_goes_back_through_all_segments_newest_first() {
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]);
    let segment = |name: &str, from: u64, to: u64| {
        let lines = (from..to).map(|id| {
            past::success(id, if id % 2 == 0 { "even" } else { "odd" }, i64::try_from(id).unwrap() * 3600, 0)
        });
        let records = std::iter::once(past::opened(from)).chain(lines);
        past::write(&ebbd.path("state").join(name), records);
    };
    segment("journal-20260301T023000.000Z.jsonl", 1, 11);
    segment("journal-20260302T023000.000Z.jsonl", 11, 21);
    segment("journal.jsonl", 21, 31);
    let ebbd = ebbd.go();
    assert_eq!(ids(&ebbd, json!({})), (1..31).rev().collect::<Vec<u64>>());
    assert_eq!(ids(&ebbd, json!({"limit": 3})), [30, 29, 28]);
    assert_eq!(
        ids(&ebbd, json!({"job": "even", "limit": 12})),
        (7..31).rev().filter(|n| n % 2 == 0).collect::<Vec<u64>>()
    );
    assert_eq!(ids(&ebbd, json!({"since_ms": THEN.0 + 9 * 3_600_000})), (9..31).rev().collect::<Vec<u64>>());
    assert_eq!(ids(&ebbd, json!({"outcome": "timeout"})), [0; 0]);
    let oldest = ebbd.call("Wait", json!({"run": 1})).unwrap();
    assert_eq!(oldest["result"]["job"], "odd", "{oldest}");
    assert_eq!(ebbd.run("job")["id"], 31, "numbers go on");
}

#[test]
fn a_rotation_keeps_what_waits_what_runs_and_what_is_paused() {
    let ebbd = Ebbd::prepare(&[("paused", "command = [\"true\"]\nschedule = \"0 3 * * *\"\n")]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.job());
    let mut ebbd = ebbd.go();
    ebbd.call("Pause", json!({"job": "paused"})).unwrap();
    let (running, waiting) = (ebbd.demand("held"), ebbd.demand("held"));
    ebbd.until_started(running);
    ebbd.crash();
    let live = ebbd.path("state/journal.jsonl");
    let mut file = std::fs::File::options().append(true).open(&live).unwrap();
    let full = ebb::limits::JOURNAL_SEGMENT_MAX / 100_000 + 1;
    for id in 100..100 + full {
        let record = past::success(id, "gone", i64::try_from(id).unwrap(), 100_000);
        writeln!(file, "{}", serde_json::to_string(&record).unwrap()).unwrap();
    }
    for round in 0..2 {
        ebbd.restart();
        ebbd.until("a rotation", || rotated(&ebbd) == 1);
        assert!(std::fs::metadata(&live).unwrap().len() < 64 * 1024, "round {round}");
        assert_eq!(ebbd.status("paused")["paused"], true, "round {round}");
        let runs = ebbd.status("held")["runs"].clone();
        assert_eq!(
            (&runs[0]["run"], &runs[0]["state"]),
            (&json!(running), &json!("running")),
            "round {round}"
        );
        assert_eq!(
            (&runs[1]["run"], &runs[1]["state"]),
            (&json!(waiting), &json!("waiting")),
            "round {round}"
        );
        ebbd.crash();
    }
    ebbd.restart();
    gate.open();
    ebbd.until("both to end", || ebbd.status("held")["runs"] == json!([]));
    assert_eq!(ids(&ebbd, json!({"job": "held"})), [waiting, running]);
    assert_eq!(ids(&ebbd, json!({"job": "gone"})).len(), usize::try_from(full).unwrap());
    assert_eq!(ebbd.run("paused")["id"], 100 + full, "no number is used twice");
}

#[test]
fn a_rotation_holds_no_call_up() {
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]);
    // A whole segment of short records, but for a few that are still to come.
    let one = serde_json::to_string(&past::success(100_000, "gone", 100_000, 0)).unwrap().len() as u64 + 1;
    let count = (ebb::limits::JOURNAL_SEGMENT_MAX - 4096) / one;
    let ends = (0..count).map(|n| past::success(100_000 + n, "gone", i64::try_from(100_000 + n).unwrap(), 0));
    let live = ebbd.path("state/journal.jsonl");
    past::write(&live, std::iter::once(past::opened(1)).chain(ends));
    let began = Instant::now();
    let ebbd = ebbd.go();
    // All that a start does is done by then, and a reading of the whole segment is most of it.
    let reading = began.elapsed();
    let mut caller = ebbd.connect();
    let mut longest = Duration::ZERO;
    let mut runs = 0;
    ebbd.until("a rotation", || {
        if std::fs::metadata(&live).is_ok_and(|facts| facts.len() < ebb::limits::JOURNAL_SEGMENT_MAX)
            && rotated(&ebbd) == 0
        {
            caller.call("RunNow", json!({"job": "job"})).unwrap();
            runs += 1;
        }
        let asked = Instant::now();
        caller.call("Status", json!({"job": "job"})).unwrap();
        longest = longest.max(asked.elapsed());
        rotated(&ebbd) == 1
    });
    assert!(longest < reading / 4, "a call waited {longest:?}, where to read it all takes {reading:?}");
    ebbd.until("its last run", || ebbd.status("job")["runs"] == json!([]));
    let last = ebbd.run("job")["id"].as_u64().unwrap();
    assert!(last > 100_000 + count, "no number is used twice");
    let next = ids(&ebbd, json!({"job": "job"}));
    assert!(next.len() > 1 && next.len() <= runs + 1, "{next:?}");
}

#[test]
fn a_state_directory_that_cant_be_written_is_refused_with_a_sentence() {
    let ebbd = Ebbd::prepare(&[]);
    std::fs::create_dir(ebbd.path("state")).unwrap();
    let mut ebbd = if is_root() { ebbd.run_as(NOBODY) } else { ebbd };
    std::fs::set_permissions(ebbd.path("state"), std::fs::Permissions::from_mode(0o555)).unwrap();
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(71));
    let log = ebbd.log();
    assert!(log.contains("/state") && log.to_lowercase().contains("permission denied"), "{log}");
    assert!(!log.contains("Os {"), "for people: {log}");
    std::fs::set_permissions(ebbd.path("state"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut ebbd = Ebbd::prepare(&[]);
    std::fs::write(ebbd.path("state"), "a file").unwrap();
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(71));
    assert!(ebbd.log().contains("/state"), "{}", ebbd.log());
}

#[test]
fn a_disk_that_is_full_at_the_start_is_said_and_ebbd_is_not_half_there() {
    let test = "journal::a_disk_that_is_full_at_the_start_is_said_and_ebbd_is_not_half_there";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    ebbd.write_job("trace", &tracing(&ebbd));
    let mut ebbd = ebbd.go();
    ebbd.run("trace");
    ebbd.signal(Signal::SIGTERM);
    assert_eq!(ebbd.wait_end(), Some(0));
    let filler = disk.fill();
    ebbd.spawn();
    ebbd.until("it to say so", || ebbd.log().contains("No space left on device"));
    // It may refuse to start or serve what it can; what it must not do is accept.
    if let Ok(stream) = std::os::unix::net::UnixStream::connect(ebbd.socket()) {
        let refused = crate::harness::Caller::over(stream).call("RunNow", json!({"job": "trace"}));
        assert!(refused.is_err(), "{refused:?}");
    }
    ebbd.crash();
    std::fs::remove_file(filler).unwrap();
    assert_eq!(traces(&ebbd), 1);
    ebbd.restart();
    assert_eq!(ebbd.run("trace")["id"], 2);
    drop(ebbd);
}

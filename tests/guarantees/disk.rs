//! A disk that is full or spoiled: what can't be kept is refused, nothing that runs suffers for it, and all is as
//! before once the cause is gone, without anybody's help.

use serde_json::json;

use crate::harness::{Ebbd, is_alive};
use crate::helpers::gate::Gate;
use crate::helpers::tmpfs::{Tmpfs, on_small_disk};

/// Fills the disk, and what is left of the journal's last block as well.
fn fill(disk: &Tmpfs, ebbd: &Ebbd) -> std::path::PathBuf {
    let filler = disk.fill();
    ebbd.until("a demand to be refused", || ebbd.call("RunNow", json!({"job": "small"})).is_err());
    filler
}

#[test]
fn a_demand_that_does_not_fit_on_the_disk_replaces_nothing() {
    let test = "disk::a_demand_that_does_not_fit_on_the_disk_replaces_nothing";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    ebbd.write_job("small", "command = [\"true\"]\n");
    ebbd.write_job("replaced", "command = [\"sleep\", \"1000\"]\noverlap = \"replace\"\n");
    let ebbd = ebbd.go();
    let run = ebbd.demand("replaced");
    let pid = ebbd.until_started(run);
    let filler = fill(&disk, &ebbd);
    for _ in 0..3 {
        assert_eq!(ebbd.refusal("RunNow", json!({"job": "replaced"})).0, "System");
    }
    let runs = ebbd.status("replaced")["runs"].clone();
    assert_eq!((&runs[0]["run"], &runs[0]["state"]), (&json!(run), &json!("running")), "{runs}");
    assert!(is_alive(pid));
    std::fs::remove_file(filler).unwrap();
    let next = ebbd.demand("replaced");
    ebbd.until_started(next);
    assert!(!is_alive(pid), "with room it is replaced");
    ebbd.call("Stop", json!({"job": "replaced"})).unwrap();
    drop(ebbd);
}

#[test]
fn a_retry_that_does_not_fit_on_the_disk_starts_when_there_is_room_although_nobody_asks() {
    let test = "disk::a_retry_that_does_not_fit_on_the_disk_starts_when_there_is_room_although_nobody_asks";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("small", "command = [\"true\"]\n");
    let failing = gate.command(&["sh", "-c", "read word; [ \"$word\" = payload ] && exit 9"]);
    let retry = "retry = { attempts = 1, delay = \"10ms\" }\n[accept]\ninput = true\n";
    ebbd.write_job("failing", &format!("{failing}{retry}"));
    let ebbd = ebbd.go();
    let mut caller = ebbd.connect();
    caller.call("Input", json!({"data": "cGF5bG9hZA=="})).unwrap();
    let run = caller.call("RunNow", json!({"job": "failing"})).unwrap()["run"].as_u64().unwrap();
    ebbd.until_started(run);
    let filler = fill(&disk, &ebbd);
    gate.open();
    ebbd.until("the first try to end", || {
        let runs = ebbd.status("failing")["runs"].clone();
        runs[0]["trigger"] == "retry" && runs[0]["state"] == "waiting"
    });
    std::fs::remove_file(filler).unwrap();
    ebbd.until("the retry to end, with nobody calling", || {
        let count =
            ebbd.journal().iter().filter(|r| r["event"] == "finished" && r["job"] == "failing").count();
        count == 2
    });
    let lines: Vec<_> = ebbd.history().into_iter().filter(|line| line["job"] == "failing").collect();
    assert!(lines.iter().all(|line| line["exit_code"] == 9), "both have read the payload: {lines:?}");
    assert_eq!(lines[1]["retry_of"], run);
    drop(ebbd);
}

#[test]
fn a_demand_that_makes_waiting_retries_be_written_keeps_its_own_payload() {
    let test = "disk::a_demand_that_makes_waiting_retries_be_written_keeps_its_own_payload";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("small", "command = [\"true\"]\n");
    let retry = "retry = { attempts = 1, delay = \"1h\" }\n[accept]\ninput = true\n";
    ebbd.write_job("failing", &format!("{}{retry}", gate.command(&["sh", "-c", "exit 9"])));
    ebbd.write_job("cat", "command = [\"cat\"]\n[accept]\ninput = true\n");
    let ebbd = ebbd.go();
    let mut caller = ebbd.connect();
    caller.call("Input", json!({"data": "cGF5bG9hZA=="})).unwrap();
    let run = caller.call("RunNow", json!({"job": "failing"})).unwrap()["run"].as_u64().unwrap();
    ebbd.until_started(run);
    // What the demand brings is on the disk before it is full.
    caller.call("Input", json!({"data": "b3RoZXI="})).unwrap();
    let filler = fill(&disk, &ebbd);
    gate.open();
    ebbd.until("the retry to wait", || ebbd.status("failing")["runs"][0]["trigger"] == "retry");
    std::fs::remove_file(filler).unwrap();
    let line = caller.call("RunNow", json!({"job": "cat", "wait": true})).unwrap()["result"].clone();
    assert_eq!(line["outcome"], "success", "{line}");
    assert_eq!(ebbd.output("cat", line["id"].as_u64().unwrap()), "other");
    drop(ebbd);
}

#[test]
fn a_pause_that_does_not_fit_on_the_disk_is_in_force_but_not_promised_and_written_when_there_is_room() {
    let test = "disk::a_pause_that_does_not_fit_on_the_disk_is_in_force_but_not_promised";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    ebbd.write_job("small", "command = [\"true\"]\n");
    // Its record is longer than that of a demand, for which there is no room.
    let hourly = "hourly-with-a-name-that-is-nearly-as-long-as-a-name-can-ever-be";
    ebbd.write_job(hourly, "command = [\"true\"]\nschedule = \"30 * * * *\"\n");
    let mut ebbd = ebbd.go();
    let filler = fill(&disk, &ebbd);
    let (name, message) = ebbd.refusal("Pause", json!({ "job": hourly }));
    assert_eq!(name, "System");
    assert!(message.contains("it is done, but"), "{message}");
    assert_eq!(ebbd.status(hourly)["paused"], true, "it is in force");
    std::fs::remove_file(filler).unwrap();
    ebbd.until("the pause to be written, with nobody calling", || {
        ebbd.journal().iter().any(|record| record["event"] == "paused")
    });
    ebbd.crash();
    ebbd.restart();
    assert_eq!(ebbd.status(hourly)["paused"], true);
    drop(ebbd);
}

#[test]
fn a_full_disk_at_the_start_keeps_no_job_away_once_there_is_room() {
    let test = "disk::a_full_disk_at_the_start_keeps_no_job_away_once_there_is_room";
    let Some((disk, ebbd)) = on_small_disk(test) else { return };
    ebbd.write_job("small", "command = [\"true\"]\n");
    let mut ebbd = ebbd.go();
    ebbd.run("small");
    ebbd.crash();
    let filler = disk.fill();
    ebbd.restart();
    std::fs::remove_file(filler).unwrap();
    ebbd.until("its job to be there, with nobody asking for it", || {
        ebbd.call("Status", json!({"job": "small"})).is_ok()
    });
    assert_eq!(ebbd.run("small")["id"], 2);
    drop(ebbd);
}

#[test]
fn a_directory_in_place_of_the_journal_is_refused_with_a_sentence_and_nothing_of_it_is_touched() {
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]);
    std::fs::create_dir_all(ebbd.path("state/journal.jsonl/inside")).unwrap();
    let mut ebbd = ebbd;
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(71));
    let log = ebbd.log();
    assert!(log.contains("cannot open the journal") && log.contains("journal.jsonl"), "{log}");
    assert!(!log.contains("Os {"), "for people: {log}");
    assert!(ebbd.path("state/journal.jsonl/inside").is_dir());
    std::fs::remove_dir_all(ebbd.path("state/journal.jsonl")).unwrap();
    ebbd.restart();
    assert_eq!(ebbd.run("job")["id"], 1);
}

#[test]
fn a_directory_in_place_of_the_notes_of_what_has_begun_keeps_ebbd_from_nothing() {
    let ebbd = Ebbd::prepare(&[("job", "command = [\"true\"]\n")]);
    std::fs::create_dir_all(ebbd.path("state/begun")).unwrap();
    let ebbd = ebbd.go();
    assert!(ebbd.log().contains("a run may start twice"), "{}", ebbd.log());
    assert_eq!(ebbd.run("job")["outcome"], "success");
}

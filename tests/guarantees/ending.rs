//! An ebbd that is asked to end lets its runs end well, and asked twice it ends at once.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Ebbd, is_alive};
use crate::helpers::gate::Gate;
use crate::helpers::records::{count, result};

#[test]
fn a_graceful_end_asks_the_runs_waits_for_them_and_takes_nothing_new() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let polite = format!(
        "trap 'echo asked; flock -s {} true; exit 3' TERM; echo up; while :; do sleep 0.1; done",
        ebbd.path("gate").display()
    );
    ebbd.write_job("polite", &format!("command = {}\ngrace = \"50s\"\n", json!(["sh", "-c", polite])));
    ebbd.write_job("ticking", "command = [\"true\"]\nschedule = \"* * * * * *\"\n");
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("polite");
    ebbd.until("it to be up", || ebbd.output("polite", run).contains("up"));
    let waiting = ebbd.demand("polite");
    ebbd.signal(Signal::SIGTERM);
    ebbd.until("it to be asked", || ebbd.output("polite", run).contains("asked"));
    assert_eq!(ebbd.call("RunNow", json!({"job": "ticking"})), Err("ShuttingDown".to_owned()));
    assert_eq!(ebbd.status("polite")["runs"][0]["state"], "stopping");
    gate.open();
    assert_eq!(ebbd.wait_end(), Some(0));
    assert!(!ebbd.socket().exists(), "the socket goes with it");
    ebbd.write_job("polite", "command = [\"true\"]\n");
    ebbd.restart();
    let line = result(&ebbd, run);
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("canceled"), &json!(3)), "{line}");
    assert!(line["detail"].as_str().unwrap().contains("ebbd was stopped"), "{line}");
    assert_eq!(result(&ebbd, waiting)["outcome"], "success", "what waited starts with the next one");
    assert_eq!((count(&ebbd, "finished", run), count(&ebbd, "finished", waiting)), (1, 1));
}

#[test]
fn a_second_request_to_end_is_carried_out_at_once() {
    let job = "command = [\"sh\", \"-c\", \"trap '' TERM INT; echo up; while :; do sleep 0.1; done\"]\ngrace = \"10m\"\n";
    let mut ebbd = Ebbd::start(&[("stubborn", job)]);
    let run = ebbd.demand("stubborn");
    ebbd.until("it to be up", || ebbd.output("stubborn", run).contains("up"));
    let pid = ebbd.until_started(run);
    ebbd.signal(Signal::SIGTERM);
    ebbd.until("the first to be heard", || ebbd.status("stubborn")["state"] == "stopping");
    assert!(is_alive(pid));
    ebbd.signal(Signal::SIGINT);
    assert_eq!(ebbd.wait_end(), Some(0));
    assert!(!is_alive(pid));
    ebbd.restart();
    let line = result(&ebbd, run);
    assert_eq!((&line["outcome"], &line["signal"]), (&json!("canceled"), &json!(9)), "{line}");
}

#[test]
fn a_run_that_is_just_about_to_start_is_ended_or_kept_for_the_next_one() {
    let mut ebbd = Ebbd::start(&[("long", "command = [\"sleep\", \"1000\"]\n")]);
    for _ in 0..5 {
        let run = ebbd.demand("long");
        ebbd.signal(Signal::SIGTERM);
        assert_eq!(ebbd.wait_end(), Some(0));
        ebbd.restart();
        ebbd.call("Stop", json!({"job": "long"})).unwrap();
        assert_eq!(result(&ebbd, run)["outcome"], "canceled");
        assert_eq!((count(&ebbd, "queued", run), count(&ebbd, "finished", run)), (1, 1));
    }
}

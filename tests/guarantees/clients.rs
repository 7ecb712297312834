//! A client that sends garbage, half a frame, too much, or that does not read, harms itself and nobody else.

use std::io::Write;
use std::time::{Duration, Instant};

use ebb::limits;
use serde_json::{Value, json};

use crate::harness::{Caller, Ebbd};
use crate::helpers::gate::{Gate, NO_OUTPUT};
use crate::helpers::past;
use crate::helpers::proc::{descriptors, settled_descriptors};

const TRUE: &str = "command = [\"true\"]\n";

/// Another client is served in far less time than a bad one is given.
fn is_served(ebbd: &Ebbd) {
    let begun = Instant::now();
    ebbd.call("Doctor", json!({})).unwrap();
    assert!(begun.elapsed().as_millis() < u128::from(limits::FRAME_TIMEOUT_MS) / 2, "another client waited");
}

/// The connection says this error and ends.
fn is_refused_and_ended(caller: &mut Caller, what: &str) {
    let frame = caller.receive().unwrap_or_else(|| panic!("no answer to {what}"));
    assert_eq!(frame["error"], "io.ebb.Control.BadFrame", "{what}: {frame}");
    assert!(frame["parameters"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{what}: {frame}");
    assert_eq!(caller.receive(), None, "{what}");
}

#[test]
fn garbage_is_answered_with_its_name_and_the_connection_ends() {
    let ebbd = Ebbd::start(&[]);
    let deep = format!("{}\0", "[".repeat(30_000));
    let deep_inside = format!(
        "{{\"method\":\"io.ebb.Control.Doctor\",\"parameters\":{}{}}}\0",
        "{\"a\":".repeat(5_000),
        "}".repeat(5_000)
    );
    let long = format!("\"{}\"\0", "x".repeat(60_000));
    let table: [&[u8]; 14] = [
        b"\0",
        b"\0\0\0",
        b"hello\0",
        b"[]\0",
        b"{}\0",
        b"null\0",
        b"{\"method\":5}\0",
        b"{\"method\":null,\"parameters\":{}}\0",
        b"{\"method\":\"io.ebb.Control.Doctor\"\0",
        b"{\"method\":\"io.ebb.Control.Doctor\"}}\0",
        b"{\"method\":\"\xff\xfe\"}\0",
        deep.as_bytes(),
        deep_inside.as_bytes(),
        long.as_bytes(),
    ];
    for bytes in table {
        let mut caller = ebbd.connect();
        caller.stream.write_all(bytes).unwrap();
        let begin = bytes.get(..40).unwrap_or(bytes);
        is_refused_and_ended(&mut caller, &String::from_utf8_lossy(begin));
    }
    is_served(&ebbd);
}

#[test]
fn half_a_frame_ends_its_connection_in_time_while_others_are_served() {
    let ebbd = Ebbd::start(&[]);
    let begun = Instant::now();
    let mut silent = ebbd.connect();
    silent.stream.write_all(b"{\"method\":\"io.ebb").unwrap();
    let mut dripping = ebbd.connect();
    // A byte now and then does not buy more time.
    let patience = Duration::from_millis(limits::FRAME_TIMEOUT_MS);
    while dripping.stream.write_all(b" ").is_ok() {
        is_served(&ebbd);
        assert!(begun.elapsed() < 3 * patience, "a frame that never ends is still waited for");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(silent.receive(), None);
    assert!(begun.elapsed() >= patience - Duration::from_millis(100), "cut off before its time");
    is_served(&ebbd);
}

#[test]
fn a_frame_has_all_its_time_however_long_the_client_was_idle_before() {
    let ebbd = Ebbd::start(&[]);
    let mut caller = ebbd.connect();
    caller.call("Doctor", json!({})).unwrap();
    std::thread::sleep(Duration::from_millis(limits::FRAME_TIMEOUT_MS + 200));
    let (begin, end) = b"{\"method\":\"io.ebb.Control.Doctor\"}\0".split_at(12);
    caller.stream.write_all(begin).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    caller.stream.write_all(end).expect("the connection is still there");
    let reply = caller.receive().expect("a client that was idle and then slow for a moment is answered");
    assert!(reply["parameters"]["pid"].is_number(), "{reply}");
}

#[test]
fn a_frame_of_just_the_bound_is_read_and_one_byte_more_is_refused() {
    let ebbd = Ebbd::start(&[]);
    let padded = |length: usize| {
        let mut bytes = b"{\"method\":\"io.ebb.Control.Doctor\"".to_vec();
        bytes.resize(length - 1, b' ');
        bytes.extend(b"}\0");
        bytes
    };
    let mut caller = ebbd.connect();
    for _ in 0..2 {
        caller.stream.write_all(&padded(limits::FRAME_MAX)).unwrap();
        assert!(caller.receive().unwrap()["parameters"]["pid"].is_number());
    }
    // The other side may have closed before all of it is written.
    let _ = caller.stream.write_all(&padded(limits::FRAME_MAX + 1));
    is_refused_and_ended(&mut caller, "one byte more");
    let mut endless = ebbd.connect();
    let begun = Instant::now();
    let _ = endless.stream.write_all(&vec![b'x'; limits::FRAME_MAX + 1]);
    is_refused_and_ended(&mut endless, "a frame without end");
    assert!(
        begun.elapsed() < Duration::from_millis(limits::FRAME_TIMEOUT_MS / 2),
        "told only after a time-out"
    );
}

#[test]
fn clients_that_never_read_are_let_go_and_others_are_served_meanwhile() {
    let ebbd = Ebbd::prepare(&[]);
    let lines = (1..=4000).map(|id| past::success(id, "gone", i64::try_from(id).unwrap(), 400));
    past::write(&ebbd.path("state/journal.jsonl"), std::iter::once(past::opened(1)).chain(lines));
    let ebbd = ebbd.go();
    ebbd.until("the harness's own connection to be closed", || {
        ebbd.call("Doctor", json!({})).is_ok() && descriptors(ebbd.pid()) < 20
    });
    let before = settled_descriptors(ebbd.pid());
    let begun = Instant::now();
    let mut streams: Vec<Caller> = (0..8).map(|_| ebbd.connect()).collect();
    for caller in &mut streams {
        caller.send("History", &json!({}), true);
    }
    // One that asks for ever more and reads nothing.
    let mut asking = ebbd.connect();
    asking.stream.set_nonblocking(true).unwrap();
    let call = b"{\"method\":\"io.ebb.Control.Doctor\"}\0".repeat(100);
    ebbd.until("its pipe to be full", || {
        while asking.stream.write(&call).is_ok() {}
        descriptors(ebbd.pid()) >= before + 9
    });
    while begun.elapsed() < Duration::from_millis(limits::REPLY_TIMEOUT_MS) {
        is_served(&ebbd);
        std::thread::sleep(Duration::from_millis(200));
    }
    ebbd.until("those who do not read to be let go", || descriptors(ebbd.pid()) <= before);
    let mut last = Value::Null;
    while let Some(frame) = streams[0].receive() {
        last = frame;
    }
    assert_eq!(last["continues"], true, "what the socket held is there, and its end is not: {last}");
    is_served(&ebbd);
}

#[test]
fn who_goes_away_at_any_stage_leaves_nothing_behind() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("gate", &format!("{}{NO_OUTPUT}[accept]\ninput = true\n", gate.job()));
    let lines = (1..=2000).map(|id| past::success(id, "gone", 0, 400));
    past::write(&ebbd.path("state/journal.jsonl"), std::iter::once(past::opened(2001)).chain(lines));
    let ebbd = ebbd.go();
    ebbd.call("Doctor", json!({})).unwrap();
    ebbd.until("other connections to be closed", || descriptors(ebbd.pid()) < 20);
    let before = settled_descriptors(ebbd.pid());
    let stages: [&dyn Fn(&mut Caller); 7] = [
        &|_| {},
        &|caller| caller.stream.write_all(b"{\"meth").unwrap(),
        &|caller| caller.send("Doctor", &json!({}), false),
        &|caller| caller.send("RunNow", &json!({"job": "gate", "wait": true}), true),
        &|caller| {
            caller.send("RunNow", &json!({"job": "gate", "wait": true}), true);
            caller.receive().expect("that it was accepted");
        },
        &|caller| {
            caller.send("History", &json!({}), true);
            caller.receive().expect("a first line");
        },
        &|caller| {
            caller.call("Input", json!({"data": "aGVsbG8="})).unwrap();
        },
    ];
    for _ in 0..5 {
        for stage in stages {
            stage(&mut ebbd.connect());
        }
    }
    // What is left is the run itself and what it holds: one process, its output, its descriptors.
    gate.open();
    ebbd.until("all runs to end", || ebbd.status("gate")["state"] == "idle");
    ebbd.until("all connections to be closed", || descriptors(ebbd.pid()) <= before);
    ebbd.until("payloads that nobody sent off to be removed", || {
        std::fs::read_dir(ebbd.path("state/input")).unwrap().count() == 0
    });
    let ends = ebbd.connect().stream("History", json!({"job": "gate"})).unwrap();
    assert!(ends.iter().all(|line| line["result"]["outcome"] == "success"), "{ends:?}");
    assert_eq!(
        ends.len(),
        2,
        "the demands of those who went away: one run, and one more for the rest: {ends:?}"
    );
}

#[test]
fn who_has_said_all_and_dies_before_its_answer_gives_its_place_back_at_once() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("gate", &format!("{}{NO_OUTPUT}", gate.job()));
    let ebbd = ebbd.go();
    let run = ebbd.demand("gate");
    ebbd.until_started(run);
    ebbd.until("other connections to be closed", || descriptors(ebbd.pid()) < 20);
    let before = settled_descriptors(ebbd.pid());
    let half_closed = || {
        let mut caller = ebbd.connect();
        caller.send("Wait", &json!({ "run": run }), false);
        caller.stream.shutdown(std::net::Shutdown::Write).unwrap();
        caller
    };
    let mut patient = half_closed();
    ebbd.until("it to be heard", || descriptors(ebbd.pid()) == before + 2);
    let dying: Vec<Caller> = (0..10).map(|_| half_closed()).collect();
    ebbd.until("all of them to be heard", || descriptors(ebbd.pid()) == before + 2 * 11);
    let switches = crate::helpers::proc::context_switches(ebbd.pid());
    drop(dying);
    ebbd.until("them to be let go", || descriptors(ebbd.pid()) <= before + 2);
    assert!(
        crate::helpers::proc::context_switches(ebbd.pid()) < switches + 500,
        "ebbd turns in circles while it waits"
    );
    // One that sends more than is read meanwhile, and dies.
    let mut pushy = ebbd.connect();
    pushy.send("Wait", &json!({ "run": run }), false);
    let call = b"{\"method\":\"io.ebb.Control.Doctor\"}\0".repeat(4000);
    pushy.stream.set_nonblocking(true).unwrap();
    while pushy.stream.write(&call).is_ok() {}
    drop(pushy);
    ebbd.until("it to be let go", || descriptors(ebbd.pid()) <= before + 2);
    gate.open();
    let line = patient.receive().expect("an answer: it has said all and still listens");
    assert_eq!(line["parameters"]["result"]["outcome"], "success", "{line}");
}

#[test]
fn one_client_too_many_is_told_so_and_room_returns() {
    let ebbd = Ebbd::start(&[]);
    let mut inside: Vec<Caller> = Vec::new();
    ebbd.until("all room to be taken", || {
        inside.extend(let_in(&ebbd));
        inside.len() == limits::CLIENTS_MAX
    });
    let mut late = ebbd.connect();
    let frame = late.receive().expect("to be told why");
    assert_eq!(frame["error"], "io.ebb.Control.Busy", "{frame}");
    assert!(frame["parameters"]["message"].as_str().unwrap().contains("64"), "{frame}");
    assert_eq!(late.receive(), None);
    for caller in &mut inside {
        caller.call("Doctor", json!({})).unwrap();
    }
    drop(inside.pop());
    ebbd.until("room for another", || let_in(&ebbd).is_some());
}

/// A connection that is served; none where there was no room for it.
fn let_in(ebbd: &Ebbd) -> Option<Caller> {
    let mut caller = ebbd.connect();
    // One that is sent away may be closed before it has written.
    let _ = caller.stream.write_all(b"{\"method\":\"io.ebb.Control.Doctor\"}\0");
    let is_in = caller.receive()?["parameters"]["pid"].is_number();
    is_in.then_some(caller)
}

#[test]
fn when_descriptors_run_out_who_is_inside_is_served_and_the_rest_waits() {
    let ebbd = Ebbd::prepare(&[("job", TRUE)]).under(&["sh", "-c", "ulimit -n 40; exec \"$0\" \"$@\""]).go();
    ebbd.run("job");
    let mut inside = ebbd.connect();
    inside.call("Doctor", json!({})).unwrap();
    let mut outside: Vec<Caller> = (0..50).map(|_| ebbd.connect()).collect();
    for caller in &mut outside {
        caller.send("Doctor", &json!({}), false);
    }
    ebbd.until("it to be out of descriptors", || ebbd.log().contains("cannot let a client in"));
    inside.call("Status", json!({"job": "job"})).unwrap();
    let (mut line, mut later) = (json!(null), json!(null));
    if let Ok(reply) = inside.call("RunNow", json!({"job": "job", "wait": true})) {
        line = reply["result"].clone();
    }
    assert!(line["outcome"] == "start-failed" || line["outcome"] == "success", "{line}");
    drop(outside);
    ebbd.until("all to be well again", || {
        later = inside.call("RunNow", json!({"job": "job", "wait": true})).unwrap()["result"].clone();
        later["outcome"] == "success"
    });
    is_served(&ebbd);
}

//! Thousands of calls that are nearly right: ebbd answers each one or ends its connection, lives, and keeps no memory.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Caller, Ebbd};
use crate::helpers::proc::{descriptors, status_number};

const JOB: &str = "command = [\"true\"]\n[accept]\nargs = true\nenvironment = [\"A\"]\ninput = true\n";

/// One valid call of every kind.
fn calls() -> Vec<Value> {
    let control = |method: &str, parameters: Value, more: bool| json!({"method": format!("io.ebb.Control.{method}"), "parameters": parameters, "more": more});
    vec![
        control("RunNow", json!({"job": "a"}), false),
        control("RunNow", json!({"job": "a", "args": ["x"], "environment": {"A": "b"}, "wait": true}), true),
        control("Input", json!({"data": "aGVsbG8="}), false),
        control("Wait", json!({"run": 1}), false),
        control("Stop", json!({"job": "b"}), false),
        control("Stop", json!({"run": 1}), false),
        control("Pause", json!({"job": "b"}), false),
        control("Resume", json!({"job": "b"}), false),
        control("Status", json!({}), true),
        control("Status", json!({"job": "a"}), false),
        control("Next", json!({"job": "b"}), false),
        control("History", json!({"limit": 3, "since_ms": 0, "outcome": "success"}), true),
        control("Logs", json!({"job": "a", "run": 1}), false),
        control("Reload", json!({}), false),
        control("Upgrade", json!({}), false),
        control("Doctor", json!({}), false),
        json!({"method": "org.varlink.service.GetInfo"}),
        json!({"method": "org.varlink.service.GetInterfaceDescription",
               "parameters": {"interface": "io.ebb.Control"}}),
    ]
}

/// A value that does not belong there.
fn odd(random: &mut fastrand::Rng) -> Value {
    let table = [
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("\u{0}"),
        json!("\u{10ffff}\u{202e}"),
        json!("x".repeat(5000)),
        json!([[[[[]]]]]),
        json!({"": {"": null}}),
        json!(["a", "b", 1]),
        json!("a"),
        json!("io.ebb.Control.Reload"),
    ];
    table[random.usize(..table.len())].clone()
}

/// Puts something odd somewhere, or takes something away; the method stays text, so that this is still a call.
fn bend(value: &mut Value, random: &mut fastrand::Rng) {
    let Some(map) = value.as_object_mut() else { return };
    let keys: Vec<String> = map.keys().filter(|key| *key != "method").cloned().collect();
    match random.u8(..5) {
        0 => drop(map.insert(format!("k{}", random.u8(..)), odd(random))),
        1 if !keys.is_empty() => drop(map.remove(&keys[random.usize(..keys.len())])),
        2 => drop(map.insert("parameters".to_owned(), odd(random))),
        _ => {
            let Some(inner) = map.get_mut("parameters").and_then(Value::as_object_mut) else { return };
            let keys: Vec<String> = inner.keys().cloned().collect();
            if !keys.is_empty() {
                inner.insert(keys[random.usize(..keys.len())].clone(), odd(random));
            }
        }
    }
}

/// Breaks bytes, whatever they mean.
fn break_bytes(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    for _ in 0..random.u8(1..5) {
        if bytes.is_empty() {
            return;
        }
        let at = random.usize(..bytes.len());
        match random.u8(..5) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => drop(bytes.drain(at..(at + random.usize(..8)).min(bytes.len()))),
            3 => bytes.insert(at, b"{}[]\",:\\\0-eE0"[random.usize(..13)]),
            _ => bytes.truncate(at),
        }
    }
}

/// Sends these bytes on a connection of their own, says that this was all, and reads to the end: all whole frames.
fn talk(ebbd: &Ebbd, bytes: &[u8]) -> Vec<Value> {
    let Caller { mut stream, .. } = ebbd.connect();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // A connection that was ended because of an earlier frame takes no more.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut all = Vec::new();
    let mut piece = [0; 16384];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(bytes)),
        }
    }
    all.split_inclusive(|byte| *byte == 0)
        .filter_map(|frame| frame.strip_suffix(b"\0"))
        .map(|frame| serde_json::from_slice(frame).unwrap())
        .collect()
}

#[test]
fn thousands_of_broken_calls_leave_ebbd_alive_answering_and_as_small_as_before() {
    let seed = std::env::var("EBB_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_260_301);
    let mut random = fastrand::Rng::with_seed(seed);
    let ebbd = Ebbd::prepare(&[("a", JOB), ("b", "command = [\"true\"]\nschedule = \"0 0 1 1 *\"\n")])
        .flag("--log")
        .flag("debug")
        .go();
    for _ in 0..50 {
        ebbd.run("a");
    }
    let valid: Vec<u8> = calls().iter().flat_map(|call| format!("{call}\0").into_bytes()).collect();
    talk(&ebbd, &valid);
    ebbd.until("connections to be closed", || ebbd.status("a")["state"] == "idle");
    let (before, open) = (rss(&ebbd), descriptors(ebbd.pid()));
    let calls = calls();
    for _ in 0..100 {
        let mut bytes = Vec::new();
        let mut expected = 0;
        for _ in 0..20 {
            let mut call = calls[random.usize(..calls.len())].clone();
            bend(&mut call, &mut random);
            expected += usize::from(call["oneway"] != true);
            bytes.extend(format!("{call}\0").into_bytes());
        }
        let replies = talk(&ebbd, &bytes);
        let ends = replies.iter().filter(|reply| reply["continues"] != true).count();
        let was_cut = replies.last().is_some_and(|reply| reply["error"] == "io.ebb.Control.BadFrame");
        let said = String::from_utf8_lossy(&bytes);
        assert!(
            ends == expected || was_cut,
            "{ends} of {expected} answered (seed {seed}):\n{said}\n{:?}\n{}",
            replies,
            ebbd.log().lines().rev().take(40).collect::<Vec<_>>().join("\n")
        );
    }
    for _ in 0..2000 {
        let mut bytes = format!("{}\0", calls[random.usize(..calls.len())]).into_bytes();
        break_bytes(&mut bytes, &mut random);
        talk(&ebbd, &bytes);
    }
    // Some call may have paused it.
    ebbd.until("what was asked for to be done", || ebbd.status("a")["runs"] == json!([]));
    assert_eq!(ebbd.run("a")["outcome"], "success");
    assert!(!ebbd.log().contains("panicked"), "{}", ebbd.log());
    ebbd.until("memory and descriptors to be given back", || {
        rss(&ebbd) <= before + 300 && descriptors(ebbd.pid()) <= open
    });
}

/// Anonymous memory in kB.
fn rss(ebbd: &Ebbd) -> u64 {
    status_number(ebbd.pid(), "RssAnon")
}

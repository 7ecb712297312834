//! A run whose timeout goes on while no ebbd is there.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::Ebbd;
use crate::helpers::records::result;

/// A timeout of four seconds: two of them pass without an ebbd, once `end` has ended it, and the next one waits for the
/// other two.
pub(crate) fn counts_on_after(end: impl FnOnce(&mut Ebbd)) {
    let ebbd = Ebbd::prepare(&[]);
    let asked = ebbd.path("asked");
    let slow = format!("trap 'touch {}; exit' TERM; while :; do sleep 0.05; done", asked.display());
    ebbd.write_job("slow", &format!("command = {}\ntimeout = \"4s\"\n", json!(["sh", "-c", slow])));
    let mut ebbd = ebbd.go();
    let begun = Instant::now();
    let run = ebbd.demand("slow");
    ebbd.until_started(run);
    end(&mut ebbd);
    std::thread::sleep(Duration::from_secs(2).saturating_sub(begun.elapsed()));
    ebbd.restart();
    let line = result(&ebbd, run);
    assert_eq!(line["outcome"], "timeout", "{line}");
    let started = line["started_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let asked = jiff::Timestamp::try_from(std::fs::metadata(asked).unwrap().modified().unwrap()).unwrap();
    let passed = asked.as_millisecond() - started.as_millisecond();
    assert!((3900..5900).contains(&passed), "4 s from its start, not from the restart: {passed} ms");
}

//! A host that stands still for memory starts nothing more, and goes on once that has passed. A run that stands still at a
//! limit of its own holds back nobody, as long as the host has memory.

use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::harness::{Job, Settings, ebb, mem_available_kb, wait_until};
use crate::varlink::Caller;

/// A process that holds memory of which ebbd knows nothing. Dropped, it is gone.
struct Stranger(Child);

impl Stranger {
    fn of(mib: u64) -> Self {
        let script = format!("import time\nheld = bytearray({mib} << 20)\ntime.sleep(3600)\n");
        Self(Command::new("/usr/bin/python3").args(["-IS", "-c", &script]).spawn().unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The share of the last ten seconds in which some process stood still for memory, in percent.
fn stalled_percent() -> f64 {
    let text = std::fs::read_to_string("/proc/pressure/memory").unwrap();
    let average = text.split_whitespace().find_map(|word| word.strip_prefix("avg10="));
    average.unwrap().parse().unwrap()
}

fn held_since() -> Value {
    Caller::connect().call("Budget", json!({})).unwrap()["held_since"].clone()
}

fn told(holds: bool) -> usize {
    let journal = std::fs::read_to_string("/var/lib/ebb/journal.jsonl").unwrap();
    let events = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == "pressure" && event["holds"] == holds).count()
}

#[test]
fn a_host_that_stands_still_starts_nothing_until_that_has_passed() {
    let budget = "[budget]\nmemory = \"70%\"\npressure = \"5%\"\n";
    let _settings = Settings::added(budget, &["ebb", "reload"]);
    ebb(&["reload"]).ok();
    // Above `high` the kernel makes it wait with each step that it grows by.
    let slowed = "command = [\"/usr/bin/python3\", \"-IS\", \"-c\", \"held = []\\nwhile True: held.append(bytearray(65536))\"]\n\
                  [memory]\nhigh = \"16M\"\nmax = \"96M\"\n";
    let slowed = Job::new("vm-slowed", slowed);
    let after = Job::new("vm-after-pressure", "command = [\"true\"]\n[memory]\nclaim = \"1M\"\n");
    let (holds, lets_go) = (told(true), told(false));

    slowed.demand();
    wait_until("it to stand still", || stalled_percent() > 20.0);
    assert_eq!(after.run()["outcome"], "success", "there is memory for all others");
    assert_eq!((held_since(), told(true)), (Value::Null, holds));

    let stranger = Stranger::of(mem_available_kb() / 1024 - 350);
    wait_until("starts to be held back", || held_since().is_string());
    let run = after.demand();
    let status = Caller::connect().call("Status", json!({"job": "vm-after-pressure"})).unwrap();
    let waits = &status["job"]["runs"][0]["waits"];
    assert_eq!(waits["resource"], "pressure", "{status}");
    assert!(ebb(&["status", "vm-after-pressure"]).ok().contains("the host stands still for memory"));
    assert_eq!((told(true), told(false)), (holds + 1, lets_go));

    drop(stranger);
    assert_eq!(after.wait(run)["outcome"], "success");
    assert_eq!((held_since(), told(true), told(false)), (Value::Null, holds + 1, lets_go + 1));
}

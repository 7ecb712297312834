//! What a run's memory did over its time is in its record: also across an upgrade in place and a crash.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::Ebbd;
use crate::helpers::gate::Gate;

/// The characters of a curve, from 0 to 63.
const ALPHABET: &str = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const MIB: u64 = 1 << 20;

/// The points of a run in bytes, and how long each stands for.
fn curve(line: &Value) -> (Vec<u64>, u64) {
    let (curve, peak) = (&line["curve"], line["peak_anon_bytes"].as_u64().unwrap());
    let points = curve["points"].as_str().unwrap_or_else(|| panic!("no curve: {line}"));
    let bytes = points.chars().map(|c| ALPHABET.find(c).unwrap() as u64 * peak / 63);
    (bytes.collect(), curve["ms"].as_u64().unwrap())
}

/// The points in bytes, as the Python of docs/varlink.md has them.
fn decoded_as_documented(line: &Value) -> Vec<u64> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/varlink.md")).unwrap();
    let block = page.split("```python\n").find(|block| block.contains("def curve")).unwrap();
    let script = format!(
        "{}\nimport json, sys\nprint(json.dumps(curve(json.loads(sys.argv[1]))))",
        block.split("```").next().unwrap()
    );
    let said = Command::new("python3").arg("-c").arg(script).arg(line.to_string()).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn a_growing_process_has_a_rising_curve() {
    let grow = "import time; x = []\nfor _ in range(15): x.append(bytearray(6 << 20)); time.sleep(0.15)";
    let ebbd = Ebbd::start(&[("grow", &format!("command = [\"python3\", \"-c\", {grow:?}]\n"))]);
    let line = ebbd.run("grow");
    let (points, ms) = curve(&line);
    // What the interpreter frees on its way to the first line may be a step down.
    assert!(points.windows(2).all(|pair| pair[1] + 4 * MIB >= pair[0]), "{line}");
    assert!(points[points.len() - 1] > points[0] + 40 * MIB, "{line}");
    assert!(points.len() > 8 && points.len() <= 256, "{line}");
    let (length, duration) = (points.len() as u64 * ms, line["duration_ms"].as_u64().unwrap());
    assert!(length <= duration + ms && length * 3 > duration, "its time is the run's: {line}");
    assert_eq!(decoded_as_documented(&line), points, "{line}");
    let told = ebbd.ebb(&["history", "--curve", "--limit", "1"]).out;
    assert!(told.lines().count() == 3 && told.contains("its peak"), "{told}");
}

#[test]
fn a_curve_goes_on_after_an_upgrade_in_place_and_starts_anew_after_a_crash() {
    for is_crash in [false, true] {
        let mut ebbd = Ebbd::prepare(&[]);
        let gate = Gate::closed(ebbd.path("gate"));
        let path = ebbd.path("gate");
        let shrink = format!(
            "import fcntl, time; x = bytearray(64 << 20); fcntl.flock(open({path:?}), fcntl.LOCK_SH); del x; time.sleep(2.5)"
        );
        ebbd.write_job("shrink", &format!("command = [\"python3\", \"-c\", {shrink:?}]\n"));
        ebbd.spawn();
        ebbd.wait_ready();
        let run = ebbd.demand("shrink");
        ebbd.until("its memory to be seen", || {
            ebbd.status("shrink")["runs"][0]["peak_anon_bytes"].as_u64().is_some_and(|b| b > 60 * MIB)
        });
        if is_crash {
            ebbd.crash();
            // For so long at least nobody looks.
            std::thread::sleep(Duration::from_millis(500));
            ebbd.restart();
        } else {
            ebbd.call("Upgrade", json!({})).unwrap();
        }
        gate.open();
        ebbd.until("its end", || ebbd.history().iter().any(|line| line["id"] == run));
        let line = ebbd.history().pop().unwrap();
        let (points, ms) = curve(&line);
        let (is_high, last) = (|bytes: &u64| *bytes > 60 * MIB, points[points.len() - 1]);
        if is_crash {
            let unseen = points.iter().take_while(|bytes| **bytes == 0).count() as u64;
            assert!(unseen * ms >= 480, "it keeps its time, and says where nobody looked: {line}");
        } else {
            assert!(points.iter().any(is_high) && last < 32 * MIB, "before the upgrade and after: {line}");
        }
    }
}

//! The peak of a run is known however short it was: 1,000 of 1,000.

use serde_json::json;

use crate::cgroups::leaves;
use crate::harness::{Job, figure};
use crate::varlink::Caller;

const RUNS: usize = 1000;

#[test]
fn each_of_a_thousand_short_runs_has_its_peaks() {
    let _job = Job::new("short", "command = [\"true\"]\n[memory]\nmax = \"16M\"\n[output]\nto = \"null\"\n");
    let mut caller = Caller::connect();
    let mut without = Vec::new();
    let began = std::time::Instant::now();
    for _ in 0..RUNS {
        let line = caller.call("RunNow", json!({"job": "short", "wait": true})).unwrap()["result"].clone();
        assert_eq!(line["outcome"], "success", "{line}");
        let has = |peak: &str| line[peak].as_u64().is_some_and(|bytes| (4096..16 << 20).contains(&bytes));
        if !(has("peak_anon_bytes") && has("peak_total_bytes")) {
            without.push(line);
        }
    }
    let with_peak = RUNS - without.len();
    figure(&format!(
        "short runs with both peaks: {with_peak} of {RUNS}, {:.1} ms a run",
        began.elapsed().as_secs_f64()
    ));
    assert_eq!(with_peak, RUNS, "the first without: {:#?}", &without[..without.len().min(3)]);
    assert_eq!(leaves(), Vec::<std::path::PathBuf>::new());
}

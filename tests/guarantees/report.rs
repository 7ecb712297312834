//! `ebb report` says what was: figures against runs whose memory is known, the baseline where it lies, and nothing where nothing is.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::Ebbd;
use crate::helpers::gate::Gate;

const MIB: f64 = 1024.0 * 1024.0;

/// A job that holds so many mebibytes until somebody opens the gate at that path.
pub(crate) fn holds_until(gate: &Path, mib: u32) -> String {
    let script =
        format!("import fcntl; x = bytearray({mib} << 20); fcntl.flock(open({gate:?}), fcntl.LOCK_SH)");
    format!("command = [\"python3\", \"-c\", {script:?}]\n")
}

/// Waits until the run of a job that lives was seen to hold so many mebibytes.
pub(crate) fn until_held(ebbd: &Ebbd, job: &str, mib: u64) {
    ebbd.until("its memory to be seen", || {
        ebbd.status(job)["runs"][0]["peak_anon_bytes"].as_u64().is_some_and(|bytes| bytes > mib << 20)
    });
}

/// A job that holds so many mebibytes for so many seconds.
fn holds(mib: u32, seconds: f64) -> String {
    let script = format!("import time; x = bytearray({mib} << 20); time.sleep({seconds})");
    format!("command = [\"python3\", \"-c\", {script:?}]\n")
}

fn report(ebbd: &Ebbd, flags: &[&str]) -> Value {
    let said = ebbd.ebb(&[&["report", "--json"], flags].concat());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    serde_json::from_str(&said.out).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Milliseconds since 1970.
fn instant(value: &Value) -> f64 {
    let at: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let ms = at.as_millisecond() as f64;
    ms
}

#[test]
fn what_a_job_of_known_size_used_and_saved_is_what_the_report_says() {
    let ebbd = Ebbd::start(&[("hold", &holds(50, 2.0))]);
    let lines = [ebbd.run("hold"), ebbd.run("hold")];
    let told = report(&ebbd, &["--before", "hold=200M"]);
    let hours = |ms: f64| ms / 3_600_000.0;
    let used = number(&told["used"]["mb_hours"]);
    let most: f64 = lines
        .iter()
        .map(|line| number(&line["peak_anon_bytes"]) / MIB * hours(number(&line["duration_ms"])))
        .sum();
    let least = 2.0 * 50.0 * hours(2_000.0);
    // A curve has 63 steps, and its slices are whole.
    assert!(used > least * 0.97 && used < most * 1.02, "{used} is not between {least} and {most}");
    assert_eq!(told["used"]["by_curve"], 2, "{told}");
    let (job, saving) = (&told["jobs"][0], &told["saving"]);
    let (from, first) = (instant(&job["saving"]["from"]), instant(&lines[0]["started_at"]));
    assert!((from - first).abs() < 50.0, "from the first run on: {job}");
    let before = 200.0 * hours(instant(&told["to"]) - instant(&lines[0]["started_at"]));
    assert!((number(&saving["before_mb_hours"]) - before).abs() < before * 0.01, "{saving} {before}");
    let ebbd_used = number(&saving["ebbd_bytes"]) / MIB * before / 200.0;
    assert!(
        (number(&saving["used_mb_hours"]) - used - ebbd_used).abs() < used * 0.02,
        "{saving} {used} {ebbd_used}"
    );
    let saved = number(&saving["before_mb_hours"]) - number(&saving["used_mb_hours"]);
    assert!((number(&saving["saved_mb_hours"]) - saved).abs() < 1e-9);
    let peak = lines.iter().map(|line| line["peak_anon_bytes"].as_u64().unwrap()).max().unwrap();
    assert_eq!(told["host"]["peak_bytes"], peak, "the runs were one after the other");
    let slices = told["over_time"]["slices"].as_array().unwrap();
    assert_eq!(slices.iter().map(|slice| slice["bytes"].as_u64().unwrap()).max(), Some(peak));

    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.md")).unwrap();
    for keys in [&told, &told["saving"], &told["jobs"][0], &told["host"], &told["over_time"], &told["used"]] {
        for key in keys.as_object().unwrap().keys() {
            assert!(page.contains(&format!("`{key}`")), "docs/report.md says nothing of {key}");
        }
    }

    let said = ebbd.ebb(&["report", "--before", "hold=200M"]);
    for part in ["1 job that was a daemon used ", "hold ", "(ebbd)", "all with a baseline", "Slowest 2 runs"]
    {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let without = ebbd.ebb(&["report"]).out;
    assert!(without.starts_with("20") && without.contains("2 runs used "), "{without}");
    assert!(
        without.contains("so no saving can be told") && without.contains("--before hold=SIZE"),
        "{without}"
    );
}

#[test]
fn runs_beside_each_other_are_summed_and_one_that_lives_is_counted() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    for job in ["a", "b"] {
        ebbd.write_job(job, &holds_until(&ebbd.path("gate"), 30));
    }
    let ebbd = ebbd.go();
    let runs = [ebbd.demand("a"), ebbd.demand("b")];
    ["a", "b"].iter().for_each(|job| until_held(&ebbd, job, 30));
    let told = report(&ebbd, &[]);
    assert_eq!((&told["used"]["runs"], &told["used"]["alive"]), (&json!(0), &json!(2)), "{told}");
    assert!(number(&told["host"]["peak_bytes"]) > 60.0 * MIB, "{told}");
    assert_eq!(told["host"]["peak_jobs"].as_array().unwrap().len(), 2);
    gate.open();
    for run in runs {
        ebbd.until("its end", || ebbd.history().iter().any(|line| line["id"] == run));
    }
    let told = report(&ebbd, &[]);
    assert_eq!((&told["used"]["runs"], &told["used"]["alive"]), (&json!(2), &json!(0)), "{told}");
    // What was seen of them at one moment depends on when they were looked at.
    let peaks: Vec<f64> = ebbd.history().iter().map(|line| number(&line["peak_anon_bytes"])).collect();
    let peak = number(&told["host"]["peak_bytes"]);
    assert!(peak >= peaks[0].max(peaks[1]) && peak <= peaks[0] + peaks[1], "{peaks:?} {told}");
    let since = report(&ebbd, &["--since", "2099-01-01"]);
    assert_eq!(since["used"]["runs"], 0, "nothing has ended since then");
}

#[test]
fn ebbd_passes_over_the_baseline_beside_its_job_files_and_the_report_finds_it() {
    let ebbd = Ebbd::prepare(&[("quick", "command = [\"true\"]\n")]);
    let path = ebbd.path("jobs/baseline.json");
    let text = r#"{
  "version": 1,
  "jobs": {
    "quick": { "resident-bytes": 104857600, "since": "2026-01-01T00:00:00Z", "source": "audit", "service": "q.service" },
    "gone": { "resident-bytes": 104857600, "since": "2026-01-01T00:00:00Z", "source": "given" }
  }
}"#;
    std::fs::write(&path, text).unwrap();
    // What would be refused of a job file.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let ebbd = ebbd.go();
    let check = ebbd.ebb(&["check", ebbd.path("jobs").to_str().unwrap()]);
    assert!(check.code == 0 && check.out.starts_with("1 job file ") && check.err.is_empty(), "{check:?}");
    let reload = ebbd.call("Reload", json!({})).unwrap();
    assert_eq!((&reload["jobs"], &reload["problems"]), (&json!(1), &json!([])));
    assert!(!ebbd.log().contains("baseline"), "{}", ebbd.log());

    let idle = report(&ebbd, &[]);
    assert_eq!(idle["saving"], Value::Null, "what has not run has saved nothing: {idle}");
    ebbd.run("quick");
    let told = report(&ebbd, &[]);
    let quick = told["jobs"].as_array().unwrap().iter().find(|job| job["job"] == "quick").unwrap();
    assert_eq!(
        (&quick["saving"]["service"], &quick["saving"]["source"]),
        (&json!("q.service"), &json!("audit"))
    );
    assert!(ebbd.ebb(&["report"]).out.contains("gone has a baseline and has not run"), "{told}");
    let given = report(&ebbd, &["--before", "quick=1M"]);
    assert_eq!(given["saving"]["before_bytes"], 1 << 20, "the command line wins");

    for (broken, told) in [
        (text.replace("104857600", "-1"), "baseline.json:4:"),
        (text[..100].to_owned(), "the file breaks off"),
        (text.replace("\"version\": 1", "\"version\": 7"), "this is a baseline of version 7"),
    ] {
        std::fs::write(&path, broken).unwrap();
        let said = ebbd.ebb(&["report"]);
        assert!(said.code == 78 && said.err.contains(told) && said.out.is_empty(), "{told}: {said:?}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(report(&ebbd, &[])["saving"], Value::Null);
}

#[test]
fn mistakes_on_the_command_line_are_told() {
    let ebbd = Ebbd::start(&[("indexer", "command = [\"true\"]\n")]);
    let empty = ebbd.ebb(&["report"]);
    assert!(empty.code == 0 && empty.out.ends_with("Nothing has run yet.\n"), "{empty:?}");
    let none = ebbd.path("none.json");
    std::fs::write(ebbd.path("mine.html"), "<p>mine</p>").unwrap();
    let mine = ebbd.path("mine.html");
    for (flags, told) in [
        (["--before", "indexr=1M"], "did you mean `indexer`?"),
        (["--before", "indexer"], "write it as JOB=SIZE"),
        (["--before", "indexer=many"], "`many` is not a size"),
        (["--before", "indexer=0"], "leaves nothing to save"),
        (["--since", "yesterday"], "--since `yesterday` is no time"),
        (["--baseline", none.to_str().unwrap()], "there is no such file"),
        (["--html", mine.to_str().unwrap()], "is no report of ebb's"),
    ] {
        let said = ebbd.ebb(&[&["report"][..], &flags].concat());
        assert!(said.code == 2 && said.err.contains(told), "{flags:?}: {said:?}");
    }
    let twice = ebbd.ebb(&["report", "--before", "indexer=1M", "--before", "indexer=2M"]);
    assert!(twice.code == 2 && twice.err.contains("twice"), "{twice:?}");
    assert_eq!(std::fs::read_to_string(mine).unwrap(), "<p>mine</p>");
}

#[test]
fn what_was_skipped_and_what_did_not_end_well_is_told() {
    let fail = "command = [\"sh\", \"-c\", \"exit 3\"]\n";
    let ebbd = Ebbd::prepare(&[("fail", fail)]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("slow", &(gate.job() + "every = \"1s\"\n"));
    let ebbd = ebbd.go();
    ebbd.run("fail");
    ebbd.until("a slot to be skipped", || ebbd.history().iter().any(|line| line["outcome"] == "skipped"));
    let told = report(&ebbd, &[]);
    gate.open();
    assert!(told["skips"]["running"].as_u64().unwrap() >= 1 && told["outcomes"]["exit-code"] == 1, "{told}");
    let said = ebbd.ebb(&["report"]).out;
    assert!(said.contains(" running.") && said.contains("1 exit-code did not end well"), "{said}");
}

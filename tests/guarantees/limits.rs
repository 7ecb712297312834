//! Memory limits hold, an OOM kill is told apart from every other kill, and the facts of a run are its own.

use serde_json::json;

use crate::harness::{Ebbd, skips_without_root};

/// Touches so many MiB and then does what else is said.
fn eater(mib: u32, then: &str) -> String {
    format!(
        "command = [\"python3\", \"-c\", \"x = bytearray({mib} << 20); import time; time.sleep(0.3); {then}\"]\n"
    )
}

#[test]
fn a_run_above_its_limit_is_killed_and_said_to_be_so() {
    if skips_without_root("limits::a_run_above_its_limit_is_killed_and_said_to_be_so") {
        return;
    }
    let ebbd = Ebbd::start(&[("fat", &format!("{}[memory]\nmax = \"48M\"\n", eater(200, "pass")))]);
    let line = ebbd.run("fat");
    assert_eq!((&line["outcome"], &line["signal"]), (&json!("oom-kill"), &json!(9)), "{line}");
    assert!(line["oom_kills"].as_u64().unwrap() > 0, "{line}");
    assert!(line["enforcement"].as_str().unwrap().starts_with("cgroup-"), "{line}");
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("48M") && detail.contains("kernel"), "{detail}");
    assert!(line["peak_total_bytes"].as_u64().unwrap() <= 48 << 20, "{line}");
}

#[test]
fn any_other_sigkill_is_no_oom_kill() {
    let kill = format!("{}[memory]\nmax = \"200M\"\n", eater(1, "import os; os.kill(os.getpid(), 9)"));
    let ebbd = Ebbd::start(&[("suicide", &kill)]);
    let line = ebbd.run("suicide");
    assert_eq!((&line["outcome"], &line["signal"]), (&json!("signal"), &json!(9)), "{line}");
}

#[test]
fn a_child_that_the_kernel_killed_makes_the_run_an_oom_kill_though_its_main_process_returns() {
    if skips_without_root("limits::a_child_that_the_kernel_killed_makes_the_run_an_oom_kill") {
        return;
    }
    let job = r#"
command = ["sh", "-c", "python3 -c 'x = bytearray(300 << 20)'; exit $?"]
[memory]
max = "48M"
oom-group = false
"#;
    let ebbd = Ebbd::start(&[("parent", job)]);
    let line = ebbd.run("parent");
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("oom-kill"), &json!(137)), "{line}");
}

#[test]
fn the_peak_is_the_runs_own_with_or_without_a_limit() {
    let limited = format!("{}[memory]\nmax = \"300M\"\n", eater(100, "pass"));
    let ebbd = Ebbd::start(&[
        ("limited", &limited),
        ("free", &eater(100, "pass")),
        ("short", "command = [\"true\"]\n"),
    ]);
    for job in ["limited", "free"] {
        let line = ebbd.run(job);
        assert_eq!(line["outcome"], "success", "{line}");
        for peak in ["peak_anon_bytes", "peak_total_bytes"] {
            let bytes = line[peak].as_u64().unwrap_or_else(|| panic!("{job} has no {peak}: {line}"));
            assert!((100 << 20..180 << 20).contains(&bytes), "{job} {peak} {bytes}");
        }
        assert!(line["cpu_ms"].as_u64().unwrap() > 0, "{line}");
    }
    let line = ebbd.run("short");
    assert!(
        line["peak_anon_bytes"].as_u64().is_some_and(|bytes| bytes > 0),
        "a short run has a peak too: {line}"
    );
}

#[test]
fn without_a_cgroup_the_watchdog_holds_the_limit_and_required_refuses() {
    if skips_without_root("limits::without_a_cgroup_the_watchdog_holds_the_limit_and_required_refuses") {
        return;
    }
    let slow = r#"
command = ["python3", "-c", "import time\nx = []\nwhile True:\n    x.append(bytearray(1 << 20)); time.sleep(0.01)"]
timeout = "50s"
[memory]
max = "48M"
"#;
    let required = "command = [\"true\"]\nenforcement = \"required\"\n";
    let sudden = format!("{}[memory]\nmax = \"48M\"\n", eater(400, "pass"));
    let ebbd =
        Ebbd::prepare(&[("slow", slow), ("required", required), ("sudden", &sudden)]).run_as(65534).go();
    let line = ebbd.run("slow");
    assert_eq!((&line["outcome"], &line["enforcement"]), (&json!("oom-kill"), &json!("rlimit")), "{line}");
    assert!(line["detail"].as_str().unwrap().contains("watchdog"), "{line}");
    let line = ebbd.run("required");
    assert_eq!(line["outcome"], "start-failed", "{line}");
    assert!(line["detail"].as_str().unwrap().contains("required"), "{line}");
    let line = ebbd.run("sudden");
    assert_ne!(line["outcome"], "success", "one process can't reserve far beyond the limit: {line}");
}

#[test]
fn an_oom_kill_takes_the_whole_run_though_only_one_process_was_too_large() {
    if skips_without_root("limits::an_oom_kill_takes_the_whole_run_though_only_one_process_was_too_large") {
        return;
    }
    let job = r#"
command = ["sh", "-c", "python3 -c 'x = bytearray(300 << 20)'; sleep 600"]
timeout = "50s"
[memory]
max = "48M"
"#;
    let ebbd = Ebbd::start(&[("parent", job)]);
    let line = ebbd.run("parent");
    assert_eq!((&line["outcome"], &line["signal"]), (&json!("oom-kill"), &json!(9)), "{line}");
}

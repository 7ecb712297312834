//! At rest nothing wakes ebbd, and what it used while it worked it gives back.

use std::time::Duration;

use crate::harness::Ebbd;
use crate::helpers::proc::{context_switches, status_number, wait_quiet};

/// In kB.
fn anonymous(ebbd: &Ebbd) -> u64 {
    wait_quiet(ebbd.pid());
    status_number(ebbd.pid(), "RssAnon")
}

/// The descriptors of a process that lead to this file.
fn opened(ebbd: &Ebbd, file: &str) -> usize {
    let links = std::fs::read_dir(format!("/proc/{}/fd", ebbd.pid())).unwrap();
    let target = |link: std::io::Result<std::fs::DirEntry>| std::fs::read_link(link.ok()?.path()).ok();
    links.filter_map(target).filter(|target| target.to_str() == Some(file)).count()
}

#[test]
fn nothing_wakes_ebbd_while_nothing_is_due_and_nobody_calls() {
    sleeps(Ebbd::prepare(&[]));
}

#[test]
fn a_budget_with_pools_that_heeds_the_pressure_wakes_ebbd_no_more() {
    let ebbd = Ebbd::prepare(&[("pooled", "command = [\"true\"]\npool = \"one\"\nqueue-timeout = \"1h\"\n")]);
    let settings =
        "[budget]\nmemory = \"50%\"\nreserve = \"1%\"\npressure = \"10%\"\n[pools.one]\nmax-parallel = 1\n";
    std::fs::write(ebbd.path("ebbd.toml"), settings).unwrap();
    let config = ebbd.path("ebbd.toml").display().to_string();
    let ebbd = sleeps(ebbd.flag("--config").flag(&config));
    assert_eq!(ebbd.run("pooled")["outcome"], "success");
    ebbd.until("nobody watches the pressure once nothing runs", || {
        opened(&ebbd, "/proc/pressure/memory") == 0
    });
}

fn sleeps(ebbd: Ebbd) -> Ebbd {
    for number in 0..50 {
        let job = format!("command = [\"true\"]\nschedule = \"{number} 3 1 1 *\"\njitter = \"1h\"\n");
        ebbd.write_job(&format!("job{number}"), &job);
    }
    ebbd.write_job("interval", "command = [\"true\"]\nevery = \"300d\"\n");
    ebbd.write_job("worked", "command = [\"true\"]\ntimeout = \"1h\"\n");
    let ebbd = ebbd.go();
    ebbd.run("worked");
    wait_quiet(ebbd.pid());
    let before = context_switches(ebbd.pid());
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(context_switches(ebbd.pid()), before, "ebbd woke while nothing was due");
    ebbd
}

#[test]
fn runs_leave_no_memory_behind() {
    let ebbd = Ebbd::start(&[("short", "command = [\"true\"]\n")]);
    for _ in 0..50 {
        ebbd.run("short");
    }
    let after_50 = anonymous(&ebbd);
    for _ in 0..300 {
        ebbd.run("short");
    }
    let after_350 = anonymous(&ebbd);
    assert!(after_350 <= after_50 + 200, "{after_50} kB after 50 runs, {after_350} kB after 350");
}

#[test]
fn many_clients_and_a_long_history_leave_no_memory_behind() {
    let ebbd = Ebbd::prepare(&[("short", "command = [\"true\"]\n")]);
    let lines = (1..=5000).map(|id| crate::helpers::past::success(id, "short", 0, 200));
    let head = std::iter::once(crate::helpers::past::opened(5001));
    crate::helpers::past::write(&ebbd.path("state/journal.jsonl"), head.chain(lines));
    let ebbd = ebbd.go();
    let work = || {
        let mut callers: Vec<_> = (0..30).map(|_| ebbd.connect()).collect();
        for caller in &mut callers {
            caller.call("Input", serde_json::json!({"data": "eHh4".repeat(10_000)})).unwrap();
        }
        assert!(ebbd.history().len() >= 5000);
    };
    work();
    let before = anonymous(&ebbd);
    for _ in 0..5 {
        work();
    }
    let after = anonymous(&ebbd);
    assert!(after <= before + 300, "{before} kB before, {after} kB after");
}

//! SIGUSR2 ends ebbd and nothing else: the next one takes the runs over, as `systemctl restart` wants it.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Ebbd, is_alive};
use crate::helpers::gate::Gate;
use crate::helpers::proc::kernel;
use crate::helpers::records::{count, result};
use crate::helpers::timeout;

#[test]
fn usr2_ends_ebbd_and_leaves_its_runs_to_the_next_one() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let held = gate.command(&["sh", "-c", "echo after; exit 7"]);
    ebbd.write_job("held", &format!("{held}[memory]\nmax = \"256M\"\n"));
    let mut ebbd = ebbd.go();
    let (run, queued) = (ebbd.demand("held"), ebbd.demand("held"));
    let pid = ebbd.until_started(run);
    let mut waiting = ebbd.connect();
    waiting.send("Wait", &json!({ "run": run }), false);
    let mut idle = ebbd.connect();
    // Once this is answered, the one before it has been heard.
    idle.call("Status", json!({"job": "held"})).unwrap();
    ebbd.signal(Signal::SIGUSR2);
    assert_eq!(ebbd.wait_end(), Some(0));
    assert_eq!((waiting.receive(), idle.receive()), (None, None), "clients are let go");
    assert!(!ebbd.socket().exists(), "the socket goes with it");
    assert!(is_alive(pid), "the run does not");
    ebbd.restart();
    assert_eq!(ebbd.status("held")["state"], "running");
    gate.open();
    let line = result(&ebbd, run);
    if kernel() >= (6, 15) {
        assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(7)), "{line}");
    } else {
        assert_eq!(line["outcome"], "lost", "{line}");
    }
    if line["enforcement"].as_str().unwrap().starts_with("cgroup") {
        assert!(line["peak_total_bytes"].is_u64(), "its control group is read all the same: {line}");
    }
    assert_eq!(result(&ebbd, queued)["exit_code"], 7, "what waited is started by the next one");
    for run in [run, queued] {
        assert_eq!((count(&ebbd, "started", run), count(&ebbd, "finished", run)), (1, 1));
    }
}

#[test]
fn what_is_left_of_a_timeout_counts_on_after_usr2() {
    timeout::counts_on_after(|ebbd| {
        ebbd.signal(Signal::SIGUSR2);
        assert_eq!(ebbd.wait_end(), Some(0));
    });
}

#[test]
fn usr2_at_any_moment_under_load_loses_no_end_and_starts_nothing_twice() {
    let ebbd = Ebbd::prepare(&[]);
    let done = ebbd.path("done");
    std::fs::create_dir(&done).unwrap();
    let note = format!("echo x >> {}/$EBB_RUN_ID; exit 3", done.display());
    let job = format!(
        "command = {}\noverlap = \"parallel\"\nmax-parallel = 3\nqueue-limit = 1000\n",
        json!(["sh", "-c", note])
    );
    ebbd.write_job("job", &job);
    let mut ebbd = ebbd.go();
    let mut random = fastrand::Rng::with_seed(11);
    let mut accepted = Vec::new();
    for _ in 0..10 {
        accepted.extend((0..8).map(|_| ebbd.call("RunNow", json!({"job": "job"})).unwrap()["run"].as_u64()));
        std::thread::sleep(Duration::from_millis(random.u64(0..30)));
        ebbd.signal(Signal::SIGUSR2);
        assert_eq!(ebbd.wait_end(), Some(0));
        ebbd.restart();
    }
    ebbd.until("all of them to end", || ebbd.status("job")["runs"] == json!([]));
    accepted.dedup();
    for run in accepted.into_iter().flatten() {
        let line = result(&ebbd, run);
        let times = std::fs::read_to_string(done.join(run.to_string())).unwrap_or_default();
        assert_eq!(times, "x\n", "it ran once: {line}");
        let known = line["exit_code"] == 3;
        // Who ends while no ebbd is there to hold on to its process can't be known.
        assert!(known || line["outcome"] == "lost", "{line}");
        assert_eq!((count(&ebbd, "started", run), count(&ebbd, "finished", run)), (1, 1), "{line}");
    }
}

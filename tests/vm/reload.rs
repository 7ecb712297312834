//! `systemctl reload` reads the job files again, says what is wrong, and touches no run.

use serde_json::{Value, json};

use crate::cgroups;
use crate::harness::{JOBS, Job, ebb, ebbd_pid, property, run, sh, systemctl, wait_until};
use crate::varlink;

fn status(job: &str) -> Value {
    varlink::call("Status", json!({ "job": job })).map_or(Value::Null, |reply| reply["job"].clone())
}

fn write(job: &str, text: &str) {
    std::fs::write(format!("{JOBS}/{job}.toml"), text).unwrap();
}

fn held(gate: &str) -> String {
    let _ = std::fs::remove_file(gate);
    let script = format!("while [ ! -e {gate} ]; do sleep 0.1; done; echo old");
    format!("command = {}\n", json!(["sh", "-c", script]))
}

#[test]
fn good_files_are_in_force_when_it_returns() {
    let job = Job::new("changed", "command = [\"false\"]\n");
    let pid = ebbd_pid();
    write("changed", "command = [\"true\"]\n");
    systemctl(&["reload", "ebbd.service"]);
    assert_eq!(job.run()["outcome"], "success");
    assert_eq!((ebbd_pid(), property("ebbd.service", "ActiveState")), (pid, "active".into()));
}

#[test]
fn a_bad_file_fails_the_reload_and_its_loaded_version_stays() {
    let job = Job::new("bad", "command = [\"true\"]\n");
    write("bad", "command = 7\n");
    assert_ne!(run(&["systemctl", "reload", "ebbd.service"]).code, 0);
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
    let said = run(&["journalctl", "--no-pager", "-q", "-o", "cat", "-u", "ebbd.service", "-n", "50"]).ok();
    assert!(said.contains("bad.toml:1:"), "{said}");
    assert_eq!(job.run()["outcome"], "success");
    wait_until("the status line to say so", || {
        property("ebbd.service", "StatusText").contains("1 file with a problem")
    });
    write("bad", "command = [\"true\"]\n");
    systemctl(&["reload", "ebbd.service"]);
    wait_until("the status line to forget it", || {
        !property("ebbd.service", "StatusText").contains("problem")
    });
}

#[test]
fn a_hangup_reloads_as_well() {
    let job = Job::new("changed", "command = [\"false\"]\n");
    write("changed", "command = [\"true\"]\n");
    sh(&format!("kill -HUP {}", ebbd_pid())).ok();
    wait_until("the changed job to be in force", || job.run()["outcome"] == "success");
    wait_until("systemd to know", || property("ebbd.service", "SubState") == "running");
}

#[test]
fn a_job_that_is_removed_or_changed_while_it_runs_ends_as_it_began() {
    for is_removed in [true, false] {
        let gate = "/run/vm-gate-reload";
        let job = Job::new("held", &held(gate));
        let id = job.demand();
        cgroups::leaf_of(id);
        if is_removed {
            std::fs::remove_file(format!("{JOBS}/held.toml")).unwrap();
        } else {
            write("held", "command = [\"echo\", \"new\"]\n");
        }
        systemctl(&["reload", "ebbd.service"]);
        assert!(!cgroups::processes(&cgroups::leaf(id).unwrap()).is_empty(), "it runs on");
        if is_removed {
            assert_ne!(ebb(&["run-now", "held"]).code, 0, "nobody can start it any more");
        } else {
            assert_eq!(status("held")["state"], "running");
        }
        std::fs::write(gate, "").unwrap();
        let line = job.wait(id);
        assert_eq!(line["outcome"], "success", "{line}");
        if !is_removed {
            assert_eq!(job.output(id), "old\n");
            let next = job.run();
            assert_eq!(job.output(next["id"].as_u64().unwrap()), "new\n");
        }
    }
}

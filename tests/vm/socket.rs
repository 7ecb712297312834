//! The socket is systemd's: what comes while ebbd is restarted or stopped waits in it and is answered.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::Value;

use crate::harness::{Job, Settings, ebb, ebb_as, property, run, systemctl};
use crate::varlink;

fn mode() -> u32 {
    std::fs::metadata(varlink::SOCKET).unwrap().permissions().mode() & 0o777
}

fn group_of_socket() -> u32 {
    std::fs::metadata(varlink::SOCKET).unwrap().gid()
}

#[test]
fn it_is_open_to_root_and_the_group_and_to_all_only_while_a_job_lets_others_in() {
    let facts = std::fs::metadata(varlink::SOCKET).unwrap();
    let group = run(&["getent", "group", "ebb"]).ok();
    let gid: u32 = group.split(':').nth(2).unwrap().parse().unwrap();
    assert_eq!((mode(), facts.uid(), facts.gid()), (0o660, 0, gid));
    {
        let job = Job::new("open", "command = [\"true\"]\n[allow]\nrun = [\"app\"]\n");
        assert_eq!(mode(), 0o666);
        assert_eq!(ebb_as(1000, &["run-now", "open", "--wait"]).code, 0);
        systemctl(&["restart", "ebbd.service"]);
        assert_eq!(mode(), 0o666);
        drop(job);
    }
    assert_eq!(mode(), 0o660);
}

#[test]
fn the_group_of_the_settings_may_open_it_and_control_ebbd_for_as_long_as_it_is_set() {
    let own = group_of_socket();
    let settings = Settings::added("group = \"app\"\n", &["systemctl", "restart", "ebbd.service"]);
    systemctl(&["restart", "ebbd.service"]);
    let (there, said) = (group_of_socket(), ebb_as(1000, &["doctor"]));
    drop(settings);
    assert_eq!((there, said.code, mode()), (1000, 0, 0o660), "{}", said.err);
    assert_eq!((group_of_socket(), ebb_as(1000, &["doctor"]).code), (own, 77));
}

#[test]
fn a_trigger_that_comes_while_ebbd_is_stopped_starts_it() {
    let job = Job::new("smoke", "command = [\"true\"]\n");
    for _ in 0..2 {
        systemctl(&["stop", "ebbd.service"]);
        assert_eq!(property("ebbd.service", "ActiveState"), "inactive");
        assert_eq!(property("ebbd.socket", "ActiveState"), "active");
        assert_eq!(job.run()["outcome"], "success");
        assert_eq!(property("ebbd.service", "ActiveState"), "active");
    }
}

#[test]
fn no_trigger_is_refused_while_ebbd_is_restarted_again_and_again() {
    let job = Job::new("busy", "command = [\"true\"]\noverlap = \"queue\"\nqueue-limit = 1000\n");
    let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let over = std::sync::Arc::clone(&is_over);
    let caller = std::thread::spawn(move || {
        let (mut runs, mut late) = (Vec::new(), 0);
        while !over.load(std::sync::atomic::Ordering::Relaxed) {
            // Nobody is refused a connection. What comes with the end itself is told to try again, or cut off unheard.
            let said = ebb(&["run-now", "busy", "--json"]);
            match said.code {
                0 => runs.push(serde_json::from_str::<Value>(&said.out).unwrap()["run"].as_u64().unwrap()),
                75 => late += 1,
                69 if said.err.contains("closed the connection") => late += 1,
                code => panic!("{code}: {}{}", said.out, said.err),
            }
        }
        (runs, late)
    });
    for _ in 0..4 {
        systemctl(&["restart", "ebbd.service"]);
    }
    is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut runs, late) = caller.join().unwrap();
    runs.dedup();
    println!("{} triggers over 4 restarts, {late} told to try again", runs.len());
    assert!(!runs.is_empty());
    for id in runs {
        let line = job.wait(id);
        assert!(
            ["success", "lost"].contains(&line["outcome"].as_str().unwrap()),
            "accepted, and it ran: {line}"
        );
    }
}

#[test]
fn a_client_of_the_command_line_gets_through_a_restart() {
    let _job = Job::new("smoke", "command = [\"true\"]\n");
    systemctl(&["restart", "--no-block", "ebbd.service"]);
    assert_eq!(ebb(&["run-now", "smoke", "--wait"]).code, 0);
    systemctl(&["restart", "ebbd.service"]);
    assert_eq!(property("ebbd.socket", "ActiveState"), "active");
}

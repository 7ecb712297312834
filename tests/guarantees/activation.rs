//! A socket that the service manager hands over outlives ebbd: what comes while no ebbd is there waits in it, and the next
//! one answers it. Its mode is the manager's, but where some job lets
//! others in, or the settings name a group.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Caller, Ebbd, skips_without_root};
use crate::helpers::gate::Gate;
use crate::helpers::stranger::{NOBODY, OTHER, connect_as, group};

const TRUE: &str = "command = [\"true\"]\n";

/// An ebbd that is laid out, with a socket of this mode for it.
fn handed(jobs: &[(&str, &str)], mode: u32) -> Ebbd {
    let ebbd = Ebbd::prepare(jobs);
    let listener = UnixListener::bind(ebbd.socket()).unwrap();
    std::fs::set_permissions(ebbd.socket(), std::fs::Permissions::from_mode(mode)).unwrap();
    ebbd.handed(listener)
}

fn mode(ebbd: &Ebbd) -> u32 {
    std::fs::metadata(ebbd.socket()).unwrap().permissions().mode() & 0o777
}

/// A demand that nobody has let in yet.
fn demand_before(ebbd: &Ebbd) -> Caller {
    let mut caller = Caller::over(UnixStream::connect(ebbd.socket()).unwrap());
    caller.send("RunNow", &json!({"job": "job", "wait": true}), false);
    caller
}

fn outcome(mut caller: Caller) -> Value {
    let frame = caller.receive().expect("an answer");
    frame["parameters"]["result"]["outcome"].clone()
}

#[test]
fn what_came_before_ebbd_is_answered_by_it() {
    let mut ebbd = handed(&[("job", TRUE)], 0o600);
    let caller = demand_before(&ebbd);
    ebbd.spawn();
    assert_eq!(outcome(caller), "success");
    assert_eq!(ebbd.run("job")["outcome"], "success");
}

#[test]
fn the_socket_stays_and_what_comes_while_no_ebbd_is_there_is_answered_by_the_next_one() {
    for signal in [Signal::SIGTERM, Signal::SIGUSR2, Signal::SIGKILL] {
        let mut ebbd = handed(&[("job", TRUE)], 0o660).go();
        assert_eq!(ebbd.run("job")["outcome"], "success");
        if signal == Signal::SIGKILL {
            ebbd.crash();
        } else {
            ebbd.signal(signal);
            assert_eq!(ebbd.wait_end(), Some(0), "{signal}");
        }
        let callers = [demand_before(&ebbd), demand_before(&ebbd)];
        ebbd.spawn();
        for caller in callers {
            assert_eq!(outcome(caller), "success", "after {signal}");
        }
    }
}

#[test]
fn a_call_that_comes_with_the_end_is_answered_by_this_ebbd_or_by_the_next_one() {
    let mut ebbd = handed(&[("job", "command = [\"true\"]\n")], 0o660).go();
    let mut told = Vec::new();
    for round in 0..30 {
        let signal = if round % 2 == 0 { Signal::SIGTERM } else { Signal::SIGUSR2 };
        // Both are there when it looks again, and it is not certain which of them it sees first.
        ebbd.signal(Signal::SIGSTOP);
        let mut caller = Caller::connect(&ebbd.socket());
        caller.send("Status", &json!({"job": "job"}), false);
        ebbd.signal(signal);
        ebbd.signal(Signal::SIGCONT);
        assert_eq!(ebbd.wait_end(), Some(0));
        ebbd.restart();
        let frame = caller.receive().unwrap_or_else(|| panic!("cut off in round {round} after {told:?}"));
        told.push(frame["error"].as_str().unwrap_or("answered").to_owned());
    }
    let known = ["answered", "io.ebb.Control.ShuttingDown"];
    assert!(told.iter().all(|how| known.contains(&how.as_str())), "{told:?}");
}

#[test]
fn its_mode_is_the_units_and_open_to_all_only_while_a_job_lets_others_in() {
    if skips_without_root("activation::its_mode_is_the_units_and_open_to_all_only_while_a_job_lets_others_in")
    {
        return;
    }
    let mut ebbd = handed(&[("job", TRUE)], 0o600).go();
    assert_eq!(mode(&ebbd), 0o600, "as the unit has it");
    ebbd.write_job("job", &format!("{TRUE}[allow]\nrun = [\"{NOBODY}\"]\n"));
    ebbd.call("Reload", json!({})).unwrap();
    assert_eq!(mode(&ebbd), 0o666);
    ebbd.signal(Signal::SIGUSR2);
    ebbd.wait_end();
    let mut guest = connect_as(&ebbd, NOBODY, &[]).expect("whom a job lets in can wait for the next ebbd");
    guest.send("RunNow", &json!({"job": "job", "wait": true}), false);
    ebbd.restart();
    assert_eq!(outcome(guest), "success");
    ebbd.write_job("job", TRUE);
    ebbd.call("Reload", json!({})).unwrap();
    assert_eq!(mode(&ebbd), 0o660, "what was found open to all is closed like a socket of ebbd's own");
}

#[test]
fn the_socket_that_is_handed_over_counts_and_not_the_one_in_the_settings() {
    let ebbd = Ebbd::prepare(&[("job", TRUE)]);
    let elsewhere = ebbd.path("elsewhere.sock");
    let listener = UnixListener::bind(&elsewhere).unwrap();
    let mut ebbd = ebbd.handed(listener);
    ebbd.spawn();
    let reply = Caller::connect(&elsewhere).call("RunNow", json!({"job": "job", "wait": true})).unwrap();
    assert_eq!(reply["result"]["outcome"], "success");
    assert!(!ebbd.socket().exists());
}

#[test]
fn a_handed_over_socket_that_is_none_is_said_and_a_run_gets_nothing_of_it() {
    let mut ebbd = Ebbd::prepare(&[]).under(&[
        "sh",
        "-c",
        "exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"",
        "sh",
    ]);
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(71));
    assert!(ebbd.log().contains("no listening unix stream socket"), "{}", ebbd.log());

    let ebbd = handed(&[("env", "command = [\"cat\", \"/proc/self/environ\"]\n")], 0o660);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.job());
    let ebbd = ebbd.go();
    let run = ebbd.run("env")["id"].as_u64().unwrap();
    assert!(!ebbd.output("env", run).contains("LISTEN_"), "{}", ebbd.output("env", run));
    let pid = ebbd.until_started(ebbd.demand("held"));
    let sockets = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let sockets = sockets.filter_map(|fd| std::fs::read_link(fd.path()).ok());
    assert_eq!(sockets.filter(|target| target.to_string_lossy().starts_with("socket:")).count(), 0);
    gate.open();
}

#[test]
fn the_group_of_the_settings_reaches_a_socket_that_was_made_for_another() {
    if skips_without_root("activation::the_group_of_the_settings_reaches_a_socket_that_was_made_for_another")
    {
        return;
    }
    let mut ebbd = handed(&[("job", TRUE)], 0o600);
    let config = ebbd.path("ebbd.toml");
    std::fs::write(&config, format!("group = \"{OTHER}\"\n")).unwrap();
    ebbd = ebbd.flag("--config").flag(config.to_str().unwrap()).go();
    let facts = std::fs::metadata(ebbd.socket()).unwrap();
    assert_eq!((facts.gid(), mode(&ebbd)), (OTHER, 0o660), "{}", ebbd.log());
    let mut member = connect_as(&ebbd, NOBODY, &[OTHER]).expect("a member of the group may open it");
    assert_eq!(member.call("Doctor", json!({})).unwrap()["remarks"], json!([]));
    assert_eq!(connect_as(&ebbd, NOBODY, &[]).err(), Some(Errno::EACCES as i32), "nobody else may");
    assert!(ebbd.log().contains("which controls ebbd (setting `group`)"), "{}", ebbd.log());
    // Another group from the next start on, with the same socket.
    std::fs::write(&config, format!("group = \"{}\"\n", group("daemon"))).unwrap();
    ebbd.signal(Signal::SIGUSR2);
    assert_eq!(ebbd.wait_end(), Some(0));
    ebbd.restart();
    assert_eq!(std::fs::metadata(ebbd.socket()).unwrap().gid(), group("daemon"));
    assert_eq!(connect_as(&ebbd, NOBODY, &[OTHER]).err(), Some(Errno::EACCES as i32));
}

#[test]
fn a_socket_that_ebbd_may_not_give_to_the_group_is_said_at_the_start_and_by_doctor_with_the_lines_to_write() {
    if skips_without_root("activation::a_socket_that_ebbd_may_not_give_to_the_group_is_said") {
        return;
    }
    let ebbd = handed(&[("job", TRUE)], 0o660);
    let ebbd = ebbd.run_as(NOBODY).flag("--group").flag(&OTHER.to_string()).go();
    let doctor = ebbd.call("Doctor", json!({})).unwrap();
    let lines = format!("`[Socket]`, `SocketGroup={OTHER}`, `SocketMode=0660`");
    assert!(doctor["remarks"][0].as_str().unwrap().contains(&lines), "{doctor}");
    assert!(ebbd.log().contains(&lines), "{}", ebbd.log());
    // Made right by hand, there is nothing left to say.
    std::os::unix::fs::chown(ebbd.socket(), None, Some(OTHER)).unwrap();
    assert_eq!(ebbd.call("Doctor", json!({})).unwrap()["remarks"], json!([]));
}

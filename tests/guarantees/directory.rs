//! A directory service that takes its time holds up who asks for its users, and nobody else. `getent` is a program of the
//! test's own here, in a mount namespace of ebbd's.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Ebbd, skips_without_root};
use crate::helpers::gate::Gate;
use crate::helpers::records::result;
use crate::helpers::stranger::{NOBODY, connect_as};

/// The one user whom the directory knows.
const JOE: u32 = 61_237;
/// Less than half of what a look-up may take: so much is no waiting for one.
const AT_ONCE: Duration = Duration::from_millis(2_400);

/// An ebbd whose directory answers once the gate is open, and that gate, open.
fn with_directory(jobs: &[(&str, &str)]) -> (Ebbd, Gate) {
    let ebbd = Ebbd::prepare(jobs);
    let gate = Gate::closed(ebbd.path("gate"));
    gate.open();
    let getent = format!(
        "#!/bin/sh\necho \"$*\" >> {0}/asked\nflock -s {0}/gate true\ncase \"$*\" in 'passwd joe') echo joe:x:{JOE}:{JOE}::/:/bin/sh ;; \
         'group club') echo club:x:{JOE}: ;; *) exit 2 ;; esac\n",
        ebbd.path(".").display()
    );
    std::fs::write(ebbd.path("getent"), getent).unwrap();
    std::fs::set_permissions(ebbd.path("getent"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    std::fs::write(ebbd.path("nsswitch.conf"), "passwd: files slow\ngroup: files slow\n").unwrap();
    let script = format!(
        "mount --bind {0}/getent /usr/bin/getent && mount --bind {0}/nsswitch.conf /etc/nsswitch.conf && exec \"$0\" \"$@\"",
        ebbd.path(".").display()
    );
    (ebbd.under(&["unshare", "--mount", "sh", "-c", &script]).go(), gate)
}

/// Shuts the gate again.
fn shut(ebbd: &Ebbd) -> Gate {
    Gate::closed(ebbd.path("gate"))
}

const OTHER: (&str, &str) = ("other", "command = [\"true\"]\n");
const OF_JOE: (&str, &str) = ("of-joe", "command = [\"id\", \"-u\"]\nuser = \"joe\"\n");

/// How often the directory has been asked.
fn times_asked(ebbd: &Ebbd) -> usize {
    std::fs::read_to_string(ebbd.path("asked")).unwrap_or_default().lines().count()
}

#[test]
fn a_start_that_waits_for_a_directory_holds_up_no_other() {
    if skips_without_root("directory::a_start_that_waits_for_a_directory_holds_up_no_other") {
        return;
    }
    let (ebbd, _) = with_directory(&[OTHER, OF_JOE]);
    assert_eq!(ebbd.run("of-joe")["outcome"], "success");
    let gate = shut(&ebbd);
    let began = Instant::now();
    let run = ebbd.demand("of-joe");
    assert_eq!(ebbd.run("other")["outcome"], "success");
    assert_eq!(ebbd.status("of-joe")["runs"][0]["state"], "starting");
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    gate.open();
    let line = result(&ebbd, run);
    assert_eq!(line["outcome"], "success", "{line}");
    assert_eq!(ebbd.output("of-joe", run), format!("{JOE}\n"));
    assert!(!ebbd.log().contains("cannot start yet"), "it was no scarcity:\n{}", ebbd.log());
}

#[test]
fn a_directory_that_stays_silent_is_said_by_the_run_that_waits_for_it() {
    if skips_without_root("directory::a_directory_that_stays_silent_is_said_by_the_run_that_waits_for_it") {
        return;
    }
    let (ebbd, _) = with_directory(&[OTHER, OF_JOE]);
    let _gate = shut(&ebbd);
    ebbd.demand("of-joe");
    let lacks = || ebbd.status("of-joe")["runs"][0]["lacks"].as_str().map(str::to_owned);
    ebbd.until("it to be given up for now", || lacks().is_some());
    assert!(
        ebbd.log().contains("cannot start yet") && ebbd.log().contains("no answer within"),
        "{}",
        ebbd.log()
    );
    // While it is left in peace it is not asked again.
    let asked = times_asked(&ebbd);
    ebbd.until("another attempt", || lacks().is_some_and(|lacks| lacks.contains("asked again later")));
    assert_eq!(times_asked(&ebbd), asked);
    assert_eq!(ebbd.call("Stop", json!({"job": "of-joe"})).map(|_| ()), Ok(()));
}

#[test]
fn a_run_that_waits_for_a_directory_can_be_stopped_and_does_not_hold_up_the_end_of_ebbd() {
    if skips_without_root("directory::a_run_that_waits_for_a_directory_can_be_stopped") {
        return;
    }
    let (mut ebbd, _) = with_directory(&[OTHER, OF_JOE]);
    let gate = shut(&ebbd);
    let began = Instant::now();
    let run = ebbd.demand("of-joe");
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    let line = result(&ebbd, run);
    assert_eq!((&line["outcome"], &line["started_at"]), (&json!("canceled"), &json!(null)), "{line}");
    let kept = ebbd.demand("of-joe");
    ebbd.signal(Signal::SIGTERM);
    assert_eq!(ebbd.wait_end(), Some(0));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    gate.open();
    ebbd.restart();
    assert_eq!(result(&ebbd, kept)["outcome"], "success", "what only the end of ebbd kept from starting");
}

#[test]
fn a_call_that_waits_for_a_directory_holds_up_no_other_and_is_decided_by_what_it_says() {
    if skips_without_root("directory::a_call_that_waits_for_a_directory_holds_up_no_other") {
        return;
    }
    let open = "command = [\"true\"]\n[allow]\nrun = [\"joe\"]\nview = [\"@club\"]\n";
    let (ebbd, _) = with_directory(&[OTHER, ("open", open)]);
    let mut joe = connect_as(&ebbd, JOE, &[]).unwrap();
    let mut lister = connect_as(&ebbd, JOE, &[]).unwrap();
    let mut nobody = connect_as(&ebbd, NOBODY, &[]).unwrap();
    let mut reader = connect_as(&ebbd, NOBODY, &[JOE]).unwrap();
    let gate = shut(&ebbd);
    let before = times_asked(&ebbd);
    let began = Instant::now();
    joe.send("RunNow", &json!({"job": "open", "wait": true}), false);
    nobody.send("RunNow", &json!({"job": "open"}), false);
    lister.send("Status", &json!({}), true);
    reader.send("Status", &json!({"job": "open"}), false);
    ebbd.until("the directory to be asked", || times_asked(&ebbd) > before);
    assert_eq!(ebbd.run("other")["outcome"], "success");
    assert_eq!(ebbd.status("open")["runs"], json!([]), "nothing is done before it is known who may");
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    gate.open();
    let done = joe.receive().unwrap();
    assert_eq!(done["parameters"]["result"]["outcome"], "success", "{done}");
    assert_eq!(nobody.receive().unwrap()["error"], "io.ebb.Control.NotAllowed");
    assert_eq!(reader.receive().unwrap()["parameters"]["job"]["job"], "open");
    assert_eq!(lister.receive().unwrap()["parameters"]["job"]["job"], "open", "`other` is none of theirs");
    assert!(lister.receive().unwrap()["continues"].is_null(), "that was all");
}

#[test]
fn a_reload_that_waits_for_a_directory_holds_up_nobody() {
    if skips_without_root("directory::a_reload_that_waits_for_a_directory_holds_up_nobody") {
        return;
    }
    let (ebbd, _) = with_directory(&[OTHER, OF_JOE]);
    let gate = shut(&ebbd);
    ebbd.write_job("new", "command = [\"true\"]\nuser = \"joe\"\n");
    ebbd.write_job("unknown", "command = [\"true\"]\nuser = \"jim\"\n");
    let before = times_asked(&ebbd);
    let began = Instant::now();
    let mut caller = ebbd.connect();
    caller.send("Reload", &json!({}), false);
    ebbd.until("the directory to be asked", || times_asked(&ebbd) > before);
    assert_eq!(ebbd.run("other")["outcome"], "success");
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    gate.open();
    let report = caller.receive().unwrap()["parameters"].clone();
    assert_eq!((&report["jobs"], &report["added"]), (&json!(3), &json!(["new"])), "{report}");
    assert!(report["problems"][0].as_str().unwrap().contains("no user `jim`"), "{report}");
    // A reload by a signal as well.
    let gate = shut(&ebbd);
    ebbd.write_job("newer", "command = [\"true\"]\nuser = \"joe\"\n");
    let before = times_asked(&ebbd);
    ebbd.signal(Signal::SIGHUP);
    ebbd.until("the directory to be asked", || times_asked(&ebbd) > before);
    assert_eq!(ebbd.run("other")["outcome"], "success");
    gate.open();
    ebbd.until("the reload", || ebbd.call("Status", json!({"job": "newer"})).is_ok());
}

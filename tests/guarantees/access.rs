//! Who may do what is decided by the kernel's word on who is calling, job by job, and nobody learns what is not theirs.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::{Caller, Ebbd, is_root, skips_without_root};
use crate::helpers::gate::Gate;
use crate::helpers::stranger::{NOBODY, OTHER, connect_as, group};

const TRUE: &str = "command = [\"true\"]\n";

/// Every call about one job.
fn calls_about(job: &str) -> Vec<(&'static str, Value, bool)> {
    vec![
        ("RunNow", json!({"job": job}), false),
        ("RunNow", json!({"job": job, "wait": true}), true),
        ("Stop", json!({"job": job}), false),
        ("Pause", json!({"job": job}), false),
        ("Resume", json!({"job": job}), false),
        ("Status", json!({"job": job}), false),
        ("Next", json!({"job": job}), false),
        ("History", json!({"job": job}), true),
        ("History", json!({"job": job, "limit": 1}), false),
        ("Logs", json!({"job": job}), false),
        ("Logs", json!({"job": job, "run": 1}), false),
    ]
}

/// The error and its sentence with which a call is refused.
fn refused(caller: &mut Caller, method: &str, parameters: &Value, more: bool) -> (String, String) {
    caller.send(method, parameters, more);
    let frame = caller.receive().expect("an answer");
    let error =
        frame["error"].as_str().unwrap_or_else(|| panic!("{method} {parameters} is allowed: {frame}"));
    (error.to_owned(), frame["parameters"].to_string())
}

fn names(replies: &[Value]) -> Vec<&str> {
    replies.iter().filter_map(|reply| reply["job"]["job"].as_str()).collect()
}

#[test]
fn a_stranger_is_refused_everything_about_a_job_that_is_not_opened_and_learns_nothing_of_it() {
    if skips_without_root(
        "access::a_stranger_is_refused_everything_about_a_job_that_is_not_opened_and_learns_nothing_of_it",
    ) {
        return;
    }
    // The third job opens the socket.
    let ebbd =
        Ebbd::prepare(&[("secret", TRUE), ("opened", &format!("{TRUE}[allow]\nview = [\"{OTHER}\"]\n"))]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("hidden", &gate.job());
    let ebbd = ebbd.go();
    ebbd.run("secret");
    let under_way = ebbd.demand("hidden");
    let mut stranger = connect_as(&ebbd, NOBODY, &[]).unwrap();
    for ((method, about_one, more), (_, about_none, _)) in
        calls_about("secret").into_iter().zip(calls_about("nonexi"))
    {
        let one = refused(&mut stranger, method, &about_one, more);
        let none = refused(&mut stranger, method, &about_none, more);
        assert_eq!(one.0, "io.ebb.Control.NotAllowed", "{method}");
        assert_eq!((one.0, one.1.replace("secret", "nonexi")), none, "{method} tells a job from none");
    }
    for method in ["Doctor", "Reload", "Upgrade"] {
        assert_eq!(refused(&mut stranger, method, &json!({}), false).0, "io.ebb.Control.NotAllowed");
    }
    // Runs have numbers that anybody can guess: those of others are as unknown as those that never were.
    for method in ["Wait", "Stop"] {
        let never = refused(&mut stranger, method, &json!({"run": 999}), false);
        for run in [1, under_way] {
            let one = refused(&mut stranger, method, &json!({ "run": run }), false);
            assert_eq!(one.0, never.0, "{method} of run {run}");
            assert_eq!(one.1.replace(&run.to_string(), "999"), never.1, "{method} of run {run}");
        }
    }
    assert_eq!(names(&stranger.stream("Status", json!({})).unwrap()), [""; 0]);
    let all = stranger.stream("History", json!({})).unwrap();
    assert!(all.iter().all(|line| line["result"].is_null()), "{all:?}");
    stranger.send_frame(&json!({"method": "org.varlink.service.GetInfo"}));
    assert_eq!(stranger.receive().unwrap()["parameters"]["product"], "ebbd");
    gate.open();
}

#[test]
fn allow_run_opens_that_job_alone() {
    if skips_without_root("access::allow_run_opens_that_job_alone") {
        return;
    }
    let allow = format!("[allow]\nrun = [\"{NOBODY}\"]\n");
    let ebbd = Ebbd::prepare(&[
        ("mine", &format!("command = [\"sh\", \"-c\", \"echo hello; exit 7\"]\n{allow}")),
        ("theirs", TRUE),
    ]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("long", &format!("{}{allow}", gate.job()));
    let ebbd = ebbd.go();
    ebbd.run("theirs");
    let mut nobody = connect_as(&ebbd, NOBODY, &[]).unwrap();
    let line = nobody.call("RunNow", json!({"job": "mine", "wait": true})).unwrap()["result"].clone();
    assert_eq!((&line["exit_code"], &line["uid"]), (&json!(7), &json!(NOBODY)), "{line}");
    nobody.call("Wait", json!({"run": line["id"]})).unwrap();
    nobody.call("Next", json!({"job": "mine"})).unwrap();
    assert_eq!(nobody.call("Logs", json!({"job": "mine"})).unwrap()["run"], line["id"]);
    let run = nobody.call("RunNow", json!({"job": "long"})).unwrap()["run"].clone();
    assert_eq!(nobody.call("Stop", json!({"run": run})).unwrap()["runs"], json!([run]));
    assert_eq!(nobody.call("Wait", json!({"run": run})).unwrap()["result"]["outcome"], "canceled");
    assert_eq!(names(&nobody.stream("Status", json!({})).unwrap()), ["long", "mine"]);
    let seen = nobody.stream("History", json!({})).unwrap();
    let seen: Vec<_> = seen.iter().map(|line| line["result"]["job"].as_str().unwrap()).collect();
    assert_eq!(seen, ["long", "mine"]);
    for method in ["Pause", "Resume"] {
        assert_eq!(nobody.call(method, json!({"job": "mine"})), Err("NotAllowed".to_owned()), "{method}");
    }
    for (method, parameters, more) in calls_about("theirs") {
        let refusal = refused(&mut nobody, method, &parameters, more);
        assert_eq!(refusal.0, "io.ebb.Control.NotAllowed", "{method}");
    }
    let mut other = connect_as(&ebbd, OTHER, &[]).unwrap();
    assert_eq!(other.call("RunNow", json!({"job": "mine"})), Err("NotAllowed".to_owned()));
}

#[test]
fn allow_view_lets_see_and_nothing_else() {
    if skips_without_root("access::allow_view_lets_see_and_nothing_else") {
        return;
    }
    let ebbd = Ebbd::start(&[("seen", &format!("{TRUE}[allow]\nview = [\"{NOBODY}\"]\n"))]);
    let run = ebbd.run("seen")["id"].clone();
    let mut nobody = connect_as(&ebbd, NOBODY, &[]).unwrap();
    for (method, parameters, more) in calls_about("seen") {
        if ["RunNow", "Stop", "Pause", "Resume"].contains(&method) {
            let refusal = refused(&mut nobody, method, &parameters, more);
            assert_eq!(refusal.0, "io.ebb.Control.NotAllowed", "{method}");
        } else {
            nobody.stream(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"));
        }
    }
    assert_eq!(nobody.call("Wait", json!({ "run": run })).unwrap()["result"]["outcome"], "success");
    assert_eq!(ebbd.history().len(), 1);
}

#[test]
fn a_group_in_allow_opens_the_job_to_its_members() {
    if skips_without_root("access::a_group_in_allow_opens_the_job_to_its_members") {
        return;
    }
    let ebbd = Ebbd::start(&[("shared", &format!("{TRUE}[allow]\nrun = [\"@daemon\"]\n"))]);
    let mut member = connect_as(&ebbd, NOBODY, &[7, group("daemon")]).unwrap();
    member.call("RunNow", json!({"job": "shared", "wait": true})).unwrap();
    let mut stranger = connect_as(&ebbd, NOBODY, &[7]).unwrap();
    let (name, message) = stranger.refusal("RunNow", json!({"job": "shared"}));
    assert_eq!(name, "NotAllowed");
    assert!(message.contains("[allow] run"), "the refusal says what would allow it: {message}");
}

#[test]
fn a_member_of_the_control_group_may_do_all_over_a_socket_that_is_closed_to_others() {
    if skips_without_root(
        "access::a_member_of_the_control_group_may_do_all_over_a_socket_that_is_closed_to_others",
    ) {
        return;
    }
    let ebbd = Ebbd::prepare(&[("job", TRUE)]).flag("--group").flag("mail").go();
    let mut member = connect_as(&ebbd, NOBODY, &[group("mail")]).unwrap();
    member.call("RunNow", json!({"job": "job", "wait": true})).unwrap();
    for method in ["Pause", "Resume", "Status", "Next", "Logs"] {
        member.call(method, json!({"job": "job"})).unwrap_or_else(|error| panic!("{method}: {error}"));
    }
    for method in ["Doctor", "Reload"] {
        member.call(method, json!({})).unwrap_or_else(|error| panic!("{method}: {error}"));
    }
    assert_eq!(connect_as(&ebbd, NOBODY, &[]).map(drop), Err(libc::EACCES), "for others it is closed");
}

#[test]
fn the_socket_is_open_to_others_only_while_some_job_allows_it() {
    let mode = |ebbd: &Ebbd| std::fs::metadata(ebbd.socket()).unwrap().permissions().mode() & 0o7777;
    let ebbd = Ebbd::start(&[("job", TRUE)]);
    assert_eq!(mode(&ebbd), 0o660);
    ebbd.write_job("job", &format!("{TRUE}[allow]\nview = [\"root\"]\n"));
    ebbd.call("Reload", json!({})).unwrap();
    assert_eq!(mode(&ebbd), 0o666);
    ebbd.write_job("job", TRUE);
    ebbd.call("Reload", json!({})).unwrap();
    assert_eq!(mode(&ebbd), 0o660);
    let open = Ebbd::start(&[("job", &format!("{TRUE}[allow]\nrun = [\"root\"]\n"))]);
    assert_eq!(mode(&open), 0o666);
    let state = std::fs::metadata(open.path("state")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(state & 0o007, 0, "what jobs say is not for everyone: {state:o}");
}

#[test]
fn a_user_has_a_bounded_share_of_the_connections() {
    if skips_without_root("access::a_user_has_a_bounded_share_of_the_connections") {
        return;
    }
    let ebbd = Ebbd::start(&[("job", &format!("{TRUE}[allow]\nview = [\"{NOBODY}\"]\n"))]);
    let mut inside: Vec<_> =
        (0..ebb::limits::CLIENTS_PER_USER_MAX).map(|_| connect_as(&ebbd, NOBODY, &[]).unwrap()).collect();
    for caller in &mut inside {
        caller.call("Status", json!({"job": "job"})).unwrap();
    }
    let mut late = connect_as(&ebbd, NOBODY, &[]).unwrap();
    let frame = late.receive().expect("to be told why");
    assert_eq!(frame["error"], "io.ebb.Control.Busy", "{frame}");
    ebbd.call("Doctor", json!({})).expect("root is served");
    connect_as(&ebbd, OTHER, &[]).unwrap().refusal("Status", json!({"job": "job"}));
}

#[test]
fn strangers_together_leave_room_for_those_who_may_do_all() {
    if skips_without_root("access::strangers_together_leave_room_for_those_who_may_do_all") {
        return;
    }
    let ebbd = Ebbd::start(&[("job", &format!("{TRUE}[allow]\nview = [\"{NOBODY}\"]\n"))]);
    let users = u32::try_from(ebb::limits::CLIENTS_MAX / ebb::limits::CLIENTS_PER_USER_MAX).unwrap();
    let mut held = Vec::new();
    for uid in NOBODY - users..NOBODY {
        held.extend((0..ebb::limits::CLIENTS_PER_USER_MAX).map(|_| connect_as(&ebbd, uid, &[]).unwrap()));
    }
    for _ in 0..3 {
        ebbd.call("Doctor", json!({})).expect("root is served");
    }
}

#[test]
fn a_job_file_that_others_may_write_is_refused() {
    let ebbd = Ebbd::prepare(&[("good", TRUE), ("open", TRUE), ("linked", TRUE)]);
    let file = ebbd.path("jobs/open.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o646)).unwrap();
    // A link to a good file in a directory where everyone may put another in its place.
    let loose = ebbd.path("loose");
    std::fs::create_dir(&loose).unwrap();
    std::fs::set_permissions(&loose, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::rename(ebbd.path("jobs/linked.toml"), loose.join("linked.toml")).unwrap();
    std::os::unix::fs::symlink(loose.join("linked.toml"), ebbd.path("jobs/linked.toml")).unwrap();
    let ebbd = ebbd.go();
    assert_eq!(ebbd.call("RunNow", json!({"job": "open"})), Err("NoSuchJob".to_owned()));
    assert_eq!(ebbd.call("RunNow", json!({"job": "linked"})), Err("NoSuchJob".to_owned()));
    assert_eq!(ebbd.run("good")["outcome"], "success");
    let problems = ebbd.call("Doctor", json!({})).unwrap()["problems"].to_string();
    assert!(problems.contains("open.toml") && problems.contains("chmod o-w"), "{problems}");
    assert!(problems.contains("loose"), "{problems}");
    // A file that becomes writable after it was loaded: the version that was checked stays in force.
    let good = ebbd.path("jobs/good.toml");
    std::fs::set_permissions(&good, std::fs::Permissions::from_mode(0o666)).unwrap();
    let report = ebbd.call("Reload", json!({})).unwrap();
    assert_eq!(report["jobs"], 1, "{report}");
    assert_eq!(ebbd.run("good")["outcome"], "success");
    assert!(ebbd.status("good")["stale"].is_string());
}

#[test]
fn a_job_file_of_another_user_is_refused() {
    if skips_without_root("access::a_job_file_of_another_user_is_refused") {
        return;
    }
    let ebbd = Ebbd::prepare(&[("good", TRUE), ("foreign", TRUE)]);
    std::os::unix::fs::chown(ebbd.path("jobs/foreign.toml"), Some(NOBODY), None).unwrap();
    let ebbd = ebbd.go();
    assert_eq!(ebbd.call("RunNow", json!({"job": "foreign"})), Err("NoSuchJob".to_owned()));
    let problems = ebbd.call("Doctor", json!({})).unwrap()["problems"].to_string();
    assert!(problems.contains("foreign.toml") && problems.contains("chown"), "{problems}");
}

#[test]
fn a_directory_of_job_files_that_others_may_write_is_refused() {
    let ebbd = Ebbd::prepare(&[("good", TRUE)]);
    std::fs::set_permissions(ebbd.path("jobs"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut ebbd = ebbd.go();
    assert_eq!(ebbd.call("RunNow", json!({"job": "good"})), Err("NoSuchJob".to_owned()));
    assert!(ebbd.log().contains("everybody may write"), "{}", ebbd.log());
    ebbd.crash();
    std::fs::set_permissions(ebbd.path("jobs"), std::fs::Permissions::from_mode(0o755)).unwrap();
    ebbd.restart();
    assert_eq!(ebbd.run("good")["outcome"], "success");
}

#[test]
fn ebbd_of_an_ordinary_user_is_roots_and_that_users_alone() {
    if skips_without_root("access::ebbd_of_an_ordinary_user_is_roots_and_that_users_alone") {
        return;
    }
    assert!(is_root());
    let ebbd =
        Ebbd::prepare(&[("job", &format!("{TRUE}[allow]\nview = [\"{OTHER}\"]\n"))]).run_as(NOBODY).go();
    ebbd.call("Pause", json!({"job": "job"})).unwrap();
    let mut own = connect_as(&ebbd, NOBODY, &[]).unwrap();
    own.call("Resume", json!({"job": "job"})).unwrap();
    let mut other = connect_as(&ebbd, OTHER, &[]).unwrap();
    other.call("Status", json!({"job": "job"})).unwrap();
    assert_eq!(other.call("Doctor", json!({})), Err("NotAllowed".to_owned()));
}

//! `ebb doctor`: what ebbd says of itself, and what is found where it is not there.

use serde_json::{Value, json};

use crate::cli::args::Plain;
use crate::cli::doctor::{Standing, run_on};
use crate::cli::screen::{Look, Screen};
use crate::cli::target::Target;
use crate::cli::testing::Fake;

fn fake() -> Fake {
    let report = json!({
        "version": env!("CARGO_PKG_VERSION"), "pid": 812, "uid": 0, "enforcement": "cgroup-v1",
        "tracking": "cgroup-v2", "reasons": ["cgroup v2 offers no memory"], "jobs": "/etc/ebb/jobs.d",
        "state": "/var/lib/ebb", "job_count": 12, "problems": ["x.toml:1:1: there is no key `comand`"],
        "remarks": ["nothing here holds limits of fat: pids-max"],
    });
    Fake::serve(move |_, peer| peer.say(&report))
}

#[test]
fn ebbds_own_report_is_shown_with_what_it_means() {
    let printed = fake().ebb(&["doctor"]);
    assert_eq!(printed.code, 0);
    for line in [
        "  limits      cgroup-v1: the kernel holds the whole tree of a run\n",
        "  tracking    cgroup-v2\n",
        "  why         cgroup v2 offers no memory\n",
        "  remark      nothing here holds limits of fat: pids-max\n",
        "  job files   /etc/ebb/jobs.d (12 jobs in force)\n",
    ] {
        assert!(printed.out.contains(line), "{}", printed.out);
    }
    assert!(printed.err.contains("comand"), "{}", printed.err);
    let json: Value = serde_json::from_str(&fake().ebb(&["doctor", "--json"]).out).unwrap();
    assert_eq!((&json["running"], &json["pid"], &json["job_count"]), (&json!(true), &json!(812), &json!(12)));
}

/// On a host where nothing enforces anything, and without ebbd.
fn alone(json: bool) -> (u8, String) {
    let standing = || Standing {
        enforcement: "none".to_owned(),
        tracking: "process-tree".to_owned(),
        reasons: vec!["/proc is not mounted".to_owned()],
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
    let done = run_on(standing, &Plain { json }, &Target::at("/nonexistent/ebb.sock"), &mut screen);
    assert!(screen.out.flush().is_ok() && err.is_empty());
    (done.unwrap().0, String::from_utf8(out).unwrap())
}

#[test]
fn without_ebbd_it_says_so_and_looks_for_itself() {
    let (code, out) = alone(false);
    assert_eq!(code, 69);
    assert!(out.starts_with("ebbd does not answer. /nonexistent/ebb.sock"), "{out}");
    assert!(out.contains("  limits      none: nothing holds a run to its memory limit\n"), "{out}");
    assert!(out.contains("  why         /proc is not mounted\n"), "{out}");
    let json: Value = serde_json::from_str(&alone(true).1).unwrap();
    assert_eq!((&json["running"], &json["tracking"]), (&json!(false), &json!("process-tree")));
}

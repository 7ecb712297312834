//! A user's own ebbd under `systemctl --user`, without root: limits hold by the controllers that the user was given, and runs
//! outlive a restart.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Said, run, sh, wait_until};
use crate::limits_memory::touches;

const UID: &str = "1000";
const JOBS: &str = "/home/app/.config/ebb/jobs.d";
const SOCKET: &str = "/run/user/1000/ebb/ebb.sock";

/// A command of that user, in its session.
#[track_caller]
fn as_user(words: &[&str]) -> Said {
    let mut line = vec!["setpriv", "--reuid", UID, "--regid", UID, "--clear-groups", "env", "HOME=/home/app"];
    line.extend(["XDG_RUNTIME_DIR=/run/user/1000", "USER=app"]);
    line.extend(words);
    run(&line)
}

/// The user's systemd, with our units and jobs. Dropped, nothing of it is left.
struct Session;

impl Session {
    fn begin(jobs: &[(&str, &str)]) -> Self {
        std::fs::create_dir_all(JOBS).unwrap();
        for (name, text) in jobs {
            std::fs::write(format!("{JOBS}/{name}.toml"), text).unwrap();
        }
        sh("chown -R app: /home/app/.config").ok();
        run(&["loginctl", "enable-linger", "app"]).ok();
        wait_until("the user's systemd", || as_user(&["systemctl", "--user", "show-environment"]).code == 0);
        let session = Self;
        let started = as_user(&["systemctl", "--user", "start", "ebbd.service"]);
        let why = || as_user(&["systemctl", "--user", "status", "ebbd.service"]).out;
        assert_eq!(started.code, 0, "{}\n{}", started.err, why());
        session
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = as_user(&["systemctl", "--user", "stop", "ebbd.service", "ebbd.socket", "ebb-runs.service"]);
        let _ = run(&["loginctl", "disable-linger", "app"]);
        let _ = run(&["systemctl", "stop", "user@1000.service"]);
        let _ = sh("rm -rf /home/app/.config/ebb /home/app/.local/state/ebb");
    }
}

#[track_caller]
fn last(job: &str) -> Value {
    let text = as_user(&["ebb", "history", job, "--json"]).ok();
    let lines: Vec<Value> = serde_json::from_str(&text).unwrap();
    lines.last().cloned().unwrap_or_default()
}

#[test]
fn it_holds_its_runs_by_cgroup_v2_and_they_outlive_a_restart() {
    let gate = "/tmp/vm-gate-user";
    let _ = std::fs::remove_file(gate);
    let held = format!("command = [\"sh\", \"-c\", \"while [ ! -e {gate} ]; do sleep 0.1; done\"]\n");
    let fat = format!("{}[memory]\nmax = \"32M\"\n", touches(200));
    let session = Session::begin(&[("held", &held), ("fat", &fat), ("who", "command = [\"id\", \"-u\"]\n")]);
    let doctor = as_user(&["ebb", "doctor", "--json"]).ok();
    let doctor: Value = serde_json::from_str(&doctor).unwrap();
    assert_eq!(doctor["enforcement"], "cgroup-v2", "{doctor}");
    let reasons = doctor["reasons"].as_array().unwrap();
    // Where the user is not given the cpu controller, that is said, and nothing else.
    assert!(reasons.iter().all(|why| why.as_str().unwrap().contains("no cpu in")), "{doctor}");
    assert_eq!(doctor["socket"], SOCKET);
    assert_eq!(std::fs::metadata(SOCKET).unwrap().permissions().mode() & 0o777, 0o600);

    assert_eq!(as_user(&["ebb", "run-now", "who", "--wait"]).code, 0);
    assert_eq!(as_user(&["ebb", "logs", "who"]).ok(), "1000\n");
    let killed = as_user(&["ebb", "run-now", "fat", "--wait"]);
    assert_eq!(killed.code, 137, "{}{}", killed.out, killed.err);
    let line = last("fat");
    assert_eq!(
        (line["outcome"].as_str(), line["enforcement"].as_str()),
        (Some("oom-kill"), Some("cgroup-v2")),
        "{line}"
    );

    as_user(&["ebb", "run-now", "held"]).ok();
    let runs = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/ebb-runs.service";
    let processes = || sh(&format!("cat {runs}/*/run-*/cgroup.procs")).out;
    wait_until("the run to have a process", || !processes().trim().is_empty());
    let before = processes();
    let restarted = as_user(&["systemctl", "--user", "restart", "ebbd.service"]);
    assert_eq!(restarted.code, 0, "{}", restarted.err);
    assert_eq!(as_user(&["systemctl", "--user", "reload", "ebbd.service"]).code, 0);
    assert_eq!(processes().lines().next(), before.lines().next(), "the run went on");
    std::fs::write(gate, "").unwrap();
    wait_until("its end", || last("held")["outcome"].is_string());
    drop(session);
    assert!(!Path::new(SOCKET).exists());
    assert!(
        std::os::unix::net::UnixStream::connect(crate::varlink::SOCKET).is_ok(),
        "the system's own was left alone"
    );
}

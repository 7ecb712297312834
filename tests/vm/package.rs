//! The Debian package: what it leaves is enabled and running, help is where people look for it, and a newer version over
//! the running one loses no run.

use std::path::Path;
use std::sync::Once;

use serde_json::{Value, json};

use crate::harness::{
    Job, artefact, assert_adopted_end, ebb, ebbd_pid, property, run, sh, systemctl, wait_until,
};

/// The package that is installed, as a file.
pub fn file() -> String {
    let found = sh("ls -d \"$PWD\"/ebb_*.deb").ok();
    found.trim().to_owned()
}

/// The same as a newer version. (To compress it takes a guest longer than all else here.)
fn newer(version: &str) -> String {
    static UNPACKED: Once = Once::new();
    let (dir, out) = ("/tmp/repacked", format!("/tmp/{version}.deb"));
    UNPACKED.call_once(|| drop(sh(&format!("rm -rf {dir} && dpkg-deb -R {} {dir}", file())).ok()));
    let version = format!("s/^Version: [^+]*.*/Version: {}+{version}/", env!("CARGO_PKG_VERSION"));
    sh(&format!("sed -i '{version}' {dir}/DEBIAN/control && dpkg-deb -Znone -b {dir} {out}")).ok();
    out
}

fn installed_version() -> String {
    run(&["dpkg-query", "--show", "--showformat=${Version}", "ebb"]).ok()
}

/// Whether the test's run got on, and its end.
struct Gate {
    job: Job,
    go: String,
}

impl Gate {
    fn new(name: &str) -> Self {
        let go = format!("/tmp/{name}.go");
        let _ = std::fs::remove_file(&go);
        let program = format!("echo begins; until [ -e {go} ]; do sleep 0.1; done; exit 7");
        Self { job: Job::new(name, &format!("command = [\"sh\", \"-c\", \"{program}\"]\n")), go }
    }

    /// A run that is under way.
    fn begin(&self) -> u64 {
        let id = self.job.demand();
        wait_until("the run's first words", || self.job.output(id).contains("begins"));
        id
    }

    /// Lets the run end: it must be the same one, begun once, with the exit code that it has.
    fn ends_truly(&self, id: u64) {
        let line = self.ends(id);
        assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(7)), "{line}");
    }

    /// The same, whatever is known of its exit.
    fn ends(&self, id: u64) -> Value {
        std::fs::write(&self.go, "").unwrap();
        let line = self.job.wait(id);
        assert_eq!(self.job.output(id), "begins\n");
        std::fs::remove_file(&self.go).unwrap();
        line
    }
}

#[test]
fn the_service_and_its_socket_are_enabled_and_active() {
    for unit in ["ebbd.service", "ebbd.socket"] {
        assert_eq!(systemctl(&["is-enabled", unit]).trim(), "enabled", "{unit}");
        assert_eq!(property(unit, "ActiveState"), "active", "{unit}");
    }
    assert_eq!(sh("dpkg-query --show --showformat='${db:Status-Abbrev}' ebb").ok().trim(), "ii");
    assert!(sh("getent group ebb").ok().starts_with("ebb:"));
    // A user's own ebbd is that user's wish.
    assert!(!Path::new("/etc/systemd/user/default.target.wants/ebbd.service").exists());
}

#[test]
fn every_file_of_the_package_is_there() {
    let files = run(&["dpkg", "-L", "ebb"]).ok();
    for file in files.lines() {
        assert!(Path::new(file).exists(), "{file}");
    }
    for part in ["man1/ebb.1", "man8/ebbd.8", "man5/ebb-job.5", "completions/ebb", "_ebb", "ebb.fish"] {
        assert!(files.contains(part), "{part} is not in\n{files}");
    }
    assert_eq!(run(&["dpkg", "--verify", "ebb"]).ok(), "");
}

#[test]
fn bash_completes_jobs_by_the_installed_file() {
    let _job = Job::new("completed", "command = [\"true\"]\n");
    let said = run(&[
        "bash",
        "-c",
        "source /usr/share/bash-completion/completions/ebb; COMP_WORDS=(ebb run-now comp) COMP_CWORD=2 COMP_TYPE=9; \
         _clap_complete_ebb ebb comp run-now; echo \"${COMPREPLY[@]}\"",
    ]);
    assert_eq!(said.ok(), "completed\n");
}

#[test]
fn the_example_is_off_and_has_never_run() {
    let shown: Value = serde_json::from_str(&ebb(&["status", "example", "--json"]).ok()).unwrap();
    assert_eq!(shown[0]["state"], "off", "{shown}");
    assert_eq!((&shown[0]["next"], &shown[0]["last"]), (&Value::Null, &Value::Null), "{shown}");
}

#[test]
fn an_upgrade_keeps_the_process_and_its_runs() {
    let gate = Gate::new("package-upgrade");
    let (pid, id) = (ebbd_pid(), gate.begin());
    let said = run(&["dpkg", "--install", &newer("vm1")]);
    std::fs::write(artefact("upgrade"), format!("{}{}", said.out, said.err)).unwrap();
    said.ok();
    assert!(installed_version().ends_with("+vm1"), "{}", installed_version());
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
    assert_eq!(ebbd_pid(), pid, "ebbd executes its new binary in place");
    // The old file is gone from the disk, so the binary of the process is the new one.
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/exe")).unwrap(), Path::new("/usr/bin/ebbd"));
    gate.ends_truly(id);
}

#[test]
fn an_upgrade_that_can_only_restart_leaves_runs_alone() {
    let gate = Gate::new("package-restart");
    let (pid, id) = (ebbd_pid(), gate.begin());
    // The client of the package's script finds nobody to ask.
    sh(&format!("EBB_SOCKET=/nonexistent dpkg --install {}", newer("vm2"))).ok();
    assert!(installed_version().ends_with("+vm2"), "{}", installed_version());
    assert_eq!(property("ebbd.service", "ActiveState"), "active");
    assert_ne!(ebbd_pid(), pid);
    assert_adopted_end(&gate.ends(id));
}

#[test]
fn an_upgrade_leaves_alone_what_the_operator_has_stopped_and_disabled() {
    systemctl(&["disable", "--now", "ebbd.service", "ebbd.socket"]);
    sh(&format!("dpkg --install {}", newer("vm3"))).ok();
    let states: Vec<_> =
        ["ebbd.service", "ebbd.socket"].iter().map(|unit| property(unit, "ActiveState")).collect();
    systemctl(&["enable", "--now", "ebbd.socket", "ebbd.service"]);
    wait_until("ebbd to answer again", || ebb(&["doctor"]).code == 0);
    assert_eq!(states, ["inactive", "inactive"]);
    sh(&format!("dpkg --install --force-downgrade {}", file())).ok();
}

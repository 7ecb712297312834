//! What holds ebbd holds no run unawares: a run sees the host as its user does, and stands where a service of systemd's own
//! would stand that asks for nothing.

use std::path::Path;

use serde_json::json;

use crate::cgroups;
use crate::harness::{Job, ebbd_pid, property, run};
use crate::limits_memory::touches;

/// What a run of a user prints.
#[track_caller]
fn said_by(user: &str, script: &str) -> String {
    let job = Job::new("plain", &format!("user = \"{user}\"\ncommand = {}\n", json!(["sh", "-c", script])));
    let line = job.run();
    let output = job.output(line["id"].as_u64().unwrap());
    assert_eq!(line["outcome"], "success", "{line}\n{output}");
    output
}

/// The same by a transient service of systemd.
#[track_caller]
fn said_by_service(user: &str, script: &str) -> String {
    let user = format!("User={user}");
    run(&["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-p", &user, "sh", "-c", script]).ok()
}

#[test]
fn a_run_writes_where_its_user_may_and_others_see_it() {
    let files = ["/home/app/vm-written", "/tmp/vm-written", "/var/tmp/vm-written", "/dev/shm/vm-written"];
    for file in files {
        let _ = std::fs::remove_file(file);
    }
    std::fs::write("/tmp/vm-from-outside", "seen").unwrap();
    let script =
        format!("for f in {}; do echo $(id -un) > $f; done; cat /tmp/vm-from-outside", files.join(" "));
    assert_eq!(said_by("app", &script), "seen");
    for file in files {
        assert_eq!(std::fs::read_to_string(file).unwrap(), "app\n", "{file}");
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(said_by("root", "touch /usr/vm-written /etc/vm-written && echo yes"), "yes\n");
    for file in ["/usr/vm-written", "/etc/vm-written", "/tmp/vm-from-outside"] {
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_run_has_the_namespaces_of_the_host() {
    let script = "for n in mnt pid net ipc uts user cgroup; do readlink /proc/self/ns/$n; done";
    assert_eq!(said_by("root", script), run(&["sh", "-c", script]).ok());
}

#[test]
fn a_run_may_use_set_user_id_programs_and_no_filter_holds_it() {
    let id = "/usr/local/bin/vm-suid-id";
    std::fs::copy("/usr/bin/id", id).unwrap();
    run(&["chmod", "4755", id]).ok();
    assert_eq!(said_by("app", &format!("{id} -u")), "0\n");
    std::fs::remove_file(id).unwrap();
    let script =
        "grep -E '^(NoNewPrivs|Seccomp|CapBnd|CapEff|CapInh|CapAmb|SigBlk|SigIgn)' /proc/self/status";
    for user in ["root", "app"] {
        let by_service = said_by_service(user, script);
        // systemd has its services ignore SIGPIPE; a shell's pipe wants it.
        let plain = |text: &str| {
            text.lines().filter(|l| !l.starts_with("SigIgn")).map(str::to_owned).collect::<Vec<_>>()
        };
        let by_ebb = said_by(user, script);
        assert_eq!(plain(&by_ebb), plain(&by_service), "{user}");
        assert!(by_ebb.contains("SigIgn:\t0000000000000000"), "{by_ebb}");
    }
}

#[test]
fn a_run_stands_where_a_plain_service_stands() {
    // ebbd is protected, and its runs are not.
    let own = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", ebbd_pid())).unwrap();
    assert_eq!(own.trim(), "-500");
    let script = "cat /proc/self/oom_score_adj; cut -d' ' -f18,19 /proc/self/stat; umask; cat /proc/self/limits; \
                  cat /proc/self/coredump_filter /proc/self/timerslack_ns; grep Cpus_allowed: /proc/self/status";
    for user in ["root", "app"] {
        assert_eq!(said_by(user, script), said_by_service(user, script), "{user}");
    }
}

#[test]
fn a_run_gets_nothing_that_systemd_told_ebbd() {
    let names = said_by("app", "tr '\\0' '\\n' < /proc/self/environ | cut -d= -f1 | sort | tr '\\n' ' '");
    for name in [
        "NOTIFY_SOCKET",
        "LISTEN_",
        "WATCHDOG_",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "MEMORY_PRESSURE",
        "STATE_DIR",
        "SYSTEMD",
    ] {
        assert!(!names.contains(name), "{names}");
    }
    assert_eq!(said_by("app", "ls /proc/self/fd | wc -l"), "4\n", "0, 1, 2 and the directory itself");
}

#[test]
fn runs_of_different_users_share_no_keyring() {
    let keys = said_by("app", "cat /proc/keys");
    assert!(!keys.contains(" _ses"), "ebbd's own session keyring: {keys}");
}

#[test]
fn the_memory_limit_of_ebbd_holds_no_run() {
    let unit = Path::new("/sys/fs/cgroup/system.slice/ebbd.service");
    let limit: u64 = cgroups::read(unit, "memory.max").parse().unwrap();
    let more = (limit >> 20) + 64;
    let job = Job::new("fat", &touches(u32::try_from(more).unwrap()));
    let line = job.run();
    assert_eq!(line["outcome"], "success", "{line}");
    assert!(line["peak_total_bytes"].as_u64().is_some_and(|bytes| bytes > limit), "{line}");
    assert_eq!(property("ebbd.service", "Result"), "success");
}

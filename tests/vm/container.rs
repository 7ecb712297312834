//! ebbd as the first process of a container, on a real cgroup v2: in a control group namespace where it may write, limits
//! are the kernel's; where the mount is read-only, the watchdog's. Made by unshare(1).

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::wait_until;

const GROUP: &str = "/sys/fs/cgroup/ebb-vm-container";
const PLACE: &str = "/run/ebb-vm-container";

/// As a first process enters a control group of its own, makes that the root of a namespace, mounts it, and becomes ebbd.
const ENTER: &str = r#"
set -e
mkdir -p "$1"
exec unshare --pid --mount --fork --kill-child --mount-proc sh -c '
    set -e
    echo 0 > "$1/cgroup.procs"
    exec unshare --cgroup sh -c "
        set -e
        umount -l /sys/fs/cgroup
        mount -t cgroup2 ebb-vm /sys/fs/cgroup
        mount -o remount,bind,$3 /sys/fs/cgroup
        exec /usr/bin/ebbd --jobs $2/jobs --state $2/state --socket $2/sock"' sh "$1" "$2" "$3"
"#;

struct Container(Child);

impl Container {
    fn start(options: &str) -> Self {
        let _ = std::fs::remove_dir_all(PLACE);
        std::fs::create_dir_all(format!("{PLACE}/jobs")).unwrap();
        let fat = "command = [\"dd\", \"if=/dev/zero\", \"of=/dev/null\", \"bs=200M\", \"count=2\"]\npids-max = 9\n";
        std::fs::write(format!("{PLACE}/jobs/fat.toml"), format!("{fat}[memory]\nmax = \"32M\"\n")).unwrap();
        let log = std::fs::File::create(format!("{PLACE}/log")).unwrap();
        let child = Command::new("sh")
            .args(["-c", ENTER, "sh", GROUP, PLACE, options])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let container = Self(child);
        wait_until("the container's ebbd", || log_of().contains("ready: "));
        container
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::write(format!("{GROUP}/cgroup.kill"), "1");
        wait_until("the container's groups to go", || {
            let groups = Command::new("find").args([GROUP, "-depth", "-type", "d"]).output().unwrap();
            for group in String::from_utf8_lossy(&groups.stdout).lines() {
                let _ = std::fs::remove_dir(group);
            }
            !Path::new(GROUP).exists()
        });
        let _ = std::fs::remove_dir_all(PLACE);
    }
}

fn log_of() -> String {
    std::fs::read_to_string(format!("{PLACE}/log")).unwrap_or_default()
}

/// What the client says as JSON, whatever its exit code.
fn ebb(args: &[&str]) -> Value {
    let socket = format!("{PLACE}/sock");
    let said = crate::harness::ebb(&[&["--socket", &socket], args].concat());
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}\n{}\n{}", said.out, said.err, log_of()))
}

#[test]
fn in_a_namespace_where_it_may_write_the_kernel_holds_the_limits() {
    let _container = Container::start("rw");
    let doctor = ebb(&["doctor", "--json"]);
    assert_eq!((&doctor["enforcement"], &doctor["pid"]), (&json!("cgroup-v2"), &json!(1)), "{doctor}");
    assert_eq!(doctor["remarks"], json!([]), "{doctor}");
    let line = &ebb(&["run-now", "fat", "--wait", "--json"])["result"];
    assert_eq!((&line["outcome"], &line["enforcement"]), (&json!("oom-kill"), &json!("cgroup-v2")), "{line}");
}

#[test]
fn where_it_is_read_only_the_watchdog_holds_them_and_doctor_says_what_would_lift_it() {
    let _container = Container::start("ro");
    let doctor = ebb(&["doctor", "--json"]);
    assert_eq!((&doctor["enforcement"], &doctor["tracking"]), (&json!("rlimit"), &json!("process-tree")));
    assert!(doctor["reasons"].to_string().contains("read-only"), "{doctor}");
    assert_eq!(doctor["remarks"], json!(["nothing here holds limits of fat: pids-max"]), "{doctor}");
    assert!(log_of().contains("held by RLIMIT_DATA and a watchdog"), "{}", log_of());
    let line = &ebb(&["run-now", "fat", "--wait", "--json"])["result"];
    assert_eq!(line["enforcement"], "rlimit", "{line}");
    assert!(
        ["oom-kill", "exit-code", "signal"].contains(&line["outcome"].as_str().unwrap_or_default()),
        "{line}"
    );
}

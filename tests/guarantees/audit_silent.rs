//! Real services of which `ebb audit` has nothing to say: servers at work, a shell.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{skip, skips_without_root, wait_until};
use crate::helpers::audited::{Load, Service, free_port};
use crate::helpers::proc::python;

#[test]
fn nginx_at_work_is_left_alone() {
    let nginx = Path::new("/usr/sbin/nginx");
    if !nginx.exists() {
        return skip("audit_silent::nginx_at_work_is_left_alone", "nginx is not installed");
    }
    let dir = tempfile::Builder::new().prefix("ebb-audit-").tempdir().unwrap();
    let (port, at) = (free_port(), dir.path().display().to_string());
    let config = format!(
        "daemon off; pid {at}/pid; worker_processes 2; error_log {at}/error.log;\n\
         events {{}}\nhttp {{ access_log off; client_body_temp_path {at}/t1; proxy_temp_path {at}/t2;\n\
         fastcgi_temp_path {at}/t3; uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ return 200 'ok'; }} }} }}\n"
    );
    std::fs::write(dir.path().join("nginx.conf"), config).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(nginx);
    command.args(["-p", &at, "-c", &format!("{at}/nginx.conf"), "-e", &format!("{at}/error.log")]);
    let service = Service::start(dir, command);
    service.wait_port(port);
    let load = Load::on(port, 2);
    for flags in [&["--for", "1s"][..], &["--for", "1s", "--touch"]] {
        let audit = service.audit_until(flags, |audit| {
            assert_eq!(audit.rules(), Vec::<&str>::new(), "{}", audit.service);
            audit.service["served"].as_u64() > Some(0)
        });
        assert_eq!(audit.service["pids"].as_array().unwrap().len(), 3, "{}", audit.service);
    }
    drop(load);
    // Idle it is left alone as well: it can be connected to.
    assert_eq!(service.audit(&["--for", "500ms"]).rules(), Vec::<&str>::new());
}

/// Where Debian has the programs of PostgreSQL.
fn postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions.map(|version| version.path().join("bin")).find(|bin| bin.join("initdb").exists())
}

#[test]
fn postgresql_at_work_is_left_alone() {
    const NAME: &str = "audit_silent::postgresql_at_work_is_left_alone";
    let Some(bin) = postgres() else { return skip(NAME, "PostgreSQL is not installed") };
    if skips_without_root(NAME) {
        return;
    }
    // PostgreSQL refuses to be root.
    let nobody = 65534;
    let dir = tempfile::Builder::new().prefix("ebb-audit-").tempdir().unwrap();
    let (home, data) = (dir.path().to_owned(), dir.path().join("data"));
    std::os::unix::fs::chown(dir.path(), Some(nobody), Some(nobody)).unwrap();
    let port = free_port().to_string();
    let as_nobody = |program: &str| {
        let mut command = Command::new(bin.join(program));
        command.uid(nobody).gid(nobody).current_dir(&home).env("LC_ALL", "C");
        command
    };
    let made =
        as_nobody("initdb").args(["-N", "-A", "trust", "-U", "ebb", "-D"]).arg(&data).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let ask = |query: &str| {
        let mut command = as_nobody("psql");
        command.args(["-h", "127.0.0.1", "-p", &port, "-U", "ebb", "-d", "postgres", "-c", query]);
        command
    };
    let long = ask(
        "select count(*) from generate_series(1, 10000) a, generate_series(1, 10000) b, generate_series(1, 10000) c",
    );
    let mut command = as_nobody("postgres");
    command
        .args(["-F", "-c", "statement_timeout=120s", "-p", &port, "-h", "127.0.0.1", "-k", "", "-D"])
        .arg(&data);
    let service = Service::start(dir, command);
    // It takes connections for a while before it answers any.
    wait_until("PostgreSQL to answer", || {
        ask("select 1").output().is_ok_and(|output| output.status.success())
    });
    let client = Service::start(tempfile::tempdir().unwrap(), long);
    let audit = service.audit_until(&["--for", "1s"], |audit| {
        assert_eq!(audit.rules(), Vec::<&str>::new(), "{}", audit.service);
        audit.service["cpu_ms"].as_u64() > Some(50)
    });
    // Each of its processes has a session of its own, and all are one service.
    assert!(audit.service["pids"].as_array().unwrap().len() > 4, "{}", audit.service);
    assert_eq!(audit.service["name"], "postgres");
    drop(client);
    assert_eq!(service.audit(&["--for", "500ms", "--touch"]).rules(), Vec::<&str>::new());
}

#[test]
fn a_shell_is_left_alone() {
    if !Path::new("/usr/bin/script").exists() || !Path::new("/bin/bash").exists() {
        return skip("audit_silent::a_shell_is_left_alone", "script (of bsdutils) or bash is not there");
    }
    // On a terminal of its own, with much in a variable: what rests there is somebody's work.
    let dir = tempfile::Builder::new().prefix("ebb-audit-").tempdir().unwrap();
    let shell = "printf -v held '%20000000s' ''; echo $$ >pid; mv pid ready; read forever";
    std::fs::write(dir.path().join("shell.sh"), shell).unwrap();
    let mut command = Command::new("/usr/bin/script");
    command.args(["-qec", "exec /bin/bash shell.sh", "/dev/null"]);
    // Its standard input stays open, or `script` would end the shell's.
    let service = Service::start_reading(dir, command);
    service.wait_for("ready");
    let pid = crate::harness::number_in(&service.path("ready")).unwrap();
    let audit = service.audit_of(pid, &["--for", "1s"]);
    assert!(audit.service["uss_bytes"].as_u64().unwrap() > 16 << 20, "{}", audit.service);
    assert_eq!(audit.rules(), Vec::<&str>::new(), "{}", audit.service);
}

/// Holds 16 MiB, and sleeps.
const HOLDS: &str =
    "X = bytearray(b'x') * (16 << 20)\nopen('ready', 'w').close()\nimport time\ntime.sleep(600)\n";

#[test]
fn what_waits_for_the_kernels_word_or_for_packets_is_left_alone() {
    let python = Path::new(python());
    let with = |socket: &str| Service::python(python, &format!("import socket\ns = {socket}\n{HOLDS}"), &[]);
    // Asked the kernel something once, and waits for nothing.
    let asked = with("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\ns.bind((0, 0))");
    asked.audit_until(&["--for", "500ms"], |audit| audit.has("resident-idle"));
    let told = with("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\ns.bind((0, 1))");
    let audit = told.audit(&["--for", "500ms"]);
    assert!(!audit.has("resident-idle"), "{}", audit.service);
    assert_eq!(audit.service["listens"][0], "netlink, family 0", "{}", audit.service);
    if skips_without_root(
        "audit_silent::what_waits_for_the_kernels_word_or_for_packets_is_left_alone, of packets",
    ) {
        return;
    }
    let packets = with("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))");
    let raw = with("socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)");
    for (service, place) in [(packets, "packets of type 0003"), (raw, "raw *:1")] {
        let audit = service.audit(&["--for", "500ms"]);
        assert!(!audit.has("resident-idle"), "{}", audit.service);
        assert_eq!(audit.service["listens"][0], place, "{}", audit.service);
    }
}

/// A control group of this test's own that can freeze who is in it; thawed and removed when it goes.
struct Freezer {
    dir: PathBuf,
    file: &'static str,
    words: [&'static str; 2],
}

impl Freezer {
    fn new() -> Option<Self> {
        let name = format!("ebb-test-freezer-{}", std::process::id());
        let v1 = Path::new("/sys/fs/cgroup/freezer");
        let made = |root: &Path| {
            let dir = root.join(&name);
            std::fs::create_dir(&dir).ok().map(|()| dir)
        };
        if let Some(dir) = made(v1) {
            return Some(Self { dir, file: "freezer.state", words: ["FROZEN", "THAWED"] });
        }
        let v2 = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let root = v2.map(Path::new).into_iter().find(|root| root.join("cgroup.controllers").exists())?;
        Some(Self { dir: made(root)?, file: "cgroup.freeze", words: ["1", "0"] })
    }

    /// Has it leave: a group is removed when it is empty.
    fn leave(&self, pid: i32) {
        let above = self.dir.parent().unwrap().join("cgroup.procs");
        let _ = std::fs::write(above, pid.to_string());
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.dir.join(file), text).unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = std::fs::write(self.dir.join(self.file), self.words[1]);
        let inside = std::fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
        inside.lines().filter_map(|pid| pid.parse().ok()).for_each(|pid| self.leave(pid));
        let _ = std::fs::remove_dir(&self.dir);
    }
}

#[test]
fn what_is_frozen_is_not_said_to_rest() {
    const NAME: &str = "audit_silent::what_is_frozen_is_not_said_to_rest";
    let service = Service::python(Path::new(python()), HOLDS, &[]);
    // Goes first, also where an assertion fails: nobody can end what is frozen.
    let Some(freezer) = Freezer::new() else {
        return skip(NAME, "no control group can be made to freeze in");
    };
    freezer.write("cgroup.procs", &service.pid().to_string());
    service.audit_until(&["--for", "500ms"], |audit| audit.has("resident-idle"));
    freezer.write(freezer.file, freezer.words[0]);
    service.audit_until(&["--for", "500ms"], |audit| !audit.has("resident-idle"));
    freezer.write(freezer.file, freezer.words[1]);
    service.audit_until(&["--for", "500ms"], |audit| audit.has("resident-idle"));
}

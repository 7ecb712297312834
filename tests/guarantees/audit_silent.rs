//! Real services of which `ebb audit` has nothing to say: servers at work, a shell.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{skip, skips_without_root};
use crate::helpers::audited::{Load, Service, free_port};

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
    let data = dir.path().join("data");
    std::os::unix::fs::chown(dir.path(), Some(nobody), Some(nobody)).unwrap();
    let port = free_port().to_string();
    let as_nobody = |program: &str| {
        let mut command = Command::new(bin.join(program));
        command.uid(nobody).gid(nobody).current_dir(dir.path()).env("LC_ALL", "C");
        command
    };
    let made =
        as_nobody("initdb").args(["-N", "-A", "trust", "-U", "ebb", "-D"]).arg(&data).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut ask = as_nobody("psql");
    ask.args(["-h", "127.0.0.1", "-p", &port, "-U", "ebb", "-d", "postgres", "-c"]);
    ask.arg("select count(*) from generate_series(1, 10000) a, generate_series(1, 10000) b, generate_series(1, 10000) c");
    let mut command = as_nobody("postgres");
    command
        .args(["-F", "-c", "statement_timeout=120s", "-p", &port, "-h", "127.0.0.1", "-k", "", "-D"])
        .arg(&data);
    let service = Service::start(dir, command);
    service.wait_port(port.parse().unwrap());
    let client = Service::start(tempfile::tempdir().unwrap(), ask);
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

//! `ebb audit --imports`: what a service of Python imports is read off its sources and weighed by its own interpreter, with
//! its own rights; nothing of its own is run, nothing is written, and nothing stays behind.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{skip, wait_until};
use crate::helpers::audited::{Audit, Service};
use crate::helpers::libraries::python_with_libraries;
use crate::helpers::proc::python;
use crate::helpers::pythons::{python_of, pythons};

const MIB: u64 = 1 << 20;
const FLAGS: [&str; 3] = ["--for", "500ms", "--imports"];

/// Lays out files below a directory that everybody may read.
fn laid_out(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("ebb-audit-").tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

/// Packages as installed: of known size, and that tell how they were imported by failing.
const PACKAGES: [(&str, &str); 6] = [
    ("site-packages/heavy/__init__.py", "import light\nX = bytearray(20 << 20)\n"),
    ("site-packages/light.py", "X = bytearray(5 << 20)\n"),
    ("site-packages/sqlalchemy/__init__.py", "X = bytearray(9 << 20)\n"),
    ("site-packages/late.py", "X = bytearray(30 << 20)\n"),
    ("site-packages/second.py", "X = bytearray(6 << 20)\n"),
    (
        "site-packages/prying.py",
        "import os, sys\nif sys.argv[0] == '-c':\n    raise RuntimeError(f'{sorted(os.environ)} {os.getresuid()} {os.getgroups()}')\n",
    ),
];

const SLEEP: &str = "import time\nopen('ready', 'w').close()\ntime.sleep(600)\n";

/// A service with these packages and files of its own, as this user.
fn service(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Service {
    let dir = laid_out(&[&PACKAGES[..], files].concat());
    let path = dir.path().join("site-packages").display().to_string();
    let first = [("PYTHONPATH", path.as_str()), ("PYTHONDONTWRITEBYTECODE", "1")];
    Service::python_in(dir, Path::new(python()), &[&first, environment].concat())
}

fn package<'a>(audit: &'a Audit, name: &str) -> &'a Value {
    let packages =
        audit.service["imports"]["bill"]["packages"].as_array().unwrap_or_else(|| panic!("{}", audit.all));
    packages.iter().find(|it| it["name"] == name).unwrap_or(&Value::Null)
}

fn not_weighed(audit: &Audit) -> &str {
    audit.service["imports_not_weighed"].as_str().unwrap_or_else(|| panic!("{}", audit.all))
}

fn near(bytes: &Value, mib: u64) -> bool {
    bytes.as_u64().is_some_and(|bytes| (mib * MIB..(mib + 1) * MIB).contains(&bytes))
}

#[test]
fn pure_packages_of_a_service_at_rest_have_their_cost_and_their_place() {
    let files = [
        ("service.py", "import app\nfrom app import report\n"),
        ("app/__init__.py", "open('ran', 'a').write('x')\n"),
        ("app/report.py", "import heavy\nfrom sqlalchemy import nothing_there\n"),
    ];
    // What fails for the service would end it.
    let report = files[2].1.replace("from sqlalchemy import nothing_there", "import sqlalchemy, prying");
    let text = format!("{}def f():\n    import late\n", report);
    let main = format!("{}{SLEEP}", files[0].1);
    let service = service(
        &[("service.py", &main), files[1], ("app/report.py", &text)],
        &[("SECRET_OF_THE_SERVICE", "hunter2")],
    );
    let audit = service.audit_until(&FLAGS, |audit| audit.has("unused-libraries"));
    let libraries = &audit.finding("unused-libraries")["evidence"]["libraries"];
    let told: Vec<(&str, &str)> = libraries
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["imported_at"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("heavy", "app/report.py:1"), ("sqlalchemy", "app/report.py:2")]);
    assert!(near(&libraries[0]["import_bytes"], 25), "{libraries}");
    assert!(near(&package(&audit, "light")["memory_bytes"], 5), "{}", audit.all);
    assert_eq!(package(&audit, "late"), &Value::Null, "it is imported where it is used");
    assert_eq!(package(&audit, "app"), &Value::Null, "its own modules are not run");
    assert_eq!(std::fs::read_to_string(service.path("ran")).unwrap(), "x");

    let orm = &audit.finding("orm")["evidence"];
    assert!(near(&orm["import_bytes"], 9), "{orm}");
    let all = orm["imports_bytes"].as_u64().unwrap();
    assert!((34 * MIB..45 * MIB).contains(&all), "{orm}");

    let idle = audit.finding("resident-idle");
    assert!(idle["evidence"]["imports_us"].as_u64().is_some_and(|us| us > 0), "{idle}");
    assert!(idle["seen"].as_str().unwrap().contains("Each start would take"), "{idle}");

    // Of an environment only what decides about imports comes along, and nothing of who audits.
    let failed = &audit.service["imports"]["failed"];
    assert_eq!(failed[0]["module"], "prying", "{failed}");
    let why = failed[0]["why"].as_str().unwrap();
    assert!(why.contains("PYTHONPATH"), "{why}");
    assert!(!why.contains("SECRET") && !why.contains("CARGO"), "{why}");
    // Nothing is written beside the packages.
    let cache = service.path("site-packages/heavy/__pycache__");
    assert!(!cache.exists());
}

#[test]
fn of_a_service_that_works_nothing_is_said_but_what_its_imports_cost() {
    let main = "import heavy\nopen('ready', 'w').close()\nwhile True:\n    sum(range(10_000))\n";
    let service = service(&[("service.py", main)], &[]);
    let audit = service.audit(&FLAGS);
    assert!(!audit.has("unused-libraries"), "{}", audit.all);
    assert!(near(&package(&audit, "heavy")["own_bytes"], 20), "{}", audit.all);
    // Only who asks for it has anything run.
    let audit = service.audit(&FLAGS[..2]);
    assert_eq!(audit.service["imports"], Value::Null);
}

#[test]
fn a_tool_is_asked_for_what_it_was_told_to_load() {
    let dir = laid_out(
        &[
            &PACKAGES[..],
            &[
                ("site-packages/toolpkg/__init__.py", "open('tool-ran', 'a').write('x')\nimport second\n"),
                (
                    "site-packages/toolpkg/run.py",
                    "import importlib, sys\nimportlib.import_module(sys.argv[1].split(':')[0])\n",
                ),
                (
                    "bin/tool",
                    "import sys\nsys.path.insert(0, '')\nimport toolpkg.run\nimport time\ntime.sleep(600)\n",
                ),
                ("web/__init__.py", ""),
                ("web/site.py", "import heavy\nopen('ready', 'w').close()\n"),
                ("other.py", "import late\n"),
            ],
        ]
        .concat(),
    );
    let path = dir.path().join("site-packages");
    let mut command = Command::new(python());
    command.arg(dir.path().join("bin/tool")).args(["web.site:app", "--flag"]).env("PYTHONPATH", path);
    let service = Service::start(dir, command);
    service.wait_for("ready");
    let audit = service.audit(&FLAGS);
    assert_eq!(audit.service["imports"]["places"]["heavy"], "web/site.py:1", "{}", audit.all);
    assert_eq!(package(&audit, "late"), &Value::Null, "nobody loads other.py");
    // What the program itself is, is read and not run: what it imports counts.
    assert_eq!(package(&audit, "toolpkg"), &Value::Null);
    assert!(near(&package(&audit, "second")["memory_bytes"], 6), "{}", audit.all);
    assert_eq!(std::fs::read_to_string(service.path("tool-ran")).unwrap(), "x");
}

#[test]
fn a_service_that_has_given_itself_a_title_is_weighed_by_what_that_names() {
    let dir = laid_out(
        &[
            &PACKAGES[..],
            &[
                // As a server has it that was started without words of its own.
                ("own/sitecustomize.py", "import sys\nsys.path.insert(0, '')\nimport web\n"),
                ("web.py", "import heavy\nopen('ready', 'w').close()\n"),
                ("other.py", "import late\n"),
            ],
        ]
        .concat(),
    );
    let paths =
        format!("{}:{}", dir.path().join("site-packages").display(), dir.path().join("own").display());
    let mut command = Command::new(python());
    command.arg0("server: master [web:app]").env("PYTHONPATH", paths);
    // Without words it finds its library by its name, which is none.
    let home = Command::new(python()).args(["-c", "import sys; print(sys.prefix)"]).output().unwrap();
    command.env("PYTHONHOME", String::from_utf8(home.stdout).unwrap().trim());
    let service = Service::start_reading(dir, command);
    service.wait_for("ready");
    let audit = service.audit(&FLAGS);
    assert_eq!(audit.service["imports"]["places"]["heavy"], "web.py:1", "{}\n{}", audit.all, service.log());
    assert!(near(&package(&audit, "heavy")["own_bytes"], 20), "{}", audit.all);
    assert_eq!(package(&audit, "late"), &Value::Null);
}

#[test]
fn packages_have_the_rights_of_the_service_and_no_more() {
    const NAME: &str = "audit_imports::packages_have_the_rights_of_the_service_and_no_more";
    let system = Path::new("/usr/bin/python3");
    if !nix::unistd::geteuid().is_root() {
        return skip(NAME, "only root can start a service of another user");
    }
    if !system.exists() {
        return skip(NAME, "there is no Python that another user may execute (/usr/bin/python3)");
    }
    let main = format!("import heavy, prying\n{SLEEP}");
    let dir = laid_out(&[&PACKAGES[..], &[("service.py", &main)]].concat());
    std::os::unix::fs::chown(dir.path(), Some(12_345), None).unwrap();
    let path = dir.path().join("site-packages");
    let mut command = Command::new(system);
    command.arg("service.py").env("PYTHONPATH", path).uid(12_345).gid(23_456);
    let service = Service::start(dir, command);
    service.wait_for("ready");
    let audit = service.audit(&FLAGS);
    assert_eq!(audit.service["imports"]["user"], "12345", "{}", audit.all);
    assert!(near(&package(&audit, "heavy")["own_bytes"], 20), "{}", audit.all);
    let why = &audit.service["imports"]["failed"][0]["why"];
    assert!(why.as_str().unwrap().contains("(12345, 12345, 12345) [23456]"), "{why}");
}

#[test]
fn nothing_that_others_can_change_is_run_as_root() {
    if !nix::unistd::geteuid().is_root() {
        return skip("audit_imports::nothing_that_others_can_change_is_run_as_root", "this is not root");
    }
    let mark = "import os\nopen(os.path.dirname(__file__) + '/../ran', 'a').write('x')\n";
    let main = format!("import heavy, marked\n{SLEEP}");
    let service = service(&[("service.py", &main), ("site-packages/marked.py", mark)], &[]);
    let site = service.path("site-packages");
    std::fs::set_permissions(&site, Permissions::from_mode(0o777)).unwrap();
    let audit = service.audit(&FLAGS);
    assert!(
        not_weighed(&audit).contains(&format!("others may write to {}", site.display())),
        "{}",
        audit.all
    );
    assert_eq!(std::fs::read_to_string(service.path("ran")).unwrap(), "x");
    std::fs::set_permissions(&site, Permissions::from_mode(0o755)).unwrap();
    let audit = service.audit(&FLAGS);
    assert_eq!(audit.service["imports_not_weighed"], Value::Null, "{}", audit.all);
    assert_eq!(std::fs::read_to_string(service.path("ran")).unwrap(), "xx");
    drop(service);

    // Whatever leads its interpreter there.
    for name in ["PYTHONUSERBASE", "HOME", "LD_LIBRARY_PATH", "PYTHONPATH"] {
        let theirs = laid_out(&[]);
        std::os::unix::fs::chown(theirs.path(), Some(12_345), None).unwrap();
        let set = [(name, theirs.path().to_str().unwrap())];
        let service = self::service(&[("service.py", &format!("X = bytearray(20 << 20)\n{SLEEP}"))], &set);
        let audit = service.audit(&FLAGS);
        let expected = format!("others may write to {}", theirs.path().display());
        assert!(not_weighed(&audit).contains(&expected), "{name}: {}", audit.all);
    }
}

#[test]
fn a_root_with_bounds_and_a_service_that_sees_another_file_are_not_called() {
    const NAME: &str =
        "audit_imports::a_root_with_bounds_and_a_service_that_sees_another_file_are_not_called";
    let setpriv = ["setpriv", "--no-new-privs"];
    let unshare =
        ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none site-packages && exec \"$@\"", "sh"];
    if !nix::unistd::geteuid().is_root() {
        return skip(NAME, "this is not root");
    }
    for (how, why) in [(&setpriv[..], "a root with bounds"), (&unshare[..], "is not this host's")] {
        let main = format!("X = bytearray(20 << 20)\n{SLEEP}");
        let dir = laid_out(&[&PACKAGES[..], &[("service.py", &main)]].concat());
        let site = dir.path().join("site-packages");
        let mut command = Command::new(how[0]);
        command.args(&how[1..]).arg(python()).arg("service.py").env("PYTHONPATH", site);
        let service = Service::start(dir, command);
        if how[0] == "unshare" {
            let status = Command::new("unshare").args(["--mount", "true"]).status();
            if !status.is_ok_and(|status| status.success()) {
                return skip(NAME, "mounts can't be made here");
            }
        }
        service.wait_for("ready");
        let audit = service.audit(&FLAGS);
        assert!(not_weighed(&audit).contains(why), "{}", audit.all);
    }
}

#[test]
fn a_package_that_ends_its_interpreter_or_starts_others_does_no_harm() {
    let fatal = "import sys, os\nif sys.argv[0] == '-c':\n    print('here it ends', file=sys.stderr, flush=True)\n    os._exit(0)\n";
    let main = format!("import heavy, fatal\n{SLEEP}");
    let one = service(&[("service.py", &main), ("site-packages/fatal.py", fatal)], &[]);
    let audit = one.audit(&FLAGS);
    assert!(not_weighed(&audit).contains("ended the interpreter: here it ends"), "{}", audit.all);
    drop(one);

    let forks = "import os, sys, time\nif sys.argv[0] == '-c' and os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n    open(os.path.dirname(__file__) + '/../forked', 'w').write(str(os.getpid()))\n    time.sleep(600)\nwhile sys.argv[0] == '-c' and not os.path.exists(os.path.dirname(__file__) + '/../forked'):\n    time.sleep(0.01)\n";
    let main = format!("import heavy, forks\n{SLEEP}");
    let two = service(&[("service.py", &main), ("site-packages/forks.py", forks)], &[]);
    let audit = two.audit(&FLAGS);
    assert_ne!(audit.service["imports"], Value::Null, "{}", audit.all);
    assert!(is_gone(&two.path("forked")));
    drop(two);

    // It ends who looks after it, has no parent any more, and nothing in its environment.
    let flees = "import os, sys, time\nfile = os.path.dirname(__file__) + '/../fled'\nif sys.argv[0] == '-c' and os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n    open(file, 'w').write(str(os.getpid()))\n    os.execve('/bin/sleep', ['sleep', '600'], {})\nwhile sys.argv[0] == '-c' and os.getppid() > 1:\n    if os.path.exists(file) and 'sleep' in open(f'/proc/{open(file).read() or os.getpid()}/comm').read():\n        os.kill(os.getppid(), 9)\n        time.sleep(600)\n";
    let main = format!("import heavy, flees\n{SLEEP}");
    let three = service(&[("service.py", &main), ("site-packages/flees.py", flees)], &[]);
    let audit = three.audit(&FLAGS);
    assert!(not_weighed(&audit).contains("can't be weighed"), "{}", audit.all);
    assert!(is_gone(&three.path("fled")));
}

#[test]
fn a_package_that_says_much_or_goes_on_in_a_thread_is_weighed() {
    let noisy = "import os, sys, threading, time\nif sys.argv[0] == '-c':\n    if sys.argv[1:]:\n        raise SystemExit('no such flag')\n    os.write(2, b'no end of line')\n    threading.Thread(target=time.sleep, args=[600]).start()\n    os.close(2)\n";
    let main = format!("import noisy, heavy\n{SLEEP}");
    let one = service(&[("service.py", &main), ("site-packages/noisy.py", noisy)], &[]);
    let audit = one.audit(&FLAGS);
    assert!(near(&package(&audit, "heavy")["memory_bytes"], 25), "{}", audit.all);
    assert_ne!(package(&audit, "noisy"), &Value::Null, "{}", audit.all);
    assert_eq!(
        audit.service["imports"]["failed"],
        serde_json::json!([]),
        "words for us are none for a package"
    );
}

/// Whether the process whose number is in a file has ended.
fn is_gone(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap();
    let pid = text.split(' ').next().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.is_empty() || status.contains("State:\tZ")
}

#[test]
fn who_interrupts_it_leaves_nothing_behind() {
    let hangs = "import os, sys, time\nif sys.argv[0] == '-c':\n    open(os.path.dirname(__file__) + '/../hangs', 'w').write(f'{os.getpid()} {os.environ[\"PYTHONPATH\"].split(\":\")[0]}')\n    time.sleep(600)\n";
    let main = format!("import heavy, hangs\n{SLEEP}");
    let service = service(&[("service.py", &main), ("site-packages/hangs.py", hangs)], &[]);
    let mut audit = Command::new(env!("CARGO_BIN_EXE_ebb"))
        .args(["audit", &service.pid().to_string(), "--state"])
        .arg(service.path("state"))
        .args(FLAGS)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let file = service.path("hangs");
    wait_until("the import that hangs", || std::fs::read_to_string(&file).is_ok_and(|text| !text.is_empty()));
    kill(Pid::from_raw(i32::try_from(audit.id()).unwrap()), Signal::SIGINT).unwrap();
    let status = audit.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2), "{status}");
    assert!(is_gone(&file));
    let text = std::fs::read_to_string(&file).unwrap();
    let bills = Path::new(text.split(' ').nth(1).unwrap());
    assert!(bills.file_name().unwrap().to_string_lossy().starts_with("ebb-imports-"), "{text}");
    assert!(!bills.exists(), "{} is still there", bills.display());
}

#[test]
fn real_packages_weigh_what_a_run_of_the_service_says() {
    let Some(python) =
        python_with_libraries("audit_imports::real_packages_weigh_what_a_run_of_the_service_says")
    else {
        return;
    };
    let main = format!("import boto3\nimport pandas\n{SLEEP}");
    let service = Service::python(&python, &main, &[]);
    let audit = service.audit(&FLAGS);
    let output = Command::new(env!("CARGO_BIN_EXE_ebb"))
        .args(["measure", "--imports", "--json", "--"])
        .arg(&python)
        .args(["-c", "import boto3\nimport pandas"])
        .output()
        .unwrap();
    let measured: Value = serde_json::from_slice(&output.stdout).unwrap();
    for name in ["boto3", "pandas", "numpy"] {
        let measured = measured["imports"][0]["packages"].as_array().unwrap();
        let then = measured.iter().find(|it| it["name"] == name).unwrap()["memory_bytes"].as_u64().unwrap();
        let now = package(&audit, name)["memory_bytes"].as_u64().unwrap();
        assert!(now.abs_diff(then) <= then / 5, "{name}: {now}, and {then} when measured");
    }
}

/// What the reader of sources finds in a project, as `module names place`.
fn found(python: &Path, dir: &Path, how: &[&str]) -> Vec<String> {
    let output = Command::new(python)
        .arg("-c")
        .arg(include_str!("../../src/audit/sources.py"))
        .args(["200", "262144"])
        .arg(dir)
        .args(how)
        .env("PYTHONPATH", dir.join("site-packages"))
        .current_dir("/")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let line =
        |line: &str| line.split('\t').skip(1).filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect()
}

#[test]
fn imports_are_found_as_python_would_carry_them_out() {
    let main = "\
from __future__ import annotations
import os.path, a.b as c
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import late
try:
    import nobody_has_this
except ImportError:
    import second as nobody_has_this
try:
    import light
except ImportError:
    import late
'''
import late
'''
class A:
    import csv
    def f(self):
        import late
with open('/dev/null') as f: from heavy import (
    X,
    Y)
def helper():
    import sqlite3
def main():
    import shelve
    helper()
def never():
    import late
NAMES = 'a.settings', 'a.apps.Config', 'a.nothing.Here', 'late', 'a'
if __name__ == '__main__':
    from a import *
    main()
";
    let files = [
        ("main.py", main),
        ("a/__init__.py", "from . import b\nif __name__ == '__main__':\n    import late\n"),
        ("a/b.py", "from .deep.er import x\nimport heavy.sub\n"),
        ("a/deep/er.py", "from ..b import y\nfrom .... import beyond\nimport sqlalchemy\n"),
        ("a/broken.py", "import late(\n"),
        ("a/settings.py", "import ftplib\n"),
        ("a/apps.py", "import netrc\nclass Config: pass\n"),
    ];
    let dir = laid_out(&[&PACKAGES[..], &files].concat());
    let main = dir.path().join("main.py").display().to_string();
    let expected = [
        "os.path main.py:2",
        "sqlalchemy a/deep/er.py:3",
        "heavy.sub a/b.py:2",
        "typing TYPE_CHECKING main.py:3",
        "second main.py:9",
        "light main.py:11",
        "csv main.py:18",
        "heavy X Y main.py:21",
        "shelve main.py:27",
        "sqlite3 main.py:25",
        "ftplib a/settings.py:1",
        "netrc a/apps.py:1",
    ];
    for python in pythons("audit_imports::imports_are_found_as_python_would_carry_them_out") {
        assert_eq!(found(&python.path, dir.path(), &["file", &main]), expected, "3.{}", python.minor);
    }
    let python = PathBuf::from(python());
    assert_eq!(
        found(&python, dir.path(), &["module", "a.b"])[..2],
        ["sqlalchemy a/deep/er.py:3", "heavy.sub a/b.py:2"]
    );
    assert_eq!(
        found(&python, dir.path(), &["text", "import second; import a.broken"]),
        ["second -c:1", "sqlalchemy a/deep/er.py:3", "heavy.sub a/b.py:2"]
    );
    assert_eq!(found(&python, dir.path(), &["unknown", "", "x", "[a.b:app]"])[1], "heavy.sub a/b.py:2");
}

#[test]
fn a_lazy_import_is_left_out() {
    let Some(python) = python_of(15, "audit_imports::a_lazy_import_is_left_out") else { return };
    let files = [("main.py", "lazy import late\nlazy from second import X\nimport light\n")];
    let dir = laid_out(&[&PACKAGES[..], &files].concat());
    let main = dir.path().join("main.py").display().to_string();
    assert_eq!(found(python, dir.path(), &["file", &main]), ["light main.py:3"]);
}

#[test]
fn what_is_read_is_what_the_service_was_started_with_and_nothing_beside_it() {
    // More branches than Python calls functions within each other.
    let branches: String = (0..3_000).map(|at| format!("elif X == {at}: pass\n")).collect();
    let deep = format!("import second\nX = 0\nif X == -1: pass\n{branches}");
    let files = [
        ("alone.py", "print('hello')\n"),
        ("other.py", "import late\n"),
        ("deep.py", &deep),
        ("dir/__main__.py", "import helper\n"),
        ("dir/helper.py", "import second\n"),
        // A package of its own that was installed so that it can be changed.
        ("src/own/__init__.py", "import second\n"),
        ("src/own.egg-info/PKG-INFO", "Name: own\n"),
        ("uses.py", "import own, srv\n"),
        (
            "here.py",
            "import sys\nif sys.platform == 'other':\n    import nobody_has_this\nelse:\n    import second\n",
        ),
        ("spaces/there/m.py", "import second\n"),
        ("space.py", "try:\n    from spaces.there import m\nexcept ImportError:\n    import late\n"),
    ];
    let dir = laid_out(&[&PACKAGES[..], &files].concat());
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(dir.path().join("site-packages/own.pth"), format!("{}\n", path("src"))).unwrap();
    let python = PathBuf::from(python());
    let of = |name: &str| found(&python, dir.path(), &["file", &path(name)]);
    assert_eq!(of("alone.py"), [""; 0], "others lie beside it");
    assert_eq!(of("deep.py"), [""; 0], "too deep to be read, and no reason to fail");
    assert_eq!(of("dir"), ["second helper.py:1"]);
    assert_eq!(of("here.py"), ["sys here.py:1", "second here.py:5"]);
    assert_eq!(of("space.py"), ["second spaces/there/m.py:1"]);
    let site = "import site, sys; site.addsitedir(sys.argv.pop())\n";
    let output = Command::new(&python)
        .arg("-c")
        .arg(format!("{site}{}", include_str!("../../src/audit/sources.py")))
        .args(["200", "262144", &path(""), "file", &path("uses.py"), &path("site-packages")])
        .current_dir("/")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "import\tsecond\t\tsrc/own/__init__.py:1\nimport\tsrv\t\tuses.py:1\n";
    assert_eq!(text, expected, "what is its own is read, and / is no place of modules");
}

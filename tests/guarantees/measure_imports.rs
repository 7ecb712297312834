//! `ebb measure --imports`: each package of a Python program costs what it costs, on every CPython that is here, and the
//! program notices nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::Said;
use crate::helpers::libraries::python_with_libraries;
use crate::helpers::pythons::{python_of, pythons};
use crate::measure::python;

const MIB: u64 = 1 << 20;

/// A directory with packages of known size and a program that imports them.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let files = [
        ("big/__init__.py", "import small\nX = bytearray(20 << 20)\n"),
        ("small/__init__.py", "import json\nX = bytearray(5 << 20)\n"),
        // A namespace package: it has no __init__.
        ("spread/part/mod.py", "X = bytearray(7 << 20)\n"),
        ("late.py", "X = bytearray(3 << 20)\n"),
        ("bad/__init__.py", "import late\nimport nobody_has_this\n"),
        ("broken/__init__.py", "def f():\n    raise KeyError('broken')\nf()\n"),
        ("site/sitecustomize.py", "import sys\nsys.from_the_users_own = 1\n"),
        (
            "app.py",
            "import sys, traceback\n\
             import big, spread.part.mod, small\n\
             for name in 'bad', 'broken', 'nobody_has_this_either':\n\
             \x20   try:\n\
             \x20       __import__(name)\n\
             \x20   except Exception:\n\
             \x20       traceback.print_exc(file=sys.stdout)\n\
             print([place for place in sys.path if 'ebb-imports' in place], sys.from_the_users_own, __name__)\n\
             print(sys.argv[1:], big.__spec__.loader, big.__loader__, big.__file__)\n\
             HEAP = bytearray(11 << 20)\n\
             sys.exit(6)\n",
        ),
    ];
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

/// The same command without and with ebb.
fn both(command: &[&str], dir: &Path) -> (Said, Said) {
    let run = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(dir).stdin(Stdio::null()).env("PYTHONPATH", "site:.");
        // What one of the two has compiled, the other would not have to.
        let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    };
    let ebb = [env!("CARGO_BIN_EXE_ebb"), "measure", "--json", "--imports", "--"];
    (run(command), run(&[&ebb, command].concat()))
}

/// The bills of a run, and that the program has said and done the same as without ebb.
fn bills(command: &[&str], dir: &Path) -> Vec<Value> {
    let (alone, measured) = both(command, dir);
    // With --json the program's standard output is standard error. Addresses of objects are never the same.
    let told = |text: &str| -> Vec<String> {
        let hidden = |line: &str| line.split(" object at 0x").next().unwrap_or_default().to_owned();
        text.lines().map(hidden).collect()
    };
    assert_eq!(told(&alone.out), told(&measured.err), "{command:?}");
    assert_eq!(alone.code, measured.code, "{command:?}: {measured:?}");
    let figures: Value = serde_json::from_str(&measured.out).unwrap_or_else(|e| panic!("{e}: {measured:?}"));
    figures["imports"].as_array().unwrap().clone()
}

fn package<'a>(bill: &'a Value, name: &str) -> &'a Value {
    let packages = bill["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == name).unwrap_or_else(|| panic!("no {name}: {bill}"))
}

fn about(value: &Value, mib: u64) -> bool {
    value.as_u64().is_some_and(|bytes| (mib * MIB..(mib + 4) * MIB).contains(&bytes))
}

#[test]
fn each_package_costs_what_it_costs_on_every_python_that_is_here_and_the_program_notices_nothing() {
    let dir = project();
    for python in pythons("measure_imports:") {
        let version = format!("3.{}", python.minor);
        let bills = bills(&[python.path.to_str().unwrap(), "app.py", "a", "b c"], dir.path());
        let [bill] = &bills[..] else { panic!("{bills:?}") };
        assert!(bill["python"].as_str().unwrap().starts_with(&format!("{version}.")), "{bill}");
        let cost = |name: &str, figure: &str| package(bill, name)[figure].clone();
        for (name, figure, mib) in [
            ("big", "memory_bytes", 25),
            ("big", "own_bytes", 20),
            ("small", "memory_bytes", 5),
            ("spread", "own_bytes", 7),
            ("late", "anon_bytes", 3),
        ] {
            assert!(about(&cost(name, figure), mib), "{version} {name} {figure}: {bill}");
        }
        assert!(about(&bill["left_bytes"], 11), "{version}: {bill}");
        // Tracebacks of 3.15 need some more of the standard library, and that is the program's.
        let packages = bill["packages"].as_array().unwrap();
        let own: u64 = packages.iter().map(|package| package["own_bytes"].as_u64().unwrap()).sum();
        assert_eq!(bill["imports_bytes"], own, "{bill}");
        let standard = cost("(standard library)", "own_bytes").as_u64().unwrap();
        assert!(about(&(own - standard).into(), 35), "{version}: {bill}");
        assert_eq!((cost("small", "brought_by"), cost("big", "brought_by")), ("big".into(), Value::Null));
        assert_eq!(packages.len(), 5, "the four and (standard library): {bill}");
        // What was not found or failed to load is no package.
        let text = bill.to_string();
        assert!(!text.contains("nobody") && !text.contains("\"broken\""), "{bill}");
    }
}

/// How `user` and `deep` of `late_project` import what they need when they are used, and the word before all other imports.
const IN_FUNCTIONS: (&str, &str) = (
    "def use():\n    import decimal, deep\n    return deep.use()\n",
    "X = bytearray(5 << 20)\ndef use():\n    import deeper\n    return deeper.X\n",
);
const LAZILY: (&str, &str) = (
    "import never, decimal, deep\ndef use():\n    return decimal.Decimal(1), deep.use()\n",
    "import deeper\nX = bytearray(5 << 20)\ndef use():\n    return deeper.X\n",
);

/// A program whose packages import each other when they are used.
fn late_project((user, deep): (&str, &str), word: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let app = format!("{word}import mine, outer\nouter.use()\nprint(len(mine.X), outer.X.__class__)\n");
    let files = [
        ("app.py", app.as_str()),
        ("mine.py", "X = bytearray(3 << 20)\n"),
        ("outer.py", "import user\nX = bytearray(2 << 20)\ndef use():\n    return user.use()\n"),
        ("user.py", &format!("{word}{user}")),
        ("deep.py", &format!("{word}{deep}")),
        ("deeper.py", "X = bytearray(7 << 20)\n"),
        ("never.py", "X = bytearray(9 << 20)\n"),
    ];
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// The bill of `late_project`, which is the same in whatever way its imports are late.
fn check_late(bills: &[Value]) {
    let [bill] = bills else { panic!("{bills:?}") };
    let programs = Value::Null;
    for (name, with_all, own, by) in [
        ("mine", 3, 3, &programs),
        ("outer", 14, 2, &programs),
        ("user", 12, 0, &"outer".into()),
        ("deep", 12, 5, &"user".into()),
        ("deeper", 7, 7, &"deep".into()),
    ] {
        let package = package(bill, name);
        assert!(about(&package["memory_bytes"], with_all), "{name}: {bill}");
        assert!(about(&package["own_bytes"], own), "{name}: {bill}");
        assert_eq!(&package["brought_by"], by, "{name}: {bill}");
    }
    assert!(about(&bill["imports_bytes"], 17), "{bill}");
    // decimal is user's, never is nobody's. A Python can have a sitecustomize of its own, which imports.
    let names = bill["packages"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap());
    assert_eq!(names.filter(|name| *name != "(standard library)").count(), 5, "{bill}");
}

#[test]
fn what_a_package_imports_when_it_is_used_is_below_that_package() {
    let dir = late_project(IN_FUNCTIONS, "");
    for python in pythons("measure_imports:") {
        check_late(&bills(&[python.path.to_str().unwrap(), "app.py"], dir.path()));
    }
}

#[test]
fn a_lazy_import_costs_nothing_until_it_is_used_and_is_then_below_the_package_that_used_it() {
    let Some(python) = python_of(15, "measure_imports:") else { return };
    let python = python.to_str().unwrap();
    let (said, unsaid) = (late_project(LAZILY, "lazy "), late_project(LAZILY, ""));
    check_late(&bills(&[python, "app.py"], said.path()));
    // Here all imports outside of functions are.
    check_late(&bills(&[python, "-X", "lazy_imports=all", "app.py"], unsaid.path()));
    check_late(&bills(&["env", "PYTHON_LAZY_IMPORTS=all", python, "app.py"], unsaid.path()));
}

#[test]
fn modules_scripts_and_venvs_have_their_bill_and_an_isolated_interpreter_has_none_which_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = project();
    for python in pythons("measure_imports:") {
        let real = python.path.to_str().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, format!("#!{real}\nimport app\n")).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let venv = dir.path().join(format!("venv{}", python.minor));
        let made = Command::new(real).args(["-m", "venv", "--without-pip"]).arg(&venv).status().unwrap();
        assert!(made.success());
        let in_venv = venv.join("bin/python");
        for command in [
            &[real, "-m", "app"][..],
            &[script.to_str().unwrap()],
            &[in_venv.to_str().unwrap(), "-c", "import app"],
            &["sh", "-c", "\"$0\" -c 'import app'", real],
        ] {
            let bills = bills(command, dir.path());
            assert_eq!(bills.len(), 1, "{command:?}: {bills:?}");
            assert!(about(&package(&bills[0], "big")["memory_bytes"], 25), "{command:?}: {bills:?}");
        }
        for flag in ["-I", "-E", "-S"] {
            let (_, measured) = both(&[real, flag, "-c", "import json"], dir.path());
            assert!(measured.out.contains("\"imports\":[]"), "{flag}: {measured:?}");
        }
    }
    let ebb = [env!("CARGO_BIN_EXE_ebb"), "measure", "--imports", "--", "true"];
    let said = Command::new(ebb[0]).args(&ebb[1..]).output().unwrap();
    let err = String::from_utf8(said.stderr).unwrap();
    assert!(err.contains("no import was seen") && err.contains("-I, -E or -S"), "{err}");
}

#[test]
fn a_gate_names_the_package_that_has_grown() {
    let dir = project();
    let measure = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ebb"));
        command.args(["measure", "--imports"]).args(words).args(["--", python(), "-c", "import small"]);
        let output = command.current_dir(dir.path()).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(measure(&["--save", "base.json"]).0, Some(0));
    std::fs::write(dir.path().join("small/__init__.py"), "X = bytearray(25 << 20)\n").unwrap();
    let (code, err) = measure(&["--baseline", "base.json"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("the import of small has grown from 5"), "{err}");
}

#[test]
fn each_process_has_its_own_bill_the_dearest_first() {
    let dir = project();
    const PROGRAM: &str = "\
import os, subprocess, sys
import late
pid = os.fork()
if pid == 0:
    import spread.part.mod
    os._exit(0)
os.waitpid(pid, 0)
subprocess.run([sys.executable, '-c', 'import big'], check=True)
";
    std::fs::write(dir.path().join("family.py"), PROGRAM).unwrap();
    for python in pythons("measure_imports:") {
        let bills = bills(&[python.path.to_str().unwrap(), "family.py"], dir.path());
        let [child, fork, main] = &bills[..] else { panic!("{bills:?}") };
        assert!(about(&package(child, "big")["memory_bytes"], 25), "{child}");
        assert!(about(&package(fork, "spread")["memory_bytes"], 7), "{fork}");
        assert_eq!((&fork["is_fork"], &fork["left_bytes"]), (&true.into(), &Value::Null), "{fork}");
        assert!(about(&package(main, "late")["memory_bytes"], 3), "{main}");
        assert!(!fork.to_string().contains("\"late\""), "it had that already: {fork}");
    }
}

#[test]
fn a_process_that_executes_another_program_has_the_bill_of_that_one_alone() {
    let dir = project();
    let program = "import os, sys, big\nos.execv(sys.executable, [sys.executable, '-c', 'import late'])\n";
    std::fs::write(dir.path().join("first.py"), program).unwrap();
    let bills = bills(&[python(), "first.py"], dir.path());
    let [bill] = &bills[..] else { panic!("{bills:?}") };
    assert!(about(&bill["imports_bytes"], 3) && !bill.to_string().contains("\"big\""), "{bill}");
}

#[test]
fn an_interpreter_within_the_process_is_on_its_bill() {
    const PROGRAM: &str = "\
from concurrent import interpreters
import late
other = interpreters.create()
other.exec('import small')
other.close()
HEAP = bytearray(11 << 20)
";
    let dir = project();
    std::fs::write(dir.path().join("two.py"), PROGRAM).unwrap();
    // `concurrent.interpreters` is there from 3.14 on.
    for python in [14, 15].into_iter().filter_map(|minor| python_of(minor, "measure_imports:")) {
        let bills = bills(&[python.to_str().unwrap(), "two.py"], dir.path());
        let [bill] = &bills[..] else { panic!("{bills:?}") };
        for (name, mib) in [("late", 3), ("small", 5)] {
            assert!(about(&package(bill, name)["memory_bytes"], mib), "{name}: {bill}");
        }
        assert!(bill["interpreter_bytes"].as_u64().unwrap() < 14 * MIB, "before the first import: {bill}");
        // The 5 went with the other interpreter.
        assert!(about(&bill["left_bytes"], 11 - 5), "{bill}");
    }
}

#[test]
fn boto3_is_about_25_mb_and_pandas_about_44_mb_on_top_of_numpy() {
    const NAME: &str = "measure_imports::boto3_is_about_25_mb_and_pandas_about_44_mb_on_top_of_numpy";
    let Some(python) = python_with_libraries(NAME) else { return };
    let python = python.to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    // Within a fifth, in powers of ten and of two alike.
    for (program, name, mb) in [("import boto3", "boto3", 25), ("import numpy, pandas", "pandas", 44)] {
        // What pip installs it compiles as well, which would take memory here.
        let bills = bills(&[python, "-c", program], dir.path());
        let bytes = package(&bills[0], name)["memory_bytes"].as_u64().unwrap();
        let (least, most) = (mb * MIB * 8 / 10, mb * 1_000_000 * 12 / 10);
        assert!((least..=most).contains(&bytes), "{name}: {bytes}, which is not {mb} MB: {}", bills[0]);
    }
}

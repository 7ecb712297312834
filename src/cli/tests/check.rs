//! `ebb check`: all problems of all files, counted, and the exit code that CI looks at.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::Check;
use crate::cli::check::run_in;
use crate::cli::screen::{Look, Screen};
use crate::cli::target::Target;
use crate::cli::testing::{Printed, ebb};
use crate::places::Places;

fn check(line: &[&str]) -> Printed {
    ebb(&[&["check"], line].concat(), &Target::at("/nonexistent/ebb.sock"))
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
}

#[test]
fn a_directory_without_problems_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let printed = check(&[path]);
    assert_eq!((printed.code, printed.out), (0, format!("no job file (*.toml) in {path}\n")));
    write(dir.path(), "a.toml", "command = [\"true\"]\n");
    write(dir.path(), "b.toml", "command = [\"true\"]\n");
    let printed = check(&[path]);
    assert_eq!((printed.code, printed.out), (0, format!("2 job files in {path}, 0 problems\n")));
}

#[test]
fn every_problem_of_every_file_is_printed_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.toml", "comand = [\"true\"]\n");
    write(dir.path(), "b.toml", "command = [\"true\"]\n");
    write(dir.path(), "c.toml", "command = [\"true\"]\ntimeout = \"soon\"\n");
    let printed = check(&[dir.path().to_str().unwrap()]);
    assert_eq!((printed.code, printed.err.as_str()), (78, ""));
    let place = |name: &str, at: &str| format!("{}:{at}: ", dir.path().join(name).display());
    assert!(printed.out.contains(&place("a.toml", "1:1")), "{}", printed.out);
    assert!(printed.out.contains(&place("c.toml", "2:12")), "{}", printed.out);
    assert!(printed.out.contains("  1 | comand = [\"true\"]\n    | ^^^^^^\n"), "{}", printed.out);
    assert!(printed.out.contains("3 job files in "), "{}", printed.out);
}

#[test]
fn json_has_the_same_problems_as_data() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.toml", "command = [\"true\"]\ntimeout = \"soon\"\n");
    let printed = check(&[dir.path().to_str().unwrap(), "--json"]);
    assert_eq!(printed.code, 78);
    let found: Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!((&found["files"], &found["jobs"]), (&json!(1), &json!(0)));
    let problem = &found["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["col"], &problem["severity"]),
        (&json!(2), &json!(12), &json!("error"))
    );
}

#[test]
fn one_file_can_be_checked_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "good.toml", "command = [\"true\"]\n");
    write(dir.path(), "bad.toml", "nonsense\n");
    let path = dir.path().join("good.toml").display().to_string();
    let good = check(&[&path]);
    assert_eq!((good.code, good.out), (0, format!("{path}: 0 problems\n")));
    assert_eq!(check(&[dir.path().join("bad.toml").to_str().unwrap()]).code, 78);
}

#[test]
fn a_directory_that_is_not_there_is_a_problem() {
    let printed = check(&["/nonexistent/jobs.d"]);
    assert_eq!(printed.code, 78);
    assert!(printed.out.contains("/nonexistent/jobs.d"), "{}", printed.out);
}

/// The places of an ebbd below a directory.
fn places(dir: &Path) -> Places {
    let below = |name: &str| dir.join(name);
    Places {
        config: below("ebbd.toml"),
        jobs: below("jobs.d"),
        state: below("state"),
        socket: below("ebb.sock"),
    }
}

/// `ebb check` without a directory: its exit code, and what it prints as JSON.
fn check_by_itself(own: &Path, system: &Path) -> (u8, Value) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
    let done =
        run_in(&Check { dir: None, config: None, json: true }, &places(own), &places(system), &mut screen);
    assert!(screen.out.flush().is_ok());
    (done.unwrap().0, serde_json::from_slice(&out).unwrap())
}

#[test]
fn what_an_ebbd_without_flags_would_load_is_checked_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (own, system, named) = (dir.path().join("own"), dir.path().join("system"), dir.path().join("named"));
    for place in [&own, &system.join("jobs.d"), &named] {
        fs::create_dir_all(place).unwrap();
    }
    let checked = || check_by_itself(&own, &system).1["path"].clone();
    assert_eq!(checked(), json!(system.join("jobs.d")), "the system's, where there is none of one's own");
    write(&system, "ebbd.toml", &format!("jobs = \"{}\"\n", named.display()));
    write(&named, "a.toml", "comand = [\"true\"]\n");
    let (code, found) = check_by_itself(&own, &system);
    assert_eq!((code, &found["path"], &found["files"]), (78, &json!(named), &json!(1)), "{found}");
    assert_eq!(check_by_itself(&system, &system).1["path"], json!(named), "root's own is the system's");
    fs::create_dir(own.join("jobs.d")).unwrap();
    assert_eq!(checked(), json!(own.join("jobs.d")));
    // What the settings name counts also where it is not there: ebbd would load nothing else.
    write(&own, "ebbd.toml", "jobs = \"/nonexistent/jobs.d\"\n");
    let (code, found) = check_by_itself(&own, &system);
    assert_eq!((code, &found["path"]), (78, &json!("/nonexistent/jobs.d")));
}

#[test]
fn settings_that_can_not_be_read_are_a_problem_in_place_of_a_look_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "ebbd.toml", "jbos = \"/x\"\n");
    let (code, found) = check_by_itself(dir.path(), dir.path());
    assert_eq!((code, &found["path"], &found["files"]), (78, &Value::Null, &json!(0)));
    assert!(found["problems"][0]["message"].as_str().unwrap().contains("jbos"), "{found}");
}

#[test]
fn settings_and_jobs_are_held_against_each_other() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("jobs.d")).unwrap();
    write(dir.path(), "ebbd.toml", "[budget]\nmemory = \"300M\"\n[pools.heavy]\nmemory = \"280M\"\n");
    let jobs = dir.path().join("jobs.d");
    write(&jobs, "a.toml", "command = [\"true\"]\npool = \"heavi\"\n");
    write(&jobs, "b.toml", "command = [\"true\"]\nmemory.claim = \"1G\"\n");
    let told = || {
        let (code, found) = check_by_itself(dir.path(), dir.path());
        let problems = found["problems"].as_array().unwrap().clone();
        let place = |p: &Value| {
            let file =
                Path::new(p["path"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
            format!("{file}:{}:{} {}", p["line"], p["col"], p["severity"].as_str().unwrap())
        };
        (code, problems.iter().map(place).collect::<Vec<_>>())
    };
    let places = ["a.toml:2:9 error", "b.toml:2:16 error", "ebbd.toml:2:10 error"].map(str::to_owned);
    assert_eq!(told(), (78, places.to_vec()));
    write(dir.path(), "ebbd.toml", "[budget]\nmemory = \"1000T\"\n[pools.heavi]\nmax-parallel = 1\n");
    fs::remove_file(jobs.join("b.toml")).unwrap();
    assert_eq!(told(), (0, vec!["ebbd.toml:2:10 warning".to_owned()]));
}

#[test]
fn settings_can_be_named_and_without_any_a_named_directory_is_held_against_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::create_dir(dir.path().join("jobs")).unwrap();
    write(&dir.path().join("jobs"), "a.toml", "command = [\"true\"]\npool = \"heavy\"\n");
    write(dir.path(), "with.toml", "[pools.heavy]\nmax-parallel = 1\n");
    write(dir.path(), "without.toml", "[pools.other]\nmax-parallel = 1\n");
    write(dir.path(), "wrong.toml", "[pools.heavy]\n");
    let check = |settings: &str| check(&["--config", &path(settings), &path("jobs")]);
    assert_eq!(check("with.toml").code, 0, "{}", check("with.toml").out);
    assert!(check("without.toml").out.contains("there is no pool `heavy`"), "{}", check("without.toml").out);
    let wrong = check("wrong.toml");
    assert!(wrong.out.contains("wrong.toml:1:8: the pool `heavy` has no limit"), "{}", wrong.out);
    assert!(
        !wrong.out.contains("a.toml"),
        "settings with problems are no reason against a job: {}",
        wrong.out
    );
    assert!(check("missing.toml").out.contains("the file can't be read"), "{}", check("missing.toml").out);

    let own = places(&dir.path().join("nobody"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
    let args = Check { dir: Some(dir.path().join("jobs")), config: None, json: false };
    assert_eq!(run_in(&args, &own, &own, &mut screen).unwrap().0, 0);
}

#[test]
fn what_a_job_names_and_is_not_there_is_a_warning_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().to_str().unwrap();
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    write(&bin, "indexer", "#!/bin/sh\n");
    let path = format!("[environment]\nPATH = \"{}\"\n", bin.display());
    let table = [
        (
            "command = [\"pyhton3\"]\n",
            "1:12: warning: no program is named `pyhton3`",
            "the nearest is `python3",
        ),
        (
            "command = [\"no-such-thing-at-all\"]\n",
            "1:12: warning: no program is named",
            "looked for in /usr/local/sbin:",
        ),
        ("command = [\"/no/such\", \"x\"]\n", "1:12: warning: there is no `/no/such`", "`start-failed`"),
        ("command = [\"/etc\"]\n", "1:12: warning: `/etc` is a directory", "`start-failed`"),
        (
            "command = [\"/etc/passwd\"]\n",
            "1:12: warning: `/etc/passwd` may not be executed by anybody",
            "`start-failed`",
        ),
        (
            "command = [\"true\"]\nworking-directory = \"/no/such\"\n",
            "2:21: warning: there is no `/no/such`",
            "make it",
        ),
        (
            "command = [\"true\"]\nenvironment-file = [\"-/no/a\", \"/no/b\"]\n",
            "2:31: warning: there is no `/no/b`",
            "a `-` in front",
        ),
        (
            &format!("command = [\"indexer\"]\n{path}"),
            "1:12: warning: no program is named `indexer`",
            "looked for in",
        ),
    ];
    for (text, place, help) in table {
        write(dir.path(), "a.toml", text);
        let printed = check(&[here]);
        assert_eq!(printed.code, 0, "{text}{}", printed.out);
        assert!(printed.out.contains(&format!("a.toml:{place}")), "{text}{}", printed.out);
        assert!(printed.out.contains(help), "{text}{}", printed.out);
        assert!(printed.out.ends_with(", 0 problems, 1 warning\n"), "{text}{}", printed.out);
    }
}

#[test]
fn what_is_there_or_cannot_be_known_is_no_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    write(&bin, "indexer", "#!/bin/sh\n");
    write(&bin, "variables", "PATH=/somewhere/else\n");
    fs::set_permissions(bin.join("indexer"), fs::Permissions::from_mode(0o755)).unwrap();
    let bin = bin.display();
    let good = [
        format!("command = [\"{bin}/indexer\"]\nworking-directory = \"{bin}\"\n"),
        format!("command = [\"indexer\"]\n[environment]\nPATH = \"/no/such:{bin}\"\n"),
        // What is in such a file is known when a run starts.
        format!("command = [\"its-own-program\"]\nenvironment-file = \"{bin}/variables\"\n"),
        "command = [\"sh\", \"-c\", \"exit\"]\nenvironment-file = \"-/no/such\"\n".to_owned(),
    ];
    for text in good {
        write(dir.path(), "a.toml", &text);
        let printed = check(&[dir.path().to_str().unwrap()]);
        assert!(printed.out.ends_with(", 0 problems\n"), "{text}{}", printed.out);
    }
}

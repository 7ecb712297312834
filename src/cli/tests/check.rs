//! `ebb check`: all problems of all files, counted, and the exit code that CI looks at.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::target::Target;
use crate::cli::testing::{Printed, ebb};

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
    assert_eq!((printed.code, printed.out.as_str()), (0, "2 job files, 0 problems\n"));
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
    assert!(printed.out.contains("3 job files, "), "{}", printed.out);
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
    let good = check(&[dir.path().join("good.toml").to_str().unwrap()]);
    assert_eq!((good.code, good.out.as_str()), (0, "1 job file, 0 problems\n"));
    assert_eq!(check(&[dir.path().join("bad.toml").to_str().unwrap()]).code, 78);
}

#[test]
fn a_directory_that_is_not_there_is_a_problem() {
    let printed = check(&["/nonexistent/jobs.d"]);
    assert_eq!(printed.code, 78);
    assert!(printed.out.contains("/nonexistent/jobs.d"), "{}", printed.out);
}

//! examples/memory-diet: less memory for the same answers, and a table that says what its figures say.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::skip;
use crate::helpers::libraries::python_with_libraries;
use crate::helpers::proc::python;

fn diet(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/memory-diet").join(file)
}

/// Runs both sides of a pair on a few rows, under the real `ebb measure`, and looks at what they have answered.
fn both_sides_answer_the_same(pair: &str) {
    let test = format!("diet::{}_before_and_after_answer_the_same", pair.replace('-', "_"));
    let Some(python) = python_with_libraries(&test) else { return };
    let work = tempfile::tempdir().unwrap();
    let figures = work.path().join("figures.json");
    let said = Command::new(&python)
        .arg(diet("diet.py"))
        .args(["--small", "--runs", "1", "--only", pair, "--ebb", env!("CARGO_BIN_EXE_ebb")])
        .args(["--ebbd", env!("CARGO_BIN_EXE_ebbd"), "--venv"])
        .arg(python.parent().unwrap().parent().unwrap())
        .arg("--work")
        .arg(work.path())
        .arg("--json")
        .arg(&figures)
        .output()
        .unwrap();
    assert!(said.status.success(), "{pair}: {said:?}");
    let found: Value = serde_json::from_slice(&std::fs::read(&figures).unwrap()).unwrap();
    let found = &found["techniques"][0];
    assert_eq!(found["name"], pair);
    assert_eq!(found["same_answers"], true, "{found}");
    assert!(found["answered"].as_u64().unwrap() >= 8, "{found}");
    for side in ["before", "after"] {
        assert!(found[side][0]["peak"].as_f64().unwrap() > 1e6, "{side} was not measured: {found}");
    }
    for row in found["rows"].as_array().unwrap() {
        assert!(row["before"].as_f64().unwrap() > 0.0 && row["after"].as_f64().unwrap() > 0.0, "{row}");
    }
}

#[test]
fn workers_before_and_after_answer_the_same() {
    both_sides_answer_the_same("workers");
}

#[test]
fn orm_before_and_after_answer_the_same() {
    both_sides_answer_the_same("orm");
}

#[test]
fn resident_before_and_after_answer_the_same() {
    both_sides_answer_the_same("resident");
}

#[test]
fn imports_before_and_after_answer_the_same() {
    both_sides_answer_the_same("imports");
}

#[test]
fn cache_before_and_after_answer_the_same() {
    both_sides_answer_the_same("cache");
}

#[test]
fn small_cache_before_and_after_answer_the_same() {
    both_sides_answer_the_same("small-cache");
}

/// That page is not part of what is measured.
#[test]
fn the_page_that_imports_where_it_uses_answers_as_the_one_that_imports_at_the_top() {
    let test = "diet::the_page_that_imports_where_it_uses_answers_as_the_one_that_imports_at_the_top";
    let Some(python) = python_with_libraries(test) else { return };
    let work = tempfile::tempdir().unwrap();
    let catalogue = work.path().join("catalogue.db");
    let run = |command: &mut Command| {
        let said = command.env("CATALOGUE", &catalogue).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap()
    };
    let small = ["--shows", "3", "--episodes", "5", "--transcripts", "1"];
    run(Command::new(&python).arg(diet("catalogue.py")).arg(&catalogue).args(small));
    let report = |module: &str| {
        let program = format!(
            "import sys, {module}\n\
             print([name for name in ('boto3', 'pandas') if name in sys.modules])\n\
             print({module}.app.test_client().get('/reports/hours.csv').text)"
        );
        run(Command::new(&python).args(["-B", "-c", &program]).current_dir(diet("imports")))
    };
    let (eager, local) = (report("before"), report("after"));
    let body = |text: &str| text[text.find("show_id").unwrap()..].to_owned();
    assert_eq!(body(&eager), body(&local));
    assert_eq!(body(&local).trim().lines().count(), 1 + 3, "{local}");
    assert!(eager.starts_with("['boto3', 'pandas']"), "{eager}");
    assert!(local.starts_with("[]"), "what is imported late was there from the start: {local}");
}

#[test]
fn the_table_says_what_its_figures_say() {
    let check = "import sys; sys.exit(sys.version_info < (3, 11))";
    if !Command::new(python()).args(["-c", check]).status().is_ok_and(|status| status.success()) {
        return skip("diet::the_table_says_what_its_figures_say", "there is no Python 3.11 or newer");
    }
    let said = Command::new(python()).args(["-B", "-m", "unittest"]).current_dir(diet("")).output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.contains("\nRan "), "{text}");
    assert!(!text.contains("\nRan 0 "), "{text}");
}

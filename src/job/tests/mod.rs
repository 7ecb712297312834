//! The guarantees of the job-file module, over all its steps. Each file holds one kind of guarantee.

mod defaults;
mod files;
mod keys;
mod messages_of_claims;
mod messages_of_files;
mod messages_of_values;
mod mutation;
mod reference;
mod syntax;

use std::path::Path;

use super::{Checked, Definition, Problem, TestHost, check_text};

/// Checks a text as `jobs.d/indexer.toml` on a test machine.
fn check(text: &str) -> Checked {
    check_text(Path::new("jobs.d/indexer.toml"), text, &TestHost::default())
}

/// The definition of a text without problems.
fn good(text: &str) -> Definition {
    match check(text) {
        Ok((definition, warnings)) if warnings.is_empty() => definition,
        Ok((_, problems)) | Err(problems) => panic!("problems in:\n{text}\n{}", print(&problems)),
    }
}

/// The problems of a text that has some.
fn bad(text: &str) -> Vec<Problem> {
    match check(text) {
        Ok((_, warnings)) => panic!("no error in:\n{text}\n{}", print(&warnings)),
        Err(problems) => problems,
    }
}

/// A text with the one key that every job must have.
fn with_command(rest: &str) -> String {
    format!("command = [\"true\"]\n{rest}\n")
}

/// Problems as people see them.
fn print(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// What is said of a text, errors and warnings.
fn told(text: &str) -> String {
    let (Ok((_, problems)) | Err(problems)) = check(text);
    print(&problems)
}

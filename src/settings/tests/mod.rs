//! The guarantees of the settings module, over all its steps. Each file holds one kind of guarantee.

mod across;
mod budget;
mod files;
mod messages;

use std::path::Path;

use super::{Checked, Settings, check_text};
use crate::problem::Problem;

/// Memory of the machine that settings are checked on, in bytes.
const TOTAL: u64 = 16 << 30;

fn check(text: &str) -> Checked {
    check_text(Path::new("ebbd.toml"), text, Some(TOTAL))
}

/// The settings of a text without problems.
fn good(text: &str) -> Settings {
    match check(text) {
        Ok((settings, warnings)) if warnings.is_empty() => settings,
        Ok((_, problems)) | Err(problems) => panic!("problems in:\n{text}\n{}", print(&problems)),
    }
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

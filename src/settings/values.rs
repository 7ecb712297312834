//! What single settings may be, wherever they were written: in the file, or as a flag of the same name.

use std::path::{Component, Path};

use crate::job::Millis;
use crate::problem::hints::nearest;
use crate::problem::{TextProblem, shown};

/// How much can be logged.
const LOG_LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

/// Whether `text` is a level of the log.
///
/// # Errors
/// That it is none, and what to write.
pub fn check_log(text: &str) -> Result<(), TextProblem> {
    if LOG_LEVELS.contains(&text) {
        return Ok(());
    }
    let message = format!("`{}` is no log level", shown(text));
    let help = match nearest(text, LOG_LEVELS.into_iter()) {
        Some(level) => format!("write {level}"),
        None => "write error, warn, info or debug".to_owned(),
    };
    Err(TextProblem::new(0..text.len(), message, help))
}

/// Whether `path` can be the control group that holds the runs.
///
/// # Errors
/// That it can't, and what to write.
pub fn check_cgroup(path: &Path) -> Result<(), TextProblem> {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
    if path.file_name().is_some() && path.components().all(is_plain) {
        return Ok(());
    }
    let text = path.to_string_lossy();
    let message = format!("`{}` is no control group for runs", shown(&text));
    Err(TextProblem::new(
        0..text.len(),
        message,
        "write one such as ebb-runs.service or /jobs.slice/ebb.service",
    ))
}

/// Milliseconds of `stop-within`.
///
/// # Errors
/// That it is no duration, or no time at all, and what to write.
pub fn stop_within(text: &str) -> Result<u64, TextProblem> {
    match text.parse::<Millis>()? {
        Millis(0) => Err(TextProblem::new(0..text.len(), "an end needs some time", "write `25s`")),
        Millis(ms) => Ok(ms),
    }
}

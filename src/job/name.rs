//! What a job or a pool may be called. A job's name is a file's stem; both become part of paths, control groups or messages.

use crate::limits::JOB_NAME_MAX;
use crate::problem::{TextProblem, shown};

/// Checks a job's name: `a` to `z` or a digit first, then also `-`, `_` and `.`, at most [`JOB_NAME_MAX`] bytes.
///
/// # Errors
/// What is wrong with it, and a name that would do.
pub fn check_name(name: &str) -> Result<(), TextProblem> {
    check(name, "job", |better| format!("call the file `{better}.toml`"))
}

/// Checks a pool's name, by the rules of a job's.
///
/// # Errors
/// What is wrong with it, and a name that would do.
pub fn check_pool_name(name: &str) -> Result<(), TextProblem> {
    check(name, "pool", |better| format!("write `{better}`"))
}

fn check(name: &str, what: &str, help: impl Fn(&str) -> String) -> Result<(), TextProblem> {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let then = |c: char| first(c) || matches!(c, '-' | '_' | '.');
    let wrong = name.char_indices().find(|(at, c)| if *at == 0 { !first(*c) } else { !then(*c) });
    let help = || {
        let mut better: String =
            name.chars().map(|c| c.to_ascii_lowercase()).map(|c| if then(c) { c } else { '-' }).collect();
        better = better.trim_start_matches(['-', '_', '.']).chars().take(JOB_NAME_MAX).collect();
        if better.is_empty() { help(&format!("my-{what}")) } else { help(&better) }
    };
    if name.is_empty() {
        return Err(TextProblem::new(0..0, format!("a {what} has no name"), help()));
    }
    if let Some((at, c)) = wrong {
        let rule = if at == 0 {
            "begins with a to z or a digit"
        } else {
            "has only a to z, digits, `-`, `_` and `.`"
        };
        let message = format!("`{}` is not a {what}'s name: it {rule}", shown(name));
        return Err(TextProblem::new(at..at + c.len_utf8(), message, help()));
    }
    if name.len() > JOB_NAME_MAX {
        let message =
            format!("`{}` is not a {what}'s name: it is longer than {JOB_NAME_MAX} bytes", shown(name));
        return Err(TextProblem::new(JOB_NAME_MAX..name.len(), message, help()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_paths_and_control_groups() {
        for good in ["a", "0", "search-indexer", "app.daily_2", &"a".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for (bad, told) in [
            ("", "a job has no name (call the file `my-job.toml`)"),
            (
                "My Job",
                "`My Job` is not a job's name: it begins with a to z or a digit (call the file `my-job.toml`)",
            ),
            ("-x", "`-x` is not a job's name: it begins with a to z or a digit (call the file `x.toml`)"),
            (
                "a/b",
                "`a/b` is not a job's name: it has only a to z, digits, `-`, `_` and `.` (call the file `a-b.toml`)",
            ),
        ] {
            assert_eq!(check_name(bad).unwrap_err().to_string(), told);
        }
        let pool = check_pool_name("Heavy").unwrap_err().to_string();
        assert_eq!(pool, "`Heavy` is not a pool's name: it begins with a to z or a digit (write `heavy`)");
        let long = check_name(&"a".repeat(65)).unwrap_err();
        assert!(long.message.ends_with("it is longer than 64 bytes"), "{long}");
    }
}

//! The one place where the check of a job file asks the schedule module what an expression means.

use super::problem::TextProblem;

/// What one entry of `schedule` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// `@reboot`: once for each start of ebbd.
    AtStart,
    /// Slots of the wall clock.
    Slots,
}

/// Checks one expression; `job` is the job's name, for the slots that `H` stands for.
pub(super) fn check_schedule(text: &str, job: &str) -> Result<When, TextProblem> {
    let _ = job;
    let fields = text.split_whitespace().count();
    match text {
        "@reboot" => Ok(When::AtStart),
        _ if text.starts_with('@') || (5..=6).contains(&fields) => Ok(When::Slots),
        _ => {
            let message =
                format!("a schedule has five fields, or six with seconds in front; here are {fields}");
            Err(TextProblem::new(0..text.len(), message, "write it like \"30 2 * * *\" (every day at 02:30)"))
        }
    }
}

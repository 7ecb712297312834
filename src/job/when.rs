//! The one place where the check of a job file asks the schedule module what an expression means.

use crate::schedule::Schedule;

use crate::problem::TextProblem;

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
    match Schedule::parse(text, job) {
        Ok(schedule) if schedule.is_reboot() => Ok(When::AtStart),
        Ok(_) => Ok(When::Slots),
        Err(error) => Err(TextProblem { span: error.span, message: error.message, help: error.help }),
    }
}

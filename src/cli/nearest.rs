//! Who has asked for a job that is not there is told the name that was probably meant. Nothing is done because of it.

use crate::problem::hints::nearest;
use crate::protocol::Refusal;

use super::failure::{Done, Failure};
use super::offers;
use super::target::Target;

/// The same, with the nearest of the names that this user may see, where one is near.
pub(super) fn named(done: Done, job: Option<&str>, target: &Target) -> Done {
    let (Err(Failure::Refused(error)), Some(job)) = (&done, job) else { return done };
    if error.error != Refusal::NoSuchJob(String::new()).name() {
        return done;
    }
    let names = offers::names(target);
    match nearest(job, names.iter().map(String::as_str)) {
        Some(meant) => Err(Failure::Usage(format!("no job is named `{job}`; the nearest is `{meant}`"))),
        None => done,
    }
}

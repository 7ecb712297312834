//! What a shell is offered at a TAB: names of jobs, numbers of runs, outcomes. Asks ebbd, and is silent where there is
//! none, since nobody wants an error in the middle of a line.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap_complete::CompletionCandidate as Candidate;
use serde_json::json;

use crate::limits;
use crate::protocol::{JobStatus, StatusReply};
use crate::words::{Accounting, Figure, Outcome};

use super::failure::Failure;
use super::target::Target;

/// Every job that the user may see, with its description.
pub(super) fn jobs() -> Vec<Candidate> {
    statuses().iter().map(candidate).collect()
}

/// The jobs that have something to stop.
pub(super) fn jobs_with_runs() -> Vec<Candidate> {
    statuses().iter().filter(|job| !job.runs.is_empty()).map(candidate).collect()
}

/// The runs that wait or are under way, with their job.
pub(super) fn runs() -> Vec<Candidate> {
    let jobs = statuses();
    let runs = jobs.iter().flat_map(|job| job.runs.iter().map(move |run| (run, job)));
    runs.map(|(run, job)| {
        Candidate::new(run.run.to_string()).help(Some(format!("{}, {}", job.job, run.state).into()))
    })
    .collect()
}

/// How runs end.
pub(super) fn outcomes() -> Vec<Candidate> {
    Outcome::ALL.iter().map(|outcome| Candidate::new(outcome.word())).collect()
}

/// What can count memory.
pub(super) fn accountings() -> Vec<Candidate> {
    Accounting::ALL.iter().map(|accounting| Candidate::new(accounting.word())).collect()
}

/// What can be held to a baseline.
pub(super) fn figures() -> Vec<Candidate> {
    Figure::ALL.iter().map(|figure| Candidate::new(figure.word())).collect()
}

fn candidate(job: &JobStatus) -> Candidate {
    let about = (!job.description.is_empty()).then(|| job.description.clone().into());
    Candidate::new(&job.job).help(about)
}

/// What ebbd has said within [`limits::COMPLETION_TIMEOUT_MS`].
fn statuses() -> Vec<JobStatus> {
    // The line to be completed stands behind the script's own words, and may name a socket.
    let socket = std::env::args_os().skip_while(|word| word != "--socket").nth(1).map(PathBuf::from);
    let target = Target::of(socket, nix::unistd::geteuid().as_raw(), |name| std::env::var_os(name));
    let mut jobs = Vec::new();
    let _ = collect(&target, &mut jobs);
    jobs
}

fn collect(target: &Target, jobs: &mut Vec<JobStatus>) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_millis(limits::COMPLETION_TIMEOUT_MS);
    let mut connection = target.connect()?;
    connection.send("Status", &json!({}), true)?;
    let left = || deadline.saturating_duration_since(Instant::now());
    while let Some(reply) = connection.reply_within::<StatusReply>(Some(left()))? {
        jobs.extend(reply.parameters.job);
        if !reply.continues {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Fake;

    #[test]
    fn what_has_come_is_offered_where_ebbd_answers_no_further() {
        let status = json!({"job": {"job": "indexer", "description": "Rebuilds", "enabled": true, "paused": false,
            "state": "idle", "schedule": [], "every_ms": null, "next": null, "last": null, "runs": [], "stale": null}});
        let slow = Fake::serve(move |_, peer| peer.say_more(&status));
        let mut jobs = Vec::new();
        collect(&slow.target(), &mut jobs).unwrap();
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].job, "indexer");
    }

    #[test]
    fn without_an_ebbd_there_is_nothing_to_offer() {
        assert!(collect(&Target::at("/nonexistent/ebb.sock"), &mut Vec::new()).is_err());
    }
}

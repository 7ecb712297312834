//! `ebb status`: what the jobs are doing, as a table, or one of them in detail.

use serde_json::json;

use crate::exit;
use crate::journal::HistoryLine;
use crate::protocol::{DoctorReport, JobStatus, RunNowReply, RunStatus, StatusReply};

use super::connection::Connection;
use super::failure::{Done, Failure};
use super::screen::{BAD, LIVELY, Look, NOTICE, QUIET, Screen};
use super::table::{self, Column, Row};
use super::target::Target;
use super::times::{self, Moment};
use super::{args, figures, status_detail};

const COLUMNS: [Column; 6] = [
    Column { heading: "JOB", is_number: false },
    Column { heading: "STATE", is_number: false },
    Column { heading: "NEXT", is_number: false },
    Column { heading: "LAST", is_number: false },
    Column { heading: "RUNNING", is_number: false },
    Column { heading: "DESCRIPTION", is_number: false },
];

pub(super) fn run(args: &args::Status, target: &Target, screen: &mut Screen) -> Done {
    let mut connection = target.connect()?;
    let (mut jobs, mut problems) = (Vec::new(), Vec::new());
    let mut take = |reply: StatusReply| {
        jobs.extend(reply.job);
        problems.extend(reply.problems);
        Ok(())
    };
    match &args.job {
        Some(job) => take(connection.call("Status", &json!({ "job": job }))?)?,
        None => connection.call_more("Status", &json!({}), take)?,
    }
    if args.json {
        screen.json(&jobs)?;
    } else if args.job.is_some() {
        let moment = Moment::read();
        for job in &jobs {
            let failure = last_failure(job, &mut connection);
            status_detail::print(job, failure.as_ref(), &moment, screen)?;
        }
    } else if jobs.is_empty() {
        screen.say(&first_job(&mut connection))?;
    } else {
        screen.print(&overview(&jobs, &Moment::read(), screen.look))?;
    }
    screen.out.flush()?;
    screen.problems(problems.iter().map(String::as_str))?;
    Ok(exit::OK)
}

/// The record of the last run, where that did not end well and is still on record.
fn last_failure(job: &JobStatus, connection: &mut Connection) -> Option<HistoryLine> {
    let last = job.last.as_ref().filter(|last| !last.outcome.is_success())?;
    let reply: RunNowReply = connection.call("Wait", &json!({ "run": last.run })).ok()?;
    reply.result
}

pub(super) fn overview(jobs: &[JobStatus], moment: &Moment, look: Look) -> String {
    table::render(&COLUMNS, &jobs.iter().map(|job| row(job, moment)).collect::<Vec<_>>(), look)
}

fn row(job: &JobStatus, moment: &Moment) -> Row {
    let next = job.next.as_deref().and_then(times::parse);
    let last = job.last.as_ref().map(|last| {
        let when = times::parse(&last.finished_at).map_or_else(String::new, |at| moment.relative(at));
        format!("{} {when}", last.outcome)
    });
    let has_failed = job.last.as_ref().is_some_and(|last| !last.outcome.is_success());
    let style = match job.state.as_str() {
        "running" | "starting" => Some((1, LIVELY)),
        "paused" | "removed" => Some((1, NOTICE)),
        "off" => Some((1, QUIET)),
        _ => has_failed.then_some((3, BAD)),
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    Row {
        cells: vec![
            job.job.clone(),
            job.state.clone(),
            or_dash(next.map(|at| moment.relative_and_clock(at))),
            or_dash(last),
            or_dash(running(&job.runs, moment)),
            job.description.clone(),
        ],
        style,
        notes: waits(&job.runs).into_iter().chain(job.stale.iter().flat_map(|s| figures::lines(s))).collect(),
    }
}

/// What the first of the waiting runs waits for; those behind it wait for it, or for the same.
fn waits(runs: &[RunStatus]) -> Option<String> {
    let (run, waits) = runs.iter().find_map(|run| Some((run.run, run.waits.as_ref()?)))?;
    Some(format!("run {run}: {}", waits.sentence))
}

/// `42: 3 min 5 s, 812M +1 waiting`; none where nothing is under way.
fn running(runs: &[RunStatus], moment: &Moment) -> Option<String> {
    let (waiting, alive): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.state == "waiting");
    let alive = match alive.as_slice() {
        [] => String::new(),
        [run] => {
            let since = run.started_at.as_deref().and_then(times::parse);
            let since =
                since.map_or_else(String::new, |at| format!(": {}", figures::duration(moment.since_ms(at))));
            let peak =
                run.peak_anon_bytes.map_or_else(String::new, |peak| format!(", {}", figures::size(peak)));
            format!("{}{since}{peak}", run.run)
        }
        runs => format!("{} runs", runs.len()),
    };
    match (alive.is_empty(), waiting.len()) {
        (true, 0) => None,
        (true, count) => Some(format!("{count} waiting")),
        (false, 0) => Some(alive),
        (false, count) => Some(format!("{alive} +{count} waiting")),
    }
}

/// What to do where no job is in force yet. The place of the job files is asked for; not everyone may know it.
fn first_job(connection: &mut Connection) -> String {
    let told: Result<DoctorReport, Failure> = connection.call("Doctor", &json!({}));
    let file = told.map_or_else(
        |_| "the directory of the job files as hello.toml".to_owned(),
        |d| d.jobs + "/hello.toml",
    );
    format!(
        "No job is in force, or none that you may see. A job is one file. To begin, write this to {file}:\n\n    \
         command = [\"echo\", \"hello\"]\n    every = \"10m\"\n\n\
         then `ebb reload`, and `ebb run-now hello --follow`."
    )
}

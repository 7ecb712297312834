//! `ebb suggest`: what job files should say, going by the runs of their jobs, as lines to paste. Writes no file.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::json;

use crate::exit;
use crate::job::{Bytes, Millis};
use crate::journal::HistoryLine;
use crate::learn::Lesson;
use crate::learn::suggest::{self, MaxProposal, TimeoutProposal, WhyMax};
use crate::limits;
use crate::protocol::{HistoryQuery, JobStatus, StatusReply};
use crate::words::Outcome;

use super::failure::{Done, Failure};
use super::screen::{HEADING, Look, NOTICE, QUIET, Screen};
use super::target::Target;
use super::times::Moment;
use super::{args, figures, slots};

/// Columns of a comment where no terminal says how many there are.
const WIDTH: u16 = 100;
/// So many jobs are named of which too little is known; the others are counted.
const NAMED: usize = 5;

/// One reply of `History`.
#[derive(serde::Deserialize)]
struct Entry {
    #[serde(default)]
    result: Option<HistoryLine>,
}

/// What a key of a job file should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Proposal {
    /// Of which job.
    pub(super) job: String,
    /// `memory.max`, `timeout` or `schedule`.
    pub(super) key: &'static str,
    /// As it is written in the file.
    pub(super) value: String,
    /// What is in force.
    pub(super) now: Option<String>,
    /// In figures, for people.
    pub(super) why: String,
}

pub(super) fn run(args: &args::Suggest, target: &Target, screen: &mut Screen) -> Done {
    let mut connection = target.connect()?;
    let mut jobs: Vec<JobStatus> = Vec::new();
    let take = |reply: StatusReply| {
        jobs.extend(reply.job);
        Ok::<_, Failure>(())
    };
    connection.call_more("Status", &json!({}), take)?;
    if let Some(job) = args.job.as_ref().filter(|job| jobs.iter().all(|known| known.job != **job)) {
        // ebbd knows what to say of it.
        let _: StatusReply = connection.call("Status", &json!({ "job": job }))?;
    }
    let limit = if args.job.is_some() { limits::SUGGEST_RUNS_MAX } else { limits::SUGGEST_LINES_MAX };
    let query = HistoryQuery { job: args.job.clone(), limit: Some(limit), ..HistoryQuery::default() };
    let mut runs: HashMap<String, Vec<Lesson>> = HashMap::new();
    connection.call_more("History", &query, |entry: Entry| {
        if let Some((job, lesson)) = entry.result.and_then(lesson) {
            runs.entry(job).or_default().push(lesson);
        }
        Ok(())
    })?;
    let wanted = |job: &JobStatus| args.job.as_ref().is_none_or(|wanted| *wanted == job.job);
    let mut proposals: Vec<Proposal> = Vec::new();
    let moves = slots::moves(&jobs, &Moment::read(), wanted);
    for job in jobs.iter().filter(|job| wanted(job) && job.state != "removed") {
        let runs = runs.get(&job.job).map(Vec::as_slice).unwrap_or_default();
        proposals.extend(suggest::timeout(runs, job.timeout_ms).map(|it| of_timeout(job, &it)));
        proposals.extend(moves.iter().filter(|it| it.job == job.job).cloned());
        proposals.extend(suggest::max(runs, job.memory.max_bytes).map(|it| of_max(job, &it)));
    }
    if args.json {
        screen.json(&proposals)?;
    } else {
        print(&proposals, screen)?;
    }
    let is_young = |job: &&JobStatus| successes(runs.get(&job.job)) < limits::LEARNED_RUNS_MIN as usize;
    let young: Vec<&str> =
        jobs.iter().filter(|job| wanted(job)).filter(is_young).map(|job| job.job.as_str()).collect();
    if !young.is_empty() {
        screen.remark(NOTICE, &too_few(&young))?;
    }
    Ok(exit::OK)
}

fn lesson(line: HistoryLine) -> Option<(String, Lesson)> {
    line.id?;
    let lesson = Lesson {
        outcome: line.outcome,
        oom_cause: line.oom_cause,
        peak_anon_bytes: line.peak_anon_bytes,
        memory_max_bytes: line.memory_max_bytes,
        duration_ms: line.duration_ms,
    };
    Some((line.job, lesson))
}

fn successes(runs: Option<&Vec<Lesson>>) -> usize {
    runs.into_iter().flatten().filter(|run| run.outcome == Outcome::Success).count()
}

fn too_few(young: &[&str]) -> String {
    let names = young.iter().take(NAMED).map(|name| figures::one_line(name)).collect::<Vec<_>>().join(", ");
    let more = young.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map_or_else(String::new, |more| format!(" and {more} more"));
    format!("fewer than {} runs have succeeded of {names}{more}: too few to go by", limits::LEARNED_RUNS_MIN)
}

fn of_max(job: &JobStatus, it: &MaxProposal) -> Proposal {
    let (needed, runs) = (figures::size(it.needed), figures::counted(it.runs as u64, "run"));
    let seen = format!("{runs} succeeded with at most {needed}");
    let why = match it.why {
        WhyMax::Unset => format!("{seen}; without a limit a run can take all memory of the host"),
        WhyMax::Tight => format!("{seen}, and the limit leaves hardly room above that"),
        WhyMax::Cut(count) => {
            let were = if count == 1 { "was" } else { "were" };
            format!("at least: {} {were} killed at {needed}", figures::counted(count as u64, "run"))
        }
        WhyMax::Raised(raised) => {
            format!(
                "a limit that was raised to {} for a retry was enough; runs needed up to {needed}",
                figures::size(raised)
            )
        }
        WhyMax::Roomy => format!("{seen}; a limit so far above it holds nothing"),
    };
    Proposal {
        job: job.job.clone(),
        key: "memory.max",
        value: Bytes(it.bytes).to_string(),
        now: job.memory.max_bytes.map(|bytes| Bytes(bytes).to_string()),
        why,
    }
}

fn of_timeout(job: &JobStatus, it: &TimeoutProposal) -> Proposal {
    let (longest, runs) = (figures::duration(it.longest_ms), figures::counted(it.runs as u64, "run"));
    let what = match job.timeout_ms {
        None => "without a timeout one that hangs does so for ever",
        Some(timeout) if timeout < it.ms => "the timeout is hardly longer",
        Some(_) => "one that hangs is noticed late",
    };
    Proposal {
        job: job.job.clone(),
        key: "timeout",
        value: Millis(it.ms).to_string(),
        now: job.timeout_ms.map(|ms| Millis(ms).to_string()),
        why: format!("the longest of {runs} took {longest}; {what}"),
    }
}

fn print(proposals: &[Proposal], screen: &mut Screen) -> Result<(), Failure> {
    if proposals.is_empty() {
        return screen.say("nothing to suggest");
    }
    for (number, of_job) in proposals.chunk_by(|a, b| a.job == b.job).enumerate() {
        let blank = if number > 0 { "\n" } else { "" };
        let text = as_file(of_job, screen.look);
        screen.print(&format!("{blank}{text}"))?;
    }
    Ok(())
}

/// Lines of a job file: all that is not in a table first, each with its reason above it.
fn as_file(proposals: &[Proposal], look: Look) -> String {
    let job = proposals.first().map(|it| figures::one_line(&it.job)).unwrap_or_default();
    let mut text = format!("{}\n", look.paint(HEADING, &format!("# {job}")));
    for it in proposals {
        let now =
            it.now.as_ref().map_or_else(String::new, |now| format!(" (now {})", figures::one_line(now)));
        for line in wrapped(&format!("{}{now}", it.why), look.width.unwrap_or(WIDTH)) {
            text += &format!("{}\n", look.paint(QUIET, &format!("# {line}")));
        }
        let key = match it.key.split_once('.') {
            Some((table, key)) => {
                text += &format!("[{table}]\n");
                key
            }
            None => it.key,
        };
        text += &format!("{key} = {:?}\n", it.value);
    }
    text
}

/// Words in lines of so many columns, two of which are taken.
pub(super) fn wrapped(text: &str, width: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() + 3 <= usize::from(width) => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 9), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensibilities", 9), ["incomprehensibilities"]);
    }
}

//! `ebb suggest`: what job files should say, going by the runs of their jobs, as lines to paste. Writes no file.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;
use serde_json::json;

use crate::exit;
use crate::job::{Bytes, Millis};
use crate::journal::HistoryLine;
use crate::learn::Lesson;
use crate::learn::forecast::Forecast;
use crate::learn::suggest::{self, MaxProposal, TimeoutProposal, WhyMax};
use crate::limits;
use crate::protocol::{HistoryQuery, JobStatus, StatusReply};
use crate::words::Outcome;

use super::failure::{Done, Failure};
use super::plan::{self, Part};
use super::screen::{HEADING, Look, NOTICE, QUIET, Screen};
use super::target::Target;
use super::times::Moment;
use super::{args, figures, forecast};

/// How far a slot that is moved is looked at, in hours.
const HOURS: u32 = 24;
const HOUR_MS: u64 = 3_600_000;
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
    job: String,
    /// `memory.max`, `timeout` or `schedule`.
    key: &'static str,
    /// As it is written in the file.
    value: String,
    /// What is in force.
    now: Option<String>,
    why: String,
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
    let moves = moves(&jobs, &Moment::read(), wanted);
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

/// Other minutes for jobs that meet in the highest minute of the coming day, one after the other as long as that helps.
pub(super) fn moves(
    jobs: &[JobStatus],
    moment: &Moment,
    wanted: impl Fn(&JobStatus) -> bool,
) -> Vec<Proposal> {
    let from = forecast::whole_minute(moment.now);
    let parts = plan::parts(jobs, from, HOURS);
    let mut forecast = Forecast::new(HOURS as usize * 60);
    for part in &parts {
        forecast.add(part.bytes, part.spans());
    }
    let mut found: Vec<Proposal> = Vec::new();
    while let Some((minute, peak)) = forecast.peak() {
        let meeting = forecast.at(minute);
        let movable = meeting.iter().filter(|(number, _)| {
            wanted(&jobs[*number])
                && parts[*number].is_learned
                && found.iter().all(|it| it.job != jobs[*number].job)
        });
        let best = movable
            .filter_map(|(number, _)| {
                Some((*number, best_minute(&jobs[*number], &parts[*number], *number, &forecast)?))
            })
            .min_by_key(|(number, moved)| (moved.peak, *number));
        // What hardly helps is not worth a change.
        let Some((number, moved)) = best.filter(|(_, moved)| moved.peak <= peak - peak / 10) else { break };
        let others = meeting.iter().filter(|(other, _)| *other != number);
        let others: Vec<String> =
            others.take(NAMED).map(|(other, _)| figures::one_line(&jobs[*other].job)).collect();
        found.push(Proposal {
            job: jobs[number].job.clone(),
            key: "schedule",
            value: moved.expression.clone(),
            now: jobs[number].schedule.first().cloned(),
            why: format!(
                "the highest sum of the coming day is then {} instead of {}, at {}, where it meets {}",
                figures::size(moved.peak),
                figures::size(peak),
                moment.day_and_clock(
                    from.checked_add(jiff::SignedDuration::from_mins(i64::try_from(minute).unwrap_or(0)))
                        .unwrap_or(from)
                ),
                others.join(", "),
            ),
        });
        forecast = moved.forecast;
    }
    found
}

/// A job at another minute of its hours.
struct Moved {
    expression: String,
    peak: u64,
    forecast: Forecast,
}

/// The minute at which the highest sum is lowest; of those the one with the least beside it, of these the nearest.
fn best_minute(job: &JobStatus, part: &Part, number: usize, forecast: &Forecast) -> Option<Moved> {
    let [expression] = job.schedule.as_slice() else { return None };
    let at = fixed_minute(expression)?;
    let tried = (0..60).filter(|minute| *minute != at).map(|minute| {
        let moved = forecast.moved(number, shifted(part, at, minute));
        let peak = moved.peak().map_or(0, |(_, bytes)| bytes);
        ((peak, moved.highest_during(number), minute.abs_diff(at)), minute, moved)
    });
    let ((peak, ..), minute, forecast) = tried.min_by_key(|(worth, minute, _)| (*worth, *minute))?;
    Some(Moved { expression: with_minute(expression, minute)?, peak, forecast })
}

/// The runs of a day at another minute; what leaves the day at one end comes in at the other.
fn shifted(part: &Part, from: u64, to: u64) -> impl Iterator<Item = Range<u64>> + '_ {
    let day = u64::from(HOURS) * HOUR_MS;
    part.spans().flat_map(move |span| {
        let start = (span.start + day + to * 60_000 - from * 60_000) % day;
        let end = start + (span.end - span.start).min(day);
        [start..end, 0..end.saturating_sub(day)].into_iter().filter(|span| !span.is_empty())
    })
}

/// The minute of an expression that has a single one.
fn fixed_minute(expression: &str) -> Option<u64> {
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let minute = fields.len().checked_sub(5).filter(|at| *at <= 1).map(|at| fields[at])?;
    minute.parse().ok().filter(|minute| *minute < 60)
}

fn with_minute(expression: &str, minute: u64) -> Option<String> {
    let mut fields: Vec<String> = expression.split_ascii_whitespace().map(str::to_owned).collect();
    let at = fields.len().checked_sub(5)?;
    fields[at] = minute.to_string();
    Some(fields.join(" "))
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
fn wrapped(text: &str, width: u16) -> Vec<String> {
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
    fn only_a_single_minute_is_moved_and_the_hours_stay() {
        let table = [
            ("0 3 * * *", Some("17 3 * * *")),
            ("30 */4 * * mon-fri", Some("17 */4 * * mon-fri")),
            ("0 30 3 * * *", Some("0 17 3 * * *")),
            ("*/5 * * * *", None),
            ("0,30 3 * * *", None),
            ("H 3 * * *", None),
            ("@daily", None),
        ];
        for (text, moved) in table {
            let found = fixed_minute(text).and_then(|_| with_minute(text, 17));
            assert_eq!(found.as_deref(), moved, "{text}");
        }
    }

    #[test]
    fn what_leaves_the_day_at_one_end_comes_in_at_the_other() {
        let minute = 60_000;
        let part = Part {
            job: "a".to_owned(),
            bytes: 1,
            duration_ms: 20 * minute,
            is_learned: true,
            starts_ms: vec![5 * minute].into(),
            left_ms: None,
        };
        let at = |from, to| shifted(&part, from, to).collect::<Vec<_>>();
        assert_eq!(at(0, 10), [15 * minute..35 * minute]);
        let day = 24 * HOUR_MS;
        assert_eq!(at(10, 0), [day - 5 * minute..day + 15 * minute, 0..15 * minute]);
    }

    #[test]
    fn reasons_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 9), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensibilities", 9), ["incomprehensibilities"]);
    }
}

//! Other minutes for jobs that meet in the highest minute of the coming day, for `ebb suggest`. Pure: the instant to begin at
//! is given.

use std::cmp::Reverse;
use std::ops::Range;

use crate::learn::forecast::Forecast;
use crate::limits;
use crate::protocol::JobStatus;

use super::plan::{self, Part};
use super::suggest::Proposal;
use super::times::Moment;
use super::{figures, forecast};

/// How far it looks, in hours.
const HOURS: u32 = 24;
const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;
/// So many jobs are named that meet.
const NAMED: usize = 5;

/// Moves of jobs that are wanted, one after the other as long as each lowers the highest sum by a tenth.
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
    while let Some((minute, peak)) = forecast.peak().filter(|_| found.len() < limits::SUGGEST_MOVES_MAX) {
        let meeting = forecast.at(minute);
        let is_free = |job: &JobStatus| wanted(job) && found.iter().all(|it| it.job != job.job);
        let best = meeting
            .iter()
            .filter(|(number, _)| parts[*number].is_learned && is_free(&jobs[*number]))
            .filter_map(|(number, _)| Some((*number, fixed_minute(only_schedule(&jobs[*number])?)?)))
            .take(limits::SUGGEST_MOVES_MAX)
            .filter_map(|(number, at)| Some((number, best_minute(&parts[number], at, number, &forecast)?)))
            .min_by_key(|(number, moved)| (moved.peak, Reverse(parts[*number].bytes)));
        let Some((number, moved)) = best.filter(|(_, moved)| moved.peak <= peak - peak / 10) else { break };
        let others = meeting.iter().filter(|(other, _)| *other != number).take(NAMED);
        let others: Vec<String> = others.map(|(other, _)| figures::one_line(&jobs[*other].job)).collect();
        let (job, now) = (jobs[number].job.clone(), only_schedule(&jobs[number]).map(str::to_owned));
        let Some(value) = now.as_deref().and_then(|now| with_minute(now, moved.minute)) else { break };
        let why = format!(
            "the highest sum of the coming day falls from {} ({}, together with {}) to {}",
            figures::size(peak),
            moment.day_and_clock(forecast::minutes_after(from, minute)),
            others.join(", "),
            figures::size(moved.peak),
        );
        forecast.move_to(number, shifted(&parts[number], moved.from, moved.minute));
        found.push(Proposal { job, key: "schedule", value, now, why });
    }
    found
}

/// A job at another minute of its hours.
struct Moved {
    from: u64,
    minute: u64,
    /// The highest sum of the day then.
    peak: u64,
}

/// The minute at which the highest sum is lowest; of those the one with the least beside it, of these the nearest.
fn best_minute(part: &Part, from: u64, number: usize, forecast: &Forecast) -> Option<Moved> {
    let tried = (0..60).filter(|minute| *minute != from).map(|minute| {
        let (peak, during) = forecast.if_moved(number, shifted(part, from, minute));
        ((peak, during, minute.abs_diff(from)), minute)
    });
    let ((peak, ..), minute) = tried.min()?;
    Some(Moved { from, minute, peak })
}

/// The runs of a day at another minute; what leaves the day at one end comes in at the other.
fn shifted(part: &Part, from: u64, to: u64) -> impl Iterator<Item = Range<u64>> + '_ {
    let day = u64::from(HOURS) * HOUR_MS;
    part.spans().flat_map(move |span| {
        let start = (span.start + day + to * MINUTE_MS - from * MINUTE_MS) % day;
        let end = start + (span.end - span.start).min(day);
        [start..end, 0..end.saturating_sub(day)].into_iter().filter(|span| !span.is_empty())
    })
}

fn only_schedule(job: &JobStatus) -> Option<&str> {
    match job.schedule.as_slice() {
        [expression] => Some(expression),
        _ => None,
    }
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
        assert!(at(0, 10).into_iter().eq(std::iter::once(15 * minute..35 * minute)));
        let day = 24 * HOUR_MS;
        assert_eq!(at(10, 0), [day - 5 * minute..day + 15 * minute, 0..15 * minute]);
    }
}

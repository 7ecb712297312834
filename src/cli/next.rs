//! `ebb next`: when a job, or schedules that were written on the command line, are due. ebbd only tells a job's timing;
//! the instants are reckoned here.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::exit;
use crate::limits;
use crate::protocol::NextReply;
use crate::schedule::{Schedule, Slot, zone};
use crate::sys::zoneinfo;

use super::failure::{Done, Failure};
use super::screen::{NOTICE, Screen};
use super::table::{self, Column, Row};
use super::target::Target;
use super::times::{self, Moment};
use super::upcoming::{Rule, Timing};
use super::{args, figures};

const COLUMNS: [Column; 2] =
    [Column { heading: "WHEN", is_number: false }, Column { heading: "FROM NOW", is_number: false }];

pub(super) fn run(args: &args::Next, target: &Target, screen: &mut Screen) -> Done {
    let count = usize::try_from(args.count).unwrap_or(usize::MAX);
    let moment = Moment::read();
    let from = args.from.unwrap_or(moment.now);
    match &args.job {
        Some(job) => {
            let reply: NextReply = target.connect()?.call("Next", &json!({ "job": job }))?;
            let timing = of_job(&reply)?;
            print(&timing, &timing.after(from, count), args, &moment, screen)?;
            remarks(&reply, screen)?;
        }
        None => {
            let zone = args.timezone.clone().unwrap_or_else(zoneinfo::host_zone);
            let timing = of_expressions(&args.schedule, &zone)?;
            print(&timing, &timing.after(from, count), args, &moment, screen)?;
        }
    }
    Ok(exit::OK)
}

fn of_job(reply: &NextReply) -> Result<Timing, Failure> {
    let rule = match reply.every_ms {
        Some(ms) => Rule::Every { ms, next: reply.next.as_deref().and_then(times::parse) },
        None => Rule::Schedules(parse(&reply.schedule, &reply.job)?),
    };
    Ok(Timing { rule, zone: zone_of(&reply.timezone)? })
}

fn of_expressions(expressions: &[String], zone: &str) -> Result<Timing, Failure> {
    Ok(Timing { rule: Rule::Schedules(parse(expressions, "")?), zone: zone_of(zone)? })
}

fn parse(expressions: &[String], job: &str) -> Result<Vec<Schedule>, Failure> {
    let parse = |text: &String| Schedule::parse(text, job).map_err(|error| not_understood(text, &error));
    expressions.iter().map(parse).collect()
}

fn zone_of(name: &str) -> Result<TimeZone, Failure> {
    times::zone_named(name).ok_or_else(|| {
        let meant = zone::nearest(name).map_or_else(String::new, |zone| format!("; `{zone}` is one"));
        Failure::Usage(format!("`{name}` is no time zone of this machine's database{meant}"))
    })
}

/// What is wrong with an expression, and the part of it that is meant.
fn not_understood(text: &str, error: &crate::schedule::ScheduleError) -> Failure {
    let width = |range: &str| range.chars().count();
    let blank = text.get(..error.span.start).map_or(0, width);
    let carets = text.get(error.span.clone()).map_or(1, width).max(1);
    let text = figures::one_line(text);
    let help = error.help.as_ref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
    let (blank, carets) = (" ".repeat(blank), "^".repeat(carets));
    Failure::Usage(format!(
        "this schedule can't be used: {}\n  | {text}\n  | {blank}{carets}{help}",
        error.message
    ))
}

fn print(
    timing: &Timing,
    slots: &[Slot],
    args: &args::Next,
    moment: &Moment,
    screen: &mut Screen,
) -> Result<(), Failure> {
    if args.json {
        let instants: Vec<_> = slots.iter().map(|slot| times::rfc3339(slot.at, &timing.zone)).collect();
        return screen.json(&instants);
    }
    if slots.is_empty() {
        return screen.say(&never(timing));
    }
    let rows: Vec<_> = slots.iter().map(|slot| row(slot, timing, moment)).collect();
    screen.print(&table::render(&COLUMNS, &rows, screen.look))
}

fn row(slot: &Slot, timing: &Timing, moment: &Moment) -> Row {
    Row {
        cells: vec![times::stamp_with_offset(slot.at, &timing.zone), moment.relative(slot.at)],
        style: None,
        notes: slot.moved.iter().map(ToString::to_string).collect(),
    }
}

fn never(timing: &Timing) -> String {
    match &timing.rule {
        Rule::Schedules(schedules) if schedules.iter().any(Schedule::is_reboot) => {
            "`@reboot` is no time: it means once for each start of ebbd".to_owned()
        }
        Rule::Schedules(schedules) if !schedules.is_empty() => {
            format!("it is not due within the next {} years", limits::SCHEDULE_HORIZON_YEARS)
        }
        Rule::Schedules(_) | Rule::Every { .. } => "it does not start by itself".to_owned(),
    }
}

/// What a job's own circumstances make of these instants.
fn remarks(reply: &NextReply, screen: &mut Screen) -> Result<(), Failure> {
    let job = &reply.job;
    if reply.paused {
        screen
            .remark(NOTICE, &format!("{job} is paused: it starts by itself after `ebb resume {job}` only"))?;
    }
    if !reply.enabled {
        screen.remark(NOTICE, &format!("{job} has `enabled = false`: it does not start by itself"))?;
    }
    if reply.jitter_ms > 0 {
        let jitter = figures::duration(reply.jitter_ms);
        let drawn = reply.next.as_deref().and_then(times::parse);
        let drawn =
            drawn.map_or_else(String::new, |at| format!("; the next start is drawn: {}", clock(at, reply)));
        screen.remark(NOTICE, &format!("each is up to {jitter} later (`jitter`){drawn}"))?;
    }
    if let Some(every) = reply.every_ms {
        let every = figures::duration(every);
        screen.remark(NOTICE, &format!("`every`: each is {every} after the start of the run before it"))?;
    }
    Ok(())
}

fn clock(at: Timestamp, reply: &NextReply) -> String {
    let zone = times::zone_named(&reply.timezone).unwrap_or(TimeZone::UTC);
    times::stamp_with_offset(at, &zone)
}

//! `ebb forecast`: the memory of all jobs together over the coming hours, and where it would be too much.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::exit;
use crate::learn::forecast::Forecast;
use crate::protocol::{BudgetReply, StatusReply};

use super::chart::{self, Chart};
use super::failure::Done;
use super::plan::{self, Part};
use super::screen::{BAD, HEADING, Look, NOTICE, QUIET, Screen};
use super::target::Target;
use super::times::{self, Moment};
use super::{args, figures};

/// Columns where no terminal says how many there are.
const WIDTH: usize = 100;
/// Lines of a chart, where the terminal has room for them.
const HEIGHT: usize = 10;
/// Lines of what is said around it.
const AROUND: usize = 9;
/// Columns in front of the chart.
const SCALE: usize = 7;
/// So many jobs are named that meet, and so many spans; the others are counted.
const NAMED: usize = 5;
const SPANS: usize = 10;

pub(super) fn run(args: &args::Forecast, target: &Target, screen: &mut Screen) -> Done {
    let mut connection = target.connect()?;
    let mut jobs = Vec::new();
    connection.call_more("Status", &json!({}), |reply: StatusReply| {
        jobs.extend(reply.job);
        Ok(())
    })?;
    let budget: BudgetReply = connection.call("Budget", &json!({}))?;
    let moment = Moment::read();
    let from = whole_minute(moment.now);
    let parts = plan::parts(&jobs, from, args.hours);
    let outlook = Outlook::of(&parts, &budget, from, args.hours);
    if args.json {
        screen.json(&outlook.told(&moment))?;
    } else {
        screen.print(&outlook.drawn(&moment, screen.look))?;
    }
    Ok(exit::OK)
}

/// The beginning of the minute.
pub(super) fn whole_minute(at: Timestamp) -> Timestamp {
    let ms = at.as_millisecond().div_euclid(60_000) * 60_000;
    Timestamp::from_millisecond(ms).unwrap_or(at)
}

/// So many minutes later.
pub(super) fn minutes_after(at: Timestamp, minutes: usize) -> Timestamp {
    let minutes = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(0));
    at.checked_add(minutes).unwrap_or(at)
}

/// What is to come, and what there is for it.
pub(super) struct Outlook<'a> {
    parts: &'a [Part],
    forecast: Forecast,
    from: Timestamp,
    /// What runs may take together, and what that is called.
    bound: Option<(u64, &'static str)>,
}

/// What `--json` has. Instants are RFC 3339, spans end with their `to` left out.
#[derive(Serialize)]
struct Told<'a> {
    from: String,
    budget_bytes: Option<u64>,
    is_budget: bool,
    minutes: &'a [u64],
    peak: Option<Meeting<'a>>,
    over: Vec<Meeting<'a>>,
    not_learned: Vec<&'a str>,
}

/// A span of minutes and the jobs that meet in its highest one.
#[derive(Serialize)]
struct Meeting<'a> {
    from: String,
    to: String,
    bytes: u64,
    jobs: Vec<Guest<'a>>,
}

#[derive(Serialize)]
struct Guest<'a> {
    job: &'a str,
    bytes: u64,
}

impl<'a> Outlook<'a> {
    pub(super) fn of(parts: &'a [Part], budget: &BudgetReply, from: Timestamp, hours: u32) -> Self {
        let mut forecast = Forecast::new(hours as usize * 60);
        for part in parts {
            forecast.add(part.bytes, part.spans_from_now());
        }
        let share = budget.shares.first().and_then(|share| share.memory_bytes).filter(|_| budget.is_on);
        let bound = share.map(|bytes| (bytes, "the budget"));
        let bound = bound.or(budget.total_bytes.map(|bytes| (bytes, "all memory of the host")));
        Self { parts, forecast, from, bound }
    }

    fn at(&self, minute: usize) -> Timestamp {
        minutes_after(self.from, minute)
    }

    fn guests(&self, minute: usize) -> Vec<Guest<'a>> {
        let named = |(number, bytes): (usize, u64)| Some(Guest { job: &self.parts.get(number)?.job, bytes });
        self.forecast.at(minute).into_iter().filter_map(named).collect()
    }

    fn not_learned(&self) -> Vec<&'a str> {
        let parts = self.parts.iter().filter(|part| part.is_due() && !part.is_learned);
        parts.map(|part| part.job.as_str()).collect()
    }

    fn told(&self, moment: &Moment) -> Told<'_> {
        let rfc3339 = |minute| times::rfc3339(self.at(minute), &moment.zone);
        let meeting = |span: std::ops::Range<usize>| {
            let highest = self.forecast.highest_of(&span)?;
            let bytes = self.forecast.minutes()[highest];
            Some(Meeting {
                from: rfc3339(span.start),
                to: rfc3339(span.end),
                bytes,
                jobs: self.guests(highest),
            })
        };
        let above = |bytes| self.forecast.above(bytes);
        Told {
            from: rfc3339(0),
            budget_bytes: self.bound.map(|(bytes, _)| bytes),
            is_budget: self.bound.is_some_and(|(_, name)| name == "the budget"),
            minutes: self.forecast.minutes(),
            peak: self.forecast.peak().and_then(|(minute, _)| meeting(minute..minute + 1)),
            over: self
                .bound
                .map_or_else(Vec::new, |(bytes, _)| above(bytes))
                .into_iter()
                .filter_map(meeting)
                .collect(),
            not_learned: self.not_learned(),
        }
    }

    /// For people.
    pub(super) fn drawn(&self, moment: &Moment, look: Look) -> String {
        let hours = figures::counted(self.forecast.minutes().len() as u64 / 60, "hour");
        let Some((minute, peak)) = self.forecast.peak() else {
            return format!("No job starts by itself within {hours}, and none runs.\n");
        };
        let mut text = self.chart(peak, moment, look);
        let at = self.clock(minute, moment);
        let (who, of) = (
            self.who(minute),
            self.bound
                .map_or_else(String::new, |(bytes, name)| format!(" of {}, {name}", figures::size(bytes))),
        );
        let headline = format!("At most {}{of}, {at}:", figures::size(peak));
        text += &format!("\n{} {who}\n", look.paint(HEADING, &headline));
        text += &self.overflow(moment, look);
        let unknown = self.not_learned();
        if !unknown.is_empty() {
            let line = format!(
                "Nothing is learned yet of {}: each counts with its claim, for a minute.",
                named(&unknown)
            );
            text += &format!("{}\n", look.paint(NOTICE, &line));
        }
        text
    }

    /// Where it is too much.
    fn overflow(&self, moment: &Moment, look: Look) -> String {
        let Some((bound, name)) = self.bound else { return String::new() };
        let spans = self.forecast.above(bound);
        if spans.is_empty() {
            return String::new();
        }
        let mut text =
            format!("{}\n", look.paint(BAD, &format!("More than {name} ({}):", figures::size(bound))));
        for span in spans.iter().take(SPANS) {
            let Some(highest) = self.forecast.highest_of(span) else { continue };
            let to = moment.clock(self.at(span.end));
            let bytes = figures::size(self.forecast.minutes()[highest]);
            text +=
                &format!("  {} to {to}  {bytes}: {}\n", self.clock(span.start, moment), self.who(highest));
        }
        if spans.len() > SPANS {
            text += &format!("  and {} more\n", figures::counted((spans.len() - SPANS) as u64, "time"));
        }
        text
    }

    fn clock(&self, minute: usize, moment: &Moment) -> String {
        moment.day_and_clock(self.at(minute))
    }

    /// Who meets in a minute: `backup 1.2G, indexer 343M and 3 more`.
    fn who(&self, minute: usize) -> String {
        let guests = self.guests(minute);
        let texts: Vec<String> =
            guests.iter().map(|guest| format!("{} {}", guest.job, figures::size(guest.bytes))).collect();
        named(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn chart(&self, peak: u64, moment: &Moment, look: Look) -> String {
        let width = look.width.map_or(WIDTH, usize::from).saturating_sub(SCALE + 1).max(8);
        let height =
            look.height.map_or(HEIGHT, |lines| usize::from(lines).saturating_sub(AROUND).clamp(4, HEIGHT));
        let values = chart::columns(self.forecast.minutes(), width);
        // A bound that is far away would press all else into the lowest line.
        let mark = self.bound.filter(|(bytes, _)| *bytes <= peak.saturating_mul(4));
        let top = mark.map_or(peak, |(bytes, _)| peak.max(bytes));
        let chart = Chart { values: &values, top, height, mark: mark.map(|(bytes, _)| (bytes, BAD)) };
        let (marked, mut text) = (chart.marked(), String::new());
        for (row, line) in chart.lines(look).into_iter().enumerate() {
            let label = match (marked == Some(row), mark) {
                (true, Some((bytes, _))) => figures::size(bytes),
                _ if row == 0 => figures::size(top),
                _ => String::new(),
            };
            text += &format!("{} {line}\n", look.paint(QUIET, &format!("{label:>w$}", w = SCALE - 1)));
        }
        text + &look.paint(QUIET, &format!("{:>w$} {}", 0, self.axis(width, moment), w = SCALE - 1)) + "\n"
    }

    /// Local time below the columns, at whole hours or parts of them.
    fn axis(&self, width: usize, moment: &Moment) -> String {
        const STEPS: [usize; 9] = [5, 15, 30, 60, 120, 180, 360, 720, 1_440];
        const LABEL: usize = 5;
        let minutes = self.forecast.minutes().len();
        let is_roomy = |step: &&usize| **step * width / minutes.max(1) >= LABEL + 4;
        let step = STEPS.iter().find(is_roomy).copied().unwrap_or(1_440);
        let mut axis = String::from("now");
        let ticks = (0..minutes).filter(|minute| moment.minute_of_day(self.at(*minute)).is_multiple_of(step));
        for minute in ticks {
            let column = minute * width / minutes;
            let taken = axis.chars().count();
            if column > taken && column + LABEL <= width {
                axis += &" ".repeat(column - taken);
                axis += &moment.clock(self.at(minute));
            }
        }
        axis
    }
}

/// `a, b, c and 3 more`.
fn named(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).map(|name| figures::one_line(name)).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

//! `ebb report`: what ebb saved since when, from its own journal against a baseline; as a table, as JSON, or as a page.

mod against;
mod figures;
pub(super) mod page;
mod sentences;
pub(super) mod table;

use std::ops::ControlFlow;
use std::path::Path;

use serde_json::json;

use crate::clock::Wall;
use crate::exit;
use crate::journal::HistoryLine;
use crate::protocol::{BudgetReply, DoctorReport, HistoryQuery, Reply, StatusReply};
use crate::report::{Alive, Begin, Facts, Gather, Told};
use crate::sys::proc;

use super::args;
use super::connection::Connection;
use super::failure::{Done, Failure};
use super::history::since;
use super::screen::{NOTICE, Screen};
use super::target::Target;
use super::times::{self, Moment};

/// One reply of `History`.
#[derive(serde::Deserialize)]
struct Entry {
    #[serde(default)]
    result: Option<HistoryLine>,
}

pub(super) fn run(args: &args::Report, target: &Target, screen: &mut Screen) -> Done {
    let moment = Moment::read();
    let since = args.since.as_deref().map(|text| since(text, &moment)).transpose()?.map(Wall);
    let given = against::given(&args.before)?;
    if let Some(path) = &args.html {
        page::file::may_write(path)?;
    }
    let mut connection = target.connect()?;
    // Who may see a job need not be one who may ask how ebbd stands.
    let ebbd = match connection.call::<DoctorReport>("Doctor", &json!({})) {
        Ok(report) => Some(report),
        Err(Failure::Refused(_)) => None,
        Err(failure) => return Err(failure),
    };
    let (found, remarks) = against::read(args.baseline.as_deref(), ebbd.as_ref().map(|ebbd| &*ebbd.jobs))?;
    let (jobs, alive) = jobs(&mut connection)?;
    let mut against = found;
    let handed: Vec<String> = given.keys().cloned().collect();
    against.extend(given);
    let mut gather = Gather::new(Begin { now: moment.now.into(), since, against });
    alive.iter().for_each(|alive| gather.add_alive(alive));
    let budget: Option<BudgetReply> = connection.call("Budget", &json!({})).ok();
    let defined: Vec<String> = jobs.keys().cloned().collect();
    let facts = Facts {
        host: std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .map(|name| name.trim_end().to_owned()),
        ebbd_bytes: ebbd.as_ref().and_then(|ebbd| proc::resident_bytes_of(ebbd.pid, "ebbd")),
        total_bytes: budget.and_then(|budget| budget.total_bytes),
        jobs,
    };
    history(connection, &mut gather)?;
    let told = gather.finish(&facts);
    against::are_known(&handed, &defined, &told)?;
    for remark in &remarks {
        screen.remark(NOTICE, remark)?;
    }
    show(args, &told, &moment, screen)?;
    Ok(exit::OK)
}

fn show(args: &args::Report, told: &Told, moment: &Moment, screen: &mut Screen) -> Result<(), Failure> {
    if args.json {
        return screen.json(told);
    }
    let Some(path) = &args.html else { return screen.print(&table::overview(told, moment, screen.look)) };
    let page = page::page(told, moment);
    if path == Path::new("-") {
        return screen.print(&page);
    }
    page::file::write(path, &page)?;
    screen.say(&sentences::headline(told))?;
    screen.say(&format!("The page is in {}.", path.display()))
}

/// The jobs that are defined, with what they are for and their limits, and the runs that are alive.
type Jobs = (std::collections::BTreeMap<String, (String, Option<u64>)>, Vec<Alive>);

fn jobs(connection: &mut Connection) -> Result<Jobs, Failure> {
    let (mut jobs, mut alive) = Jobs::default();
    connection.call_more("Status", &json!({}), |reply: StatusReply| {
        let Some(job) = reply.job else { return Ok(()) };
        for run in &job.runs {
            let started_at = run.started_at.as_deref().and_then(times::parse);
            alive.extend(started_at.map(|at| Alive {
                run: run.run,
                job: job.job.clone(),
                started_at: at.into(),
                peak_bytes: run.peak_anon_bytes,
            }));
        }
        if job.state != "removed" {
            jobs.insert(job.job, (job.description, job.memory.max_bytes));
        }
        Ok(())
    })?;
    Ok((jobs, alive))
}

/// Takes in the history as it comes, the newest first, as far back as is wanted; the connection ends with that.
fn history(mut connection: Connection, gather: &mut Gather) -> Result<(), Failure> {
    connection.send("History", &HistoryQuery::default(), true)?;
    loop {
        let Reply { parameters: Entry { result }, continues } = connection.reply()?;
        let goes_on = result.map_or(ControlFlow::Continue(()), |line| gather.add(&line));
        if goes_on.is_break() || !continues {
            return Ok(());
        }
    }
}

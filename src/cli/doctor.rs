//! `ebb doctor`: what holds jobs to their limits on this host, and why nothing stronger; where ebbd is not there, what
//! one that was started from here would find.

use serde::Serialize;
use serde_json::json;

use crate::exit;
use crate::protocol::DoctorReport;
use crate::sys::cgroup::{CgroupConfig, Ladder};
use crate::words::Enforcement;

use super::args;
use super::failure::{Done, Failure};
use super::screen::{BAD, HEADING, LIVELY, Look, NOTICE, Screen};
use super::target::Target;

/// What was found out without ebbd, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Host {
    running: bool,
    /// Why ebbd was not reached.
    problem: String,
    enforcement: String,
    tracking: String,
    reasons: Vec<String>,
}

/// What ebbd says of itself, as `--json` prints it.
#[derive(Serialize)]
struct Running<'a> {
    running: bool,
    socket: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    report: &'a DoctorReport,
}

pub(super) fn run(args: &args::Plain, target: &Target, screen: &mut Screen) -> Done {
    let mut connection = match target.connect() {
        Ok(connection) => connection,
        Err(failure @ Failure::NoDaemon(_)) => {
            let host = try_out(failure.to_string());
            if args.json {
                screen.json(&host)?;
            } else {
                print_host(&host, screen)?;
            }
            return Ok(failure.exit_code());
        }
        Err(failure) => return Err(failure),
    };
    let report: DoctorReport = connection.call("Doctor", &json!({}))?;
    let socket = connection.path().to_string_lossy();
    if args.json {
        screen.json(&Running { running: true, socket, report: &report })?;
    } else {
        print(&report, &socket, screen)?;
    }
    Ok(exit::OK)
}

fn print(report: &DoctorReport, socket: &str, screen: &mut Screen) -> Result<(), Failure> {
    let DoctorReport { version, pid, uid, .. } = report;
    let title = format!("ebbd {version}, pid {pid}, as user {uid}");
    screen.say(&screen.look.paint(HEADING, &title))?;
    rungs(&report.enforcement, &report.tracking, &report.reasons, screen)?;
    screen.fact("socket", socket)?;
    let jobs = super::figures::counted(report.job_count, "job");
    screen.fact("job files", &format!("{} ({jobs} in force)", report.jobs))?;
    screen.fact("state", &report.state)?;
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        let remark = format!("this client is version {own}: restart ebbd to bring both to the same one");
        screen.remark(NOTICE, &remark)?;
    }
    screen.out.flush()?;
    screen.problems(report.problems.iter().map(String::as_str))
}

fn print_host(host: &Host, screen: &mut Screen) -> Result<(), Failure> {
    screen.say(&screen.look.paint(BAD, &host.problem))?;
    screen.say("")?;
    screen.say(&screen.look.paint(HEADING, "An ebbd that was started from here would find:"))?;
    rungs(&host.enforcement, &host.tracking, &host.reasons, screen)
}

fn rungs(enforcement: &str, tracking: &str, reasons: &[String], screen: &mut Screen) -> Result<(), Failure> {
    screen.fact("limits", &meaning(enforcement, screen.look))?;
    screen.fact("tracking", tracking)?;
    for reason in reasons {
        screen.fact("because", reason)?;
    }
    Ok(())
}

/// A rung with what it means for a job's memory limit.
fn meaning(enforcement: &str, look: Look) -> String {
    let (style, meaning) = match enforcement.parse() {
        Ok(Enforcement::CgroupV2 | Enforcement::CgroupV1) => {
            (LIVELY, "the kernel holds the whole tree of a run")
        }
        Ok(Enforcement::Rlimit) => (NOTICE, "the kernel holds each process, and ebbd watches the tree's sum"),
        Ok(Enforcement::None) => (BAD, "nothing holds a run to its memory limit"),
        Err(_) => (NOTICE, "a rung that this client does not know"),
    };
    format!("{}: {meaning}", look.paint(style, enforcement))
}

/// Tries the ladder as ebbd would, in a directory of its own that is gone again afterwards.
fn try_out(problem: String) -> Host {
    let ladder = Tried(Ladder::detect(&CgroupConfig {
        name: format!("ebb-doctor-{}", std::process::id()),
        parent: None,
    }));
    Host {
        running: false,
        problem,
        enforcement: ladder.0.memory().to_string(),
        tracking: ladder.0.tracking().to_string(),
        reasons: ladder.0.reasons().to_vec(),
    }
}

/// A ladder whose directories are removed in any case.
struct Tried(Ladder);

impl Drop for Tried {
    fn drop(&mut self) {
        // What is left would be an empty directory with a name that says whose it was.
        let _ = self.0.remove_base();
    }
}

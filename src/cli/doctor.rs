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

/// Where this host stands, as it was found out without ebbd.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    /// The rung that holds a run to its memory limit.
    pub(super) enforcement: String,
    /// How a run's processes are kept track of.
    pub(super) tracking: String,
    /// Why nothing stronger; a sentence each.
    pub(super) reasons: Vec<String>,
}

/// The same as `--json` prints it.
#[derive(Serialize)]
struct Alone<'a> {
    running: bool,
    problem: &'a str,
    #[serde(flatten)]
    standing: &'a Standing,
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
    run_on(try_out, args, target, screen)
}

/// The same on a host that tells its own standing.
pub(super) fn run_on(
    standing: impl FnOnce() -> Standing,
    args: &args::Plain,
    target: &Target,
    screen: &mut Screen,
) -> Done {
    let mut connection = match target.connect() {
        Ok(connection) => connection,
        Err(failure @ Failure::NoDaemon(_)) => {
            let (standing, problem) = (standing(), failure.to_string());
            if args.json {
                screen.json(&Alone { running: false, problem: &problem, standing: &standing })?;
            } else {
                print_alone(&standing, &problem, screen)?;
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
    for remark in &report.remarks {
        screen.fact("remark", &screen.look.paint(NOTICE, remark))?;
    }
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        let remark = format!("this client is version {own}: restart ebbd to bring both to the same one");
        screen.remark(NOTICE, &remark)?;
    }
    screen.out.flush()?;
    screen.problems(report.problems.iter().map(String::as_str))
}

fn print_alone(standing: &Standing, problem: &str, screen: &mut Screen) -> Result<(), Failure> {
    screen.say(&screen.look.paint(BAD, problem))?;
    screen.say("")?;
    screen.say(&screen.look.paint(HEADING, "An ebbd that was started from here would find:"))?;
    rungs(&standing.enforcement, &standing.tracking, &standing.reasons, screen)
}

fn rungs(enforcement: &str, tracking: &str, reasons: &[String], screen: &mut Screen) -> Result<(), Failure> {
    screen.fact("limits", &meaning(enforcement, screen.look))?;
    screen.fact("tracking", tracking)?;
    for reason in reasons {
        screen.fact("why", reason)?;
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
fn try_out() -> Standing {
    let name = format!("ebb-doctor-{}", std::process::id());
    let ladder = Tried(Ladder::detect(&CgroupConfig { name, parent: None }));
    Standing {
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

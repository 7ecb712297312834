//! What can be written after `ebb`, and nothing of what it does. Each verb's part is built only when it is called for
//! (`defer`), and a run-now, which programs call and wait for, is read without the other verbs.

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates as Offer;

use super::offers;
use crate::exit;
use crate::job::{Bytes, Millis, Percent};
use crate::limits;
use crate::words::{Accounting, Figure, Outcome};

const RUN_NOW: &str = "Start a run of a job now";

const RUN_NOW_HELP: &str = "\
With --wait or --follow the exit code is the run's own: what its program exited with, 128+n for signal n, 124 for a \
timeout, 137 for an OOM kill, 1 where it did not start, was canceled or skipped, or its end is not known. Ctrl-C ends \
the client with 130 and leaves the run alone.";

const NEXT_HELP: &str = "\
A time that does not exist on a day (the clock is set forward) runs right after the gap; one that comes twice runs the \
first time. Where that has happened, a remark says so.";

const SUGGEST_HELP: &str = "\
It prints lines for a job file with the reasons as comments, and nothing where what is set is fine. It writes no file. \
A limit is the larger of 1.4 times the highest peak and 64M on top of it; a timeout three times the longest run and a \
minute; another minute of the schedule is named where it lowers the highest sum of what is to come within a day.";

const FORECAST_HELP: &str = "\
Each job counts with its highest peak and its longest run of late, from its next starts and from the runs under way; a \
job that has taught nothing yet with its claim, for a minute. What is drawn at random (`jitter`) is not known ahead, and \
what is asked for by hand neither.";

const MEASURE_HELP: &str = "\
The program has the terminal, the input and the outputs to itself, and the figures follow on standard error. With --json \
they are standard output, and what the program writes there goes to standard error. The exit code is the program's own, \
128+n for signal n, 124 where its time was up, 127 where it is not there, and 126 where it can't be executed; 1 where it succeeded and a \
figure is above its baseline.";

const REPORT_HELP: &str = "\
An MB-hour is 1024 * 1024 bytes held for an hour. What a daemon held comes from baseline.json beside the job files, which \
`ebb audit --write` makes, or from --before; it counts from the job's first run on. Where there is neither, only what the \
runs used is told. docs/report.md says how it is reckoned.";

const AUDIT_HELP: &str = "\
It looks twice at all processes that it may see (root sees all), and at what they do in between. It can't see whether a \
service holds state that matters: what it names are candidates. It changes nothing on the host, but for its own figures \
of earlier audits (--state) and, with --touch, the kernel's marks of used pages. With --imports it runs code: that of the \
installed packages, as the user of their service. A rule with a low confidence is a hint.";

const COMPLETIONS_HELP: &str = "\
bash:  source <(ebb completions bash)                         # in ~/.bashrc
zsh:   source <(ebb completions zsh)                          # in ~/.zshrc, after compinit
fish:  ebb completions fish > ~/.config/fish/completions/ebb.fish
The Debian package has them installed already.";

/// Starts jobs, shows what they did and what they cost.
#[derive(Debug, Parser)]
#[command(name = "ebb", version, arg_required_else_help = true, after_help = exit_codes(), max_term_width = 110)]
pub(super) struct Cli {
    /// The socket of the ebbd to talk to [env: EBB_SOCKET]
    #[arg(long, value_name = "PATH", global = true)]
    pub(super) socket: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// The verbs, one file each.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Verb {
    /// What [`RUN_NOW`] says.
    #[command(about = RUN_NOW, after_help = RUN_NOW_HELP)]
    RunNow(RunNow),
    /// What the jobs are doing
    Status(Status),
    /// When a job, or any schedule, is due
    #[command(after_help = NEXT_HELP)]
    Next(Next),
    /// How runs ended and what they cost, the newest last
    History(History),
    /// What job files should say of memory, timeout and schedule, going by their runs
    #[command(after_help = SUGGEST_HELP)]
    Suggest(Suggest),
    /// The memory of all jobs together over the coming hours
    #[command(after_help = FORECAST_HELP)]
    Forecast(Forecast),
    /// What the jobs saved against the daemons that they were, since when
    #[command(after_help = REPORT_HELP)]
    Report(Report),
    /// What a run has written
    Logs(Logs),
    /// What one run of any command costs: memory, CPU, time. Without ebbd
    #[command(after_help = MEASURE_HELP)]
    Measure(Measure),
    /// End a run, or all runs of a job
    Stop(Stop),
    /// Hold back a job's own triggers
    Pause(OneJob),
    /// Let a job's own triggers count again
    Resume(OneJob),
    /// Have ebbd read the job files again
    Reload(Plain),
    /// Have ebbd put its new binary in its own place; runs and waiting clients go on
    Upgrade(Plain),
    /// Check job files and settings without ebbd
    Check(Check),
    /// What rests on the memory of this host, and which of it could be a job
    #[command(after_help = AUDIT_HELP)]
    Audit(Audit),
    /// What enforces limits on this host, and why nothing stronger
    Doctor(Plain),
    /// Print the script that makes a shell complete ebb's command lines
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(Completions),
}

impl Verb {
    /// The job that is asked for by its name.
    pub(super) fn job(&self) -> Option<&str> {
        match self {
            Self::RunNow(args) => Some(&args.job),
            Self::Status(args) => args.job.as_deref(),
            Self::Next(args) => args.job.as_deref(),
            Self::History(args) => args.job.as_deref(),
            Self::Suggest(args) => args.job.as_deref(),
            Self::Logs(args) => Some(&args.job),
            Self::Stop(args) => args.job.as_deref(),
            Self::Pause(args) | Self::Resume(args) => Some(&args.job),
            _ => None,
        }
    }
}

/// `ebb run-now` and no other verb.
#[derive(Debug, Parser)]
#[command(name = "run-now", bin_name = "ebb run-now", about = RUN_NOW, after_help = RUN_NOW_HELP, max_term_width = 110)]
struct RunNowAlone {
    /// The socket of the ebbd to talk to [env: EBB_SOCKET]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    run_now: RunNow,
}

#[derive(Debug, Args)]
pub(super) struct RunNow {
    /// Which job
    #[arg(add = Offer::new(offers::jobs))]
    pub(super) job: String,
    /// Wait for its end and exit as it did
    #[arg(long)]
    pub(super) wait: bool,
    /// Copy its output as it comes, and wait for its end
    #[arg(long, conflicts_with = "json")]
    pub(super) follow: bool,
    /// Set a variable in its environment; the job's [accept] has to list the name
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) env: Vec<(String, String)>,
    /// Give it this file as standard input (`-`: the client's own); the job's [accept] has to take it
    #[arg(long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Arguments appended to its command; the job's [accept] has to take them
    #[arg(last = true, value_name = "ARG")]
    pub(super) args: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// This job alone, in detail
    #[arg(add = Offer::new(offers::jobs))]
    pub(super) job: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["job", "schedule"]).required(true)))]
pub(super) struct Next {
    /// Which job
    #[arg(add = Offer::new(offers::jobs))]
    pub(super) job: Option<String>,
    /// A crontab expression to try out; several are read as one job's (an `H` as that of a job without a name)
    #[arg(long, value_name = "EXPR")]
    pub(super) schedule: Vec<String>,
    /// The zone that --schedule is read in [default: the host's]
    #[arg(long, value_name = "ZONE", conflicts_with = "job")]
    pub(super) timezone: Option<String>,
    /// Only what comes later than this, an RFC 3339 instant [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    pub(super) from: Option<jiff::Timestamp>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::NEXT_COUNT_MAX)))]
    pub(super) count: u32,
    /// Print a JSON array of RFC 3339 instants
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct History {
    /// Of this job alone
    #[arg(add = Offer::new(offers::jobs))]
    pub(super) job: Option<String>,
    /// What ended since then: `2h` or `7d` ago, a day such as `2026-01-31`, or an RFC 3339 instant
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<String>,
    /// Of this outcome alone
    #[arg(long, value_parser = value::<Outcome>, add = Offer::new(offers::outcomes))]
    pub(super) outcome: Option<Outcome>,
    /// So many, the newest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) limit: u64,
    /// Draw the memory of each run over its time; --json has it anyway
    #[arg(long)]
    pub(super) curve: bool,
    /// Print a JSON array
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Suggest {
    /// For this job alone
    #[arg(add = Offer::new(offers::jobs))]
    pub(super) job: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Forecast {
    /// So many
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::FORECAST_HOURS_MAX)))]
    pub(super) hours: u32,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Report {
    /// From then on: `2h` or `7d` ago, a day such as `2026-01-31`, or an RFC 3339 instant [default: all that the journal has]
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<String>,
    /// What the daemons held before, if not baseline.json beside the job files
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(super) baseline: Option<PathBuf>,
    /// What the daemon held that this job was, at rest: `indexer=449M`
    #[arg(long, value_name = "JOB=SIZE", value_parser = before)]
    pub(super) before: Vec<(String, Bytes)>,
    /// Write it as one page that needs nothing else (`-`: to standard output)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "json")]
    pub(super) html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Which job
    #[arg(add = Offer::new(offers::jobs))]
    pub(super) job: String,
    /// Of this run [default: the latest]
    #[arg(long, value_name = "ID")]
    pub(super) run: Option<u64>,
    /// Go on until the run ends
    #[arg(short, long)]
    pub(super) follow: bool,
}

#[derive(Debug, Args)]
pub(super) struct Measure {
    /// So many runs, one after the other; the figures are then the median, the least and the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::MEASURE_RUNS_MAX)))]
    pub(super) runs: u32,
    /// Keep what was measured in this file, as a baseline
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(super) save: Option<PathBuf>,
    /// Compare with what --save has kept, and exit with 1 where a figure is higher than is allowed
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(super) baseline: Option<PathBuf>,
    /// How much higher than its baseline a figure may be
    #[arg(long, value_name = "PERCENT", default_value = "10%", requires = "baseline", value_parser = value::<Percent>)]
    pub(super) tolerance: Percent,
    /// Hold this figure to its baseline: peak-anon, peak-total, cpu, wall [default: peak-anon]
    #[arg(long, value_name = "FIGURE", requires = "baseline", value_parser = value::<Figure>, add = Offer::new(offers::figures))]
    pub(super) hold: Vec<Figure>,
    /// End a run that takes longer, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = value::<Millis>)]
    pub(super) timeout: Option<Millis>,
    /// Show what each package costs that a program of Python imports
    #[arg(long)]
    pub(super) imports: bool,
    /// Count memory by this [default: the strongest that can be used here]
    #[arg(long, value_name = "NAME", value_parser = value::<Accounting>, add = Offer::new(offers::accountings))]
    pub(super) accounting: Option<Accounting>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD", value_hint = clap::ValueHint::CommandWithArguments)]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["job", "run"]).required(true)))]
pub(super) struct Stop {
    /// All runs of this job, those that wait included
    #[arg(add = Offer::new(offers::jobs_with_runs))]
    pub(super) job: Option<String>,
    /// This run
    #[arg(long, value_name = "ID", add = Offer::new(offers::runs))]
    pub(super) run: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct OneJob {
    /// Which job
    #[arg(add = Offer::new(offers::jobs))]
    pub(super) job: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Plain {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Where the job files are, if not where the settings of ebbd (ebbd.toml) say, or its default place
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
    /// The settings of ebbd, if not those that it reads by itself; they are checked as well
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// This service alone: a part of its name, or the pid of one of its processes
    pub(super) service: Option<String>,
    /// How long to look, such as `60s` or `10m`; the longer, the more it can be trusted
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = window)]
    pub(super) window_ms: u64,
    /// Tell used pages from others: has the kernel forget which were used (clear_refs), and looks again at the end
    #[arg(long)]
    pub(super) touch: bool,
    /// Weigh what services of Python import: their interpreters import it anew, beside them and with their rights
    #[arg(long)]
    pub(super) imports: bool,
    /// Write a job file for each candidate into this directory, with what turns the daemon off, and what it held
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) write: Option<PathBuf>,
    /// Show all services, not the largest alone
    #[arg(long)]
    pub(super) all: bool,
    /// Where the figures of earlier audits are kept [default: ebbd's state directory]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) state: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    pub(super) shell: Shell,
}

/// The shells that are completed in.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Reads a command line, the name of the program first.
///
/// # Errors
/// A command line that is not understood; or the text that was asked for, as help is.
pub(super) fn parse(line: &[OsString]) -> Result<Cli, clap::Error> {
    // Building the other verbs' definitions takes as long as all the rest of a run-now.
    match line {
        [_, verb, ..] if verb == "run-now" => read_run_now(&line[1..]),
        [_, flag, path, verb, rest @ ..] if flag == "--socket" && verb == "run-now" => {
            read_run_now(&[std::slice::from_ref(verb), &[flag.clone(), path.clone()], rest].concat())
        }
        _ => read(line),
    }
}

fn read_run_now(line: &[OsString]) -> Result<Cli, clap::Error> {
    let RunNowAlone { socket, run_now } = read(line)?;
    Ok(Cli { socket, verb: Verb::RunNow(run_now) })
}

fn read<T: Parser>(line: &[OsString]) -> Result<T, clap::Error> {
    // Not taken apart again: the process ends soon, and hundreds of small pieces cost time.
    let mut command = ManuallyDrop::new(T::command());
    let mut matches = command.try_get_matches_from_mut(line)?;
    T::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Shown below the list of verbs. What `run-now` alone ends with stands in its own help.
fn exit_codes() -> String {
    let own = exit::MEANINGS.iter().filter(|m| !m.ebb.is_empty() && m.code < exit::TIMED_OUT);
    own.fold("Exit codes:".to_owned(), |text, m| format!("{text}\n  {:>3}  {}", m.code.0, m.ebb))
}

/// The whole command line as clap knows it, for man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// What the type itself reads, with its own words on what is wrong.
fn value<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|problem: T::Err| problem.to_string())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    if !crate::job::envfile::is_name(name) {
        return Err("a name is letters, digits and `_`, and does not begin with a digit".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn before(text: &str) -> Result<(String, Bytes), String> {
    let (job, size) = text.split_once('=').ok_or("write it as JOB=SIZE, such as indexer=449M")?;
    crate::job::check_name(job).map_err(|problem| problem.message)?;
    let bytes: Bytes = value(size)?;
    if bytes.0 == 0 {
        return Err("a daemon that held nothing leaves nothing to save".to_owned());
    }
    Ok((job.to_owned(), bytes))
}

fn instant(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "write an instant with its offset, such as 2026-03-29T00:00:00+01:00".to_owned())
}

fn window(text: &str) -> Result<u64, String> {
    let ms = value::<Millis>(text)?.0;
    let range = limits::AUDIT_WINDOW_RANGE_MS;
    if range.contains(&ms) {
        return Ok(ms);
    }
    Err(format!("an audit looks for {} to {}", Millis(*range.start()), Millis(*range.end())))
}

//! `ebb check`: every problem of the job files, as ebbd would see them, without ebbd.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exit;
use crate::host::{RootHost, SystemHost};
use crate::job::{self, Host, Loaded, Problem};
use crate::places::Places;

use super::args;
use super::failure::{Done, Failure};
use super::figures;
use super::screen::{BAD, LIVELY, NOTICE, Screen};

/// What was found, as `--json` prints it.
#[derive(Default, Serialize)]
struct Findings {
    /// Job files that were looked at.
    files: u64,
    /// Of these, how many can be used.
    jobs: u64,
    problems: Vec<Found>,
}

/// A problem, as `--json` prints it.
#[derive(Serialize)]
struct Found {
    path: PathBuf,
    line: Option<u32>,
    col: Option<u32>,
    severity: &'static str,
    message: String,
    help: Option<String>,
    #[serde(skip)]
    printed: String,
}

pub(super) fn run(args: &args::Check, screen: &mut Screen) -> Done {
    let path = args.dir.clone().unwrap_or_else(default_directory);
    let findings = look_at(&path, host_for(&path));
    if args.json {
        screen.json(&findings)?;
    } else {
        print(&findings, &path, screen)?;
    }
    let is_good = findings.problems.iter().all(|found| found.severity != "error");
    Ok(if is_good { exit::OK } else { exit::CONFIG })
}

/// The user's own, where there is one, else the system's.
fn default_directory() -> PathBuf {
    let own =
        Places::of(nix::unistd::geteuid().as_raw(), |name| std::env::var_os(name).map(PathBuf::from)).jobs;
    let system = Places::of(0, |_| None).jobs;
    if !own.exists() && system.exists() { system } else { own }
}

/// What root has laid down is for root's ebbd, whoever looks at it.
fn host_for(path: &Path) -> &'static dyn Host {
    match std::fs::metadata(path) {
        Ok(facts) if facts.uid() == 0 => &RootHost,
        Ok(_) | Err(_) => &SystemHost,
    }
}

fn look_at(path: &Path, host: &dyn Host) -> Findings {
    let mut findings = Findings::default();
    if path.is_file() {
        findings.add(job::load_file(path, host));
    } else if let Err(problems) = job::load_dir(path, host, &mut |_, loaded| findings.add(loaded)) {
        findings.problems.extend(problems.iter().map(Found::from));
    }
    findings
}

impl Findings {
    fn add(&mut self, loaded: Result<Loaded, Vec<Problem>>) {
        self.files += 1;
        let problems = match loaded {
            Ok(loaded) => {
                self.jobs += 1;
                loaded.warnings
            }
            Err(problems) => problems,
        };
        self.problems.extend(problems.iter().map(Found::from));
    }
}

impl From<&Problem> for Found {
    fn from(problem: &Problem) -> Self {
        Self {
            path: problem.path.clone(),
            line: problem.place.as_ref().map(|place| place.line),
            col: problem.place.as_ref().map(|place| place.col),
            severity: if problem.is_error() { "error" } else { "warning" },
            message: problem.message.clone(),
            help: problem.help.clone(),
            printed: problem.to_string(),
        }
    }
}

fn print(findings: &Findings, path: &Path, screen: &mut Screen) -> Result<(), Failure> {
    for found in &findings.problems {
        // Its first line is the sentence; below it stand the line, the caret and the help.
        let style = if found.severity == "error" { BAD } else { NOTICE };
        let (sentence, rest) = found.printed.split_once('\n').unwrap_or((&found.printed, ""));
        screen.say(&screen.look.paint(style, sentence))?;
        if !rest.is_empty() {
            screen.say(rest)?;
        }
        screen.say("")?;
    }
    let warnings = findings.problems.iter().filter(|found| found.severity != "error").count() as u64;
    let errors = findings.problems.len() as u64 - warnings;
    let mut summary = figures::counted(findings.files, "job file");
    summary += &format!(", {}", figures::counted(errors, "problem"));
    if warnings > 0 {
        summary += &format!(", {}", figures::counted(warnings, "warning"));
    }
    if findings.files == 0 && errors == 0 {
        summary = format!("no job file (*.toml) in {}", path.display());
    }
    let style = if errors > 0 { BAD } else { LIVELY };
    screen.say(&screen.look.paint(style, &summary))
}

//! `ebb check`: every problem of the job files, as ebbd would see them, without ebbd. Looks where an ebbd without flags would
//! look: where its settings say, else in its default place.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exit;
use crate::host::{RootHost, SystemHost};
use crate::job::{self, Host, Loaded, Problem};
use crate::places::Places;
use crate::settings::Settings;

use super::args;
use super::failure::{Done, Failure};
use super::figures;
use super::screen::{BAD, LIVELY, NOTICE, Screen};

/// What was found, as `--json` prints it.
#[derive(Default, Serialize)]
struct Findings {
    /// The directory or file that was looked at; none where the settings can't be read.
    path: Option<PathBuf>,
    /// Whether it was a single file.
    #[serde(skip)]
    is_file: bool,
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
    let uid = nix::unistd::geteuid().as_raw();
    let own = Places::of(uid, |name| std::env::var_os(name).map(PathBuf::from));
    run_in(args, &own, &Places::of(0, |_| None), screen)
}

/// The same where the places of an ebbd of one's own and those of the system's are told.
pub(super) fn run_in(args: &args::Check, own: &Places, system: &Places, screen: &mut Screen) -> Done {
    let findings = match args.dir.clone().map_or_else(|| directory(own, system), Ok) {
        Ok(path) => look_at(path),
        Err(problem) => Findings { problems: vec![*problem], ..Findings::default() },
    };
    if args.json {
        screen.json(&findings)?;
    } else {
        print(&findings, screen)?;
    }
    let is_good = findings.problems.iter().all(|found| found.severity != "error");
    Ok(if is_good { exit::OK } else { exit::CONFIG })
}

/// The user's own, where there is one or the user's settings name one, else the system's.
fn directory(own: &Places, system: &Places) -> Result<PathBuf, Box<Found>> {
    let (named, default) = jobs_of(own)?;
    if named || default.exists() || own == system {
        return Ok(default);
    }
    let (_, systems) = jobs_of(system)?;
    Ok(if systems.exists() { systems } else { default })
}

/// Where an ebbd with these places reads job files, and whether its settings say so.
fn jobs_of(places: &Places) -> Result<(bool, PathBuf), Box<Found>> {
    let problem = |message: String| Found {
        path: places.config.clone(),
        line: None,
        col: None,
        severity: "error",
        printed: message.clone(),
        message,
        help: None,
    };
    let settings = Settings::read(None, places).map_err(|message| Box::new(problem(message)))?;
    Ok((settings.jobs.is_some(), settings.jobs.unwrap_or_else(|| places.jobs.clone())))
}

/// What root has laid down is for root's ebbd, whoever looks at it.
fn host_for(path: &Path) -> &'static dyn Host {
    match std::fs::metadata(path) {
        Ok(facts) if facts.uid() == 0 => &RootHost,
        Ok(_) | Err(_) => &SystemHost,
    }
}

fn look_at(path: PathBuf) -> Findings {
    let (mut findings, host) = (Findings::default(), host_for(&path));
    findings.is_file = path.is_file();
    if findings.is_file {
        findings.add(job::load_file(&path, host));
    } else if let Err(problems) = job::load_dir(&path, host, &mut |_, loaded| findings.add(loaded)) {
        findings.problems.extend(problems.iter().map(Found::from));
    }
    findings.path = Some(path);
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

fn print(findings: &Findings, screen: &mut Screen) -> Result<(), Failure> {
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
    let place = findings.path.as_ref().map(|path| path.display());
    let mut summary = match &place {
        Some(dir) if findings.files == 0 && errors == 0 => format!("no job file (*.toml) in {dir}"),
        Some(file) if findings.is_file => format!("{file}: "),
        Some(dir) => format!("{} in {dir}, ", figures::counted(findings.files, "job file")),
        None => String::new(),
    };
    if findings.files > 0 || errors > 0 {
        summary += &figures::counted(errors, "problem");
    }
    if warnings > 0 {
        summary += &format!(", {}", figures::counted(warnings, "warning"));
    }
    let style = if errors > 0 { BAD } else { LIVELY };
    screen.say(&screen.look.paint(style, &summary))
}

//! `ebb check`: every problem of the job files, as ebbd would see them, without ebbd. Looks where an ebbd without flags would
//! look: where its settings say, else in its default place.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exit;
use crate::host::{RootHost, SystemHost};
use crate::job::{self, Host, Loaded, Machine, Problem};
use crate::places::Places;
use crate::settings::{self, BudgetRoom, FileRead};
use crate::sys;

use super::args;
use super::failure::{Done, Failure};
use super::figures;
use super::presence::Presence;
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
    let findings = look(args, own, system);
    if args.json {
        screen.json(&findings)?;
    } else {
        print(&findings, screen)?;
    }
    let is_good = findings.problems.iter().all(|found| found.severity != "error");
    Ok(if is_good { exit::OK } else { exit::CONFIG })
}

/// The settings that count, and what they say.
struct Read {
    path: PathBuf,
    file: FileRead,
    total: Option<u64>,
}

/// Settings and job files, which are held against each other.
fn look(args: &args::Check, own: &Places, system: &Places) -> Findings {
    let mut findings = Findings::default();
    let (dir, read) = match which(args, own, system) {
        Ok((dir, read)) => (args.dir.clone().or(Some(dir)), Some(read)),
        Err(problems) => {
            findings.add_problems(&problems);
            (args.dir.clone(), None)
        }
    };
    // A directory that was named need not be this machine's: without a settings file nobody knows its pools.
    let read = read.filter(|read| read.file.is_there || args.dir.is_none());
    findings.add_problems(read.as_ref().map_or(&[], |read| &read.file.warnings));
    // Where the settings can't be used, they are no reason against a job.
    if let Some(dir) = dir {
        findings.look_at(dir, read.as_ref());
    }
    findings
}

/// Where an ebbd without other flags reads job files: as its settings say, else in its default place. The user's own settings
/// count where there are such, or job files of the user's own; else the system's.
fn which(args: &args::Check, own: &Places, system: &Places) -> Result<(PathBuf, Read), Vec<Problem>> {
    if args.config.is_some() {
        return read(own, args.config.as_deref());
    }
    let (dir, mine) = read(own, None)?;
    if mine.file.settings.jobs.is_some() || dir.exists() || own == system {
        return Ok((dir, mine));
    }
    let (systems, theirs) = read(system, None)?;
    Ok(if systems.exists() { (systems, theirs) } else { (dir, mine) })
}

/// The settings of an ebbd with these places, and where it reads job files.
fn read(places: &Places, named: Option<&Path>) -> Result<(PathBuf, Read), Vec<Problem>> {
    let (path, total) = (named.unwrap_or(&places.config).to_owned(), sys::meminfo::look().total);
    let file = settings::read_file(&path, named.is_some(), total)?;
    let dir = file.settings.jobs.clone().unwrap_or_else(|| places.jobs.clone());
    Ok((dir, Read { path, file, total }))
}

/// What root has laid down is for root's ebbd, whoever looks at it.
fn machine_for(path: &Path) -> &'static dyn Machine {
    match std::fs::metadata(path) {
        Ok(facts) if facts.uid() == 0 => &RootHost,
        Ok(_) | Err(_) => &SystemHost,
    }
}

impl Findings {
    /// Job files, by the settings where these can be used.
    fn look_at(&mut self, path: PathBuf, read: Option<&Read>) {
        let host = Host { machine: machine_for(&path), room: None, files: Some(&Presence) };
        self.is_file = path.is_file();
        match read {
            None => self.load(&path, host),
            Some(Read { path: config, file, total }) => {
                let budget = file.settings.budget(*total);
                let room = BudgetRoom::new(&budget);
                self.load(&path, Host { room: Some(&room), ..host });
                // One job file alone is not all that claims.
                let least = room.least_claim().filter(|_| !self.is_file);
                let below = |least| settings::below_every_claim(config, &file.settings, &budget, least);
                self.add_problems(least.and_then(below).as_slice());
            }
        }
        self.path = Some(path);
    }

    fn load(&mut self, path: &Path, host: Host<'_>) {
        if self.is_file {
            self.add(job::load_file(path, host));
        } else if let Err(problems) = job::load_dir(path, host, &mut |_, loaded| self.add(loaded)) {
            self.add_problems(&problems);
        }
    }

    fn add_problems(&mut self, problems: &[Problem]) {
        self.problems.extend(problems.iter().map(Found::from));
    }

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

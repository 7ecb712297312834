//! `ebb audit --imports`: has the interpreter of each service of Python import anew what its sources import, and keeps the
//! bill. The service is not touched, and its own modules are read, not run.

mod ask;
mod interpreter;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};

use crate::audit::{IMPORT_ALL, Import, Imports, SOURCES, Service, Watched, program, services};
use crate::limits;
use crate::measure::{Bill, Measured};
use crate::sys::child::{self, Exit};
use crate::sys::foreground::Signals;
use crate::sys::meminfo;
use crate::sys::processes::Process;
use crate::sys::processes::memory;
use crate::words::Outcome;

use super::super::failure::Failure;
use super::super::figures::size;
use super::watch::Seen;

use ask::{Answer, Call, Unanswered, ask};
use interpreter::Interpreter;

/// What became of it, apart from the bills, which are with their processes.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// How many services have a bill now.
    pub(super) count: usize,
    /// Why there is none, by the pid of a service's main process.
    pub(super) not: HashMap<i32, String>,
    /// Services that were one too many.
    pub(super) left_out: usize,
}

/// Time for one call of an interpreter, which ends what takes longer itself, unless it can't.
const WITHIN: Duration = Duration::from_millis(limits::AUDIT_IMPORTS_MS + limits::AUDIT_ANSWER_GRACE_MS);

/// A service whose imports are to be weighed.
struct Wanted {
    name: String,
    /// Its main process.
    pid: i32,
    /// The process whose interpreter is called.
    python: i32,
}

/// Weighs the imports of the services that were asked for, those that hold most first, and tells which one is at hand.
///
/// # Errors
/// Signals can't be heard meanwhile.
pub(super) fn weigh(seen: &mut Seen, mut tell: impl FnMut(&str, usize, usize)) -> Result<Weighed, Failure> {
    let mut wanted = wanted(seen);
    let mut weighed =
        Weighed { left_out: wanted.len().saturating_sub(limits::AUDIT_WEIGHED_MAX), ..Weighed::default() };
    wanted.truncate(limits::AUDIT_WEIGHED_MAX);
    if wanted.is_empty() {
        return Ok(weighed);
    }
    let signals = Signals::hear().map_err(|e| Failure::system("signals can't be heard", &e))?;
    // Where that can't be had, what an import starts and forgets is not ended with it.
    let _ = child::set_subreaper();
    let (all, begun) = (wanted.len(), Instant::now());
    for (at, one) in wanted.into_iter().enumerate() {
        // Whoever has services that never come to an end shall not keep an audit for an hour.
        if begun.elapsed() >= Duration::from_millis(limits::AUDIT_WEIGHED_MS) {
            weighed.left_out += all - at;
            break;
        }
        tell(&one.name, at + 1, all);
        let Some(process) = seen.observation.processes.iter_mut().find(|it| it.process.pid == one.python)
        else {
            continue;
        };
        match imports_of(process, &signals) {
            Ok(imports) => {
                weighed.count += 1;
                process.python.get_or_insert_default().imports = Some(Box::new(imports));
            }
            Err(Unanswered::Because(why)) => drop(weighed.not.insert(one.pid, why)),
            Err(Unanswered::Interrupted(signal)) => end_by(signal, signals),
        }
    }
    Ok(weighed)
}

/// Ends this process as the signal would have.
fn end_by(signal: i32, signals: Signals) -> ! {
    drop(signals);
    let _ = Signal::try_from(signal).map(raise);
    std::process::exit(128 + signal)
}

fn wanted(seen: &Seen) -> Vec<Wanted> {
    let services = services(&seen.observation);
    let is_wanted = |service: &&Service<'_>| {
        let is_asked_for = service.members.iter().any(|it| seen.wanted.contains(&it.process.pid));
        is_asked_for && service.uss() >= limits::AUDIT_WORTH_MIN && !service.is_run()
    };
    let of = |service: &Service<'_>| {
        // A server may import its application in its workers alone.
        let pythons = service.members.iter().filter(|one| one.python.is_some());
        let largest = pythons.max_by_key(|one| one.memory.uss)?;
        Some(Wanted {
            name: service.name.clone(),
            pid: service.main().process.pid,
            python: largest.process.pid,
        })
    };
    services.iter().filter(is_wanted).filter_map(of).collect()
}

fn imports_of(one: &Watched, signals: &Signals) -> Result<Imports, Unanswered> {
    let (process, bytes) = (&one.process, one.memory.rss);
    let version = one.python.as_ref().map_or("", |python| python.version.as_str());
    let mapped = memory::mapped_files(process.pid);
    let interpreter = interpreter::of(process, version, &mapped).map_err(Unanswered::Because)?;
    let room = meminfo::look().available;
    if room.is_some_and(|room| room < bytes.saturating_mul(limits::AUDIT_ROOM_TIMES)) {
        return Err(Unanswered::Because(format!(
            "the host has {} left, too little to import anew what takes up to {}",
            size(room.unwrap_or(0)),
            size(bytes)
        )));
    }
    let imports = found(process, &interpreter, signals)?;
    let (bill, stderr) = carried_out(&imports, &interpreter, signals)?;
    Ok(Imports::of(one, interpreter.user, &imports, bill, &stderr))
}

/// What its sources import.
fn found(process: &Process, interpreter: &Interpreter, signals: &Signals) -> Result<Vec<Import>, Unanswered> {
    let arguments = &process.arguments;
    let base = program::source_dir(arguments, process.cwd.as_deref()).filter(|dir| dir.parent().is_some());
    let cwd = process.cwd.as_deref().unwrap_or(std::path::Path::new("/"));
    let is_title = program::is_title(arguments);
    let (how, what) = match program::script(arguments) {
        _ if is_title => ("unknown", String::new()),
        program::Script::File(file) => ("file", cwd.join(file).display().to_string()),
        program::Script::Module(module) => ("module", module.to_owned()),
        program::Script::Text => {
            let text =
                arguments.iter().skip_while(|word| !(word.starts_with('-') && word.ends_with('c'))).nth(1);
            text.map_or_else(|| ("unknown", String::new()), |text| ("text", text.clone()))
        }
    };
    let words: Vec<&str> = match &arguments[..] {
        [title] if is_title => title.split(' ').collect(),
        words => words.iter().skip(1).map(String::as_str).collect(),
    };
    let mut command = vec![
        interpreter.program.clone(),
        "-c".to_owned(),
        SOURCES.to_owned(),
        limits::AUDIT_SOURCES_MAX.to_string(),
        limits::AUDIT_SOURCE_BYTES_MAX.to_string(),
        // Where it has no directory of its own, one in which nothing is.
        base.map_or_else(|| "/nonexistent".to_owned(), |dir| dir.display().to_string()),
        how.to_owned(),
        what,
    ];
    command.extend(words.into_iter().map(str::to_owned));
    let (environment, identity) = (&interpreter.environment[..], &interpreter.identity);
    let answer = ask(&Call { command, is_own: false, environment, identity, within: WITHIN }, signals)?;
    let because = |why: &str| Err(Unanswered::Because(why.to_owned()));
    if answer.exit != Exit::Code(0) {
        return because(&format!("its sources can't be read: {}", last_words(&answer)));
    }
    match Import::read(&answer.stdout) {
        imports if imports.is_empty() => because("its sources were not found, or import nothing"),
        imports => Ok(imports),
    }
}

/// What importing all that takes: the bill, and what the interpreter has said on its standard error.
fn carried_out(
    imports: &[Import],
    interpreter: &Interpreter,
    signals: &Signals,
) -> Result<(Bill, String), Unanswered> {
    let seconds = format!("{}ms", limits::AUDIT_IMPORTS_MS);
    let measure = ["ebb", "measure", "--imports", "--json", "--accounting", "process-tree", "--timeout"];
    let mut command: Vec<String> = measure.into_iter().map(str::to_owned).collect();
    command.extend([
        seconds,
        "--".to_owned(),
        interpreter.program.clone(),
        "-c".to_owned(),
        IMPORT_ALL.to_owned(),
    ]);
    command.extend(imports.iter().map(Import::word));
    let (environment, identity) = (&interpreter.environment[..], &interpreter.identity);
    let answer = ask(&Call { command, is_own: true, environment, identity, within: WITHIN }, signals)?;
    let because = |why: String| Err(Unanswered::Because(why));
    let Ok(measured) = serde_json::from_str::<Measured>(&answer.stdout) else {
        return because(format!("its imports can't be weighed: {}", last_words(&answer)));
    };
    if measured.runs.iter().any(|run| run.outcome == Outcome::Timeout) {
        return because(format!("its imports took longer than {} s", limits::AUDIT_IMPORTS_MS / 1000));
    }
    // A bill has its command in a line.
    let program = IMPORT_ALL.replace('\n', " ");
    let is_it = |bill: &Bill| !bill.is_fork && bill.command.contains(&program);
    match measured.imports.unwrap_or_default().into_iter().find(is_it) {
        Some(bill) if !Imports::are_possible(&bill) => {
            because("one of its imports forged the bill".to_owned())
        }
        Some(bill) if Imports::are_complete(&answer.stderr) => {
            let bill = Bill { command: vec![interpreter.program.clone()], ..bill };
            Ok((bill, answer.stderr))
        }
        // A signal, or a call of os._exit.
        Some(_) => because(format!("one of its imports ended the interpreter: {}", last_words(&answer))),
        None => because("its interpreter goes by no environment, and kept no bill".to_owned()),
    }
}

/// The last line that it has said, or else how it ended.
fn last_words(answer: &Answer) -> String {
    let line = answer.stderr.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(
        || format!("{:?}", answer.exit),
        |line| line.trim().chars().take(limits::AUDIT_WHY_MAX).collect(),
    )
}

//! `ebb measure`: what runs of any command cost, counted as those of a job, without ebbd.

mod accounts;
mod against;
mod bills;
mod follow;
mod keep;
mod looks;
mod show;
pub(super) mod show_imports;
mod start;

use std::os::fd::AsFd as _;
use std::time::Duration;

use serde::Serialize;

use crate::exit;
use crate::measure::{self, Bill, Comparison, Measured, Run, Summary, VERSION};
use crate::sys::foreground::{Program, Signals};
use crate::sys::{child, clock};
use crate::words::{Accounting, Figure};

use super::args;
use super::failure::{Done, Failure};
use super::screen::{NOTICE, Screen};

use accounts::Accounts;
use bills::Bills;

pub(super) fn run(args: &args::Measure, screen: &mut Screen) -> Done {
    // What is wrong with the files is said before a run is made, which may take long.
    let baseline = args.baseline.as_deref().map(keep::read).transpose()?;
    args.save.as_deref().map_or(Ok(()), keep::will_fit)?;
    let measured = measure(args)?;
    let held: &[Figure] = if args.hold.is_empty() { &[Figure::PeakAnon] } else { &args.hold };
    let comparison = baseline.map(|then| Comparison::of(&then, &measured, args.tolerance, held));
    let is_any_good = measured.runs.iter().any(Run::is_success);
    let saved =
        args.save.as_deref().filter(|_| is_any_good).map_or(Ok(()), |path| keep::write(path, &measured));
    match print(&measured, comparison.as_ref(), args, screen) {
        // That nobody reads the figures says nothing of the program.
        Ok(()) | Err(Failure::Unread) => {}
        Err(failure) => return Err(failure),
    }
    saved?;
    let is_regression = comparison.is_some_and(|comparison| comparison.regressions().next().is_some());
    let failed = measured.runs.iter().find(|run| !run.is_success()).map(Run::code);
    Ok(failed.unwrap_or(if is_regression { exit::RUN_FAILED } else { exit::OK }))
}

fn print(
    measured: &Measured,
    comparison: Option<&Comparison>,
    args: &args::Measure,
    screen: &mut Screen,
) -> Result<(), Failure> {
    if args.json {
        screen.json(&Printed { measured, comparison })?;
    } else {
        show::print(measured, screen)?;
        let bills = measured.imports.iter().map(|bills| show_imports::text(bills, screen.err_look));
        bills.collect::<Vec<_>>().iter().try_for_each(|text| screen.err.write_all(text.as_bytes()))?;
    }
    if let (Some(comparison), Some(file)) = (comparison, &args.baseline) {
        against::print(comparison, file, screen)?;
    }
    if let Some(path) = args.save.as_ref().filter(|_| !measured.runs.iter().any(Run::is_success)) {
        let told = format!("ebb: {} is not written, since no run succeeded", path.display());
        screen.remark(NOTICE, &told)?;
    }
    Ok(())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    measured: &'a Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
}

/// Makes the runs, one after the other; fewer than were asked for where somebody asks for an end.
fn measure(args: &args::Measure) -> Result<Measured, Failure> {
    let at = clock::now().wall;
    let bills = args.imports.then(Bills::open).transpose()?;
    let environment: Vec<_> = bills.iter().map(Bills::environment).collect();
    let program = Program { command: &args.command, environment: &environment, stdout: stdout(args)? };
    let signals = Signals::hear().map_err(|e| Failure::system("signals can't be handed on", &e))?;
    // Where that can't be had, what the program starts and forgets is not counted.
    let _ = child::set_subreaper();
    let mut accounts = Accounts::open(args.accounting)?;
    let (mut accounting, mut why) = (accounts.accounting, accounts.why.clone());
    let timeout = args.timeout.map(|timeout| Duration::from_millis(timeout.0));
    let (mut runs, mut imports) = (Vec::new(), Vec::new());
    for _ in 0..args.runs {
        let leaf = accounts.leaf()?;
        let was_to_be_inside = leaf.is_some();
        let followed = follow::follow(&program, &signals, leaf, timeout)?;
        if was_to_be_inside && !followed.is_inside {
            accounting = Accounting::ProcessTree;
            why = vec!["the kernel did not let the program into its control group".to_owned()];
        }
        runs.push(followed.run);
        imports.extend(bills.as_ref().map(Bills::take));
        if followed.is_interrupted {
            break;
        }
    }
    Ok(Measured {
        version: VERSION,
        command: args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        at,
        accounting,
        why,
        unseen: measure::unseen(accounting).to_owned(),
        summary: Summary::of(&runs),
        runs,
        imports: bills.map(|_| Bill::typical(imports)),
    })
}

/// What the program's standard output is: its own, unless the figures are to be read there.
fn stdout(args: &args::Measure) -> Result<Option<std::os::fd::OwnedFd>, Failure> {
    let failed = |e: std::io::Error| Failure::system("standard error can't be shared", &e);
    args.json.then(|| std::io::stderr().as_fd().try_clone_to_owned().map_err(failed)).transpose()
}

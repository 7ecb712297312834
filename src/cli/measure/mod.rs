//! `ebb measure`: what runs of any command cost, counted as those of a job, without ebbd.

mod accounts;
mod follow;
mod looks;
mod show;
mod start;

use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::exit;
use crate::measure::{self, Measured, Run, Summary, VERSION};
use crate::sys::foreground::{Program, Signals};
use crate::sys::{child, clock};
use crate::words::Accounting;

use super::args;
use super::failure::{Done, Failure};
use super::screen::Screen;

use accounts::Accounts;

pub(super) fn run(args: &args::Measure, screen: &mut Screen) -> Done {
    let measured = measure(args)?;
    if args.json {
        screen.json(&measured)?;
    } else {
        show::print(&measured, screen)?;
    }
    let failed = measured.runs.iter().find(|run| !run.is_success());
    Ok(failed.map_or(exit::OK, Run::code))
}

/// Makes the runs, one after the other; fewer than were asked for where somebody asks for an end.
fn measure(args: &args::Measure) -> Result<Measured, Failure> {
    let at = clock::now().wall;
    let program = Program { command: &args.command, environment: &[], stdout: stdout(args)? };
    let signals = Signals::hear().map_err(|e| Failure::system("signals can't be handed on", &e))?;
    // Where that can't be had, what the program starts and forgets is not counted.
    let _ = child::set_subreaper();
    let mut accounts = Accounts::open(args.accounting)?;
    let (mut accounting, mut why) = (accounts.accounting, accounts.why.clone());
    let timeout = args.timeout.map(|timeout| Duration::from_millis(timeout.0));
    let mut runs = Vec::new();
    for _ in 0..args.runs {
        let leaf = accounts.leaf()?;
        let was_to_be_inside = leaf.is_some();
        let followed = follow::follow(&program, &signals, leaf, timeout)?;
        if was_to_be_inside && !followed.is_inside {
            accounting = Accounting::ProcessTree;
            why = vec!["the kernel did not let the program into its control group".to_owned()];
        }
        runs.push(followed.run);
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
    })
}

/// What the program's standard output is: its own, unless the figures are to be read there.
fn stdout(args: &args::Measure) -> Result<Option<std::os::fd::OwnedFd>, Failure> {
    let failed = |e: std::io::Error| Failure::system("standard error can't be shared", &e);
    args.json.then(|| std::io::stderr().as_fd().try_clone_to_owned().map_err(failed)).transpose()
}

//! The client `ebb`: one file a verb. Reads the command line, hands it to its verb, and turns what comes back into an
//! exit code. Knows ebbd by its protocol alone.

mod args;
mod chart;
mod check;
mod completions;
mod connection;
mod doctor;
mod ended;
mod failure;
mod figures;
mod follow;
mod forecast;
mod history;
mod input;
mod interrupt;
mod journalctl;
mod logs;
mod measure;
mod next;
mod offers;
mod output;
mod pause;
mod plan;
mod reload;
mod run_now;
mod screen;
mod slots;
mod status;
mod status_detail;
mod stop;
mod suggest;
mod table;
mod target;
mod times;
mod upcoming;
mod upgrade;
mod waiting;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use crate::exit::{self, Code};

use args::Verb;
use failure::{Done, Failure};
use screen::{BAD, Look, Screen};
use target::Target;

pub use args::command;

/// Runs the client on a command line, the name of the program first, and gives its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    if let Some(code) = completions::answer(&args) {
        return code.into();
    }
    let cli = match args::parse(&args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is no failure.
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::OK }.into();
        }
    };
    let target = Target::of(cli.socket, nix::unistd::geteuid().as_raw(), |name| std::env::var_os(name));
    let env = |name: &str| std::env::var_os(name);
    let (look, err_look) = (Look::of(&io::stdout(), env), Look::of(&io::stderr(), env));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut screen = Screen { out: &mut out, err: &mut io::stderr(), look, err_look };
    finish(dispatch(&cli.verb, &target, &mut screen), &mut screen).into()
}

fn dispatch(verb: &Verb, target: &Target, screen: &mut Screen) -> Done {
    match verb {
        Verb::RunNow(args) => run_now::run(args, target, screen),
        Verb::Status(args) => status::run(args, target, screen),
        Verb::Next(args) => next::run(args, target, screen),
        Verb::History(args) => history::run(args, target, screen),
        Verb::Suggest(args) => suggest::run(args, target, screen),
        Verb::Forecast(args) => forecast::run(args, target, screen),
        Verb::Measure(args) => measure::run(args, screen),
        Verb::Logs(args) => logs::run(args, target, screen),
        Verb::Stop(args) => stop::run(args, target, screen),
        Verb::Pause(args) => pause::pause(args, target, screen),
        Verb::Resume(args) => pause::resume(args, target, screen),
        Verb::Reload(args) => reload::run(args, target, screen),
        Verb::Upgrade(args) => upgrade::run(args, target, screen),
        Verb::Check(args) => check::run(args, screen),
        Verb::Doctor(args) => doctor::run(args, target, screen),
        Verb::Completions(args) => completions::run(args, screen),
    }
}

/// Prints what is left to be printed, a failure included, and gives the exit code.
fn finish(done: Done, screen: &mut Screen) -> Code {
    let flushed = screen.out.flush().map_err(Failure::from);
    match (done, flushed) {
        // A closed pipe is nobody to talk to.
        (Ok(code), Ok(()) | Err(Failure::Unread)) => code,
        (Err(failure @ Failure::Unread), _) => failure.exit_code(),
        (Err(failure), _) | (Ok(_), Err(failure)) => {
            // Where standard error is closed as well, there is nobody left.
            let _ = writeln!(screen.err, "{} {failure}", screen.err_look.paint(BAD, "ebb:"));
            failure.exit_code()
        }
    }
}

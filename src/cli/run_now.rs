//! `ebb run-now`: asks for a run, and where asked to waits for its end or copies its output meanwhile.

use serde::Serialize;

use crate::exit::{self, Code};
use crate::journal::HistoryLine;
use crate::protocol::{Reply, RunNow, RunNowReply};

use super::connection::Connection;
use super::failure::{Done, Failure};
use super::interrupt::Interrupt;
use super::screen::{BAD, LIVELY, Screen};
use super::target::Target;
use super::waiting::Waiting;
use super::{args, ended, follow, input};

/// Exit code of a client that nobody listens to any more while it waits: 128 and SIGPIPE. How the run ends is open.
const UNREAD: Code = Code(141);

pub(super) fn run(args: &args::RunNow, target: &Target, screen: &mut Screen) -> Done {
    let payload = args.input.as_deref().map(input::read).transpose()?;
    let mut connection = target.connect()?;
    if let Some(payload) = payload {
        input::stage(&mut connection, &payload)?;
    }
    let demand = RunNow {
        job: args.job.clone(),
        args: args.args.clone(),
        environment: args.env.iter().cloned().collect(),
        wait: args.wait || args.follow,
    };
    if demand.wait {
        match run_and_wait(&demand, args, connection, target, screen) {
            Err(Failure::Unread) => Ok(UNREAD),
            done => done,
        }
    } else {
        connection.send("RunNow", &demand, false)?;
        let accepted: RunNowReply = acknowledged(&mut connection)?;
        if args.json {
            screen.json(&accepted)?;
        } else {
            screen.say(&accepted_sentence(&accepted, &args.job))?;
        }
        Ok(exit::OK)
    }
}

fn run_and_wait(
    demand: &RunNow,
    args: &args::RunNow,
    mut connection: Connection,
    target: &Target,
    screen: &mut Screen,
) -> Done {
    let interrupt = Interrupt::watch(&args.job)?;
    connection.send("RunNow", demand, true)?;
    let accepted: RunNowReply = acknowledged(&mut connection)?;
    interrupt.accepted(accepted.run);
    if !args.json {
        let sentence = accepted_sentence(&accepted, &args.job);
        // Standard output belongs to the run where its output is copied there.
        let to = if args.follow { &mut *screen.err } else { &mut *screen.out };
        writeln!(to, "{sentence}")?;
        to.flush()?;
    }
    let mut waiting = Waiting::on(target, connection, accepted.run);
    let end = if let Some(end) = accepted.result.clone() {
        end
    } else if args.follow {
        let open = || follow::open(target, &args.job, Some(accepted.run));
        follow::until_end(open, &mut waiting, screen)?
    } else {
        wait(&mut waiting, screen)?
    };
    tell_end(&accepted, end, args, screen)
}

/// The first answer to a demand. Where the connection ends before it, the demand may be on record or not: sent again, it
/// could run twice, so that is left to whoever knows.
fn acknowledged(connection: &mut Connection) -> Result<RunNowReply, Failure> {
    match connection.reply::<RunNowReply>() {
        Ok(Reply { parameters, .. }) => Ok(parameters),
        Err(Failure::Gone(why)) => Err(Failure::Busy(format!(
            "{why}. Whether the demand was accepted is not known; `ebb status` and `ebb history` tell"
        ))),
        Err(failure) => Err(failure),
    }
}

fn wait(waiting: &mut Waiting, screen: &mut Screen) -> Result<HistoryLine, Failure> {
    loop {
        if let Some(end) = waiting.end(None, screen.err)? {
            return Ok(end);
        }
    }
}

/// An end that is no success is said on standard error, JSON or not.
fn tell_end(accepted: &RunNowReply, end: HistoryLine, args: &args::RunNow, screen: &mut Screen) -> Done {
    let code = ended::exit_code(&end);
    let sentence = ended::sentence(&end);
    if !end.outcome.is_success() {
        screen.remark(BAD, &sentence)?;
    } else if args.follow {
        screen.remark(LIVELY, &sentence)?;
    } else if !args.json {
        screen.say(&screen.look.paint(LIVELY, &sentence))?;
    }
    if args.json {
        screen.json(&Waited { run: accepted.run, merged: accepted.merged, result: end })?;
    }
    Ok(code)
}

/// What `--wait --json` prints: the last reply, and whether the first one said that the demand was merged.
#[derive(Serialize)]
struct Waited {
    run: u64,
    merged: bool,
    result: HistoryLine,
}

fn accepted_sentence(accepted: &RunNowReply, job: &str) -> String {
    let run = accepted.run;
    if accepted.merged {
        format!("run {run} of {job} waits already and will do for this demand as well")
    } else {
        format!("run {run} of {job} accepted")
    }
}

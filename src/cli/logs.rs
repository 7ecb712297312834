//! `ebb logs`: copies a run's output, and with `-f` goes on until the run has ended.

use super::failure::Done;
use super::screen::Screen;
use super::target::Target;
use super::waiting::Waiting;
use super::{args, follow};
use crate::exit;

pub(super) fn run(args: &args::Logs, target: &Target, screen: &mut Screen) -> Done {
    let (log, output) = follow::open(target, &args.job, args.run)?;
    if log.finished || !args.follow {
        follow::once(output, screen)?;
        return Ok(exit::OK);
    }
    let mut output = Some(output);
    let open = || match output.take() {
        Some(output) => Ok(output),
        None => follow::open(target, &args.job, Some(log.run)).map(|(_, output)| output),
    };
    follow::until_end(open, &mut Waiting::ask(target, log.run)?, screen)?;
    Ok(exit::OK)
}

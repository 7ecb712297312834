//! `ebb logs`: copies a run's output, and with `-f` goes on until the run has ended.

use super::failure::Done;
use super::screen::Screen;
use super::target::Target;
use super::waiting::Waiting;
use super::{args, follow};
use crate::exit;

pub(super) fn run(args: &args::Logs, target: &Target, screen: &mut Screen) -> Done {
    let (log, place) = follow::open(target, &args.job, args.run)?;
    if log.finished || !args.follow {
        follow::once(place, screen)?;
        return Ok(exit::OK);
    }
    let (run, mut found) = (log.run, Some((log, place)));
    let open = || match found.take() {
        Some(found) => Ok(found),
        None => follow::open(target, &args.job, Some(run)),
    };
    follow::until_end(open, &mut Waiting::ask(target, run)?, screen)?;
    Ok(exit::OK)
}

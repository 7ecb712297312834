//! Copies a run's output as it comes until the run has ended. Decides neither where it goes nor what the end means.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::limits;
use crate::protocol::LogFile;

use super::connection::Connection;
use super::failure::Failure;
use super::journalctl::Journal;
use super::output::Output;
use super::screen::{NOTICE, Screen};
use super::target::Target;
use super::waiting::Waiting;

/// The shortest and the longest time between two looks at the output. The end of the run is noticed at once.
const LOOK_MIN: Duration = Duration::from_millis(10);
const LOOK_MAX: Duration = Duration::from_millis(200);
/// The longest time between two questions for an output that is not there yet; each of them wakes ebbd.
const ASK_MAX: Duration = Duration::from_secs(1);

/// Said once where a part of an output could not be shown.
const DROPPED: &str = "(older output was dropped: `[output] max` bounds what is kept)";

/// Where an output was found.
#[derive(Debug)]
pub(super) enum Place {
    File(Output),
    Journal(Journal),
}

/// Opens the output of a run, or of a job's latest run.
///
/// # Errors
/// What ebbd refuses; a reply without a file.
pub(super) fn open(target: &Target, job: &str, run: Option<RunId>) -> Result<(LogFile, Place), Failure> {
    let mut connection = target.connect()?;
    let mut log: LogFile = connection.call("Logs", &json!({ "job": job, "run": run }))?;
    let matches = std::mem::take(&mut log.journal);
    match connection.take_file() {
        Some(file) => Ok((log, Place::File(Output::new(file)))),
        None if !matches.is_empty() => Ok((log, Place::Journal(Journal::new(matches)))),
        None => Err(no_file(&connection)),
    }
}

fn no_file(connection: &Connection) -> Failure {
    Failure::Garbled(format!("ebbd at {} has answered and sent no file along", connection.path().display()))
}

/// Copies an output to `screen.out` until the run has ended, and gives its end.
///
/// The output is what `open` gives; it is asked for until it is there, since a run that waits has none yet.
///
/// # Errors
/// Those of the wait, and of what can't be printed. An output that can't be opened is said and not waited for.
pub(super) fn until_end(
    mut open: impl FnMut() -> Result<(LogFile, Place), Failure>,
    waiting: &mut Waiting,
    screen: &mut Screen,
) -> Result<HistoryLine, Failure> {
    let mut source = Source::NotYet;
    let mut look = LOOK_MIN;
    loop {
        let came = source.copy(&mut open, screen)?;
        let most = if matches!(source, Source::NotYet) { ASK_MAX } else { LOOK_MAX };
        look = if came > 0 { LOOK_MIN } else { (look * 2).min(most) };
        if let Some(end) = waiting.end(Some(look), screen.err)? {
            source.ask(&mut open, screen)?;
            if matches!(source, Source::Open(Place::Journal(_))) {
                until_finished(&mut open);
            }
            source.finish(screen)?;
            return Ok(end);
        }
    }
}

/// Waits until all that an ended run has written is in the systemd journal, up to a bound.
fn until_finished(open: &mut impl FnMut() -> Result<(LogFile, Place), Failure>) {
    let deadline = Instant::now() + Duration::from_millis(limits::JOURNALD_TAIL_MS);
    while open().is_ok_and(|(log, _)| !log.finished) && Instant::now() < deadline {
        std::thread::sleep(LOOK_MIN);
    }
}

/// Copies what there is of an output, and says where there is none.
///
/// # Errors
/// What can't be read or printed.
pub(super) fn once(place: Place, screen: &mut Screen) -> Result<(), Failure> {
    let Place::Journal(mut journal) = place else { return Source::Open(place).finish(screen) };
    if journal.finish(screen.out)? == 0 {
        let line = journal.command_line();
        screen.remark(NOTICE, &format!("(nothing that you may read is found by `{line}`)"))?;
    }
    Ok(())
}

/// The output, as far as it has been found.
enum Source {
    NotYet,
    Open(Place),
    Never,
}

impl Source {
    /// Opens it if it is there by now.
    fn ask(
        &mut self,
        open: &mut impl FnMut() -> Result<(LogFile, Place), Failure>,
        screen: &mut Screen,
    ) -> Result<(), Failure> {
        if matches!(self, Self::NotYet) {
            *self = match open() {
                Ok((_, place)) => Self::Open(place),
                Err(Failure::Refused(error)) if error.error.ends_with(".NoSuchRun") => Self::NotYet,
                // The wait finds out by itself whether ebbd comes back.
                Err(failure) if failure.may_pass() => Self::NotYet,
                Err(failure) => {
                    writeln!(screen.err, "its output can't be followed: {failure}")?;
                    Self::Never
                }
            };
        }
        Ok(())
    }

    /// Copies what has come; zero where nothing has.
    fn copy(
        &mut self,
        open: &mut impl FnMut() -> Result<(LogFile, Place), Failure>,
        screen: &mut Screen,
    ) -> Result<u64, Failure> {
        self.ask(open, screen)?;
        match self {
            Self::Open(Place::File(output)) => output.copy(screen.out),
            Self::Open(Place::Journal(journal)) => match journal.copy(screen.out) {
                // The wait for the run's end goes on without its output.
                Err(failure @ Failure::System(_)) => {
                    screen.remark(NOTICE, &failure.to_string())?;
                    *self = Self::Never;
                    Ok(0)
                }
                copied => copied,
            },
            Self::NotYet | Self::Never => Ok(0),
        }
    }

    /// Copies the rest, and says what is not there.
    fn finish(self, screen: &mut Screen) -> Result<(), Failure> {
        match self {
            Self::Open(Place::File(mut output)) => {
                output.copy(screen.out)?;
                if output.has_dropped() {
                    writeln!(screen.err, "{DROPPED}")?;
                }
                Ok(())
            }
            Self::Open(Place::Journal(mut journal)) => journal.finish(screen.out).map(drop),
            Self::NotYet | Self::Never => Ok(()),
        }
    }
}

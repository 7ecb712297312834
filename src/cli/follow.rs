//! Copies a run's output as it comes until the run has ended. Decides neither where it goes nor what the end means.

use std::time::Duration;

use serde_json::json;

use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::protocol::LogFile;

use super::connection::Connection;
use super::failure::Failure;
use super::output::Output;
use super::screen::Screen;
use super::target::Target;
use super::waiting::Waiting;

/// The shortest and the longest time between two looks at the output. The end of the run is noticed at once.
const LOOK_MIN: Duration = Duration::from_millis(10);
const LOOK_MAX: Duration = Duration::from_millis(200);
/// The longest time between two questions for an output that is not there yet; each of them wakes ebbd.
const ASK_MAX: Duration = Duration::from_secs(1);

/// Said once where a part of an output could not be shown.
const DROPPED: &str = "(older output was dropped: `[output] max` bounds what is kept)";

/// Opens the output of a run, or of a job's latest run.
///
/// # Errors
/// What ebbd refuses; a reply without a file.
pub(super) fn open(target: &Target, job: &str, run: Option<RunId>) -> Result<(LogFile, Output), Failure> {
    let mut connection = target.connect()?;
    let log: LogFile = connection.call("Logs", &json!({ "job": job, "run": run }))?;
    match connection.take_file() {
        Some(file) => Ok((log, Output::new(file))),
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
    mut open: impl FnMut() -> Result<Output, Failure>,
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
            source.copy(&mut open, screen)?;
            source.close(screen)?;
            return Ok(end);
        }
    }
}

/// Copies what there is of an output.
///
/// # Errors
/// What can't be read or printed.
pub(super) fn once(mut output: Output, screen: &mut Screen) -> Result<(), Failure> {
    output.copy(screen.out)?;
    Source::Open(output).close(screen)
}

/// The output, as far as it has been found.
enum Source {
    NotYet,
    Open(Output),
    Never,
}

impl Source {
    fn copy(
        &mut self,
        open: &mut impl FnMut() -> Result<Output, Failure>,
        screen: &mut Screen,
    ) -> Result<u64, Failure> {
        if matches!(self, Self::NotYet) {
            *self = match open() {
                Ok(output) => Self::Open(output),
                Err(Failure::Refused(error)) if error.error.ends_with(".NoSuchRun") => Self::NotYet,
                // The wait finds out by itself whether ebbd comes back.
                Err(Failure::NoDaemon(_) | Failure::Gone(_)) => Self::NotYet,
                Err(failure) => {
                    writeln!(screen.err, "its output can't be followed: {failure}")?;
                    Self::Never
                }
            };
        }
        match self {
            Self::Open(output) => output.copy(screen.out),
            Self::NotYet | Self::Never => Ok(0),
        }
    }

    fn close(&self, screen: &mut Screen) -> Result<(), Failure> {
        if let Self::Open(output) = self
            && output.has_dropped()
        {
            writeln!(screen.err, "{DROPPED}")?;
        }
        Ok(())
    }
}

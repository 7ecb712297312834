//! Why a verb could not do what it was asked for, and the exit code that says so to a script. One table, one `match`.

use std::io;

use crate::exit::{self, Code};
use crate::protocol::Error;

/// What ends a verb early. Each text says what was tried, on what, and what to do.
#[derive(Debug)]
pub(super) enum Failure {
    /// What was asked for makes no sense.
    Usage(String),
    /// ebbd is not there.
    NoDaemon(String),
    /// ebbd was there and has closed the connection.
    Gone(String),
    /// What answers there is not understood.
    Garbled(String),
    /// The operating system refused something to the client.
    System(String),
    /// ebbd takes too long.
    Busy(String),
    /// The client may not reach ebbd.
    NotAllowed(String),
    /// ebbd refused.
    Refused(Error),
    /// The program to be measured is not there.
    NoProgram(String),
    /// The program to be measured can't be executed.
    NotExecutable(String),
    /// Nobody reads what the verb prints any more, as with `| head`. Not worth a word.
    Unread,
}

/// What a verb gives: its exit code, or why it ended early.
pub(super) type Done = Result<Code, Failure>;

impl Failure {
    /// The exit code, after sysexits(3).
    pub(super) fn exit_code(&self) -> Code {
        match self {
            Self::Unread => exit::OK,
            Self::Usage(_) => exit::USAGE,
            Self::NoDaemon(_) | Self::Gone(_) | Self::Garbled(_) => exit::NO_DAEMON,
            Self::System(_) => exit::OS,
            Self::Busy(_) => exit::BUSY,
            Self::NotAllowed(_) => exit::NOT_ALLOWED,
            Self::Refused(error) => Code(error.exit_code()),
            Self::NoProgram(_) => exit::NO_PROGRAM,
            Self::NotExecutable(_) => exit::NOT_EXECUTABLE,
        }
    }

    /// Whether it may be better soon: ebbd is away, about to end, or full.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NoDaemon(_) | Self::Gone(_) => true,
            Self::Refused(error) => error.exit_code() == exit::BUSY.0,
            Self::Usage(_)
            | Self::Garbled(_)
            | Self::System(_)
            | Self::Busy(_)
            | Self::NotAllowed(_)
            | Self::NoProgram(_)
            | Self::NotExecutable(_)
            | Self::Unread => false,
        }
    }

    /// An error of the operating system, with what was tried.
    pub(super) fn system(tried: impl std::fmt::Display, error: &io::Error) -> Self {
        Self::System(format!("{tried}: {error}"))
    }
}

/// What is not said otherwise is the failure to print.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Unread
        } else {
            Self::system("what there is to say can't be printed", &error)
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(text)
            | Self::NoDaemon(text)
            | Self::Gone(text)
            | Self::Garbled(text)
            | Self::System(text)
            | Self::Busy(text)
            | Self::NotAllowed(text)
            | Self::NoProgram(text)
            | Self::NotExecutable(text) => f.write_str(text),
            Self::Refused(error) => write!(f, "{error}"),
            Self::Unread => f.write_str("nobody reads the output"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Refusal;

    #[test]
    fn each_failure_has_the_exit_code_that_the_help_lists() {
        let text = String::new;
        let refused = |refusal: Refusal| Failure::Refused(refusal.to_error());
        let table = [
            (Failure::Unread, 0),
            (Failure::Usage(text()), 2),
            (refused(Refusal::NoSuchJob(text())), 2),
            (refused(Refusal::NotAccepted(text())), 2),
            (Failure::NoDaemon(text()), 69),
            (Failure::Gone(text()), 69),
            (Failure::Garbled(text()), 69),
            (Failure::System(text()), 71),
            (refused(Refusal::System(text())), 71),
            (Failure::Busy(text()), 75),
            (refused(Refusal::QueueFull(text())), 75),
            (refused(Refusal::NeverFits(text())), 78),
            (refused(Refusal::ShuttingDown), 75),
            (Failure::NotExecutable(text()), 126),
            (Failure::NoProgram(text()), 127),
            (Failure::NotAllowed(text()), 77),
            (refused(Refusal::NotAllowed(text())), 77),
        ];
        for (failure, code) in table {
            assert_eq!(failure.exit_code().0, code, "{failure:?}");
        }
    }

    #[test]
    fn only_a_closed_pipe_ends_without_a_word() {
        assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::Unread));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit_code().0, 71);
        assert!(full.to_string().contains("can't be printed"));
    }
}

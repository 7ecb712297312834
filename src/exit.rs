//! Exit codes that mean something, after sysexits(3). Both binaries end with these and no others, but for a job's own
//! code that `ebb run-now --wait` passes on.

use std::process::ExitCode;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u8);

/// All went well.
pub const OK: Code = Code(0);
/// The run that was waited for failed.
pub const RUN_FAILED: Code = Code(1);
/// The command line makes no sense, or names what is not there.
pub const USAGE: Code = Code(2);
/// There is no ebbd (EX_UNAVAILABLE).
pub const NO_DAEMON: Code = Code(69);
/// The operating system refused something (EX_OSERR).
pub const OS: Code = Code(71);
/// Too much at once; try again (EX_TEMPFAIL).
pub const BUSY: Code = Code(75);
/// Not allowed (EX_NOPERM).
pub const NOT_ALLOWED: Code = Code(77);
/// A file of settings or jobs has a problem (EX_CONFIG).
pub const CONFIG: Code = Code(78);
/// A run was ended by its timeout, as timeout(1) says it.
pub const TIMED_OUT: Code = Code(124);
/// The client was interrupted, as a shell says it.
pub const INTERRUPTED: Code = Code(130);
/// A run was killed for memory: 128 and SIGKILL.
pub const OOM_KILLED: Code = Code(137);

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.0)
    }
}

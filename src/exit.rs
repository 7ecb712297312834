//! Exit codes that mean something, after sysexits(3). Both binaries end with these and no others, but for a job's own
//! code that `ebb run-now --wait` passes on.

use std::process::ExitCode;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
/// A program that was to be measured can't be executed, as env(1) says it.
pub const NOT_EXECUTABLE: Code = Code(126);
/// A program that was to be measured is not there, as env(1) says it.
pub const NO_PROGRAM: Code = Code(127);
/// The client was interrupted, as a shell says it.
pub const INTERRUPTED: Code = Code(130);
/// A run was killed for memory: 128 and SIGKILL.
pub const OOM_KILLED: Code = Code(137);

/// What people are told about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The code.
    pub code: Code,
    /// What it means where the client ends with it; empty where it never does.
    pub ebb: &'static str,
    /// What it means where ebbd ends with it; empty where it never does.
    pub ebbd: &'static str,
}

/// Every code in order; `ebb --help` and the man pages are printed from it.
pub static MEANINGS: &[Meaning] = &[
    meaning(OK, "done", "ended as it was asked to"),
    meaning(
        RUN_FAILED,
        "the run failed (`run-now --wait` gives the run's own code); or `measure` found it dearer than its baseline",
        "",
    ),
    meaning(USAGE, "usage; no such job or run; or what the job's [accept] does not take", "usage"),
    meaning(NO_DAEMON, "ebbd does not answer", ""),
    meaning(OS, "the system refused something", "the system refused something that ebbd can't do without"),
    meaning(
        BUSY,
        "busy or full; or it is not known whether the demand was accepted: look at `ebb status` and `ebb history` before you try again",
        "another ebbd has the state directory",
    ),
    meaning(NOT_ALLOWED, "not allowed", ""),
    meaning(
        CONFIG,
        "a job file has a problem (`reload` has put the others into force), or a baseline has",
        "the settings file has a problem, the group that was named does not exist, or --strict was given and a job file has a problem",
    ),
    meaning(TIMED_OUT, "the run was ended by its timeout", ""),
    meaning(NOT_EXECUTABLE, "the program to be measured can't be executed", ""),
    meaning(NO_PROGRAM, "the program to be measured is not there", ""),
    meaning(INTERRUPTED, "the client was interrupted; the run goes on", ""),
    meaning(OOM_KILLED, "the run was killed for its memory limit", ""),
];

const fn meaning(code: Code, ebb: &'static str, ebbd: &'static str) -> Meaning {
    Meaning { code, ebb, ebbd }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.0)
    }
}

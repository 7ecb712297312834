//! What can go wrong between the clone and the job's first instruction, and how the parent comes to know it.
//! Knows nothing of how the steps are done.

use std::fmt::{Display, Formatter};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// A step of the child on its way to the program, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    /// Joining the run's cgroups.
    Cgroup = 1,
    /// A session of its own.
    Session,
    /// `oom-score-adjust`.
    OomScore,
    /// `nice`.
    Nice,
    /// Resource limits.
    Rlimit,
    /// Supplementary groups.
    Groups,
    /// Group id.
    Gid,
    /// User id.
    Uid,
    /// The working directory.
    Cwd,
    /// Standard input, output and error.
    Stdio,
    /// Keeping all other descriptors from the program.
    Descriptors,
    /// The program itself.
    Exec,
}

impl Step {
    const ALL: [Self; 12] = [
        Self::Cgroup,
        Self::Session,
        Self::OomScore,
        Self::Nice,
        Self::Rlimit,
        Self::Groups,
        Self::Gid,
        Self::Uid,
        Self::Cwd,
        Self::Stdio,
        Self::Descriptors,
        Self::Exec,
    ];
}

/// The length of a report in the pipe: the step and the errno, four bytes each, in the byte order of the machine.
pub(super) const REPORT: usize = 8;

/// What messages about a start name; kept until the outcome of the exec is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) program: String,
    pub(super) path: String,
    pub(super) cwd: PathBuf,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) nice: i32,
    pub(super) oom_score_adj: i32,
}

/// Why a run never reached its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecFailure {
    /// The step that failed.
    pub step: Step,
    /// What the kernel said.
    pub errno: i32,
    about: About,
}

impl Display for ExecFailure {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let about = &self.about;
        match self.step {
            Step::Cgroup => write!(f, "cannot join the cgroup of the run")?,
            Step::Session => write!(f, "cannot begin a session")?,
            Step::OomScore => write!(f, "cannot set the OOM score adjustment to {}", about.oom_score_adj)?,
            Step::Nice => write!(f, "cannot set the nice value to {}", about.nice)?,
            Step::Rlimit => write!(f, "cannot set a resource limit")?,
            Step::Groups => write!(f, "cannot take on the groups of user {}", about.uid)?,
            Step::Gid => write!(f, "cannot become group {}", about.gid)?,
            Step::Uid => write!(f, "cannot become user {}", about.uid)?,
            Step::Cwd => write!(f, "cannot change to {}", about.cwd.display())?,
            Step::Stdio => write!(f, "cannot set up standard input and output")?,
            Step::Descriptors => write!(f, "cannot keep ebbd's descriptors from the program")?,
            Step::Exec => write!(f, "cannot execute {}", about.program)?,
        }
        write!(f, ": {}", Errno::from_raw(self.errno).desc())?;
        if self.step == Step::Exec { self.exec_hint(f) } else { Ok(()) }
    }
}

impl std::error::Error for ExecFailure {}

impl ExecFailure {
    /// Whether something could not be had because there was none left just then, so that the same may well succeed later:
    /// a process of the job's user (RLIMIT_NPROC counts at the exec), memory or a descriptor on the way to it. An exec that
    /// finds no memory has too little for its program, and will find no more the next time.
    #[must_use]
    pub const fn is_scarce(&self) -> bool {
        match self.errno {
            libc::EAGAIN | libc::ENFILE => true,
            libc::ENOMEM | libc::EMFILE => !matches!(self.step, Step::Exec),
            _ => false,
        }
    }

    fn exec_hint(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let About { program, path, .. } = &self.about;
        match self.errno {
            libc::ENOENT if !program.contains('/') => {
                write!(f, " (looked for in the job's PATH, {path}; an absolute path is safest)")
            }
            libc::ENOENT if Path::new(program).exists() => {
                write!(f, " (the file is there: the interpreter in its first line, or its loader, is not)")
            }
            libc::ENOEXEC => write!(f, " (a script needs a first line such as #!/bin/sh)"),
            libc::EACCES => {
                write!(
                    f,
                    " (user {} may not execute it, or may not enter a directory on its path)",
                    self.about.uid
                )
            }
            _ => Ok(()),
        }
    }
}

/// What is known of the way to the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecResult {
    /// Still on its way.
    Pending,
    /// The program runs, or was killed before it did: then the exit status says so.
    Running,
    /// It never will.
    Failed(ExecFailure),
}

/// The read end of the exec-status pipe, non-blocking: it becomes readable when the outcome is known.
#[derive(Debug)]
pub struct ExecStatus {
    pub(super) pipe: io::PipeReader,
    pub(super) about: About,
}

impl ExecStatus {
    /// Takes the outcome, if it is known. Once it was given out, ask no more.
    ///
    /// # Errors
    /// None in practice.
    pub fn read(&self) -> io::Result<ExecResult> {
        let mut report = [0_u8; REPORT];
        match (&self.pipe).read(&mut report) {
            Ok(0) => Ok(ExecResult::Running),
            // Less than a pipe's PIPE_BUF is written at once or not at all.
            Ok(REPORT) => Ok(ExecResult::Failed(self.decode(report))),
            Ok(n) => Err(io::Error::other(format!("{n} bytes came where a start reports {REPORT}"))),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(ExecResult::Pending)
            }
            Err(e) => Err(e),
        }
    }

    fn decode(&self, report: [u8; REPORT]) -> ExecFailure {
        let [a, b, c, d, e, f, g, h] = report;
        let number = u32::from_ne_bytes([a, b, c, d]);
        let step = Step::ALL.into_iter().find(|&s| s as u32 == number).unwrap_or(Step::Exec);
        ExecFailure { step, errno: i32::from_ne_bytes([e, f, g, h]), about: self.about.clone() }
    }
}

impl AsFd for ExecStatus {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl AsRawFd for ExecStatus {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.as_raw_fd()
    }
}

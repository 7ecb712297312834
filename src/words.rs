//! One word for one thing: the vocabulary of the job files, the journal, the wire, the log and the screen.
//! Every word is written here once; the rest of the crate only prints and compares these types.

use serde::{Deserialize, Serialize};

/// Defines an enum whose variants have one written form, used by serde, `Display` and `FromStr` alike.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word, in the order in which the docs list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it is written everywhere.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|w| w.word() == text).ok_or_else(|| UnknownWord {
                    found: text.to_owned(),
                    expected: Self::ALL.iter().map(|w| w.word()).collect(),
                })
            }
        }
    };
}

/// A word that is not in the vocabulary, with those that are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// What was written.
    pub found: String,
    /// What could have been written.
    pub expected: Vec<&'static str>,
}

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is none of: {}", self.found, self.expected.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

vocabulary! {
    /// A reason to run.
    Trigger {
        /// A slot of `schedule` or `every` has come.
        Schedule = "schedule",
        /// Somebody asked for it: `ebb run-now`, or a call over the socket.
        Manual = "manual",
        /// `at-start = true`, or `@reboot`: once for each start of ebbd.
        Startup = "startup",
        /// An earlier attempt failed and the job's `retry` says to try again.
        Retry = "retry",
    }
}

vocabulary! {
    /// How a run ended, or that a trigger did not become a run.
    Outcome {
        /// The main process exited with a code in `success-codes`.
        Success = "success",
        /// The main process exited with any other code.
        ExitCode = "exit-code",
        /// A signal that ebb did not send ended the main process.
        Signal = "signal",
        /// The run was ended because its `timeout` had passed.
        Timeout = "timeout",
        /// The kernel (or, on the rlimit rung, ebb's watchdog) killed it for its memory limit.
        OomKill = "oom-kill",
        /// The run never reached its program: no such file, no permission, limits that could not be set.
        StartFailed = "start-failed",
        /// Ended or dropped on request: `ebb stop`, a replacing run, or the end of ebbd.
        Canceled = "canceled",
        /// ebbd died meanwhile and the end can't be known.
        Lost = "lost",
        /// The trigger did not become a run; its reason says why.
        Skipped = "skipped",
    }
}

vocabulary! {
    /// What has counted the memory of a run that `ebb measure` made.
    Accounting {
        /// The kernel, in a control group v2 of the run's own.
        CgroupV2 = "cgroup-v2",
        /// The kernel, in a control group v1 of the run's own.
        CgroupV1 = "cgroup-v1",
        /// ebb, by looking at each process of the run in `/proc` again and again.
        ProcessTree = "process-tree",
    }
}

vocabulary! {
    /// A figure of a measured run that can be held to its baseline.
    Figure {
        /// Highest anonymous memory and swap.
        PeakAnon = "peak-anon",
        /// Highest memory with page cache.
        PeakTotal = "peak-total",
        /// CPU time.
        Cpu = "cpu",
        /// Time from start to end.
        Wall = "wall",
    }
}

vocabulary! {
    /// Why a trigger did not become a run of its own.
    SkipReason {
        /// A run of the job was under way and `overlap` says skip.
        Running = "running",
        /// `queue-limit` runs were waiting already.
        QueueFull = "queue-full",
        /// The slot passed while ebbd or the host was down, and `catch-up` says none.
        Missed = "missed",
        /// A newer run of the job stands in for the waiting retry.
        Superseded = "superseded",
        /// The job was removed before the run could start.
        Removed = "removed",
        /// No room in memory came within its `queue-timeout`, or it could never fit.
        Memory = "memory",
    }
}

vocabulary! {
    /// Whose want of memory it was when the kernel killed a process of a run for memory.
    OomCause {
        /// The run's own limit.
        Limit = "limit",
        /// A limit of a control group above it, such as that of all runs together.
        Above = "above",
        /// The host's: it had no memory left.
        Host = "host",
    }
}

vocabulary! {
    /// Where the amount of memory that a run claims comes from.
    ClaimSource {
        /// `[memory] claim` of its job.
        Declared = "declared",
        /// What earlier runs have taught, with a margin.
        Learned = "learned",
        /// `[memory] max` of its job.
        Limit = "limit",
        /// Nothing is known; `unknown` of the budget stands in.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// Why ebb ends a run, as the journal keeps it from the decision to the run's end.
    StopReason {
        /// Its timeout has passed.
        Timeout = "timeout",
        /// Somebody asked for it.
        Requested = "requested",
        /// A newer run takes its place.
        Replaced = "replaced",
        /// ebbd ends.
        Shutdown = "shutdown",
        /// It took more memory than it may.
        OverLimit = "over-limit",
        /// Its demand could not be brought to disk and was refused.
        NotRecorded = "not-recorded",
    }
}

vocabulary! {
    /// What a trigger means while a run of the same job is under way.
    Overlap {
        /// A slot is skipped; a demand means one more run afterwards.
        Skip = "skip",
        /// Each trigger waits for its turn.
        Queue = "queue",
        /// The run under way is stopped and a new one takes its place.
        Replace = "replace",
        /// Up to `max-parallel` runs at once.
        Parallel = "parallel",
    }
}

vocabulary! {
    /// What happens with slots that passed while ebbd or the host was down.
    #[derive(Default)]
    CatchUp {
        /// All of them together make one run.
        #[default]
        Once = "once",
        /// They are gone.
        None = "none",
    }
}

vocabulary! {
    /// The rung of the ladder that holds a run to its memory limit, strongest first.
    Enforcement {
        /// cgroup v2 `memory.max`, by the kernel, over the whole tree.
        CgroupV2 = "cgroup-v2",
        /// cgroup v1 `memory.limit_in_bytes`, by the kernel, over the whole tree.
        CgroupV1 = "cgroup-v1",
        /// `RLIMIT_DATA` a process, and a watchdog on the tree's PSS.
        Rlimit = "rlimit",
        /// Nothing holds it.
        None = "none",
    }
}

vocabulary! {
    /// What a job asks of the ladder.
    EnforcementWish {
        /// The strongest rung that works here.
        Best = "best",
        /// A cgroup, or the run does not start.
        Required = "required",
    }
}

vocabulary! {
    /// Where a job's standard output and error go.
    OutputTo {
        /// One file a run below the state directory.
        File = "file",
        /// The systemd journal, a line an entry.
        Journal = "journal",
        /// ebbd's own standard error: what a container's log collector reads.
        Inherit = "inherit",
        /// Nowhere.
        Null = "null",
    }
}

impl Outcome {
    /// Whether a run that ended so did what it was for.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success)
    }
}

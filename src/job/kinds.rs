//! The tables of a job file and the kinds of its values: how each is written. Knows no key.

use crate::words::{CatchUp, EnforcementWish, OutputTo, Overlap};

/// A table of a job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The keys above the first `[table]`.
    Root,
    /// `[retry]`.
    Retry,
    /// `[memory]`.
    Memory,
    /// `on-oom` of `[memory]`, where it is a table.
    OnOom,
    /// `[cpu]`.
    Cpu,
    /// `[output]`.
    Output,
    /// `[accept]`.
    Accept,
    /// `[allow]`.
    Allow,
}

impl Table {
    /// Every table, in the order of the reference.
    pub const ALL: [Self; 8] = [
        Self::Root,
        Self::Retry,
        Self::Memory,
        Self::OnOom,
        Self::Cpu,
        Self::Output,
        Self::Accept,
        Self::Allow,
    ];

    /// Its name in the file; empty for the root.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Retry => "retry",
            Self::Memory => "memory",
            Self::OnOom => "memory.on-oom",
            Self::Cpu => "cpu",
            Self::Output => "output",
            Self::Accept => "accept",
            Self::Allow => "allow",
        }
    }

    /// Whether it stands by itself in the file, and not inside another table.
    #[must_use]
    pub const fn is_on_top(self) -> bool {
        !matches!(self, Self::OnOom)
    }

    /// What it is about, in one sentence.
    #[must_use]
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Root => "These stand above the first `[table]`.",
            Self::Retry => {
                "What happens after a run that failed. Never after `canceled`; after `oom-kill` as `on-oom` of `[memory]` says."
            }
            Self::Memory => {
                "Limits of memory, over all processes of a run. There is none unless you set one."
            }
            Self::OnOom => "What follows when a run's own limit has killed it: `on-oom` as a table.",
            Self::Cpu => {
                "Shares and limits of CPU, over all processes of a run. There is none unless you set one."
            }
            Self::Output => "Where standard output and standard error go.",
            Self::Accept => "What `ebb run-now` may bring along. Nothing unless you say so.",
            Self::Allow => "Who may use this job, besides root, ebbd's own user and the control group.",
        }
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text of one line.
    Text,
    /// The name of a pool.
    Pool,
    /// Program and arguments.
    Command,
    /// An absolute path.
    Path,
    /// One absolute path or several, each perhaps with a `-` in front.
    Paths,
    /// A user or group, by name or number.
    Account,
    /// Octal permission bits.
    Umask,
    /// `NAME = "value"` pairs.
    Environment,
    /// true or false.
    Flag,
    /// One crontab expression or several.
    Schedules,
    /// A time span.
    Duration,
    /// The name of a time zone.
    Zone,
    /// One of the words of [`CatchUp`].
    CatchUp,
    /// One of the words of [`Overlap`].
    Overlap,
    /// One of the words of [`EnforcementWish`].
    Enforcement,
    /// One of the words of [`OutputTo`].
    OutputTo,
    /// A whole number.
    Integer,
    /// A number, perhaps with a fraction.
    Factor,
    /// The name of a signal.
    Signal,
    /// Exit codes.
    Codes,
    /// An amount of memory or disk.
    Size,
    /// The same, or `infinity`.
    SizeOrInfinity,
    /// The word `fail`, or a table.
    OnOom,
    /// A percentage of one CPU.
    Quota,
    /// Names of environment variables.
    VariableNames,
    /// Users and `@groups`.
    Accounts,
}

impl Kind {
    /// How it is written, as the end of "... is": a noun with its article.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Text | Self::Zone | Self::Pool => "a string",
            Self::Command | Self::VariableNames | Self::Accounts => "an array of strings",
            Self::Path => "a string with an absolute path",
            Self::Paths | Self::Schedules => "a string or an array of strings",
            Self::Account => "a name in quotes or a number",
            Self::Umask => "a string of octal digits",
            Self::Environment => "a table of strings",
            Self::Flag => "true or false",
            Self::Duration => "a duration in quotes",
            Self::CatchUp | Self::Overlap | Self::Enforcement | Self::OutputTo => "a word in quotes",
            Self::Integer => "a whole number",
            Self::Factor => "a number",
            Self::Signal => "the name of a signal in quotes",
            Self::Codes => "an array of whole numbers",
            Self::Size | Self::SizeOrInfinity => "a size in quotes or a number of bytes",
            Self::OnOom => "`\"fail\"` or a table",
            Self::Quota => "a percentage in quotes",
        }
    }

    /// A value of this kind, as TOML. Where there is a choice of words, they say more than one of them.
    #[must_use]
    pub const fn sample(self) -> &'static str {
        match self {
            Self::Text | Self::CatchUp | Self::Overlap | Self::Enforcement | Self::OutputTo => "\"text\"",
            Self::Pool => "\"heavy\"",
            Self::Command => "[\"python3\", \"-m\", \"app\"]",
            Self::Path | Self::Paths => "\"/srv/app\"",
            Self::Account => "\"www-data\"",
            Self::Umask => "\"022\"",
            Self::Environment => "{ NAME = \"value\" }",
            Self::Flag => "true",
            Self::Schedules => "\"30 2 * * *\"",
            Self::Duration => "\"90s\"",
            Self::Zone => "\"Europe/Vienna\"",
            Self::Integer => "10",
            Self::Factor => "1.5",
            Self::Signal => "\"SIGINT\"",
            Self::Codes => "[0, 3]",
            Self::Size | Self::SizeOrInfinity => "\"512M\"",
            Self::OnOom => "{ retry = 2, grow = 1.5 }",
            Self::Quota => "\"150%\"",
            Self::VariableNames => "[\"NAME\"]",
            Self::Accounts => "[\"www-data\", \"@web\"]",
        }
    }

    /// The words that can be written, where there is a choice of them; else empty.
    #[must_use]
    pub fn choices(self) -> Vec<&'static str> {
        match self {
            Self::CatchUp => CatchUp::ALL.iter().map(|w| w.word()).collect(),
            Self::Overlap => Overlap::ALL.iter().map(|w| w.word()).collect(),
            Self::Enforcement => EnforcementWish::ALL.iter().map(|w| w.word()).collect(),
            Self::OutputTo => OutputTo::ALL.iter().map(|w| w.word()).collect(),
            Self::Text
            | Self::Pool
            | Self::Command
            | Self::Path
            | Self::Paths
            | Self::Account
            | Self::Umask
            | Self::Environment
            | Self::Flag
            | Self::Schedules
            | Self::Duration
            | Self::Zone
            | Self::Integer
            | Self::Factor
            | Self::Signal
            | Self::Codes
            | Self::Size
            | Self::SizeOrInfinity
            | Self::OnOom
            | Self::Quota
            | Self::VariableNames
            | Self::Accounts => Vec::new(),
        }
    }
}

//! How ebbd was called, and what its settings file adds. Flags win over the file, the file over the defaults.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::exit;
use crate::job::TextProblem;
use crate::places::Places;
use crate::settings::{self, FileRead};
use crate::sys;

/// The control group of root's ebbd where none is named, if there is such a group.
pub(super) const DEFAULT_GROUP: &str = "ebb";

/// What `ebbd --help` prints.
pub const HELP: &str = "\
ebbd: starts jobs as short-lived processes, holds them to their limits, and gives their memory back

Usage: ebbd [--user] [--config FILE] [--jobs DIR] [--state DIR] [--socket PATH] [--group NAME] [--cgroup PATH]
            [--log LEVEL] [--stop-within T] [--strict]

  --config FILE   settings          (root: /etc/ebb/ebbd.toml, others: $XDG_CONFIG_HOME/ebb/ebbd.toml)
  --jobs DIR      the job files     (root: /etc/ebb/jobs.d,    others: $XDG_CONFIG_HOME/ebb/jobs.d)
  --state DIR     journal, outputs  (root: /var/lib/ebb,       others: $XDG_STATE_HOME/ebb)
  --socket PATH   control socket    (root: /run/ebb/ebb.sock,  others: $XDG_RUNTIME_DIR/ebb/ebb.sock)
  --group NAME    who may control it besides root and its own user   (root: ebb, if there is such a group)
  --cgroup PATH   the control group that is to hold the runs: as /proc/self/cgroup writes it, or without a leading
                  slash a sibling of ebbd's own, such as ebb-runs.service   (ebbd's own)
  --user          the places of a user's own ebbd, for root as well; others have them anyway
  --log LEVEL     error, warn, info or debug, to standard error      (info)
  --stop-within T how long an end may take at most, such as 25s: runs get no longer grace then
                  (as the first process of a container 9s; else each run gets its grace)
  --strict        do not start while any job file has a problem (exit 78)
  --check-handover   read the settings and print the format in which it takes over from a running ebbd (ebb upgrade)
  --version       print the version
  --help          print this

Signals: TERM or INT end it gracefully, a second one at once; HUP reads the job files and the budget again.
         USR2 ends it and leaves its runs alone: the next ebbd takes them over.
";

/// Everything that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where things are.
    pub places: Places,
    /// The control group, where one was named.
    pub group: Option<String>,
    /// The control group below which runs live: a path as `/proc/self/cgroup` writes it, or the name of a sibling.
    pub cgroup: Option<PathBuf>,
    /// Whether these are the places of a user's own ebbd, so that no control group is looked for.
    pub user: bool,
    /// How much is logged.
    pub log: String,
    /// Whether a problem in a job file keeps ebbd from starting.
    pub strict: bool,
    /// How long the end of ebbd may take at most, in milliseconds.
    pub stop_within_ms: Option<u64>,
    /// Whether the settings file was named, so that it has to be there.
    pub is_config_named: bool,
    /// What the settings file says, until the budget in it is in force.
    pub file: Option<Box<FileRead>>,
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run.
    Run(Options),
    /// Print this and end.
    Print(String),
}

/// The flags that stand for a setting of the same name.
#[derive(Debug, Default)]
struct Flags {
    jobs: Option<PathBuf>,
    state: Option<PathBuf>,
    socket: Option<PathBuf>,
    group: Option<String>,
    cgroup: Option<PathBuf>,
    log: Option<String>,
    stop_within_ms: Option<u64>,
}

/// The places that hold where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Of the user who runs ebbd: the system's for root.
    pub own: Places,
    /// The same by `--user`.
    pub users: Places,
}

/// Why a command line or a settings file was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A sentence for people.
    pub message: String,
    /// [`exit::USAGE`] for the command line, [`exit::CONFIG`] for the file.
    pub code: exit::Code,
}

/// Reads a command line and the settings file it names or implies.
///
/// # Errors
/// An unknown flag, a file that can't be read, a setting that is not known.
pub fn parse(args: impl IntoIterator<Item = OsString>, defaults: Defaults) -> Result<Command, Refused> {
    use lexopt::prelude::{Long, Short};
    let (mut flags, mut config, mut strict, mut user) = (Flags::default(), None, false, false);
    let mut is_probe = false;
    let mut parser = lexopt::Parser::from_iter(args);
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Long("config") => config = Some(PathBuf::from(parser.value().map_err(usage)?)),
            Long("jobs") => flags.jobs = Some(parser.value().map_err(usage)?.into()),
            Long("state") => flags.state = Some(parser.value().map_err(usage)?.into()),
            Long("socket") => flags.socket = Some(parser.value().map_err(usage)?.into()),
            Long("group") => {
                flags.group = Some(parser.value().map_err(usage)?.to_string_lossy().into_owned());
            }
            Long("cgroup") => {
                let path = PathBuf::from(parser.value().map_err(usage)?);
                settings::check_cgroup(&path).map_err(of_flag("cgroup"))?;
                flags.cgroup = Some(path);
            }
            Long("user") => user = true,
            Long("log") => {
                let level = parser.value().map_err(usage)?.to_string_lossy().into_owned();
                settings::check_log(&level).map_err(of_flag("log"))?;
                flags.log = Some(level);
            }
            Long("stop-within") => {
                let time = parser.value().map_err(usage)?;
                let time = settings::stop_within(&time.to_string_lossy());
                flags.stop_within_ms = Some(time.map_err(of_flag("stop-within"))?);
            }
            Long("strict") => strict = true,
            Long("check-handover") => is_probe = true,
            Long("version") | Short('V') => {
                return Ok(Command::Print(format!("ebbd {}\n", env!("CARGO_PKG_VERSION"))));
            }
            Long("help") | Short('h') => return Ok(Command::Print(HELP.to_owned())),
            Short(_) | Long(_) | lexopt::Arg::Value(_) => return Err(usage(arg.unexpected())),
        }
    }
    let defaults = if user { defaults.users } else { defaults.own };
    let is_config_named = config.is_some();
    let config = config.unwrap_or(defaults.config);
    let read = settings::read_file(&config, is_config_named, sys::meminfo::look().total);
    let mut read = read.map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Refused { message: problems.join("\n"), code: exit::CONFIG }
    })?;
    if is_probe {
        let (version, format) = (env!("CARGO_PKG_VERSION"), super::handover::FORMAT);
        return Ok(Command::Print(format!("ebbd {version}\n{}{format}\n", super::handover::ANSWER)));
    }
    let file = &mut read.settings;
    Ok(Command::Run(Options {
        places: Places {
            config,
            jobs: flags.jobs.or(file.jobs.take()).unwrap_or(defaults.jobs),
            state: flags.state.or(file.state.take()).unwrap_or(defaults.state),
            socket: flags.socket.or(file.socket.take()).unwrap_or(defaults.socket),
        },
        group: flags.group.or(file.group.take()),
        cgroup: flags.cgroup.or(file.cgroup.take()),
        user,
        log: flags.log.or(file.log.take()).unwrap_or_else(|| "info".to_owned()),
        strict: strict || file.strict.unwrap_or(false),
        stop_within_ms: flags.stop_within_ms.or(file.stop_within_ms),
        is_config_named,
        file: Some(Box::new(read)),
    }))
}

fn usage(error: lexopt::Error) -> Refused {
    Refused { message: format!("{error}; `ebbd --help` lists what it takes"), code: exit::USAGE }
}

/// A value that a flag can't have.
fn of_flag(name: &str) -> impl FnOnce(TextProblem) -> Refused {
    move |problem| {
        let help = problem.help.map_or_else(String::new, |help| format!("; {help}"));
        Refused { message: format!("--{name}: {}{help}", problem.message), code: exit::USAGE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(config: &str) -> Defaults {
        let places = |jobs: &str| Places {
            config: config.into(),
            jobs: jobs.into(),
            state: "/s".into(),
            socket: "/k".into(),
        };
        Defaults { own: places("/j"), users: places("/home/j") }
    }

    fn try_run(args: &[&str], config: &str) -> Result<Options, Refused> {
        let args = std::iter::once("ebbd").chain(args.iter().copied()).map(OsString::from);
        match parse(args, defaults(config))? {
            Command::Run(options) => Ok(options),
            Command::Print(text) => panic!("{text}"),
        }
    }

    fn run(args: &[&str], config: &str) -> Result<Options, String> {
        try_run(args, config).map_err(|refused| refused.message)
    }

    #[test]
    fn the_places_of_a_users_own_ebbd_can_be_had_by_anybody() {
        assert_eq!(run(&["--user"], "/nonexistent/y").unwrap().places.jobs, PathBuf::from("/home/j"));
        let options = run(&["--user", "--jobs", "/x"], "/nonexistent/y").unwrap();
        assert_eq!((options.places.jobs, options.user), (PathBuf::from("/x"), true));
        assert!(!run(&[], "/nonexistent/y").unwrap().user);
    }

    #[test]
    fn a_control_group_for_runs_is_a_name_or_a_path() {
        let cgroup = |name: &str| run(&["--cgroup", name], "/nonexistent/y").map(|options| options.cgroup);
        assert_eq!(cgroup("ebb-runs.service").unwrap(), Some("ebb-runs.service".into()));
        assert_eq!(cgroup("/jobs.slice/ebb.service").unwrap(), Some("/jobs.slice/ebb.service".into()));
        for bad in ["", "/", "..", "../x", "/a/../b"] {
            assert!(cgroup(bad).unwrap_err().contains("ebb-runs.service"), "{bad}");
        }
    }

    #[test]
    fn a_mistake_on_the_command_line_and_one_in_the_file_end_with_codes_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ebbd.toml");
        let path = file.to_str().unwrap();
        for text in ["log = \"loud\"\n", "cgroup = \"..\"\n", "jobs = 7\n", "nonsense"] {
            std::fs::write(&file, text).unwrap();
            let refused = try_run(&[], path).unwrap_err();
            assert_eq!(refused.code, exit::CONFIG, "{text}");
            assert!(refused.message.starts_with(path), "{}", refused.message);
        }
        assert_eq!(try_run(&["--jbos"], "/nonexistent/y").unwrap_err().code, exit::USAGE);
        assert_eq!(try_run(&["--log", "loud"], "/nonexistent/y").unwrap_err().code, exit::USAGE);
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ebbd.toml");
        std::fs::write(&file, "jobs = \"/from-file\"\nstate = \"/state\"\nlog = \"warn\"\n").unwrap();
        let options = run(&["--jobs", "/flag", "--strict"], file.to_str().unwrap()).unwrap();
        assert_eq!(options.places.jobs, PathBuf::from("/flag"));
        assert_eq!(options.places.state, PathBuf::from("/state"));
        assert_eq!(options.places.socket, PathBuf::from("/k"));
        assert_eq!((options.log.as_str(), options.strict), ("warn", true));
    }

    #[test]
    fn mistakes_are_said_and_a_named_file_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ebbd.toml");
        std::fs::write(&file, "jbos = \"/x\"\n").unwrap();
        let error = run(&[], file.to_str().unwrap()).unwrap_err();
        let told =
            "ebbd.toml:1:1: there is no key `jbos`\n  1 | jbos = \"/x\"\n    | ^^^^\nhelp: write `jobs`";
        assert!(error.ends_with(told), "{error}");
        assert!(run(&["--config", "/nonexistent/x"], "/nonexistent/y").is_err());
        assert!(run(&[], "/nonexistent/y").is_ok());
        assert!(run(&["--jbos"], "/nonexistent/y").unwrap_err().contains("--help"));
        assert!(run(&["--log", "loud"], "/nonexistent/y").is_err());
        assert_eq!(run(&["--stop-within", "25s"], "/nonexistent/y").unwrap().stop_within_ms, Some(25_000));
        for wrong in ["25", "0s", "soon"] {
            assert!(run(&["--stop-within", wrong], "/nonexistent/y").unwrap_err().contains("--stop-within"));
        }
    }
}

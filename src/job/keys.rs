//! Every key of a job file, in one table: how it is written, its default, what it means and an example.
//! The check finds names and kinds here; the reference in `docs/job-files.md` is printed from it.

use super::kinds::{Kind, Table};

/// A key, as far as the check needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub table: Table,
    /// Its name there.
    pub name: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// What others call it: such a name is answered with this key.
    pub also: &'static [&'static str],
}

impl Key {
    /// The key of that table and name.
    #[must_use]
    pub fn find(table: Table, name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.table == table && key.name == name)
    }

    /// Its name with its table's: `memory.max`.
    #[must_use]
    pub fn full_name(&self) -> String {
        match self.table {
            Table::Root => self.name.to_owned(),
            Table::Retry
            | Table::Memory
            | Table::OnOom
            | Table::Cpu
            | Table::Output
            | Table::Accept
            | Table::Allow => {
                format!("{}.{}", self.table.name(), self.name)
            }
        }
    }
}

/// What holds where a key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omitted {
    /// It can't be left out.
    Required,
    /// The same as writing this value.
    Value(&'static str),
    /// What no value could say.
    Said(&'static str),
}

/// What people are told about a key. Kept apart from [`Key`], so that the daemon does not carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doc {
    /// What holds without it.
    pub default: Omitted,
    /// The value of an example, as TOML.
    pub example: &'static str,
    /// What it means.
    pub text: &'static str,
}

/// Makes [`KEYS`] and [`DOCS`], which run in step, out of one list.
macro_rules! keys {
    ($($table:ident $name:literal $kind:ident, $default:expr, $example:literal, [$($also:literal),*], $text:literal;)+) => {
        /// Every key but those inside `environment`, in the order of the reference.
        pub static KEYS: &[Key] =
            &[$(Key { table: Table::$table, name: $name, kind: Kind::$kind, also: &[$($also),*] }),+];
        /// What people are told about each of [`KEYS`], at the same index.
        pub static DOCS: &[Doc] = &[$(Doc { default: $default, example: $example, text: $text }),+];
    };
}

use Omitted::{Required, Said, Value};

// Columns: table, name, kind, default, example, other names, meaning.
keys! {
    Root "description" Text, Value(r#""""#), r#""Rebuilds the search index""#, ["comment", "title"],
        "What the job is for. One line; `ebb status` shows it.";
    Root "command" Command, Required, r#"["python3", "-m", "app.index"]"#,
        ["cmd", "exec", "execstart", "run", "program", "script"],
        "Program and arguments. No shell is involved. A program without a slash is looked up in the run's `PATH`; with one, it must be an absolute path.";
    Root "working-directory" Path, Said("the home of `user` where there is one, else `/`"), r#""/srv/app""#,
        ["cwd", "dir", "directory", "workdir", "chdir"],
        "Directory that the run starts in. An absolute path.";
    Root "user" Account, Said("ebbd's own user"), r#""www-data""#, ["uid", "run-as"],
        "User that the run belongs to, by name or number. The daemon must be able to become it.";
    Root "group" Account, Said("the primary group of `user`"), r#""www-data""#, ["gid"],
        "Group that the run belongs to, by name or number.";
    Root "umask" Umask, Value(r#""022""#), r#""027""#, [],
        "Permission bits that new files do not get. Octal digits in quotes; `0o027` is the same.";
    Root "environment" Environment, Said("empty"), r#"{ LOG_LEVEL = "info" }"#, ["env", "vars", "variables"],
        "Variables added to the clean environment of a run. Values are strings. Names that begin with `EBB_` are ebb's own.";
    Root "environment-file" Paths, Said("none"), r#"["/srv/app/env", "-/srv/app/env.local"]"#,
        ["env-file", "dotenv", "environment-files"],
        "Files of `NAME=value` lines, read each time a run starts. One path or several. A leading `-` means that the file need not exist.";
    Root "enabled" Flag, Value("true"), "false", ["active", "disabled"],
        "Whether the job starts by itself. `ebb run-now` starts it either way.";
    Root "schedule" Schedules, Said("none"), r#"["30 2 * * *", "@hourly"]"#,
        ["cron", "crontab", "on-calendar", "calendar", "when", "schedules", "at"],
        "Crontab expressions, one or several: five fields, six with seconds in front, or a macro such as `@daily`.";
    Root "every" Duration, Said("none"), r#""15m""#, ["interval", "period", "on-unit-active-sec"],
        "Time from the start of the last run that ebb started by itself to the next, also across a restart; `ebb run-now` does not move it. At least `1s`.";
    Root "at-start" Flag, Value("false"), "true", ["on-boot", "on-start", "startup", "on-boot-sec", "run-at-start"],
        "One run each time ebbd starts, also after its restart or crash, but not after `ebb upgrade`. `schedule = \"@reboot\"` says the same.";
    Root "timezone" Zone, Said("the host's zone"), r#""Europe/Vienna""#, ["tz", "time-zone", "zone"],
        "Zone that `schedule` is read in.";
    Root "jitter" Duration, Value(r#""0s""#), r#""5m""#, ["randomized-delay-sec", "random-delay", "splay"],
        "A random time, up to this one and drawn anew for every slot, is added to it. Needs `schedule` or `every`.";
    Root "catch-up" CatchUp, Value(r#""once""#), r#""none""#, ["persistent", "misfire", "missed"],
        "What becomes of slots that passed while ebbd or the host was down: all of them together make one run, or none. Needs `schedule` or `every`.";
    Root "overlap" Overlap, Value(r#""skip""#), r#""queue""#, ["concurrency", "concurrency-policy"],
        "What a trigger means while a run of this job is under way. `skip`: a slot is skipped, a demand means one more run afterwards. `queue`: each trigger waits for its turn. `replace`: the run is stopped and a new one takes its place. `parallel`: up to `max-parallel` runs at once.";
    Root "queue-limit" Integer, Value("16"), "100", ["queue", "queue-size", "max-queue"],
        "Runs of this job that may wait. 1 to 1000.";
    Root "max-parallel" Integer, Said("4 with `overlap = \"parallel\"`, else 1"), "2",
        ["parallel", "max-instances", "max-concurrent"],
        "Runs of this job at once. 1 to 1000. Needs `overlap = \"parallel\"`.";
    Root "timeout" Duration, Said("none"), r#""30m""#, ["runtime-max-sec", "max-runtime", "time-limit", "timeout-sec"],
        "Longest time that a run may take. Then it is stopped, and its outcome is `timeout`.";
    Root "stop-signal" Signal, Value(r#""SIGTERM""#), r#""SIGINT""#, ["signal", "kill-signal"],
        "Signal that asks a run to end. `SIGKILL` leaves it no time.";
    Root "grace" Duration, Value(r#""10s""#), r#""1m""#,
        ["grace-period", "timeout-stop-sec", "stop-timeout", "kill-after"],
        "Time between the stop signal and the end of everything that is left of the run.";
    Root "success-codes" Codes, Value("[0]"), "[0, 3]", ["success-exit-status", "exit-codes", "success"],
        "Exit codes that mean success, 0 to 255. The list stands alone: without a 0 in it, exit code 0 is a failure.";
    Root "pids-max" Integer, Said("none"), "100", ["tasks-max", "pids", "max-pids", "processes"],
        "Most processes and threads that a run may have at once. 1 to 4194304.";
    Root "nice" Integer, Value("0"), "10", ["niceness"],
        "Scheduling priority of the run's processes, -20 (first) to 19 (last).";
    Root "oom-score-adjust" Integer, Said("as ebbd's"), "500", ["oom-score-adj", "oom-score"],
        "How willingly the kernel kills the run when the host is out of memory, -1000 (never) to 1000 (first).";
    Root "enforcement" Enforcement, Value(r#""best""#), r#""required""#, [],
        "`best`: the strongest way that this host has to hold a run to its limits. `required`: a cgroup, or the run does not start.";
    Root "priority" Integer, Value("0"), "5", ["prio", "importance"],
        "Which runs get memory first when there is too little for all that wait: 10 (first) to -10 (last). It preempts nothing, and is not `nice`.";
    Root "pool" Pool, Said("none"), r#""heavy""#, ["lane"],
        "A pool of ebbd's settings, `[pools.NAME]`, whose memory and number of runs at once the runs of this job share with those of other jobs.";
    Root "queue-timeout" Duration, Said("as long as it takes"), r#""2h""#, ["wait-timeout", "queue-ttl"],
        "How long a run may wait for memory; then it is `skipped` with the reason `memory`. At least `1s`.";
    Retry "attempts" Integer, Value("0"), "3", ["max", "count", "retries", "limit"],
        "Runs in all that may follow the first one, 0 to 1000.";
    Retry "delay" Duration, Value(r#""10s""#), r#""30s""#, ["wait", "interval", "after"],
        "Time before the first retry.";
    Retry "backoff" Factor, Value("2.0"), "1.5", ["factor", "multiplier"],
        "Each delay is the one before times this, 1 to 100.";
    Retry "max-delay" Duration, Value(r#""1h""#), r#""10m""#, ["delay-max", "max-wait"],
        "No delay is longer.";
    Memory "max" Size, Said("none"), r#""512M""#, ["limit", "memory-max", "memory-limit", "mem-limit", "hard"],
        "Beyond it the kernel kills, and the outcome is `oom-kill`. At least `256K`.";
    Memory "high" Size, Said("none"), r#""400M""#, ["memory-high", "soft"],
        "Beyond it the kernel slows the run down and takes memory back; it never kills. Set a `timeout` with it. At least `256K`.";
    Memory "swap-max" SizeOrInfinity, Said("`0` where `max` is set, else none"), r#""128M""#,
        ["swap", "memory-swap-max", "swap-limit"],
        "Swap that a run may use besides. `\"infinity\"` is no limit.";
    Memory "oom-group" Flag, Value("true"), "false", ["group"],
        "Whether the kernel kills the whole run, and not one process of it, when it is out of memory.";
    Memory "claim" Size, Said("what earlier runs have taught, else `max`, else `unknown` of the settings' `[budget]`"), r#""300M""#,
        ["request", "requests", "reserve", "reservation", "memory-request"],
        "What a run claims of the memory that ebbd gives out, before it starts. Not a limit. At least `256K`, at most `max`.";
    Memory "on-oom" OnOom, Value(r#""fail""#), "{ retry = 2, grow = 1.5 }", ["oom", "oom-retry"],
        "What follows when the run's own limit has killed it. `\"fail\"`: nothing. A table: retries with more memory each. Needs `max`.";
    OnOom "retry" Integer, Said("none; the table needs it"), "2", ["attempts"],
        "Runs in all that may follow the first one. 1 to 10.";
    OnOom "grow" Factor, Value("1.5"), "2.0", ["growth", "backoff"],
        "Each limit is the one before times this, more than 1 to 10.";
    OnOom "up-to" Size, Said("as much as there is to give out"), r#""2G""#, ["ceiling"],
        "No limit is larger. More than `max`.";
    Cpu "weight" Integer, Said("as everybody's, 100"), "50", ["shares", "cpu-weight", "cpu-shares"],
        "Share of the CPU when it is short, 1 to 10000.";
    Cpu "quota" Quota, Said("none"), r#""150%""#, ["cpu-quota", "max", "limit", "cpus"],
        "Most CPU time: `100%` is one whole CPU, `150%` one and a half.";
    Output "to" OutputTo, Value(r#""file""#), r#""inherit""#, ["stdout", "target", "log"],
        "`file`: one file a run, for `ebb logs`. `journal`: the systemd journal, an entry a line, with the fields `EBB_JOB` and `EBB_RUN_ID`; `<3>` in front of a line is its priority, as sd-daemon(3) has it; `ebb logs` finds it there with its caller's own right to read the journal; where there is no journal, a file. `inherit`: ebbd's own standard error. `null`: nowhere.";
    Output "max" Size, Value(r#""64M""#), r#""1M""#, ["max-size", "limit", "size"],
        "Disk that one run's file may take; its oldest part goes first, and the run is not stopped. At least `64K`. Needs `to = \"file\"`.";
    Output "keep" Integer, Value("10"), "30", ["rotate", "files", "history"],
        "Files of this job that are kept, the newest. 1 to 10000. Needs `to = \"file\"`.";
    Output "identifier" Text, Said("the job's name"), r#""search""#, ["syslog-identifier", "tag", "ident"],
        "What the run's lines in the journal are known by: the field `SYSLOG_IDENTIFIER`, for `journalctl -t`. Needs `to = \"journal\"`.";
    Accept "args" Flag, Value("false"), "true", ["arguments", "parameters"],
        "Whether arguments may be appended to `command`.";
    Accept "environment" VariableNames, Value("[]"), r#"["SINCE"]"#, ["env", "vars", "variables"],
        "Names of variables that may be set. Names that change which code the job runs (`PATH`, `LD_PRELOAD`, `PYTHONPATH` and the like) are refused.";
    Accept "input" Flag, Value("false"), "true", ["stdin", "payload"],
        "Whether a payload may be given as standard input.";
    Allow "run" Accounts, Value("[]"), r#"["deploy", "@web"]"#, ["start", "users", "execute"],
        "Users, by name or number, and `@groups` that may run this job, stop its runs and see it.";
    Allow "view" Accounts, Value("[]"), r#"["@support"]"#, ["read", "see", "logs"],
        "Users and `@groups` that may see its status, history and output.";
}

//! What people read about keys, and about values that do not go together, word for word.

use std::path::Path;

use super::{print, told, with_command};
use crate::job::{TestHost, check_text};
use crate::words::OutputTo;

#[test]
fn keys_in_the_wrong_place_are_sent_to_the_right_one() {
    let text = r#"cmd = ["true"]
max = "1G"
memory-max = "1G"
args = true
frobnicate = 1
[servce]
x = 1
[memory]
timeout = "5m"
hihg = "1G"
weight = 3
limit = "1G"
[environment]
TIMEOUT = "x"
timeout = "y"
[output]
colour = true
"#;
    let expected = r#"jobs.d/indexer.toml:1:1: there is no key `cmd`
  1 | cmd = ["true"]
    | ^^^
help: write `command`
jobs.d/indexer.toml:2:1: there is no key `max`
  2 | max = "1G"
    | ^^^
help: write `max` below `[memory]` or `max` below `[output]`
jobs.d/indexer.toml:3:1: there is no key `memory-max`
  3 | memory-max = "1G"
    | ^^^^^^^^^^
help: write `max` below `[memory]`
jobs.d/indexer.toml:4:1: there is no key `args`
  4 | args = true
    | ^^^^
help: write `args` below `[accept]`
jobs.d/indexer.toml:5:1: there is no key `frobnicate`
  5 | frobnicate = 1
    | ^^^^^^^^^^
help: docs/job-files.md lists all keys
jobs.d/indexer.toml:6:2: there is no table `servce`
  6 | [servce]
    |  ^^^^^^
help: the tables are: environment, retry, memory, cpu, output, accept, allow
jobs.d/indexer.toml:9:1: there is no key `timeout` in `[memory]`
  9 | timeout = "5m"
    | ^^^^^^^
help: `timeout` belongs to the job itself: write it above the first `[table]`
jobs.d/indexer.toml:10:1: there is no key `hihg` in `[memory]`
  10 | hihg = "1G"
     | ^^^^
help: write `high`
jobs.d/indexer.toml:11:1: there is no key `weight` in `[memory]`
  11 | weight = 3
     | ^^^^^^
help: write `weight` below `[cpu]`
jobs.d/indexer.toml:12:1: there is no key `limit` in `[memory]`
  12 | limit = "1G"
     | ^^^^^
help: write `max`
jobs.d/indexer.toml:17:1: there is no key `colour` in `[output]`
  17 | colour = true
     | ^^^^^^
help: the keys of `[output]` are: to, max, keep, identifier
"#;
    assert_eq!(told(text), expected);
}

#[test]
fn keys_that_contradict_each_other_are_told() {
    assert_eq!(
        told(&with_command(
            r#"memory = { max = "512M", high = "1G" }
timeout = "1h""#
        )),
        r#"jobs.d/indexer.toml:2:33: `memory.high` is above `memory.max`: 1G and 512M
  2 | memory = { max = "512M", high = "1G" }
    |                                 ^^^^
help: the kernel would kill before it slows down: set `high` below `max`
"#
    );
    assert_eq!(
        told(&with_command(r#"max-parallel = 2"#)),
        r#"jobs.d/indexer.toml:2:1: `max-parallel` does nothing without `overlap = "parallel"`
  2 | max-parallel = 2
    | ^^^^^^^^^^^^
help: add `overlap = "parallel"`, or take `max-parallel` out
"#
    );
    assert_eq!(
        told(&with_command(
            r#"jitter = "1m"
catch-up = "once"
timezone = "UTC""#
        )),
        r#"jobs.d/indexer.toml:2:1: `jitter` does nothing without `schedule` or `every`
  2 | jitter = "1m"
    | ^^^^^^
help: add `schedule` or `every`, or take `jitter` out
jobs.d/indexer.toml:3:1: `catch-up` does nothing without `schedule` or `every`
  3 | catch-up = "once"
    | ^^^^^^^^
help: add `schedule` or `every`, or take `catch-up` out
jobs.d/indexer.toml:4:1: `timezone` does nothing without `schedule`
  4 | timezone = "UTC"
    | ^^^^^^^^
help: add `schedule`, or take `timezone` out
"#
    );
    assert_eq!(
        told(&with_command(
            r#"schedule = "@reboot"
jitter = "1m""#
        )),
        r#"jobs.d/indexer.toml:3:1: `jitter` does nothing without `schedule` or `every`
  3 | jitter = "1m"
    | ^^^^^^
help: add `schedule` or `every`, or take `jitter` out
"#
    );
    assert_eq!(
        told(&with_command(
            r#"every = "10m"
jitter = "11m""#
        )),
        r#"jobs.d/indexer.toml:3:10: `jitter` is longer than `every`: 11m and 10m
  3 | jitter = "11m"
    |          ^^^^^
help: make `jitter` a part of `every`
"#
    );
    assert_eq!(
        told(&with_command(r#"retry = { attempts = 2, delay = "2h" }"#)),
        r#"jobs.d/indexer.toml:2:33: `retry.delay` is longer than `retry.max-delay`: 2h and 1h
  2 | retry = { attempts = 2, delay = "2h" }
    |                                 ^^^^
help: write `max-delay = "2h"` or more
"#
    );
    assert_eq!(
        told(&with_command(r#"retry = { delay = "2s" }"#)),
        r#"jobs.d/indexer.toml:2:11: `retry` does nothing without `attempts`
  2 | retry = { delay = "2s" }
    |           ^^^^^
help: add `attempts = 3`
"#
    );
    assert_eq!(
        told(&with_command(r#"output = { to = "null", keep = 3 }"#)),
        r#"jobs.d/indexer.toml:2:25: `output.keep` does nothing with `to = "null"`
  2 | output = { to = "null", keep = 3 }
    |                         ^^^^
help: write `to = "file"`, or take `keep` out
"#
    );
    assert_eq!(
        told(&with_command(r#"output.identifier = "search""#)),
        r#"jobs.d/indexer.toml:2:8: `output.identifier` does nothing with `to = "file"`
  2 | output.identifier = "search"
    |        ^^^^^^^^^^
help: write `to = "journal"`, or take `identifier` out
"#
    );
    assert_eq!(
        told(&with_command(r#"schedule = ["@daily", "@daily"]"#)),
        r#"jobs.d/indexer.toml:2:23: this schedule is there twice
  2 | schedule = ["@daily", "@daily"]
    |                       ^^^^^^^^
help: take one of them out
"#
    );
}

#[test]
fn what_can_hardly_be_meant_is_a_warning() {
    assert_eq!(
        told(&with_command(r#"memory.high = "1G""#)),
        r#"jobs.d/indexer.toml:2:15: warning: `memory.high` slows a run down and never ends it
  2 | memory.high = "1G"
    |               ^^^^
help: set a `timeout` too, so that a run that crawls ends
"#
    );
    assert_eq!(
        told(&with_command(r#"success-codes = [2, 1]"#)),
        r#"jobs.d/indexer.toml:2:17: warning: exit code 0 will count as a failure
  2 | success-codes = [2, 1]
    |                 ^^^^^^
help: write `success-codes = [0, 1, 2]` if 0 is success too
"#
    );
}

#[test]
fn a_journal_that_is_not_there_is_a_warning_and_the_job_is_good() {
    let host = TestHost { journal: false, ..TestHost::default() };
    let text = with_command("output.to = \"journal\"");
    let (job, warnings) = check_text(Path::new("jobs.d/indexer.toml"), &text, &host).unwrap();
    assert_eq!(job.output.to, OutputTo::Journal);
    assert_eq!(
        print(&warnings),
        r#"jobs.d/indexer.toml:2:13: warning: there is no systemd journal here: nobody listens at /run/test/socket
  2 | output.to = "journal"
    |             ^^^^^^^^^
help: as long as there is none, output goes to files, as with `to = "file"`
"#
    );
    assert_eq!(told(&text), "");
}

#[test]
fn variables_that_decide_which_code_runs_are_not_for_callers() {
    let text = r#"command = ["true"]
[environment]
"A B" = "x"
EBB_JOB = "x"
1A = "x"
N = 1
Z = "a\u0000"
[accept]
environment = ["SINCE", "LD_PRELOAD", "PATH", "EBB_RUN_ID", "PYTHONPATH", "", 5]
"#;
    let expected = r#"jobs.d/indexer.toml:3:2: `A B` is not the name of an environment variable
  3 | "A B" = "x"
    |  ^^^
help: a name has letters, digits and `_`, and no digit first
jobs.d/indexer.toml:4:1: `EBB_JOB` is ebb's own: it tells a run about itself
  4 | EBB_JOB = "x"
    | ^^^^^^^
help: take a name that does not begin with EBB_
jobs.d/indexer.toml:5:1: `1A` is not the name of an environment variable
  5 | 1A = "x"
    | ^^
help: a name has letters, digits and `_`, and no digit first
jobs.d/indexer.toml:6:5: a string belongs here, not a whole number
  6 | N = 1
    |     ^
help: write `"1"`
jobs.d/indexer.toml:7:5: a NUL character has no place here
  7 | Z = "a\u0000"
    |     ^^^^^^^^^
jobs.d/indexer.toml:9:26: `LD_PRELOAD` decides which code runs: whoever may run the job could run their own as its user
  9 | environment = ["SINCE", "LD_PRELOAD", "PATH", "EBB_RUN_ID", "PYTHONPATH", "", 5]
    |                          ^^^^^^^^^^
help: set it in the job's `environment`, or take a name that only your program reads
jobs.d/indexer.toml:9:40: `PATH` decides which code runs: whoever may run the job could run their own as its user
  9 | environment = ["SINCE", "LD_PRELOAD", "PATH", "EBB_RUN_ID", "PYTHONPATH", "", 5]
    |                                        ^^^^
help: set it in the job's `environment`, or take a name that only your program reads
jobs.d/indexer.toml:9:48: `EBB_RUN_ID` is ebb's own: it tells a run about itself
  9 | environment = ["SINCE", "LD_PRELOAD", "PATH", "EBB_RUN_ID", "PYTHONPATH", "", 5]
    |                                                ^^^^^^^^^^
help: take a name that does not begin with EBB_
jobs.d/indexer.toml:9:62: `PYTHONPATH` decides which code runs: whoever may run the job could run their own as its user
  9 | environment = ["SINCE", "LD_PRELOAD", "PATH", "EBB_RUN_ID", "PYTHONPATH", "", 5]
    |                                                              ^^^^^^^^^^
help: set it in the job's `environment`, or take a name that only your program reads
jobs.d/indexer.toml:9:76: `` is not the name of an environment variable
  9 | environment = ["SINCE", "LD_PRELOAD", "PATH", "EBB_RUN_ID", "PYTHONPATH", "", 5]
    |                                                                            ^
help: a name has letters, digits and `_`, and no digit first
jobs.d/indexer.toml:9:79: a string belongs here, not a whole number
  9 | environment = ["SINCE", "LD_PRELOAD", "PATH", "EBB_RUN_ID", "PYTHONPATH", "", 5]
    |                                                                               ^
help: write `"5"`
"#;
    assert_eq!(told(text), expected);
}

#[test]
fn accounts_are_names_or_numbers_that_the_daemon_can_become() {
    let text = r#"command = ["true"]
user = "wwwdata"
group = "nogroup"
[allow]
run = ["a b", "@", 1000]
view = "@web"
"#;
    let expected = r#"jobs.d/indexer.toml:2:8: there is no user `wwwdata` on this host
  2 | user = "wwwdata"
    |        ^^^^^^^^^
jobs.d/indexer.toml:5:9: `a b` is not the name of a user or group
  5 | run = ["a b", "@", 1000]
    |         ^^^
help: write a name as the system knows it, or a number
jobs.d/indexer.toml:5:17: `` is not the name of a user or group
  5 | run = ["a b", "@", 1000]
    |                 ^
help: write a name as the system knows it, or a number
jobs.d/indexer.toml:5:20: a string belongs here, not a whole number
  5 | run = ["a b", "@", 1000]
    |                    ^^^^
help: write `"1000"`
jobs.d/indexer.toml:6:8: `allow.view` is an array of strings, not a string
  6 | view = "@web"
    |        ^^^^^^
help: write `view = ["@web"]`
"#;
    assert_eq!(told(text), expected);
}

#[test]
fn a_group_that_is_not_there_is_told_at_the_group() {
    assert_eq!(
        told(&with_command(
            r#"user = "root"
group = 77"#
        )),
        r#"jobs.d/indexer.toml:3:9: there is no group `77` on this host
  3 | group = 77
    |         ^^
"#
    );
    assert_eq!(
        told(&with_command(r#"user = -1"#)),
        r#"jobs.d/indexer.toml:2:8: `-1` is not the number of a user
  2 | user = -1
    |        ^^
help: it is from 0 to 4294967294
"#
    );
    assert_eq!(
        told(&with_command(r#"group = 4294967295"#)),
        r#"jobs.d/indexer.toml:2:9: `4294967295` is not the number of a group
  2 | group = 4294967295
    |         ^^^^^^^^^^
help: it is from 0 to 4294967294
"#
    );
}

#[test]
fn long_lines_tabs_and_wide_characters_keep_the_caret_in_place() {
    assert_eq!(
        told(&with_command("description = \"\"\"日本語\"\"\"\n\t\ttimeout\t= \"9 日\"\t# 日")),
        r#"jobs.d/indexer.toml:3:14: `日` is no unit of time
  3 |         timeout    = "9 日"    # 日
    |                       ^^^^
help: units are ms, s, m (minutes), h, d and w
"#
    );
    let items = |name: char| (0..40).map(move |n| format!("{name}{n} = \"{n}\", "));
    let long = format!(
        "environment = {{ {}B = 5, {}}}",
        items('A').collect::<String>(),
        items('C').collect::<String>()
    );
    assert_eq!(
        told(&with_command(&long)),
        r#"jobs.d/indexer.toml:2:481: a string belongs here, not a whole number
  2 | …", A38 = "38", A39 = "39", B = 5, C0 = "0", C1 = "1", C2 = "2", C3 = "3", C4 = "4", C5 = "5", …
    |                                 ^
help: write `"5"`
"#
    );
}

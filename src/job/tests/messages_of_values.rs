//! What people read about single values, word for word. A changed sentence is changed here too.

use super::{told, with_command};

#[test]
fn commands_are_arrays_of_a_program_and_its_arguments() {
    assert_eq!(
        told(r#"command = "python3 -m app.index --since '1 day'""#),
        r#"jobs.d/indexer.toml:1:11: `command` is an array of strings, not a string
  1 | command = "python3 -m app.index --since '1 day'"
    |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
help: write `command = ["python3", "-m", "app.index", "--since", "1 day"]`
"#
    );
    assert_eq!(
        told(r#"command = "tar c /srv | gzip > /backup/srv.tgz""#),
        r#"jobs.d/indexer.toml:1:11: `command` is an array of strings, not a string
  1 | command = "tar c /srv | gzip > /backup/srv.tgz"
    |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
help: write `command = ["/bin/sh", "-c", "tar c /srv | gzip > /backup/srv.tgz"]`
"#
    );
    assert_eq!(
        told(r#"command = "  ""#),
        r#"jobs.d/indexer.toml:1:11: `command` is an array of strings, not a string
  1 | command = "  "
    |           ^^^^
help: write `command = ["python3", "-m", "app"]`
"#
    );
    assert_eq!(
        told(r#"command = []"#),
        r#"jobs.d/indexer.toml:1:11: `command` is empty
  1 | command = []
    |           ^^
help: write `command = ["python3", "-m", "app"]`
"#
    );
    assert_eq!(
        told(r#"command = ["python3 -m app.index"]"#),
        r#"jobs.d/indexer.toml:1:12: warning: the program's name is `python3 -m app.index`, spaces included
  1 | command = ["python3 -m app.index"]
    |            ^^^^^^^^^^^^^^^^^^^^^^
help: write `command = ["python3", "-m", "app.index"]`
"#
    );
    assert_eq!(
        told(r#"command = ["bin/index", 3]"#),
        r#"jobs.d/indexer.toml:1:12: a program's path begins with `/`
  1 | command = ["bin/index", 3]
    |            ^^^^^^^^^^^
help: write the whole path, or a name without a slash, which is looked up in PATH
jobs.d/indexer.toml:1:25: a string belongs here, not a whole number
  1 | command = ["bin/index", 3]
    |                         ^
help: write `"3"`
"#
    );
    assert_eq!(
        told(r#"command = ["~/bin/index"]"#),
        r#"jobs.d/indexer.toml:1:12: a program's path begins with `/`
  1 | command = ["~/bin/index"]
    |            ^^^^^^^^^^^^^
help: no shell is involved, so `~` means nothing: write the whole path
"#
    );
    assert_eq!(
        told(r#"command = ["", "x"]"#),
        r#"jobs.d/indexer.toml:1:12: the program has no name
  1 | command = ["", "x"]
    |            ^^
help: write a program, like "python3"
"#
    );
    assert_eq!(
        told(r#"command = ["echo", "a\u0000b"]"#),
        r#"jobs.d/indexer.toml:1:20: a NUL character has no place here
  1 | command = ["echo", "a\u0000b"]
    |                    ^^^^^^^^^^
"#
    );
    assert_eq!(
        told(r#"# nothing but a comment"#),
        r#"jobs.d/indexer.toml:1:1: there is no `command`
  1 | # nothing but a comment
    | ^
help: write `command = ["python3", "-m", "app"]`
"#
    );
}

#[test]
fn values_of_the_wrong_type_are_shown_as_they_should_be() {
    let text = r#"command = ["true"]
description = 1
enabled = "yes"
timeout = 90
every = 1.5
queue-limit = "16"
user = true
umask = 22
success-codes = 3
stop-signal = 2
schedule = 5
catch-up = false
environment = ["A=1"]
retry = 3
cpu.quota = 1.5
output = "null"
[[memory]]
max = 1.5
"#;
    let expected = r#"jobs.d/indexer.toml:2:15: `description` is a string, not a whole number
  2 | description = 1
    |               ^
help: write `description = "1"`
jobs.d/indexer.toml:3:11: `enabled` is true or false, not a string
  3 | enabled = "yes"
    |           ^^^^^
help: write `enabled = true`
jobs.d/indexer.toml:4:11: `timeout` is a duration in quotes, not a whole number
  4 | timeout = 90
    |           ^^
help: write `timeout = "90s"`
jobs.d/indexer.toml:5:9: `every` is a duration in quotes, not a number with a fraction
  5 | every = 1.5
    |         ^^^
help: write it like `every = "90s"`
jobs.d/indexer.toml:6:15: `queue-limit` is a whole number, not a string
  6 | queue-limit = "16"
    |               ^^^^
help: write `queue-limit = 16`
jobs.d/indexer.toml:7:8: `user` is a name in quotes or a number, not true or false
  7 | user = true
    |        ^^^^
help: write it like `user = "www-data"`
jobs.d/indexer.toml:8:9: `umask` is a string of octal digits, not a whole number
  8 | umask = 22
    |         ^^
help: write `umask = "022"`
jobs.d/indexer.toml:9:17: `success-codes` is an array of whole numbers, not a whole number
  9 | success-codes = 3
    |                 ^
help: write `success-codes = [3]`
jobs.d/indexer.toml:10:15: `stop-signal` is the name of a signal in quotes, not a whole number
  10 | stop-signal = 2
     |               ^
help: write `stop-signal = "SIGINT"`
jobs.d/indexer.toml:11:12: `schedule` is a string or an array of strings, not a whole number
  11 | schedule = 5
     |            ^
help: write it like `schedule = "30 2 * * *"`
jobs.d/indexer.toml:12:12: `catch-up` is a word in quotes, not true or false
  12 | catch-up = false
     |            ^^^^^
help: write `catch-up = "none"`
jobs.d/indexer.toml:13:15: `environment` is a table of strings, not an array
  13 | environment = ["A=1"]
     |               ^^^^^^^
help: write it like `environment = { NAME = "value" }`
jobs.d/indexer.toml:14:1: `retry` is a table, not a whole number
  14 | retry = 3
     | ^^^^^
help: write `retry = { attempts = 3 }`, or `attempts = 3` below `[retry]`
jobs.d/indexer.toml:15:13: `cpu.quota` is a percentage in quotes, not a number with a fraction
  15 | cpu.quota = 1.5
     |             ^^^
help: write `quota = "150%"`
jobs.d/indexer.toml:16:1: `output` is a table, not a string
  16 | output = "null"
     | ^^^^^^
help: write `output = { to = "null" }`, or `to = "null"` below `[output]`
jobs.d/indexer.toml:17:3: `memory` is a table, not an array
  17 | [[memory]]
     |   ^^^^^^
help: write `[memory]` in single brackets, once
"#;
    assert_eq!(told(text), expected);
}

#[test]
fn texts_that_mean_nothing_are_told_where_they_stand() {
    let text = r#"command = ["true"]
description = "one\ntwo"
working-directory = "srv/app"
user = "no body"
umask = "999"
environment-file = ["-~/env", "env"]
every = "500ms"
jitter = '1h30'
timeout = "0s"
grace = "1 min"
stop-signal = "SIGSTOP"
success-codes = [0, 256, "1"]
overlap = "paralel"
enforcement = "hard"
retry.backoff = 0.5
retry.attempts = -1
cpu.quota = "1.5"
cpu.weight = 0
memory.max = 512
memory.high = "64kb"
memory.swap-max = -1
pids-max = 0
nice = 20
oom-score-adjust = 0x10000
output.max = "1K"
output.keep = 0
timezone = "Europe/Viena"
schedule = "@daily"
"#;
    let expected = r#"jobs.d/indexer.toml:2:15: a line break has no place here
  2 | description = "one\ntwo"
    |               ^^^^^^^^^^
jobs.d/indexer.toml:3:22: `srv/app` is not an absolute path
  3 | working-directory = "srv/app"
    |                      ^^^^^^^
help: write the whole path, beginning with `/`
jobs.d/indexer.toml:4:9: `no body` is not the name of a user or group
  4 | user = "no body"
    |         ^^^^^^^
help: write a name as the system knows it, or a number
jobs.d/indexer.toml:5:10: `999` is not a umask
  5 | umask = "999"
    |          ^^^
help: write three octal digits, like "022" or "077"
jobs.d/indexer.toml:6:23: `~/env` is not an absolute path
  6 | environment-file = ["-~/env", "env"]
    |                       ^^^^^
help: no shell is involved, so `~` means nothing: write the whole path, beginning with `/`
jobs.d/indexer.toml:6:32: `env` is not an absolute path
  6 | environment-file = ["-~/env", "env"]
    |                                ^^^
help: write the whole path, beginning with `/`
jobs.d/indexer.toml:7:1: a job has either `schedule` or `every`, not both
  7 | every = "500ms"
    | ^^^^^
help: take one of them out, or make two jobs of it
jobs.d/indexer.toml:7:9: `every` is shorter than 1s
  7 | every = "500ms"
    |         ^^^^^^^
help: a job that never rests is a service, not a job
jobs.d/indexer.toml:8:13: `30` has no unit
  8 | jitter = '1h30'
    |             ^^
help: write `30s` for seconds, or use ms, m, h, d or w
jobs.d/indexer.toml:9:11: a run can't end before it starts
  9 | timeout = "0s"
    |           ^^^^
help: take `timeout` out for no limit
jobs.d/indexer.toml:10:10: `1 min` is not how a duration is written
  10 | grace = "1 min"
     |          ^^^^^
help: write `1m`
jobs.d/indexer.toml:11:16: SIGSTOP suspends a process, it does not end one
  11 | stop-signal = "SIGSTOP"
     |                ^^^^^^^
help: write `SIGTERM` or `SIGINT`
jobs.d/indexer.toml:12:21: `256` is not an exit code
  12 | success-codes = [0, 256, "1"]
     |                     ^^^
help: an exit code is a number from 0 to 255
jobs.d/indexer.toml:12:26: `"1"` is not an exit code
  12 | success-codes = [0, 256, "1"]
     |                          ^^^
help: an exit code is a number from 0 to 255
jobs.d/indexer.toml:13:12: `paralel` is no word for `overlap`
  13 | overlap = "paralel"
     |            ^^^^^^^
help: write `"parallel"`
jobs.d/indexer.toml:14:16: `hard` is no word for `enforcement`
  14 | enforcement = "hard"
     |                ^^^^
help: it is one of: best, required
jobs.d/indexer.toml:15:17: `retry.backoff` is out of range: 0.5
  15 | retry.backoff = 0.5
     |                 ^^^
help: it is from 1 to 100
jobs.d/indexer.toml:16:18: `retry.attempts` is out of range: -1
  16 | retry.attempts = -1
     |                  ^^
help: it is from 0 to 1000
jobs.d/indexer.toml:17:14: `1.5` has no unit
  17 | cpu.quota = "1.5"
     |              ^^^
help: write a percentage, like `150%`; 100% is one whole CPU
jobs.d/indexer.toml:18:14: `cpu.weight` is out of range: 0
  18 | cpu.weight = 0
     |              ^
help: it is from 1 to 10000
jobs.d/indexer.toml:19:14: `memory.max` is smaller than 256K: 512 bytes
  19 | memory.max = 512
     |              ^^^
help: write `max = "512M"` for mebibytes
jobs.d/indexer.toml:20:18: `kb` is no unit of size
  20 | memory.high = "64kb"
     |                  ^^
help: write `64K`; units are powers of 1024
jobs.d/indexer.toml:21:19: `-1` bytes is not a size
  21 | memory.swap-max = -1
     |                   ^^
help: write a size with its unit, like "512M", or "infinity"
jobs.d/indexer.toml:22:12: `pids-max` is out of range: 0
  22 | pids-max = 0
     |            ^
help: it is from 1 to 4194304
jobs.d/indexer.toml:23:8: `nice` is out of range: 20
  23 | nice = 20
     |        ^^
help: it is from -20 to 19
jobs.d/indexer.toml:24:20: `oom-score-adjust` is out of range: 0x10000
  24 | oom-score-adjust = 0x10000
     |                    ^^^^^^^
help: it is from -1000 to 1000
jobs.d/indexer.toml:25:14: `output.max` is smaller than 64K: 1024 bytes
  25 | output.max = "1K"
     |              ^^^^
help: write a size with its unit, like `max = "512M"`
jobs.d/indexer.toml:26:15: `output.keep` is out of range: 0
  26 | output.keep = 0
     |               ^
help: it is from 1 to 10000
jobs.d/indexer.toml:27:13: there is no time zone `Europe/Viena`
  27 | timezone = "Europe/Viena"
     |             ^^^^^^^^^^^^
help: write `timezone = "Europe/Vienna"`
"#;
    assert_eq!(told(text), expected);
}

#[test]
fn a_bad_schedule_is_told_inside_its_own_string() {
    let problems = super::bad(&with_command(r#"schedule = ["@daily", "* * *", '0 3 * *']"#));
    assert_eq!(problems.len(), 2, "{}", super::print(&problems));
    for (problem, literal) in problems.iter().zip([24..29, 33..40]) {
        let place = problem.place.clone().unwrap();
        assert_eq!(place.line, 2);
        assert!(literal.start <= place.col && place.col < literal.end, "{problem}");
        assert!(place.caret.end <= literal.end, "{problem}");
    }
}

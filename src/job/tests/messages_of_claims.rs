//! What people read about priority, pool, claim and `on-oom`, word for word.

use super::{told, with_command};

#[test]
fn values_that_are_out_of_bounds_are_told_all_at_once() {
    let text = r#"priority = 11
pool = "Heavy Jobs"
queue-timeout = "500ms"
[memory]
claim = 100
on-oom = { retry = 0, grow = 1, up-to = "1K", attempt = 3 }
"#;
    let expected = r#"jobs.d/indexer.toml:2:12: `priority` is out of range: 11
  2 | priority = 11
    |            ^^
help: it is from -10 to 10
jobs.d/indexer.toml:3:9: `Heavy Jobs` is not a pool's name: it begins with a to z or a digit
  3 | pool = "Heavy Jobs"
    |         ^
help: write `heavy-jobs`
jobs.d/indexer.toml:4:17: `queue-timeout` is shorter than 1s
  4 | queue-timeout = "500ms"
    |                 ^^^^^^^
help: take `queue-timeout` out to wait without end
jobs.d/indexer.toml:6:9: `memory.claim` is smaller than 256K: 100 bytes
  6 | claim = 100
    |         ^^^
help: write `claim = "100M"` for mebibytes
jobs.d/indexer.toml:7:1: `memory.on-oom` does nothing without `memory.max`, the limit that it raises
  7 | on-oom = { retry = 0, grow = 1, up-to = "1K", attempt = 3 }
    | ^^^^^^
help: add `max` to `memory`, or take `on-oom` out
jobs.d/indexer.toml:7:20: `memory.on-oom.retry` is out of range: 0
  7 | on-oom = { retry = 0, grow = 1, up-to = "1K", attempt = 3 }
    |                    ^
help: it is from 1 to 10
jobs.d/indexer.toml:7:30: `memory.on-oom.grow` is out of range: 1
  7 | on-oom = { retry = 0, grow = 1, up-to = "1K", attempt = 3 }
    |                              ^
help: it is from 1.001 to 10
jobs.d/indexer.toml:7:41: `memory.on-oom.up-to` is smaller than 256K: 1024 bytes
  7 | on-oom = { retry = 0, grow = 1, up-to = "1K", attempt = 3 }
    |                                         ^^^^
help: write a size with its unit, like `up-to = "512M"`
jobs.d/indexer.toml:7:47: there is no key `attempt` in `[memory.on-oom]`
  7 | on-oom = { retry = 0, grow = 1, up-to = "1K", attempt = 3 }
    |                                               ^^^^^^^
help: the keys of `[memory.on-oom]` are: retry, grow, up-to
"#;
    assert_eq!(told(&with_command(text)), expected);
}

#[test]
fn a_claim_above_the_limit_is_told_at_the_claim() {
    assert_eq!(
        told(&with_command("memory = { max = \"512M\", claim = \"1G\" }")),
        r#"jobs.d/indexer.toml:2:34: `memory.claim` is above `memory.max`: 1G and 512M
  2 | memory = { max = "512M", claim = "1G" }
    |                                  ^^^^
help: a run never takes more than `max`: write what it takes on most days, or take `claim` out
"#
    );
}

#[test]
fn what_follows_a_kill_for_memory_is_a_word_or_a_table() {
    assert_eq!(
        told(&with_command("memory.on-oom = \"retry\"")),
        r#"jobs.d/indexer.toml:2:18: `retry` is no word for `on-oom`
  2 | memory.on-oom = "retry"
    |                  ^^^^^
help: write `on-oom = { retry = 2 }`
"#
    );
    assert_eq!(
        told(&with_command("memory.on-oom = \"continue\"")),
        r#"jobs.d/indexer.toml:2:18: `continue` is no word for `on-oom`
  2 | memory.on-oom = "continue"
    |                  ^^^^^^^^
help: it is "fail", or a table like `{ retry = 2, grow = 1.5 }`
"#
    );
    assert_eq!(
        told(&with_command("memory.on-oom = 3")),
        r#"jobs.d/indexer.toml:2:17: `memory.on-oom` is `"fail"` or a table, not a whole number
  2 | memory.on-oom = 3
    |                 ^
help: write `on-oom = { retry = 3 }`
"#
    );
}

#[test]
fn a_retry_with_more_memory_needs_a_number_and_a_limit_to_raise() {
    assert_eq!(
        told(&with_command("memory.on-oom = { grow = 2 }")),
        r#"jobs.d/indexer.toml:2:8: `memory.on-oom` does nothing without `retry`
  2 | memory.on-oom = { grow = 2 }
    |        ^^^^^^
help: add `retry = 2` to it, or write `on-oom = "fail"`
jobs.d/indexer.toml:2:8: `memory.on-oom` does nothing without `memory.max`, the limit that it raises
  2 | memory.on-oom = { grow = 2 }
    |        ^^^^^^
help: add `max` to `memory`, or take `on-oom` out
"#
    );
    assert_eq!(
        told(&with_command("[memory]\nmax = \"1G\"\non-oom = { retry = 2, up-to = \"1G\" }")),
        r#"jobs.d/indexer.toml:4:31: `memory.on-oom.up-to` is not above `memory.max`: 1G and 1G
  4 | on-oom = { retry = 2, up-to = "1G" }
    |                               ^^^^
help: write `up-to = "2G"` or so
"#
    );
}

#[test]
fn a_priority_is_no_longer_taken_for_nice() {
    assert_eq!(
        told(&with_command("prio = 5")),
        r#"jobs.d/indexer.toml:2:1: there is no key `prio`
  2 | prio = 5
    | ^^^^
help: write `priority`
"#
    );
    assert_eq!(
        told(&with_command("niceness = 5")),
        r#"jobs.d/indexer.toml:2:1: there is no key `niceness`
  2 | niceness = 5
    | ^^^^^^^^
help: write `nice`
"#
    );
}

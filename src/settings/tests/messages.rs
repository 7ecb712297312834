//! What people read about settings, word for word. A changed sentence is changed here too.

use std::path::Path;

use super::{print, told};
use crate::limits::POOLS_MAX;
use crate::settings::check_text;

#[test]
fn every_wrong_setting_is_told_at_once() {
    let text = r#"jbos = "/x"
jobs = 7
state = ""
socket = "a\u0000"
group = 5
cgroup = ".."
log = "warning"
strict = "yes"
stop-within = 25
memory = "6G"
budgt = {}
[budget]
memory = "110%"
reserve = "0%"
unknown = "50%"
max-parallel = 0
pressure = 15
log = "info"
memry = "1G"
frobnicate = 1
[pools.Heavy]
memory = "12"
max-parallel = "2"
[pools.none]
[pools.x]
memory = 1.5
unknown = "1G"
"#;
    assert_eq!(
        told(text),
        r#"ebbd.toml:1:1: there is no key `jbos`
  1 | jbos = "/x"
    | ^^^^
help: write `jobs`
ebbd.toml:2:8: `jobs` is a path in quotes, not a whole number
  2 | jobs = 7
    |        ^
help: write `jobs = "7"`
ebbd.toml:3:10: `state` is empty
  3 | state = ""
    |          ^
help: write it like `state = "/var/lib/ebb"`, or take it out
ebbd.toml:4:10: a control character (U+0000) has no place here
  4 | socket = "a\u0000"
    |          ^^^^^^^^^
ebbd.toml:5:9: `group` is a name in quotes, not a whole number
  5 | group = 5
    |         ^
help: write `group = "5"`
ebbd.toml:6:11: `..` is no control group for runs
  6 | cgroup = ".."
    |           ^^
help: write one such as ebb-runs.service or /jobs.slice/ebb.service
ebbd.toml:7:8: `warning` is no log level
  7 | log = "warning"
    |        ^^^^^^^
help: write error, warn, info or debug
ebbd.toml:8:10: `strict` is true or false, not a string
  8 | strict = "yes"
    |          ^^^^^
help: write `strict = true`
ebbd.toml:9:15: `stop-within` is a duration in quotes, not a whole number
  9 | stop-within = 25
    |               ^^
help: write `stop-within = "25s"`
ebbd.toml:10:1: there is no key `memory`
  10 | memory = "6G"
     | ^^^^^^
help: write `memory` below `[budget]` or `memory` below `[pools.NAME]`
ebbd.toml:11:1: there is no table `budgt`
  11 | budgt = {}
     | ^^^^^
help: write `budget`
ebbd.toml:13:11: `110%` is out of range
  13 | memory = "110%"
     |           ^^^^
help: it is more than 0% and at most 100%
ebbd.toml:14:12: `0%` is out of range
  14 | reserve = "0%"
     |            ^^
help: it is more than 0% and at most 100%
ebbd.toml:15:14: `%` is no unit of size
  15 | unknown = "50%"
     |              ^
help: units are K, M, G and T (powers of 1024)
ebbd.toml:16:16: `budget.max-parallel` is out of range: 0
  16 | max-parallel = 0
     |                ^
help: it is from 1 to 4000
ebbd.toml:17:12: `budget.pressure` is a percentage or `off` in quotes, not a whole number
  17 | pressure = 15
     |            ^^
help: write `pressure = "15%"`
ebbd.toml:18:1: there is no key `log` in `[budget]`
  18 | log = "info"
     | ^^^
help: write `log` above the first `[table]`
ebbd.toml:19:1: there is no key `memry` in `[budget]`
  19 | memry = "1G"
     | ^^^^^
help: write `memory`
ebbd.toml:20:1: there is no key `frobnicate` in `[budget]`
  20 | frobnicate = 1
     | ^^^^^^^^^^
help: the keys of `[budget]` are: memory, reserve, unknown, max-parallel, pressure
ebbd.toml:21:8: `Heavy` is not a pool's name: it begins with a to z or a digit
  21 | [pools.Heavy]
     |        ^^^^^
help: write `heavy`
ebbd.toml:22:10: `pools.Heavy.memory` is smaller than 256K: 12 bytes
  22 | memory = "12"
     |          ^^^^
help: write a size with its unit, like `memory = "512M"`
ebbd.toml:23:16: `pools.Heavy.max-parallel` is a whole number, not a string
  23 | max-parallel = "2"
     |                ^^^
help: write `max-parallel = 2`
ebbd.toml:24:8: the pool `none` has no limit
  24 | [pools.none]
     |        ^^^^
help: write `memory = "2G"` or `max-parallel = 2` below it, or take it out
ebbd.toml:26:10: `pools.x.memory` is a size or a percentage in quotes, not a number with a fraction
  26 | memory = 1.5
     |          ^^^
help: write `memory = "1.5G"`
ebbd.toml:27:1: there is no key `unknown` in `[pools.x]`
  27 | unknown = "1G"
     | ^^^^^^^
help: write `unknown` below `[budget]`
"#
    );
}

#[test]
fn what_is_no_table_is_told_how_to_be_one() {
    assert_eq!(
        told("budget = \"6G\"\npools = 3\n"),
        r#"ebbd.toml:1:1: `budget` is a table, not a string
  1 | budget = "6G"
    | ^^^^^^
help: write `[budget]`, and its keys below it
ebbd.toml:2:1: `pools` is a table, not a whole number
  2 | pools = 3
    | ^^^^^
help: write `[pools.NAME]`, and its keys below it
"#
    );
    assert_eq!(
        told("[[budget]]\nmemory = \"6G\"\n"),
        r#"ebbd.toml:1:3: `budget` is a table, not an array
  1 | [[budget]]
    |   ^^^^^^
help: write `[budget]` in single brackets, once
"#
    );
    assert_eq!(
        told("[pools]\nmemory = \"2G\"\n"),
        r#"ebbd.toml:2:1: `pools.memory` is a table, not a string
  2 | memory = "2G"
    | ^^^^^^
help: write `[pools.NAME]`, and its keys below it
"#
    );
}

#[test]
fn a_file_that_is_not_toml_is_told_where() {
    assert_eq!(
        told("log = info\nnonsense\n[budget\n"),
        r#"ebbd.toml:1:7: this is not TOML: invalid float, expected `inf`
  1 | log = info
    |       ^^^^
ebbd.toml:2:9: a key is followed by ` = ` and its value
  2 | nonsense
    |         ^
ebbd.toml:3:8: this is not TOML: unclosed table, expected `]`
  3 | [budget
    |        ^
"#
    );
}

#[test]
fn pressure_is_a_whole_percentage_or_off() {
    let pressure = |value: &str| told(&format!("[budget]\npressure = {value}\n"));
    assert_eq!(
        pressure("\"1.5%\""),
        r#"ebbd.toml:2:13: `1.5%` is finer than ebbd looks
  2 | pressure = "1.5%"
    |             ^^^^
help: write a percentage without decimals
"#
    );
    assert_eq!(
        pressure("\"none\""),
        r#"ebbd.toml:2:13: `none` is no pressure of memory
  2 | pressure = "none"
    |             ^^^^
help: write a percentage like `15%`, or `off`
"#
    );
    assert_eq!(
        pressure("false"),
        r#"ebbd.toml:2:12: `budget.pressure` is a percentage or `off` in quotes, not true or false
  2 | pressure = false
    |            ^^^^^
help: write `pressure = "off"`
"#
    );
}

#[test]
fn a_reserve_leaves_something_to_run_in() {
    assert_eq!(
        told("[budget]\nreserve = \"16G\"\n"),
        r#"ebbd.toml:2:11: `budget.reserve` leaves nothing to run in: 16G of 16G
  2 | reserve = "16G"
    |           ^^^^^
help: write a small part of it, like `reserve = "5%"`
"#
    );
    assert_eq!(
        told("[budget]\nreserve = \"100%\"\n"),
        r#"ebbd.toml:2:11: `budget.reserve` leaves nothing to run in: 16G of 16G
  2 | reserve = "100%"
    |           ^^^^^^
help: write a small part of it, like `reserve = "5%"`
"#
    );
    assert_eq!(
        told("[budget]\nreserve = \"15.9G\"\n"),
        r#"ebbd.toml:2:11: warning: what a run claims of which nothing is known is more than this leaves: 256M and 102M
  2 | reserve = "15.9G"
    |           ^^^^^^^
help: such a run claims half of it: write `unknown = "51M"` or less
"#
    );
}

#[test]
fn a_budget_larger_than_the_machine_is_a_warning() {
    assert_eq!(
        told("[budget]\nmemory = \"64G\"\n"),
        r#"ebbd.toml:2:10: warning: `budget.memory` is more than this machine has: 64G and 16G
  2 | memory = "64G"
    |          ^^^^^
help: what is free counts as well, so no more than 16G is given out
"#
    );
    assert_eq!(
        told("[budget]\nmemory = \"90%\"\nreserve = \"20%\"\n"),
        r#"ebbd.toml:2:10: warning: `budget.memory` is more than `budget.reserve` leaves of this machine: 14745M and 13107M
  2 | memory = "90%"
    |          ^^^^^
help: what is free counts as well, so no more than 13107M is given out
"#
    );
    assert_eq!(told("[budget]\nmemory = \"80%\"\nreserve = \"20%\"\n"), "");
}

#[test]
fn a_run_of_which_nothing_is_known_fits() {
    assert_eq!(
        told("[budget]\nmemory = \"1G\"\nunknown = \"2G\"\n"),
        r#"ebbd.toml:3:11: `budget.unknown` is more than there is to give out: 2G and 1G
  3 | unknown = "2G"
    |           ^^^^
help: such a run claims half of it: write `unknown = "512M"` or less
"#
    );
    assert_eq!(
        told("[budget]\nmemory = \"128M\"\n"),
        r#"ebbd.toml:2:10: warning: what a run claims of which nothing is known is more than this leaves: 256M and 128M
  2 | memory = "128M"
    |          ^^^^^^
help: such a run claims half of it: write `unknown = "64M"` or less
"#
    );
    assert_eq!(told("[budget]\nmemory = \"128M\"\nunknown = \"64M\"\n"), "");
}

#[test]
fn a_pool_against_the_budget_is_a_warning() {
    assert_eq!(
        told("[budget]\nmemory = \"2G\"\n[pools.a]\nmemory = \"4G\"\n"),
        r#"ebbd.toml:4:10: warning: `pools.a.memory` is more than there is to give out: 4G and 2G
  4 | memory = "4G"
    |          ^^^^
help: all runs together get no more than that: write a part of it
"#
    );
    assert_eq!(
        told("[pools.a]\nmemory = \"64M\"\n"),
        r#"ebbd.toml:2:10: warning: `pools.a.memory` is less than a run claims of which nothing is known: 64M and 256M
  2 | memory = "64M"
    |          ^^^^^
help: give its jobs a `claim` or a `max`, or `[budget]` a smaller `unknown`
"#
    );
    assert_eq!(
        told("[pools.a]\nmemory = \"32G\"\n"),
        r#"ebbd.toml:2:10: warning: `pools.a.memory` is more than there is to give out: 32G and 16G
  2 | memory = "32G"
    |          ^^^^^
help: all runs together get no more than that: write a part of it
"#
    );
}

#[test]
fn pools_beyond_the_most_are_a_problem() {
    let pools = |count: usize| (0..count).map(|n| format!("[pools.p{n}]\nmax-parallel = 1\n"));
    assert_eq!(told(&pools(POOLS_MAX).collect::<String>()), "");
    assert_eq!(
        told(&pools(POOLS_MAX + 2).collect::<String>()),
        r#"ebbd.toml:513:8: there are more than 256 pools
  513 | [pools.p256]
      |        ^^^^
help: let jobs share pools, or limit each job by itself
"#
    );
}

#[test]
fn a_share_of_a_machine_whose_memory_is_not_known_is_no_amount() {
    let check = |text: &str| {
        let (Ok((_, problems)) | Err(problems)) = check_text(Path::new("ebbd.toml"), text, None);
        print(&problems)
    };
    assert_eq!(check("[budget]\nmemory = \"6G\"\nreserve = \"1G\"\n"), "");
    assert_eq!(
        check("[budget]\nmemory = \"70%\"\n"),
        r#"ebbd.toml:2:10: how much memory this machine has can't be told, and so no share of it
  2 | memory = "70%"
    |          ^^^^^
help: write a size, like "2G"
"#
    );
}

#[test]
fn no_text_makes_the_check_panic_or_point_outside() {
    let full = "log = \"info\"\n[budget]\nmemory = \"70%\"\nreserve = \"5%\"\nunknown = \"1G\"\npressure = \"off\"\n\
                [pools.a]\nmemory = \"1G\"\nmax-parallel = 2\n";
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..3_000 {
        let mut bytes = full.as_bytes().to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(0..bytes.len());
            match random.u8(0..3) {
                0 => bytes[at] = *random.choice(b"\"'[]{}=.,\\\n#-0_ %").unwrap(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, *random.choice(b"\"'[]{}=.,\\\n#%").unwrap()),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let (Ok((_, problems)) | Err(problems)) = super::check(&text);
        for place in problems.iter().filter_map(|problem| problem.place.as_ref()) {
            let line = text.split('\n').nth(place.line as usize - 1).unwrap();
            assert!(place.col as usize <= line.chars().count() + 1, "{}\n{text}", print(&problems));
        }
    }
}

//! Texts that are not TOML: each broken line is told once, and what can be read around it is checked all the same.

use super::{bad, print, with_command};

#[test]
fn each_broken_line_is_told_once_and_the_rest_is_checked() {
    let text = "\
comand = [\"true\"]
timeout \"5m\"
every = 90s
umask = 022
[memory]
max
hgih = \"1G\"
";
    let expected = r#"jobs.d/indexer.toml:1:1: there is no key `comand`
  1 | comand = ["true"]
    | ^^^^^^
help: write `command`
jobs.d/indexer.toml:2:9: a key is followed by ` = ` and its value
  2 | timeout "5m"
    |         ^
jobs.d/indexer.toml:3:9: a string has quotes around it
  3 | every = 90s
    |         ^^^
help: write `"90s"`
jobs.d/indexer.toml:4:9: a number does not begin with 0
  4 | umask = 022
    |         ^
help: write octal digits in quotes, like "022", or as 0o022
jobs.d/indexer.toml:6:4: a key is followed by ` = ` and its value
  6 | max
    |    ^
jobs.d/indexer.toml:7:1: there is no key `hgih` in `[memory]`
  7 | hgih = "1G"
    | ^^^^
help: write `high`
"#;
    assert_eq!(print(&bad(text)), expected);
}

#[test]
fn a_key_that_is_there_twice_is_told_at_the_second() {
    let text = with_command("nice = 1\nnice = 2\n[cpu]\nweight = 1\n[cpu]\nquota = \"5%\"");
    let expected = r#"jobs.d/indexer.toml:3:1: `nice` is there twice
  3 | nice = 2
    | ^^^^
help: put the two together, or take one out
jobs.d/indexer.toml:6:2: `cpu` is there twice
  6 | [cpu]
    |  ^^^
help: put the two together, or take one out
"#;
    assert_eq!(print(&bad(&text)), expected);
}

#[test]
fn what_is_not_closed_is_told_where_its_end_is_missed() {
    let text = "command = [\"true\"\nnice = 1\n";
    let expected = r#"jobs.d/indexer.toml:2:1: a `,` between two items of an array is missing, or its `]`
  2 | nice = 1
    | ^
"#;
    assert_eq!(print(&bad(text)), expected);
    let expected = r#"jobs.d/indexer.toml:2:20: the string has no closing quotes
  2 | description = "open
    |                    ^
"#;
    assert_eq!(print(&bad(&with_command("description = \"open\nnice = 1"))), expected);
}

#[test]
fn a_value_that_is_missing_is_told_once_and_at_its_place() {
    let expected = r#"jobs.d/indexer.toml:2:10: a value is missing behind the `=`
  2 | timeout =
    |          ^
"#;
    assert_eq!(print(&bad(&with_command("timeout =\nnice = 1"))), expected);
}

#[test]
fn a_file_that_is_not_toml_is_not_blamed_for_what_it_may_well_have() {
    let problems = bad("command [\"true\"]\ntimezone = \"UTC\"\nschedule @daily\n");
    assert_eq!(problems.len(), 2, "{}", print(&problems));
}

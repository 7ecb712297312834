//! The command line itself: what is taken, what is refused, and what the help says.

use std::ffi::OsString;

use clap::error::ErrorKind;

use crate::cli::args::{self, Cli, Verb};
use crate::words::Outcome;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    args::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
}

#[test]
fn the_definitions_are_sound() {
    // Also builds what is deferred.
    let mut command = crate::cli::command();
    command.build();
    command.debug_assert();
}

#[test]
fn every_verb_is_listed_and_has_a_help_of_its_own() {
    let help = parse("ebb --help").unwrap_err();
    assert_eq!((help.kind(), help.exit_code()), (ErrorKind::DisplayHelp, 0));
    let help = help.to_string();
    for verb in
        "run-now status next history logs stop pause resume reload check doctor completions help".split(' ')
    {
        let line = help.lines().find(|line| line.trim_start().starts_with(verb)).unwrap();
        assert!(line.split_whitespace().count() > 3, "{line}");
        if verb != "help" {
            let own = parse(&format!("ebb help {verb}")).unwrap_err();
            assert_eq!(own.kind(), ErrorKind::DisplayHelp, "{verb}");
            assert!(own.to_string().contains(&format!("Usage: ebb {verb}")), "{own}");
        }
    }
    assert!(help.contains("69  ebbd does not answer"), "{help}");
}

#[test]
fn what_is_measured_begins_with_the_first_word_that_is_no_flag() {
    let command = |line: &str| match parse(line).unwrap().verb {
        Verb::Measure(args) => (args.json, args.command.join(std::ffi::OsStr::new(" "))),
        _ => unreachable!(),
    };
    assert_eq!(command("ebb measure --json -- python3 -c --json"), (true, "python3 -c --json".into()));
    assert_eq!(command("ebb measure python3 --json -x"), (false, "python3 --json -x".into()));
    assert_eq!(command("ebb measure env -- true"), (false, "env -- true".into()));
}

#[test]
fn mistakes_are_usage() {
    let lines = [
        "ebb measure",
        "ebb measure --josn -- true",
        "ebb",
        "ebb dance",
        "ebb run-now",
        "ebb run-now a b",
        "ebb run-now a --follow --json",
        "ebb run-now a --env A",
        "ebb run-now a --env 1A=x",
        "ebb next",
        "ebb next a --schedule @hourly",
        "ebb next a --timezone UTC",
        "ebb next a --count 0",
        "ebb next a --from yesterday",
        "ebb history --outcome fine",
        "ebb history --limit 0",
        "ebb stop",
        "ebb stop a --run 1",
        "ebb stop --run x",
        "ebb logs",
    ];
    for line in lines {
        assert_eq!(parse(line).map(|_| ()).map_err(|e| e.exit_code()), Err(2), "{line}");
    }
}

#[test]
fn an_unknown_outcome_names_those_there_are() {
    let error = parse("ebb history --outcome fine").unwrap_err().to_string();
    assert!(error.contains("oom-kill"), "{error}");
    let cli = parse("ebb history --outcome oom-kill").unwrap();
    assert!(matches!(cli.verb, Verb::History(h) if h.outcome == Some(Outcome::OomKill)));
}

#[test]
fn what_stands_behind_two_dashes_is_the_jobs() {
    let cli = parse("ebb run-now a --wait -- --json -- x").unwrap();
    let Verb::RunNow(run) = cli.verb else { panic!() };
    assert!(run.wait && !run.json);
    assert_eq!(run.args, ["--json", "--", "x"]);
}

#[test]
fn the_socket_may_be_named_before_or_behind_the_verb() {
    for line in [
        "ebb --socket /s status",
        "ebb status --socket /s",
        "ebb --socket /s run-now a",
        "ebb run-now a --socket=/s",
    ] {
        assert_eq!(parse(line).unwrap().socket, Some("/s".into()), "{line}");
    }
}

#[test]
fn run_now_is_the_same_with_and_without_the_other_verbs_around_it() {
    let of = |line: &str| {
        let text = parse(line).unwrap_err().to_string();
        text.lines().map(str::trim_end).filter(|line| !line.contains("help")).collect::<Vec<_>>().join("\n")
    };
    for rest in ["--help", "a --wiat", ""] {
        // The flag with `=` is read with all verbs.
        assert_eq!(of(&format!("ebb run-now {rest}")), of(&format!("ebb --socket=/s run-now {rest}")));
    }
}

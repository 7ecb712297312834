//! ebb(1): its verbs from clap's definition, its exit codes from the table of them.

use clap::{Arg, ArgAction, Command};
use ebb::exit;
use ebb::words::Outcome;

use crate::mdoc::{self, argument, literal, prose, sentence};

#[test]
fn ebb_1_is_in_step_with_the_command_line() {
    let page = mdoc::hold("ebb.1", |region| match region {
        "verbs" => verbs(),
        "exit codes" => crate::exit_codes(|meaning| meaning.ebb),
        _ => panic!("no region is named {region}"),
    });
    // What people wrote by hand names all that there is, too.
    for outcome in Outcome::ALL {
        assert!(page.contains(&format!(".It Cm {}", literal(outcome.word()))), "{outcome}");
    }
    assert_eq!(exit::MEANINGS.len(), 13);
}

fn verbs() -> String {
    let mut command = ebb::cli::command();
    command.build();
    let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    verbs.map(verb).collect()
}

fn verb(verb: &Command) -> String {
    let name = literal(verb.get_name());
    let args: Vec<&Arg> = verb.get_arguments().filter(|arg| is_own(arg)).collect();
    let mut page = format!(".Ss {name}\n.Nm Cm {name}\n");
    let (places, flags): (Vec<&Arg>, Vec<&Arg>) = args.iter().partition(|arg| arg.is_positional());
    // Flags first; what is given by place after them; of a required group, one stands for the others.
    let choice: Vec<&Arg> = args.iter().copied().filter(|arg| is_choice(verb, arg)).collect();
    for arg in flags.iter().filter(|arg| !is_choice(verb, arg)) {
        page += &in_synopsis(arg);
    }
    if !choice.is_empty() {
        let choice: Vec<String> = choice.iter().map(|arg| spelled(arg, " | ")).collect();
        page += &format!(".Brq {}\n", choice.join(" | "));
    }
    for arg in places.iter().filter(|arg| !is_choice(verb, arg)) {
        page += &in_synopsis(arg);
    }
    page += &format!(".Pp\n{}", prose(&sentence(&verb.get_about().unwrap().to_string())));
    if !args.is_empty() {
        page += ".Bl -tag -width Ds\n";
        for arg in places.iter().chain(&flags) {
            page += &format!(".It {}\n{}", spelled(arg, " , "), explained(arg));
        }
        page += ".El\n";
    }
    if let Some(more) = verb.get_after_help() {
        page += &remark(&more.to_string());
    }
    page
}

/// What a verb adds of its own: `--socket` and `--help` go with all of them.
fn is_own(arg: &Arg) -> bool {
    !arg.is_global_set() && arg.get_id() != "help" && arg.get_id() != "version"
}

/// Whether it is one of a group of which one has to be given.
fn is_choice(verb: &Command, arg: &Arg) -> bool {
    let mut required = verb.get_groups().filter(|group| group.is_required_set());
    required.any(|group| group.get_args().any(|id| id == arg.get_id()))
}

fn in_synopsis(arg: &Arg) -> String {
    let dots = if repeats(arg) { " ..." } else { "" };
    let spelled = spelled(arg, " | ");
    if arg.is_required_set() { format!(".{spelled}{dots}\n") } else { format!(".Op {spelled}{dots}\n") }
}

/// The flags and the value of an argument, as macros.
fn spelled(arg: &Arg, between: &str) -> String {
    let value = arg.get_value_names().map_or_else(String::new, |names| argument(&names[0]));
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    if arg.is_last_set() {
        return format!("Fl \\- Ar {value}");
    }
    if arg.is_positional() {
        return format!("Ar {value}");
    }
    let flags: Vec<String> = arg
        .get_short()
        .map(|short| format!("Fl {short}"))
        .into_iter()
        .chain(arg.get_long().map(|long| format!("Fl \\-{}", literal(long))))
        .collect();
    let flags = flags.join(between);
    if takes_value { format!("{flags} Ar {value}") } else { flags }
}

fn repeats(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

fn explained(arg: &Arg) -> String {
    let help = arg.get_help().unwrap().to_string();
    let (said, default) = match help.split_once(" [default: ") {
        Some((said, default)) => (said.to_owned(), Some(default.trim_end_matches(']').to_owned())),
        None => (help, None),
    };
    let default = default.or_else(|| Some(arg.get_default_values().first()?.to_str()?.to_owned()));
    let words = arg.get_possible_values();
    let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.get_name())).collect();
    let mut text = sentence(&said);
    // true and false are what a flag stands for.
    if !words.is_empty() && matches!(arg.get_action(), ArgAction::Set) {
        text += &format!(" One of {}.", words.join(", "));
    }
    if let Some(default) = default.filter(|_| matches!(arg.get_action(), ArgAction::Set)) {
        text += &format!(" Default: {default}.");
    }
    prose(&text)
}

/// Lines that are laid out stay so.
fn remark(text: &str) -> String {
    if !text.contains('\n') {
        return format!(".Pp\n{}", prose(text));
    }
    let lines: String = text.lines().map(|line| format!("{}\n", literal(line))).collect();
    format!(".Bd -literal\n{lines}.Ed\n")
}

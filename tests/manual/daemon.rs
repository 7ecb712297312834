//! ebbd(8): its flags from what `ebbd --help` prints, which is their only definition.

use std::process::Command;

use crate::mdoc::{self, argument, literal, prose, sentence};

/// A line of the help that begins with a flag.
struct Flag {
    name: String,
    value: Option<String>,
    text: String,
}

#[test]
fn ebbd_8_is_in_step_with_its_flags() {
    let help = Command::new(env!("CARGO_BIN_EXE_ebbd")).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let flags = flags(&help);
    assert!(flags.len() > 5 && flags.iter().any(|flag| flag.name == "strict"), "{help}");
    let page = mdoc::hold("ebbd.8", |region| match region {
        "synopsis" => flags.iter().map(|flag| format!(".Op {}\n", spelled(flag))).collect(),
        "flags" => flags.iter().map(|f| format!(".It {}\n{}", spelled(f), explained(&f.text))).collect(),
        "exit codes" => crate::exit_codes(|meaning| meaning.ebbd),
        _ => panic!("no region is named {region}"),
    });
    for setting in settings() {
        let shown = setting.replace('-', "\\-");
        assert!(page.contains(&format!(".It Cm {shown} ")), "{setting} is not in SETTINGS");
    }
    for signal in ["TERM", "INT", "HUP", "USR2"] {
        assert!(!help.contains(signal) || page.contains(&format!("SIG{signal}")), "{signal}");
    }
}

/// The settings that the shipped `ebbd.toml` shows.
fn settings() -> Vec<String> {
    let text = include_str!("../../config/ebbd.toml");
    let shown = text.lines().filter_map(|line| line.strip_prefix("# ")?.split_once(" = "));
    let names: Vec<String> =
        shown.map(|(name, _)| name.trim().to_owned()).filter(|n| !n.contains(' ')).collect();
    assert!(names.contains(&"strict".to_owned()), "{names:?}");
    names
}

/// Two blanks, the flag, its value in capitals, what it means; lines indented further go on.
fn flags(help: &str) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for line in help.lines().skip_while(|line| !line.starts_with("  --")) {
        let Some(rest) = line.strip_prefix("  ") else { break };
        let Some(rest) = rest.strip_prefix("--") else {
            let last = flags.last_mut().unwrap();
            last.text = format!("{}  {}", last.text, rest.trim());
            continue;
        };
        let (name, rest) = rest.split_once(' ').unwrap();
        let word = rest.split(' ').next().unwrap();
        let is_value = !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase());
        let (value, text) = if is_value { (Some(word), &rest[word.len()..]) } else { (None, rest) };
        flags.push(Flag { name: name.into(), value: value.map(str::to_owned), text: text.trim().into() });
    }
    flags
}

fn spelled(flag: &Flag) -> String {
    let value = flag.value.as_ref().map_or_else(String::new, |value| format!(" Ar {}", argument(value)));
    format!("Fl \\-{}{value}", literal(&flag.name))
}

/// What stands in brackets at the end is what holds without the flag.
fn explained(text: &str) -> String {
    let (said, default) = match text.rsplit_once("  (") {
        Some((said, default)) => (said, default.strip_suffix(')')),
        None => (text, None),
    };
    let mut capital = said.trim().to_owned();
    // A word that can be written stays as it is written.
    if !capital.starts_with("error,") {
        capital[..1].make_ascii_uppercase();
    }
    let default = default.map_or_else(String::new, |d| {
        let words: Vec<&str> = d.split_whitespace().collect();
        format!(
            " Default: {}.",
            words.join(" ").replace("root: ", "for root ").replace("others: ", "for others ")
        )
    });
    prose(&format!("{}{default}", sentence(&capital)))
}

//! What was probably meant: the nearest of some words, and a command line as an array.
//! Only for help texts; nothing is ever accepted because of it.

/// The candidate that is nearest to `word`: the same but for case and hyphens, or few letters away, or begun by it.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const PREFIX_MIN: usize = 3;
    let wanted = plain(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = plain(candidate);
        let begun = wanted.len() >= PREFIX_MIN && known.starts_with(&wanted);
        let distance = if begun { 1 } else { strsim::osa_distance(&wanted, &known) };
        if distance <= allowed(&wanted).min(allowed(&known)) && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// How many letters may differ: short words are easily turned into each other.
fn allowed(word: &str) -> usize {
    match word.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    }
}

/// A word without what people write differently: `MemoryMax`, `memory_max` and `memory-max` are the same.
pub(crate) fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}

/// A command line as the array that means the same: split as a shell does, or given to a shell where it needs one.
pub(crate) fn as_array(line: &str) -> String {
    let needs_shell = line.contains(['|', '&', ';', '<', '>', '$', '`', '*', '~', '(']);
    let words = if needs_shell { None } else { shlex::split(line) };
    match words {
        Some(words) if !words.is_empty() => array(&words),
        _ => array(&["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()]),
    }
}

/// An array of strings in TOML.
fn array(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A string in TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if super::acts_on_terminal(c) => out += &format!("\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let words = ["command", "environment", "max", "at-start", "schedule", "timeout"];
        for (wrong, right) in [
            ("comand", Some("command")),
            ("env", Some("environment")),
            ("at_start", Some("at-start")),
            ("AtStart", Some("at-start")),
            ("schedul", Some("schedule")),
            ("time-out", Some("timeout")),
            ("mxa", Some("max")),
            ("min", None),
            ("x", None),
            ("interval", None),
        ] {
            assert_eq!(nearest(wrong, words.into_iter()), right, "{wrong}");
        }
    }

    #[test]
    fn a_command_line_becomes_the_array_that_means_it() {
        assert_eq!(as_array("python3 -m app 'a b'"), r#"["python3", "-m", "app", "a b"]"#);
        assert_eq!(as_array("cat x | sort > \"y\""), r#"["/bin/sh", "-c", "cat x | sort > \"y\""]"#);
        assert_eq!(as_array("it's"), r#"["/bin/sh", "-c", "it's"]"#);
    }
}

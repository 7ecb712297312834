//! The table of keys against the check: each is read, each default holds, each example works.

use super::{check, good, print};
use crate::job::{DOCS, Doc, KEYS, Key, Kind, Omitted, Table};

/// What a key needs beside it to mean anything.
fn companions(key: &Key) -> &'static str {
    match key.full_name().as_str() {
        "jitter" | "catch-up" | "timezone" => "schedule = \"0 3 * * *\"",
        "max-parallel" => "overlap = \"parallel\"",
        "retry.delay" | "retry.backoff" | "retry.max-delay" => "retry.attempts = 3",
        "output.identifier" => "output.to = \"journal\"",
        "memory.on-oom" | "memory.on-oom.retry" => "memory.max = \"512M\"",
        "memory.on-oom.grow" | "memory.on-oom.up-to" => "memory.max = \"512M\"\nmemory.on-oom.retry = 1",
        "memory.high" => "timeout = \"1h\"",
        _ => "",
    }
}

/// A job with `key = value` and what it needs.
fn file_with(key: &Key, value: &str) -> String {
    let command = if key.name == "command" { "" } else { "command = [\"true\"]" };
    format!("{command}\n{}\n{} = {value}\n", companions(key), key.full_name())
}

fn keys() -> impl Iterator<Item = (&'static Key, &'static Doc)> {
    assert_eq!(KEYS.len(), DOCS.len());
    KEYS.iter().zip(DOCS)
}

#[test]
fn the_example_of_every_key_works_and_changes_the_job() {
    for (key, doc) in keys() {
        let without = good(&format!("command = [\"true\"]\n{}\n", companions(key)));
        assert_ne!(good(&file_with(key, doc.example)), without, "`{}` is not read", key.full_name());
    }
}

#[test]
fn writing_a_default_down_changes_nothing() {
    for (key, doc) in keys() {
        if let Omitted::Value(value) = doc.default {
            let without = good(&format!("command = [\"true\"]\n{}\n", companions(key)));
            assert_eq!(good(&file_with(key, value)), without, "the default of `{}`", key.full_name());
        }
    }
}

#[test]
fn only_the_command_is_required() {
    let required = keys().filter(|(_, doc)| doc.default == Omitted::Required).map(|(key, _)| key.name);
    assert_eq!(required.collect::<Vec<_>>(), ["command"]);
}

#[test]
fn every_key_refuses_a_value_of_another_type_at_that_value() {
    for (key, _) in keys() {
        let takes_table = matches!(key.kind, Kind::Environment | Kind::OnOom);
        let value = if takes_table { "[1979-05-27]" } else { "{ x = 1979-05-27 }" };
        let text = file_with(key, value);
        let problems = check(&text).err().unwrap_or_else(|| panic!("`{}` takes {value}", key.full_name()));
        let about = format!("`{}` is {}, not", key.full_name(), key.kind.phrase());
        let told = problems.iter().find(|problem| problem.message.starts_with(&about));
        let place = told.unwrap_or_else(|| panic!("{text}\n{}", print(&problems))).place.clone().unwrap();
        assert!(
            place.source_line.ends_with(value) && place.caret.len() == value.len(),
            "{}",
            print(&problems)
        );
    }
}

#[test]
fn every_misspelt_key_is_answered_with_the_right_one() {
    for (key, doc) in keys() {
        for misspelt in [key.name.replace('-', "_") + "_", key.name.to_uppercase()] {
            let wrong = Key { name: Box::leak(misspelt.into_boxed_str()), ..*key };
            if Key::find(key.table, wrong.name).is_some() || wrong.name.len() < 4 {
                continue;
            }
            let problems = check(&file_with(&wrong, doc.example)).unwrap_err();
            let help = problems.iter().find(|p| p.message.contains(wrong.name)).and_then(|p| p.help.clone());
            assert_eq!(help, Some(format!("write `{}`", key.name)), "{}", print(&problems));
        }
    }
}

#[test]
fn every_foreign_name_is_answered_with_a_key_of_its_table() {
    for (key, doc) in keys() {
        for also in key.also {
            let wrong = Key { name: also, ..*key };
            assert!(
                Key::find(key.table, also).is_none(),
                "`{also}` is a key, and another name of `{}`",
                key.full_name()
            );
            let problems = check(&file_with(&wrong, doc.example)).unwrap_err();
            let help = problems.iter().find(|p| p.message.contains(also)).and_then(|p| p.help.clone());
            let expected = format!("write `{}`", key.name);
            assert_eq!(help, Some(expected), "{also} of {}\n{}", key.full_name(), print(&problems));
        }
    }
}

#[test]
fn the_table_of_keys_has_each_key_once_and_a_description() {
    for (at, (key, doc)) in keys().enumerate() {
        assert!(KEYS[..at].iter().all(|before| before.full_name() != key.full_name()), "{}", key.full_name());
        assert!(doc.text.ends_with('.') && doc.text.is_ascii(), "{}", key.full_name());
        assert!(key.table != Table::Root || Table::ALL.iter().all(|table| table.name() != key.name));
    }
}

//! ebb-job(5): every key, from the table of keys that the check and docs/job-files.md use as well.

use ebb::job::{DOCS, Doc, KEYS, Key, Kind, Omitted, Table};

use crate::mdoc::{self, argument, literal, prose};

#[test]
fn ebb_job_5_is_in_step_with_the_table_of_keys() {
    mdoc::hold("ebb-job.5", |region| match region {
        "keys" => Table::ALL.into_iter().map(table).collect(),
        _ => panic!("no region is named {region}"),
    });
}

fn table(table: Table) -> String {
    let title = if table == Table::Root {
        "The job itself".to_owned()
    } else {
        format!("The table {}", table.name())
    };
    let keys = KEYS.iter().zip(DOCS).filter(|(key, _)| key.table == table);
    let keys: String = keys.map(|(key, doc)| entry(key, doc)).collect();
    format!(".Ss {title}\n{}.Bl -tag -width Ds\n{keys}.El\n", prose(table.doc()))
}

fn entry(key: &Key, doc: &Doc) -> String {
    let kind = written(key.kind);
    let default = match doc.default {
        Omitted::Required => "It is required.".to_owned(),
        Omitted::Value(value) => format!("Default: `{value}`."),
        Omitted::Said(words) => format!("Default: {words}."),
    };
    let example = argument(&format!("{} = {}", key.name, doc.example));
    let text = prose(&format!("{} Value: {kind}. {default}", doc.text));
    format!(".It Cm {}\n{text}.Dl {example}\n", literal(key.name))
}

/// How a value is written, with its choices.
fn written(kind: Kind) -> String {
    let words: Vec<String> = kind.choices().iter().map(|word| format!("`\"{word}\"`")).collect();
    if words.is_empty() { kind.phrase().to_owned() } else { format!("one of {}", words.join(", ")) }
}

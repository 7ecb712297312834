//! The reference of job files for people, printed from the table of keys. `docs/job-files.md` is what this prints.

use std::fmt::Write as _;

use super::keys::{DOCS, Doc, KEYS, Key, Omitted};
use super::kinds::{Kind, Table};

/// What stands above the reference.
const INTRO: &str = include_str!("intro.md");

/// The whole page, as Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    let mut page = INTRO.to_owned();
    for table in Table::ALL {
        let title = match table {
            Table::Root => "The job itself".to_owned(),
            Table::Retry
            | Table::Memory
            | Table::OnOom
            | Table::Cpu
            | Table::Output
            | Table::Accept
            | Table::Allow => {
                format!("`[{}]`", table.name())
            }
        };
        push(&mut page, format_args!("\n### {title}\n\n{}\n", table.doc()));
        for (key, doc) in KEYS.iter().zip(DOCS).filter(|(key, _)| key.table == table) {
            push_key(&mut page, key, doc);
        }
    }
    page
}

fn push_key(page: &mut String, key: &Key, doc: &Doc) {
    let default = match doc.default {
        Omitted::Required => "none: it is required".to_owned(),
        Omitted::Value(value) => format!("`{value}`"),
        Omitted::Said(words) => words.to_owned(),
    };
    let (name, short, kind) = (key.full_name(), key.name, written(key.kind));
    push(page, format_args!("\n#### `{name}`\n\n{}\n\n", doc.text));
    push(
        page,
        format_args!("- Value: {kind}\n- Default: {default}\n- Example: `{short} = {}`\n", doc.example),
    );
}

/// How a value is written, with its choices.
fn written(kind: Kind) -> String {
    let words: Vec<String> = kind.choices().iter().map(|word| format!("`\"{word}\"`")).collect();
    if words.is_empty() { kind.phrase().to_owned() } else { format!("one of {}", words.join(", ")) }
}

/// Writing to a string can't fail.
fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
}

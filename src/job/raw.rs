//! First step: a TOML tree becomes a list of known keys with their values and spans.
//! Every key that is none is a problem here; what the values mean is not looked at.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::keys::{KEYS, Key};
use super::kinds::{Kind, Table};
use crate::problem::hints::{nearest, plain};
use crate::problem::report::Report;
use crate::problem::shown;
use crate::problem::value::{Value, found};

/// A known key of the file.
pub(super) struct Entry<'t> {
    pub(super) key: &'static Key,
    pub(super) name_span: Range<usize>,
    pub(super) value: &'t Value<'t>,
}

/// The known keys of a file; values are not checked yet.
pub(super) struct Raw<'t> {
    pub(super) entries: Vec<Entry<'t>>,
    /// Whether an unknown key was taken for `command`, so that nobody complains that it is missing.
    pub(super) command_misspelt: bool,
}

impl<'t> Raw<'t> {
    /// Finds the known keys and reports the others.
    pub(super) fn collect(root: &'t DeTable<'t>, report: &mut Report<'_>) -> Self {
        let mut raw = Self { entries: Vec::new(), command_misspelt: false };
        for (name, value) in root {
            match Table::ALL
                .into_iter()
                .find(|t| *t != Table::Root && t.is_on_top() && t.name() == name.get_ref())
            {
                Some(table) => raw.collect_table(table, name, value, report),
                None => raw.collect_key(Table::Root, name, value, report),
            }
        }
        raw
    }

    fn collect_table(
        &mut self,
        table: Table,
        name: &Spanned<Cow<'_, str>>,
        value: &'t Value<'t>,
        report: &mut Report<'_>,
    ) {
        if let Some(keys) = value.get_ref().as_table() {
            for (name, value) in keys {
                self.collect_key(table, name, value, report);
            }
            return;
        }
        let first = KEYS.iter().find(|key| key.table == table).map_or("", |key| key.name);
        let name_text = table.name();
        let help = if value.get_ref().is_array() {
            format!("write `[{name_text}]` in single brackets, once")
        } else {
            let setting = format!("{first} = {}", shown(report.source.slice(&value.span())));
            format!("write `{name_text} = {{ {setting} }}`, or `{setting}` below `[{name_text}]`")
        };
        report.error_help(
            &name.span(),
            format!("`{name_text}` is a table, not {}", found(value.get_ref())),
            help,
        );
    }

    fn collect_key(
        &mut self,
        table: Table,
        name: &Spanned<Cow<'_, str>>,
        value: &'t Value<'t>,
        report: &mut Report<'_>,
    ) {
        // Where a value is missing, the parser has said so and put in one that stands nowhere.
        if value.span().is_empty() {
            return;
        }
        if let Some(key) = Key::find(table, name.get_ref()) {
            self.entries.push(Entry { key, name_span: name.span(), value });
            if let (Kind::OnOom, Some(keys)) = (key.kind, value.get_ref().as_table()) {
                for (name, value) in keys {
                    self.collect_key(Table::OnOom, name, value, report);
                }
            }
            return;
        }
        let meant = meant(table, name.get_ref(), value.get_ref().is_table());
        self.command_misspelt |= meant.key == Some("command");
        let message = match table {
            Table::Root if value.get_ref().is_table() => {
                format!("there is no table `{}`", shown(name.get_ref()))
            }
            Table::Root => format!("there is no key `{}`", shown(name.get_ref())),
            Table::Retry
            | Table::Memory
            | Table::OnOom
            | Table::Cpu
            | Table::Output
            | Table::Accept
            | Table::Allow => {
                format!("there is no key `{}` in `[{}]`", shown(name.get_ref()), table.name())
            }
        };
        report.error_help(&name.span(), message, meant.help);
    }
}

/// What an unknown key was probably meant to be.
struct Meant {
    key: Option<&'static str>,
    help: String,
}

/// Looks for what `name` in `table` was meant to be: a key of the same table, else a key of another one, else a key that
/// is spelt much the same.
fn meant(table: Table, name: &str, is_table: bool) -> Meant {
    let here = || KEYS.iter().filter(|key| key.table == table);
    let same = |known: &str| plain(known) == plain(name);
    let exactly = here().find(|key| same(key.name));
    let other_name = || here().find(|key| key.also.iter().any(|also| same(also)));
    if let Some(key) = exactly.or_else(other_name) {
        return Meant { key: Some(key.name), help: format!("write `{}`", key.name) };
    }
    if let Some(help) = elsewhere(table, same) {
        return Meant { key: None, help };
    }
    let is_listed = |t: &&Table| table == Table::Root && **t != Table::Root && t.is_on_top();
    let tables = || Table::ALL.iter().filter(is_listed).map(|t| t.name());
    if let Some(near) = nearest(name, here().map(|key| key.name).chain(tables())) {
        return Meant { key: Some(near), help: format!("write `{near}`") };
    }
    let names: Vec<&str> = here().map(|key| key.name).collect();
    let help = match table {
        Table::Root if is_table => {
            format!("the tables are: environment, {}", tables().collect::<Vec<_>>().join(", "))
        }
        Table::Root => "docs/job-files.md lists all keys".to_owned(),
        Table::Retry
        | Table::Memory
        | Table::OnOom
        | Table::Cpu
        | Table::Output
        | Table::Accept
        | Table::Allow => {
            format!("the keys of `[{}]` are: {}", table.name(), names.join(", "))
        }
    };
    Meant { key: None, help }
}

/// What to write for a key of another table.
fn elsewhere(table: Table, same: impl Fn(&str) -> bool) -> Option<String> {
    let others = || KEYS.iter().filter(|key| key.table != table);
    if let Some(key) = others().find(|key| key.table == Table::Root && same(key.name)) {
        return Some(format!("`{}` belongs to the job itself: write it above the first `[table]`", key.name));
    }
    let named: Vec<&Key> = others().filter(|key| same(key.name) || same(&key.full_name())).collect();
    let places: Vec<String> = match named.as_slice() {
        [] => others().filter(|key| key.also.iter().any(|also| same(also))).map(place).collect(),
        keys => keys.iter().map(|key| place(key)).collect(),
    };
    (!places.is_empty()).then(|| format!("write {}", places.join(" or ")))
}

/// Where a key stands, for people.
fn place(key: &Key) -> String {
    match key.table {
        Table::Root => format!("`{}` above the first `[table]`", key.name),
        Table::Retry
        | Table::Memory
        | Table::OnOom
        | Table::Cpu
        | Table::Output
        | Table::Accept
        | Table::Allow => {
            format!("`{}` below `[{}]`", key.name, key.table.name())
        }
    }
}

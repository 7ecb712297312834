//! Who a run is, who may ask for it, and what they may bring along.

use toml::de::DeValue;

use super::variables::acceptable_name;
use crate::job::definition::{Accept, Allow};
use crate::job::host::{CannotBecome, Host};
use crate::job::kinds::Table;
use crate::job::read::{Read, Reader};
use crate::problem::value::integer;
use crate::problem::{TextProblem, shown};

/// The largest user or group id; one more means "none" to the kernel, see setresuid(2).
const ID_MAX: i64 = 0xffff_fffe;

/// `user` and `group`, if the daemon can become them.
pub(super) fn identity(reader: &mut Reader<'_>, host: Host<'_>) -> (Option<String>, Option<String>) {
    let user = account(reader, "user");
    let group = account(reader, "group");
    let name = |read: &Option<Read<String>>| read.as_ref().map(|read| read.value.clone());
    let (user_name, group_name) = (name(&user), name(&group));
    if user.is_none() && group.is_none() {
        return (None, None);
    }
    if let Err(reason) = host.machine.can_become(user_name.as_deref(), group_name.as_deref()) {
        let (message, at) = match reason {
            CannotBecome::User(message) => (message, user.as_ref().or(group.as_ref())),
            CannotBecome::Group(message) => (message, group.as_ref().or(user.as_ref())),
        };
        if let Some(at) = at {
            reader.report.error(&at.span, message);
        }
    }
    (user_name, group_name)
}

/// A name or a number, in quotes or not.
fn account(reader: &mut Reader<'_>, key: &str) -> Option<Read<String>> {
    let entry = reader.entry(Table::Root, key)?;
    let span = entry.value.span();
    if let DeValue::Integer(number) = entry.value.get_ref() {
        let id = integer(number).filter(|id| (0..=ID_MAX).contains(id));
        if id.is_none() {
            let message =
                format!("`{}` is not the number of a {key}", shown(reader.report.source.slice(&span)));
            reader.report.error_help(&span, message, format!("it is from 0 to {ID_MAX}"));
        }
        return id.map(|id| Read { value: id.to_string(), span });
    }
    reader.string(Table::Root, key, |text| account_name(text, 0).map(|()| text.to_owned()), |_, _| None)
}

/// Whether the part of `text` from `skip` on can be an account's name: what a line of passwd(5) can hold.
fn account_name(text: &str, skip: usize) -> Result<(), TextProblem> {
    let name = &text[skip..];
    let fits = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, ':' | ',' | '/');
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    let message = format!("`{}` is not the name of a user or group", shown(name));
    Err(TextProblem::new(skip..text.len(), message, "write a name as the system knows it, or a number"))
}

pub(super) fn accept(reader: &mut Reader<'_>) -> Accept {
    let names = reader.strings(Table::Accept, "environment", false).unwrap_or_default();
    for name in &names {
        if let Err(problem) = acceptable_name(name.value) {
            reader.report.text_problem(&name.span, name.value, problem);
        }
    }
    Accept {
        args: reader.flag(Table::Accept, "args").unwrap_or_default(),
        environment: owned(&names),
        input: reader.flag(Table::Accept, "input").unwrap_or_default(),
    }
}

pub(super) fn allow(reader: &mut Reader<'_>) -> Allow {
    Allow { run: accounts(reader, "run"), view: accounts(reader, "view") }
}

/// Users and `@groups`.
fn accounts(reader: &mut Reader<'_>, key: &str) -> Vec<String> {
    let accounts = reader.strings(Table::Allow, key, false).unwrap_or_default();
    for account in &accounts {
        let skip = usize::from(account.value.starts_with('@'));
        if let Err(problem) = account_name(account.value, skip) {
            reader.report.text_problem(&account.span, account.value, problem);
        }
    }
    owned(&accounts)
}

fn owned(texts: &[Read<&str>]) -> Vec<String> {
    texts.iter().map(|text| text.value.to_owned()).collect()
}

//! How a run is started and how its end is read: command, directory, umask, stop signal, exit codes.

use std::path::PathBuf;

use toml::de::DeValue;

use crate::job::kinds::Table;
use crate::job::read::{Read, Reader};
use crate::job::signal::{signal_name, stop_signal as signal_number};
use crate::limits::DESCRIPTION_MAX;
use crate::problem::hints::{as_array, quoted};
use crate::problem::value::integer;
use crate::problem::{TextProblem, shown};

/// Permission bits that new files of a run do not get unless the job says otherwise.
const UMASK_DEFAULT: u32 = 0o022;
/// All permission bits, see umask(2).
const UMASK_MAX: u32 = 0o777;

pub(super) fn description(reader: &mut Reader<'_>) -> String {
    let Some(text) = reader.text(Table::Root, "description") else { return String::new() };
    if text.value.len() > DESCRIPTION_MAX {
        let message = format!("`description` is longer than {DESCRIPTION_MAX} bytes");
        reader.report.error_help(
            &text.span,
            message,
            "say it in one line; comments can be as long as you like",
        );
    }
    text.value.to_owned()
}

pub(super) fn command(reader: &mut Reader<'_>) -> Vec<String> {
    const EXAMPLE: &str = "write `command = [\"python3\", \"-m\", \"app\"]`";
    let Some(entry) = reader.entry(Table::Root, "command") else {
        // In a file that is not TOML it may stand in a line that could not be read.
        if !reader.report.is_broken() && !reader.raw.command_misspelt {
            reader.report.error_help(&(0..0), "there is no `command`", EXAMPLE);
        }
        return Vec::new();
    };
    let span = entry.value.span();
    if let Some(line) = entry.value.get_ref().as_str() {
        let help = if line.trim().is_empty() {
            EXAMPLE.to_owned()
        } else {
            format!("write `command = {}`", as_array(line))
        };
        reader.report.error_help(&span, "`command` is an array of strings, not a string", help);
        return Vec::new();
    }
    let Some(words) = reader.strings(Table::Root, "command", false) else { return Vec::new() };
    for word in &words {
        no_nul(reader, word);
    }
    match words.first() {
        Some(program) => check_program(reader, program, words.len() == 1),
        None if entry_is_empty(reader) => reader.report.error_help(&span, "`command` is empty", EXAMPLE),
        None => {}
    }
    words.into_iter().map(|word| word.value.to_owned()).collect()
}

/// Whether `command` is `[]`, and not an array whose items were all refused.
fn entry_is_empty(reader: &Reader<'_>) -> bool {
    let entry = reader.entry(Table::Root, "command");
    entry.and_then(|entry| entry.value.get_ref().as_array()).is_some_and(|array| array.is_empty())
}

fn check_program(reader: &mut Reader<'_>, program: &Read<&str>, alone: bool) {
    let text = program.value;
    if text.trim().is_empty() {
        reader.report.error_help(
            &program.span,
            "the program has no name",
            "write a program, like \"python3\"",
        );
    } else if text.starts_with("~/") {
        let help = "no shell is involved, so `~` means nothing: write the whole path";
        reader.report.error_help(&program.span, "a program's path begins with `/`", help);
    } else if text.contains('/') && !text.starts_with('/') {
        let help = "write the whole path, or a name without a slash, which is looked up in PATH";
        reader.report.error_help(&program.span, "a program's path begins with `/`", help);
    } else if alone && text.contains(char::is_whitespace) {
        let message = format!("the program's name is `{}`, spaces included", shown(text));
        reader.report.warning(&program.span, message, format!("write `command = {}`", as_array(text)));
    }
}

/// Arguments and values are NUL-terminated where the kernel takes them, see execve(2).
pub(super) fn no_nul(reader: &mut Reader<'_>, read: &Read<&str>) -> bool {
    let Some(at) = read.value.find('\0') else { return true };
    let problem =
        TextProblem { message: "a NUL character has no place here".to_owned(), span: at..at + 1, help: None };
    reader.report.text_problem(&read.span, read.value, problem);
    false
}

/// Whether `path` is absolute, and can be one at all; a problem at `read` if not. `skip` bytes before it are not part of it.
pub(super) fn absolute(reader: &mut Reader<'_>, read: &Read<&str>, skip: usize) -> bool {
    if !reader.is_clean(read) {
        return false;
    }
    let path = &read.value[skip..];
    if path.starts_with('/') {
        return true;
    }
    let message = format!("`{}` is not an absolute path", shown(path));
    let help = if path.starts_with('~') {
        "no shell is involved, so `~` means nothing: write the whole path, beginning with `/`"
    } else {
        "write the whole path, beginning with `/`"
    };
    reader.report.text_problem(
        &read.span,
        read.value,
        TextProblem::new(skip..read.value.len(), message, help),
    );
    false
}

pub(super) fn working_directory(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let path = reader.text(Table::Root, "working-directory")?;
    absolute(reader, &path, 0).then(|| PathBuf::from(path.value))
}

pub(super) fn umask(reader: &mut Reader<'_>) -> u32 {
    let Some(entry) = reader.entry(Table::Root, "umask") else { return UMASK_DEFAULT };
    let (span, value) = (entry.value.span(), entry.value.get_ref());
    if let DeValue::Integer(number) = value
        && number.radix() == 8
    {
        let bits = integer(number).and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= UMASK_MAX);
        if bits.is_none() {
            reader.report.error_help(&span, "`umask` is out of range", "it is from 0o000 to 0o777");
        }
        return bits.unwrap_or(UMASK_DEFAULT);
    }
    // Whoever writes 22 means octal digits, not the number that would be 0o26.
    let unquoted = |value: &DeValue<'_>, written: &str| {
        let octal = value.is_integer() && written.len() <= 3 && written.chars().all(|c| c.is_digit(8));
        octal.then(|| quoted(&format!("{written:0>3}")))
    };
    let parse = |text: &str| {
        let digits = (3..=4).contains(&text.len()) && text.chars().all(|c| c.is_digit(8));
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| digits && *bits <= UMASK_MAX);
        bits.ok_or_else(|| {
            let message = format!("`{}` is not a umask", shown(text));
            TextProblem::new(0..text.len(), message, "write three octal digits, like \"022\" or \"077\"")
        })
    };
    reader.string(Table::Root, "umask", parse, unquoted).map_or(UMASK_DEFAULT, |bits| bits.value)
}

pub(super) fn stop_signal(reader: &mut Reader<'_>) -> Option<i32> {
    let unquoted = |value: &DeValue<'_>, _: &str| {
        let number = value.as_integer().and_then(integer).and_then(|n| i32::try_from(n).ok());
        number.and_then(signal_name).map(|name| format!("\"SIG{name}\""))
    };
    reader.string(Table::Root, "stop-signal", signal_number, unquoted).map(|signal| signal.value)
}

pub(super) fn success_codes(reader: &mut Reader<'_>) -> Vec<u8> {
    let default = vec![0];
    let Some(codes) = reader.codes(Table::Root, "success-codes") else { return default };
    let mut values: Vec<u8> = codes.value;
    if values.is_empty() {
        reader.report.error_help(
            &codes.span,
            "no exit code would mean success",
            "write `success-codes = [0]`",
        );
        return default;
    }
    values.sort_unstable();
    values.dedup();
    if values[0] != 0 {
        let list: Vec<String> = values.iter().map(u8::to_string).collect();
        let help = format!("write `success-codes = [0, {}]` if 0 is success too", list.join(", "));
        reader.report.warning(&codes.span, "exit code 0 will count as a failure", help);
    }
    values
}

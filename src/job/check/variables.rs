//! Environment variables: which names there can be, which are ebb's own, and which nobody but the job's author may set.

use std::path::PathBuf;

use super::launch::{absolute, no_nul};
use crate::job::definition::EnvironmentFile;
use crate::job::kinds::Table;
use crate::job::read::{Read, Reader};
use crate::limits::ENVIRONMENT_FILES_MAX;
use crate::problem::{TextProblem, shown};

/// What ebb tells a run about itself begins so.
const OWN_PREFIX: &str = "EBB_";

/// Names that decide which code a program runs, by their beginnings: the dynamic linker's (ld.so(8)) and bash's
/// exported functions.
const CODE_PREFIXES: [&str; 2] = ["LD_", "BASH_FUNC_"];

/// Names that decide which code a program runs. Those of glibc are from its list of variables that are dropped for
/// set-user-ID programs (ld.so(8), "Secure-execution mode"); those of shells and interpreters are in their manuals.
const CODE_NAMES: [&str; 30] = [
    "BASH_ENV",
    "CLASSPATH",
    "ENV",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "HOME",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LOCPATH",
    "LUA_INIT",
    "LUA_PATH",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PS4",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "RUBYLIB",
    "RUBYOPT",
    "SHELLOPTS",
    "_JAVA_OPTIONS",
];

/// A portable name: letters, digits and `_`, no digit first (environ(7) and POSIX, chapter 8).
fn variable_name(name: &str) -> Result<(), TextProblem> {
    let fits = |(at, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit());
    if name.is_empty() || !name.char_indices().all(fits) {
        let message = format!("`{}` is not the name of an environment variable", shown(name));
        let help = "a name has letters, digits and `_`, and no digit first";
        return Err(TextProblem::new(0..name.len(), message, help));
    }
    if name.starts_with(OWN_PREFIX) {
        let message = format!("`{}` is ebb's own: it tells a run about itself", shown(name));
        return Err(TextProblem::new(0..name.len(), message, "take a name that does not begin with EBB_"));
    }
    Ok(())
}

/// A name that a demand may set: any but those that decide which code the job runs.
pub(super) fn acceptable_name(name: &str) -> Result<(), TextProblem> {
    variable_name(name)?;
    let decides = CODE_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || CODE_NAMES.contains(&name);
    if !decides {
        return Ok(());
    }
    let message =
        format!("`{name}` decides which code runs: whoever may run the job could run their own as its user");
    let help = "set it in the job's `environment`, or take a name that only your program reads";
    Err(TextProblem::new(0..name.len(), message, help))
}

pub(super) fn environment(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let Some(table) = reader.table(Table::Root, "environment") else { return Vec::new() };
    // The parser has sorted them by name.
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(name, _)| name.span().start);
    let mut variables = Vec::new();
    for (name, value) in pairs {
        if let Err(problem) = variable_name(name.get_ref()) {
            reader.report.text_problem(&name.span(), name.get_ref(), problem);
        }
        if let Some(value) = reader.string_item(value)
            && no_nul(reader, &value)
        {
            variables.push((name.get_ref().clone().into_owned(), value.value.to_owned()));
        }
    }
    variables
}

pub(super) fn environment_files(reader: &mut Reader<'_>) -> Vec<EnvironmentFile> {
    let Some(files) = reader.strings(Table::Root, "environment-file", true) else { return Vec::new() };
    if let Some(first) = files.get(ENVIRONMENT_FILES_MAX) {
        let message = format!("there are more than {ENVIRONMENT_FILES_MAX} files");
        reader.report.error_help(&first.span, message, "put them together");
    }
    files.iter().filter_map(|file| environment_file(reader, file)).collect()
}

fn environment_file(reader: &mut Reader<'_>, file: &Read<&str>) -> Option<EnvironmentFile> {
    let optional = file.value.starts_with('-');
    let path = PathBuf::from(file.value.strip_prefix('-').unwrap_or(file.value));
    absolute(reader, file, usize::from(optional)).then_some(EnvironmentFile { path, optional })
}

//! Whether what a job names is there: its program, its directory, its environment files. Only warnings, since all of it may
//! come later. Looks at nothing itself: the host does, where it is one that looks.

use std::ops::Range;

use super::super::definition::Definition;
use super::super::host::{Host, Wanted};
use super::super::kinds::Table;
use super::super::read::Reader;

pub(super) fn check(reader: &mut Reader<'_>, job: &Definition, host: Host<'_>) {
    let path = job.environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| &**value);
    let program = job.command.first().filter(|program| {
        // What a file says of PATH is known when the run starts.
        let is_name = !program.trim().is_empty() && !program.contains('/');
        program.starts_with('/') || is_name && (path.is_some() || job.environment_files.is_empty())
    });
    if let Some(program) = program {
        ask(reader, "command", 0, &Wanted::Program { name: program, path }, host);
    }
    if let Some(directory) = &job.working_directory {
        ask(reader, "working-directory", 0, &Wanted::Directory(directory), host);
    }
    for (at, file) in job.environment_files.iter().enumerate().filter(|(_, file)| !file.optional) {
        ask(reader, "environment-file", at, &Wanted::File(&file.path), host);
    }
}

fn ask(reader: &mut Reader<'_>, key: &str, at: usize, wanted: &Wanted<'_>, host: Host<'_>) {
    let (Some(files), Some(span)) = (host.files, span(reader, key, at)) else { return };
    if let Err(missing) = files.look_for(wanted) {
        reader.report.warning(&span, missing.message, missing.help);
    }
}

/// Where the value stands, or the item of it.
fn span(reader: &Reader<'_>, key: &str, at: usize) -> Option<Range<usize>> {
    let value = reader.entry(Table::Root, key)?.value;
    match value.get_ref().as_array() {
        Some(items) => items.get(at).map(toml::Spanned::span),
        None => Some(value.span()),
    }
}

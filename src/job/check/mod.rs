//! Second step: known keys become a checked [`Definition`] with every default filled in, or problems.
//! One file for each group of keys that are checked against each other.

mod access;
mod claims;
mod launch;
mod limits;
mod there;
mod timing;
mod variables;

use std::path::Path;

use super::definition::Definition;
use super::host::Host;
use super::name::check_name;
use super::raw::Raw;
use super::read::Reader;
use crate::limits::GRACE_DEFAULT_MS;
use crate::problem::Problem;
use crate::problem::parse::parse;
use crate::problem::report::Report;
use crate::problem::source::Source;

/// SIGTERM.
const STOP_SIGNAL_DEFAULT: i32 = 15;

/// A definition with the warnings about it, or every problem.
pub type Checked = Result<(Definition, Vec<Problem>), Vec<Problem>>;

/// Checks the text of a job file. `path` is named in problems, and its stem is the job's name.
///
/// # Errors
/// Every problem of the text, in the order of the text, warnings included; at least one is an error.
pub fn check_text<'a>(path: &Path, text: &str, host: impl Into<Host<'a>>) -> Checked {
    check_with(path, text, host.into(), &[])
}

/// The same, with problems of the file itself that the reader of the file has found.
pub(super) fn check_with(path: &Path, text: &str, host: Host<'_>, of_file: &[(String, String)]) -> Checked {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut report = Report::new(Source { path, text });
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if let Err(problem) = check_name(&name) {
        report.file_error(problem.message, problem.help.unwrap_or_default());
    }
    for (message, help) in of_file {
        report.file_error(message, help);
    }
    let mut blanked = String::new();
    let root = parse(text, &mut blanked, &mut report);
    let raw = Raw::collect(&root, &mut report);
    let mut reader = Reader { raw, report };
    let definition = definition(name, &mut reader, host);
    let problems = reader.report.finish();
    if problems.iter().any(Problem::is_error) { Err(problems) } else { Ok((definition, problems)) }
}

/// Reads every key. Where there is a problem, the report has it and the value here means nothing.
fn definition(name: String, reader: &mut Reader<'_>, host: Host<'_>) -> Definition {
    let (user, group) = access::identity(reader, host);
    let timing = timing::timing(reader, &name, host);
    let overlap = timing::overlap(reader);
    let timeout_ms = timing::timeout(reader);
    let pool = claims::pool(reader, host);
    let memory = limits::memory(reader, pool.as_deref(), host);
    let definition = Definition {
        description: launch::description(reader),
        command: launch::command(reader),
        working_directory: launch::working_directory(reader),
        user,
        group,
        umask: launch::umask(reader),
        environment: variables::environment(reader),
        environment_files: variables::environment_files(reader),
        enabled: reader.flag(super::kinds::Table::Root, "enabled").unwrap_or(true),
        timing,
        overlap: overlap.mode,
        queue_limit: overlap.queue_limit,
        max_parallel: overlap.max_parallel,
        timeout_ms,
        stop_signal: launch::stop_signal(reader).unwrap_or(STOP_SIGNAL_DEFAULT),
        grace_ms: timing::grace(reader).unwrap_or(GRACE_DEFAULT_MS),
        success_codes: launch::success_codes(reader),
        retry: timing::retry(reader),
        memory,
        cpu: limits::cpu(reader),
        pids_max: limits::pids_max(reader),
        nice: limits::nice(reader),
        oom_score_adjust: limits::oom_score_adjust(reader),
        enforcement: limits::enforcement(reader),
        priority: claims::priority(reader),
        pool,
        queue_timeout_ms: claims::queue_timeout(reader),
        output: limits::output(reader, host),
        accept: access::accept(reader),
        allow: access::allow(reader),
        name,
    };
    there::check(reader, &definition, host);
    definition
}

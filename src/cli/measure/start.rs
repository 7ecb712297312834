//! Why a program could not be started, in words and as the exit code that env(1) gives.

use std::io;

use crate::sys::foreground::Program;
use crate::sys::is_scarce;

use super::super::failure::Failure;
use super::super::figures;

/// What is said of a program that was not started.
pub(super) fn refused(program: &Program<'_>, error: &io::Error) -> Failure {
    let name = program.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let shown = figures::one_line(&name);
    match error.kind() {
        _ if is_scarce(error) => Failure::system(format_args!("cannot start `{shown}`"), error),
        io::ErrorKind::NotFound if name.contains('/') && std::path::Path::new(&name).exists() => {
            Failure::NoProgram(format!(
                "cannot execute `{shown}`: what its first line (#!) names is not there"
            ))
        }
        io::ErrorKind::NotFound if name.contains('/') => {
            Failure::NoProgram(format!("there is no program `{shown}`"))
        }
        io::ErrorKind::NotFound if name.contains(char::is_whitespace) => Failure::NoProgram(format!(
            "there is no program `{shown}` in PATH; the command is given word by word, and a line of shell as \
             sh -c '{shown}'"
        )),
        io::ErrorKind::NotFound => Failure::NoProgram(format!("there is no program `{shown}` in PATH")),
        _ => Failure::NotExecutable(format!("cannot execute `{shown}`: {error}")),
    }
}

//! Looks whether what a job names is there. For `ebb check` alone: ebbd never waits for the file system of a
//! job, and what is missing at its load may be there when the run starts.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::daemon::environment::PATH;
use crate::job::{Files, Missing, Wanted};
use crate::problem::hints::nearest;

/// The file system as this user sees it.
pub(super) struct Presence;

impl Files for Presence {
    fn look_for(&self, wanted: &Wanted<'_>) -> Result<(), Missing> {
        match wanted {
            Wanted::Program { name, .. } if name.starts_with('/') => executable(Path::new(name))
                .map_err(|message| missing(message, "a run would end as `start-failed`")),
            Wanted::Program { name, path } => in_path(name, path.unwrap_or(PATH)),
            Wanted::Directory(path) => match std::fs::metadata(path) {
                Ok(facts) if facts.is_dir() => Ok(()),
                Ok(_) => Err(missing(
                    format!("`{}` is no directory", path.display()),
                    "a run would end as `start-failed`",
                )),
                Err(error) => absent(path, &error)
                    .map_err(|message| missing(message, "make it, or a run ends as `start-failed`")),
            },
            Wanted::File(path) => match std::fs::metadata(path) {
                Ok(_) => Ok(()),
                Err(error) => absent(path, &error)
                    .map_err(|message| missing(message, "a `-` in front lets a run start without it")),
            },
        }
    }
}

fn missing(message: String, help: &str) -> Missing {
    Missing { message, help: help.to_owned() }
}

/// Only what is surely not there: what this user may not look at, the job's may.
fn absent(path: &Path, error: &std::io::Error) -> Result<(), String> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Err(format!("there is no `{}`", path.display())),
        _ => Ok(()),
    }
}

fn executable(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(facts) if facts.is_dir() => Err(format!("`{}` is a directory", path.display())),
        Ok(facts) if facts.permissions().mode() & 0o111 == 0 => {
            Err(format!("`{}` may not be executed by anybody", path.display()))
        }
        Ok(_) => Ok(()),
        Err(error) => absent(path, &error),
    }
}

fn in_path(name: &str, path: &str) -> Result<(), Missing> {
    let directories = || path.split(':').filter(|dir| dir.starts_with('/')).map(Path::new);
    let is_there = directories().any(|dir| {
        let program = dir.join(name);
        program.symlink_metadata().is_ok() && executable(&program).is_ok()
    });
    if is_there {
        return Ok(());
    }
    let entries = directories().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let near = nearest(name, names.iter().map(String::as_str));
    let help = near.map_or_else(
        || format!("write the whole path; looked for in {path}"),
        |near| format!("the nearest is `{near}`; looked for in {path}"),
    );
    Err(Missing { message: format!("no program is named `{name}`"), help })
}

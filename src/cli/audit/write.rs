//! `--write DIR`: for each candidate a job file, what turns its daemon off, and in `baseline.json` what it held. What is there
//! already is left alone. Changes nothing outside of that directory.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::audit::job_file::{self, Besides};
use crate::audit::place::Place;
use crate::audit::turn_off::{self, Besides as Known, Starter};
use crate::audit::{Evidence, Kind, Service, program};
use crate::baseline::{Baseline, Before, FILE_NAME};
use crate::cli::failure::Failure;
use crate::clock::Wall;
use crate::sys::{processes, users};
use crate::words::BaselineSource;

use super::ranking::Judged;
use super::watch::Seen;

/// What became of the candidates.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The job files that were written.
    pub(super) files: Vec<PathBuf>,
    /// Those that were there before.
    pub(super) kept: Vec<PathBuf>,
}

/// Writes the files of all candidates.
///
/// # Errors
/// The directory can't be made, or a file not written; what was written before stays.
pub(super) fn all(
    dir: &Path,
    judged: &[Judged<'_>],
    seen: &Seen,
    now: jiff::Timestamp,
) -> Result<Written, Failure> {
    let cannot = |what: &Path, error: &io::Error| {
        Failure::system(format!("{} can't be written", what.display()), error)
    };
    std::fs::create_dir_all(dir).map_err(|error| cannot(dir, &error))?;
    may_write(dir)?;
    let mut written = Written::default();
    let mut jobs: BTreeMap<String, Before> = BTreeMap::new();
    let mut names: HashSet<String> = HashSet::new();
    let day = now.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d").to_string();
    for one in judged {
        let service = &one.service;
        let rhythm = one.findings.iter().find_map(|finding| match &finding.evidence {
            Evidence::ResidentIdle { rhythm, .. } => Some(*rhythm),
            _ => None,
        });
        let Some(rhythm) = rhythm else { continue };
        let job = job_file::name(service, |name| names.contains(name));
        names.insert(job.clone());
        let path = dir.join(format!("{job}.toml"));
        let (user, group) = account(service).unzip();
        let group = group.flatten();
        let window_ms = seen.observation.window_ms;
        let asleep = service.main().asleep.filter(|asleep| asleep.ms() > window_ms);
        let besides = Besides {
            job: &job,
            user: user.as_deref(),
            group: group.as_deref(),
            rhythm,
            asleep,
            window_ms,
            day: &day,
        };
        match create(&path, &job_file::text(service, &besides)) {
            Ok(()) => written.files.push(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                written.kept.push(path);
                continue;
            }
            Err(error) => return Err(cannot(&path, &error)),
        }
        let page = dir.join(format!("{job}.turn-off.md"));
        // It says what to do about this very process, so that an older one is of no use.
        let _ = std::fs::remove_file(&page);
        create(&page, &page_of(service, &job, seen)).map_err(|error| cannot(&page, &error))?;
        let before = Before {
            resident_bytes: (service.uss() + service.swap()).max(1),
            peak_bytes: Some(service.peak_rss()).filter(|peak| *peak > 0),
            since: Wall::from(now),
            source: BaselineSource::Audit,
            service: Some(service.name.clone()),
        };
        jobs.insert(job, before);
    }
    if !jobs.is_empty() {
        let path = dir.join(FILE_NAME);
        Baseline::add_to(&path, jobs).map_err(|problem| Failure::System(problem.to_string()))?;
    }
    Ok(written)
}

/// The user to run as, and the group where the user does not tell. An ebbd that is not root's can become nobody else; within a
/// container names and numbers are its own, and who has a number there need not have a name.
fn account(service: &Service<'_>) -> Option<(String, Option<String>)> {
    let process = &service.main().process;
    // Whoever calls a set-user-ID program chooses its words, and shall not have them run as root.
    let uid = process.caller_uid;
    if service.container.is_some() {
        let user = process.uid_map.inside(uid).filter(|user| *user != 0 && uid == process.uid)?;
        let group = processes::group_inside(process.pid)?;
        return Some((user.to_string(), Some(group.to_string())));
    }
    let name = || users::name_of(uid).unwrap_or_else(|| uid.to_string());
    nix::unistd::geteuid().is_root().then(|| (name(), None))
}

fn page_of(service: &Service<'_>, job: &str, seen: &Seen) -> String {
    let parent = service
        .members
        .iter()
        .map(|one| one.process.ppid)
        .find(|parent| service.members.iter().all(|one| one.process.pid != *parent));
    let starter = seen.observation.processes.iter().map(|one| &one.process).find(|it| Some(it.pid) == parent);
    let starter = starter
        .map(|it| Starter { name: program::name(it.exe.as_deref(), &it.arguments, &it.name), pid: it.pid });
    let unit = match &service.kind {
        Kind::Placed(place @ Place::Unit { .. }) => Some(place),
        _ => service.container.as_ref().and_then(|it| it.unit.as_ref()),
    };
    let own = nix::unistd::geteuid();
    let owner = match &service.kind {
        Kind::Placed(Place::Container { of_user, .. }) => of_user.as_ref(),
        _ => None,
    };
    let owner = owner.filter(|uid| **uid != own.to_string());
    let name = |uid: &String| uid.parse().ok().and_then(users::name_of).unwrap_or_else(|| uid.clone());
    let known = Known { starter, is_generated: unit.is_some_and(is_generated), owner: owner.map(name) };
    turn_off::page(service, job, &known)
}

/// Whether a generator has made a unit, going by where they put theirs (systemd.generator(7)). Those for init scripts, which
/// can be disabled, are elsewhere.
fn is_generated(unit: &Place) -> bool {
    let Place::Unit { name, of_user } = unit else { return false };
    let run = of_user.as_ref().map_or_else(|| PathBuf::from("/run"), |uid| Path::new("/run/user").join(uid));
    run.join("systemd/generator").join(name).exists()
}

/// That a directory, if it is there, is not one in which everybody may make files, such as `/tmp`. Asked before the look, too,
/// which may take long.
///
/// # Errors
/// It is.
pub(super) fn may_write(dir: &Path) -> Result<(), Failure> {
    match std::fs::metadata(dir) {
        Ok(facts) if facts.permissions().mode() & 0o002 != 0 => Err(Failure::Usage(format!(
            "--write {}: everybody can write there, so a job file in it could be anybody's; name another directory",
            dir.display()
        ))),
        _ => Ok(()),
    }
}

/// A new file, for its owner alone: what a process was called with can be a secret.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_where_everybody_can_write() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |mode| {
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let written = all(dir.path(), &[], &Seen::default(), jiff::Timestamp::UNIX_EPOCH);
            written.map(|_| ()).map_err(|failure| failure.exit_code().0)
        };
        assert_eq!((mode(0o755), mode(0o1777), mode(0o777)), (Ok(()), Err(2), Err(2)));
    }
}

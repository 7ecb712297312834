//! Where the baseline comes from: a file beside the job files, one that was named, or the command line, which wins.

use std::collections::BTreeMap;
use std::path::Path;

use crate::baseline::{self, Baseline, Before};
use crate::cli::failure::Failure;
use crate::job::Bytes;
use crate::problem::hints::nearest;
use crate::report::{Against, JobTold, Told};
use crate::words::BaselineSource;

/// By name of job.
type Found = BTreeMap<String, Against>;

/// What `--before JOB=SIZE` says.
///
/// # Errors
/// A job that is named twice.
pub(super) fn given(before: &[(String, Bytes)]) -> Result<Found, Failure> {
    let mut found = Found::new();
    for (job, bytes) in before {
        let against = Against {
            resident_bytes: bytes.0,
            peak_bytes: None,
            since: None,
            source: BaselineSource::Given,
            service: None,
        };
        if found.insert(job.clone(), against).is_some() {
            return Err(Failure::Usage(format!("--before names the job `{job}` twice")));
        }
    }
    Ok(found)
}

/// What the file says, and what is to be said of it. One that was not named need not be there, nor be one that this user may
/// read.
///
/// # Errors
/// The file that was named can't be read, or either has a mistake.
pub(super) fn read(named: Option<&Path>, jobs_dir: Option<&str>) -> Result<(Found, Vec<String>), Failure> {
    let beside = jobs_dir.map(|dir| Path::new(dir).join(baseline::FILE_NAME));
    let Some(path) = named.or(beside.as_deref()) else { return Ok(Default::default()) };
    let read = match Baseline::read(path) {
        Err(_) if named.is_none() && !may_read(path) => {
            let remark = format!("{}: the baseline is there, and you may not read it", path.display());
            return Ok((Found::new(), vec![remark]));
        }
        read => read.map_err(|problem| Failure::Unusable(problem.to_string()))?,
    };
    match read {
        Some(baseline) => {
            Ok((baseline.jobs.into_iter().map(|(job, before)| (job, before.into())).collect(), Vec::new()))
        }
        None if named.is_some() => Err(Failure::Usage(format!("{}: there is no such file", path.display()))),
        None => Ok(Default::default()),
    }
}

fn may_read(path: &Path) -> bool {
    !std::fs::File::open(path).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

impl From<Before> for Against {
    fn from(before: Before) -> Self {
        Self {
            resident_bytes: before.resident_bytes,
            peak_bytes: before.peak_bytes,
            since: Some(before.since),
            source: before.source,
            service: before.service,
        }
    }
}

/// Whether all jobs that the command line names are ones that are defined, or of which the journal tells.
///
/// # Errors
/// One is not, with the one that was likely meant.
pub(super) fn are_known(handed: &[String], defined: &[String], told: &Told) -> Result<(), Failure> {
    let has_run = |job: &&JobTold| job.used.runs + job.used.alive > 0 || !job.skips.is_empty();
    let ran = told.jobs.iter().filter(has_run).map(|job| job.job.as_str());
    let known: Vec<&str> = defined.iter().map(String::as_str).chain(ran).collect();
    let Some(unknown) = handed.iter().find(|job| !known.contains(&job.as_str())) else { return Ok(()) };
    let meant = nearest(unknown, known.iter().copied());
    let meant = meant.map_or_else(String::new, |job| format!("; did you mean `{job}`?"));
    Err(Failure::Usage(format!(
        "--before: no job `{unknown}` is defined, and none of that name has run{meant}"
    )))
}

//! Where outputs lie: `output/JOB/RUN.log` below the state directory, the newest `keep` of each job.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::journal::record::RunId;
use crate::sys::{self, output};

/// The outputs of all jobs.
pub(super) struct Outputs(PathBuf);

impl Outputs {
    pub(super) fn of(state: &Path) -> Self {
        Self(state.join("output"))
    }

    fn file(&self, job: &str, run: RunId) -> PathBuf {
        self.0.join(job).join(format!("{run}.log"))
    }

    /// Whether a run has a file.
    pub(super) fn has(&self, job: &str, run: RunId) -> bool {
        self.file(job, run).exists()
    }

    /// A new run's file, for appending.
    pub(super) fn create(&self, job: &str, run: RunId) -> io::Result<OwnedFd> {
        let path = self.file(job, run);
        std::fs::create_dir_all(self.0.join(job))?;
        output::create(&path)
    }

    /// Removes the file of a run that never began.
    pub(super) fn discard(&self, job: &str, run: RunId) {
        // Where there is none, or it can't be removed, nothing is lost.
        let _ = std::fs::remove_file(self.file(job, run));
    }

    /// A run's file, or that of the newest run that has one; none where there is none.
    pub(super) fn open(&self, job: &str, run: Option<RunId>) -> io::Result<Option<(RunId, File)>> {
        let run = match run {
            Some(run) => Some(run),
            None => self.runs(job)?.into_iter().max(),
        };
        let Some(run) = run else { return Ok(None) };
        // The file is its job's user's own, who may hold a lease on it (fcntl(2), F_SETLEASE): never wait for that.
        let open =
            File::options().read(true).custom_flags(sys::durable::NON_BLOCKING).open(self.file(job, run));
        match open {
            Ok(file) => Ok(Some((run, file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes all but the newest `keep` files of a job, those of `live` runs apart.
    pub(super) fn prune(&self, job: &str, keep: usize, live: impl Fn(RunId) -> bool) -> io::Result<()> {
        let mut runs = self.runs(job)?;
        runs.sort_unstable();
        let surplus = runs.len().saturating_sub(keep);
        for run in runs.into_iter().take(surplus).filter(|run| !live(*run)) {
            std::fs::remove_file(self.file(job, run))?;
        }
        Ok(())
    }

    fn runs(&self, job: &str) -> io::Result<Vec<RunId>> {
        let entries = match std::fs::read_dir(self.0.join(job)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if let Some(run) = name.to_str().and_then(|n| n.strip_suffix(".log")).and_then(|n| n.parse().ok())
            {
                runs.push(run);
            }
        }
        Ok(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_files_are_kept_and_those_of_live_runs_whatever_their_age() {
        let dir = tempfile::tempdir().unwrap();
        let outputs = Outputs::of(dir.path());
        for run in [1, 2, 9, 10, 11] {
            outputs.create("a", run).unwrap();
        }
        std::fs::write(dir.path().join("output/a/notes.txt"), "mine").unwrap();
        outputs.prune("a", 2, |run| run == 1).unwrap();
        let mut left = outputs.runs("a").unwrap();
        left.sort_unstable();
        assert_eq!(left, [1, 10, 11]);
        assert!(dir.path().join("output/a/notes.txt").exists());
        assert_eq!(outputs.open("a", None).unwrap().map(|(run, _)| run), Some(11));
        assert!(outputs.open("a", Some(9)).unwrap().is_none());
        assert!(outputs.open("b", None).unwrap().is_none());
    }
}

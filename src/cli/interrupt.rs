//! Ctrl-C in a client that waits for a run: the run goes on, and the user is told so. Knows no socket.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::exit;

use super::failure::Failure;

/// Tells, from a thread of its own, that a run goes on when the client is interrupted.
pub(super) struct Interrupt {
    /// The run, 0 as long as it is not accepted. Run numbers begin at 1.
    run: Arc<AtomicU64>,
}

impl Interrupt {
    /// From now on Ctrl-C ends the client with a word about the job.
    ///
    /// # Errors
    /// When the system has no room for a handler or a thread.
    pub(super) fn watch(job: &str) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::system("Ctrl-C can't be watched for", &e);
        let run = Arc::new(AtomicU64::new(0));
        let mut signals = Signals::new([SIGINT]).map_err(failed)?;
        let (shared, job) = (Arc::clone(&run), job.to_owned());
        let wait = move || {
            if signals.forever().next().is_some() {
                let word = word(shared.load(Ordering::Relaxed), &job);
                let _ = writeln!(std::io::stderr(), "\n{word}");
                std::process::exit(exit::INTERRUPTED.0.into());
            }
        };
        std::thread::Builder::new().name("interrupt".to_owned()).spawn(wait).map_err(failed)?;
        Ok(Self { run })
    }

    /// From now on the word names this run.
    pub(super) fn accepted(&self, run: u64) {
        self.run.store(run, Ordering::Relaxed);
    }
}

fn word(run: u64, job: &str) -> String {
    match run {
        0 => format!("ebbd had not answered yet; `ebb status {job}` shows whether it has accepted the run"),
        run => format!(
            "run {run} of {job} goes on; `ebb stop --run {run}` ends it, `ebb logs {job} -f` follows it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_user_learns_how_to_stop_the_run() {
        assert!(word(42, "indexer").contains("run 42 of indexer goes on; `ebb stop --run 42`"));
        assert!(word(0, "indexer").contains("had not answered"));
    }
}

//! `ebb doctor`: how ebbd stands on this host, and what goes otherwise than files say.

use crate::engine::ClientId;
use crate::protocol::{DoctorReport, Refusal};

use super::access::Caller;
use super::shell::Shell;

impl Shell {
    pub(super) fn doctor(&mut self, client: ClientId, caller: &Caller) -> Result<(), Refusal> {
        self.needs_control(caller, "see how ebbd stands")?;
        let places = &self.options.places;
        let report = DoctorReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uid: self.gate.own_uid,
            enforcement: self.ladder.enforcement().to_string(),
            tracking: self.ladder.tracking(),
            reasons: self.ladder.reasons().to_vec(),
            jobs: places.jobs.display().to_string(),
            state: places.state.display().to_string(),
            job_count: self.engine.job_count() as u64,
            problems: self.problems.clone(),
            remarks: self.remarks(),
        };
        self.answer(client, &report);
        Ok(())
    }

    fn remarks(&self) -> Vec<String> {
        let unheld =
            self.unheld_limits().into_iter().map(|job| format!("nothing here holds limits of {job}"));
        unheld.chain(self.without_journal()).chain(self.keeps_group_out()).collect()
    }
}

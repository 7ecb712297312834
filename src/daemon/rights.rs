//! What a caller may do, held against the definitions in force: the rule is `access`', the names are the host's.

use std::collections::BTreeSet;

use crate::engine::JobIndex;
use crate::job::{Allow, Definition};
use crate::journal::record::RunId;
use crate::protocol::Refusal;

use super::access::{Caller, Right};
use super::history::MaySee;
use super::names::{self, Book};
use super::options::DEFAULT_GROUP;
use super::shell::Shell;

type Handled<T> = Result<T, Refusal>;

impl Shell {
    /// The definition of a job that the caller has at least this right to.
    pub(super) fn needs(&self, caller: &Caller, job: &str, wanted: Right) -> Handled<Definition> {
        let found = self.definition(job);
        let allow = found.as_ref().map_or_else(Allow::default, |d| d.allow.clone());
        let right = self.gate.right(caller, &allow, &Book);
        if right >= wanted {
            // Who may do everything may also learn that there is no such job.
            return found.ok_or_else(|| Refusal::NoSuchJob(job.to_owned()));
        }
        let (verb, how) = match wanted {
            Right::View | Right::Nothing => ("see", "`[allow] view`"),
            Right::Run => ("run or stop", "`[allow] run`"),
            Right::Control => ("pause or resume", ""),
        };
        let or_listed = if how.is_empty() { String::new() } else { format!(", or are listed in its {how}") };
        Err(Refusal::NotAllowed(format!(
            "{} may not {verb} `{job}`: that is for root, ebbd's own user and members of {}{or_listed}",
            names::describe(caller.uid),
            self.control_group(),
        )))
    }

    /// The job of a run that has not ended. Who may not see it learns no more than of a run that never was.
    pub(super) fn job_of_visible(&self, caller: &Caller, run: RunId) -> Handled<String> {
        let job = self.engine.job_of(run).filter(|job| self.right(caller, job) >= Right::View);
        job.map(str::to_owned).ok_or(Refusal::NoSuchRun(run))
    }

    pub(super) fn needs_control(&self, caller: &Caller, what: &str) -> Handled<()> {
        if self.gate.has_control(caller) {
            return Ok(());
        }
        Err(Refusal::NotAllowed(format!(
            "{} may not {what}: that is for root, ebbd's own user and members of {}",
            names::describe(caller.uid),
            self.control_group(),
        )))
    }

    fn control_group(&self) -> String {
        match self.gate.control_gid {
            Some(_) => format!("group {}", self.control_group_name()),
            None => "the control group (none is set up here)".to_owned(),
        }
    }

    /// The control group, where there is one, as it is written.
    pub(super) fn control_group_name(&self) -> &str {
        self.options.group.as_deref().unwrap_or(DEFAULT_GROUP)
    }

    /// What the caller may do with a job by its name.
    pub(super) fn right(&self, caller: &Caller, job: &str) -> Right {
        let allow = self.definition(job).map_or_else(Allow::default, |d| d.allow);
        self.gate.right(caller, &allow, &Book)
    }

    /// What the caller may see of the history, decided once for all jobs that are loaded; others are for those who
    /// may do everything.
    pub(super) fn may_see(&self, caller: &Caller) -> MaySee {
        if self.gate.has_control(caller) {
            return Box::new(|_| true);
        }
        let jobs = (0..self.engine.job_count()).filter_map(|index| self.engine.job(JobIndex(index)));
        let visible: BTreeSet<String> = jobs
            .filter(|view| self.right(caller, view.name) >= Right::View)
            .map(|view| view.name.to_owned())
            .collect();
        Box::new(move |job| visible.contains(job))
    }
}

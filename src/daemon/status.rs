//! `ebb status`: a job at a time, each made when the client has read the one before.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::{Mono, Wall};
use crate::engine::{self, ClientId, JobIndex, JobView, RunView};
use crate::job::Definition;
use crate::learn::Learned;
use crate::protocol::{
    JobStatus, LastRun, LearnedStatus, MemoryStatus, Refusal, Reply, RunStatus, StatusReply, Waits, encode,
};
use crate::sys::users;

use super::access::{Caller, Right};
use super::client::Answer;
use super::directory::Deferred;
use super::names::Book;
use super::shell::Shell;
use super::store::Stored;

impl Shell {
    pub(super) fn status(
        &mut self,
        client: ClientId,
        caller: &Arc<Caller>,
        job: Option<String>,
        more: bool,
    ) -> Result<(), Refusal> {
        let Some(job) = job else {
            if !more {
                return Err(Refusal::ExpectedMore);
            }
            self.more_status(client, caller, 0);
            return Ok(());
        };
        let status = match self.engine.job_index(&job) {
            None if self.gate.has_control(caller) && self.strays().contains(&job) => self.stray_status(job),
            index => {
                self.needs(caller, &job, Right::View)?;
                self.job_status(index.ok_or(Refusal::NoSuchJob(job))?)?
            }
        };
        self.answer(client, &StatusReply { job: Some(status), problems: Vec::new() });
        Ok(())
    }

    /// The next job from `from` on that the caller may see; the problems after the last.
    pub(super) fn more_status(&mut self, client: ClientId, caller: &Arc<Caller>, from: usize) {
        for next in from..self.engine.job_count() {
            let asked = users::asked();
            match self.visible_status(caller, JobIndex(next)) {
                Ok(None) if users::asked() != asked => {
                    return self.defer(Deferred::Status { client, caller: Arc::clone(caller), next });
                }
                Ok(None) => {}
                Ok(Some(status)) => {
                    let parameters = StatusReply { job: Some(status), problems: Vec::new() };
                    if let Ok(bytes) = encode(&Reply { parameters, continues: true }) {
                        self.send(client, Answer::Status { bytes, next: next + 1 });
                    }
                    return;
                }
                Err(refusal) => return self.refuse(client, &refusal),
            }
        }
        // Jobs that are gone while a run of them is not; whom they were open to is no longer known.
        let strays = if self.gate.has_control(caller) { self.strays() } else { Vec::new() };
        if let Some(job) = strays.into_iter().nth(from.saturating_sub(self.engine.job_count())) {
            let parameters = StatusReply { job: Some(self.stray_status(job)), problems: Vec::new() };
            if let Ok(bytes) = encode(&Reply { parameters, continues: true }) {
                let next = from.max(self.engine.job_count()) + 1;
                self.send(client, Answer::Status { bytes, next });
            }
            return;
        }
        let problems = if self.gate.has_control(caller) { self.problems.clone() } else { Vec::new() };
        self.answer(client, &StatusReply { job: None, problems });
    }

    fn visible_status(&self, caller: &Caller, index: JobIndex) -> Result<Option<JobStatus>, Refusal> {
        let stored = self.stored(index)?;
        let right = self.gate.right(caller, &stored.definition.allow, &Book);
        Ok((right >= Right::View).then(|| self.status_of(index, stored)).flatten())
    }

    fn job_status(&self, index: JobIndex) -> Result<JobStatus, Refusal> {
        let stored = self.stored(index)?;
        self.status_of(index, stored).ok_or_else(|| Refusal::System("the job is gone".to_owned()))
    }

    fn stored(&self, index: JobIndex) -> Result<Stored, Refusal> {
        let at = self.engine.job(index).map(|view| view.definition);
        let at = at.ok_or_else(|| Refusal::System("the job is gone".to_owned()))?;
        self.store.get(at).map_err(|e| Refusal::System(format!("a definition can't be read back: {e}")))
    }

    fn status_of(&self, index: JobIndex, stored: Stored) -> Option<JobStatus> {
        let view = self.engine.job(index)?;
        let last = view.last.map(|last| LastRun {
            run: last.run,
            outcome: last.outcome,
            finished_at: last.at.to_string(),
        });
        Some(JobStatus {
            job: view.name.to_owned(),
            state: state(&view).to_owned(),
            enabled: view.enabled,
            paused: view.paused,
            next: view.next.map(|next| next.at.to_string()),
            last,
            runs: view.runs.iter().map(|run| self.run_status(run)).collect(),
            stale: self.stale(&stored),
            unheld: self.ladder.unheld(&stored.definition),
            timeout_ms: stored.definition.timeout_ms,
            memory: memory_status(&view, &stored.definition),
            schedule: stored.definition.timing.schedules,
            timezone: stored.definition.timing.timezone,
            every_ms: stored.definition.timing.every_ms,
            description: stored.definition.description,
        })
    }

    /// Names of jobs that are gone while runs of them are not, in order.
    fn strays(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.engine.stray_runs().map(|(job, _)| job).collect();
        // A file with a problem is no removed job: the problem is shown in its place.
        names.into_iter().filter(|job| !self.refused.contains(*job)).map(str::to_owned).collect()
    }

    fn stray_status(&self, job: String) -> JobStatus {
        let runs = self.engine.stray_runs().filter(|(of, _)| *of == job);
        JobStatus {
            description: String::new(),
            enabled: false,
            paused: false,
            state: "removed".to_owned(),
            schedule: Vec::new(),
            timezone: None,
            every_ms: None,
            next: None,
            last: None,
            runs: runs.map(|(_, run)| self.run_status(&run)).collect(),
            unheld: Vec::new(),
            stale: Some("its file is gone; what runs goes on until it ends".to_owned()),
            timeout_ms: None,
            memory: MemoryStatus::default(),
            job,
        }
    }

    fn run_status(&self, run: &RunView) -> RunStatus {
        let peak = self.live.iter().find(|live| live.id == run.id).and_then(|live| live.peak_so_far());
        RunStatus {
            run: run.id,
            trigger: run.trigger,
            attempt: run.attempt,
            state: run.state.to_owned(),
            queued_at: run.queued_at.to_string(),
            started_at: run.started_at.as_ref().map(Wall::to_string),
            peak_anon_bytes: peak,
            lacks: run.lacks.clone(),
            claim_bytes: run.claim,
            waits: run.waits.as_ref().map(waits),
        }
    }

    /// Why the file as it is now is not what is in force.
    fn stale(&self, stored: &Stored) -> Option<String> {
        if self.refused.contains(&stored.definition.name) {
            return Some(
                "its file has a problem, so the version that was loaded before stays in force".to_owned(),
            );
        }
        match stored.is_current() {
            Ok(true) => None,
            Ok(false) => {
                Some("its file has changed since it was loaded; `ebb reload` takes it over".to_owned())
            }
            Err(_) => Some("its file is gone; `ebb reload` removes the job".to_owned()),
        }
    }
}

fn waits(waits: &engine::Waits) -> Waits {
    let engine::Waits { since, resource, needs, free, behind, likely, sentence } = waits.clone();
    let now = crate::sys::clock::now();
    let ahead_ms = |at: Mono| i64::try_from(at.0.saturating_sub(now.mono.0)).unwrap_or(i64::MAX);
    let likely_at = likely.map(|at| now.wall.plus_ms(ahead_ms(at)).to_string());
    Waits { since: since.to_string(), resource, needs, free, behind, likely_at, sentence }
}

fn memory_status(view: &JobView<'_>, job: &Definition) -> MemoryStatus {
    MemoryStatus {
        max_bytes: job.memory.max,
        claim_bytes: Some(view.claim.0),
        claim_source: Some(view.claim.1),
        priority: job.priority,
        pool: job.pool.clone(),
        learned: (view.learned != Learned::EMPTY).then(|| learned_status(&view.learned)),
    }
}

fn learned_status(learned: &Learned) -> LearnedStatus {
    let (bytes, ms) = (|kib: u32| u64::from(kib) * 1024, |cs: u32| u64::from(cs) * 10);
    LearnedStatus {
        runs: learned.runs,
        cut: learned.cut,
        peak_bytes: bytes(learned.peak_kib.mean),
        peak_deviation_bytes: bytes(learned.peak_kib.deviation),
        highest_bytes: bytes(learned.highest_kib),
        duration_ms: ms(learned.duration_cs.mean),
        duration_deviation_ms: ms(learned.duration_cs.deviation),
        longest_ms: ms(learned.longest_cs),
    }
}

fn state(view: &JobView<'_>) -> &'static str {
    let is_in = |state| view.runs.iter().any(|run| run.state == state);
    if is_in("running") {
        "running"
    } else if is_in("starting") {
        "starting"
    } else if is_in("stopping") {
        "stopping"
    } else if is_in("waiting") {
        "waiting"
    } else if view.paused {
        "paused"
    } else if !view.enabled {
        "off"
    } else {
        "idle"
    }
}

//! What must hold after a crash and a restart, held against the journal, against what the jobs wrote, and against what is
//! left on the host. Asks ebbd nothing: everything has ended by then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::scenario::World;

/// What is known to have happened on top of the crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// ebbd alone died: what it had written is there, and so are its runs.
    Ebbd,
    /// The power went: what was not synced may be gone, and with it the memory of a start.
    Power,
    /// Nobody died: a call failed. A run may fail for it, and an answer may say no.
    Nothing,
}

/// Panics with the first promise that was broken.
pub(crate) fn judge(world: &World, cut: Cut) {
    let book = Book::of(world);
    book.every_run_ends_once();
    book.what_was_accepted_was_done(world, cut);
    book.nothing_ran_that_was_not_wanted(world, cut);
    book.failures_are_tried_again();
    nothing_is_left(world, (cut != Cut::Power).then_some(&book.started));
    no_warnings(world, cut);
}

/// The journal by run.
#[derive(Default)]
struct Book {
    queued: BTreeMap<u64, Value>,
    started: BTreeSet<u64>,
    finished: BTreeMap<u64, Vec<Value>>,
    skipped: Vec<Value>,
}

impl Book {
    fn of(world: &World) -> Self {
        let mut book = Self::default();
        for record in world.journal() {
            let id = record["id"].as_u64().unwrap_or(0);
            match record["event"].as_str().unwrap() {
                "queued" => drop(book.queued.insert(id, record)),
                "started" => drop(book.started.insert(id)),
                "finished" => book.finished.entry(id).or_default().push(record),
                "skipped" => book.skipped.push(record),
                _ => {}
            }
        }
        book
    }

    fn end(&self, run: u64) -> &Value {
        &self.finished[&run][0]
    }

    fn every_run_ends_once(&self) {
        for run in self.queued.keys() {
            let ends = self.finished.get(run).map_or(0, Vec::len);
            assert_eq!(ends, 1, "run {run} has {ends} ends: {:?}", self.finished.get(run));
        }
        for run in self.finished.keys() {
            assert!(self.queued.contains_key(run), "run {run} ended and was never queued");
        }
    }

    fn what_was_accepted_was_done(&self, world: &World, cut: Cut) {
        let did = world.did();
        for (run, job) in &world.accepted {
            assert!(
                self.queued.contains_key(run),
                "run {run} of {job} was accepted and is not in the journal"
            );
            let end = self.end(*run);
            let outcome = end["outcome"].as_str().unwrap();
            let allowed: &[&str] = match *job {
                "gated" | "plain" => &["success"],
                "flaky" => &["exit-code"],
                "repl" => &["canceled"],
                "slow" => &["timeout"],
                "long" => &["canceled", "signal"],
                "gone" => &["success", "skipped"],
                _ => &[],
            };
            // `canceled`: by the end of ebbd at the end of the scenario.
            let more: &[&str] = if cut == Cut::Nothing {
                &["start-failed", "lost", "canceled"]
            } else {
                &["lost", "canceled"]
            };
            let allowed = allowed.iter().chain(more);
            assert!(allowed.into_iter().any(|o| *o == outcome), "run {run} of {job} ended as {end}");
            let has_run = did.iter().any(|(_, id, _)| id == run);
            assert!(has_run || !["success", "exit-code"].contains(&outcome), "run {run} did nothing: {end}");
        }
        for (_, run, wrote) in did.iter().filter(|(job, _, wrote)| job == "plain" && !wrote.is_empty()) {
            assert_eq!(wrote, "with payload", "run {run} got something else");
        }
        for run in &world.stopped {
            let end = self.end(*run);
            assert_eq!(end["outcome"], "canceled", "run {run} was stopped: {end}");
            let again = self.queued.values().find(|q| q["retry_of"] == *run);
            assert!(again.is_none(), "what was stopped is tried again: {again:?}");
        }
    }

    fn nothing_ran_that_was_not_wanted(&self, world: &World, cut: Cut) {
        let mut times: BTreeMap<u64, u32> = BTreeMap::new();
        for (_, run, _) in world.did() {
            *times.entry(run).or_default() += 1;
        }
        if cut == Cut::Power {
            return;
        }
        for (run, times) in &times {
            assert_eq!(*times, 1, "run {run} ran {times} times");
            assert!(self.queued.contains_key(run), "run {run} ran and nobody asked for it");
            // A run that could not be watched was ended before it was known to have started.
            let is_known =
                self.started.contains(run) || (cut == Cut::Nothing && self.end(*run)["outcome"] == "lost");
            assert!(is_known, "run {run} ran, and the journal does not know: {}", self.end(*run));
        }
        let slots: Vec<&Value> = self
            .queued
            .values()
            .chain(&self.skipped)
            .filter(|q| q["trigger"] == "schedule")
            .map(|q| &q["slot"])
            .collect();
        let unique: BTreeSet<String> = slots.iter().map(|slot| slot.to_string()).collect();
        assert_eq!(slots.len(), unique.len(), "a slot was dealt with twice: {slots:?}");
    }

    fn failures_are_tried_again(&self) {
        for (run, ends) in &self.finished {
            let end = &ends[0];
            let has_failed = ["exit-code", "signal", "timeout", "start-failed", "lost"]
                .contains(&end["outcome"].as_str().unwrap());
            if has_failed && end["attempt"] == 1 && ["flaky", "long"].contains(&end["job"].as_str().unwrap())
            {
                let again = self.queued.values().filter(|q| q["retry_of"] == *run).count();
                let stands_in =
                    self.queued.values().any(|q| q["job"] == end["job"] && q["id"].as_u64() > Some(*run));
                assert!(again == 1 || stands_in, "run {run} failed and was tried again {again} times: {end}");
            }
        }
    }
}

/// `started`: the runs that may have an output; what a power cut took from the journal has left one.
fn nothing_is_left(world: &World, started: Option<&BTreeSet<u64>>) {
    let inputs = std::fs::read_dir(world.ebbd.path("state/input")).into_iter().flatten().flatten();
    let inputs: Vec<_> = inputs.map(|entry| entry.file_name()).collect();
    assert!(inputs.is_empty(), "payloads are left: {inputs:?}");
    let processes = world.processes();
    assert!(processes.is_empty(), "processes are left: {processes:?}");
    let mark = world.mark();
    let left: Vec<_> = ebb_cgroups().into_iter().filter(|dir| dir.ends_with(&mark)).collect();
    assert!(left.is_empty(), "control groups are left: {left:?}");
    assert!(!world.ebbd.socket().exists(), "the socket is left");
    for (job, run) in outputs(world) {
        assert!(
            started.is_none_or(|s| s.contains(&run)),
            "an output of run {run} of {job} is left, which never began"
        );
    }
}

fn outputs(world: &World) -> Vec<(String, u64)> {
    let list = |path: std::path::PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten();
    let jobs = list(world.ebbd.path("state/output"));
    jobs.flat_map(|job| {
        list(job.path()).filter_map(move |file| {
            let run = file.file_name().to_str()?.strip_suffix(".log")?.parse().ok()?;
            Some((job.file_name().to_string_lossy().into_owned(), run))
        })
    })
    .collect()
}

/// Directories below ebbd's own control groups, in every hierarchy.
fn ebb_cgroups() -> Vec<String> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own: BTreeSet<&str> = own.lines().filter_map(|line| line.rsplit(':').next()).chain(["/"]).collect();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        words[2].starts_with("cgroup").then(|| words[1].to_owned())
    });
    let places =
        mounts.flat_map(|mount| own.iter().map(move |at| format!("{mount}{at}")).collect::<Vec<_>>());
    let entries = places.flat_map(|place| std::fs::read_dir(place).into_iter().flatten().flatten());
    entries.map(|entry| entry.path().display().to_string()).collect()
}

fn no_warnings(world: &World, cut: Cut) {
    if cut == Cut::Nothing {
        return;
    }
    let log = world.ebbd.log();
    let about = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    for line in log.lines().filter(about).filter(|line| line.contains("journal")) {
        let is_torn = line.contains("were not a whole record") && cut == Cut::Power;
        let is_rotation = line.contains("a rotation of the journal was cut short");
        // A sync that was made to fail.
        let is_failure = line.contains("cannot bring the journal to disk");
        assert!(is_torn || is_rotation || is_failure, "{line}");
    }
}

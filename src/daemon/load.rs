//! Job files into force: read and checked one at a time, kept in the store, handed to the engine as what it decides by.

use std::collections::BTreeSet;
use std::path::Path;

use crate::clock::Wall;
use crate::engine::{Budget, Event, JobIndex, Loaded, Policy, Refused};
use crate::hash::fnv1a;
use crate::host::SystemHost;
use crate::job::{self, Allow, Definition, Host, Timing};
use crate::limits;
use crate::protocol::ReloadReport;
use crate::schedule::{self, Schedule};
use crate::settings::{BudgetRoom, Settings, below_every_claim};
use crate::sys;

use super::directory::Deferred;
use super::shell::Shell;
use super::store::{Store, Stored};

/// What a directory of job files holds.
#[derive(Default)]
pub(super) struct Harvest {
    pub(super) jobs: Vec<Loaded>,
    /// Each as it is printed.
    pub(super) problems: Vec<String>,
    /// Names of the files that have errors.
    pub(super) refused: BTreeSet<String>,
    /// Whether any job's `[allow]` lets in callers from outside of the control group.
    pub(super) has_guests: bool,
    /// Whether the directory itself could not be read.
    pub(super) is_unreadable: bool,
    /// Whether a definition could not be kept, for want of room.
    pub(super) lacks_room: bool,
    /// The least that any job file declares as its claim.
    pub(super) least_claim: Option<u64>,
}

/// Reads a directory of job files, which are held against a budget, into a store.
pub(super) fn harvest(dir: &Path, store: &mut Store, budget: &Budget) -> Harvest {
    let mut harvest = Harvest::default();
    let room = BudgetRoom::new(budget);
    let host = Host { room: Some(&room), ..Host::from(&SystemHost) };
    let read = job::load_dir(dir, host, &mut |path, loaded| match loaded {
        Ok(loaded) => harvest.take_in(path, loaded, store),
        Err(problems) => {
            harvest.refused.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            harvest.problems.extend(problems.iter().map(ToString::to_string));
        }
    });
    if let Err(problems) = read {
        harvest.is_unreadable = true;
        harvest.problems.extend(problems.iter().map(ToString::to_string));
    }
    harvest.least_claim = room.least_claim();
    harvest.jobs.sort_by(|a, b| a.name.cmp(&b.name));
    harvest
}

impl Harvest {
    /// Adds the problem of a budget that no claim fits into.
    pub(super) fn hold_against(&mut self, path: &Path, settings: &Settings, budget: &Budget) {
        let problem = self.least_claim.and_then(|least| below_every_claim(path, settings, budget, least));
        self.problems.extend(problem.map(|problem| problem.to_string()));
    }

    fn take_in(&mut self, path: &Path, loaded: job::Loaded, store: &mut Store) {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        self.put(
            Stored { definition: loaded.definition, path: path.to_owned(), stamp: loaded.stamp.into() },
            store,
        );
    }

    pub(super) fn put(&mut self, stored: Stored, store: &mut Store) {
        let job = &stored.definition;
        let (name, policy, timing) = (job.name.clone(), Policy::from(job), fingerprint(job));
        match store.put(&stored) {
            Ok(definition) => {
                self.has_guests |= job.allow != Allow::default();
                self.jobs.push(Loaded { name, policy, timing, definition });
            }
            Err(error) => {
                self.problems.push(format!("{name}: cannot keep its definition: {error}"));
                // It is not gone for that: what waits for it waits on.
                self.refused.insert(name);
                self.lacks_room = true;
            }
        }
    }
}

impl Shell {
    /// Reads the job files and the budget again, now or, where that waits for a directory service, as soon as it has answered.
    pub(super) fn reload(&mut self) {
        if self.try_reload().is_none() {
            self.defer(Deferred::Reload);
        }
    }

    /// Reads the job files again. A file with a problem leaves the version in force that was loaded before. None, and nothing
    /// has changed, where a directory service has to be asked for the users of some of them.
    pub(super) fn try_reload(&mut self) -> Option<ReloadReport> {
        self.notify_reloading();
        let report = self.read_again();
        if report.is_some() {
            self.notify_ready();
        }
        report
    }

    fn read_again(&mut self) -> Option<ReloadReport> {
        let places = &self.options.places;
        let fresh = sys::durable::nameless(&places.state).map(Store::new);
        let mut store = match fresh {
            Ok(store) => store,
            Err(error) => {
                let problem = format!("no room for definitions: {error}");
                return Some(nothing_loaded(problem, self.engine.job_count()));
            }
        };
        let reread = self.read_settings();
        let budget = reread.as_ref().map_or(self.engine.budget(), |(_, budget)| budget);
        let asked = sys::users::asked();
        let mut harvest = harvest(&places.jobs, &mut store, budget);
        if sys::users::asked() != asked {
            return None;
        }
        self.tell_of_settings(&reread, &mut harvest);
        if harvest.is_unreadable {
            // A directory that can't be read says nothing about its jobs: all of them stay.
            self.problems.clone_from(&harvest.problems);
            return Some(nothing_loaded(self.problems.join("\n"), self.engine.job_count()));
        }
        self.carry_over(&mut harvest, &mut store);
        if harvest.lacks_room {
            // Nothing of it is in force: half a reload would take jobs away.
            return Some(nothing_loaded(harvest.problems.join("\n"), self.engine.job_count()));
        }
        let mut report = self.compare(&harvest, &store);
        self.store = store;
        self.problems = harvest.problems;
        self.refused = harvest.refused;
        self.lacks_room = false;
        self.has_guests = harvest.has_guests;
        if let Ok((_, budget)) = reread {
            self.budget_in_force(budget);
        }
        self.handle(Event::Refused(Refused::Names(self.refused.iter().cloned().collect())));
        self.handle(Event::Load(harvest.jobs));
        self.warn_of_unheld_limits();
        self.open_socket_as_needed();
        report.jobs = self.engine.job_count() as u64;
        report.problems.clone_from(&self.problems);
        for problem in &self.problems {
            tracing::error!("{problem}");
        }
        tracing::info!(
            "reloaded: {} jobs, {} added, {} changed, {} removed, {} problems",
            report.jobs,
            report.added.len(),
            report.changed.len(),
            report.removed.len(),
            report.problems.len()
        );
        self.is_stirred = true;
        Some(report)
    }

    /// The limits of all jobs that nothing here holds, a sentence for each job that has one.
    pub(super) fn unheld_limits(&self) -> Vec<String> {
        let views = (0..self.engine.job_count()).filter_map(|index| self.engine.job(JobIndex(index)));
        let unheld = views.filter_map(|view| {
            let unheld = self.ladder.unheld(&self.store.get(view.definition).ok()?.definition);
            (!unheld.is_empty()).then(|| format!("{}: {}", view.name, unheld.join(", ")))
        });
        unheld.collect()
    }

    /// One line in the log for each load.
    pub(super) fn warn_of_unheld_limits(&self) {
        let mut jobs = self.unheld_limits();
        let count = jobs.len();
        if count > 0 {
            jobs.truncate(limits::UNHELD_NAMED_MAX);
            let more = if count > jobs.len() { "; ..." } else { "" };
            tracing::warn!(
                "{} with limits that nothing on this host holds, and runs without them ({}{more}); `ebb doctor` says \
                 why, and `enforcement = \"required\"` refuses to",
                self::count(count),
                jobs.join("; ")
            );
        }
    }

    /// Puts the loaded version of each job whose file has a problem beside the fresh ones.
    fn carry_over(&self, harvest: &mut Harvest, store: &mut Store) {
        for name in harvest.refused.clone() {
            if harvest.jobs.iter().any(|job| job.name == name) {
                continue;
            }
            let Some(view) = self.engine.job_index(&name).and_then(|index| self.engine.job(index)) else {
                continue;
            };
            match self.store.get(view.definition) {
                Ok(stored) => harvest.put(stored, store),
                Err(error) => {
                    harvest.problems.push(format!("{name}: cannot keep its loaded version: {error}"));
                }
            }
        }
        harvest.jobs.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn compare(&self, harvest: &Harvest, store: &Store) -> ReloadReport {
        let mut report = ReloadReport::default();
        for job in &harvest.jobs {
            match self.definition(&job.name) {
                None => report.added.push(job.name.clone()),
                Some(old) if store.get(job.definition).is_ok_and(|new| new.definition != old) => {
                    report.changed.push(job.name.clone());
                }
                Some(_) => {}
            }
        }
        for index in 0..self.engine.job_count() {
            if let Some(view) = self.engine.job(JobIndex(index))
                && harvest.jobs.binary_search_by(|job| job.name.as_str().cmp(view.name)).is_err()
            {
                report.removed.push(view.name.to_owned());
            }
        }
        report
    }

    /// The definition in force of a job by its name.
    pub(super) fn definition(&self, name: &str) -> Option<Definition> {
        let view = self.engine.job(self.engine.job_index(name)?)?;
        match self.store.get(view.definition) {
            Ok(stored) => Some(stored.definition),
            Err(error) => {
                tracing::error!(job = name, "its definition can't be read back: {error}");
                None
            }
        }
    }

    /// The first slot of a job's schedule after an instant. The schedule is parsed for this and forgotten again.
    pub(super) fn slot_after(&self, job: JobIndex, after: Wall) -> Option<Wall> {
        let view = self.engine.job(job)?;
        let stored = self.store.get(view.definition).inspect_err(|error| {
            tracing::error!(
                job = view.name,
                "its next start can't be told, since its definition can't be read: {error}"
            );
        });
        let stored = stored.ok()?;
        next_slot(view.name, &stored.definition.timing, after)
    }
}

fn next_slot(name: &str, timing: &Timing, after: Wall) -> Option<Wall> {
    let schedules: Vec<Schedule> =
        timing.schedules.iter().filter_map(|text| Schedule::parse(text, name).ok()).collect();
    let zone = timing.timezone.clone().unwrap_or_else(sys::zoneinfo::host_zone);
    let zone = sys::zoneinfo::read(&zone)
        .and_then(|bytes| schedule::zone::from_tzif(&zone, &bytes).ok())
        .unwrap_or(jiff::tz::TimeZone::UTC);
    schedule::next_of(&schedules, after.timestamp(), &zone).map(|slot| Wall::from(slot.at))
}

/// A number that changes with a job's timing.
fn fingerprint(job: &Definition) -> u32 {
    let timing = &job.timing;
    let text = format!("{:?} {:?} {:?} {}", timing.schedules, timing.every_ms, timing.timezone, job.enabled);
    fnv1a(text.as_bytes())
}

/// A number of jobs in words.
pub(super) fn count(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}

fn nothing_loaded(problem: String, jobs: usize) -> ReloadReport {
    tracing::error!("{problem}");
    ReloadReport { jobs: jobs as u64, problems: vec![problem], ..ReloadReport::default() }
}

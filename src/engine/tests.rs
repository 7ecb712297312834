//! The engine as a table: one event after the other, and what has to come out.

use crate::clock::{Mono, Now, Wall};
use crate::job::Retry;
use crate::journal::State;
use crate::journal::record::{
    Event as Recorded, Finished, JobFacts, Payload, Queued, Record, RunId, Stopping, Usage,
};
use crate::words::{CatchUp, Enforcement, Outcome, Overlap, SkipReason, StopReason, Trigger};

use super::{
    Budget, DefinitionRef, Effect, Engine, Event, Exit, JobIndex, Loaded, Policy, Process, Reply, Restored,
    Room, Target,
};

pub(super) const START: i64 = 1_800_000_000_000;

/// The documented defaults.
pub(super) fn policy() -> Policy {
    Policy { enabled: true, queue_limit: 16, ..Policy::of_a_lost_job() }
}

pub(super) fn hourly() -> Policy {
    Policy { scheduled: true, catch_up: CatchUp::Once, ..policy() }
}

pub(super) fn loaded(name: &str, policy: Policy) -> Loaded {
    Loaded { name: name.to_owned(), policy, timing: 1, definition: DefinitionRef::default() }
}

/// An engine with a clock that the test turns, and a calendar with a slot at each full hour.
pub(super) struct Rig {
    pub(super) engine: Engine,
    pub(super) now: Now,
    pub(super) log: Vec<Effect>,
    /// Whether the journal takes nothing: then the test answers for it.
    is_full: bool,
    /// What the host has left.
    pub(super) room: Room,
}

pub(super) const HOUR: i64 = 3_600_000;

impl Rig {
    pub(super) fn new(jobs: Vec<Loaded>) -> Self {
        Self::restored(jobs, Restored::default())
    }

    fn restored(jobs: Vec<Loaded>, restored: Restored) -> Self {
        let now = Now { wall: Wall(START), mono: Mono(1_000_000_000) };
        Self::begun(now, jobs, restored, Budget::default())
    }

    /// An ebbd that begins with what the journal knew, and this budget.
    pub(super) fn begun(now: Now, jobs: Vec<Loaded>, restored: Restored, budget: Budget) -> Self {
        let mut rig = Self {
            engine: Engine::new(restored, 7),
            now,
            log: Vec::new(),
            is_full: false,
            room: Room::default(),
        };
        rig.send(Event::Budget(budget));
        rig.send(Event::Load(jobs));
        rig
    }

    /// What has been written down so far.
    pub(super) fn journal(&self) -> State {
        let mut journal = State::default();
        for effect in &self.log {
            if let Effect::Record(event) = effect {
                journal.apply(&Record { at: self.now.wall, event: event.clone() });
            }
        }
        journal
    }

    /// What the journal keeps of a job.
    fn facts(&self, index: usize) -> JobFacts {
        self.engine.jobs[index].record()
    }

    /// Hands in an event, answers what the shell would answer at once, and returns the effects.
    pub(super) fn send(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.engine.handle(self.now, event);
        for effect in &effects {
            if let Effect::Arm { job, after } = effect {
                let slot = Wall((after.0.div_euclid(HOUR) + 1) * HOUR);
                let more = self.engine.handle(self.now, Event::Armed { job: *job, slot: Some(slot) });
                assert!(more.is_empty());
            }
        }
        self.log.extend(effects.clone());
        let mut all = effects.clone();
        for effect in effects {
            if let Effect::Record(Recorded::Queued(queued)) = &effect
                && !self.is_full
            {
                all.extend(self.send(Event::Recorded { run: queued.id }));
            } else if effect == Effect::Look {
                all.extend(self.send(Event::Room(self.room.clone())));
            }
        }
        all
    }

    pub(super) fn pass(&mut self, ms: u64) -> Vec<Effect> {
        self.now.wall = self.now.wall.plus_ms(i64::try_from(ms).unwrap());
        self.now.mono = self.now.mono.plus_ms(ms);
        self.send(Event::Due)
    }

    fn set_clock(&mut self, by_ms: i64) -> Vec<Effect> {
        self.now.wall = self.now.wall.plus_ms(by_ms);
        self.send(Event::ClockSet)
    }

    pub(super) fn demand(&mut self, job: &str) -> Vec<Effect> {
        self.demand_with(job, Payload::default())
    }

    fn demand_with(&mut self, job: &str, payload: Payload) -> Vec<Effect> {
        self.send(Event::Demand { client: 1, job: job.to_owned(), payload, uid: 0 })
    }

    pub(super) fn started(&mut self, run: RunId) {
        let process = Process { pid: 100, start: 1 };
        self.send(Event::Started { run, process, enforcement: Enforcement::None, cgroups: Vec::new() });
    }

    pub(super) fn exited(&mut self, run: RunId, exit: Exit) -> Vec<Effect> {
        self.exited_with(run, exit, Usage::default(), None)
    }

    pub(super) fn exited_with(
        &mut self,
        run: RunId,
        exit: Exit,
        usage: Usage,
        memory_max: Option<u64>,
    ) -> Vec<Effect> {
        let (late_ms, unheld) = (0, Vec::new());
        self.send(Event::Exited { run, exit, usage, memory_max, late_ms, unheld, victim: None })
    }
}

fn stopping(run: RunId, reason: StopReason) -> Effect {
    Effect::Record(Recorded::Stopping(Stopping { id: run, job: "a".into(), reason }))
}

pub(super) fn starts(effects: &[Effect]) -> Vec<RunId> {
    let start = |e: &Effect| if let Effect::Start(order) = e { Some(order.run) } else { None };
    effects.iter().filter_map(start).collect()
}

pub(super) fn skips(effects: &[Effect]) -> Vec<SkipReason> {
    let skip = |e: &Effect| if let Effect::Record(Recorded::Skipped(s)) = e { Some(s.reason) } else { None };
    effects.iter().filter_map(skip).collect()
}

pub(super) fn ends(effects: &[Effect]) -> Vec<Finished> {
    let end = |e: &Effect| if let Effect::Record(Recorded::Finished(f)) = e { Some(f.clone()) } else { None };
    effects.iter().filter_map(end).collect()
}

fn replies(effects: &[Effect]) -> Vec<Reply> {
    let reply = |e: &Effect| if let Effect::Reply { reply, .. } = e { Some(reply.clone()) } else { None };
    effects.iter().filter_map(reply).collect()
}

fn accepted(effects: &[Effect]) -> (RunId, bool) {
    match replies(effects).as_slice() {
        [Reply::Accepted { run, merged }] => (*run, *merged),
        other => panic!("not accepted: {other:?}"),
    }
}

fn to_next_hour(rig: &Rig) -> u64 {
    u64::try_from(HOUR - rig.now.wall.0.rem_euclid(HOUR)).unwrap()
}

#[test]
fn a_slot_starts_a_run_and_the_next_wake_is_later() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    let wait = to_next_hour(&rig);
    assert!(rig.pass(wait - 1).is_empty());
    let effects = rig.pass(1);
    assert_eq!(starts(&effects), [1]);
    assert_eq!(rig.engine.next_wake().wall, Some(rig.now.wall.plus_ms(HOUR)));
}

#[test]
fn a_slot_that_falls_into_a_run_is_skipped_and_recorded() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    let wait = to_next_hour(&rig);
    assert_eq!(starts(&rig.pass(wait)), [1]);
    rig.started(1);
    let effects = rig.pass(3_600_000);
    assert_eq!(skips(&effects), [SkipReason::Running]);
    assert!(starts(&effects).is_empty());
}

#[test]
fn demands_during_a_run_mean_exactly_one_more_run_after_it() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    assert_eq!(accepted(&rig.demand("a")), (1, false));
    rig.started(1);
    assert_eq!(accepted(&rig.demand("a")), (2, false));
    assert_eq!(accepted(&rig.demand("a")), (2, true));
    assert_eq!(accepted(&rig.demand("a")), (2, true));
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [2]);
    rig.started(2);
    assert!(starts(&rig.exited(2, Exit::Code(0))).is_empty());
    assert!(rig.engine.is_idle());
}

#[test]
fn a_demand_that_brings_something_else_along_is_not_merged_away() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    rig.demand("a");
    rig.started(1);
    let with = |arg: &str| Payload { args: vec![arg.to_owned()], ..Payload::default() };
    assert_eq!(accepted(&rig.demand_with("a", with("x"))), (2, false));
    assert_eq!(accepted(&rig.demand_with("a", with("y"))), (3, false));
    assert_eq!(accepted(&rig.demand_with("a", with("x"))), (2, true));
}

#[test]
fn a_demand_is_recorded_before_it_is_answered_and_answered_whatever_the_start_does() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    let effects = rig.demand("a");
    let at = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let record = at(|e| matches!(e, Effect::Record(Recorded::Queued(_))));
    assert!(record < at(|e| matches!(e, Effect::Reply { .. })));
    assert!(record < at(|e| matches!(e, Effect::Start(_))));
}

#[test]
fn a_manual_run_takes_no_slot_away() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    rig.pass(10);
    let before = rig.engine.next_wake();
    rig.demand("a");
    rig.started(1);
    rig.exited(1, Exit::Code(0));
    assert_eq!(rig.engine.next_wake(), before);
}

#[test]
fn queue_gives_each_demand_its_run_up_to_the_limit() {
    let mut rig = Rig::new(vec![loaded("a", Policy { overlap: Overlap::Queue, queue_limit: 2, ..policy() })]);
    assert_eq!(accepted(&rig.demand("a")), (1, false));
    rig.started(1);
    assert_eq!(accepted(&rig.demand("a")), (2, false));
    assert_eq!(accepted(&rig.demand("a")), (3, false));
    assert_eq!(replies(&rig.demand("a")), [Reply::QueueFull { limit: 2 }]);
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [2]);
}

#[test]
fn replace_ends_the_run_and_starts_the_new_one_after_it_is_gone() {
    let mut rig = Rig::new(vec![loaded("a", Policy { overlap: Overlap::Replace, ..policy() })]);
    rig.demand("a");
    rig.started(1);
    let effects = rig.demand("a");
    assert!(effects.contains(&Effect::Signal { run: 1 }));
    assert!(starts(&effects).is_empty());
    let effects = rig.exited(1, Exit::Signal(15));
    assert_eq!(ends(&effects)[0].outcome, Outcome::Canceled);
    assert_eq!(starts(&effects), [2]);
}

#[test]
fn parallel_starts_up_to_the_limit_at_once() {
    let parallel = Policy { overlap: Overlap::Parallel, max_parallel: 2, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", parallel)]);
    assert_eq!(starts(&rig.demand("a")), [1]);
    assert_eq!(starts(&rig.demand("a")), [2]);
    assert!(starts(&rig.demand("a")).is_empty());
    rig.started(1);
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [3]);
}

#[test]
fn a_timeout_sends_the_stop_signal_then_ends_everything_after_the_grace() {
    let timed = Policy { timeout_ms: Some(5_000), grace_ms: 1_000, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", timed)]);
    rig.demand("a");
    rig.started(1);
    assert!(rig.pass(4_999).is_empty());
    assert_eq!(rig.pass(1), [stopping(1, StopReason::Timeout), Effect::Signal { run: 1 }]);
    assert!(rig.pass(999).is_empty());
    assert_eq!(rig.pass(1), [Effect::Kill { run: 1 }]);
    assert!(rig.pass(100_000).is_empty());
    let end = ends(&rig.exited(1, Exit::Code(0))).remove(0);
    assert_eq!((end.outcome, end.exit_code), (Outcome::Timeout, Some(0)));
}

#[test]
fn retries_come_with_growing_delays_and_stop_at_their_number() {
    let retry = Retry { attempts: 3, delay_ms: 1_000, backoff: 3.0, max_delay_ms: 5_000 };
    let mut rig = Rig::new(vec![loaded("a", Policy { retry, ..policy() })]);
    rig.demand("a");
    for (run, delay) in [(1, 1_000), (2, 3_000), (3, 5_000)] {
        rig.started(run);
        assert!(starts(&rig.exited(run, Exit::Code(1))).is_empty());
        assert!(rig.pass(delay - 1).is_empty());
        assert_eq!(starts(&rig.pass(1)), [run + 1]);
    }
    rig.started(4);
    let effects = rig.exited(4, Exit::Code(1));
    assert_eq!(ends(&effects)[0].attempt, 4);
    assert_eq!(rig.engine.run_counts(), (0, 0));
}

#[test]
fn no_retry_follows_a_cancel_or_an_oom_kill() {
    let retry = Retry { attempts: 3, delay_ms: 1, backoff: 1.0, max_delay_ms: 1 };
    let mut rig = Rig::new(vec![loaded("a", Policy { retry, ..policy() })]);
    rig.demand("a");
    rig.started(1);
    rig.send(Event::Stop { client: 1, target: Target::Job("a".into()) });
    rig.exited(1, Exit::Signal(15));
    assert_eq!(rig.engine.run_counts(), (0, 0));
    rig.demand("a");
    rig.started(2);
    let usage = Usage { oom_kills: Some(1), ..Usage::default() };
    let effects = rig.send(Event::Exited {
        run: 2,
        exit: Exit::Signal(9),
        usage,
        memory_max: Some(1),
        late_ms: 0,
        unheld: Vec::new(),
        victim: None,
    });
    assert_eq!(ends(&effects)[0].outcome, Outcome::OomKill);
    assert_eq!(rig.engine.run_counts(), (0, 0));
}

#[test]
fn a_newer_run_stands_in_for_a_retry_that_still_waits() {
    let retry = Retry { attempts: 3, delay_ms: 60_000, backoff: 1.0, max_delay_ms: 60_000 };
    let mut rig = Rig::new(vec![loaded("a", Policy { retry, ..policy() })]);
    rig.demand("a");
    rig.started(1);
    rig.exited(1, Exit::Code(1));
    let effects = rig.demand("a");
    let superseded = ends(&effects).remove(0);
    assert_eq!((superseded.id, superseded.reason), (2, Some(SkipReason::Superseded)));
    assert_eq!(starts(&effects), [3]);
}

#[test]
fn a_demand_is_not_merged_into_a_retry_that_a_pause_holds_back() {
    let retry = Retry { attempts: 3, delay_ms: 1_000, backoff: 1.0, max_delay_ms: 1_000 };
    let mut rig = Rig::new(vec![loaded("a", Policy { retry, ..policy() })]);
    rig.demand("a");
    rig.started(1);
    rig.exited(1, Exit::Code(1));
    rig.send(Event::Pause { client: 1, job: "a".into() });
    assert!(starts(&rig.pass(5_000)).is_empty(), "a pause holds retries back");
    let effects = rig.demand("a");
    assert_eq!((accepted(&effects), starts(&effects)), ((3, false), vec![3]));
}

#[test]
fn what_was_made_up_for_is_not_made_up_for_again_by_the_next_ebbd() {
    for catch_up in [CatchUp::Once, CatchUp::None] {
        let jobs = || vec![loaded("a", Policy { catch_up, ..hourly() })];
        let facts = Rig::new(jobs()).facts(0);
        let long_known = JobFacts { since: Wall(START - 50 * HOUR), ..facts };
        let mut journal = State::default();
        journal.apply(&Record { at: long_known.since, event: Recorded::Job(long_known) });
        for life in 0..3 {
            let restored = Restored { jobs: journal.jobs.values().cloned().collect(), ..Restored::default() };
            let mut rig = Rig::restored(jobs(), restored);
            rig.pass(0);
            let (starts, skips) = (starts(&rig.log).len(), skips(&rig.log).len());
            assert_eq!(starts + skips, usize::from(life == 0), "{catch_up}: life {life}");
            for effect in rig.log {
                if let Effect::Record(event) = effect {
                    journal.apply(&Record { at: Wall(START), event });
                }
            }
        }
    }
}

#[test]
fn a_new_job_has_missed_nothing_and_a_known_one_makes_up_once() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    assert!(rig.pass(1).is_empty());
    let facts = rig.facts(0);
    let late = JobFacts { since: Wall(START - 50 * HOUR), ..facts };
    let restored = Restored { jobs: vec![late], ..Restored::default() };
    let mut rig = Rig::restored(vec![loaded("a", hourly())], restored.clone());
    assert_eq!(starts(&rig.pass(0)), [1], "fifty missed slots make one run");
    assert!(rig.engine.next_wake().wall.unwrap() > rig.now.wall);
    let never = Policy { catch_up: CatchUp::None, ..hourly() };
    let mut rig = Rig::restored(vec![loaded("a", never)], restored);
    let effects = rig.pass(0);
    assert_eq!((starts(&effects), skips(&effects)), (vec![], vec![SkipReason::Missed]));
}

#[test]
fn a_clock_set_forward_makes_one_run_and_set_back_neither_repeats_a_slot_nor_falls_silent() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    let effects = rig.set_clock(30 * HOUR);
    assert_eq!(starts(&effects), [1]);
    rig.started(1);
    rig.exited(1, Exit::Code(0));
    let wait = to_next_hour(&rig);
    assert_eq!(starts(&rig.pass(wait)), [2]);
    rig.started(2);
    rig.exited(2, Exit::Code(0));
    let slot = rig.now.wall;
    assert!(starts(&rig.set_clock(-5)).is_empty());
    assert_eq!(
        rig.engine.next_wake().wall,
        Some(slot.plus_ms(HOUR)),
        "the slot that ran does not come again"
    );
    rig.set_clock(-100 * HOUR);
    let wake = rig.engine.next_wake().wall.unwrap();
    assert!(wake.0 - rig.now.wall.0 <= HOUR, "no silence of a hundred hours");
}

#[test]
fn every_counts_from_the_start_of_the_last_run_also_across_a_restart() {
    let every = Policy { every_ms: Some(600_000), catch_up: CatchUp::Once, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", every.clone())]);
    assert!(starts(&rig.pass(599_999)).is_empty());
    assert_eq!(starts(&rig.pass(1)), [1]);
    rig.started(1);
    rig.pass(100);
    rig.exited(1, Exit::Code(0));
    assert_eq!(starts(&rig.pass(599_900)), [2]);
    let last = rig.now.wall;
    rig.started(2);
    rig.exited(2, Exit::Code(0));
    let facts = rig.facts(0);
    let mut again = Engine::new(Restored { jobs: vec![facts], ..Restored::default() }, 1);
    let now = Now { wall: last.plus_ms(200_000), mono: Mono(5) };
    let _ = again.handle(now, Event::Load(vec![loaded("a", every)]));
    assert_eq!(again.next_wake().wall, Some(last.plus_ms(600_000)));
}

#[test]
fn at_start_runs_once_for_each_start_of_ebbd_and_not_at_a_reload() {
    let at_start = Policy { at_start: true, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", at_start.clone())]);
    assert_eq!(starts(&rig.log), [1]);
    rig.started(1);
    rig.exited(1, Exit::Code(0));
    let effects = rig.send(Event::Load(vec![loaded("a", at_start.clone()), loaded("b", at_start)]));
    assert!(starts(&effects).is_empty());
}

#[test]
fn a_reload_touches_no_run_keeps_slots_and_drops_what_waits_for_a_removed_job() {
    let mut rig = Rig::new(vec![loaded("a", hourly()), loaded("b", policy())]);
    rig.demand("b");
    rig.started(1);
    assert_eq!(accepted(&rig.demand("b")), (2, false));
    let before = rig.engine.next_wake();
    let effects = rig.send(Event::Load(vec![loaded("a", hourly())]));
    assert_eq!(rig.engine.next_wake(), before);
    assert!(
        !effects
            .iter()
            .any(|e| matches!(e, Effect::Signal { .. } | Effect::Kill { .. } | Effect::Arm { .. }))
    );
    let dropped = ends(&effects).remove(0);
    assert_eq!((dropped.id, dropped.reason), (2, Some(SkipReason::Removed)));
    assert_eq!(ends(&rig.exited(1, Exit::Code(0)))[0].outcome, Outcome::Success);
}

#[test]
fn pause_holds_back_slots_but_not_demands_and_resume_makes_nothing_up() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    rig.send(Event::Pause { client: 1, job: "a".into() });
    assert_eq!(rig.engine.next_wake(), super::Wake::default());
    assert!(rig.pass(50 * 3_600_000).is_empty());
    assert_eq!(starts(&rig.demand("a")), [1]);
    rig.started(1);
    rig.exited(1, Exit::Code(0));
    let effects = rig.send(Event::Resume { client: 1, job: "a".into() });
    assert!(starts(&effects).is_empty());
    assert!(rig.engine.next_wake().wall.unwrap() > rig.now.wall);
}

#[test]
fn an_interval_that_passed_during_a_pause_is_not_made_up_for_and_one_that_has_not_goes_on() {
    let every = Policy { every_ms: Some(600_000), catch_up: CatchUp::Once, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", every)]);
    let planned = rig.engine.next_wake();
    rig.send(Event::Pause { client: 1, job: "a".into() });
    rig.pass(60_000);
    rig.send(Event::Resume { client: 1, job: "a".into() });
    assert_eq!(rig.engine.next_wake(), planned);
    rig.send(Event::Pause { client: 1, job: "a".into() });
    rig.pass(3_600_000);
    assert!(starts(&rig.send(Event::Resume { client: 1, job: "a".into() })).is_empty());
    assert_eq!(rig.engine.next_wake().wall, Some(rig.now.wall.plus_ms(600_000)));
}

#[test]
fn the_end_of_ebbd_gives_runs_their_grace_and_the_second_time_none() {
    let mut rig = Rig::new(vec![loaded("a", policy()), loaded("b", policy())]);
    rig.demand("a");
    rig.started(1);
    rig.demand("a");
    let effects = rig.send(Event::Shutdown);
    assert_eq!(effects, [stopping(1, StopReason::Shutdown), Effect::Signal { run: 1 }]);
    assert_eq!(replies(&rig.demand("b")), [Reply::ShuttingDown]);
    assert_eq!(rig.send(Event::Shutdown), [Effect::Kill { run: 1 }]);
    let effects = rig.exited(1, Exit::Signal(9));
    assert_eq!(ends(&effects)[0].outcome, Outcome::Canceled);
    assert_eq!(effects.last(), Some(&Effect::Exit));
    assert_eq!(rig.engine.run_counts(), (1, 0), "what waits is left to the next ebbd");
}

#[test]
fn a_stop_before_the_program_runs_is_carried_out_once_it_does() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    rig.demand("a");
    rig.send(Event::Stop { client: 1, target: Target::Run(1) });
    let process = Process { pid: 5, start: 5 };
    let effects =
        rig.send(Event::Started { run: 1, process, enforcement: Enforcement::None, cgroups: Vec::new() });
    assert!(effects.contains(&Effect::Signal { run: 1 }));
    assert_eq!(ends(&rig.exited(1, Exit::Signal(15)))[0].outcome, Outcome::Canceled);
}

#[test]
fn what_is_being_ended_keeps_its_time_in_the_ebbd_that_goes_on_and_an_older_form_has_it_reckoned() {
    let graced = |grace_ms| vec![loaded("a", Policy { grace_ms, ..policy() })];
    let mut rig = Rig::new(graced(2_000));
    rig.demand("a");
    rig.started(1);
    rig.send(Event::Stop { client: 1, target: Target::Run(1) });
    let journal = rig.journal();
    let run = &journal.runs[&1];
    let run = super::RestoredRun {
        queued_at: run.queued_at,
        queued: run.queued.clone(),
        started: run.started.as_ref().map(|start| (start.at, start.started.clone())),
        stopping: run.stopping,
    };
    let restored = Restored { runs: vec![run], next_run: 2, ..Restored::default() };
    let next = |carried: &serde_json::Value| {
        let carried = serde_json::from_value(carried.clone()).unwrap();
        Rig::restored(graced(3_600_000), Restored { carried, ..restored.clone() })
    };
    let mut carried = serde_json::to_value(rig.engine.carried()).unwrap();
    assert_eq!(next(&carried).pass(2_000), [Effect::Kill { run: 1 }]);
    rig.pass(2_000);
    let killed = serde_json::to_value(rig.engine.carried()).unwrap();
    assert!(next(&killed).pass(4_000_000).is_empty(), "it was killed already");
    carried["runs"][0].as_object_mut().unwrap().remove("end").unwrap();
    let mut older = next(&carried);
    assert!(older.pass(2_000).is_empty());
    assert_eq!(older.pass(3_598_000), [Effect::Kill { run: 1 }]);
}

#[test]
fn a_start_that_hangs_times_out_and_can_be_ended() {
    let timed = Policy { timeout_ms: Some(5_000), ..policy() };
    let mut rig = Rig::new(vec![loaded("a", timed)]);
    rig.demand("a");
    assert_eq!(rig.pass(5_000), [stopping(1, StopReason::Timeout), Effect::Kill { run: 1 }]);
    assert!(rig.pass(60_000).is_empty());
    assert_eq!(ends(&rig.exited(1, Exit::Signal(9)))[0].outcome, Outcome::Timeout);
    rig.demand("a");
    assert_eq!(rig.send(Event::Shutdown), [stopping(2, StopReason::Shutdown), Effect::Kill { run: 2 }]);
}

#[test]
fn a_file_with_a_problem_at_the_start_loses_nothing_of_its_job() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    rig.send(Event::Pause { client: 1, job: "a".into() });
    let facts = rig.facts(0);
    let queued = Queued { uid: Some(0), ..Queued::plain(7, "a", Trigger::Manual) };
    let run = super::RestoredRun { queued_at: rig.now.wall, queued, started: None, stopping: None };
    let mut engine =
        Engine::new(Restored { jobs: vec![facts], runs: vec![run], next_run: 8, ..Restored::default() }, 1);
    let _ = engine.handle(rig.now, Event::Refused(super::Refused::Names(vec!["a".into()])));
    assert_eq!(engine.handle(rig.now, Event::Load(Vec::new())), [], "nothing is removed, nothing is dropped");
    let _ = engine.handle(rig.now, Event::Refused(super::Refused::Names(Vec::new())));
    let effects = engine.handle(rig.now, Event::Load(vec![loaded("a", hourly())]));
    assert_eq!(starts(&effects), [7], "what waited starts once its job is back");
    assert!(engine.job(JobIndex(0)).unwrap().paused, "and a pause is not forgotten");
}

#[test]
fn what_the_journal_could_not_take_does_not_run_later() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    rig.is_full = true;
    assert!(starts(&rig.demand("a")).is_empty());
    rig.send(Event::NotRecorded { run: 1 });
    assert_eq!(rig.engine.run_counts(), (0, 0));
    assert_eq!(rig.engine.next_wake(), super::Wake::default());
}

#[test]
fn nothing_is_ended_for_a_demand_or_a_slot_that_the_journal_could_not_take() {
    let retry = Retry { attempts: 3, delay_ms: 10 * 3_600_000, backoff: 1.0, max_delay_ms: 10 * 3_600_000 };
    let replaced = Policy { overlap: Overlap::Replace, ..hourly() };
    let mut rig = Rig::new(vec![loaded("a", replaced), loaded("b", Policy { retry, ..policy() })]);
    rig.demand("b");
    rig.started(1);
    rig.exited(1, Exit::Code(1));
    rig.demand("a");
    rig.started(3);
    rig.is_full = true;
    let ends_something = |e: &Effect| {
        matches!(e, Effect::Signal { .. } | Effect::Kill { .. })
            || matches!(e, Effect::Record(Recorded::Finished(_) | Recorded::Stopping(_)))
    };
    for job in ["a", "b"] {
        let effects = rig.demand(job);
        assert!(!effects.iter().any(ends_something), "{effects:?}");
        let (run, _) = accepted(&effects);
        let effects = rig.send(Event::NotRecorded { run });
        assert!(effects.is_empty(), "{effects:?}");
    }
    assert_eq!(rig.engine.run_counts(), (1, 1), "the run goes on, and the retry still waits");
    let effects = rig.pass(3_600_000);
    assert!(!effects.iter().any(ends_something), "{effects:?}");
    let effects = rig.send(Event::Recorded { run: 6 });
    assert!(effects.contains(&Effect::Signal { run: 3 }), "once it is written, it replaces: {effects:?}");
}

#[test]
fn what_the_journal_takes_later_starts_then() {
    let retry = Retry { attempts: 3, delay_ms: 1_000, backoff: 1.0, max_delay_ms: 1_000 };
    let mut rig = Rig::new(vec![loaded("a", Policy { retry, ..policy() })]);
    rig.demand("a");
    rig.started(1);
    rig.is_full = true;
    rig.exited(1, Exit::Code(1));
    assert!(starts(&rig.pass(5_000)).is_empty());
    assert_eq!(rig.engine.next_wake(), super::Wake::default(), "and nobody is woken for it meanwhile");
    let effects = rig.demand("a");
    assert_eq!(accepted(&effects), (3, false), "nothing merges with what is not written");
    rig.send(Event::NotRecorded { run: 3 });
    assert_eq!(starts(&rig.send(Event::Recorded { run: 2 })), [2]);
}

#[test]
fn a_refused_demand_that_may_not_be_on_disk_is_taken_back_or_ended() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    rig.demand("a");
    rig.started(1);
    rig.demand("a");
    let end = ends(&rig.send(Event::NotDurable { run: 2 })).remove(0);
    assert_eq!((end.id, end.outcome), (2, Outcome::Canceled));
    let effects = rig.send(Event::NotDurable { run: 1 });
    assert_eq!(effects, [stopping(1, StopReason::NotRecorded), Effect::Signal { run: 1 }]);
    assert_eq!(ends(&rig.exited(1, Exit::Code(1)))[0].outcome, Outcome::Canceled);
    assert_eq!(rig.engine.run_counts(), (0, 0));
}

#[test]
fn the_retry_is_in_the_journal_before_the_end_that_it_follows() {
    let retry = Retry { attempts: 3, delay_ms: 1_000, backoff: 1.0, max_delay_ms: 1_000 };
    let mut rig = Rig::new(vec![loaded("a", Policy { retry, ..policy() })]);
    rig.demand("a");
    rig.started(1);
    let effects = rig.exited(1, Exit::Unknown);
    let at = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let queued = at(|e| matches!(e, Effect::Record(Recorded::Queued(_))));
    assert!(queued < at(|e| matches!(e, Effect::Record(Recorded::Finished(_)))));
    assert_eq!(
        ends(&effects)[0].outcome,
        Outcome::Lost,
        "and a lost run is tried again like one that failed"
    );
}

/// What an ebbd that dies after these effects leaves to the next one.
fn journal_of(effects: &[Effect]) -> Restored {
    let mut journal = State::default();
    for effect in effects {
        if let Effect::Record(event) = effect {
            journal.apply(&Record { at: Wall(START), event: event.clone() });
        }
    }
    super::simulation::restored(&journal)
}

#[test]
fn a_crash_after_any_record_leaves_neither_a_lost_retry_nor_a_second_one() {
    let retry = Retry { attempts: 1, delay_ms: 1_000, backoff: 1.0, max_delay_ms: 1_000 };
    let jobs = || vec![loaded("a", Policy { retry, ..policy() })];
    let mut rig = Rig::new(jobs());
    rig.demand("a");
    rig.started(1);
    let before = rig.log.len();
    rig.exited(1, Exit::Code(1));
    for cut in before..=rig.log.len() {
        let mut next = Rig::restored(jobs(), journal_of(&rig.log[..cut]));
        if next.engine.job_of(1).is_some() {
            next.exited(1, Exit::Unknown);
        }
        let mut started = starts(&next.pass(2_000));
        started.extend(starts(&next.pass(2_000)));
        assert_eq!(started, [2], "after {cut} of {} effects", rig.log.len());
    }
}

#[test]
fn a_crash_after_any_record_of_a_replacing_demand_still_replaces_once_it_is_recorded() {
    let jobs = || vec![loaded("a", Policy { overlap: Overlap::Replace, ..policy() })];
    let mut rig = Rig::new(jobs());
    rig.demand("a");
    rig.started(1);
    let before = rig.log.len();
    rig.demand("a");
    for cut in before..=rig.log.len() {
        let next = Rig::restored(jobs(), journal_of(&rig.log[..cut]));
        let is_accepted = next.engine.job_of(2).is_some();
        let state = next.engine.job(JobIndex(0)).unwrap().runs[0].state;
        assert_eq!(state, if is_accepted { "stopping" } else { "running" }, "after {cut} effects");
    }
}

#[test]
fn a_stop_holds_over_a_crash_whether_the_run_has_started_or_not() {
    let retry = Retry { attempts: 3, delay_ms: 1_000, backoff: 1.0, max_delay_ms: 1_000 };
    let jobs = || vec![loaded("a", Policy { retry, grace_ms: 500, ..policy() })];
    let mut rig = Rig::new(jobs());
    rig.demand("a");
    rig.send(Event::Stop { client: 1, target: Target::Run(1) });
    let mut next = Rig::restored(jobs(), journal_of(&rig.log));
    assert!(starts(&next.log).is_empty());
    assert_eq!(ends(&next.log)[0].outcome, Outcome::Canceled);
    next.pass(0);
    assert_eq!(next.engine.run_counts(), (0, 0), "and it is not tried again");
    rig.started(1);
    let mut next = Rig::restored(jobs(), journal_of(&rig.log));
    assert_eq!(next.pass(500), [Effect::Kill { run: 1 }], "what is left of its grace counts on");
    assert_eq!(ends(&next.exited(1, Exit::Signal(9)))[0].outcome, Outcome::Canceled);
    assert_eq!(next.engine.run_counts(), (0, 0));
}

#[test]
fn what_the_end_of_ebbd_kept_from_starting_starts_with_the_next_one_and_is_not_ended_by_the_one_after() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    rig.demand("a");
    rig.send(Event::Shutdown);
    let next = Rig::restored(vec![loaded("a", policy())], journal_of(&rig.log));
    assert_eq!(starts(&next.log), [1]);
}

#[test]
fn a_slot_that_was_dealt_with_late_is_not_repeated_by_the_next_ebbd_however_close_the_slots_are() {
    let every = Policy { every_ms: Some(1_000), catch_up: CatchUp::Once, ..policy() };
    for late in [0, 900, 30_000] {
        let mut rig = Rig::new(vec![loaded("a", every.clone()), loaded("b", hourly())]);
        let wait = to_next_hour(&rig);
        rig.pass(wait + late);
        let dealt_with = |facts: JobFacts| facts.last_slot.unwrap().0;
        let here = dealt_with(rig.facts(1));
        let journal = journal_of(&rig.log);
        let there = journal.jobs.into_iter().find(|j| j.job == "b").map(dealt_with).unwrap();
        assert!(here - there < 1_000, "{late} ms late: {here} is {} ms after what is written", here - there);
    }
}

#[test]
fn a_trigger_says_what_it_was() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    let wait = to_next_hour(&rig);
    let effects = rig.pass(wait);
    let Some(Effect::Start(order)) = effects.iter().find(|e| matches!(e, Effect::Start(_))) else {
        panic!("nothing started")
    };
    assert_eq!((order.trigger, order.slot, order.attempt), (Trigger::Schedule, Some(rig.now.wall), 1));
}

#[test]
fn a_start_that_lacks_something_keeps_its_place_and_is_tried_until_it_can_be_had() {
    let queue = Policy { overlap: Overlap::Queue, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", queue)]);
    assert_eq!(starts(&rig.demand("a")), [1]);
    rig.send(Event::StartPutOff { run: 1, lacks: "no descriptor".into() });
    assert_eq!(starts(&rig.demand("a")), [0; 0], "the second does not overtake the first");
    let view = rig.engine.job(JobIndex(0)).unwrap().runs;
    assert_eq!((view[0].state, view[0].lacks.as_deref()), ("waiting", Some("no descriptor")));
    let (mut waited, mut delays) = (0, Vec::new());
    while waited < 100_000 {
        let wake = rig.engine.next_wake().mono.unwrap();
        delays.push(wake.0 - rig.now.mono.0);
        waited += wake.0 - rig.now.mono.0;
        let effects = rig.pass(wake.0 - rig.now.mono.0);
        assert_eq!((starts(&effects), ends(&effects)), (vec![1], Vec::new()));
        rig.send(Event::StartPutOff { run: 1, lacks: "no descriptor".into() });
    }
    assert_eq!(delays[..7], [250, 500, 1000, 2000, 4000, 8000, 10_000]);
    rig.pass(10_000);
    rig.started(1);
    assert_eq!(rig.engine.times_put_off(1), 0);
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [2]);
}

#[test]
fn a_slot_adds_no_run_to_one_whose_start_was_put_off() {
    let mut rig = Rig::new(vec![loaded("a", hourly())]);
    let wait = to_next_hour(&rig);
    assert_eq!(starts(&rig.pass(wait)), [1]);
    rig.send(Event::StartPutOff { run: 1, lacks: "no process".into() });
    // It was never tried again, and the next slot comes.
    rig.now.wall = rig.now.wall.plus_ms(HOUR);
    let effects = rig.pass(1);
    assert_eq!((starts(&effects), skips(&effects)), (vec![], vec![SkipReason::Running]));
    assert_eq!(rig.engine.run_counts(), (1, 0));
}

#[test]
fn a_run_whose_start_was_put_off_can_be_stopped_and_survives_the_end_of_ebbd() {
    let mut rig = Rig::new(vec![loaded("a", policy()), loaded("b", policy())]);
    rig.demand("a");
    rig.send(Event::StartPutOff { run: 1, lacks: "no process".into() });
    let effects = rig.send(Event::Stop { client: 1, target: Target::Run(1) });
    assert_eq!(ends(&effects)[0].outcome, Outcome::Canceled);
    rig.demand("b");
    rig.send(Event::Stop { client: 1, target: Target::Run(2) });
    let effects = rig.send(Event::StartPutOff { run: 2, lacks: "no process".into() });
    assert_eq!(ends(&effects)[0].outcome, Outcome::Canceled, "the stop came while it was starting");
    rig.demand("b");
    rig.send(Event::Shutdown);
    let effects = rig.send(Event::StartPutOff { run: 3, lacks: "no process".into() });
    assert_eq!(
        (ends(&effects), effects.last()),
        (Vec::new(), Some(&Effect::Exit)),
        "it is queued for the next"
    );
}

#[test]
fn a_run_whose_start_was_put_off_goes_with_its_job() {
    let mut rig = Rig::new(vec![loaded("a", policy())]);
    rig.demand("a");
    rig.send(Event::Load(Vec::new()));
    let effects = rig.send(Event::StartPutOff { run: 1, lacks: "no process".into() });
    assert_eq!(ends(&effects)[0].reason, Some(SkipReason::Removed));
}

#[test]
fn runs_that_are_due_at_the_same_moment_start_and_none_of_them_times_out() {
    let wide = Policy { overlap: Overlap::Parallel, max_parallel: 9, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", wide)]);
    for run in 1..=3 {
        let args = vec![run.to_string()];
        rig.demand_with("a", Payload { args, ..Payload::default() });
    }
    for run in 1..=3 {
        rig.send(Event::StartPutOff { run, lacks: "no process".into() });
    }
    let effects = rig.pass(250);
    assert_eq!(starts(&effects), [1, 2, 3]);
    assert!(!effects.iter().any(|e| matches!(e, Effect::Kill { .. })), "{effects:?}");
}

#[test]
fn a_run_that_ends_with_ebbd_gets_no_longer_grace_than_ebbd_has() {
    let patient = Policy { grace_ms: 600_000, ..policy() };
    let mut rig = Rig::new(vec![loaded("a", patient.clone()), loaded("b", patient)]);
    rig.engine.bound_last_grace(7_000);
    rig.demand("a");
    rig.started(1);
    rig.demand("b");
    rig.started(2);
    rig.send(Event::Stop { client: 1, target: Target::Run(1) });
    rig.send(Event::Shutdown);
    assert_eq!(rig.engine.next_wake().mono, Some(rig.now.mono.plus_ms(7_000)));
    let kills = rig.pass(7_000).into_iter().filter(|e| matches!(e, Effect::Kill { .. })).count();
    assert_eq!(kills, 2, "the one that was asked before as well");
}

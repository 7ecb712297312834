//! Admission as a table: who starts, who waits, for what, and what lets them start.

use super::*;
use crate::engine::budget::Pool;
use crate::engine::tests::{Rig, ends, loaded, policy, skips, starts};
use crate::engine::{DefinitionRef, Event, Exit, Loaded, Policy, Reply};
use crate::job::OnOom;
use crate::journal::record::{Event as Recorded, Usage};
use crate::words::OomCause;

pub(super) const MIB: u64 = 1 << 20;
pub(super) const MINUTE: u64 = 60_000;
pub(super) const NONE: [RunId; 0] = [];

pub(super) fn claiming(mib: u64) -> Policy {
    Policy { claim: Some(mib * MIB), ..policy() }
}

pub(super) fn budget(mib: u64) -> Budget {
    Budget { memory: Some(mib * MIB), ..Budget::default() }
}

/// Jobs that claim so many mebibytes each, and a budget.
pub(super) fn rig(jobs: &[(&str, u64)], budget: Budget) -> Rig {
    let jobs: Vec<Loaded> = jobs.iter().map(|(name, mib)| loaded(name, claiming(*mib))).collect();
    with(jobs, budget)
}

pub(super) fn with(jobs: Vec<Loaded>, budget: Budget) -> Rig {
    let mut rig = Rig::new(jobs);
    rig.send(Event::Budget(budget));
    rig
}

/// Another budget and other jobs, as the shell puts them into force.
pub(super) fn reload(rig: &mut Rig, jobs: Vec<Loaded>, budget: Budget) -> Vec<Effect> {
    let mut effects = rig.send(Event::Budget(budget));
    effects.extend(rig.send(Event::Load(jobs)));
    effects
}

pub(super) fn why(rig: &Rig, job: &str) -> crate::engine::Waits {
    let view = rig.engine.job(rig.engine.job_index(job).unwrap()).unwrap();
    view.runs.iter().find_map(|run| run.waits.clone()).expect("it waits")
}

#[test]
fn a_run_waits_until_its_claim_fits_and_everybody_can_see_why() {
    let mut rig = rig(&[("a", 600), ("b", 500)], budget(1000));
    assert_eq!(starts(&rig.demand("a")), [1]);
    rig.started(1);
    assert_eq!(starts(&rig.demand("b")), NONE);
    let waits = why(&rig, "b");
    assert_eq!(
        (waits.resource.as_str(), waits.needs, waits.free),
        ("budget", Some(500 * MIB), Some(400 * MIB))
    );
    assert_eq!(waits.sentence, "needs 500M of the budget of 1000M, 400M is free");
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [2], "an end makes room, whoever's it was");
}

#[test]
fn the_first_in_rank_is_the_one_of_the_highest_priority_and_then_the_oldest() {
    let job = |name: &str, priority| loaded(name, Policy { priority, ..claiming(1000) });
    let mut rig = with(vec![job("a", 0), job("b", 0), job("c", 0), job("d", 2)], budget(1000));
    for name in ["a", "b", "c", "d"] {
        rig.demand(name);
        rig.pass(1000);
    }
    for (ended, next) in [(1, 4), (4, 2), (2, 3)] {
        rig.started(ended);
        assert_eq!(starts(&rig.exited(ended, Exit::Code(0))), [next]);
    }
}

#[test]
fn a_low_priority_comes_first_in_the_end() {
    let job = |name: &str, priority| {
        loaded(name, Policy { priority, overlap: crate::words::Overlap::Queue, ..claiming(1000) })
    };
    let mut rig = with(vec![job("high", 10), job("low", -10)], budget(1000));
    rig.demand("high");
    rig.demand("low");
    let mut high = 0;
    for _ in 0..1000 {
        let under_way = rig.engine.job(rig.engine.job_index("high").unwrap()).unwrap();
        let Some(run) = under_way.runs.iter().find(|run| run.state == "starting").map(|run| run.id) else {
            break;
        };
        rig.demand("high");
        rig.started(run);
        rig.pass(MINUTE);
        rig.exited(run, Exit::Code(0));
        high += 1;
    }
    let bound = 20 * limits::PRIORITY_STEP_MS / MINUTE;
    assert!(
        high > 100 && high <= bound + 1,
        "twenty steps of priority are worth {bound} min, and it took {high}"
    );
}

#[test]
fn a_run_that_could_never_start_is_refused_at_once_with_the_reason() {
    let mut rig = rig(&[("a", 1001)], budget(1000));
    let effects = rig.demand("a");
    let refused = effects.iter().find_map(|effect| {
        if let Effect::Reply { reply: Reply::NeverFits { why }, .. } = effect {
            Some(why.clone())
        } else {
            None
        }
    });
    assert_eq!(
        refused.unwrap(),
        "it claims 1001M (its `[memory] claim`), and the budget has no more than 1000M"
    );
    let hourly = loaded("a", Policy { claim: Some(1001 * MIB), ..crate::engine::tests::hourly() });
    let mut rig = with(vec![hourly], budget(1000));
    assert_eq!(skips(&rig.pass(3_600_000)), [SkipReason::Memory], "a slot is skipped and says so");
}

#[test]
fn what_waits_and_can_never_start_any_more_after_a_reload_does_not_wait_for_ever() {
    let jobs = || vec![loaded("a", claiming(600)), loaded("b", claiming(500))];
    let mut rig = with(jobs(), budget(1000));
    rig.demand("a");
    rig.demand("b");
    let ended = ends(&reload(&mut rig, jobs(), budget(400)));
    assert_eq!(
        (ended[0].id, ended[0].outcome, ended[0].reason),
        (2, Outcome::Skipped, Some(SkipReason::Memory))
    );
}

#[test]
fn what_a_larger_budget_or_none_lets_start_starts_by_the_definition_that_came_with_it() {
    let definition = DefinitionRef { offset: 7, length: 9 };
    for larger in [budget(2000), Budget::default()] {
        let mut rig = rig(&[("a", 600), ("b", 500)], budget(1000));
        rig.demand("a");
        rig.demand("b");
        assert!(rig.send(Event::Budget(larger)).is_empty(), "the shell has the new definitions already");
        let jobs = vec![loaded("a", claiming(600)), Loaded { definition, ..loaded("b", claiming(500)) }];
        let effects = rig.send(Event::Load(jobs));
        let of = |e: &Effect| if let Effect::Start(o) = e { Some((o.run, o.definition)) } else { None };
        assert_eq!(effects.iter().filter_map(of).collect::<Vec<_>>(), [(2, definition)]);
    }
}

#[test]
fn waiting_ends_with_its_queue_timeout() {
    let patient = |mib, queue_timeout_ms| Policy { queue_timeout_ms, ..claiming(mib) };
    let jobs = vec![loaded("a", claiming(1000)), loaded("b", patient(500, Some(5 * MINUTE)))];
    let mut rig = with(jobs, budget(1000));
    rig.demand("a");
    rig.demand("b");
    assert_eq!(rig.engine.next_wake().mono, Some(rig.now.mono.plus_ms(5 * MINUTE)));
    assert!(ends(&rig.pass(5 * MINUTE - 1)).is_empty());
    let ended = ends(&rig.pass(1));
    assert_eq!((ended[0].outcome, ended[0].reason), (Outcome::Skipped, Some(SkipReason::Memory)));
    let detail = ended[0].detail.as_deref().unwrap();
    assert_eq!(
        detail,
        "it waited for memory for its queue-timeout of 5m: needs 500M of the budget of 1000M, 0 is free"
    );
}

#[test]
fn a_large_run_is_not_starved_by_small_ones_and_those_pass_it_where_that_costs_it_nothing() {
    let quick = |mib| Policy { timeout_ms: Some(MINUTE), ..claiming(mib) };
    let jobs = vec![
        loaded("large", Policy { timeout_ms: Some(30 * MINUTE), ..claiming(900) }),
        loaded("long", Policy { timeout_ms: Some(10 * MINUTE), ..claiming(600) }),
        loaded("quick", quick(300)),
        loaded("slow", Policy { timeout_ms: Some(60 * MINUTE), ..claiming(300) }),
    ];
    let mut rig = with(jobs, budget(1000));
    assert_eq!(starts(&rig.demand("long")), [1]);
    rig.started(1);
    assert_eq!(starts(&rig.demand("large")), NONE);
    assert_eq!(starts(&rig.demand("slow")), NONE, "it would still run when the large one can start");
    assert_eq!(why(&rig, "slow").behind, Some(2));
    assert_eq!(starts(&rig.demand("quick")), [4], "it will have ended by then");
    rig.started(4);
    rig.exited(4, Exit::Code(0));
    rig.pass(limits::FIRM_AFTER_MS - MINUTE);
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [2]);
}

#[test]
fn the_host_and_what_runs_will_still_take_of_it_count_and_are_looked_at_again() {
    let mut rig =
        rig(&[("a", 600), ("b", 500)], Budget { is_on: true, reserve: 100 * MIB, ..Budget::default() });
    rig.room = Room { available: Some(1100 * MIB), ..Room::default() };
    assert_eq!(starts(&rig.demand("a")), [1]);
    rig.started(1);
    assert_eq!(starts(&rig.demand("b")), NONE);
    assert_eq!(why(&rig, "b").resource, "host");
    let again = rig.engine.next_wake().mono.expect("nobody says when the host has memory again");
    rig.room = Room { available: Some(1300 * MIB), used: vec![(1, 100 * MIB)], ..Room::default() };
    let ms = again.0 - rig.now.mono.0;
    assert_eq!(starts(&rig.pass(ms)), [2]);
    assert_eq!(rig.engine.next_wake().mono, None, "and nothing is looked at once nothing waits");
}

#[test]
fn pressure_holds_back_starts_until_it_has_passed_for_good() {
    let mut rig = rig(&[("a", 1), ("b", 1)], Budget { is_on: true, pressure: Some(15), ..Budget::default() });
    let pressed = |effects: &[Effect]| -> Vec<bool> {
        let holds =
            |e: &Effect| if let Effect::Record(Recorded::Pressure(p)) = e { Some(p.holds) } else { None };
        effects.iter().filter_map(holds).collect()
    };
    assert_eq!(pressed(&rig.send(Event::Pressure(Room::default()))), [true]);
    assert!(pressed(&rig.send(Event::Pressure(Room::default()))).is_empty(), "it is written down once");
    assert_eq!(starts(&rig.demand("a")), NONE);
    assert_eq!(why(&rig, "a").resource, "pressure");
    rig.room.stalled = Some(501);
    assert_eq!(
        starts(&rig.pass(limits::PRESSURE_QUIET_MS)),
        NONE,
        "the average is still above a third of 15 %"
    );
    rig.room.stalled = Some(500);
    let effects = rig.pass(limits::PRESSURE_QUIET_MS);
    assert_eq!((pressed(&effects), starts(&effects)), (vec![false], vec![1]));
    // Nothing waits: it passes by itself, and no wake is left behind.
    rig.send(Event::Pressure(Room::default()));
    assert_eq!(pressed(&rig.pass(limits::PRESSURE_QUIET_MS)), [false]);
    assert_eq!(rig.engine.next_wake().mono, None);
}

#[test]
fn pools_share_what_they_have_among_their_own_jobs() {
    let pool =
        |name: &str, mib: u64| Pool { name: name.into(), memory: Some(mib * MIB), max_parallel: Some(2) };
    let of = |pool: &str, mib| Policy { pool: Some(pool.into()), ..claiming(mib) };
    let jobs = vec![
        loaded("a1", of("a", 60)),
        loaded("a2", of("a", 60)),
        loaded("b1", of("b", 10)),
        loaded("b2", of("b", 10)),
        loaded("b3", of("b", 10)),
    ];
    let mut rig = with(jobs, Budget { pools: vec![pool("a", 100), pool("b", 100)], ..Budget::default() });
    assert_eq!(starts(&rig.demand("a1")), [1]);
    assert_eq!(starts(&rig.demand("a2")), NONE);
    assert_eq!(why(&rig, "a2").sentence, "needs 60M of pool a of 100M, 40M is free");
    assert_eq!(starts(&rig.demand("b1")), [3]);
    assert_eq!(starts(&rig.demand("b2")), [4]);
    assert_eq!(starts(&rig.demand("b3")), NONE);
    assert_eq!(why(&rig, "b3").sentence, "needs one of the 2 places for runs of pool b");
    let shares: Vec<_> =
        rig.engine.shares().map(|share| (share.pool, share.claimed / MIB, share.running)).collect();
    assert_eq!(shares, [(None, 80, 3), (Some("a"), 60, 1), (Some("b"), 20, 2)]);
}

/// Ends a run as its limit does, or as the host does.
pub(super) fn kill(rig: &mut Rig, run: RunId, max_mib: u64, cause: OomCause) -> Vec<Effect> {
    let oom_cause = Some(cause);
    let usage =
        Usage { peak_anon_bytes: Some(max_mib * MIB), oom_kills: Some(1), oom_cause, ..Usage::default() };
    rig.send(Event::Exited {
        run,
        exit: Exit::Signal(9),
        usage,
        memory_max: Some(max_mib * MIB),
        late_ms: 0,
        unheld: Vec::new(),
        victim: Some("python3 (pid 7, 90M)".to_owned()),
    })
}

pub(super) fn raised(effects: &[Effect]) -> Vec<(RunId, Option<u64>)> {
    let start =
        |e: &Effect| if let Effect::Start(order) = e { Some((order.run, order.raised_max)) } else { None };
    effects.iter().filter_map(start).collect()
}

#[test]
fn what_its_own_limit_has_killed_is_tried_again_with_a_larger_one_within_the_budget() {
    let on_oom = OnOom { retry: 3, grow_milli: 1_500, up_to: None };
    let job = Policy { memory_max: Some(400 * MIB), on_oom, ..policy() };
    let mut rig = with(vec![loaded("a", job)], budget(1000));
    rig.demand("a");
    rig.started(1);
    let effects = kill(&mut rig, 1, 400, OomCause::Limit);
    assert_eq!(raised(&effects), [(2, Some(600 * MIB))]);
    assert_eq!(
        ends(&effects)[0].detail.as_deref().unwrap(),
        "killed by the kernel for memory at its limit of 400M; peak-anon 400M; python3 (pid 7, 90M) was killed; \
         no run has succeeded yet"
    );
    rig.started(2);
    assert_eq!(raised(&kill(&mut rig, 2, 600, OomCause::Limit)), [(3, Some(900 * MIB))]);
    rig.started(3);
    assert_eq!(
        raised(&kill(&mut rig, 3, 900, OomCause::Limit)),
        [(4, Some(1000 * MIB))],
        "no more than there is"
    );
    rig.started(4);
    let usage = Usage { peak_anon_bytes: Some(950 * MIB), ..Usage::default() };
    let effects = rig.exited_with(4, Exit::Code(0), usage, Some(1000 * MIB));
    assert_eq!(
        ends(&effects)[0].detail.as_deref().unwrap(),
        "it succeeded with a limit of 1000M, where its file says 400M; `ebb suggest` says what to write"
    );
    assert_eq!(raised(&rig.demand("a")), [(5, None)], "the file's limit counts for the next one");
}

#[test]
fn what_was_not_its_own_limit_is_no_oom_kill_and_gets_no_larger_one() {
    let on_oom = OnOom { retry: 3, grow_milli: 1_500, up_to: None };
    let job = Policy { memory_max: Some(400 * MIB), on_oom, ..policy() };
    for (cause, whose) in
        [(OomCause::Host, "the host was"), (OomCause::Above, "a control group above it was")]
    {
        let mut rig = with(vec![loaded("a", job.clone())], budget(1000));
        rig.demand("a");
        rig.started(1);
        let effects = kill(&mut rig, 1, 400, cause);
        let end = &ends(&effects)[0];
        assert_eq!((end.outcome, starts(&effects)), (Outcome::Signal, vec![]));
        assert!(end.detail.as_deref().unwrap().contains(whose), "{end:?}");
    }
}

#[test]
fn retries_for_memory_are_bounded_and_so_are_their_limits() {
    let policy = |retry, up_to| {
        let on_oom = OnOom { retry, grow_milli: 1_500, up_to };
        Policy { memory_max: Some(400 * MIB), on_oom, ..policy() }
    };
    assert_eq!(policy(0, None).raised_max(400 * MIB, None), None);
    assert_eq!(policy(1, None).raised_max(400 * MIB, None), Some(600 * MIB));
    assert_eq!(policy(1, None).raised_max(600 * MIB, None), None);
    assert_eq!(policy(5, Some(500 * MIB)).raised_max(400 * MIB, None), Some(500 * MIB));
    assert_eq!(policy(5, Some(500 * MIB)).raised_max(500 * MIB, None), None);
    assert_eq!(policy(5, None).raised_max(400 * MIB, Some(400 * MIB)), None);
}

#[test]
fn a_run_claims_what_is_declared_else_learned_else_its_limit_else_the_unknown() {
    use crate::learn::Lesson;
    let mut learned = crate::learn::Learned::EMPTY;
    let declared = Policy { memory_max: Some(400 * MIB), ..claiming(100) };
    let limited = Policy { memory_max: Some(400 * MIB), ..policy() };
    let unknown = 256 * MIB;
    assert_eq!(claim(&declared, &learned, None, unknown), (100 * MIB, ClaimSource::Declared));
    assert_eq!(claim(&limited, &learned, None, unknown), (400 * MIB, ClaimSource::Limit));
    assert_eq!(claim(&policy(), &learned, None, unknown), (unknown, ClaimSource::Unknown));
    assert_eq!(claim(&declared, &learned, Some(600 * MIB), unknown), (600 * MIB, ClaimSource::Limit));
    for _ in 0..3 {
        learned.learn(&Lesson {
            outcome: Outcome::Success,
            oom_cause: None,
            peak_anon_bytes: Some(50 * MIB),
            memory_max_bytes: None,
            duration_ms: Some(1),
        });
    }
    assert_eq!(claim(&declared, &learned, None, unknown), (100 * MIB, ClaimSource::Declared));
    assert_eq!(claim(&limited, &learned, None, unknown), (66 * MIB, ClaimSource::Learned));
    assert_eq!(claim(&policy(), &learned, None, unknown), (66 * MIB, ClaimSource::Learned));
}

#[test]
fn figures_that_do_not_fit_do_not_look_as_if_they_did() {
    let job = |name: &str, bytes| loaded(name, Policy { claim: Some(bytes), ..policy() });
    let mut rig = with(vec![job("a", 500 * MIB + 1), job("b", 500 * MIB)], budget(1000));
    rig.demand("a");
    rig.demand("b");
    assert_eq!(why(&rig, "b").sentence, "needs 500M of the budget of 1000M, 499M is free");
}

#[test]
fn a_job_that_was_seen_to_take_more_than_there_is_is_refused_and_told_what_lets_it_run() {
    let mut rig = with(vec![loaded("a", policy())], budget(1000));
    rig.demand("a");
    rig.started(1);
    let usage = Usage { peak_anon_bytes: Some(1200 * MIB), ..Usage::default() };
    rig.exited_with(1, Exit::Code(1), usage, None);
    let refused = |effects: &[Effect]| {
        effects.iter().find_map(|effect| {
            if let Effect::Reply { reply: Reply::NeverFits { why }, .. } = effect {
                Some(why.clone())
            } else {
                None
            }
        })
    };
    let why = refused(&rig.demand("a")).unwrap();
    assert_eq!(
        why,
        "it claims 1200M (what its runs have taken; a `[memory] claim` in its file counts instead), and the budget has \
         no more than 1000M"
    );
    reload(&mut rig, vec![loaded("a", claiming(900))], budget(1000));
    assert_eq!(starts(&rig.demand("a")), [2]);
}

#[test]
fn once_it_has_been_first_for_a_while_nothing_passes_it_by_being_quick() {
    let timed = |mib, minutes| Policy { timeout_ms: Some(minutes * MINUTE), ..claiming(mib) };
    let queued = Policy { overlap: crate::words::Overlap::Queue, ..timed(200, 1) };
    let jobs = vec![
        loaded("large", timed(900, 600)),
        loaded("long", timed(600, 600)),
        loaded("quick", queued),
        // What the host could not take even without ours keeps nothing, and so is not the first of anything.
        loaded("vast", Policy { priority: 10, ..timed(1000, 600) }),
    ];
    let mut rig = with(jobs, Budget { is_on: true, ..budget(1000) });
    rig.room = Room { available: Some(950 * MIB), ..Room::default() };
    assert_eq!(starts(&rig.demand("long")), [1]);
    rig.started(1);
    rig.room = Room { available: Some(350 * MIB), used: vec![(1, 600 * MIB)], ..Room::default() };
    rig.demand("vast");
    assert_eq!(starts(&rig.demand("large")), NONE);
    assert_eq!(starts(&rig.demand("quick")), [4], "it will have ended by then");
    rig.started(4);
    rig.exited(4, Exit::Code(0));
    rig.pass(limits::FIRM_AFTER_MS);
    assert_eq!(starts(&rig.demand("quick")), NONE);
    assert_eq!(why(&rig, "quick").behind, Some(3));
    rig.room = Room { available: Some(950 * MIB), ..Room::default() };
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [3], "and it is the next");
}

#[test]
fn a_run_that_stands_still_at_its_own_limit_holds_back_no_other() {
    let pressure = Budget { is_on: true, pressure: Some(15), total: Some(1000 * MIB), ..Budget::default() };
    let mut rig = rig(&[("a", 1), ("b", 1)], pressure);
    let left = |mib: u64| Room { available: Some(mib * MIB), stalled: Some(9_000), ..Room::default() };
    rig.room = left(250);
    assert!(rig.send(Event::Pressure(left(250))).is_empty(), "a fourth of all memory is left");
    assert_eq!(starts(&rig.demand("a")), [1]);
    rig.room = left(249);
    rig.send(Event::Pressure(left(249)));
    assert_eq!(starts(&rig.demand("b")), NONE);
    rig.room = left(250);
    assert_eq!(
        starts(&rig.pass(limits::PRESSURE_QUIET_MS)),
        [2],
        "memory is there again, whoever still stands still"
    );
}

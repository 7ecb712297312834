//! Admission where something comes between: an upgrade or a crash, a start that is put off, a pause, a host that others fill.

use super::tests::{MIB, MINUTE, NONE, budget, claiming, kill, raised, reload, rig, why, with};
use super::*;
use crate::engine::tests::{Rig, ends, loaded, policy, starts};
use crate::engine::{Event, Exit, Loaded, Policy};
use crate::words::OomCause;

/// The ebbd that goes on in the place of this one, or the one that is started after its crash.
fn after(rig: &Rig, jobs: Vec<Loaded>, budget: Budget, is_upgrade: bool) -> Rig {
    let carried = if is_upgrade { rig.engine.carried() } else { crate::engine::Carried::default() };
    let text = serde_json::to_string(&carried).unwrap();
    let restored = crate::engine::simulation::restored(&rig.journal());
    let carried = serde_json::from_str(&text).unwrap();
    Rig::begun(rig.now, jobs, crate::engine::Restored { carried, ..restored }, budget)
}

#[test]
fn an_upgrade_changes_nothing_for_what_runs_and_what_waits() {
    let jobs = |a| {
        let patient = Policy { queue_timeout_ms: Some(30 * MINUTE), ..claiming(500) };
        vec![
            loaded("a", claiming(a)),
            loaded("b", patient),
            loaded("c", Policy { priority: 1, ..claiming(500) }),
        ]
    };
    let mut rig = with(jobs(600), budget(1000));
    rig.demand("a");
    rig.started(1);
    rig.demand("b");
    rig.pass(11 * MINUTE);
    rig.demand("c");
    rig.send(Event::Budget(budget(1000)));
    rig.send(Event::Load(jobs(1)));
    let since = why(&rig, "b").since;
    let mut next = after(&rig, jobs(1), budget(1000), true);
    assert!(starts(&next.log).is_empty(), "what run 1 claimed when it began is still claimed");
    assert_eq!(why(&next, "b").since, since);
    assert_eq!(next.engine.next_wake().mono, Some(next.now.mono.plus_ms(19 * MINUTE)), "its queue-timeout");
    assert_eq!(
        starts(&next.exited(1, Exit::Code(0)))[0],
        2,
        "which had waited for longer than a step of priority"
    );
}

#[test]
fn an_upgrade_does_not_let_go_what_the_pressure_holds_back() {
    let jobs = || vec![loaded("a", claiming(1))];
    let heeds = || Budget { is_on: true, pressure: Some(15), ..Budget::default() };
    let mut rig = with(jobs(), heeds());
    rig.send(Event::Pressure(Room::default()));
    let since = rig.engine.held_since();
    let mut next = after(&rig, jobs(), heeds(), true);
    assert_eq!((starts(&next.demand("a")), next.engine.held_since()), (vec![], since));
    assert_eq!(starts(&next.pass(limits::PRESSURE_QUIET_MS)), [1]);
    assert_eq!(
        after(&rig, jobs(), Budget::default(), true).engine.held_since(),
        None,
        "nobody heeds it any more"
    );
}

#[test]
fn a_run_whose_job_is_gone_after_a_crash_still_claims_something() {
    let mut rig = rig(&[("a", 600), ("b", 500)], budget(1000));
    rig.demand("a");
    rig.started(1);
    rig.demand("b");
    let unknown = Budget { unknown: 700 * MIB, ..budget(1000) };
    let next = after(&rig, vec![loaded("b", claiming(500))], unknown, false);
    assert!(starts(&next.log).is_empty(), "nobody knows what it takes");
    assert_eq!(why(&next, "b").free, Some(300 * MIB));
}

#[test]
fn what_was_put_off_keeps_its_age_and_lets_others_have_its_room_meanwhile() {
    let mut rig = rig(&[("a", 600), ("b", 600), ("c", 600)], budget(1000));
    rig.demand("a");
    rig.started(1);
    rig.demand("b");
    rig.pass(MINUTE);
    rig.demand("c");
    assert_eq!(starts(&rig.exited(1, Exit::Code(0))), [2]);
    let effects = rig.send(Event::StartPutOff { run: 2, lacks: "no process is left".into() });
    assert_eq!(starts(&effects), [3], "nothing that it claimed is claimed now");
    rig.started(3);
    assert_eq!(starts(&rig.demand("a")), NONE);
    rig.pass(MINUTE);
    assert_eq!(why(&rig, "b").resource, "budget");
    assert_eq!(starts(&rig.exited(3, Exit::Code(0))), [2], "it came before run 4");
}

#[test]
fn a_retry_that_is_held_by_a_pause_waits_for_no_memory_and_keeps_none_from_others() {
    let retry = crate::job::Retry { attempts: 3, delay_ms: 1, backoff: 1.0, max_delay_ms: 1 };
    let large = Policy { retry, queue_timeout_ms: Some(MINUTE), ..claiming(900) };
    let mut rig =
        with(vec![loaded("a", claiming(500)), loaded("b", large), loaded("c", claiming(300))], budget(1000));
    rig.demand("b");
    rig.started(1);
    rig.demand("a");
    assert_eq!(starts(&rig.exited(1, Exit::Code(1))), [2]);
    rig.started(2);
    rig.pass(1);
    assert_eq!(starts(&rig.demand("c")), NONE, "what is free is kept for the retry");
    assert_eq!(starts(&rig.send(Event::Pause { client: 1, job: "b".into() })), [4]);
    assert!(ends(&rig.pass(10 * MINUTE)).is_empty(), "nor does it give up while it is held");
}

#[test]
fn what_the_host_could_not_give_even_without_our_runs_is_kept_for_nobody() {
    let jobs = [("large", 5000), ("other", 100), ("small", 100)];
    let mut rig = rig(&jobs, Budget { is_on: true, ..Budget::default() });
    rig.room = Room { available: Some(3000 * MIB), ..Room::default() };
    assert_eq!(starts(&rig.demand("large")), NONE);
    assert_eq!(starts(&rig.demand("small")), [2], "others hold what the large one lacks");
    rig.started(2);
    // Run 2 has taken much more than it claimed, and its end gives that back.
    rig.room = Room { available: Some(3000 * MIB), used: vec![(2, 2500 * MIB)], ..Room::default() };
    assert_eq!(starts(&rig.demand("other")), NONE);
    assert_eq!(why(&rig, "other").behind, Some(1));
}

#[test]
fn the_pause_between_looks_at_the_host_begins_anew_each_time() {
    let mut rig = rig(&[("a", 600)], Budget { is_on: true, ..Budget::default() });
    for _ in 0..2 {
        rig.room = Room::default();
        rig.room.available = Some(0);
        rig.demand("a");
        let pause = |rig: &Rig| rig.engine.next_wake().mono.map(|at| at.0 - rig.now.mono.0);
        assert_eq!(pause(&rig), Some(limits::LOOK_AGAIN_MIN_MS));
        rig.pass(limits::LOOK_AGAIN_MIN_MS);
        assert_eq!(pause(&rig), Some(2 * limits::LOOK_AGAIN_MIN_MS));
        rig.room.available = None;
        let run = starts(&rig.pass(2 * limits::LOOK_AGAIN_MIN_MS))[0];
        rig.started(run);
        rig.exited(run, Exit::Code(0));
    }
}

#[test]
fn a_limit_that_a_reload_makes_larger_than_that_of_a_retry_is_the_retrys_as_well() {
    let on_oom = crate::job::OnOom { retry: 3, grow_milli: 1_500, up_to: None };
    let job = |max: Option<u64>| Policy { memory_max: max.map(|mib| mib * MIB), on_oom, ..policy() };
    let jobs = |max| vec![loaded("a", job(max)), loaded("b", claiming(500))];
    for (max, claimed) in [(Some(800), 800), (None, 400), (Some(500), 600)] {
        let mut rig = with(jobs(Some(400)), Budget { unknown: 1, ..budget(1000) });
        rig.demand("a");
        rig.started(1);
        rig.demand("b");
        rig.started(2);
        kill(&mut rig, 1, 400, OomCause::Limit);
        assert_eq!(why(&rig, "a").needs, Some(600 * MIB));
        let effects = reload(&mut rig, jobs(max), Budget { unknown: 1, ..budget(2000) });
        assert_eq!(raised(&effects), [(3, (max == Some(500)).then_some(600 * MIB))]);
        assert_eq!(rig.engine.shares().next().unwrap().claimed, (500 + claimed) * MIB);
    }
}

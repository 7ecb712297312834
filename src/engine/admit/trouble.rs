//! Admission where something comes between: an upgrade or a crash, a start that is put off, a pause, a host that others fill.

use super::tests::{MIB, MINUTE, budget, claiming, rig, why, with};
use super::*;
use crate::engine::tests::{Rig, loaded, starts};
use crate::engine::{Event, Exit, Loaded, Policy};

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
    rig.send(Event::Pressure);
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

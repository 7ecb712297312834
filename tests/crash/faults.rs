//! Single system calls fail: no room, no descriptor, no process, a bad disk. ebbd stays and answers, what it accepted is done,
//! and afterwards all is as before. Only at its start may it give up, with a reason.

use std::fmt::{Display, Formatter};

use nix::sys::wait::WaitStatus;
use serde_json::{Value, json};

use crate::harness::skip;
use crate::pool::{self, run_all};
use crate::scenario::World;
use crate::talk::call;
use crate::tracer::{Deed, Plan};
use crate::verdict::{Cut, judge};

/// The call that fails.
struct Fault(usize);

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "fail-{}", self.0)
    }
}

fn plan(deed: Option<Deed>) -> Plan {
    Plan { deed, counts_takers: true, ..Plan::default() }
}

fn fail_at(fault: &Fault) -> bool {
    let mut world = World::new();
    let mut recovered = Ok(());
    let trace = world.play_traced(plan(Some(Deed::Fail(fault.0))), |world| {
        let all_is_well = || {
            world.finish();
            let ask = || call(&world.ebbd.socket(), "RunNow", &json!({"job": "plain", "wait": true}));
            let is_well = |reply: &Value| reply["result"]["outcome"] == "success";
            // What fails may be this one.
            let reply = ask().ok().filter(is_well).map_or_else(ask, Ok);
            let outcome = reply.as_ref().map(|reply| reply["result"]["outcome"].clone());
            assert_eq!(outcome, Ok(json!("success")), "it does not recover: {reply:?}");
        };
        recovered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(all_is_well));
    });
    let trace = trace.unwrap();
    let what = trace.hit.clone().unwrap_or_else(|| "the end".to_owned());
    pool::explained(&mut world, &format!("{fault}: {what}"), |world| {
        assert!(recovered.is_ok(), "it does not recover");
        match trace.status {
            WaitStatus::Exited(_, 0) => {}
            WaitStatus::Exited(_, code) => {
                assert!(!world.was_ready, "it gave up with {code}:\n{}", world.ebbd.log());
                assert!(world.ebbd.log().contains("ERROR"), "it gave up without a word");
            }
            other => panic!("it did not end by itself: {other:?}\n{}", world.ebbd.log()),
        }
        // What it could not remove, the next one does.
        world.recover(|_| {});
        judge(world, Cut::Nothing);
    });
    trace.hit.is_some()
}

#[test]
fn whichever_call_fails_ebbd_stays_and_keeps_what_it_promised() {
    let _alone = pool::ALONE.lock();
    let Some(trace) = World::new().play_traced(plan(None), |_| {}) else {
        skip(
            "faults::whichever_call_fails_ebbd_stays_and_keeps_what_it_promised",
            "nothing may be traced here (ptrace)",
        );
        return;
    };
    // Another part of them each time; all of them with EBB_CRASH_FACTOR.
    let every = if pool::wanted().is_some() { 1 } else { 3_usize.saturating_sub(pool::factor() - 1).max(1) };
    let from = fastrand::usize(1..=every);
    let all: Vec<Fault> = (from..=trace.counted).step_by(every).map(Fault).collect();
    run_all("failing system calls", &all, fail_at);
}

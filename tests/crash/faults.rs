//! Single system calls fail: no room, no descriptor, no process, a bad disk. ebbd stays and answers, what it accepted is done,
//! and afterwards all is as before. Only at its start may it give up, with a reason.

use std::fmt::{Display, Formatter};

use nix::sys::wait::WaitStatus;
use serde_json::{Value, json};

use crate::harness::{Ebbd, skip, wait_until};
use crate::pool::{self, run_all};
use crate::scenario::World;
use crate::talk::call;
use crate::tracer::{Deed, Plan, Traced};
use crate::verdict::{Cut, judge};

/// The call that fails, and before it, where there is one, the journal's so manieth sync: then it is one of the rotation that
/// is to save what the sync has not.
struct Fault {
    at: usize,
    sync: Option<usize>,
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "fail-{}", self.at)?;
        self.sync.map_or(Ok(()), |sync| write!(f, "-sync-{sync}-fails"))
    }
}

fn plan(deed: Option<Deed>, sync_fails: Option<usize>) -> Plan {
    Plan { deed, sync_fails, counts_takers: true, ..Plan::default() }
}

/// The calls that follow the failure of a sync: those of the rotation, and some more.
fn during_rotation(sync: usize) -> impl Iterator<Item = Fault> {
    let trace = World::new().play_traced(plan(None, Some(sync)), |_| {}).unwrap();
    let from = trace.sync_failed_at.expect("a scenario with so many syncs") + 1;
    (from..from + 14).map(move |at| Fault { at, sync: Some(sync) })
}

fn fail_at(fault: &Fault) -> bool {
    let mut world = World::new();
    let mut recovered = Ok(());
    let trace = world.play_traced(plan(Some(Deed::Fail(fault.at)), fault.sync), |world| {
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
    let Some(trace) = World::new().play_traced(plan(None, None), |_| {}) else {
        skip(
            "faults::whichever_call_fails_ebbd_stays_and_keeps_what_it_promised",
            "nothing may be traced here (ptrace)",
        );
        return;
    };
    // Another part of them each time; all of them with EBB_CRASH_FACTOR.
    let every = if pool::wanted().is_some() { 1 } else { 3_usize.saturating_sub(pool::factor() - 1).max(1) };
    let from = fastrand::usize(1..=every);
    let single = (from..=trace.counted).step_by(every).map(|at| Fault { at, sync: None });
    let all: Vec<Fault> = single.chain(during_rotation(3)).chain(during_rotation(6)).collect();
    run_all("failing system calls", &all, fail_at);
}

/// Plays with an ebbd whose journal's second sync fails, and with it the begin of a new segment while there is a file `bad`.
fn with_bad_disk(test: &str, act: impl FnOnce(&Ebbd)) {
    let ebbd = Ebbd::prepare(&[("sleep", "command = [\"sleep\", \"1000\"]\noverlap = \"queue\"\n")]);
    let plan = Plan { sync_fails: Some(2), file_fails: Some("journal.next"), ..Plan::default() };
    let Some(traced) = Traced::start(ebbd.command(), plan) else {
        return skip(test, "nothing may be traced here (ptrace)");
    };
    wait_until("ebbd to listen", || std::os::unix::net::UnixStream::connect(ebbd.socket()).is_ok());
    act(&ebbd);
    traced.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(matches!(traced.end().status, WaitStatus::Exited(_, 0)), "{}", ebbd.log());
}

#[test]
fn what_a_failed_sync_has_not_brought_to_disk_a_new_segment_does() {
    with_bad_disk("faults::what_a_failed_sync_has_not_brought_to_disk_a_new_segment_does", |ebbd| {
        let first = ebbd.demand("sleep");
        let second = ebbd.demand("sleep");
        let log = ebbd.log();
        assert!(log.contains("cannot bring the journal to disk"), "{log}");
        let live = std::fs::read_to_string(ebbd.path("state/journal.jsonl")).unwrap();
        for run in [first, second] {
            assert!(live.contains(&format!("\"event\":\"queued\",\"id\":{run},")), "run {run}: {live}");
        }
        assert_eq!(ebbd.journal()[0]["event"], "opened");
        ebbd.call("Stop", json!({"job": "sleep"})).unwrap();
    });
}

#[test]
fn a_demand_that_can_not_be_brought_to_disk_is_refused_and_what_has_begun_of_it_is_ended() {
    let test =
        "faults::a_demand_that_can_not_be_brought_to_disk_is_refused_and_what_has_begun_of_it_is_ended";
    with_bad_disk(test, |ebbd| {
        let end = |run: u64| ebbd.journal().into_iter().find(|r| r["event"] == "finished" && r["id"] == run);
        let first = ebbd.demand("sleep");
        std::fs::write(ebbd.path("bad"), "").unwrap();
        // This one waits for its turn, the next one starts at once.
        for round in 1..=2 {
            let (name, message) = ebbd.refusal("RunNow", json!({"job": "sleep"}));
            assert!(name == "System" && message.contains("not accepted"), "{name}: {message}");
            ebbd.until("it to be ended", || end(first + round).is_some());
            let ended = end(first + round).unwrap();
            assert_eq!(ended["outcome"], "canceled", "{ended}");
            assert!(ended["detail"].as_str().unwrap().contains("could not be brought to disk"), "{ended}");
            if round == 1 {
                assert!(end(first).is_none(), "what was accepted before is not touched");
                let (name, message) = ebbd.refusal("Stop", json!({ "run": first }));
                assert!(name == "System" && message.contains("it is done, but"), "{name}: {message}");
                ebbd.until("the first to end", || end(first).is_some());
            }
        }
        std::fs::remove_file(ebbd.path("bad")).unwrap();
        let again = ebbd.demand("sleep");
        ebbd.until_started(again);
        ebbd.call("Stop", json!({"job": "sleep"})).unwrap();
    });
}

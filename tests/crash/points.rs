//! ebbd dies at every system call of the scenario that changes anything: before it, and after it. On top of some of that the
//! power goes: what was not synced is cut off anywhere, and the runs are gone with the host.

use std::fmt::{Display, Formatter};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::json;

use crate::harness::skip;
use crate::pool::{self, run_all};
use crate::scenario::{Hold, World};
use crate::talk::call;
use crate::tracer::{Deed, Plan, Trace};
use crate::verdict::{Cut, judge};

/// One crash.
struct Point {
    deed: Deed,
    /// The journal's sync that fails, so that a rotation takes place.
    sync_fails: Option<usize>,
    cut: Cut,
}

impl Display for Point {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (when, at) = match self.deed {
            Deed::KillBefore(at) => ("before", at),
            Deed::KillAfter(at) => ("after", at),
            Deed::Fail(at) => ("fail", at),
        };
        write!(f, "{when}-{at}")?;
        if let Some(sync) = self.sync_fails {
            write!(f, "-sync-{sync}-fails")?;
        }
        if self.cut == Cut::Power { write!(f, "-power") } else { Ok(()) }
    }
}

/// All points of a scenario with so many calls.
fn points(calls: usize, sync_fails: Option<usize>, every: usize) -> impl Iterator<Item = Point> {
    (1..=calls).step_by(every).flat_map(move |at| {
        [Deed::KillBefore(at), Deed::KillAfter(at)].map(|deed| Point { deed, sync_fails, cut: Cut::Ebbd })
    })
}

fn crash_at(point: &Point) -> bool {
    let mut world = World::new();
    let plan = Plan { deed: Some(point.deed), sync_fails: point.sync_fails, ..Plan::default() };
    let trace = world.play_traced(plan, |_| {}).unwrap();
    let what = trace.hit.clone().unwrap_or_else(|| "the end".to_owned());
    pool::explained(&mut world, &format!("{point}: {what}"), |world| {
        if point.cut == Cut::Power {
            cut_power(world, &trace);
        }
        world.recover(pause_holds);
        judge(world, point.cut);
    });
    trace.hit.is_some()
}

/// A pause, or its end, that was acknowledged holds.
fn pause_holds(world: &World) {
    let status = call(&world.ebbd.socket(), "Status", &json!({"job": "tick"})).unwrap();
    let paused = status["job"]["paused"] == true;
    match world.hold {
        Hold::Unknown => {}
        Hold::Paused => assert!(paused, "a pause was acknowledged and is forgotten"),
        Hold::Resumed => assert!(!paused, "the end of a pause was acknowledged and is forgotten"),
    }
}

/// The host goes down with ebbd: its runs are gone, it comes up with another boot id, and of the journal there is what was
/// synced, and any part of what came after.
fn cut_power(world: &World, trace: &Trace) {
    for pid in world.processes() {
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let live = world.ebbd.path("state/journal.jsonl");
    if let Ok(file) = std::fs::File::options().write(true).open(&live) {
        let length = file.metadata().unwrap().len();
        if trace.synced < length {
            file.set_len(fastrand::u64(trace.synced..=length)).unwrap();
        }
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for path in world.segments() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        std::fs::write(path, text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000")).unwrap();
    }
}

#[test]
fn nothing_is_lost_and_nothing_runs_twice_whichever_call_ebbd_dies_at() {
    let _alone = pool::ALONE.lock();
    // How many calls there are, without a crash.
    let Some(trace) = World::new().play_traced(Plan::default(), |_| {}) else {
        skip(
            "points::nothing_is_lost_and_nothing_runs_twice_whichever_call_ebbd_dies_at",
            "nothing may be traced here (ptrace)",
        );
        return;
    };
    let calls = trace.counted;
    let with_power = |every| points(calls, None, every).map(|point| Point { cut: Cut::Power, ..point });
    let rotation = points(calls + 40, Some(4), 7);
    let all: Vec<Point> = points(calls, None, 1).chain(rotation).chain(with_power(5)).collect();
    let counted = run_all("crash points", &all, crash_at);
    assert!(
        counted >= 500 || pool::wanted().is_some(),
        "only {counted} points of {} were reached",
        all.len()
    );
}

//! What runs of an earlier ebbd have left in their control groups: processes that outlived it, and directories that it could
//! not remove. Holds nobody up. Knows of runs only which of them may start in a group of the same name.

use std::time::{Duration, Instant};

use crate::journal::record::RunId;
use crate::limits;
use crate::sys::cgroup::Leaf;

use super::ladder::Ladder;

/// Ends all of it, the control groups in `but` apart. Waits, up to a bound, only for those of runs that `may_start`: else such a
/// run would be put off. What is not gone then is seen to beside everything else, or by the start of that run.
pub(super) fn sweep(ladder: &Ladder, but: &[String], may_start: &dyn Fn(RunId) -> bool) {
    let leaves = ladder.leftovers(but);
    for leaf in &leaves {
        tracing::warn!("ending what is left of {} of an earlier ebbd", leaf.name());
        let _ = leaf.kill_all();
    }
    let (awaited, others): (Vec<Leaf>, Vec<Leaf>) =
        leaves.into_iter().partition(|leaf| leaf.run_id().is_some_and(may_start));
    wait_for(awaited.iter());
    if !others.is_empty() {
        tokio::spawn(vanish(others));
    }
}

/// At ebbd's own end: what [`vanish`] has not come to see gone yet, the runs apart that live on, has a last moment.
pub(super) fn finish(ladder: &Ladder, lives: &dyn Fn(RunId) -> bool) {
    let leaves = ladder.leftovers(&[]);
    wait_for(leaves.iter().filter(|leaf| !leaf.run_id().is_some_and(lives)));
}

/// Up to a bound for all of them together.
fn wait_for<'a>(leaves: impl Iterator<Item = &'a Leaf>) {
    let deadline = Instant::now() + Duration::from_millis(limits::SWEEP_MS);
    for leaf in leaves {
        while !is_gone(leaf) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// No run starts in these any more, so nobody else is hit, however long it takes. What is not gone by the bound is tried again
/// at the next start.
async fn vanish(mut leaves: Vec<Leaf>) {
    let deadline = Instant::now() + Duration::from_millis(limits::TREE_VANISH_MS);
    let mut pause = Duration::from_millis(1);
    loop {
        leaves.retain(|leaf| !is_gone(leaf));
        if leaves.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
    for leaf in &leaves {
        let pids = leaf.pids().unwrap_or_default();
        tracing::error!("what is left of {} can't be ended: {pids:?}", leaf.name());
    }
}

/// Ends who is in it once more, and lets go of it where nobody is.
fn is_gone(leaf: &Leaf) -> bool {
    leaf.kill_all().unwrap_or(false) && leaf.remove().is_ok()
}

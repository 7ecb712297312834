//! `pids-max` holds a fork bomb, and its end ends all of it.

use crate::cgroups::{Before, keyed, leaf_of, read};
use crate::harness::{Job, ebb, run, wait_until};

#[test]
fn a_fork_bomb_stays_within_its_run_and_goes_with_it() {
    // Each process makes children for ever and never gives up.
    let bomb = "for (;;) { defined fork or select undef, undef, undef, 0.01 }";
    let job = format!("command = [\"perl\", \"-e\", \"{bomb}\"]\npids-max = 40\ngrace = \"2s\"\n");
    let job = Job::new("bomb", &job);
    let before = Before::look();
    let run_id = job.demand();
    let leaf = leaf_of(run_id);
    wait_until("the bomb to be refused a process", || keyed(&leaf, "pids.events", "max") > 0);
    assert!(read(&leaf, "pids.current").parse::<u64>().unwrap() <= 40);
    ebb(&["status"]).ok(); // the host goes on
    ebb(&["stop", "bomb"]).ok();
    let line = job.wait(run_id);
    assert_eq!(line["outcome"], "canceled", "{line}");
    assert_eq!(run(&["pgrep", "-f", "defined fork"]).out, "");
    before.is_back(&line);
}

//! The engine schedules memory through simulated days: thousands of jobs of a heavy-tailed mix, most of them due at a full
//! hour, against a budget. `make simulate` runs the large one: 10,000 jobs for a week, and the comparison of a single rush.
//!
//! What is held at every event:
//! - what runs have claimed together is never more than the budget;
//! - no run waits for longer than the bound, which follows from two rules of `engine/admit`: runs are ranked, and once the
//!   first in rank is firm nothing passes it. A run that is first starts at the latest `FIRM_AFTER + D` after it became so,
//!   D being the longest that any run takes: by then it is firm, and all that was under way has ended. So with A runs that
//!   were ranked before it and started after its turn had come, it waits `(A + 1) * (FIRM_AFTER + D)` at most.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)] // In a test a panic is the verdict.

mod mix;
mod rush;
mod world;

use mix::Mix;
use world::World;

/// Whether the large ones are asked for.
fn is_large() -> bool {
    std::env::var_os("EBB_SIMULATE_LARGE").is_some()
}

#[test]
fn days_of_a_heavy_tailed_mix_exceed_no_budget_and_starve_nobody() {
    let (jobs, days) = if is_large() { (10_000, 7) } else { (400, 2) };
    for seed in 1..=if is_large() { 1 } else { 3 } {
        let mix = Mix::new(seed, jobs);
        let mut world = World::new(&mix, world::Rule::Budget(mix.budget()));
        world.pass_days(days);
        let seen = world.finish();
        println!("{jobs} jobs, {days} days, seed {seed}: {seen}");
        assert!(seen.runs >= jobs * (days - 1), "every job runs every day: {seen}");
        assert!(seen.longest_share_of_bound < 1.0, "{seen}");
        assert!(seen.passed > 0, "small runs pass where that delays nobody: {seen}");
    }
}

#[test]
fn a_rush_ends_sooner_than_with_a_limit_of_runs_and_takes_no_more_than_there_is() {
    let jobs = if is_large() { 10_000 } else { 300 };
    let table = rush::compare(7, jobs);
    println!("{table}");
    let [budget, safe, ..] = &table.rows[..] else { panic!("{table}") };
    assert!(budget.peak <= table.memory, "{table}");
    assert!(
        budget.makespan_s < safe.makespan_s,
        "a limit of runs that never exceeds the memory is slower: {table}"
    );
    assert!(budget.makespan_s < 2.0 * table.least_s, "no schedule takes less than the least: {table}");
    let unlimited = table.rows.last().unwrap();
    assert!(unlimited.peak > 2 * table.memory, "all at once would need far more than there is: {table}");
}

//! The most jobs that there may be are loaded in a time that grows with their number and not with its square.
//! Reads the thread's own clock, which the engine itself does not.

use std::time::Duration;

use crate::clock::{Mono, Now, Wall};
use crate::journal::record::JobFacts;
use crate::limits;
use crate::sys::testing::worked;

use super::job::Facts;
use super::tests::{START, hourly, loaded};
use super::{Engine, Event, Loaded, Policy, Restored};

const NOW: Now = Now { wall: Wall(START), mono: Mono(1_000_000_000) };

fn name(number: usize) -> String {
    format!("job-{number:05}")
}

/// In the order of names, each with a policy of its own.
fn jobs(count: usize) -> Vec<Loaded> {
    let policy = |number: usize| Policy { timeout_ms: Some(number as u64), ..hourly() };
    (0..count).map(|number| loaded(&name(number), policy(number))).collect()
}

/// What an earlier ebbd knew of them.
fn known(count: usize) -> Vec<JobFacts> {
    let policy = std::rc::Rc::new(hourly());
    let facts = Facts::new(1, NOW.wall);
    let job = |number| super::job::Job {
        name: name(number).into(),
        policy: std::rc::Rc::clone(&policy),
        definition: super::DefinitionRef::default(),
        facts,
        next: None,
    };
    (0..count).map(|number| job(number).record()).collect()
}

/// The first load and a reload.
fn loads(count: usize) -> (Duration, Duration) {
    let mut engine = Engine::new(Restored { jobs: known(count), ..Restored::default() }, 7);
    let (first, again) = (jobs(count), jobs(count));
    let begun = worked();
    let effects = engine.handle(NOW, Event::Load(first));
    let loaded = worked() - begun;
    assert_eq!(
        (engine.job_count(), effects.len()),
        (count, count),
        "each is known, and has its slot looked up"
    );
    let begun = worked();
    let _ = engine.handle(NOW, Event::Load(again));
    (loaded, worked() - begun)
}

#[test]
fn the_time_of_a_load_grows_with_the_number_of_jobs() {
    let best = |count: usize| {
        let times: Vec<_> = (0..5).map(|_| loads(count)).collect();
        (times.iter().map(|t| t.0).min().unwrap(), times.iter().map(|t| t.1).min().unwrap())
    };
    let (many, few) = (best(limits::JOBS_MAX), best(limits::JOBS_MAX / 10));
    println!("{} jobs: {:?} and {:?} again; a tenth of them: {few:?}", limits::JOBS_MAX, many.0, many.1);
    // Ten times as long, and some more; by the square it would be a hundred times.
    assert!(many.0 < few.0 * 30 && many.1 < few.1 * 30, "{many:?} against {few:?}");
}

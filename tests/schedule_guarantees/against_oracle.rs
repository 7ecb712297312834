//! The rules spelled out as naively as they can be, and held against `Schedule::next` around changes of the clock.
//! The oracle walks over civil seconds and a table of offsets; it shares neither parser nor search with ebb.

use ebb::schedule::Schedule;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use crate::random::{self, Expression};
use crate::support::{self, Change, Place, civil, env_number, second};

/// All slots in `start < slot <= end`, by the rules alone.
fn oracle(expression: &Expression, place: &Place, start: i64, end: i64) -> Vec<i64> {
    // Without a field for seconds, only whole minutes can match.
    let grain = if expression.second.is_some() { 1 } else { 60 };
    let matches = |clock: i64| clock % grain == 0 && expression.matches(civil(clock));
    let mut slots: Vec<i64> = if expression.follows_running_clock() {
        (start + 1..=end).filter(|at| matches(at + place.offset_at(*at))).collect()
    } else {
        let offsets = || {
            let between = place
                .changes
                .iter()
                .filter(|c| start < c.at && c.at <= end)
                .flat_map(|c| [c.before, c.after]);
            between.chain([place.offset_at(start), place.offset_at(end)])
        };
        let (lowest, highest) = (offsets().min().unwrap(), offsets().max().unwrap());
        (start + lowest..=end + highest)
            .filter(|clock| matches(*clock))
            .map(|clock| instant_of(clock, place))
            .collect()
    };
    slots.retain(|at| start < *at && *at <= end);
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The earliest instant at which the clock shows `clock`; if it never does, the first one after the gap.
fn instant_of(clock: i64, place: &Place) -> i64 {
    let near: Vec<&Change> =
        place.changes.iter().filter(|change| (change.at - clock).abs() < 60 * 3600).collect();
    let offsets = near.iter().flat_map(|c| [c.before, c.after]).chain([place.offset_at(clock)]);
    let shown = offsets.map(|offset| clock - offset).filter(|at| at + place.offset_at(*at) == clock).min();
    shown.unwrap_or_else(|| near.iter().find(|c| c.from() <= clock && clock < c.to()).unwrap().at)
}

/// Instants to ask from: the ends of everything that happens, and some at random, with fractions of a second.
fn starts(rng: &mut Rng, change: &Change, start: i64, end: i64) -> Vec<Timestamp> {
    let mut starts = vec![start];
    for edge in [change.at, change.at + change.width(), change.at - change.width()] {
        starts.extend([edge - 1, edge, edge + 1]);
    }
    starts.extend((0..12).map(|_| rng.i64(start..end)));
    let fraction =
        |rng: &mut Rng| SignedDuration::from_nanos(if rng.bool() { 0 } else { rng.i64(1..1_000_000_000) });
    starts.into_iter().map(|at| second(at) + fraction(rng)).collect()
}

fn compare(rng: &mut Rng, place: &Place, change: &Change) -> Result<usize, String> {
    let expression = random::expression(rng, [civil(change.from()), civil(change.to())]);
    let around = change.width() + if expression.second.is_some() { 1800 } else { 4 * 3600 };
    let (start, end) = (change.at - around, change.at + around);
    let slots = oracle(&expression, place, start, end);
    let text = expression.text();
    let schedule = Schedule::parse(&text, "job").map_err(|e| format!("`{text}` is refused: {e}"))?;
    for after in starts(rng, change, start, end) {
        let expected = slots.iter().copied().find(|slot| second(*slot) > after);
        let found = schedule.next(after, &place.zone).map(|slot| slot.at.as_second());
        let agree = match expected {
            Some(slot) => found == Some(slot),
            None => found.is_none_or(|slot| slot > end),
        };
        if !agree {
            return Err(format!(
                "`{text}` in {} after {after}: {:?}, the rules say {:?}",
                place.name,
                found.map(second),
                expected.map(second)
            ));
        }
    }
    Ok(slots.len())
}

#[test]
fn next_does_what_the_rules_say_around_changes_of_the_clock() {
    let seed = env_number("EBB_SCHEDULE_SEED", fastrand::u64(..));
    let samples = 1500 * env_number("EBB_SCHEDULE_ROUNDS", 1);
    let mut rng = Rng::with_seed(seed);
    let places = support::places();
    let changes: Vec<(&Place, &Change)> =
        places.iter().flat_map(|p| p.tested().iter().map(move |c| (p, c))).collect();
    let mut slots = 0;
    for _ in 0..samples {
        let (place, change) = changes[rng.usize(..changes.len())];
        slots += compare(&mut rng, place, change).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    println!("{samples} of {} changes of {} zones, {slots} slots, seed {seed}", changes.len(), places.len());
    assert!(slots > 10, "the sample has hardly a slot in it");
}

#[test]
fn a_chain_of_slots_only_ever_goes_forward() {
    let seed = env_number("EBB_SCHEDULE_SEED", fastrand::u64(..));
    let mut rng = Rng::with_seed(seed);
    let places: Vec<Place> = support::places().into_iter().filter(|p| !p.tested().is_empty()).collect();
    for _ in 0..300 * env_number("EBB_SCHEDULE_ROUNDS", 1) {
        let place = &places[rng.usize(..places.len())];
        let change = place.tested()[rng.usize(..place.tested().len())];
        let text = random::expression(&mut rng, [civil(change.from()), civil(change.to())]).text();
        let schedule = Schedule::parse(&text, "job").unwrap_or_else(|e| panic!("seed {seed}: `{text}`: {e}"));
        let mut after =
            second(change.at - rng.i64(0..100_000)) + SignedDuration::from_millis(rng.i64(0..1000));
        for _ in 0..200 {
            let Some(slot) = schedule.next(after, &place.zone) else { break };
            assert!(slot.at > after, "seed {seed}: `{text}` in {} after {after}: {}", place.name, slot.at);
            assert_eq!(
                slot.at.subsec_nanosecond(),
                0,
                "seed {seed}: `{text}` in {} after {after}",
                place.name
            );
            after = slot.at;
        }
    }
}

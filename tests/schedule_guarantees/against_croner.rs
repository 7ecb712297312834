//! `croner` 4 as a second opinion: random expressions around every change of every bundled zone from 1970 to 2040.
//! Each slot that only one of the two has must be explained by a difference with a name (see `differences`).

use std::collections::BTreeMap;
use std::str::FromStr;

use croner::Cron;
use ebb::schedule::{Schedule, zone};
use fastrand::Rng;
use jiff::Timestamp;

use crate::croner_jiff;
use crate::differences::{self, Difference, Disagreement};
use crate::random::{self, Expression};
use crate::support::{self, Change, Place, civil, env_number, second};

/// Slots that are compared from each starting point.
const STEPS: usize = 2;

#[derive(Default)]
struct Tally {
    compared: usize,
    /// Slots that both have at the end of a gap, and in one of the halves of a fold.
    at_gap: usize,
    in_fold: usize,
    different: BTreeMap<Difference, usize>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.compared += other.compared;
        self.at_gap += other.at_gap;
        self.in_fold += other.in_fold;
        for (difference, count) in other.different {
            *self.different.entry(difference).or_default() += count;
        }
    }
}

/// Both are asked from the same instant; where they differ, the one that comes first is to be explained, and the walk goes
/// on from there.
fn compare(expression: &Expression, place: &Place, change: &Change, tally: &mut Tally) -> Result<(), String> {
    let (text, croner_text) = (expression.text(), expression.croner_text());
    let ebb = Schedule::parse(&text, "job").map_err(|e| format!("`{text}` is refused: {e}"))?;
    let croner =
        Cron::from_str(&croner_text).map_err(|e| format!("`{croner_text}` is refused by croner: {e}"))?;
    if text != croner_text {
        *tally.different.entry(Difference::SteppedDayStar).or_default() += 1;
    }
    for start in [-7200, -1, 0, change.width() / 2, change.width() - 1] {
        let mut after = second(change.at + start);
        for _ in 0..STEPS {
            let ours = ebb.next(after, &place.zone).map(|slot| slot.at);
            let theirs = croner_jiff::next(&croner, after, &place.zone);
            tally.compared += 1;
            if ours != theirs {
                let disagreement = Disagreement { expression, place, change, after, ours, theirs };
                let Some(difference) = disagreement.name() else { return Err(disagreement.to_string()) };
                *tally.different.entry(difference).or_default() += 1;
            }
            if let Some(both) = ours.filter(|ours| theirs == Some(*ours)) {
                let distance = both.as_second() - change.at;
                tally.at_gap += usize::from(change.after > change.before && distance == 0);
                tally.in_fold += usize::from(change.after < change.before && distance.abs() < change.width());
            }
            let Some(first) = [ours, theirs].into_iter().flatten().filter(|at| *at > after).min() else {
                break;
            };
            after = first;
        }
    }
    Ok(())
}

/// More expressions for the few changes at which the rare differences can show.
fn weight(change: &Change) -> u64 {
    match (civil(change.from()).date() != civil(change.to()).date(), change.width() > 7200) {
        (_, true) => 40,
        (true, false) => 4,
        (false, false) => 1,
    }
}

fn walk(places: &[Place], mut rng: Rng, rounds: u64) -> (Tally, Vec<String>) {
    let (mut tally, mut unexplained) = (Tally::default(), Vec::new());
    for place in places {
        for change in place.tested() {
            let near = [civil(change.from()), civil(change.to())];
            for _ in 0..rounds * weight(change) {
                let expression = random::expression(&mut rng, near);
                unexplained.extend(compare(&expression, place, change, &mut tally).err());
            }
        }
    }
    (tally, unexplained)
}

#[test]
fn slots_agree_with_croner_at_every_change_of_every_zone() {
    let seed = env_number("EBB_SCHEDULE_SEED", fastrand::u64(..));
    let rounds = 2 * env_number("EBB_SCHEDULE_ROUNDS", 1);
    let places = support::places();
    let (tally, unexplained) = std::thread::scope(|scope| {
        let halves = places.chunks(places.len().div_ceil(2)).zip(0..);
        let threads: Vec<_> = halves
            .map(|(half, n): (&[Place], u64)| {
                scope.spawn(move || walk(half, Rng::with_seed(seed.wrapping_add(n)), rounds))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).fold(
            (Tally::default(), Vec::new()),
            |mut all, (tally, wrong)| {
                all.0.add(tally);
                all.1.extend(wrong);
                all
            },
        )
    });
    let changes: usize = places.iter().map(|place| place.tested().len()).sum();
    println!(
        "{changes} changes of {} zones, {rounds} or more expressions each, {} slots compared, seed {seed}",
        places.len(),
        tally.compared
    );
    println!("agreed on {} slots at the end of a gap and {} in a fold", tally.at_gap, tally.in_fold);
    for difference in Difference::ALL {
        let count = tally.different.get(difference).copied().unwrap_or(0);
        println!("{count:7} {difference:?}: {}", difference.who_is_right());
    }
    let shown: Vec<&String> = unexplained.iter().take(20).collect();
    assert!(unexplained.is_empty(), "seed {seed}: {} unexplained differences: {shown:#?}", unexplained.len());
    assert!(tally.at_gap > 100 && tally.in_fold > 100, "hardly a slot met a change of the clock");
}

#[test]
fn each_known_difference_is_still_one() {
    let places = support::places();
    for (difference, expression, zone, after) in differences::examples() {
        let place = places.iter().find(|place| zone::bundled(place.name) == zone::bundled(zone)).unwrap();
        let text = expression.text();
        let after = support::instant(after, &place.zone);
        let ours = Schedule::parse(&text, "job").unwrap().next(after, &place.zone).map(|slot| slot.at);
        let theirs = croner_jiff::next(&Cron::from_str(&text).unwrap(), after, &place.zone);
        assert_ne!(ours, theirs, "{difference:?}: croner has changed its mind about `{text}`");
        let change = place.changes.iter().find(|change| change.at > after.as_second()).unwrap();
        let disagreement = Disagreement { expression: &expression, place, change, after, ours, theirs };
        let expected = (difference != Difference::SteppedDayStar).then_some(difference);
        assert_eq!(disagreement.name(), expected, "{disagreement}");
    }
}

#[test]
fn an_instant_between_two_seconds_gives_the_same_slot_as_the_second_before() {
    let zone = support::zone("Europe/Berlin");
    let schedule = Schedule::parse("*/20 * * * *", "job").unwrap();
    let slot = "2024-03-31T01:00:00Z".parse::<Timestamp>().unwrap();
    for fraction in [1, 500_000_000, 999_999_999] {
        let just_before = slot - jiff::SignedDuration::from_nanos(fraction);
        let just_behind = slot + jiff::SignedDuration::from_nanos(fraction);
        assert_eq!(schedule.next(just_before, &zone).unwrap().at, slot);
        assert!(schedule.next(just_behind, &zone).unwrap().at > just_behind);
    }
}

//! What the records add up to.

use std::collections::BTreeSet;

use super::story::Story;
use super::*;
use crate::journal::State;
use crate::journal::codec::{from_line, to_line};
use crate::journal::record::{Finished, JobFacts, Pressure, Queued, Skipped, Started, Stopping, Usage};
use crate::words::{Enforcement, Outcome, SkipReason, StopReason, Trigger};

fn sum<'a>(records: impl IntoIterator<Item = &'a Record>) -> State {
    let mut state = State::default();
    records.into_iter().for_each(|record| state.apply(record));
    state
}

fn at(second: i64, event: Event) -> Record {
    Record { at: NOW.plus_ms(second * 1000), event }
}

fn on_boot(boot: &str) -> Event {
    Event::Opened(Opened { boot: boot.into(), ..opened(1) })
}

fn job(name: &str) -> Event {
    Event::Job(JobFacts {
        job: name.into(),
        timing: 5,
        since: NOW,
        last_slot: None,
        last_start: None,
        last_end: None,
        last_outcome: None,
        last_run: None,
        paused: false,
        learned: crate::learn::Learned::EMPTY,
    })
}

fn queued(id: RunId, trigger: Trigger, slot: Option<Wall>) -> Event {
    Event::Queued(Queued { slot, ..Queued::plain(id, "a", trigger) })
}

fn started(id: RunId) -> Event {
    let cgroups = vec!["/sys/fs/cgroup/ebb/x".into()];
    Event::Started(Started {
        id,
        job: "a".into(),
        pid: 9,
        pid_start: 1,
        enforcement: Enforcement::None,
        cgroups,
    })
}

fn finished(id: RunId) -> Event {
    Event::Finished(Finished {
        id,
        job: "a".into(),
        trigger: Trigger::Manual,
        attempt: 1,
        outcome: Outcome::Timeout,
        exit_code: None,
        signal: None,
        slot: None,
        queued_at: NOW,
        started_at: None,
        finished_at: NOW.plus_ms(77),
        duration_ms: None,
        usage: Usage::default(),
        enforcement: Enforcement::None,
        uid: None,
        retry_of: None,
        reason: None,
        detail: None,
        unheld: Box::default(),
        memory_max_bytes: None,
    })
}

#[test]
fn every_event_is_read_back_as_it_was_written_and_its_word_is_known() {
    let mut words = BTreeSet::new();
    // What the stories leave out, as a run's end is not ebb's there, nor is the host's memory.
    let others = [
        Event::Stopping(Stopping { id: 1, job: "a".to_owned(), reason: StopReason::Shutdown }),
        Event::Pressure(Pressure { holds: true }),
    ];
    let others = others.into_iter().map(|event| Record { at: NOW, event });
    for record in Story::records(1, 2_000).into_iter().chain(others) {
        let line = to_line(&record).unwrap();
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1, "one line a record");
        let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
        words.insert(json["event"].as_str().unwrap().to_owned());
        assert_eq!(from_line(&line[..line.len() - 1]).unwrap(), record);
        assert_eq!(
            serde_json::from_slice::<Record>(&line).unwrap(),
            record,
            "serde reads what it wrote, too"
        );
    }
    let known: BTreeSet<_> = Event::WORDS.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(words, known);
}

#[test]
fn a_snapshot_adds_up_to_what_the_whole_journal_did() {
    for seed in 0..200 {
        let mut records = Story::records(seed, 400);
        // Runs of another boot are ended before a rotation; here by leaving reboots out.
        records.retain(|record| !matches!(&record.event, Event::Opened(o) if o.boot != "boot-1"));
        let whole = sum(&records);
        assert!(!whole.runs.is_empty() && !whole.jobs.is_empty());
        let head: Vec<_> = whole.snapshot(NOW, whole.opened.clone().unwrap()).collect();
        assert!(matches!(head[0].event, Event::Opened(_)));
        let mut again = sum(&head);
        assert_eq!(again.next_run, whole.next_run, "seed {seed}");
        again.opened.clone_from(&whole.opened);
        assert_eq!(again, whole, "seed {seed}");
    }
}

#[test]
fn a_snapshot_may_be_taken_anywhere_and_the_rest_adds_up_the_same() {
    for seed in 0..50 {
        let mut records = Story::records(seed, 300);
        records.retain(|record| !matches!(&record.event, Event::Opened(o) if o.boot != "boot-1"));
        let whole = sum(&records);
        let (first, rest) = records.split_at(150);
        let middle = sum(first);
        let head: Vec<_> = middle.snapshot(NOW, middle.opened.clone().unwrap()).collect();
        let mut rotated = sum(head.iter().chain(rest));
        rotated.opened.clone_from(&whole.opened);
        assert_eq!(rotated, whole, "seed {seed}");
    }
}

#[test]
fn doubled_records_change_nothing() {
    for seed in 0..50 {
        let records = Story::records(seed, 300);
        let doubled = sum(records.iter().flat_map(|record| [record, record]));
        assert_eq!(doubled, sum(&records), "seed {seed}");
    }
}

#[test]
fn a_run_is_pending_from_its_acceptance_to_its_end() {
    let records =
        [at(0, on_boot("b")), at(0, job("a")), at(1, queued(3, Trigger::Manual, None)), at(2, started(3))];
    let state = sum(&records[..3]);
    assert_eq!(
        state.waiting().map(|run| (run.queued.id, run.queued_at)).collect::<Vec<_>>(),
        [(3, NOW.plus_ms(1000))]
    );
    let mut state = sum(&records);
    assert_eq!(state.waiting().count(), 0);
    let under_way: Vec<_> =
        state.under_way().map(|(run, start)| (run.queued.id, start.at, start.rebooted)).collect();
    assert_eq!(under_way, [(3, NOW.plus_ms(2000), false)]);
    state.apply(&at(3, finished(3)));
    assert!(state.runs.is_empty());
    let facts = &state.jobs["a"];
    assert_eq!(facts.last_start, Some(NOW.plus_ms(2000)));
    assert_eq!((facts.last_end, facts.last_outcome), (Some(NOW.plus_ms(77)), Some(Outcome::Timeout)));
    assert_eq!((facts.last_run, state.next_run), (Some(3), 4));
}

#[test]
fn a_run_of_another_boot_is_known_to_be_over_however_often_ebbd_started_since() {
    let mut state = sum(&[at(0, on_boot("one")), at(1, queued(1, Trigger::Manual, None)), at(2, started(1))]);
    let rebooted = |state: &State| state.under_way().map(|(_, start)| start.rebooted).collect::<Vec<_>>();
    state.apply(&at(3, on_boot("one")));
    assert_eq!(rebooted(&state), [false]);
    state.apply(&at(4, on_boot("two")));
    state.apply(&at(5, on_boot("two")));
    assert_eq!(rebooted(&state), [true]);
}

#[test]
fn a_start_whose_acceptance_is_lost_is_still_a_run_to_look_after() {
    let state = sum(&[at(0, on_boot("b")), at(1, started(8))]);
    let (run, start) = state.under_way().next().unwrap();
    assert_eq!((run.queued.id, run.queued.job.as_str(), start.started.pid), (8, "a", 9));
    assert_eq!(state.next_run, 9);
}

#[test]
fn a_slot_is_dealt_with_by_a_run_or_a_skip_of_the_schedule_and_by_nothing_else() {
    let slot = |n| Some(NOW.plus_ms(n));
    let mut state = sum(&[at(0, job("a"))]);
    let mut last_after = |event| {
        state.apply(&at(1, event));
        state.jobs["a"].last_slot
    };
    assert_eq!(last_after(queued(1, Trigger::Schedule, slot(10))), slot(10));
    assert_eq!(last_after(queued(2, Trigger::Retry, slot(5))), slot(10), "a retry carries an old slot");
    let skipped = |trigger, slot| {
        Event::Skipped(Skipped { job: "a".into(), trigger, reason: SkipReason::Running, slot, detail: None })
    };
    assert_eq!(last_after(skipped(Trigger::Schedule, slot(20))), slot(20));
    assert_eq!(last_after(skipped(Trigger::Retry, slot(30))), slot(20));
    assert_eq!(last_after(queued(3, Trigger::Schedule, slot(15))), slot(15), "the clock was set right");
}

#[test]
fn a_pause_holds_whatever_became_of_the_records_around_it() {
    let pause = || Event::Paused { job: "a".into() };
    let resume = || Event::Resumed { job: "a".into() };
    let paused = |events: Vec<Event>| {
        sum(&events.into_iter().map(|event| at(0, event)).collect::<Vec<_>>()).paused().count() == 1
    };
    assert!(paused(vec![job("a"), pause()]));
    assert!(!paused(vec![job("a"), pause(), resume()]));
    assert!(paused(vec![pause()]), "the record of the job is lost");
    assert!(!paused(vec![resume()]));
    assert!(!paused(vec![job("a"), pause(), Event::JobRemoved { job: "a".into() }]));
}

#[test]
fn no_number_of_a_run_is_given_twice() {
    let facts = |last_run| {
        let Event::Job(facts) = job("a") else { unreachable!() };
        Event::Job(JobFacts { last_run, ..facts })
    };
    assert_eq!(sum(&[]).next_run, 1);
    assert_eq!(sum(&[at(0, Event::Opened(opened(40)))]).next_run, 40);
    assert_eq!(sum(&[at(0, facts(Some(41)))]).next_run, 42);
    assert_eq!(sum(&[at(0, queued(50, Trigger::Manual, None))]).next_run, 51);
    assert_eq!(sum(&[at(0, started(60))]).next_run, 61);
    assert_eq!(sum(&[at(0, finished(70)), at(0, started(60))]).next_run, 71);
    let state = sum(&[at(0, finished(70))]);
    let Event::Opened(head) = state.snapshot(NOW, opened(1)).next().unwrap().event else { unreachable!() };
    assert_eq!(head.next_run, 71);
}

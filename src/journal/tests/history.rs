//! Reading back, newest first, is the same as reading everything and choosing, and costs less.

use super::story::{BACK_MAX_MS, Story};
use super::*;
use crate::journal::{History, HistoryLine, Query, Step};
use crate::limits::{HISTORY_SLACK_MS, JOURNAL_LINE_MAX};
use crate::words::Outcome;

const BLOCK: u64 = 16 * 1024;

/// Every line that a query gives, and the bytes that it read.
fn ask(dir: &Path, query: &Query) -> (Vec<HistoryLine>, u64) {
    let mut history = History::open(dir, query.clone()).unwrap();
    let mut lines = Vec::new();
    let mut read = 0;
    loop {
        match history.step().unwrap() {
            Step::Line(line) => lines.push(*line),
            Step::More => {}
            Step::End => break,
        }
        assert!(history.bytes_read() <= read + BLOCK, "a step reads one block at most");
        read = history.bytes_read();
    }
    assert!(matches!(history.step().unwrap(), Step::End));
    (lines, read)
}

/// The same, by reading all of `records`.
fn choose(records: &[Record], query: &Query) -> Vec<HistoryLine> {
    let all = records.iter().rev().cloned().filter_map(HistoryLine::of);
    let fits = all.filter(|line| {
        query.job.as_ref().is_none_or(|job| line.job == *job)
            && query.outcome.is_none_or(|outcome| line.outcome == outcome)
            && query.since.is_none_or(|since| line.ended() >= since)
    });
    fits.take(query.limit.unwrap_or(usize::MAX)).collect()
}

/// Writes a story with some rotations in it.
fn tell(dir: &Path, rng: &mut fastrand::Rng, records: &[Record]) {
    let (mut writer, _) = Writer::open(dir, NOW).unwrap();
    let mut state = crate::journal::State::default();
    for record in records {
        writer.append(record).unwrap();
        state.apply(record);
        if rng.usize(..records.len()) < 3 {
            writer.rotate(record.at, state.snapshot(record.at, opened(1))).unwrap();
        }
    }
}

fn some_query(rng: &mut fastrand::Rng, records: &[Record]) -> Query {
    Query {
        job: rng.bool().then(|| format!("job-{}", rng.u8(0..7))),
        since: rng.bool().then(|| records[rng.usize(..records.len())].at.plus_ms(rng.i64(-9000..9000))),
        outcome: rng.bool().then(|| Outcome::ALL[rng.usize(..Outcome::ALL.len())]),
        limit: rng.bool().then(|| rng.usize(0..40)),
    }
}

#[test]
fn newest_first_equals_a_naive_filter_on_random_journals() {
    const { assert!(BACK_MAX_MS < HISTORY_SLACK_MS) };
    let (mut given, mut asked) = (0, 0);
    for seed in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = fastrand::Rng::with_seed(seed);
        let records = Story::records(seed, 2_000);
        tell(dir.path(), &mut rng, &records);
        for query in (0..20).map(|_| some_query(&mut rng, &records)).chain([Query::default()]) {
            let (lines, _) = ask(dir.path(), &query);
            assert_eq!(lines, choose(&records, &query), "seed {seed}, {query:?}");
            given += lines.len();
            asked += 1;
        }
    }
    assert!(given > 10 * asked, "the queries are not all empty: {given} of {asked}");
}

#[test]
fn garbage_and_torn_ends_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let records = Story::records(3, 500);
    let mut text = b"garbage\n\0\0\n\n{\"event\":\"finished\"}\n[]\n".to_vec();
    for (record, n) in records.iter().zip(0..) {
        serde_json::to_writer(&mut text, record).unwrap();
        text.push(b'\n');
        if n % 7 == 0 {
            text.extend(b"{\"at\":\"2026-03-01T02:30:00.000Z\",\"event\":\"finished\",\"job\":7}\nx\xff\n");
        }
    }
    text.extend(serde_json::to_vec(&records[400]).unwrap());
    std::fs::write(live(dir.path()), text).unwrap();
    assert_eq!(ask(dir.path(), &Query::default()).0, choose(&records, &Query::default()));
}

#[test]
fn lines_longer_than_a_block_are_read_whole_and_those_beyond_the_limit_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = Story::records(4, 300);
    let mut lengths = (1..8).map(|n| n * 60_000);
    for record in &mut records {
        if let Event::Finished(run) = &mut record.event
            && let Some(length) = lengths.next()
        {
            run.detail = Some("\u{e9}".repeat(length / 2));
        }
    }
    assert_eq!(lengths.next(), None);
    write(dir.path(), &records);
    assert_eq!(ask(dir.path(), &Query::default()).0, choose(&records, &Query::default()));

    let mut text = std::fs::read(live(dir.path())).unwrap();
    text.extend(vec![b'x'; JOURNAL_LINE_MAX + 5]);
    text.push(b'\n');
    std::fs::write(live(dir.path()), text).unwrap();
    assert_eq!(ask(dir.path(), &Query::default()).0, choose(&records, &Query::default()));
}

#[test]
fn a_limit_and_a_since_stop_early() {
    let dir = tempfile::tempdir().unwrap();
    let records = Story::records(5, 30_000);
    write(dir.path(), &records);
    let size = live(dir.path()).metadata().unwrap().len();
    assert!(size > 100 * BLOCK);

    assert_eq!(ask(dir.path(), &Query::default()).1, size);
    let (lines, read) = ask(dir.path(), &Query { limit: Some(20), ..Query::default() });
    assert_eq!((lines.len(), read), (20, BLOCK));
    assert_eq!(ask(dir.path(), &Query { limit: Some(0), ..Query::default() }), (vec![], 0));

    let since = Some(records[29_990].at);
    let (lines, read) = ask(dir.path(), &Query { since, ..Query::default() });
    assert!(!lines.is_empty() && read < 10 * BLOCK, "{} lines, {read} bytes", lines.len());
}

#[test]
fn a_since_does_not_stop_at_what_a_new_segment_repeats_of_old() {
    let dir = tempfile::tempdir().unwrap();
    let records = Story::records(6, 2_000);
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    append(&mut writer, &records);
    let mut state = crate::journal::State::default();
    records.iter().for_each(|record| state.apply(record));
    let last = records.last().unwrap().at;
    // The runs in this head were queued long before `since`.
    let old: Vec<_> =
        state.snapshot(NOW, opened(1)).map(|r| Record { at: NOW.plus_ms(-1_000_000_000), ..r }).collect();
    writer.rotate(last, old.into_iter()).unwrap();
    let query = Query { since: Some(last.plus_ms(-600_000)), ..Query::default() };
    let expected = choose(&records, &query);
    assert!(!expected.is_empty());
    assert_eq!(ask(dir.path(), &query).0, expected);
}

#[test]
fn a_query_under_way_is_not_disturbed_by_appends_rotations_and_removals() {
    let dir = tempfile::tempdir().unwrap();
    let records = Story::records(8, 3_000);
    let (older, newer) = records.split_at(1_500);
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    append(&mut writer, older);
    writer.rotate(NOW, [opened_record()].into_iter()).unwrap();
    append(&mut writer, newer);
    let mut history = History::open(dir.path(), Query::default()).unwrap();
    let mut lines = Vec::new();
    let mut changed = false;
    loop {
        match history.step().unwrap() {
            Step::Line(line) => lines.push(*line),
            Step::More => {}
            Step::End => break,
        }
        if lines.len() == 10 && !changed {
            changed = true;
            writer.rotate(NOW, [opened_record()].into_iter()).unwrap();
            append(&mut writer, &records[..100]);
        }
    }
    assert_eq!(lines, choose(&records, &Query::default()));

    let mut history = History::open(dir.path(), Query::default()).unwrap();
    for name in files(dir.path()).iter().filter(|name| name.starts_with("journal-")) {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    let mut left = 0;
    loop {
        match history.step().unwrap() {
            Step::Line(_) => left += 1,
            Step::More => {}
            Step::End => break,
        }
    }
    assert_eq!(left, choose(&records[..100], &Query::default()).len());
}

#[test]
fn a_journal_that_does_not_exist_is_an_empty_history() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(ask(dir.path(), &Query::default()), (vec![], 0));
    assert_eq!(ask(&dir.path().join("nowhere"), &Query::default()), (vec![], 0));
}

#[test]
fn every_field_of_a_history_line_is_always_there_and_times_are_rfc_3339() {
    let fields = [
        "id",
        "job",
        "trigger",
        "attempt",
        "outcome",
        "exit_code",
        "signal",
        "queued_at",
        "started_at",
        "finished_at",
        "duration_ms",
        "peak_anon_bytes",
        "peak_total_bytes",
        "cpu_ms",
        "enforcement",
        "reason",
        "slot",
        "uid",
        "retry_of",
        "oom_kills",
        "leftover",
        "detail",
        "unheld",
        "oom_cause",
        "memory_max_bytes",
        "curve",
        "at",
    ];
    let mut seen = [false; 2];
    for line in Story::records(9, 500).into_iter().filter_map(HistoryLine::of) {
        let json = serde_json::to_value(&line).unwrap();
        for field in fields {
            assert!(json.get(field).is_some(), "{field} in {json}");
        }
        assert_eq!(json.as_object().unwrap().len(), fields.len());
        let skipped = json["outcome"] == "skipped";
        assert_eq!(json["id"].is_null(), skipped);
        assert_eq!(json["reason"].is_null(), !skipped);
        let time = if skipped { &json["at"] } else { &json["finished_at"] };
        let time = time.as_str().unwrap();
        assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{time}");
        assert_eq!(serde_json::from_value::<HistoryLine>(json).unwrap(), line);
        seen[usize::from(skipped)] = true;
    }
    assert_eq!(seen, [true, true]);
}

//! What it costs. Figures, not guarantees: `cargo test --release --lib journal::tests::scale -- --ignored --nocapture`.

use std::time::Instant;

use super::story::Story;
use super::*;
use crate::journal::codec::to_line;
use crate::journal::{History, Query, State, Step};

fn private_dirty_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find(|line| line.starts_with("Private_Dirty")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn timed(what: &str, count: usize, work: impl FnOnce()) {
    let before = private_dirty_kb();
    let start = Instant::now();
    work();
    let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap());
    println!(
        "{what:<44} {count:>7} times, {each:>9.2} us each, {:>5} kB dirtier",
        private_dirty_kb().saturating_sub(before)
    );
}

/// Alone in its process, so that what stays dirty is the journal's.
#[test]
#[ignore = "figures"]
fn what_the_journal_costs() {
    let dir = tempfile::tempdir_in(std::env::var("EBB_TEST_DISK").unwrap_or_else(|_| ".".into())).unwrap();
    let records = Story::records(1, 40_000);
    let bytes: usize = records.iter().map(|record| serde_json::to_vec(record).unwrap().len() + 1).sum();
    println!("{} bytes a record", bytes / records.len());
    let mut writer = None;
    timed("open", 1, || writer = Some(Writer::open(dir.path(), NOW).unwrap().0));
    let mut writer = writer.unwrap();
    timed("append", records.len(), || records.iter().for_each(|record| writer.append(record).unwrap()));
    timed("sync of all that", 1, || writer.sync().unwrap());
    timed("append + sync", 500, || append_and_sync(&mut writer, &records[..500], 1));
    timed("append, a sync for 16", 1600, || append_and_sync(&mut writer, &records[..1600], 16));
    timed("a record to a line", records.len(), || {
        assert_ne!(records.iter().map(|record| to_line(record).unwrap().len()).sum::<usize>(), 0);
    });
    timed("replay", records.len() + 2100, || drop(replay(dir.path(), &mut |_| ()).unwrap()));
    let mut state = State::default();
    timed("replay and sum", records.len() + 2100, || {
        replay(dir.path(), &mut |record| state.apply(&record)).unwrap();
    });
    let head: Vec<_> = state.snapshot(NOW, opened(1)).collect();
    timed("history, 20 lines", 1, || assert_eq!(query(dir.path(), Some(20)), 20));
    timed("history, all of it", records.len() + 2100, || assert!(query(dir.path(), None) > 5_000));
    timed("history, all of it, again", records.len() + 2100, || assert!(query(dir.path(), None) > 5_000));
    timed("rotate", 1, || writer.rotate(NOW, head.into_iter()).unwrap());
}

fn append_and_sync(writer: &mut Writer, records: &[Record], group: usize) {
    for group in records.chunks(group) {
        append(writer, group);
    }
}

fn query(dir: &Path, limit: Option<usize>) -> usize {
    let mut history = History::open(dir, Query { limit, ..Query::default() }).unwrap();
    let mut lines = 0;
    loop {
        match history.step().unwrap() {
            Step::Line(_) => lines += 1,
            Step::More => {}
            Step::End => return lines,
        }
    }
}

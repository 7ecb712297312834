//! A sum that is made by and by is the sum.

use super::story::Story;
use super::*;
use crate::journal::{State, Tally};

fn sum(dir: &Path) -> State {
    let mut state = State::default();
    replay(dir, &mut |record| state.apply(&record)).unwrap();
    state
}

#[test]
fn pieces_of_any_size_come_to_the_same_while_more_is_appended() {
    let records = Story::records(5, 900);
    for most in [1, 100, 4096, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
        writer.append(&opened_record()).unwrap();
        append(&mut writer, &records[..300]);
        let mut tally = Tally::begin(dir.path()).unwrap().unwrap();
        let mut more = records[300..].iter();
        loop {
            let is_done = tally.go_on(most).unwrap();
            match more.next() {
                Some(record) => writer.append(record).unwrap(),
                None if is_done => break,
                None => {}
            }
        }
        assert_eq!(tally.state(), sum(dir.path()), "{most} bytes at a time");
    }
}

#[test]
fn a_torn_end_that_is_taken_back_is_no_part_of_it_and_a_line_that_is_no_record_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[opened_record(), numbered(1)]);
    let add = |text: &str| {
        let mut file = std::fs::File::options().append(true).open(live(dir.path())).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    add("no record\n");
    let whole = std::fs::metadata(live(dir.path())).unwrap().len();
    add("{\"at\":\"2026-03-01T00:00:00.000Z\",\"ev");
    let mut tally = Tally::begin(dir.path()).unwrap().unwrap();
    while !tally.go_on(10).unwrap() {}
    std::fs::File::options().write(true).open(live(dir.path())).unwrap().set_len(whole).unwrap();
    let line = serde_json::to_string(&numbered(2)).unwrap();
    add(&format!("{line}\n"));
    while !tally.go_on(10).unwrap() {}
    let state = tally.state();
    assert_eq!(state.paused().collect::<Vec<_>>(), ["job-1", "job-2"]);
    assert_eq!(state, sum(dir.path()));
}

#[test]
fn without_a_head_the_segment_alone_does_not_do() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[numbered(1), opened_record()]);
    assert!(Tally::begin(dir.path()).unwrap().is_none());
}

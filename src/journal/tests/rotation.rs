//! A segment is put away and a new one begun, and wherever that is cut short nothing is lost.

use std::io;

use super::story::Story;
use super::*;
use crate::journal::rotate::Step;
use crate::limits::{JOURNAL_SEGMENT_MAX, JOURNAL_SEGMENTS_KEEP};

const FIRST: &str = "journal-20260301T023000.000Z.jsonl";

fn before_rotation() -> Vec<Record> {
    vec![opened_record(), numbered(1), numbered(2), numbered(3)]
}

/// What a start still needs of the above.
fn snapshot() -> Vec<Record> {
    vec![opened_record(), numbered(3)]
}

fn photograph(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for name in files(from) {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[test]
fn after_a_rotation_the_new_segment_alone_suffices_and_the_old_one_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    append(&mut writer, &before_rotation());
    let old = std::fs::read(live(dir.path())).unwrap();
    writer.rotate(NOW, snapshot().into_iter()).unwrap();
    append(&mut writer, &[numbered(4)]);
    drop(writer);
    assert_eq!(files(dir.path()), [FIRST, "journal.jsonl", "lock"]);
    assert_eq!(std::fs::read(dir.path().join(FIRST)).unwrap(), old);
    assert_eq!(start(dir.path()), ([snapshot(), vec![numbered(4)]].concat(), vec![]));
}

#[test]
fn a_crash_before_any_step_of_a_rotation_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("state");
    let (mut writer, _) = Writer::open(&state, NOW).unwrap();
    append(&mut writer, &before_rotation());
    for n in 0..JOURNAL_SEGMENTS_KEEP {
        // So that there is one to prune.
        std::fs::write(state.join(format!("journal-2000010{}T000000.000Z.jsonl", n + 1)), "").unwrap();
    }
    let mut seen = Vec::new();
    writer
        .rotate_by_steps(NOW, &mut snapshot().into_iter(), &mut |step| {
            photograph(&state, &root.path().join(format!("crash-{}", seen.len())));
            seen.push(step);
            Ok(())
        })
        .unwrap();
    seen.dedup();
    assert_eq!(seen, Step::ALL);
    for (n, step) in seen.iter().enumerate() {
        let crashed = root.path().join(format!("crash-{n}"));
        let (records, warnings) = start(&crashed);
        let (expected, warning) = match step {
            Step::Write | Step::SyncNext | Step::Retire => (before_rotation(), Some(Warning::RotationUndone)),
            Step::Promote => (snapshot(), Some(Warning::RotationCompleted)),
            Step::SyncDir | Step::Prune => (snapshot(), None),
        };
        assert_eq!(records, expected, "{step:?}");
        assert_eq!(warnings, Vec::from_iter(warning), "{step:?}");
        assert!(!crashed.join("journal.next").exists(), "{step:?}");
        write(&crashed, &[numbered(9)]);
        assert_eq!(start(&crashed), ([expected, vec![numbered(9)]].concat(), vec![]), "{step:?}");
    }
}

#[test]
fn a_half_written_head_of_any_length_is_dropped_at_the_next_start() {
    let head: Vec<u8> =
        snapshot().iter().flat_map(|r| [serde_json::to_vec(r).unwrap(), b"\n".to_vec()].concat()).collect();
    for cut in (0..=head.len()).rev().step_by(5) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &before_rotation());
        std::fs::write(dir.path().join("journal.next"), &head[..cut]).unwrap();
        assert_eq!(start(dir.path()), (before_rotation(), vec![Warning::RotationUndone]));
    }
}

#[test]
fn a_rotation_that_fails_at_any_step_leaves_a_journal_that_goes_on() {
    for failing in Step::ALL {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
        append(&mut writer, &before_rotation());
        for n in 0..JOURNAL_SEGMENTS_KEEP {
            std::fs::write(dir.path().join(format!("journal-2000010{}T000000.000Z.jsonl", n + 1)), "")
                .unwrap();
        }
        let fail = |step| if step == failing { Err(io::Error::other("bad disk")) } else { Ok(()) };
        let error = writer.rotate_by_steps(NOW, &mut snapshot().into_iter(), &mut { fail }).unwrap_err();
        assert!(error.to_string().contains("bad disk"), "{error}");
        assert!(!dir.path().join("journal.next").exists(), "{failing:?}");
        writer.append(&numbered(9)).unwrap();
        let head = match failing {
            Step::Write | Step::SyncNext | Step::Retire | Step::Promote => before_rotation(),
            Step::SyncDir | Step::Prune => snapshot(),
        };
        // Names that may not be on disk make every sync a lie.
        assert_eq!(writer.sync().is_err(), failing == Step::SyncDir, "{failing:?}");
        assert_eq!(writer.needs_rotation(), failing == Step::SyncDir, "{failing:?}");
        assert_eq!(read(dir.path()), ([head, vec![numbered(9)]].concat(), vec![]), "{failing:?}");
        writer.rotate(NOW, snapshot().into_iter()).unwrap();
        writer.sync().unwrap();
        drop(writer);
        assert_eq!(start(dir.path()), (snapshot(), vec![]), "{failing:?}");
    }
}

#[test]
fn only_so_many_segments_are_kept_and_they_are_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    append(&mut writer, &[opened_record()]);
    std::fs::write(dir.path().join("journal-of-mine.jsonl"), "not a segment").unwrap();
    for n in 0..JOURNAL_SEGMENTS_KEEP + 5 {
        append(&mut writer, &[numbered(n.try_into().unwrap())]);
        // The clock stands still, or goes back.
        let now = if n % 2 == 0 { NOW } else { NOW.plus_ms(-100_000) };
        writer.rotate(now, [opened_record()].into_iter()).unwrap();
    }
    let kept: Vec<_> = files(dir.path()).into_iter().filter(|name| name.starts_with("journal-2")).collect();
    assert_eq!(kept.len() + 1, JOURNAL_SEGMENTS_KEEP);
    for (name, n) in kept.iter().zip(6..) {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(text.contains(&format!("job-{n}\"")), "{name} is out of order: {text}");
    }
    assert!(dir.path().join("journal-of-mine.jsonl").exists());
}

#[test]
fn a_rotation_is_due_at_the_limit_and_a_big_head_does_not_bring_on_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    writer.append(&opened_record()).unwrap();
    let bulky = Record { at: NOW, event: Event::Paused { job: "x".repeat(1024 * 1024) } };
    let mut head = vec![opened_record()];
    while !writer.needs_rotation() {
        writer.append(&bulky).unwrap();
        head.push(bulky.clone());
    }
    let len = live(dir.path()).metadata().unwrap().len();
    assert!((JOURNAL_SEGMENT_MAX..JOURNAL_SEGMENT_MAX + 2 * 1024 * 1024).contains(&len), "{len}");
    writer.rotate(NOW, head.into_iter()).unwrap();
    assert!(!writer.needs_rotation(), "the head alone is as long as a segment");
}

#[test]
fn a_rotation_that_failed_is_not_tried_again_at_every_record() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    let bulky = Record { at: NOW, event: Event::Paused { job: "x".repeat(1024 * 1024) } };
    while !writer.needs_rotation() {
        writer.append(&bulky).unwrap();
    }
    let fail = &mut |_| Err(io::Error::other("bad disk"));
    writer.rotate_by_steps(NOW, &mut snapshot().into_iter(), fail).unwrap_err();
    assert!(!writer.needs_rotation());
    writer.append(&bulky).unwrap();
    assert!(writer.needs_rotation());
}

#[test]
fn a_snapshot_that_is_out_of_order_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    append(&mut writer, &before_rotation());
    let queued =
        Story::records(1, 100).into_iter().find(|record| matches!(record.event, Event::Queued(_))).unwrap();
    for wrong in [vec![], vec![numbered(1)], vec![opened_record(), numbered(1), queued]] {
        assert_eq!(writer.rotate(NOW, wrong.into_iter()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    assert_eq!(read(dir.path()), (before_rotation(), vec![]));
    assert_eq!(files(dir.path()), ["journal.jsonl", "lock"]);
}

#[test]
fn a_live_segment_that_is_gone_or_ruined_is_replaced_by_the_newest_rotated_one() {
    for ruin in [None, Some(""), Some("garbage\n"), Some("\0\0\0\0")] {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
        append(&mut writer, &before_rotation());
        writer.rotate(NOW, snapshot().into_iter()).unwrap();
        drop(writer);
        match ruin {
            None => std::fs::remove_file(live(dir.path())).unwrap(),
            Some(text) => std::fs::write(live(dir.path()), text).unwrap(),
        }
        let (records, warnings) = start(dir.path());
        assert_eq!(records, before_rotation(), "{ruin:?}");
        assert_eq!(warnings.last().unwrap(), &Warning::PutBack { segment: FIRST.into() }, "{ruin:?}");
        assert_eq!(start(dir.path()), (before_rotation(), vec![]), "{ruin:?}");
    }
}

#[test]
fn a_segment_whose_head_is_damaged_is_read_after_the_one_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    append(&mut writer, &before_rotation());
    writer.rotate(NOW, snapshot().into_iter()).unwrap();
    append(&mut writer, &[numbered(4)]);
    drop(writer);
    let mut bytes = std::fs::read(live(dir.path())).unwrap();
    bytes[..20].fill(0);
    std::fs::write(live(dir.path()), bytes).unwrap();
    let (records, warnings) = read(dir.path());
    assert_eq!(records, [before_rotation(), vec![numbered(3), numbered(4)]].concat());
    assert!(
        matches!(&warnings[..], [Warning::HeadMissing { segment }, Warning::Unreadable { line: 1, .. }] if segment == "journal.jsonl"),
        "{warnings:?}"
    );
}

#[test]
fn a_hundred_thousand_records_are_rotated_and_replayed_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    writer.append(&opened_record()).unwrap();
    for n in 0..100_000 {
        writer.append(&numbered(n)).unwrap();
        if n % 30_000 == 29_999 {
            // The head says again what the last ten said.
            writer.rotate(NOW, std::iter::once(opened_record()).chain((n - 9..=n).map(numbered))).unwrap();
        }
    }
    drop(writer);
    let (records, warnings) = start(dir.path());
    assert_eq!(warnings, []);
    assert_eq!(records.len(), 1 + 10 + 10_000);
    assert!(records[1..].iter().eq((89_990..100_000).map(numbered).collect::<Vec<_>>().iter()));
    assert_eq!(files(dir.path()).len(), 5);
}

//! What a start finds: torn ends, garbage, another ebbd, a directory that can't be written.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;
use crate::journal::Error;
use crate::journal::codec::to_line;
use crate::limits::{JOURNAL_LINE_MAX, JOURNAL_TORN_KEEP, JOURNAL_WARNINGS_MAX};

fn three() -> Vec<Record> {
    vec![opened_record(), numbered(1), numbered(2)]
}

fn add(dir: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).create(true).open(live(dir)).unwrap().write_all(bytes).unwrap();
}

#[test]
fn what_was_appended_is_read_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("made/when/missing");
    assert_eq!(start(&state), (vec![], vec![]));
    write(&state, &three());
    write(&state, &[numbered(3)]);
    let (records, warnings) = start(&state);
    assert_eq!(records, [three(), vec![numbered(3)]].concat());
    assert_eq!(warnings, []);
}

#[test]
fn the_journal_is_readable_by_its_group_and_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &three());
    assert_eq!(live(dir.path()).metadata().unwrap().permissions().mode() & 0o137, 0);
}

#[test]
fn a_line_that_is_torn_at_any_byte_is_put_aside_and_the_rest_kept() {
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), &three());
    let bytes = std::fs::read(live(whole.path())).unwrap();
    let last = bytes[..bytes.len() - 1].iter().rposition(|&b| b == b'\n').unwrap() + 1;
    for cut in last..bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(live(dir.path()), &bytes[..cut]).unwrap();
        let (records, warnings) = start(dir.path());
        assert_eq!(records, three()[..2], "cut at {cut}");
        if cut == last {
            assert_eq!(warnings, [], "nothing is torn");
            continue;
        }
        let [Warning::TornEnd { bytes: torn, kept: Ok(path) }] = &warnings[..] else {
            panic!("{warnings:?}")
        };
        assert_eq!(*torn, (cut - last) as u64);
        assert_eq!(std::fs::read(path).unwrap(), &bytes[last..cut]);
        // What comes next stands on a line of its own.
        write(dir.path(), &[numbered(9)]);
        assert_eq!(start(dir.path()).0, [opened_record(), numbered(1), numbered(9)]);
    }
}

#[test]
fn nuls_at_the_end_as_a_power_failure_leaves_them_are_put_aside() {
    for (nuls, newline) in [(1, ""), (4096, ""), (300_000, ""), (4096, "\n"), (70_000, "\n\n")] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &three());
        add(dir.path(), &[vec![0; nuls], newline.into()].concat());
        let (records, warnings) = start(dir.path());
        assert_eq!(records, three());
        let torn = (nuls + newline.len()) as u64;
        assert!(
            matches!(&warnings[..], [Warning::TornEnd { bytes, kept: Ok(_) }] if *bytes == torn),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_last_line_that_is_no_json_or_endless_is_put_aside() {
    let endless = vec![b'x'; JOURNAL_LINE_MAX + 1];
    for bytes in [&b"garbage\n"[..], b"{\"at\":\n", b"12\n", b"\xff\xfe\n", &endless] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &three());
        add(dir.path(), bytes);
        let (records, warnings) = start(dir.path());
        assert_eq!(records, three());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }
}

#[test]
fn a_file_without_a_single_record_is_put_aside_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(live(dir.path()), "no journal\nat all\n".repeat(10_000)).unwrap();
    let (records, warnings) = start(dir.path());
    assert_eq!(records, []);
    assert!(matches!(&warnings[..], [Warning::TornEnd { bytes: 180_000, .. }]), "{warnings:?}");
}

#[test]
fn torn_ends_do_not_pile_up() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..JOURNAL_TORN_KEEP + 3 {
        add(dir.path(), format!("torn {n}").as_bytes());
        start(dir.path());
    }
    let torn: Vec<_> = files(dir.path()).into_iter().filter(|name| name.contains("torn")).collect();
    assert_eq!(torn.len(), JOURNAL_TORN_KEEP);
    let newest = std::fs::read_to_string(dir.path().join(torn.last().unwrap())).unwrap();
    assert_eq!(newest, format!("torn {}", JOURNAL_TORN_KEEP + 2));
}

#[test]
fn garbage_in_the_middle_is_skipped_with_the_number_of_its_line() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &three()[..2]);
    add(
        dir.path(),
        b"garbage\n\0\0\0\0\n\n{\"at\":\"2026-03-01T02:30:00.000Z\",\"event\":\"queued\",\"id\":1}\n",
    );
    add(dir.path(), &[vec![b'x'; JOURNAL_LINE_MAX], b"\n".to_vec()].concat());
    add(dir.path(), &to_line(&numbered(2)).unwrap());
    let (records, warnings) = read(dir.path());
    assert_eq!(records, three());
    let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "journal.jsonl:3: skipped: not a JSON object: expected value",
            "journal.jsonl:4: skipped: not a JSON object: expected value",
            "journal.jsonl:5: skipped: not a JSON object: EOF while parsing a value",
            "journal.jsonl:6: skipped: missing field `job`",
            "journal.jsonl:7: skipped: longer than 4194304 bytes",
        ]
    );
}

#[test]
fn much_garbage_makes_few_warnings() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &three()[..1]);
    add(dir.path(), "garbage\n".repeat(1000).as_bytes());
    three()[1..].iter().for_each(|record| add(dir.path(), &to_line(record).unwrap()));
    let (records, warnings) = read(dir.path());
    assert_eq!(records, three());
    assert_eq!(warnings.len(), JOURNAL_WARNINGS_MAX + 1);
    assert_eq!(warnings.last().unwrap(), &Warning::MoreSkipped { lines: 1000 - JOURNAL_WARNINGS_MAX as u64 });
}

#[test]
fn an_event_of_a_newer_version_is_skipped_and_told_and_new_fields_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &three());
    add(
        dir.path(),
        b"{\"at\":\"2026-03-01T02:30:00.000Z\",\"event\":\"hibernated\",\"job\":\"x\"}\n\
          {\"at\":\"2026-03-01T02:30:00.000Z\",\"event\":\"resumed\",\"job\":\"x\",\"mood\":{\"new\":[1]}}\n",
    );
    let (_writer, warnings) = Writer::open(dir.path(), NOW).unwrap();
    assert_eq!(warnings, []);
    let (records, warnings) = read(dir.path());
    assert_eq!(records.last().unwrap().event, Event::Resumed { job: "x".into() });
    let event = "hibernated".to_owned();
    assert_eq!(warnings, [Warning::UnknownEvent { segment: "journal.jsonl".into(), line: 4, event }]);
}

#[test]
fn a_record_too_long_to_be_read_back_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    let empty = Record { at: NOW, event: Event::Paused { job: String::new() } };
    let fixed = serde_json::to_string(&empty).unwrap().len() + 1;
    let of = |bytes: usize| Record { at: NOW, event: Event::Paused { job: "x".repeat(bytes - fixed) } };
    assert_eq!(
        writer.append(&of(JOURNAL_LINE_MAX + 1)).unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
    append(&mut writer, &[of(JOURNAL_LINE_MAX), numbered(1)]);
    drop(writer);
    assert_eq!(start(dir.path()), (vec![of(JOURNAL_LINE_MAX), numbered(1)], vec![]));
}

#[test]
fn a_second_writer_is_refused_with_the_pid_of_the_first_which_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), NOW).unwrap();
    append(&mut writer, &three());
    add(dir.path(), b"being writ");
    let error = Writer::open(dir.path(), NOW).unwrap_err();
    assert!(matches!(error, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    assert!(error.to_string().contains(&format!("(pid {})", std::process::id())), "{error}");
    assert_eq!(files(dir.path()), ["journal.jsonl", "lock"], "nothing was repaired under the writer's hands");
    drop(writer);
    assert_eq!(start(dir.path()).0, three());
}

#[test]
fn the_lock_of_a_killed_writer_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal::tests::opening::holder_of_the_lock", "--ignored", "--nocapture"])
        .env("EBB_TEST_HOLD", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holds the lock")));
    let refused = Writer::open(dir.path(), NOW);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(matches!(refused, Err(Error::Locked { pid: Some(pid), .. }) if pid == holder.id()));
    assert_eq!(start(dir.path()), (three(), vec![]));
}

/// Runs only as the child of the test above.
#[test]
#[ignore = "the child of another test"]
fn holder_of_the_lock() {
    let Some(dir) = std::env::var_os("EBB_TEST_HOLD") else { return };
    let (mut writer, _) = Writer::open(Path::new(&dir), NOW).unwrap();
    append(&mut writer, &three());
    println!("\nholds the lock");
    // Until it is killed, or its parent is gone.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_state_directory_that_is_a_file_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state");
    std::fs::write(&file, "").unwrap();
    let error = Writer::open(&file, NOW).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot create the state directory {}", file.display())), "{error}");
    assert!(error.contains("--state"), "{error}");
}

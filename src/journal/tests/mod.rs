//! The guarantees of the journal, on real files. Records come from seeded stories: whole lives of ebbd with jobs that
//! are queued, started, finished, skipped and paused, with restarts, reboots and a clock that is set back.

mod faults;
mod history;
mod input;
mod opening;
mod rotation;
mod scale;
mod story;
mod sums;
mod tally;

use std::path::Path;

use super::record::{Event, Opened, Record, RunId};
use super::{Warning, Writer, replay};
use crate::clock::Wall;

const NOW: Wall = Wall(1_772_332_200_000);

fn opened(next_run: RunId) -> Opened {
    Opened { version: "0.1.0".into(), pid: 77, boot: "boot-1".into(), next_run }
}

fn opened_record() -> Record {
    Record { at: NOW, event: Event::Opened(opened(1)) }
}

/// A small record that is told from the others by its number.
fn numbered(n: i64) -> Record {
    Record { at: NOW.plus_ms(n), event: Event::Paused { job: format!("job-{n}") } }
}

/// Opens, appends, syncs and closes.
fn write(dir: &Path, records: &[Record]) {
    let (mut writer, warnings) = Writer::open(dir, NOW).unwrap();
    assert_eq!(warnings, []);
    append(&mut writer, records);
}

fn append(writer: &mut Writer, records: &[Record]) {
    for record in records {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
}

/// All records that a start would see, and its warnings.
fn read(dir: &Path) -> (Vec<Record>, Vec<Warning>) {
    let mut records = Vec::new();
    let warnings = replay(dir, &mut |record| records.push(record)).unwrap();
    (records, warnings)
}

/// Opens as a start does, and gives its warnings and what it then reads without any.
fn start(dir: &Path) -> (Vec<Record>, Vec<Warning>) {
    let (_writer, warnings) = Writer::open(dir, NOW).unwrap();
    let (records, more) = read(dir);
    assert_eq!(more, []);
    (records, warnings)
}

fn live(dir: &Path) -> std::path::PathBuf {
    dir.join("journal.jsonl")
}

/// Names of the files in a directory, sorted.
fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

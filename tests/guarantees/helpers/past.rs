//! Journals of an earlier life, written by hand with the crate's own records.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ebb::clock::Wall;
use ebb::journal::record::{Event, Finished, Opened, Record, RunId, Usage};
use ebb::words::{Enforcement, Outcome, Trigger};

/// 2026-03-01T00:00:00Z.
pub(crate) const THEN: Wall = Wall(1_772_323_200_000);

/// The head of a segment; the next run gets this number.
pub(crate) fn opened(next_run: RunId) -> Record {
    let opened = Opened { version: "0.0.0".to_owned(), pid: 1, boot: "another".to_owned(), next_run };
    Record { at: THEN, event: Event::Opened(opened) }
}

/// A run that went well so many seconds after [`THEN`], with a sentence of so many bytes.
pub(crate) fn success(id: RunId, job: &str, at_s: i64, bytes: usize) -> Record {
    let at = THEN.plus_ms(at_s * 1000);
    let finished = Finished {
        id,
        job: job.to_owned(),
        trigger: Trigger::Manual,
        attempt: 1,
        outcome: Outcome::Success,
        exit_code: Some(0),
        signal: None,
        slot: None,
        queued_at: at,
        started_at: Some(at),
        finished_at: at,
        duration_ms: Some(0),
        usage: Usage::default(),
        enforcement: Enforcement::None,
        uid: None,
        retry_of: None,
        reason: None,
        detail: (bytes > 0).then(|| "x".repeat(bytes)),
        unheld: Box::default(),
        memory_max_bytes: None,
    };
    Record { at, event: Event::Finished(finished) }
}

/// Writes a segment, and the directory that it is in.
pub(crate) fn write(path: &Path, records: impl IntoIterator<Item = Record>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = BufWriter::new(File::create(path).unwrap());
    for record in records {
        serde_json::to_writer(&mut file, &record).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.flush().unwrap();
}

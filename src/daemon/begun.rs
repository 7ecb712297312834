//! Runs that have begun although the journal does not say so: ebbd died between the start of their programs and the record
//! of it. Each child leaves a note before its program, so they are found, taken over, and not started a second time.

use std::path::Path;

use crate::clock::Wall;
use crate::journal::record::{Event, Record, Started};
use crate::journal::{State, Writer};
use crate::sys::proc;
use crate::sys::spawn::{Begun, Note};

use super::ladder::Ladder;

/// Opens the notes in the state directory; none where there is no room for them.
pub(super) fn open(state: &Path) -> Option<Begun> {
    let path = state.join("begun");
    Begun::open(&path)
        .inspect_err(|error| {
            tracing::error!(
                "cannot open {}, so a run may start twice should ebbd die at its start: {error}",
                path.display()
            );
        })
        .ok()
}

/// Writes the starts that the journal lacks, and adds them to what is known. The lock of the journal is held by then, and
/// a child holds it until it is at its program: none is on its way to it any more.
pub(super) fn settle(begun: &Begun, known: &mut State, ladder: &Ladder, journal: &mut Writer) {
    let notes = begun.notes().unwrap_or_else(|error| {
        tracing::error!("cannot read which runs have begun: {error}");
        Vec::new()
    });
    let same_boot = known.opened.as_ref().map(|opened| &*opened.boot) == proc::boot_id().ok().as_deref();
    let mut is_written = true;
    for note in notes {
        let waits = known.runs.get(&note.run).filter(|run| run.started.is_none());
        let Some(job) = waits.map(|run| run.queued.job.clone()) else { continue };
        tracing::warn!(run = note.run, job = %job, "it had begun when an earlier ebbd died");
        let started = started(note, job, ladder, same_boot);
        let record = Record { at: Wall(note.at_ms), event: Event::Started(started) };
        if let Err(error) = journal.append(&record) {
            tracing::error!("cannot write to the journal: {error}");
            is_written = false;
        }
        known.apply(&record);
    }
    if is_written && let Err(error) = begun.clear() {
        tracing::warn!("cannot wipe out which runs had begun: {error}");
    }
}

/// The record that the earlier ebbd did not get to.
fn started(note: Note, job: String, ladder: &Ladder, same_boot: bool) -> Started {
    let Note { run, pid, at_ms: _ } = note;
    let (cgroups, pids, enforcement) = ladder.left_of(run);
    // By its control group or its mark it is this run's, and not another process of that number. Without either it counts
    // as gone.
    let is_it = same_boot && (pids.contains(&pid) || proc::has_variable(pid, &ladder.mark_variable(run)));
    let pid_start = match proc::pid_start_ticks(pid) {
        Ok(start) if is_it => start,
        Err(_) if is_it => proc::START_UNKNOWN,
        Ok(_) | Err(_) => proc::START_OF_NOBODY,
    };
    Started { id: run, job, pid: u32::try_from(pid).unwrap_or(0), pid_start, enforcement, cgroups }
}

//! A full segment is put away and a new one begun, whose head says all that a start needs to know.
//! Whatever step it is cut short at, the journal is whole at the next start ([`super::repair`]).

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::codec::to_line;
use super::error::tried;
use super::names;
use super::record::{Event, Record};
use super::repair::sync_dir;
use super::segment::Segment;
use super::writer::Writer;
use crate::clock::Wall;
use crate::limits::{JOURNAL_SEGMENT_MAX, JOURNAL_SEGMENTS_KEEP};

/// What a rotation is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Write `journal.next`.
    Write,
    /// Sync it.
    SyncNext,
    /// Rename the live segment away.
    Retire,
    /// Rename `journal.next` into its place.
    Promote,
    /// Sync the directory.
    SyncDir,
    /// Remove a segment that is too old.
    Prune,
}

impl Step {
    /// All of them, in order.
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] =
        [Self::Write, Self::SyncNext, Self::Retire, Self::Promote, Self::SyncDir, Self::Prune];
}

/// Called before each step; tests photograph the directory there, or let the step fail.
pub(super) type Before<'a> = &'a mut dyn FnMut(Step) -> io::Result<()>;

impl Writer {
    /// Begins a new segment whose head is `snapshot`: `Opened` first, then the `Queued`, `Started` and `Stopping` of every
    /// run that has not finished, each with the `at` that it had (it is when the run was queued and started), then the facts of
    /// every job, which say whether it is paused. They come last to have the last word: a run in the head is old, and
    /// must not pass for the job's latest. `now` names the old segment. What the snapshot says is on disk afterwards,
    /// and (unless a sync has failed) so is all that was appended before. The oldest segments beyond
    /// [`JOURNAL_SEGMENTS_KEEP`] are removed.
    ///
    /// # Errors
    /// `InvalidInput` where the snapshot is not in this order. Else what the system said; the journal is whole and can
    /// be appended to, be it in the old segment or in the new one.
    pub fn rotate(&mut self, now: Wall, mut snapshot: impl Iterator<Item = Record>) -> io::Result<()> {
        self.rotate_by_steps(now, &mut snapshot, &mut |_| Ok(()))
    }

    pub(super) fn rotate_by_steps(
        &mut self,
        now: Wall,
        snapshot: &mut dyn Iterator<Item = Record>,
        before: Before<'_>,
    ) -> io::Result<()> {
        // A failure is a reason more to go on: the snapshot holds what matters.
        let _ = self.segment.sync();
        if let Err(error) = self.begin_segment(now, snapshot, before) {
            self.rotate_at = self.segment.len() + JOURNAL_SEGMENT_MAX / 16;
            return Err(error);
        }
        // A head that nearly fills a segment must not bring about the next rotation.
        self.rotate_at = JOURNAL_SEGMENT_MAX.max(2 * self.segment.len());
        before(Step::SyncDir)
            .and_then(|()| sync_dir(&self.dir))
            .inspect_err(|_| self.segment.suspect())
            .map_err(tried("sync", &self.dir))?;
        self.prune(before)
    }

    /// Up to and with the renames; on failure all is as it was.
    fn begin_segment(
        &mut self,
        now: Wall,
        snapshot: &mut dyn Iterator<Item = Record>,
        before: Before<'_>,
    ) -> io::Result<()> {
        let (live, next) = (self.live(), self.dir.join(names::NEXT));
        let retired = self.dir.join(names::next_rotated(now, &names::rotated(&self.dir)?));
        let result = match write_next(&next, snapshot, before) {
            Ok(new) => self.swap(&live, &retired, &next, before).map(|()| self.segment = new),
            Err(error) => Err(error),
        };
        result.map_err(|error| {
            // Should it stay: while there is a live segment, the next start removes it.
            let _ = std::fs::remove_file(&next);
            tried("rotate", &live)(error)
        })
    }

    /// The two renames, and the way back where the second one fails.
    fn swap(&mut self, live: &Path, retired: &Path, next: &Path, before: Before<'_>) -> io::Result<()> {
        before(Step::Retire).and_then(|()| std::fs::rename(live, retired))?;
        let promoted = before(Step::Promote).and_then(|()| std::fs::rename(next, live));
        if promoted.is_err() && std::fs::rename(retired, live).is_err() && std::fs::remove_file(next).is_err()
        {
            // The next start would take `next` for the truth, so nothing may be acknowledged until a rotation succeeds.
            self.segment.suspect();
        }
        promoted
    }

    fn prune(&self, before: Before<'_>) -> io::Result<()> {
        let rotated = names::rotated(&self.dir)?;
        for name in rotated.iter().take((rotated.len() + 1).saturating_sub(JOURNAL_SEGMENTS_KEEP)) {
            let path = self.dir.join(name);
            before(Step::Prune)
                .and_then(|()| std::fs::remove_file(&path))
                .map_err(tried("remove the old segment", &path))?;
        }
        Ok(())
    }
}

/// Writes the head of the new segment and puts it on disk.
fn write_next(
    path: &Path,
    snapshot: &mut dyn Iterator<Item = Record>,
    before: Before<'_>,
) -> io::Result<Segment> {
    // What an earlier failure left there; O_APPEND would write behind it.
    let _ = std::fs::remove_file(path);
    let file: File = OpenOptions::new().read(true).append(true).create_new(true).mode(0o640).open(path)?;
    before(Step::Write)?;
    let mut len = 0;
    let mut part = Part::Nothing;
    let mut out = BufWriter::with_capacity(8192, &file);
    for record in snapshot {
        part = part.then(&record.event).ok_or_else(out_of_order)?;
        let line = to_line(&record)?;
        out.write_all(&line)?;
        len += line.len() as u64;
    }
    if part == Part::Nothing {
        return Err(out_of_order());
    }
    out.flush()?;
    drop(out);
    before(Step::SyncNext)?;
    file.sync_all()?;
    Ok(Segment::new(file, len))
}

/// How far a snapshot has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Runs,
    Jobs,
}

impl Part {
    /// The part that `event` belongs to, or `None` where it may not stand there.
    const fn then(self, event: &Event) -> Option<Self> {
        match (self, event) {
            (Self::Nothing, Event::Opened(_))
            | (Self::Runs, Event::Queued(_) | Event::Started(_) | Event::Stopping(_)) => Some(Self::Runs),
            (Self::Runs | Self::Jobs, Event::Job(_) | Event::Paused { .. }) => Some(Self::Jobs),
            (
                Self::Nothing | Self::Runs | Self::Jobs,
                Event::Opened(_)
                | Event::Queued(_)
                | Event::Started(_)
                | Event::Stopping(_)
                | Event::Job(_)
                | Event::Paused { .. }
                | Event::JobRemoved { .. }
                | Event::Resumed { .. }
                | Event::Finished(_)
                | Event::Skipped(_)
                | Event::Pressure(_),
            ) => None,
        }
    }
}

fn out_of_order() -> io::Error {
    let why = "a snapshot is Opened, then what was queued and started, then the facts of the jobs";
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

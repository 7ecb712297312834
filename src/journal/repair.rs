//! What a crash may have left behind is put right before the journal is written again.
//! Moves files and cuts ends; reads no more of a record than that it is one.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::backward::{Backward, Piece};
use super::codec::is_object;
use super::error::{Error, Warning};
use super::names;
use crate::clock::Wall;
use crate::limits::JOURNAL_TORN_KEEP;

/// Bytes read at once to find the end of the last whole line; few, because the heap keeps what a start has touched.
const BLOCK: usize = 4096;

/// Leaves a live segment that ends with a whole line, and gives it out with its length in bytes.
///
/// # Errors
/// The files can't be read, or not changed where they must be.
pub(super) fn settle(dir: &Path, now: Wall, warnings: &mut Vec<Warning>) -> Result<(File, u64), Error> {
    finish_rotation(dir, warnings)?;
    let live = dir.join(names::LIVE);
    loop {
        let file = open_live(&live).map_err(Error::io("open the journal", &live))?;
        let (len, whole) = measure(&file).map_err(Error::io("read the journal", &live))?;
        if whole < len {
            let kept = put_aside(dir, &file, whole, now);
            file.set_len(whole)
                .and_then(|()| file.sync_all())
                .map_err(Error::io("cut the torn end of", &live))?;
            warnings.push(Warning::TornEnd { bytes: len - whole, kept: kept.map_err(|e| e.to_string()) });
        }
        if whole == 0 && put_back(dir, &live, warnings)? {
            continue;
        }
        // The live segment's name must be as durable as what is written under it.
        sync_dir(dir).map_err(Error::io("sync the state directory", dir))?;
        return Ok((file, whole));
    }
}

/// Opens a segment for appending, and makes it where there is none.
fn open_live(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)
}

/// fsync(2) of a directory: its names are on disk.
///
/// # Errors
/// As fsync(2).
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A rotation writes `journal.next` in full, renames the live segment away and `journal.next` into its place. While
/// the live one is there, it is the truth; when it is not, `journal.next` is complete.
fn finish_rotation(dir: &Path, warnings: &mut Vec<Warning>) -> Result<(), Error> {
    let (live, next) = (dir.join(names::LIVE), dir.join(names::NEXT));
    if !next.try_exists().map_err(Error::io("look for", &next))? {
        return Ok(());
    }
    if live.try_exists().map_err(Error::io("look for", &live))? {
        std::fs::remove_file(&next).map_err(Error::io("remove", &next))?;
        warnings.push(Warning::RotationUndone);
    } else {
        std::fs::rename(&next, &live)
            .map_err(Error::io("complete the rotation of the journal with", &next))?;
        warnings.push(Warning::RotationCompleted);
    }
    Ok(())
}

/// An empty live segment beside rotated ones means that it was removed or ruined (a rotation leaves none empty). The
/// newest rotated one was the truth before it: with it no run's number is used twice, and what was pending is known.
fn put_back(dir: &Path, live: &Path, warnings: &mut Vec<Warning>) -> Result<bool, Error> {
    let mut rotated = names::rotated(dir).map_err(Error::io("list", dir))?;
    let Some(segment) = rotated.pop() else { return Ok(false) };
    let newest = dir.join(&segment);
    std::fs::rename(&newest, live).map_err(Error::io("put back", &newest))?;
    warnings.push(Warning::PutBack { segment });
    Ok(true)
}

/// The length of the file, and that of its whole lines: up to the last one that is a JSON object.
fn measure(file: &File) -> io::Result<(u64, u64)> {
    let len = file.metadata()?.len();
    let mut backward = Backward::new(file.try_clone()?, BLOCK)?;
    loop {
        match backward.step()? {
            Piece::Line { start, bytes } if is_object(bytes) => {
                return Ok((len, start + bytes.len() as u64 + 1));
            }
            Piece::Line { .. } | Piece::Torn | Piece::TooLong | Piece::More => {}
            Piece::End => return Ok((len, 0)),
        }
    }
}

/// Copies what follows the first `from` bytes into a file of its own, and removes the oldest of such files beyond
/// [`JOURNAL_TORN_KEEP`].
fn put_aside(dir: &Path, mut file: &File, from: u64, now: Wall) -> io::Result<PathBuf> {
    let path = names::next_torn(dir, now)?;
    let mut aside = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path)?;
    file.seek(SeekFrom::Start(from))?;
    let copied = io::copy(&mut file, &mut aside).and_then(|_| aside.sync_all());
    if let Err(error) = copied {
        // Half of it serves nobody, and where the disk is full the room does.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    let torn = names::torn(dir)?;
    for name in torn.iter().take(torn.len().saturating_sub(JOURNAL_TORN_KEEP)) {
        // The next torn end tries again.
        let _ = std::fs::remove_file(dir.join(name));
    }
    Ok(path)
}

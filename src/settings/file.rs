//! Reads a settings file, bounded, and never waits for one (a FIFO does not hang it).

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Settings;
use super::check::check_text;
use crate::job::Bytes;
use crate::limits::SETTINGS_FILE_MAX;
use crate::problem::Problem;
use crate::problem::file::{not_utf8, read_bounded, unreadable};

/// A settings file that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRead {
    /// What it means; all of it unset where there is no such file.
    pub settings: Settings,
    /// What can hardly be meant.
    pub warnings: Vec<Problem>,
    /// Whether there is such a file.
    pub is_there: bool,
}

/// Reads and checks a settings file on a machine with `total` bytes of memory. One that is not there says nothing, unless
/// it was named.
///
/// # Errors
/// Every problem of the file.
pub fn read_file(path: &Path, is_named: bool, total: Option<u64>) -> Result<FileRead, Vec<Problem>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let bytes = match file.and_then(|file| read_bounded(&file, SETTINGS_FILE_MAX)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => return Ok(FileRead::default()),
        Err(error) => return Err(vec![unreadable(path, &error)]),
    };
    if u64::try_from(bytes.len()).is_ok_and(|length| length > SETTINGS_FILE_MAX) {
        let message =
            format!("the file is larger than {}, which is the most for settings", Bytes(SETTINGS_FILE_MAX));
        return Err(vec![Problem::of_file(path, message, None)]);
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| vec![not_utf8(path, error.as_bytes(), error.utf8_error().valid_up_to())])?;
    let (settings, warnings) = check_text(path, &text, total)?;
    Ok(FileRead { settings, warnings, is_there: true })
}

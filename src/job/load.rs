//! Reads job files and directories of them, one file at a time, and never waits for one (a FIFO does not hang it).

use std::ffi::OsStr;
use std::fs::{self, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::check::check_with;
use super::definition::Definition;
use super::host::Host;
use super::trust::{distrust, distrust_directory_of, distrust_links};
use super::units::Bytes;
use crate::limits::{JOB_FILE_MAX, JOBS_MAX};
use crate::problem::Problem;
use crate::problem::file::{not_utf8, read_bounded, reason, unreadable};

/// Which version of a job file was read. Compared within one process only: another build may count differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// A hash of device, inode, size and times: unchanged means that the file was not touched.
    pub stat: u64,
    /// A hash of the bytes: unchanged means that the file says the same, touched or not.
    pub content: u64,
}

impl FileStamp {
    /// The stamp of a file with these facts and bytes.
    #[must_use]
    pub fn new(facts: &Metadata, bytes: &[u8]) -> Self {
        let mut content = DefaultHasher::new();
        bytes.hash(&mut content);
        Self { stat: stat_hash(facts), content: content.finish() }
    }

    /// Whether a file with these facts has not been touched since.
    #[must_use]
    pub fn is_untouched(&self, facts: &Metadata) -> bool {
        self.stat == stat_hash(facts)
    }
}

fn stat_hash(facts: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    (facts.dev(), facts.ino(), facts.size()).hash(&mut hasher);
    (facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()).hash(&mut hasher);
    hasher.finish()
}

/// A job file that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it means.
    pub definition: Definition,
    /// Which version of the file it was.
    pub stamp: FileStamp,
    /// What it said, for whoever must keep this version beyond the file's next change.
    pub text: String,
    /// What can hardly be meant.
    pub warnings: Vec<Problem>,
}

/// A job, or every problem of its file.
pub type LoadResult = Result<Loaded, Vec<Problem>>;

/// Reads and checks one job file. A symbolic link is followed, if every directory on its way can be trusted.
///
/// # Errors
/// Every problem of the file, in order: of the file as a whole, then of its text.
pub fn load_file<'a>(path: &Path, host: impl Into<Host<'a>>) -> LoadResult {
    let host = host.into();
    let of_directory = distrust_directory_of(path, host).map_err(|error| vec![unreadable(path, &error)])?;
    load(path, host, of_directory)
}

/// Reads and checks every `*.toml` in `dir`, in the order of their names, and hands each to `visit` as soon as it has
/// been read; nothing of it is kept. Other files and those that begin with a dot are left alone.
///
/// # Errors
/// The directory can't be read or trusted; then no file has been visited.
pub fn load_dir<'a>(
    dir: &Path,
    host: impl Into<Host<'a>>,
    visit: &mut dyn FnMut(&Path, LoadResult),
) -> Result<(), Vec<Problem>> {
    let host = host.into();
    let names = list(dir, host)?;
    for (at, name) in names.in_order().enumerate() {
        let path = dir.join(name);
        if at >= JOBS_MAX {
            let message =
                format!("this is job file {} of its directory, and no more than {JOBS_MAX} are read", at + 1);
            visit(&path, Err(vec![Problem::of_file(&path, message, None)]));
        } else if !is_gone(&path) {
            visit(&path, load(&path, host, Vec::new()));
        }
    }
    Ok(())
}

/// File names, all in one piece of memory: what a thousand small ones leave behind is never given back.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Names {
    fn push(&mut self, name: &OsStr) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        self.spans.push(start..self.bytes.len());
    }

    fn sort(&mut self) {
        self.spans.sort_unstable_by(|a, b| self.bytes[a.clone()].cmp(&self.bytes[b.clone()]));
    }

    fn in_order(&self) -> impl Iterator<Item = &OsStr> {
        self.spans.iter().map(|span| OsStr::from_bytes(&self.bytes[span.clone()]))
    }
}

/// The names of the job files in `dir`, in order.
fn list(dir: &Path, host: Host<'_>) -> Result<Names, Vec<Problem>> {
    let fail = |error: &io::Error| {
        let message = format!("the directory of job files can't be read: {}", reason(error));
        let help = "make it, or name another one";
        vec![Problem::of_file(dir, message, Some(help.to_owned()))]
    };
    let facts = fs::metadata(dir).map_err(|error| fail(&error))?;
    let entries = fs::read_dir(dir).map_err(|error| fail(&error))?;
    let distrusted = distrust(dir, &facts, host);
    if !distrusted.is_empty() {
        let problem = |(message, help)| Problem::of_file(dir, message, Some(help));
        return Err(distrusted.into_iter().map(problem).collect());
    }
    let mut names = Names::default();
    for entry in entries {
        let name = entry.map_err(|error| fail(&error))?.file_name();
        if name.as_bytes().ends_with(b".toml") && !name.as_bytes().starts_with(b".") {
            names.push(&name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a file that was listed is not there any more: it was removed meanwhile, which is no problem of it.
fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn load(path: &Path, host: Host<'_>, mut distrusted: Vec<(String, String)>) -> LoadResult {
    let (bytes, facts) = read(path)?;
    let links = distrust_links(path, host).map_err(|error| vec![unreadable(path, &error)])?;
    distrusted.extend(links);
    distrusted.extend(distrust(path, &facts, host));
    let stamp = FileStamp::new(&facts, &bytes);
    let text = String::from_utf8(bytes).map_err(|error| {
        let of_file =
            distrusted.iter().map(|(message, help)| Problem::of_file(path, message, Some(help.clone())));
        let not_text = not_utf8(path, error.as_bytes(), error.utf8_error().valid_up_to());
        of_file.chain([not_text]).collect::<Vec<_>>()
    })?;
    let (definition, warnings) = check_with(path, &text, host, &distrusted)?;
    Ok(Loaded { definition, stamp, text, warnings })
}

/// The bytes of a regular file of no more than [`JOB_FILE_MAX`] bytes, and its facts.
fn read(path: &Path) -> Result<(Vec<u8>, Metadata), Vec<Problem>> {
    let fail = |error: &io::Error| vec![unreadable(path, error)];
    // Looked at before it is opened, because opening some devices does something; and again afterwards, because what
    // was opened is what counts.
    regular(path, &fs::metadata(path).map_err(|error| fail(&error))?)?;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| fail(&error))?;
    let facts = file.metadata().map_err(|error| fail(&error))?;
    regular(path, &facts)?;
    let bytes = read_bounded(&file, JOB_FILE_MAX).map_err(|error| fail(&error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= JOB_FILE_MAX) {
        return Ok((bytes, facts));
    }
    let message =
        format!("the file is larger than {}, which is the most for a job file", Bytes(JOB_FILE_MAX));
    Err(vec![Problem::of_file(path, message, None)])
}

fn regular(path: &Path, facts: &Metadata) -> Result<(), Vec<Problem>> {
    if facts.is_file() {
        return Ok(());
    }
    let kind = if facts.is_dir() { "a directory" } else { "a device, a pipe or a socket" };
    let help = "a job is a regular file, or a symbolic link to one".to_owned();
    Err(vec![Problem::of_file(path, format!("this is {kind}, not a file"), Some(help))])
}

//! Every CPython that is here: of the PATH, of pyenv, and what `tests/pythons.sh` has unpacked. Knows nothing of what is
//! tested with them.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::harness::skip;

/// The versions 3.N that ebb promises something about.
const MINORS: RangeInclusive<u32> = 9..=15;

/// An interpreter that answers.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// N of 3.N.
    pub(crate) minor: u32,
    /// The interpreter itself, no shim.
    pub(crate) path: PathBuf,
}

/// One CPython of each version that can be found here; those that can't are named as skipped.
pub(crate) fn pythons(test: &str) -> &'static [Python] {
    for minor in MINORS {
        let _named = python_of(minor, test);
    }
    found()
}

/// That of version 3.`minor`; where there is none, the test is named as skipped.
pub(crate) fn python_of(minor: u32, test: &str) -> Option<&'static Path> {
    let python = found().iter().find(|python| python.minor == minor);
    if python.is_none() {
        skip(&format!("{test} on Python 3.{minor}"), "there is none here");
    }
    Some(&python?.path)
}

fn found() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| MINORS.filter_map(find).collect())
}

fn find(minor: u32) -> Option<Python> {
    let candidates = places().into_iter().map(|place| place.join(format!("python3.{minor}")));
    let path = candidates.filter(|path| path.is_file()).find(|path| answers(path, minor))?;
    Some(Python { minor, path })
}

fn places() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let homes = [
        std::env::var_os("PYENV_ROOT").map(PathBuf::from),
        std::env::home_dir().map(|home| home.join(".pyenv")),
    ];
    for home in homes.into_iter().flatten() {
        let versions = std::fs::read_dir(home.join("versions")).into_iter().flatten().flatten();
        places.extend(versions.map(|version| version.path().join("bin")));
    }
    places.retain(|place| !place.ends_with("shims"));
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join(".work/pythons");
    // The stamp is written last, so a tree that was broken off is none.
    if unpacked.join("made-from").exists() {
        places.push(unpacked.join("usr/bin"));
    }
    places
}

/// A file of that name may be a shim that does not lead anywhere.
fn answers(python: &Path, minor: u32) -> bool {
    let question = "import sys; print('%s %d.%d' % ((sys.implementation.name,) + sys.version_info[:2]))";
    let output = Command::new(python).args(["-c", question]).stdin(Stdio::null()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("cpython 3.{minor}"))
}

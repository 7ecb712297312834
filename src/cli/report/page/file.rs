//! Puts the page where it is wanted: whole or not at all, and over nothing but an earlier page of ebb's.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::cli::failure::Failure;
use crate::problem::file::reason;
use crate::sys::durable;

/// What every page has near its beginning.
pub(super) const MARK: &str = r#"<meta name="generator" content="ebb report">"#;
/// How near, in bytes.
const MARK_WITHIN: u64 = 512;

/// Whether a page may be put there: nothing is there, or an earlier page, or something that is no file, such as a pipe.
///
/// # Errors
/// Something else is there, or nothing can be.
pub(in super::super) fn may_write(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Ok(());
    }
    let refused = |why: &str| Failure::Usage(format!("--html {}: {why}", path.display()));
    let facts = match std::fs::metadata(path) {
        Ok(facts) => facts,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return has_place(path),
        Err(error) => return Err(refused(&reason(&error))),
    };
    if facts.is_dir() {
        return Err(refused("this is a directory; name a file in it"));
    }
    if !facts.is_file() || facts.len() == 0 {
        return Ok(());
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MARK_WITHIN).read_to_end(&mut head));
    read.map_err(|error| refused(&reason(&error)))?;
    if String::from_utf8_lossy(&head).contains(MARK) {
        return Ok(());
    }
    Err(refused("this file is there already and is no report of ebb's; name another, or remove it"))
}

fn has_place(path: &Path) -> Result<(), Failure> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if dir.is_dir() {
        return Ok(());
    }
    Err(Failure::Usage(format!("--html {}: there is no directory {}", path.display(), dir.display())))
}

/// Writes it.
///
/// # Errors
/// As [`may_write`]; and it can't be written.
pub(in super::super) fn write(path: &Path, page: &str) -> Result<(), Failure> {
    may_write(path)?;
    durable::put(path, page.as_bytes(), 0o644).map_err(|error| {
        Failure::System(format!("{}: the page can't be written: {}", path.display(), reason(&error)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_page_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.html");
        let page = |number: u32| format!("<!doctype html><html><head>{MARK}</head>{number}");
        write(&path, &page(1)).unwrap();
        write(&path, &page(2)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), page(2));
        let own = dir.path().join("index.html");
        std::fs::write(&own, "<p>mine</p>").unwrap();
        let said = write(&own, &page(3)).unwrap_err();
        assert!(said.to_string().contains("is no report of ebb's") && said.exit_code().0 == 2, "{said}");
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "<p>mine</p>");
        assert!(may_write(dir.path()).unwrap_err().to_string().contains("a directory"));
        let nowhere = dir.path().join("none/report.html");
        assert!(may_write(&nowhere).unwrap_err().to_string().contains("there is no directory"));
        std::os::unix::fs::symlink(&path, dir.path().join("link.html")).unwrap();
        write(&dir.path().join("link.html"), &page(4)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), page(4), "a link stays one");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "nothing is left beside it");
    }
}

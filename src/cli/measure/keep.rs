//! The file of a measurement: read as a baseline, written whole or not at all. Knows nothing of what is compared.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;

use crate::limits;
use crate::measure::{Measured, VERSION};
use crate::sys::durable;

use super::super::failure::Failure;

/// What every version of the file has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// Reads what `--save` has written.
///
/// # Errors
/// It is not there, or it is no such file; what to do is said.
pub(super) fn read(path: &Path) -> Result<Measured, Failure> {
    let name = path.display();
    let mut text = String::new();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::Usage(format!(
                "there is no baseline {name}; `ebb measure --save {name} -- CMD` writes one"
            )));
        }
        file => file.map_err(|e| Failure::system(format_args!("cannot read the baseline {name}"), &e))?,
    };
    let read = file.take(limits::MEASURE_FILE_MAX).read_to_string(&mut text);
    read.map_err(|e| Failure::system(format_args!("cannot read the baseline {name}"), &e))?;
    let foreign = |error: serde_json::Error| {
        Failure::Usage(format!("{name} is no measurement that `ebb measure --save` has written: {error}"))
    };
    let head: Head = serde_json::from_str(&text).map_err(foreign)?;
    if head.version != VERSION {
        return Err(Failure::Usage(format!(
            "{name} is of version {}, and this ebb reads version {VERSION}; measure the baseline anew",
            head.version
        )));
    }
    serde_json::from_str(&text).map_err(foreign)
}

/// Where it is written: nothing, or all of it.
///
/// # Errors
/// The system refuses it; what was there before is still there.
pub(super) fn write(path: &Path, measured: &Measured) -> Result<(), Failure> {
    let failed = |e: &io::Error| Failure::system(format_args!("cannot save {}", path.display()), e);
    let mut text = serde_json::to_string_pretty(measured).map_err(|e| failed(&e.into()))?;
    text.push('\n');
    durable::put(path, text.as_bytes(), 0o666).map_err(|error| failed(&error))
}

/// That it will likely be possible to write there: a long run shall not be made for nothing.
///
/// # Errors
/// There is no such directory, or it is one itself.
pub(super) fn will_fit(path: &Path) -> Result<(), Failure> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if path.is_dir() || path.file_name().is_none() {
        return Err(Failure::Usage(format!("--save {}: that is a directory; name a file", path.display())));
    }
    if !dir.is_dir() {
        return Err(Failure::Usage(format!(
            "--save {}: there is no directory {}; make it first",
            path.display(),
            dir.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> (u8, String) {
        let failure = read(path).unwrap_err();
        (failure.exit_code().0, failure.to_string())
    }

    #[test]
    fn a_file_that_is_no_baseline_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("base.json");
        let (code, told) = refusal(&path);
        assert!(code == 2 && told.contains("ebb measure --save "), "{told}");
        for (text, word) in [
            ("", "no measurement"),
            ("{\"version\": 1}", "missing field"),
            ("[1]", "no measurement"),
            ("{\"version\": 7, \"more\": []}", "is of version 7"),
        ] {
            std::fs::write(&path, text).unwrap();
            let (code, told) = refusal(&path);
            assert!(code == 2 && told.contains(word), "{text}: {told}");
        }
        assert_eq!(refusal(dir.path()).0, 71);
    }

    #[test]
    fn what_cannot_be_written_is_known_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        assert!(will_fit(&dir.path().join("new.json")).is_ok() && will_fit(Path::new("new.json")).is_ok());
        for wrong in [dir.path().to_owned(), dir.path().join("no/new.json"), "/".into()] {
            assert!(matches!(will_fit(&wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }

    fn measured() -> Measured {
        let text = r#"{"version": 1, "command": ["true"], "at": "2026-01-01T00:00:00Z", "accounting": "process-tree",
            "runs": [], "summary": {}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_others_have_laid_in_the_way_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "theirs").unwrap();
        for end in ["", ".new"] {
            let laid = dir.path().join(format!(".base.json.{}{end}", std::process::id()));
            std::os::unix::fs::symlink(&victim, laid).unwrap();
        }
        let path = dir.path().join("base.json");
        write(&path, &measured()).unwrap();
        assert_eq!(read(&path).unwrap(), measured());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "theirs");
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        use std::os::unix::fs::FileTypeExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Opened for both, so that neither end waits for the other.
        let mut pipe = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        write(&path, &measured()).unwrap();
        assert!(std::fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        let mut text = [0; 16];
        pipe.read_exact(&mut text).unwrap();
        assert!(text.starts_with(b"{"));
    }
}

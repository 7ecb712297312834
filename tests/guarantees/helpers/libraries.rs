//! A Python with the libraries that the examples use.

use std::path::{Path, PathBuf};

use crate::harness::skip;

/// The Python of the venv that `tests/run.sh` and `make diet` make.
pub(crate) fn python_with_libraries(test: &str) -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join(".work/diet/venv");
    let python = venv.join("bin/python");
    // The stamp is written last, so an installation that was broken off is none.
    if venv.join("made-from").exists() && python.exists() {
        return Some(python);
    }
    skip(
        test,
        "there is no venv with the libraries of examples/memory-diet; tests/run.sh makes one with pip",
    );
    None
}

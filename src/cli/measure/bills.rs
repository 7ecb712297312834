//! The private directory by which interpreters of Python below a run write their import bills. Knows nothing of what is
//! in them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::measure::{Bill, PROGRAM};

use super::super::failure::Failure;

/// The variable that every interpreter goes by, unless it is told not to (`-E`, `-I`).
const VARIABLE: &str = "PYTHONPATH";

/// The directory; it is gone when this is.
pub(super) struct Bills {
    dir: PathBuf,
}

impl Bills {
    /// Makes it, for this user alone.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn open() -> Result<Self, Failure> {
        let template = place(std::env::var_os, nix::unistd::geteuid().is_root()).join("ebb-imports-XXXXXX");
        let failed = |e: std::io::Error| {
            Failure::system(format_args!("cannot make a directory such as {}", template.display()), &e)
        };
        let dir = nix::unistd::mkdtemp(&template).map_err(|e| failed(e.into()))?;
        // The program may change its directory, and TMPDIR may be relative to this one.
        let dir = dir.canonicalize().unwrap_or(dir);
        let bills = Self { dir };
        std::fs::write(bills.dir.join("sitecustomize.py"), PROGRAM).map_err(failed)?;
        Ok(bills)
    }

    /// What leads interpreters there: it stands before what the user has in the variable.
    pub(super) fn environment(&self) -> (OsString, OsString) {
        let mut path = self.dir.clone().into_os_string();
        if let Some(before) = std::env::var_os(VARIABLE).filter(|before| !before.is_empty()) {
            path.push(":");
            path.push(before);
        }
        (VARIABLE.into(), path)
    }

    /// Takes what the run that has ended has written.
    pub(super) fn take(&self) -> Vec<Bill> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut bills: Vec<Bill> = paths
            .filter(|path| path.extension().is_some_and(|e| e == "bill"))
            .filter_map(|path| taken(&path))
            .collect();
        bills.sort_by_key(|bill| std::cmp::Reverse(bill.imports_bytes));
        bills
    }
}

/// Where it is made. Variables outlive a run, in a service that it has started for one: where everybody may make files, as in
/// `/tmp`, somebody else could make the directory anew once it is gone, and would be imported from there.
fn place(variable: impl Fn(&'static str) -> Option<OsString>, is_root: bool) -> PathBuf {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|dir| dir.is_absolute() && dir.is_dir());
    if variable("TMPDIR").is_some() {
        return std::env::temp_dir();
    }
    let own = if is_root { Some(PathBuf::from("/run")) } else { absolute("XDG_RUNTIME_DIR") };
    let may_write = |dir: &PathBuf| nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok();
    own.filter(may_write).unwrap_or_else(std::env::temp_dir)
}

fn taken(path: &Path) -> Option<Bill> {
    let text = std::fs::read(path).ok()?;
    let _ = std::fs::remove_file(path);
    Bill::read(&String::from_utf8_lossy(&text))
}

impl Drop for Bills {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_where_nobody_else_can_make_it_anew() {
        let own = tempfile::tempdir().unwrap();
        let with = |name: &'static str, dir: &Path| {
            let dir = dir.as_os_str().to_owned();
            move |asked: &'static str| (asked == name).then(|| dir.clone())
        };
        assert_eq!(place(with("XDG_RUNTIME_DIR", own.path()), false), own.path());
        assert_eq!(place(with("XDG_RUNTIME_DIR", Path::new("relative")), false), std::env::temp_dir());
        assert_eq!(place(with("TMPDIR", own.path()), true), std::env::temp_dir(), "the user's own wish");
        if nix::unistd::access("/run", nix::unistd::AccessFlags::W_OK).is_ok() {
            assert_eq!(place(|_| None, true), Path::new("/run"));
        }
    }
}

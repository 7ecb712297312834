//! Which Python packages a process has loaded, by the files of theirs that are in its memory. Packages without extension
//! modules leave no such trace: what they cost only their imports tell ([`super::Imports`]).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sys::processes::memory::Mapped;

/// A top-level package, with what of its files is in memory. Its heap is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Library {
    /// Its name, as it is imported or installed.
    pub name: String,
    /// Resident bytes of its extension modules and the libraries that came with them.
    pub bytes: u64,
    /// Of these, used since pages were cleared, or ever.
    pub used_bytes: u64,
    /// What importing it anew took, heap and files, with all that came by it; none where that was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_bytes: Option<u64>,
    /// Where the sources import it, such as `app/main.py:12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<String>,
}

impl Library {
    /// What it takes, as far as it is known, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.import_bytes.unwrap_or(self.bytes)
    }
}

/// Groups files by the package that they came with, in order of names.
#[must_use]
pub fn of(files: &[Mapped]) -> Vec<Library> {
    let mut found: BTreeMap<&str, Library> = BTreeMap::new();
    for file in files {
        let Some(package) = file.path.to_str().and_then(package) else { continue };
        let library = found.entry(package).or_default();
        library.bytes += file.rss;
        library.used_bytes += file.referenced;
    }
    found.into_iter().map(|(name, library)| Library { name: name.to_owned(), ..library }).collect()
}

/// The directory that holds installed packages, in front of a path's package.
#[must_use]
pub fn installed_in(path: &str) -> Option<&str> {
    let at = directory_end(path)?;
    Some(path[..at].trim_end_matches('/'))
}

/// `numpy` for `…/site-packages/numpy/core/x.so`, for `…/site-packages/numpy.libs/libopenblas.so` and the like.
#[must_use]
pub fn package(path: &str) -> Option<&str> {
    let rest = &path[directory_end(path)?..];
    let first = rest.split('/').next()?;
    // A module without a package: `_cffi_backend.cpython-311-x86_64-linux-gnu.so`.
    let name = if first.len() == rest.len() { first.split('.').next()? } else { first };
    let name = name.strip_suffix(".libs").unwrap_or(name);
    (!name.is_empty()).then_some(name)
}

fn directory_end(path: &str) -> Option<usize> {
    ["/site-packages/", "/dist-packages/"].iter().filter_map(|dir| Some(path.rfind(dir)? + dir.len())).max()
}

/// The version of the Python that a file belongs to: `3.11` for `…/lib/python3.11/lib-dynload/x.so`.
#[must_use]
pub fn python_version(path: &str) -> Option<&str> {
    path.split('/').find_map(|part| {
        let version = part.strip_prefix("python").or_else(|| part.strip_prefix("libpython"))?;
        let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
        let version = version[..end].trim_end_matches('.');
        version.contains('.').then_some(version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_grouped_by_their_top_level_package() {
        let file = |path: &str, mib: u64, used: u64| Mapped {
            path: path.into(),
            rss: mib << 20,
            referenced: used << 20,
        };
        let found = of(&[
            file("/venv/lib/python3.11/site-packages/numpy/core/a.so", 4, 1),
            file("/venv/lib/python3.11/site-packages/numpy.libs/libopenblas.so", 20, 0),
            file("/usr/lib/python3/dist-packages/apt_pkg.cpython-311-x86_64-linux-gnu.so", 1, 1),
            file("/usr/lib/x86_64-linux-gnu/libc.so.6", 9, 9),
        ]);
        let told: Vec<_> =
            found.iter().map(|it| (it.name.as_str(), it.bytes >> 20, it.used_bytes >> 20)).collect();
        assert_eq!(told, [("apt_pkg", 1, 1), ("numpy", 24, 1)]);
    }

    #[test]
    fn versions_and_places_are_read_off_paths() {
        assert_eq!(python_version("/usr/lib/python3.11/lib-dynload/_json.so"), Some("3.11"));
        assert_eq!(python_version("/opt/lib/libpython3.12.so.1.0"), Some("3.12"));
        assert_eq!(python_version("/usr/bin/python2.7"), Some("2.7"));
        assert_eq!(python_version("/usr/lib/python3/dist-packages/x.so"), None);
        let path = "/venv/lib/python3.11/site-packages/numpy/a.so";
        assert_eq!(installed_in(path), Some("/venv/lib/python3.11/site-packages"));
    }
}

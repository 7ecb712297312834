//! What the files of a Python tell: its version, whether it has bytecode of what it has loaded, and which object-relational
//! mappers its sources import. Reads files through the process's own root, so that containers are seen as they see
//! themselves. Knows no rule.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::audit::{Cache, CacheMissing, ORMS, Python, libraries, program};
use crate::limits;
use crate::sys::durable;
use crate::sys::processes::Process;
use crate::sys::processes::memory::Mapped;

/// Directories below the sources that hold none of the service's own.
const FOREIGN: [&str; 6] = ["node_modules", "site-packages", "dist-packages", "__pycache__", "venv", "tests"];
/// So deep are sources looked for.
const DEPTH: usize = 3;

/// What a process runs on, if that is a Python.
pub(super) fn look(process: &Process, mapped: &[Mapped]) -> Option<Python> {
    let exe = process.exe.as_deref()?;
    let paths = || mapped.iter().filter_map(|file| file.path.to_str());
    let is_python = program::interpreter(exe) == Some(program::Interpreter::Python)
        || paths().any(|path| path.contains("/libpython"));
    if !is_python {
        return None;
    }
    let exe_version = libraries::python_version(exe.to_str()?);
    let version = exe_version.or_else(|| paths().find_map(libraries::python_version)).unwrap_or_default();
    let sources = program::source_dir(&process.arguments, process.cwd.as_deref());
    let sources = sources.filter(|dir| dir.parent().is_some());
    let here =
        Files { root: PathBuf::from(format!("/proc/{}/root", process.pid)), version, uid: writer(process) };
    Some(Python {
        version: version.to_owned(),
        orms_in_sources: here.orms(process, mapped, sources.as_deref()),
        cache: here.cache(process, mapped, sources.as_deref()),
        imports: None,
    })
}

/// The user that a process writes files as: the root of a container may, whoever that is here.
fn writer(process: &Process) -> u32 {
    if process.uid_map.inside(process.uid) == Some(0) { 0 } else { process.uid }
}

/// The file system of one Python.
struct Files<'a> {
    root: PathBuf,
    version: &'a str,
    uid: u32,
}

impl Files<'_> {
    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn cache(&self, process: &Process, mapped: &[Mapped], sources: Option<&Path>) -> Cache {
        const NO_BYTECODE: &str = "PYTHONDONTWRITEBYTECODE";
        let is_title = program::is_title(&process.arguments);
        let forbidden_by = if process.environment.has(NO_BYTECODE) {
            Some(NO_BYTECODE.to_owned())
        } else {
            (!is_title && program::has_flag(&process.arguments, 'B')).then(|| "-B".to_owned())
        };
        let mut missing = Vec::new();
        // With a cache elsewhere nothing is looked for beside the sources.
        if !process.environment.has("PYTHONPYCACHEPREFIX") {
            missing.extend(loaded(mapped).into_iter().filter_map(|dir| self.without_cache(dir)));
            // Which of its own modules it has loaded nobody tells from outside: only where none could be written.
            let own = sources
                .into_iter()
                .flat_map(|dir| self.packages(dir))
                .filter_map(|dir| self.without_cache(dir));
            missing.extend(own.filter(|it| forbidden_by.is_some() || !it.is_writable));
        }
        missing.sort_by(|a, b| a.sources.cmp(&b.sources));
        missing.dedup();
        Cache { forbidden_by, missing }
    }

    /// The packages directly in a directory.
    fn packages(&self, dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.at(dir)).into_iter().flatten().flatten();
        let names = entries.map(|entry| dir.join(entry.file_name())).take(limits::AUDIT_SOURCES_MAX);
        names.filter(|dir| !FOREIGN.iter().any(|name| dir.ends_with(name))).collect()
    }

    /// The directory, if it is a package without bytecode of this Python's.
    fn without_cache(&self, dir: PathBuf) -> Option<CacheMissing> {
        let here = self.at(&dir);
        if !here.join("__init__.py").is_file() {
            return None;
        }
        let tag = format!("-{}", self.version.replace('.', ""));
        let has_it = if self.version.starts_with('2') {
            here.join("__init__.pyc").is_file()
        } else {
            let cached = fs::read_dir(here.join("__pycache__")).into_iter().flatten().flatten();
            // `__init__.cpython-311.pyc`, also with `.opt-1`; of an unknown version any.
            cached.map(|entry| entry.file_name().to_string_lossy().into_owned()).any(|name| {
                let (tag, rest) =
                    (tag.trim_end_matches('-'), name.split_once('.').map_or("", |(_, rest)| rest));
                rest.ends_with(".pyc")
                    && (tag.is_empty() || rest.split('.').next().is_some_and(|it| it.ends_with(tag)))
            })
        };
        (!has_it).then(|| CacheMissing { sources: dir, is_writable: self.may_write(&here) })
    }

    /// Whether the process's user may write a cache there, going by owner and mode (its groups apart).
    fn may_write(&self, dir: &Path) -> bool {
        let Ok(facts) = fs::metadata(dir) else { return false };
        let mode = facts.mode();
        self.uid == 0 || (facts.uid() == self.uid && mode & 0o200 != 0) || mode & 0o022 != 0
    }

    fn orms(&self, process: &Process, mapped: &[Mapped], sources: Option<&Path>) -> Vec<String> {
        let installed = self.installed(process, mapped);
        let is_installed = |package: &str| {
            installed
                .iter()
                .any(|dir| dir.join(package).is_dir() || dir.join(format!("{package}.py")).is_file())
        };
        let known: Vec<(&str, &str)> =
            ORMS.into_iter().filter(|(package, _)| is_installed(package)).collect();
        let (Some(sources), false) = (sources, known.is_empty()) else { return Vec::new() };
        let mut files = Vec::new();
        python_files(&self.at(sources), DEPTH, &mut files);
        let mut found: Vec<String> = Vec::new();
        for text in files.iter().filter_map(|file| read(file)) {
            let named = known.iter().filter(|(_, module)| imports(&text, module));
            found.extend(named.map(|(package, _)| (*package).to_owned()));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Where packages are installed for it: where those that are mapped came from, and beside its program.
    fn installed(&self, process: &Process, mapped: &[Mapped]) -> Vec<PathBuf> {
        let paths = mapped.iter().filter_map(|file| libraries::installed_in(file.path.to_str()?));
        let mut dirs: Vec<PathBuf> = paths.map(PathBuf::from).collect();
        // A virtual environment's own name for it is in its words: the program itself is the one that it was made from.
        let called = process.arguments.iter().take(2).map(Path::new).chain(process.exe.as_deref());
        for bin in called.filter_map(|path| path.parent()).filter(|bin| bin.is_absolute()) {
            dirs.push(bin.join(format!("../lib/python{}/site-packages", self.version)));
            // Debian's own.
            dirs.push(bin.join("../lib/python3/dist-packages"));
            dirs.push(bin.join(format!("../local/lib/python{}/dist-packages", self.version)));
        }
        dirs.sort_unstable();
        dirs.dedup();
        dirs.iter().map(|dir| self.at(dir)).collect()
    }
}

/// Packages that are loaded for sure: the standard library's `encodings`, and those with mapped extension modules.
fn loaded(mapped: &[Mapped]) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    for path in mapped.iter().filter_map(|file| file.path.to_str()) {
        if let Some((library, _)) = path.split_once("/lib-dynload/") {
            dirs.push(Path::new(library).join("encodings"));
        }
        if let (Some(dir), Some(package)) = (libraries::installed_in(path), libraries::package(path)) {
            dirs.push(Path::new(dir).join(package));
        }
    }
    dirs.sort_unstable();
    dirs.dedup();
    dirs
}

fn python_files(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut entries: Vec<PathBuf> = entries.take(limits::AUDIT_ENTRIES_MAX).collect();
    entries.sort_unstable();
    for path in entries {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if files.len() >= limits::AUDIT_SOURCES_MAX {
            return;
        }
        if path.is_symlink() || name.starts_with('.') || FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            if depth > 0 && !path.join("pyvenv.cfg").exists() {
                python_files(&path, depth - 1, files);
            }
        } else if name.ends_with(".py") {
            files.push(path);
        }
    }
}

fn read(path: &Path) -> Option<String> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    // Others own the directory: a pipe there would have this wait, and a link that came since lead elsewhere.
    let flags = durable::NON_BLOCKING | nix::fcntl::OFlag::O_NOFOLLOW.bits();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    file.take(limits::AUDIT_SOURCE_BYTES_MAX).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Whether a line of the text imports a module, or something of it.
fn imports(text: &str, module: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        let rest = line.strip_prefix("from ").or_else(|| line.strip_prefix("import "));
        let after = rest.and_then(|rest| rest.trim_start().strip_prefix(module));
        after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::processes::IdMap;

    #[test]
    fn imports_are_told_from_words_that_begin_alike() {
        assert!(imports("import os\n    from sqlalchemy.orm import Session\n", "sqlalchemy"));
        assert!(
            imports("import peewee\n", "peewee") && imports("from django.db import models\n", "django.db")
        );
        assert!(!imports(
            "import sqlalchemy_utils\n# from sqlalchemy\nfrom django.http import x\n",
            "sqlalchemy"
        ));
        assert!(!imports("from django.http import x\n", "django.db"));
    }

    #[test]
    fn bytecode_is_that_of_the_same_version() {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().join("app");
        fs::create_dir_all(package.join("__pycache__")).unwrap();
        fs::write(package.join("__init__.py"), "").unwrap();
        let missing = |version: &str| {
            let files = Files { root: dir.path().to_owned(), version, uid: nix::unistd::geteuid().as_raw() };
            files.without_cache("/app".into()).map(|missing| missing.is_writable)
        };
        assert_eq!(missing("3.11"), Some(true));
        fs::write(package.join("__pycache__/__init__.cpython-311.opt-1.pyc"), "").unwrap();
        assert_eq!(missing("3.11"), None);
        assert_eq!(missing(""), None, "of an unknown version any will do");
        assert_eq!(missing("3.12"), Some(true));
        assert_eq!(missing("3.1"), Some(true));
        assert_eq!(missing("2.7"), Some(true));
        fs::write(package.join("__init__.pyc"), "").unwrap();
        assert_eq!(missing("2.7"), None);
    }

    #[test]
    fn what_is_installed_beside_its_program_is_found_though_nothing_of_it_is_mapped() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("usr/local/bin/python3.13", ""),
            ("usr/local/lib/python3.13/site-packages/peewee.py", ""),
            ("usr/bin/python3.13", ""),
            ("usr/lib/python3/dist-packages/sqlalchemy/__init__.py", ""),
            ("usr/local/lib/python3.13/dist-packages/pony/__init__.py", ""),
            ("srv/app/main.py", "import peewee\nimport sqlalchemy\nimport pony.orm\n"),
        ] {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), text).unwrap();
        }
        let files = Files { root: dir.path().to_owned(), version: "3.13", uid: 0 };
        // As containers call it, whether of Python's own images or of Debian's.
        for (exe, found) in
            [("/usr/local/bin/python3.13", &["peewee"][..]), ("/usr/bin/python3.13", &["pony", "sqlalchemy"])]
        {
            let process = Process {
                exe: Some(exe.into()),
                arguments: ["python3", "main.py"].map(str::to_owned).to_vec(),
                ..Process::default()
            };
            assert_eq!(files.orms(&process, &[], Some(Path::new("/srv/app"))), found, "{exe}");
        }
    }

    #[test]
    fn the_root_of_a_container_may_write_there_whoever_that_is_here() {
        let uid_map = IdMap::read("0 1000 1\n1 100000 65536\n");
        let process = |uid: u32| Process { uid, uid_map: uid_map.clone(), ..Process::default() };
        assert_eq!((writer(&process(1000)), writer(&process(101_499))), (0, 101_499));
        assert_eq!(writer(&Process { uid: 33, ..Process::default() }), 33);
    }

    #[test]
    fn a_pipe_or_a_link_among_the_sources_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&dir.path().join("a.py"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::write(dir.path().join("b.py"), "import peewee").unwrap();
        std::os::unix::fs::symlink(dir.path().join("b.py"), dir.path().join("c.py")).unwrap();
        let dir = dir.path().to_owned();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(["a.py", "b.py", "c.py"].map(|name| read(&dir.join(name)))));
        let read = told.recv_timeout(std::time::Duration::from_secs(10)).expect("it waits at the pipe");
        assert_eq!(read, [None, Some("import peewee".to_owned()), None]);
    }

    #[test]
    fn sources_are_searched_without_what_is_not_the_services_own() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in
            [("a.py", ""), ("app/b.py", ""), ("venv/c.py", ""), ("env/pyvenv.cfg", ""), ("env/d.py", "")]
        {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), text).unwrap();
        }
        let mut files = Vec::new();
        python_files(dir.path(), DEPTH, &mut files);
        let names: Vec<_> =
            files.iter().map(|file| file.strip_prefix(dir.path()).unwrap().display().to_string()).collect();
        assert_eq!(names, ["a.py", "app/b.py"]);
    }
}

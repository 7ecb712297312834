//! How the interpreter of a service is called anew: the file by which it finds its packages, whose rights it gets, and what
//! of its environment it needs. Says why where that can't be. Starts nothing.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::audit::{libraries, program};
use crate::limits;
use crate::sys::proc;
use crate::sys::processes::memory::Mapped;
use crate::sys::processes::{self, Process};
use crate::sys::spawn::DEFAULT_PATH;
use crate::sys::users::{self, Identity};

/// What of a service's environment decides where packages are found and how they are loaded. No secret has such a name.
const TAKEN: [&str; 11] = [
    "HOME",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONMALLOC",
    "PYTHONNOUSERSITE",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "PYTHON_LAZY_IMPORTS",
    "VIRTUAL_ENV",
];

/// The first version of CPython whose imports can be weighed.
const OLDEST: u32 = 9;

const LENT: &str = "a set-user-ID or set-group-ID program gave it its rights, and somebody else its words";

const GONE: &str = "it has ended meanwhile";

/// An interpreter, ready to be called.
#[derive(Debug)]
pub(super) struct Interpreter {
    /// Its file, by the name that leads to its packages.
    pub(super) program: String,
    /// The rights of the service.
    pub(super) identity: Identity,
    /// The name of that user.
    pub(super) user: String,
    /// Its environment, nothing of ours in it.
    pub(super) environment: Vec<(String, String)>,
}

/// That of a process whose Python has this version, as far as that is known.
///
/// # Errors
/// Why it can't be called, as the end of a sentence.
pub(super) fn of(process: &Process, version: &str, mapped: &[Mapped]) -> Result<Interpreter, String> {
    let exe = process.exe.as_deref().ok_or("its program can't be seen")?;
    let name = exe.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.starts_with("python") {
        return Err(format!("{name} is no interpreter that could be called anew"));
    }
    let is_young = |minor: &str| minor.parse::<u32>().unwrap_or(OLDEST) >= OLDEST;
    if !version.is_empty() && !version.strip_prefix("3.").is_some_and(is_young) {
        return Err(format!("imports are weighed from Python 3.{OLDEST} on, and it runs on {version}"));
    }
    let at = |what: &str| PathBuf::from(format!("/proc/{}/{what}", process.pid));
    let inode = |path: &Path| inode(path).ok_or_else(|| GONE.to_owned());
    if inode(&at("root/"))? != inode(Path::new("/"))? {
        return Err(
            "it has a file system of its own, as in a container: `ebb measure --imports` in there tells"
                .into(),
        );
    }
    if process.caller_uid != process.uid {
        return Err(LENT.to_owned());
    }
    let identity = processes::identity_of(process.pid).map_err(|e| match e.kind() {
        io::ErrorKind::PermissionDenied => LENT.to_owned(),
        _ => GONE.to_owned(),
    })?;
    let given = processes::variables(process.pid, &TAKEN);
    let value = |name: &str| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let its_own = inode(&at("exe"))?;
    let is_its_own = |path: &PathBuf| inode(path).as_ref() == Ok(&its_own);
    let candidates = names(process, mapped, &value);
    let program = candidates.into_iter().find(is_its_own).ok_or_else(|| {
        format!("{} is not the program any more that it was started from: start it anew first", exe.display())
    })?;
    let environment = environment(process, &value);
    // A process can execute a program that has other rights, or end, and its number be another's.
    let is_still_it = proc::pid_start_ticks(process.pid).ok() == Some(process.start_ticks)
        && identity.uid == process.uid
        && processes::identity_of(process.pid).ok().as_ref() == Some(&identity);
    if !is_still_it {
        return Err("it has become another process meanwhile".to_owned());
    }
    let places = places(&program, version, &environment);
    let mut links = limits::AUDIT_LINKS_MAX;
    if let Some(place) = places.iter().find_map(|place| others(place, identity.uid, &mut links)) {
        let place = place.display();
        return Err(format!("others may write to {place}: nothing of theirs is run with its rights"));
    }
    if let Some(place) = places.iter().find(|place| !is_seen_by(process.pid, place)) {
        return Err(format!("its {} is not this host's: it has a file system of its own", place.display()));
    }
    if identity.uid == 0 && !processes::has_our_bounds(process.pid) {
        return Err(
            "it is a root with bounds (capabilities, system calls), which its imports would not have".into(),
        );
    }
    let program = program.into_os_string().into_string().map_err(|_| "its path is no UTF-8")?;
    let user = users::name_of(identity.uid).unwrap_or_else(|| identity.uid.to_string());
    Ok(Interpreter { program, identity, user, environment })
}

/// What its file may be called, the best first: by its name in a virtual environment an interpreter finds that.
fn names<'a>(process: &Process, mapped: &[Mapped], value: &impl Fn(&str) -> Option<&'a str>) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let called = process.arguments.first().map(Path::new).filter(|_| !program::is_title(&process.arguments));
    let cwd = process.cwd.as_deref().unwrap_or(Path::new("/"));
    match called {
        Some(called) if called.as_os_str().as_encoded_bytes().contains(&b'/') => names.push(cwd.join(called)),
        Some(called) => {
            names.extend(value("VIRTUAL_ENV").map(|dir| Path::new(dir).join("bin").join(called)));
            names.extend(
                value("PATH")
                    .into_iter()
                    .flat_map(|path| path.split(':'))
                    .map(|dir| Path::new(dir).join(called)),
            );
        }
        None => {}
    }
    let installed = mapped.iter().filter_map(|file| libraries::installed_in(file.path.to_str()?));
    // `/venv/lib/python3.11/site-packages` is that of `/venv/bin/python`.
    names.extend(installed.filter_map(|dir| Some(Path::new(dir).ancestors().nth(3)?.join("bin/python"))));
    names.extend(process.exe.clone());
    names.retain(|name| name.is_absolute());
    names
}

fn environment<'a>(process: &Process, value: &impl Fn(&str) -> Option<&'a str>) -> Vec<(String, String)> {
    // Nothing is written beside packages or at home by who only looks.
    let fixed = [
        ("PATH", DEFAULT_PATH),
        ("LC_ALL", "C.UTF-8"),
        ("HOME", "/nonexistent"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    let mut all: Vec<(String, String)> =
        fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut take =
        |name: &str, value: Option<String>| all.extend(value.map(|value| (name.to_owned(), value)));
    let cwd = process.cwd.as_deref().unwrap_or(Path::new("/"));
    let absolute = |dirs: &str| {
        let dirs = dirs.split(':').map(|dir| cwd.join(dir).display().to_string());
        dirs.collect::<Vec<_>>().join(":")
    };
    let places = |name: &str| value(name).filter(|dirs| !dirs.is_empty()).map(absolute);
    take("LD_LIBRARY_PATH", places("LD_LIBRARY_PATH"));
    if program::has_flag(&process.arguments, 'I') || program::has_flag(&process.arguments, 'E') {
        return all;
    }
    for name in ["PYTHONMALLOC", "PYTHONNOUSERSITE", "PYTHONOPTIMIZE", "PYTHON_LAZY_IMPORTS"] {
        take(name, value(name).map(str::to_owned));
    }
    take("PYTHONHOME", places("PYTHONHOME"));
    take("PYTHONPATH", places("PYTHONPATH"));
    let home = || value("HOME").map(|home| format!("{home}/.local"));
    take("PYTHONUSERBASE", places("PYTHONUSERBASE").or_else(home));
    all
}

/// Where the interpreter comes from, and what it loads by itself.
fn places(program: &Path, version: &str, environment: &[(String, String)]) -> Vec<PathBuf> {
    let mut places = vec![program.to_owned()];
    if let Some(prefix) = program.parent().and_then(Path::parent) {
        places.push(prefix.join(format!("lib/python{version}/site-packages")));
        // Debian's own.
        places.push(prefix.join(format!("local/lib/python{version}/dist-packages")));
        places.push(prefix.join("lib/python3/dist-packages"));
    }
    let leads = ["LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE"];
    let values = environment.iter().filter(|(name, _)| leads.contains(&name.as_str()));
    places.extend(values.flat_map(|(_, value)| value.split([':', ';'])).map(PathBuf::from));
    places
}

/// Where others than root and the service's user can change what is at a path, going by owners and modes on the whole way
/// there. With a place that belongs to others, as to those who install it, a service of theirs gets along, but not one
/// of root's; and nobody with what anybody can make, as below `/tmp`.
/// `links` is how many symbolic links may still be followed.
fn others(path: &Path, uid: u32, links: &mut u32) -> Option<PathBuf> {
    const STICKY: u32 = 0o1000;
    let is_open = |dir: &Path| fs::metadata(dir).is_ok_and(|it| it.mode() & 0o002 != 0);
    path.ancestors().find_map(|at| {
        let parent = at.parent().unwrap_or(at);
        let Ok(it) = fs::symlink_metadata(at) else {
            return is_open(parent).then(|| parent.to_owned());
        };
        let target = it.is_symlink().then(|| fs::read_link(at).ok()).flatten();
        let is_writable = it.mode() & if uid == 0 { 0o022 } else { 0o002 } != 0;
        let is_anybodys = target.is_none() && is_writable && !(it.is_dir() && it.mode() & STICKY != 0);
        let is_strangers = ![0, uid].contains(&it.uid()) && (uid == 0 || is_open(parent));
        if is_anybodys || is_strangers || *links == 0 {
            return Some(at.to_owned());
        }
        let target = parent.join(target?);
        *links -= 1;
        others(&target, uid, links)
    })
}

/// What tells a file from every other one, through links; none where there is none.
fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

/// Whether a process finds there what this one does: it can have mounts of its own.
fn is_seen_by(pid: i32, place: &Path) -> bool {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    inode(place) == inode(&root.join(place.strip_prefix("/").unwrap_or(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(exe: &str, line: &str) -> Process {
        let own = i32::try_from(std::process::id()).unwrap();
        let seen = processes::look(own).unwrap();
        let arguments = line.split(' ').map(str::to_owned).collect();
        Process { exe: Some(exe.into()), arguments, cwd: Some("/srv".into()), ..seen }
    }

    #[test]
    fn what_can_not_be_called_anew_is_told_with_its_reason() {
        let why = |exe: &str, version: &str| of(&process(exe, "x y"), version, &[]).unwrap_err();
        assert!(why("/usr/bin/uwsgi", "3.11").contains("uwsgi is no interpreter"));
        assert!(why("/usr/bin/python3.8", "3.8").contains("from Python 3.9 on, and it runs on 3.8"));
        assert!(why("/usr/bin/python2.7", "2.7").contains("it runs on 2.7"));
        // It runs this test, and no such file.
        assert!(why("/nonexistent/python3.11", "3.11").contains("start it anew first"));
        let borrowed = Process { caller_uid: 12_345, ..process("/usr/bin/python3.11", "x y") };
        assert!(of(&borrowed, "3.11", &[]).unwrap_err().contains("set-user-ID"));
    }

    #[test]
    fn another_process_of_the_number_is_not_called_in_its_name() {
        // A copy of this test by the name of an interpreter is what its process runs.
        let dir = tempfile::tempdir().unwrap();
        let python = dir.path().join("python3.11");
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &python).unwrap();
        let own = process(python.to_str().unwrap(), "x");
        let why = |process: &Process| of(process, "3.11", &[]).err();
        let later = Process { start_ticks: own.start_ticks + 1, ..own.clone() };
        let once_of_another = Process { uid: 12_345, caller_uid: 12_345, ..own.clone() };
        for other in [later, once_of_another] {
            assert!(why(&other).is_some_and(|why| why.contains("another process")), "{:?}", why(&other));
        }
        assert!(!why(&own).is_some_and(|why| why.contains("another process")), "{:?}", why(&own));
    }

    #[test]
    fn an_interpreter_is_called_by_the_name_that_its_environment_has_for_it() {
        let called = |line: &str, variables: &[(&str, &str)]| {
            let value =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            let mapped = Mapped {
                path: "/opt/env/lib/python3.11/site-packages/numpy/a.so".into(),
                ..Mapped::default()
            };
            let names = names(&process("/usr/bin/python3.11", line), &[mapped], &value);
            names.into_iter().map(|name| name.display().to_string()).collect::<Vec<_>>()
        };
        let rest = ["/opt/env/bin/python", "/usr/bin/python3.11"];
        let with = |first: &[&'static str]| [first, &rest].concat();
        assert_eq!(called("/venv/bin/python app.py", &[]), with(&["/venv/bin/python"]));
        assert_eq!(called("venv/bin/python app.py", &[]), with(&["/srv/venv/bin/python"]));
        let path = [("PATH", "/a:rel:/b"), ("VIRTUAL_ENV", "/v")];
        assert_eq!(called("python app.py", &path), with(&["/v/bin/python", "/a/python", "/b/python"]));
        let title = Process {
            arguments: vec!["gunicorn: master [a:b]".to_owned()],
            ..process("/usr/bin/python3.11", "x")
        };
        assert_eq!(names(&title, &[], &|_| None), [PathBuf::from("/usr/bin/python3.11")]);
    }

    #[test]
    fn only_what_decides_about_imports_is_taken_over() {
        let value = |name: &str| match name {
            "PYTHONPATH" => Some("lib::/opt/lib"),
            "LD_LIBRARY_PATH" => Some("so:/opt/so"),
            "PYTHONOPTIMIZE" => Some("2"),
            "HOME" => Some("/home/app"),
            "PATH" => Some("/evil"),
            _ => None,
        };
        let all = environment(&process("/usr/bin/python3", "python3 app.py"), &value);
        let of = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(of("PYTHONPATH"), Some("/srv/lib:/srv/:/opt/lib"));
        assert_eq!(of("LD_LIBRARY_PATH"), Some("/srv/so:/opt/so"));
        assert_eq!((of("PYTHONOPTIMIZE"), of("PYTHONUSERBASE")), (Some("2"), Some("/home/app/.local")));
        assert_eq!(
            (of("PATH"), of("HOME"), of("VIRTUAL_ENV")),
            (Some(DEFAULT_PATH), Some("/nonexistent"), None)
        );
        let alone = environment(&process("/usr/bin/python3", "python3 -I app.py"), &value);
        assert!(!alone.iter().any(|(name, _)| name == "PYTHONPATH"));
    }

    #[test]
    fn what_others_can_change_is_found_on_the_whole_way() {
        use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let own = nix::unistd::geteuid().as_raw();
        let mode = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let is_others = |path: &Path, uid: u32| others(path, uid, &mut { limits::AUDIT_LINKS_MAX }).is_some();
        for (bits, is) in [(0o755, false), (0o757, true), (0o1777, false)] {
            mode(bits);
            assert_eq!(is_others(dir.path(), own), is, "{bits:o}");
        }
        mode(0o775);
        assert_eq!(is_others(dir.path(), own), own == 0, "a group is a part of root's service alone");
        mode(0o1777);
        assert!(is_others(&path("nothing/lib"), own), "anybody can make it");
        mode(0o755);
        assert!(!is_others(&path("nothing/lib"), own));
        symlink(path("loop"), path("loop")).unwrap();
        assert!(is_others(&path("loop"), own));
        symlink(".", path("l")).unwrap();
        let many: PathBuf = std::iter::repeat_n("l", 30).collect();
        assert!(is_others(&dir.path().join(many), own), "each of them leads through those before it");
        if own != 0 {
            return;
        }
        assert!(is_others(Path::new("/tmp/nothing-is-there"), 0));
        fs::create_dir(path("theirs")).unwrap();
        fs::create_dir(path("theirs/roots")).unwrap();
        symlink("theirs/roots", path("link")).unwrap();
        chown(path("theirs"), Some(12_345), None).unwrap();
        assert!(is_others(&path("link"), 0), "they can put another one there");
        assert!(!is_others(&path("link"), 12_345) && !is_others(&path("link"), 54_321));
        mode(0o1777);
        assert!(is_others(&path("link"), 54_321), "it may be somebody else's by now");
    }

    #[test]
    fn all_that_an_interpreter_loads_by_itself_is_looked_at() {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = [
            set("PATH", "/p"),
            set("LD_LIBRARY_PATH", "/a;/b"),
            set("PYTHONPATH", "/c:/d"),
            set("PYTHONUSERBASE", "/e"),
            set("PYTHONHOME", "/f"),
        ];
        let all = places(Path::new("/v/bin/python"), "3.11", &environment);
        let of_prefix = [
            "lib/python3.11/site-packages",
            "local/lib/python3.11/dist-packages",
            "lib/python3/dist-packages",
        ];
        let prefix = of_prefix.map(|place| Path::new("/v").join(place));
        assert_eq!((&all[0], &all[1..4]), (&PathBuf::from("/v/bin/python"), &prefix[..]));
        assert_eq!(all[4..], ["/a", "/b", "/c", "/d", "/e", "/f"].map(PathBuf::from));
    }
}

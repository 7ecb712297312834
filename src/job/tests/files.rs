//! Files and directories: what is read, what is left alone, what is not trusted, and that nothing waits.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::job::{Loaded, Problem, TestHost, load_dir, load_file};
use crate::limits::{JOB_FILE_MAX, JOBS_MAX};

const GOOD: &str = "command = [\"true\"]\n";

/// A directory that can be trusted, whatever the umask.
fn directory() -> TempDir {
    let dir = TempDir::new().unwrap();
    mode(dir.path(), 0o755);
    dir
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Writes a file that can be trusted.
fn write(dir: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    mode(&path, 0o644);
    path
}

fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    load_file(path, &TestHost::default())
}

/// The problems of a file, without its directory's path.
fn told(path: &Path) -> String {
    let problems = load(path).unwrap_err();
    let dir = format!("{}/", path.parent().unwrap().display());
    let lines: Vec<String> = problems.iter().map(|problem| problem.to_string().replace(&dir, "")).collect();
    lines.join("\n")
}

/// What `load_dir` visits: names of good jobs, and the problems of the others.
fn visited(dir: &Path) -> Vec<(String, Result<String, String>)> {
    let mut seen = Vec::new();
    let mut visit = |path: &Path, result: Result<Loaded, Vec<Problem>>| {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let result =
            result.map(|loaded| loaded.definition.name).map_err(|problems| problems[0].message.clone());
        seen.push((file, result));
    };
    load_dir(dir, &TestHost::default(), &mut visit).unwrap();
    seen
}

#[test]
fn a_directory_is_read_in_order_of_name_and_only_job_files_of_it() {
    let dir = directory();
    for name in ["b.toml", "a.toml", "c.toml~", ".d.toml", "e.toml.bak", "#f.toml#", "README"] {
        write(dir.path(), name, GOOD);
    }
    write(dir.path(), "Bad Name.toml", GOOD);
    write(dir.path(), "bad.toml", "comand = 1");
    fs::create_dir(dir.path().join("sub.toml")).unwrap();
    let expected = [
        ("Bad Name.toml", Err("`Bad Name` is not a job's name: it begins with a to z or a digit")),
        ("a.toml", Ok("a")),
        ("b.toml", Ok("b")),
        ("bad.toml", Err("there is no key `comand`")),
        ("sub.toml", Err("this is a directory, not a file")),
    ];
    let expected =
        expected.map(|(file, result)| (file.to_owned(), result.map(str::to_owned).map_err(str::to_owned)));
    assert_eq!(visited(dir.path()), expected);
}

#[test]
fn a_directory_that_is_not_there_is_said_to_be_so() {
    let dir = directory();
    let missing = dir.path().join("jobs.d");
    let problems = load_dir(&missing, &TestHost::default(), &mut |_, _| {}).unwrap_err();
    let expected = format!(
        "{}: the directory of job files can't be read: No such file or directory\nhelp: make it, or name another one",
        missing.display()
    );
    assert_eq!(super::print(&problems).trim_end(), expected);
}

#[test]
fn a_file_with_several_problems_tells_those_of_the_file_before_those_of_its_text() {
    let dir = directory();
    let path = write(dir.path(), "x.toml", "comand = [\"true\"]\ntimeout = 5\n");
    mode(&path, 0o646);
    let expected = "\
x.toml: everybody may write to x.toml, and so have ebbd run anything
help: chmod o-w x.toml
x.toml:1:1: there is no key `comand`
  1 | comand = [\"true\"]
    | ^^^^^^
help: write `command`
x.toml:2:11: `timeout` is a duration in quotes, not a whole number
  2 | timeout = 5
    |           ^
help: write `timeout = \"5s\"`";
    assert_eq!(told(&path), expected);
}

#[test]
fn what_others_may_write_is_not_run() {
    let dir = directory();
    let path = write(dir.path(), "x.toml", GOOD);
    let strange = TestHost { groups: Vec::new(), users: Some(Vec::new()), ..TestHost::default() };
    let problems = |host: &TestHost| load_file(&path, host).err().map_or(0, |problems| problems.len());
    // The file and its directory belong to somebody whom this host does not trust.
    assert_eq!(problems(&strange), 2);
    let family = TestHost { groups: Vec::new(), ..TestHost::default() };
    assert_eq!(problems(&family), 0);
    mode(&path, 0o664);
    assert_eq!(problems(&family), 1);
    mode(dir.path(), 0o777);
    assert_eq!(problems(&family), 3);
    assert_eq!(problems(&TestHost { everyone: true, ..family }), 0);
}

#[test]
fn a_directory_that_others_may_write_is_refused_as_a_whole() {
    let dir = directory();
    write(dir.path(), "x.toml", GOOD);
    mode(dir.path(), 0o757);
    let problems = load_dir(dir.path(), &TestHost::default(), &mut |path, _| panic!("{}", path.display()));
    assert_eq!(problems.unwrap_err().len(), 1);
}

#[test]
fn a_link_is_followed_only_through_directories_that_can_be_trusted() {
    let (dir, open) = (directory(), directory());
    let target = write(dir.path(), "target", GOOD);
    symlink(&target, dir.path().join("direct.toml")).unwrap();
    let middle = open.path().join("middle");
    symlink(&target, &middle).unwrap();
    symlink(&middle, dir.path().join("around.toml")).unwrap();
    symlink("around.toml", dir.path().join("relative.toml")).unwrap();
    assert_eq!(visited(dir.path()).iter().filter(|(_, result)| result.is_ok()).count(), 3);
    mode(open.path(), 0o777);
    let refused: Vec<String> =
        visited(dir.path()).into_iter().filter(|(_, result)| result.is_err()).map(|(file, _)| file).collect();
    assert_eq!(refused, ["around.toml", "relative.toml"]);
}

#[test]
fn what_is_no_file_is_told_at_once() {
    let dir = directory();
    let fifo = dir.path().join("fifo.toml");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let _listener = UnixListener::bind(dir.path().join("socket.toml")).unwrap();
    symlink("/dev/null", dir.path().join("null.toml")).unwrap();
    symlink("nowhere", dir.path().join("dangling.toml")).unwrap();
    symlink("loop.toml", dir.path().join("loop.toml")).unwrap();
    let device = "this is a device, a pipe or a socket, not a file";
    let expected = [
        ("dangling.toml", "the file can't be read: No such file or directory"),
        ("fifo.toml", device),
        ("loop.toml", "the file can't be read: Too many levels of symbolic links"),
        ("null.toml", device),
        ("socket.toml", device),
    ];
    assert_eq!(visited(dir.path()), expected.map(|(file, why)| (file.to_owned(), Err(why.to_owned()))));
}

#[test]
fn job_files_beyond_the_most_are_a_problem_each() {
    let dir = directory();
    for number in 0..=JOBS_MAX {
        symlink("/dev/null", dir.path().join(format!("{number:05}.toml"))).unwrap();
    }
    let seen = visited(dir.path());
    let told = |at: usize| seen[at].1.clone().unwrap_err();
    assert_eq!(seen.len(), JOBS_MAX + 1);
    assert_eq!(told(JOBS_MAX - 1), "this is a device, a pipe or a socket, not a file");
    assert_eq!(told(JOBS_MAX), "this is job file 10001 of its directory, and no more than 10000 are read");
}

#[test]
fn a_file_that_is_too_large_is_not_taken() {
    let dir = directory();
    let limit = usize::try_from(JOB_FILE_MAX).unwrap();
    let fits = format!("{GOOD}#{}", "x".repeat(limit - GOOD.len() - 1));
    assert!(load(&write(dir.path(), "fits.toml", &fits)).is_ok());
    let path = write(dir.path(), "large.toml", fits + "x");
    assert_eq!(told(&path), "large.toml: the file is larger than 64K, which is the most for a job file");
}

#[test]
fn a_byte_that_is_not_utf_8_is_named_with_its_place() {
    let dir = directory();
    let latin1 = write(dir.path(), "latin1.toml", b"command = [\"true\"]\ndescription = \"f\xfcr\"\n");
    let expected = "\
latin1.toml:2:17: the byte 0xFC is not UTF-8
  2 | description = \"f\u{fffd}r\"
    |                 ^
help: save the file as UTF-8";
    assert_eq!(told(&latin1), expected);
    let utf16 = write(dir.path(), "utf16.toml", b"\xff\xfec\0o\0");
    assert!(told(&utf16).ends_with("help: the file is UTF-16: save it as UTF-8"), "{}", told(&utf16));
}

#[test]
fn a_stamp_tells_a_touched_file_from_a_changed_one() {
    let dir = directory();
    let path = write(dir.path(), "x.toml", GOOD);
    let first = load(&path).unwrap();
    assert_eq!(first.text, GOOD);
    assert!(first.stamp.is_untouched(&fs::metadata(&path).unwrap()));
    assert_eq!(load(&path).unwrap().stamp, first.stamp);

    fs::remove_file(&path).unwrap();
    let elsewhere = write(dir.path(), "y", GOOD);
    fs::rename(elsewhere, &path).unwrap();
    fs::File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let touched = load(&path).unwrap();
    assert!(!first.stamp.is_untouched(&fs::metadata(&path).unwrap()));
    assert_eq!(touched.stamp.content, first.stamp.content);

    write(dir.path(), "x.toml", "command = [\"false\"]\n");
    assert_ne!(load(&path).unwrap().stamp.content, first.stamp.content);
}

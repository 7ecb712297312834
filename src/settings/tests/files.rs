//! Settings files: what is read, what need not be there, and that nothing waits.

use std::fs;

use super::print;
use crate::limits::SETTINGS_FILE_MAX;
use crate::settings::{FileRead, read_file};

#[test]
fn a_file_that_was_not_named_need_not_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ebbd.toml");
    assert_eq!(read_file(&path, false, None).unwrap(), FileRead::default());
    let problems = print(&read_file(&path, true, None).unwrap_err());
    let told = format!("{}: the file can't be read: No such file or directory\n", path.display());
    assert_eq!(problems, told);
}

#[test]
fn every_problem_of_a_file_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ebbd.toml");
    fs::write(&path, "jbos = 1\nlog = \"loud\"\n").unwrap();
    let places: Vec<_> = read_file(&path, false, None)
        .unwrap_err()
        .iter()
        .map(|problem| problem.place.as_ref().map(|place| (place.line, place.col)))
        .collect();
    assert_eq!(places, [Some((1, 1)), Some((2, 8))]);
}

#[test]
fn what_is_no_text_is_refused_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str| print(&read_file(&dir.path().join(name), true, None).unwrap_err());
    fs::write(dir.path().join("large"), vec![b'#'; usize::try_from(SETTINGS_FILE_MAX).unwrap() + 1]).unwrap();
    assert!(refused("large").contains("larger than 64K"), "{}", refused("large"));
    fs::write(dir.path().join("latin1"), b"group = \"f\xfcr\"\n").unwrap();
    assert!(refused("latin1").contains("latin1:1:11: the byte 0xFC is not UTF-8"), "{}", refused("latin1"));
    fs::create_dir(dir.path().join("dir")).unwrap();
    assert!(refused("dir").contains("Is a directory"), "{}", refused("dir"));
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(read_file(&fifo, true, None).is_ok_and(|read| read.is_there), "nobody writes to it");
}

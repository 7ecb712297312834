//! Disks that are full or can't be written, for real: a small tmpfs where we may mount one.

use std::io::ErrorKind;
use std::process::Command;

use super::*;
use crate::journal::Error;

/// A file system of our own, gone with this.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// `None`, and a word on the terminal, where this user may not mount.
    fn mount(test: &str, kib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={kib}k,mode=0750");
        if mount(&["-t", "tmpfs", "-o", &size, "ebb-test"], dir.path()) {
            return Some(Self(dir));
        }
        println!("skipped: {test}: needs the right to mount a tmpfs");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a child that another test has just forked may still have a file of ours open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn mount(args: &[&str], on: &Path) -> bool {
    let output = Command::new("mount").args(args).arg(on).output();
    output.is_ok_and(|output| output.status.success())
}

/// A record that takes some room.
fn bulky(n: i64) -> Record {
    Record { at: NOW, event: Event::Paused { job: format!("{n}-{}", "x".repeat(1500)) } }
}

/// Appends until the disk is full.
fn fill(writer: &mut Writer, written: &mut Vec<Record>) {
    loop {
        let record = bulky(written.len().try_into().unwrap());
        match writer.append(&record) {
            Ok(()) => written.push(record),
            Err(e) => return assert_eq!(e.kind(), ErrorKind::StorageFull, "{e}"),
        }
    }
}

#[test]
fn a_full_disk_refuses_a_record_and_keeps_every_other() {
    let test = "a_full_disk_refuses_a_record_and_keeps_every_other";
    let Some(disk) = Tmpfs::mount(test, 256) else { return };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, [1; 50_000]).unwrap();
    let (mut writer, _) = Writer::open(disk.path(), NOW).unwrap();
    let mut written = vec![opened_record()];
    append(&mut writer, &written);
    fill(&mut writer, &mut written);
    writer.sync().unwrap();
    assert_eq!(read(disk.path()), (written.clone(), vec![]), "nothing torn while it is full");
    std::fs::remove_file(ballast).unwrap();
    let had = written.len();
    fill(&mut writer, &mut written);
    assert!(written.len() > had);
    drop(writer);
    assert_eq!(start(disk.path()), (written, vec![]));
}

#[test]
fn a_rotation_on_a_full_disk_fails_and_the_journal_goes_on() {
    let test = "a_rotation_on_a_full_disk_fails_and_the_journal_goes_on";
    let Some(disk) = Tmpfs::mount(test, 256) else { return };
    let (mut writer, _) = Writer::open(disk.path(), NOW).unwrap();
    let mut written = vec![opened_record()];
    append(&mut writer, &written);
    fill(&mut writer, &mut written);
    let error = writer.rotate(NOW, written.clone().into_iter()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(files(disk.path()), ["journal.jsonl", "lock"]);
    writer.sync().unwrap();
    drop(writer);
    assert_eq!(start(disk.path()), (written, vec![]));
}

#[test]
fn a_torn_end_on_a_full_disk_is_cut_off_all_the_same() {
    let test = "a_torn_end_on_a_full_disk_is_cut_off_all_the_same";
    let Some(disk) = Tmpfs::mount(test, 256) else { return };
    let torn = [serde_json::to_vec(&opened_record()).unwrap(), b"\n".to_vec(), vec![b'x'; 200_000]].concat();
    std::fs::write(live(disk.path()), torn).unwrap();
    let (records, warnings) = start(disk.path());
    assert_eq!(records, [opened_record()]);
    assert!(matches!(&warnings[..], [Warning::TornEnd { bytes: 200_000, kept: Err(_) }]), "{warnings:?}");
    assert_eq!(files(disk.path()), ["journal.jsonl", "lock"]);
}

#[test]
fn a_read_only_state_directory_is_refused_with_the_reason() {
    let test = "a_read_only_state_directory_is_refused_with_the_reason";
    let Some(disk) = Tmpfs::mount(test, 64) else { return };
    assert!(mount(&["-o", "remount,ro"], disk.path()));
    let error = Writer::open(disk.path(), NOW).unwrap_err();
    assert!(matches!(&error, Error::Io { source, .. } if source.kind() == ErrorKind::ReadOnlyFilesystem));
    let text = error.to_string();
    assert!(text.starts_with("cannot open the lock ") && text.contains("--state"), "{text}");
    assert!(!text.contains("ReadOnly"), "no Debug output: {text}");
}

#[test]
fn a_state_directory_of_somebody_else_is_refused_with_the_reason() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o555)).unwrap();
    match Writer::open(dir.path(), NOW) {
        Ok(_) => println!(
            "skipped: a_state_directory_of_somebody_else_is_refused_with_the_reason: root may write anywhere"
        ),
        Err(error) => assert!(error.to_string().contains("must belong to the user"), "{error}"),
    }
}

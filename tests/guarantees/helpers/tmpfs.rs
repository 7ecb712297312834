//! A file system of a few hundred kB that a test can fill. Needs root.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Ebbd, skip, skips_without_root};

/// A mounted tmpfs; dropped, it is gone. It has to outlive the ebbd that works on it.
pub(crate) struct Tmpfs {
    dir: tempfile::TempDir,
}

impl Tmpfs {
    /// Mounts one of so many kB; none where that is not possible here.
    pub(crate) fn mount(kib: u32) -> Option<Self> {
        let dir = tempfile::Builder::new().prefix("ebb-test-disk-").tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k,mode=0755"), "ebb-test"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self { dir })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes all the room that is left; whoever removes the file gives it back.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.dir.path().join("filler");
        let mut file = File::create(&path).unwrap();
        let block = [b'x'; 4096];
        // First by blocks, then to the last byte.
        while file.write(&block).is_ok_and(|count| count > 0) {}
        while file.write(&block[..1]).is_ok_and(|count| count > 0) {}
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

/// An ebbd whose state lies on a small disk; none where none can be had.
pub(crate) fn on_small_disk(test: &str) -> Option<(Tmpfs, Ebbd)> {
    if skips_without_root(test) {
        return None;
    }
    let Some(disk) = Tmpfs::mount(1024) else {
        skip(test, "no tmpfs can be mounted here");
        return None;
    };
    let ebbd = Ebbd::prepare(&[]);
    std::os::unix::fs::symlink(disk.path(), ebbd.path("state")).unwrap();
    Some((disk, ebbd))
}

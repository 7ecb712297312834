//! How much processes stand still for want of memory, as the kernel measures it (Documentation/accounting/psi.rst).
//! Knows nothing of who is to blame.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use super::raw::because;
use crate::limits;

/// The share of the last ten seconds in which some process stood still for memory, in hundredths of a percent. `None`: the
/// kernel does not measure it (CONFIG_PSI, `psi=1`).
#[must_use]
pub fn stalled() -> Option<u32> {
    stalled_below(Path::new("/"))
}

/// The same with another root directory, for tests.
fn stalled_below(root: &Path) -> Option<u32> {
    parse(&std::fs::read_to_string(root.join(FILE)).ok()?)
}

/// Below the root directory.
const FILE: &str = "proc/pressure/memory";

/// A descriptor that reports by POLLPRI, once a window at most, that some process stood still for memory for `percent` of
/// it. Nothing wakes anybody meanwhile; closed, the watch is over.
///
/// # Errors
/// The kernel measures nothing, or this process may not ask for it: the error says which.
pub fn trigger(percent: u8) -> io::Result<OwnedFd> {
    trigger_below(Path::new("/"), percent)
}

/// The same with another root directory, for tests.
fn trigger_below(root: &Path, percent: u8) -> io::Result<OwnedFd> {
    let path = root.join(FILE);
    let refused = |e: &io::Error| because(e, format_args!("cannot watch {}{}", path.display(), hint(e)));
    let mut file = File::options().read(true).write(true).open(&path).map_err(|e| refused(&e))?;
    let mut result = Ok(());
    for window_us in limits::PRESSURE_WINDOWS_US {
        let stall_us = window_us / 100 * u32::from(percent.clamp(1, 100));
        // The kernel takes the last byte for the end of the text.
        result = file.write_all(format!("some {stall_us} {window_us}\0").as_bytes());
        // A window that it does not take from this process.
        if !result.as_ref().is_err_and(|e| e.raw_os_error() == Some(libc::EINVAL)) {
            break;
        }
    }
    result.map_err(|e| refused(&e))?;
    Ok(file.into())
}

/// What a person can do about it, in brackets.
fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::EOPNOTSUPP) => {
            " (this kernel does not measure pressure: it needs CONFIG_PSI, and some need `psi=1` on their command line)"
        }
        Some(libc::EPERM | libc::EACCES) => {
            " (before Linux 6.4 that needs CAP_SYS_RESOURCE: run ebbd as root)"
        }
        Some(libc::EROFS) => " (it is mounted read-only, as in containers)",
        Some(libc::EINVAL) => " (the kernel takes no such window)",
        _ => "",
    }
}

fn parse(text: &str) -> Option<u32> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent = some.split_ascii_whitespace().find_map(|field| field.strip_prefix("avg10="))?;
    let (whole, hundredths) = percent.split_once('.')?;
    if hundredths.len() != 2 {
        return None;
    }
    let (whole, hundredths): (u32, u32) = (whole.parse().ok()?, hundredths.parse().ok()?);
    whole.checked_mul(100)?.checked_add(hundredths)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;
    use crate::sys::cgroup::LeafLimits;
    use crate::sys::testing::{LONG, end, holds_within, ladder, run_id, shell, skip, start};

    #[test]
    fn the_share_is_read_to_the_hundredth() {
        let text = "some avg10=12.05 avg60=3.00 avg300=0.10 total=16526\n\
                    full avg10=7.00 avg60=0.00 avg300=0.00 total=890\n";
        assert_eq!(parse(text), Some(1205));
        assert_eq!(parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"), Some(0));
        assert_eq!(parse("some avg10=100.00 avg60=0.00\n"), Some(10_000));
    }

    #[test]
    fn what_is_odd_or_missing_is_unknown() {
        for text in [
            "",
            "some",
            "some avg60=1.00",
            "some avg10=",
            "some avg10=1",
            "some avg10=1.5",
            "some avg10=-1.00",
            "some avg10=99999999999.00",
            "some avg10=42949673.00",
            "full avg10=1.00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(stalled_below(tempfile::tempdir().unwrap().path()), None);
    }

    #[test]
    fn a_kernel_that_measures_nothing_is_named_with_what_to_do() {
        let error = trigger_below(tempfile::tempdir().unwrap().path(), 15).unwrap_err().to_string();
        assert!(error.contains("proc/pressure/memory (this kernel does not measure pressure"), "{error}");
    }

    /// What is written for a share, where everything is taken.
    fn asked(percent: u8) -> String {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("proc/pressure")).unwrap();
        std::fs::write(root.path().join(FILE), "").unwrap();
        drop(trigger_below(root.path(), percent).unwrap());
        std::fs::read_to_string(root.path().join(FILE)).unwrap()
    }

    #[test]
    fn a_share_is_asked_for_as_microseconds_of_a_second() {
        assert_eq!(asked(15), "some 150000 1000000\0");
        assert_eq!(asked(100), "some 1000000 1000000\0");
        assert_eq!((asked(0), asked(255)), (asked(1), asked(100)), "the kernel takes no other");
    }

    /// A child that writes more than its control group has room for, and so stands still again and again.
    #[test]
    fn the_kernel_wakes_the_watch_when_a_process_stands_still_for_memory() {
        const NAME: &str = "the_kernel_wakes_the_watch_when_a_process_stands_still_for_memory";
        let Some(ladder) = ladder(NAME) else { return };
        let limits = LeafLimits { memory_max: Some(8 << 20), ..LeafLimits::default() };
        let watch = match trigger(1) {
            Ok(watch) if ladder.0.beyond(&limits).is_empty() => watch,
            Ok(_) => return skip(NAME, &"no cgroup here holds memory"),
            Err(e) => return skip(NAME, &e),
        };
        // On a disk: what lies in memory alone can't go.
        let exe = std::env::current_exe().unwrap();
        let file = tempfile::NamedTempFile::new_in(exe.parent().unwrap()).unwrap();
        let line = format!("while head -c 64M /dev/zero >'{}'; do :; done", file.path().display());
        let leaf = ladder.0.leaf(run_id(), &limits, true).unwrap().unwrap();
        let child = start(&shell(&line), Some(&leaf));
        let mut looked_at = [PollFd::new(watch.as_fd(), PollFlags::POLLPRI)];
        let ready = poll(&mut looked_at, PollTimeout::from(LONG)).unwrap();
        let said = looked_at[0].revents().unwrap();
        assert!(holds_within(LONG, || leaf.kill_all().unwrap()));
        end(&child);
        assert!(holds_within(LONG, || leaf.remove().is_ok()));
        assert_eq!((ready, said), (1, PollFlags::POLLPRI));
        assert!(stalled().is_some());
    }
}

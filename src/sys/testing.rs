//! Helpers of this module's tests: waiting on conditions to a deadline, and saying by name what could not be tested.
//! Compiled for tests alone.

use std::fmt::Display;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Whether `fd` becomes readable (or reports an error) within `ms` milliseconds.
pub(crate) fn readable_within(fd: BorrowedFd<'_>, ms: u16) -> bool {
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(ms)).unwrap() > 0
}

/// Waits until `condition` holds, at most `ms` milliseconds.
pub(crate) fn holds_within(ms: u64, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_millis(ms);
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Says that a test could not run here, and why.
pub(crate) fn skip(test: &str, reason: &dyn Display) {
    eprintln!("SKIPPED {test}: {reason}");
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

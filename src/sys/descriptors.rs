//! How many descriptors this process may have open: raised at its start, given back to the programs that it starts.
//! Knows nothing of what they are used for.

use std::os::fd::AsRawFd;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::raw;

/// Soft and hard limit as this process was started with.
static ORIGINAL: OnceLock<(u64, u64)> = OnceLock::new();

/// Raises the soft limit of open descriptors (getrlimit(2), RLIMIT_NOFILE) to the hard one, but to no more than `most`.
/// Where that is refused, all stays as it was.
pub fn raise(most: u64) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let (soft, hard) = *ORIGINAL.get_or_init(|| (soft, hard));
    let wanted = hard.min(most);
    if wanted > soft {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard);
    }
}

/// Undoes [`raise`], for a program that takes this process's place and looks for the limit anew. What is open stays open.
pub fn restore() {
    if let Some((soft, hard)) = original() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
    }
}

/// Soft and hard limit as this process was started with, where [`raise`] was called: what programs get that it starts.
#[must_use]
pub fn original() -> Option<(u64, u64)> {
    ORIGINAL.get().copied()
}

/// How many descriptors this process may open; `None` where that is not known.
#[must_use]
pub fn limit() -> Option<usize> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// Whether more than `reserve` descriptors are left; where there are hardly any at all, whether more than a fourth are. The
/// kernel gives out the lowest number that is free, so that of a new descriptor says so.
#[must_use]
pub fn has_more_than(reserve: usize) -> bool {
    let Some(limit) = limit() else { return true };
    // SAFETY: the call takes two integers and touches no memory of ours.
    let new = raw::own_fd(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) }.into());
    let number = new.map(|fd| usize::try_from(fd.as_raw_fd()).unwrap_or(usize::MAX));
    number.is_ok_and(|number| number.saturating_add(reserve.min(limit / 4)) < limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::alone;

    #[test]
    fn the_limit_is_raised_up_to_a_bound_and_what_it_was_is_known() {
        if !alone("sys::descriptors::tests::the_limit_is_raised_up_to_a_bound_and_what_it_was_is_known") {
            return;
        }
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert!(hard >= 400, "{hard}");
        setrlimit(Resource::RLIMIT_NOFILE, 100, 400).unwrap();
        raise(300);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (300, 400));
        assert_eq!(original(), Some((100, 400)));
        raise(4000);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (400, 400));
        restore();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (100, 400));
        assert_eq!(original(), Some((100, 400)));
    }

    #[test]
    fn the_last_descriptors_are_told_from_the_first() {
        if !alone("sys::descriptors::tests::the_last_descriptors_are_told_from_the_first") {
            return;
        }
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        assert!(has_more_than(10));
        let mut held = Vec::new();
        while let Ok(copy) = null.try_clone() {
            held.push(copy);
        }
        assert!(!has_more_than(0));
        held.truncate(held.len() - 11);
        assert!(has_more_than(10));
        held.push(null.try_clone().unwrap());
        assert!(!has_more_than(10));
    }
}

//! Signals that ebbd, or a carrier of output, must not die of. What it listens for is `daemon::signals`' business.

use std::io;

use super::raw;

/// Makes a write beyond RLIMIT_FSIZE an error (EFBIG) instead of the end of this process (setrlimit(2), SIGXFSZ).
/// Runs get the default back, as of every signal.
///
/// # Errors
/// None in practice.
pub fn ignore_file_size_signal() -> io::Result<()> {
    ignore(libc::SIGXFSZ)
}

/// Ignores what asks a process to end: for one that ends by itself once its work is done.
///
/// # Errors
/// None in practice.
pub fn ignore_requests_to_end() -> io::Result<()> {
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT].into_iter().try_for_each(ignore)
}

fn ignore(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: an all-zero sigaction is a valid value of this plain C struct.
    let mut ignore: libc::sigaction = unsafe { std::mem::zeroed() };
    ignore.sa_sigaction = libc::SIG_IGN;
    // SAFETY: `ignore` is a whole sigaction, and no old one is asked for.
    raw::check(unsafe { libc::sigaction(signal, &raw const ignore, std::ptr::null_mut()) }).map(drop)
}

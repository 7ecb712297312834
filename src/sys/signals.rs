//! Signals that ebbd, or a carrier of output, must not die of, and that must not be lost. What it listens for is `daemon::signals`' business.

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

/// Sends a signal to this thread, which is all of ebbd: one that is blocked waits, also across an execve(2).
///
/// # Errors
/// There is no such signal.
pub fn send_to_self(signal: i32) -> io::Result<()> {
    Ok(nix::sys::signal::raise(nix::sys::signal::Signal::try_from(signal)?)?)
}

fn ignore(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: an all-zero sigaction is a valid value of this plain C struct.
    let mut ignore: libc::sigaction = unsafe { std::mem::zeroed() };
    ignore.sa_sigaction = libc::SIG_IGN;
    // SAFETY: `ignore` is a whole sigaction, and no old one is asked for.
    raw::check(unsafe { libc::sigaction(signal, &raw const ignore, std::ptr::null_mut()) }).map(drop)
}

//! Memory: giving back what a burst of work has left behind.

/// Returns freed heap pages to the operating system (malloc_trim(3)). The allocators of other C libraries return them
/// by themselves.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes a number and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

//! Memory: giving back what a burst of work has left behind.

use std::ffi::{c_int, c_void};

/// How far below the current frame the stack is given back, in bytes. The kernel maps 128 KiB of stack below the first
/// frame of a process and keeps 1 MiB below that free of anything else (`stack_guard_gap`, Documentation/admin-guide/
/// kernel-parameters.txt), so nothing but stack can lie within it.
const STACK_BYTES: usize = 256 * 1024;

/// Gives back what lies idle in a process that goes to rest: freed heap, stack below the current frame, and the pages of
/// its own program and libraries. Those stay in the page cache for as long as the kernel likes, and are mapped again where
/// they are needed, some microseconds for each 64 KiB; until then nothing but what is at work is held.
pub fn give_back() {
    trim_heap();
    drop_stack();
    drop_program();
}

/// Returns freed heap pages to the operating system (malloc_trim(3)). The allocators of other C libraries return them
/// by themselves.
fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes a number and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What deep calls have left below this frame. Not inlined, so that nothing of a caller lies below.
#[inline(never)]
fn drop_stack() {
    let here = 0_u8;
    let page = page_size();
    // A page more than rounding takes: for this frame and what it calls.
    let end = ((&raw const here).addr() & !(page - 1)) - page;
    let start = end.saturating_sub(STACK_BYTES);
    // SAFETY: below the stack pointer is no object; see STACK_BYTES for what else could be there.
    unsafe {
        libc::madvise(std::ptr::without_provenance_mut(start), end - start, libc::MADV_DONTNEED);
    }
}

/// Unmaps the pages of what is mapped read-only from the program's file and its libraries'.
fn drop_program() {
    // SAFETY: the callback follows dl_iterate_phdr(3), and takes no data.
    unsafe {
        libc::dl_iterate_phdr(Some(drop_object), std::ptr::null_mut());
    }
}

unsafe extern "C" fn drop_object(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr(3) passes a valid description.
    let info = unsafe { &*info };
    // SAFETY: as many headers as it says.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let page = page_size();
    for header in headers.iter().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_W == 0) {
        let Ok(start) = usize::try_from(info.dlpi_addr + header.p_vaddr) else { continue };
        let Ok(size) = usize::try_from(header.p_memsz) else { continue };
        let end = start + size;
        let start = start & !(page - 1);
        // SAFETY: pages of a file that are mapped read-only hold what the file holds, and are read from it again.
        unsafe {
            libc::madvise(std::ptr::without_provenance_mut(start), end - start, libc::MADV_DONTNEED);
        }
    }
    0
}

/// Bytes of a page, by sysconf(3).
pub(super) fn page_size() -> usize {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| usize::try_from(size).ok()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::os::unix::fs::FileExt;

    use super::*;

    /// 1 MiB of the program that nothing else is at work in.
    static PROGRAM: [u64; 1 << 17] = {
        let mut words = [0; 1 << 17];
        let mut at = 0;
        while at < words.len() {
            words[at] = at as u64;
            at += 1;
        }
        words
    };

    /// How many pages of a range are mapped (bit 63 of each entry, Documentation/admin-guide/mm/pagemap.rst).
    fn mapped(start: usize, bytes: usize) -> usize {
        let pagemap = std::fs::File::open("/proc/self/pagemap").unwrap();
        let first = start / page_size();
        let mut entries = vec![0; bytes / page_size() * 8];
        pagemap.read_exact_at(&mut entries, first as u64 * 8).unwrap();
        entries.chunks(8).filter(|entry| entry[7] & 0x80 != 0).count()
    }

    fn program_sum() -> u64 {
        black_box(&PROGRAM).iter().step_by(page_size() / 8).sum()
    }

    #[test]
    fn the_pages_of_the_program_are_given_back_and_come_again() {
        let range = ((&raw const PROGRAM).addr(), size_of_val(&PROGRAM));
        let sum = program_sum();
        let before = mapped(range.0, range.1);
        assert!(before > 200, "all were read: {before}");
        give_back();
        // Its ends share their pages, and larger pages of the cache, with what is at work.
        let after = mapped(range.0, range.1);
        assert!(after < before / 2, "{after} of {before} are still mapped");
        assert_eq!(program_sum(), sum);
    }

    /// Uses the stack as deep calls do; says where.
    #[inline(never)]
    fn deep() -> usize {
        let frame = black_box([7_u8; 48 * 1024]);
        (&raw const frame).addr()
    }

    #[test]
    fn the_stack_of_calls_that_are_over_is_given_back() {
        let start = deep();
        let range = (start, 32 * 1024);
        assert!(mapped(range.0, range.1) >= 8, "the calls have used it");
        give_back();
        let after = mapped(range.0, range.1);
        assert!(after <= 1, "{after} pages are still mapped");
    }
}

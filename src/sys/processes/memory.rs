//! What a process holds, by the kernel's own account (proc_pid_smaps(5)), and which files are part of it.
//! A look costs the kernel a walk over its pages: about a millisecond for 100 MB.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use crate::sys::raw::because;
use crate::sys::tree::bytes;

/// Bytes of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Resident, pages shared with others counted in full.
    pub rss: u64,
    /// Resident, each shared page divided among its sharers: sums up over processes.
    pub pss: u64,
    /// Resident and nobody else's: what its end would free at once.
    pub uss: u64,
    /// Of no file: heap, stacks, what was written to private mappings.
    pub anon: u64,
    /// Its share of the swap.
    pub swap: u64,
    /// Resident and used since [`clear_referenced`], or ever.
    pub referenced: u64,
}

/// A file of which pages are in memory, all its mappings together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapped {
    /// Its path in the process's own file system.
    pub path: PathBuf,
    /// Bytes of it that are resident.
    pub rss: u64,
    /// Of these, used since [`clear_referenced`], or ever.
    pub referenced: u64,
}

/// Reads `/proc/PID/smaps_rollup`.
///
/// # Errors
/// It has gone, may not be looked at, or has no memory of its own, as kernel threads.
pub fn look(pid: i32) -> io::Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).map_err(|e| because(&e, format_args!("cannot read {path}")))?;
    parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{path} says nothing")))
}

fn parse(text: &str) -> Option<Memory> {
    let of = |key: &str| bytes(text, key).unwrap_or(0);
    let pss = bytes(text, "Pss:")?;
    Some(Memory {
        rss: of("Rss:"),
        pss,
        uss: of("Private_Clean:") + of("Private_Dirty:") + of("Private_Hugetlb:"),
        anon: of("Anonymous:"),
        swap: bytes(text, "SwapPss:").unwrap_or_else(|| of("Swap:")),
        referenced: of("Referenced:"),
    })
}

/// The files that a process has in its memory, in order of their paths; none where it may not be looked at.
#[must_use]
pub fn mapped_files(pid: i32) -> Vec<Mapped> {
    parse_mapped(&super::text(&format!("/proc/{pid}/smaps")).unwrap_or_default())
}

fn parse_mapped(text: &str) -> Vec<Mapped> {
    let mut files: HashMap<&str, Mapped> = HashMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(path) = mapping(line) {
            current = path;
        } else if let Some(path) = current {
            let file = files.entry(path).or_default();
            file.rss += bytes(line, "Rss:").unwrap_or(0);
            file.referenced += bytes(line, "Referenced:").unwrap_or(0);
        }
    }
    let named = |(path, file): (&str, Mapped)| Mapped { path: path.into(), ..file };
    let mut files: Vec<Mapped> = files.into_iter().map(named).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Whether a line begins a mapping, and then of which file: `from-to perms offset dev inode  path`.
fn mapping(line: &str) -> Option<Option<&str>> {
    let (range, rest) = line.split_once(' ')?;
    let (from, to) = range.split_once('-')?;
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex(from) || !is_hex(to) {
        return None;
    }
    let path = rest.find('/').map(|at| rest[at..].trim_end_matches(" (deleted)"));
    Some(path.filter(|path| !path.starts_with("/memfd:") && !path.starts_with("/dev/")))
}

/// Forgets which pages of a process were used, so that [`Memory::referenced`] counts from now on (proc_pid_clear_refs(5)).
/// The one thing here that writes: the kernel's reclaim sees those pages as unused, too, until they are used again.
///
/// # Errors
/// It has gone, or may not be written to.
pub fn clear_referenced(pid: i32) -> io::Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, "1").map_err(|e| because(&e, format_args!("cannot write {path}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_memory_of_its_own_and_its_own_program() {
        let own = i32::try_from(std::process::id()).unwrap();
        let held = std::hint::black_box(vec![7_u8; 8 << 20]);
        let found = look(own).unwrap();
        assert!(found.anon >= 8 << 20 && found.uss >= 8 << 20, "{found:?}");
        assert!(found.uss <= found.pss && found.pss <= found.rss, "{found:?}");
        let exe = std::env::current_exe().unwrap();
        assert!(mapped_files(own).iter().any(|file| file.path == exe && file.rss > 0));
        drop(held);
    }

    #[test]
    fn pages_that_were_not_used_since_they_were_cleared_are_told() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let asleep = || crate::sys::proc::stat(pid).is_ok_and(|stat| stat.state == b'S');
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !asleep() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        let before = look(pid).unwrap();
        clear_referenced(pid).unwrap();
        let after = look(pid).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(before.referenced > 0 && after.referenced < before.referenced, "{before:?} {after:?}");
    }

    #[test]
    fn mappings_of_a_file_are_summed_and_others_left_out() {
        let text = "\
7f00-7f10 r-xp 00000000 08:01 42                         /venv/lib/python3.11/site-packages/numpy/core/a.so
Rss:                 100 kB
Pss:                  50 kB
Referenced:           60 kB
7f10-7f20 rw-p 00010000 08:01 42                         /venv/lib/python3.11/site-packages/numpy/core/a.so
Rss:                  20 kB
Referenced:            0 kB
7f20-7f30 rw-p 00000000 00:00 0                          [heap]
Rss:                 999 kB
7f30-7f40 rw-p 00000000 00:00 0
Rss:                 999 kB
7f40-7f50 rw-s 00000000 00:01 7                          /memfd:x (deleted)
Rss:                 999 kB
7f50-7f60 r--p 00000000 08:01 43                         /srv/with blank.so (deleted)
Rss:                   4 kB
";
        let found: Vec<(String, u64, u64)> = parse_mapped(text)
            .into_iter()
            .map(|file| (file.path.display().to_string(), file.rss >> 10, file.referenced >> 10))
            .collect();
        let numpy = "/venv/lib/python3.11/site-packages/numpy/core/a.so".to_owned();
        assert_eq!(found, [("/srv/with blank.so".to_owned(), 4, 0), (numpy, 120, 60)]);
    }

    #[test]
    fn a_kernel_before_5_5_does_not_say_less_than_it_knows() {
        let old =
            "Rss: 10 kB\nPss:  4 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\nAnonymous: 2 kB\nSwap: 5 kB\n";
        let found = parse(old).unwrap();
        assert_eq!((found.pss >> 10, found.uss >> 10, found.swap >> 10), (4, 3, 5));
        assert_eq!(parse(""), None);
    }
}

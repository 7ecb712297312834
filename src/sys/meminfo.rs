//! The host's memory as the kernel sums it up in `/proc/meminfo` (proc_meminfo(5)). Knows nothing of control groups.

use std::path::Path;

/// What the host has, in bytes; `None` is "not said".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meminfo {
    /// All of it.
    pub total: Option<u64>,
    /// What new processes can have without swapping.
    pub available: Option<u64>,
}

/// As it is now; all unknown where `/proc` can't be read.
#[must_use]
pub fn look() -> Meminfo {
    look_below(Path::new("/"))
}

/// The same with another root directory, for tests.
fn look_below(root: &Path) -> Meminfo {
    parse(&std::fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default())
}

fn parse(text: &str) -> Meminfo {
    let bytes = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
        kib.checked_mul(1024)
    };
    Meminfo { total: bytes("MemTotal"), available: bytes("MemAvailable") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_and_available_are_found_by_their_whole_names() {
        let text = "MemTotal:       24683780 kB\nMemFree:         5226524 kB\nMemAvailable:   17355776 kB\n\
                    HugePages_Total:       0\n";
        let found = parse(text);
        assert_eq!(found, Meminfo { total: Some(24_683_780 << 10), available: Some(17_355_776 << 10) });
    }

    #[test]
    fn what_is_odd_or_missing_is_unknown() {
        for text in [
            "",
            "MemTotal\nMemAvailable",
            "MemTotal: kB\nMemAvailable: -1 kB\n",
            "MemTotal: 1\nMemAvailable: x kB\n",
            "MemTotal: 18446744073709551615 kB\nMemAvailable: 99999999999999999999999 kB\n",
        ] {
            assert_eq!(parse(text), Meminfo::default(), "{text}");
        }
        assert_eq!(look_below(tempfile::tempdir().unwrap().path()), Meminfo::default());
    }

    #[test]
    fn this_host_has_memory() {
        let found = look();
        assert!(found.available.unwrap() < found.total.unwrap(), "{found:?}");
    }
}

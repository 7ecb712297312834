//! The numbers that users and groups have in a process's user namespace (user_namespaces(7)): containers of ordinary users have
//! their own. Knows no names.

/// Ranges of numbers: the first one there, the first one here, how many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdMap(Vec<[u32; 3]>);

impl IdMap {
    /// Reads a `/proc/PID/uid_map` or `gid_map`; lines that are none are left out.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let range = |line: &str| {
            let mut numbers = line.split_ascii_whitespace().map(|number| number.parse().ok());
            Some([numbers.next()??, numbers.next()??, numbers.next()??])
        };
        Self(text.lines().filter_map(range).collect())
    }

    /// The number there of who is `id` here; none where that one has no number there, or nothing was read.
    #[must_use]
    pub fn inside(&self, id: u32) -> Option<u32> {
        self.0.iter().find_map(|[there, here, count]| {
            let at = id.checked_sub(*here).filter(|at| at < count)?;
            there.checked_add(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_itself_is_root_there_and_others_follow() {
        let map = IdMap::read("         0       1000          1\n         1     100000      65536\n");
        for (here, there) in [
            (1000, Some(0)),
            (100_000, Some(1)),
            (101_499, Some(1500)),
            (165_536, None),
            (1001, None),
            (0, None),
        ] {
            assert_eq!(map.inside(here), there, "{here}");
        }
        assert_eq!(IdMap::read("         0          0 4294967295\n").inside(33), Some(33));
        assert_eq!(IdMap::read("x\n0 1\n4294967295 7 9\n").inside(8), None);
        assert_eq!(IdMap::default().inside(0), None);
    }
}

//! Large libraries that a process has loaded and was not seen to use. Which pages are used only `--touch` tells; without
//! it a service that does nothing uses nothing, and of one that works nothing is said.

use std::collections::BTreeMap;

use crate::audit::Service;
use crate::audit::finding::{Evidence, Finding};
use crate::audit::libraries::Library;
use crate::limits;
use crate::words::{AuditRule, Confidence};

use super::Window;

/// Of a library that is not used, no more than this part of its pages is.
const USED_PART: u64 = 50;

pub(super) fn find(service: &Service<'_>, window: Window) -> Option<Finding> {
    let is_idle = service.rests(window.ms, limits::AUDIT_IDLE_MILLI);
    if (!window.is_touched && !is_idle) || service.is_run() {
        return None;
    }
    // Pages of files are shared by those who map them: the most that one has counts, and what any of them uses is used.
    let mut all: BTreeMap<&str, Library> = BTreeMap::new();
    for library in service.members.iter().flat_map(|one| &one.libraries) {
        let known = all
            .entry(&library.name)
            .or_insert_with(|| Library { name: library.name.clone(), ..Library::default() });
        known.bytes = known.bytes.max(library.bytes);
        known.used_bytes = known.used_bytes.max(library.used_bytes);
    }
    let is_unused = |library: &Library| !window.is_touched || library.used_bytes <= library.bytes / USED_PART;
    let mut libraries: Vec<Library> = all
        .into_values()
        .filter(|library| library.bytes >= limits::AUDIT_LIBRARY_MIN && is_unused(library))
        .collect();
    libraries.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    if libraries.is_empty() {
        return None;
    }
    Some(Finding {
        rule: AuditRule::UnusedLibraries,
        confidence: if window.is_touched { window.confidence() } else { Confidence::Low },
        saves_bytes: Some(libraries.iter().map(|library| library.bytes).sum()),
        evidence: Evidence::UnusedLibraries { libraries, is_touched: window.is_touched },
    })
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{MIB, Seen, first};
    use super::*;

    fn found(libraries: &[(&str, u64, u64)], cpu_ms: u64, is_touched: bool) -> Option<Vec<String>> {
        let mut seen = Seen::over(60_000);
        let one = seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100).works_ms(cpu_ms);
        let library = |(name, mib, used): &(&str, u64, u64)| Library {
            name: (*name).to_owned(),
            bytes: mib * MIB,
            used_bytes: used * MIB,
        };
        one.libraries = libraries.iter().map(library).collect();
        let host = seen.host();
        let finding = find(&first(&host), Window { is_touched, ..minute() })?;
        let Evidence::UnusedLibraries { libraries, .. } = finding.evidence else { panic!() };
        Some(libraries.into_iter().map(|library| library.name).collect())
    }

    #[test]
    fn what_is_large_and_not_used_is_named_the_largest_first() {
        let loaded = [("numpy", 24, 12), ("pandas", 30, 0), ("scipy", 60, 1), ("cryptography", 3, 0)];
        assert_eq!(found(&loaded, 9_000, true).unwrap(), ["scipy", "pandas"]);
        assert_eq!(found(&loaded, 0, false).unwrap(), ["scipy", "pandas", "numpy"], "it did nothing");
    }

    #[test]
    fn nothing_is_said_of_what_is_used_or_can_not_be_told() {
        assert_eq!(found(&[("numpy", 24, 12)], 9_000, true), None);
        assert_eq!(found(&[("numpy", 24, 0)], 9_000, false), None, "it works, and nobody looked with what");
        assert_eq!(found(&[], 0, true), None);
    }
}

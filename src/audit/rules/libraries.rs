//! Large libraries that a process has loaded and was not seen to use. Which pages are used only `--touch` tells; without
//! it a service that does nothing uses nothing, and of one that works nothing is said. Where its imports were weighed, each
//! has the cost of its import instead of that of its files alone.

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
    let loaded = loaded(service);
    let is_used = |name: &str| match loaded.get(name) {
        Some(library) if window.is_touched => library.used_bytes > library.bytes / USED_PART,
        // What has no files in memory shows no use of them, so that only rest tells.
        _ => !is_idle,
    };
    let imports = service.imports();
    let on_bill = |name: &str| imports.is_some_and(|it| it.cost(name, |_| true) > 0);
    let mut libraries: Vec<Library> = loaded
        .values()
        .filter(|library| !is_used(&library.name) && !on_bill(&library.name))
        .cloned()
        .collect();
    if let Some(imports) = imports {
        let unused = imports.direct().filter(|package| !is_used(&package.name));
        libraries.extend(unused.map(|package| Library {
            name: package.name.clone(),
            import_bytes: Some(imports.cost(&package.name, |name| !is_used(name))),
            imported_at: imports.places.get(&package.name).cloned(),
            ..loaded.get(package.name.as_str()).cloned().unwrap_or_default()
        }));
    }
    libraries.retain(|library| library.size() >= limits::AUDIT_LIBRARY_MIN);
    libraries.sort_by(|a, b| b.size().cmp(&a.size()).then_with(|| a.name.cmp(&b.name)));
    if libraries.is_empty() {
        return None;
    }
    Some(Finding {
        rule: AuditRule::UnusedLibraries,
        confidence: if window.is_touched { window.confidence() } else { Confidence::Low },
        saves_bytes: Some(libraries.iter().map(Library::size).sum()),
        evidence: Evidence::UnusedLibraries { libraries, is_touched: window.is_touched },
    })
}

/// What is in the memory of any of its processes. Pages of files are shared by those who map them: the most that one has
/// counts, and what any of them uses is used.
fn loaded<'a>(service: &Service<'a>) -> BTreeMap<&'a str, Library> {
    let mut all: BTreeMap<&str, Library> = BTreeMap::new();
    for library in service.members.iter().flat_map(|one| &one.libraries) {
        let known = all
            .entry(&library.name)
            .or_insert_with(|| Library { name: library.name.clone(), ..Library::default() });
        known.bytes = known.bytes.max(library.bytes);
        known.used_bytes = known.used_bytes.max(library.used_bytes);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{MIB, Seen, first};
    use super::*;
    use crate::audit::imports::tests::imports;
    use crate::audit::{Imports, Python};

    fn found(libraries: &[(&str, u64, u64)], cpu_ms: u64, is_touched: bool) -> Option<Vec<String>> {
        let libraries = weighed(libraries, None, cpu_ms, is_touched)?;
        Some(libraries.into_iter().map(|library| library.name).collect())
    }

    fn weighed(
        libraries: &[(&str, u64, u64)],
        imports: Option<Imports>,
        cpu_ms: u64,
        is_touched: bool,
    ) -> Option<Vec<Library>> {
        let mut seen = Seen::over(60_000);
        let one = seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100).works_ms(cpu_ms);
        let library = |(name, mib, used): &(&str, u64, u64)| Library {
            name: (*name).to_owned(),
            bytes: mib * MIB,
            used_bytes: used * MIB,
            ..Library::default()
        };
        one.libraries = libraries.iter().map(library).collect();
        one.python = Some(Python { imports: imports.map(Box::new), ..Python::default() });
        let host = seen.host();
        let finding = find(&first(&host), Window { is_touched, ..minute() })?;
        let Evidence::UnusedLibraries { libraries, .. } = finding.evidence else { panic!() };
        Some(libraries)
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

    #[test]
    fn what_maps_no_files_has_the_cost_of_its_import() {
        let bill = || {
            imports(
                &[("pandas", 37, None), ("numpy", 23, Some("pandas")), ("boto3", 26, None), ("six", 1, None)],
                &["pandas", "boto3", "six"],
            )
        };
        let told = |loaded: &[(&str, u64, u64)], cpu_ms, is_touched| {
            let found = weighed(loaded, Some(bill()), cpu_ms, is_touched).unwrap_or_default();
            found.into_iter().map(|it| (it.size() / MIB, it.name, it.imported_at)).collect::<Vec<_>>()
        };
        let (pandas, boto3) = (Some("app.py:6".to_owned()), Some("app.py:5".to_owned()));
        let loaded = [("pandas", 30, 0), ("numpy", 24, 12), ("scipy", 60, 0)];
        let idle =
            [(60, "pandas".into(), pandas.clone()), (60, "scipy".into(), None), (26, "boto3".into(), boto3)];
        assert_eq!(told(&loaded, 0, false), idle, "numpy is pandas's, scipy is imported elsewhere");
        let working = [(60, "scipy".into(), None), (37, "pandas".into(), pandas)];
        assert_eq!(told(&loaded, 9_000, true), working, "numpy is used; whether boto3 is can't be told");
        assert_eq!(told(&loaded, 9_000, false), []);
    }
}

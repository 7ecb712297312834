//! A Python without bytecode cache compiles its sources anew at each start: cheap for a daemon, not for a job or a worker.

use crate::audit::Service;
use crate::audit::finding::{Evidence, Finding};
use crate::words::{AuditRule, Confidence};

use super::Window;

pub(super) fn find(service: &Service<'_>, _: Window) -> Option<Finding> {
    let pythons = service.members.iter().filter_map(|one| one.python.as_ref());
    let without =
        |it: &&crate::audit::Python| it.cache.forbidden_by.is_some() || !it.cache.missing.is_empty();
    let python = pythons.filter(without).max_by_key(|it| it.cache.missing.len())?;
    let cache = &python.cache;
    // What is missing was loaded without: that is seen. A variable alone may do no harm, where all was compiled before.
    let confidence = if cache.missing.is_empty() { Confidence::Low } else { Confidence::Medium };
    let evidence = Evidence::NoBytecodeCache {
        forbidden_by: cache.forbidden_by.clone(),
        missing: cache.missing.iter().map(|missing| missing.sources.clone()).collect(),
        is_unwritable: cache.missing.iter().any(|missing| !missing.is_writable),
        python: python.version.clone(),
    };
    Some(Finding { rule: AuditRule::NoBytecodeCache, confidence, saves_bytes: None, evidence })
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{Seen, first};
    use super::*;
    use crate::audit::{Cache, CacheMissing, Python};

    fn found(forbidden_by: Option<&str>, missing: &[(&str, bool)]) -> Option<(Confidence, bool)> {
        let mut seen = Seen::over(60_000);
        let one = seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100);
        let missing = missing.iter().map(|(sources, is_writable)| CacheMissing {
            sources: sources.into(),
            is_writable: *is_writable,
        });
        let cache = Cache { forbidden_by: forbidden_by.map(str::to_owned), missing: missing.collect() };
        one.python = Some(Python { cache, ..Python::default() });
        let host = seen.host();
        let finding = find(&first(&host), minute())?;
        let Evidence::NoBytecodeCache { is_unwritable, .. } = finding.evidence else { panic!() };
        Some((finding.confidence, is_unwritable))
    }

    #[test]
    fn what_was_loaded_without_a_cache_counts_more_than_a_variable() {
        assert_eq!(found(Some("PYTHONDONTWRITEBYTECODE"), &[]), Some((Confidence::Low, false)));
        assert_eq!(found(None, &[("/usr/local/lib/python3.11", false)]), Some((Confidence::Medium, true)));
        assert_eq!(found(None, &[]), None);
    }
}

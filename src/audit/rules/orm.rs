//! An object-relational mapper is loaded: a hint that there is a lighter way, never a verdict.

use crate::audit::Service;
use crate::audit::finding::{Evidence, Finding};
use crate::words::{AuditRule, Confidence};

use super::Window;

/// The mappers that are known, by the name of their package, with what an import of the mapper begins with.
pub const ORMS: [(&str, &str); 6] = [
    ("sqlalchemy", "sqlalchemy"),
    ("django", "django.db"),
    ("peewee", "peewee"),
    ("tortoise", "tortoise"),
    ("pony", "pony.orm"),
    ("sqlobject", "sqlobject"),
];

pub(super) fn find(service: &Service<'_>, _: Window) -> Option<Finding> {
    let is_orm = |name: &str| ORMS.iter().any(|(package, _)| *package == name);
    let libraries = service.members.iter().flat_map(|one| &one.libraries);
    let mapped = libraries.filter(|library| is_orm(&library.name)).max_by_key(|library| library.bytes);
    let in_sources = || {
        service.members.iter().filter_map(|one| one.python.as_ref()).find_map(|it| it.orms_in_sources.first())
    };
    let (orm, mapped_bytes, confidence) = match mapped {
        Some(library) => (library.name.clone(), Some(library.bytes), Confidence::Medium),
        None => (in_sources()?.clone(), None, Confidence::Low),
    };
    Some(Finding {
        rule: AuditRule::Orm,
        confidence,
        saves_bytes: None,
        evidence: Evidence::Orm { orm, mapped_bytes },
    })
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{MIB, Seen, first};
    use super::*;
    use crate::audit::Python;
    use crate::audit::libraries::Library;

    fn found(mapped: &[&str], sources: &[&str]) -> Option<(String, Confidence)> {
        let mut seen = Seen::over(60_000);
        let one = seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100);
        let library = |name: &&str| Library { name: (*name).to_owned(), bytes: MIB, used_bytes: 0 };
        one.libraries = mapped.iter().map(library).collect();
        let orms_in_sources = sources.iter().map(|name| (*name).to_owned()).collect();
        one.python = Some(Python { orms_in_sources, ..Python::default() });
        let host = seen.host();
        let finding = find(&first(&host), minute())?;
        let Evidence::Orm { orm, .. } = finding.evidence else { panic!() };
        Some((orm, finding.confidence))
    }

    #[test]
    fn one_that_is_mapped_is_more_than_one_that_sources_name() {
        assert_eq!(found(&["numpy", "sqlalchemy"], &[]), Some(("sqlalchemy".to_owned(), Confidence::Medium)));
        assert_eq!(found(&["numpy"], &["django"]), Some(("django".to_owned(), Confidence::Low)));
        assert_eq!(found(&["numpy", "psycopg2"], &[]), None);
    }
}

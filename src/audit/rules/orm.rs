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
    let in_sources = service
        .members
        .iter()
        .filter_map(|one| one.python.as_ref())
        .flat_map(|it| &it.orms_in_sources)
        .next();
    let imports = service.imports();
    // A package that is more than its mapper, as Django is, may be imported without it.
    let is_whole = |name: &str| ORMS.contains(&(name, name));
    let on_bill = imports
        .and_then(|it| it.bill.packages.iter().find(|package| is_whole(&package.name)))
        .map(|it| &it.name);
    let (orm, mapped_bytes, confidence) = match mapped {
        Some(library) => (&library.name, Some(library.bytes), Confidence::Medium),
        None => match on_bill {
            Some(name) => (name, None, Confidence::Medium),
            None => (in_sources?, None, Confidence::Low),
        },
    };
    let cost =
        imports.map(|it| (it.cost(orm, |_| true), it.bill.imports_bytes)).filter(|(cost, _)| *cost > 0);
    Some(Finding {
        rule: AuditRule::Orm,
        confidence,
        saves_bytes: None,
        evidence: Evidence::Orm {
            orm: orm.clone(),
            mapped_bytes,
            import_bytes: cost.map(|(cost, _)| cost),
            imports_bytes: cost.map(|(_, all)| all),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{MIB, Seen, first};
    use super::*;
    use crate::audit::Python;
    use crate::audit::imports::tests::imports;
    use crate::audit::libraries::Library;

    fn found(mapped: &[&str], sources: &[&str]) -> Option<(String, Confidence)> {
        let mut seen = Seen::over(60_000);
        let one = seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100);
        let library = |name: &&str| Library {
            name: (*name).to_owned(),
            bytes: MIB,
            used_bytes: 0,
            ..Library::default()
        };
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

    #[test]
    fn one_on_the_import_bill_has_its_share() {
        let shares = |packages: &[(&str, u64, Option<&str>)], sources: &[&str]| {
            let mut seen = Seen::over(60_000);
            let one = seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100);
            let orms_in_sources = sources.iter().map(|name| (*name).to_owned()).collect();
            let imports = Some(Box::new(imports(packages, &["flask"])));
            one.python = Some(Python { orms_in_sources, imports, ..Python::default() });
            let host = seen.host();
            let finding = find(&first(&host), minute())?;
            let Evidence::Orm { orm, import_bytes, imports_bytes, .. } = finding.evidence else { panic!() };
            Some((orm, import_bytes? / MIB, imports_bytes? / MIB, finding.confidence))
        };
        let bill =
            [("flask", 10, None), ("sqlalchemy", 18, Some("flask")), ("greenlet", 1, Some("sqlalchemy"))];
        assert_eq!(shares(&bill, &[]), Some(("sqlalchemy".to_owned(), 19, 29, Confidence::Medium)));
        let bill = [("flask", 10, None), ("django", 20, Some("flask"))];
        assert_eq!(shares(&bill, &[]), None, "its mapper need not be in use");
        assert_eq!(shares(&bill, &["django"]), Some(("django".to_owned(), 20, 30, Confidence::Low)));
    }
}

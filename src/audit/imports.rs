//! What the packages cost that a service of Python imports: which they are its sources tell (`sources.py` reads them), what
//! they take an interpreter that imports them anew (`import_all.py`, below `ebb measure --imports`). PURE: runs neither.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::limits;
use crate::measure::{Bill, Package};

use super::Watched;

/// What finds the imports, as a program for the service's interpreter.
pub const SOURCES: &str = include_str!("sources.py");

/// What carries them out.
pub const IMPORT_ALL: &str = include_str!("import_all.py");

/// What stands before an import that failed.
const FAILED: &str = "ebb-import-failed";
/// What [`IMPORT_ALL`] says in the end.
const DONE: &str = "ebb-imports-done";

/// An import of the service's sources that leads to an installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The module, dotted.
    pub module: String,
    /// What is taken of it: attributes or modules below it.
    pub names: Vec<String>,
    /// Where: `app/main.py:12`.
    pub place: String,
}

impl Import {
    /// Reads what [`SOURCES`] has printed. What is no import is passed over; of more than
    /// [`limits::AUDIT_IMPORTS_MAX`] the rest is left out.
    #[must_use]
    pub fn read(text: &str) -> Vec<Self> {
        let import = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
            ["import", module, names, place] if !module.is_empty() => Some(Self {
                module: module.to_owned(),
                names: names.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
                place: cut(place),
            }),
            _ => None,
        };
        text.lines().filter_map(import).take(limits::AUDIT_IMPORTS_MAX).collect()
    }

    /// The package that it leads to.
    #[must_use]
    pub fn package(&self) -> &str {
        self.module.split('.').next().unwrap_or_default()
    }

    /// The argument of [`IMPORT_ALL`] that stands for it.
    #[must_use]
    pub fn word(&self) -> String {
        let mut word = self.module.clone();
        for name in &self.names {
            word.push(' ');
            word.push_str(name);
        }
        word
    }
}

/// An import that could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The module.
    pub module: String,
    /// Python's words for it.
    pub why: String,
}

/// What the imports of a service cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imports {
    /// The process whose interpreter was called anew.
    pub pid: i32,
    /// What that process itself has resident, in bytes.
    pub resident_bytes: u64,
    /// The user whose rights the interpreter had.
    pub user: String,
    /// The bill.
    pub bill: Bill,
    /// Where the sources first import a package, by its name.
    pub places: BTreeMap<String, String>,
    /// What could not be imported.
    pub failed: Vec<Failed>,
}

impl Imports {
    /// Of a process whose user has this name: its bill, and what the interpreter has said on its standard error.
    #[must_use]
    pub fn of(process: &Watched, user: String, imports: &[Import], bill: Bill, stderr: &str) -> Self {
        let failed = stderr.lines().filter_map(|line| {
            let mut fields = line.split('\t');
            let is_one = fields.next() == Some(FAILED);
            let (module, why) = (fields.next()?, fields.next()?);
            is_one.then(|| Failed { module: cut(module), why: cut(why) })
        });
        let mut places = BTreeMap::new();
        for import in imports {
            places.entry(import.package().to_owned()).or_insert_with(|| import.place.clone());
        }
        let (pid, resident_bytes) = (process.process.pid, process.memory.rss);
        Self { pid, resident_bytes, user, places, failed: failed.collect(), bill }
    }

    /// Whether a bill can be true: packages are others' code, and can write what they like on it.
    #[must_use]
    pub fn are_possible(bill: &Bill) -> bool {
        let is_possible = |bytes: &u64| *bytes <= limits::AUDIT_IMPORT_BYTES_MAX;
        let of_package = |it: &Package| {
            it.name.len() <= limits::AUDIT_WHY_MAX
                && [it.memory_bytes, it.anon_bytes, it.own_bytes].iter().all(is_possible)
        };
        [bill.interpreter_bytes, bill.imports_bytes].iter().all(is_possible)
            && bill.packages.iter().all(of_package)
    }

    /// Whether all imports were tried, going by what the interpreter has said on its standard error: a module can end it.
    #[must_use]
    pub fn are_complete(stderr: &str) -> bool {
        stderr.lines().any(|line| line == DONE)
    }

    /// The packages on the bill that the sources import by themselves, in the bill's order.
    pub fn direct(&self) -> impl Iterator<Item = &Package> {
        self.bill.packages.iter().filter(|package| self.places.contains_key(&package.name))
    }

    /// What a package has brought into memory, in bytes: its own, and that of all it was the first to import, but for what
    /// the sources import by themselves, which would come without it. `counts` says of a package's name whether it is
    /// counted. 0 where it is not on the bill.
    #[must_use]
    pub fn cost(&self, name: &str, counts: impl Fn(&str) -> bool) -> u64 {
        let (mut todo, mut brought) = (Vec::new(), HashMap::<&str, Vec<&Package>>::new());
        for package in &self.bill.packages {
            if package.name == name {
                todo.push(package);
            } else if let Some(by) = package.brought_by.as_deref()
                && !self.places.contains_key(&package.name)
            {
                brought.entry(by).or_default().push(package);
            }
        }
        let mut sum = 0;
        while let Some(package) = todo.pop() {
            // Once taken, none is found again: packages can import each other in a ring.
            todo.extend(brought.remove(package.name.as_str()).unwrap_or_default());
            sum += if counts(&package.name) { package.own_bytes } else { 0 };
        }
        sum
    }
}

/// Of what an interpreter says, as much as somebody would read.
fn cut(text: &str) -> String {
    text.chars().take(limits::AUDIT_WHY_MAX).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A bill of packages: name, own MiB, who brought it.
    pub(in crate::audit) fn imports(packages: &[(&str, u64, Option<&str>)], direct: &[&str]) -> Imports {
        let package = |(name, mib, by): &(&str, u64, Option<&str>)| Package {
            name: (*name).to_owned(),
            memory_bytes: mib << 20,
            anon_bytes: 0,
            own_bytes: mib << 20,
            wall_us: 0,
            own_us: 0,
            brought_by: by.map(str::to_owned),
        };
        let sum = |sum: u64, (_, mib, _): &(&str, u64, Option<&str>)| sum.saturating_add(mib << 20);
        let bill = Bill {
            python: "3.11.2".to_owned(),
            command: Vec::new(),
            is_fork: false,
            interpreter_bytes: 9 << 20,
            imports_bytes: packages.iter().fold(0, sum),
            imports_us: 0,
            left_bytes: None,
            packages: packages.iter().map(package).collect(),
        };
        let import = |name: &&str| Import {
            module: (*name).to_owned(),
            names: Vec::new(),
            place: format!("app.py:{}", name.len()),
        };
        Imports::of(
            &Watched::default(),
            String::new(),
            &direct.iter().map(import).collect::<Vec<_>>(),
            bill,
            "",
        )
    }

    #[test]
    fn what_the_sources_print_is_read_and_nonsense_is_passed_over() {
        let text =
            "import\tgoogle.cloud\tstorage kms\tapp/a.py:3\nimport\tsix\t\ta.py:1\nimport\n\nx\ty\tz\t1\n";
        let read = Import::read(text);
        let words: Vec<String> = read.iter().map(Import::word).collect();
        assert_eq!(words, ["google.cloud storage kms", "six"]);
        assert_eq!((read[0].package(), read[0].place.as_str()), ("google", "app/a.py:3"));
        let endless = "import\ta\t\tb.py:1\n".repeat(limits::AUDIT_IMPORTS_MAX + 5);
        assert_eq!(Import::read(&endless).len(), limits::AUDIT_IMPORTS_MAX);
    }

    #[test]
    fn a_package_costs_what_it_brings_and_would_not_come_without_it() {
        let all = imports(
            &[
                ("pandas", 37, None),
                ("numpy", 23, Some("pandas")),
                ("dateutil", 1, Some("pandas")),
                ("six", 2, Some("dateutil")),
            ],
            &["pandas", "numpy"],
        );
        assert_eq!(all.cost("pandas", |_| true) >> 20, 40, "numpy is imported by itself as well");
        assert_eq!(all.cost("pandas", |name| name != "six") >> 20, 38);
        assert_eq!(all.cost("dateutil", |_| true) >> 20, 3);
        assert_eq!(all.cost("scipy", |_| true), 0);
        let names: Vec<&str> = all.direct().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["pandas", "numpy"]);
    }

    #[test]
    fn packages_that_import_each_other_make_no_ring() {
        let all = imports(&[("a", 1, Some("b")), ("b", 2, Some("a")), ("c", 4, Some("c"))], &[]);
        assert_eq!(all.cost("a", |_| true) >> 20, 3);
        assert_eq!(all.cost("x", |_| true), 0);
    }

    #[test]
    fn a_bill_that_nobody_could_run_up_is_none() {
        let (sane, odd) = (imports(&[("a", 1, None)], &[]).bill, imports(&[("a", 1 << 40, None)], &[]).bill);
        assert!(Imports::are_possible(&sane) && !Imports::are_possible(&odd));
        assert!(!Imports::are_possible(&Bill { interpreter_bytes: u64::MAX, ..sane }));
    }

    #[test]
    fn a_long_chain_of_packages_is_gone_through_once() {
        let names: Vec<String> = (0..100_000).map(|at| format!("p{at}")).collect();
        let packages: Vec<(&str, u64, Option<&str>)> = names
            .iter()
            .enumerate()
            .map(|(at, name)| (&**name, 1, at.checked_sub(1).map(|by| &*names[by])))
            .collect();
        assert_eq!(imports(&packages, &[]).cost("p0", |_| true) >> 20, 100_000);
    }

    #[test]
    fn what_failed_is_known_with_its_reason() {
        let stderr =
            "noise\nebb-import-failed\tdjango.db\tImproperlyConfigured: no settings\nebb-import-failed\tx\n";
        let bill = imports(&[], &[]).bill;
        let failed = Imports::of(&Watched::default(), String::new(), &[], bill, stderr).failed;
        assert!(!Imports::are_complete(stderr) && Imports::are_complete(&format!("{stderr}{DONE}\n")));
        assert_eq!(failed.len(), 1);
        assert_eq!(
            (failed[0].module.as_str(), failed[0].why.as_str()),
            ("django.db", "ImproperlyConfigured: no settings")
        );
    }
}

//! The import bill of a process of Python: what each of its packages cost, reckoned from what `imports.py` has written.
//! Knows no file and no process.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Spread;

/// What is put first on PYTHONPATH, as `sitecustomize.py`; it writes lines of fields between tabs.
pub const PROGRAM: &str = include_str!("imports.py");

/// What stands for all modules of the standard library that the program imports itself.
const STANDARD: &str = "(standard library)";

/// What imports have cost in one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// The version of CPython.
    pub python: String,
    /// How the interpreter was called.
    pub command: Vec<String>,
    /// Whether the process was forked from one of Python: what that had imported by then is not on this bill.
    pub is_fork: bool,
    /// Resident memory before the first import of the program, in bytes.
    pub interpreter_bytes: u64,
    /// What all imports have added to it, in bytes.
    pub imports_bytes: u64,
    /// The time that they took, in microseconds.
    pub imports_us: u64,
    /// Anonymous memory that is left at the end and came by none of them, in bytes; `None` where the process did not end by
    /// itself.
    pub left_bytes: Option<u64>,
    /// The top-level packages, the dearest first.
    pub packages: Vec<Package>,
}

/// What a top-level package has cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Resident memory that it has added, with all that it was the first to import, then or when it was used, in bytes.
    pub memory_bytes: u64,
    /// How much of that is anonymous, which no other process can share, in bytes.
    pub anon_bytes: u64,
    /// Its memory without the other packages that it imported; modules of the standard library are its own.
    pub own_bytes: u64,
    /// The time that it took, with all that it was the first to import, in microseconds.
    pub wall_us: u64,
    /// The same without the other packages.
    pub own_us: u64,
    /// The package that imported it first; `None`: the program itself has imported it.
    pub brought_by: Option<String>,
}

/// A line of an import that has ended: signed, since memory can be given back meanwhile.
struct Line<'a> {
    package: &'a str,
    by: &'a str,
    depth: u64,
    is_again: bool,
    /// Resident and anonymous bytes and nanoseconds with all inside of it, then the same without.
    figures: [i64; 6],
}

impl<'a> Line<'a> {
    /// Neither within the import of a package nor by code of one.
    fn is_the_programs(&self) -> bool {
        self.depth == 0 && self.by == STANDARD
    }

    /// By code of a package while none was being imported.
    fn is_late(&self) -> bool {
        self.depth == 0 && self.by != STANDARD
    }

    fn of(fields: &[&'a str]) -> Option<Self> {
        let [package, by, depth, is_again, figures @ ..] = fields else { return None };
        let figures: Vec<i64> = figures.iter().map_while(|field| field.parse().ok()).collect();
        Some(Self {
            package: name(package),
            by: name(by),
            depth: depth.parse().ok()?,
            is_again: *is_again == "1",
            figures: figures.try_into().ok()?,
        })
    }
}

const fn name(written: &str) -> &str {
    if written.is_empty() { STANDARD } else { written }
}

/// What lines of one package add up to.
#[derive(Default)]
struct Sum<'a> {
    figures: [i64; 6],
    by: Option<&'a str>,
    /// Whether `by` is of an import of the package itself, not only of one inside of that.
    is_by_settled: bool,
}

/// What a package imports late it has brought as well, and so have those that have brought it.
fn add_to_those_above(sums: &mut HashMap<&str, Sum<'_>>, line: &Line<'_>) {
    let mut seen = vec![line.package];
    let is_own = line.by == line.package;
    let mut above = if is_own { sums.get(line.by).and_then(|sum| sum.by) } else { Some(line.by) };
    while let Some(name) = above.filter(|name| !seen.contains(name)) {
        let Some(sum) = sums.get_mut(name) else { break };
        sum.figures[..3].iter_mut().zip(&line.figures).for_each(|(sum, figure)| *sum += figure);
        seen.push(name);
        above = sum.by;
    }
}

impl Bill {
    /// From the lines of one process. `None` where they have no beginning. A line that was cut short is passed over.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut start = None;
        let (mut command, mut end): (Vec<String>, _) = (Vec::new(), None);
        let mut sums: HashMap<&str, Sum<'_>> = HashMap::new();
        let mut all = [0_i64; 3];
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match &fields[..] {
                // The process may have executed another program, and have nothing any more of what is here so far.
                ["start", rest @ ..] => {
                    start = Some((false, rest.to_vec()));
                    sums.clear();
                    (all, end) = ([0; 3], None);
                }
                ["fork", rest @ ..] => start = Some((true, rest.to_vec())),
                ["command", words @ ..] => command = words.iter().map(|word| (*word).to_owned()).collect(),
                ["end", _, anon] => end = anon.parse::<i64>().ok(),
                ["import", rest @ ..] => {
                    let Some(line) = Line::of(rest) else { continue };
                    let sum = sums.entry(line.package).or_default();
                    // What is inside of an import of the same package is in that one's figures already.
                    let counts = |at: usize| at >= 3 || !line.is_again;
                    for (at, figure) in line.figures.iter().enumerate().filter(|(at, _)| counts(*at)) {
                        sum.figures[at] += figure;
                    }
                    // Not what the outermost have in all: one of them can fail, after imports that succeeded.
                    all.iter_mut().zip(&line.figures[3..]).for_each(|(all, own)| *all += own);
                    if line.is_the_programs() {
                        (sum.by, sum.is_by_settled) = (None, true);
                    } else if !sum.is_by_settled && line.by != line.package {
                        (sum.by, sum.is_by_settled) = (Some(line.by), !line.is_again);
                    }
                    if line.is_late() {
                        add_to_those_above(&mut sums, &line);
                    }
                }
                _ => {}
            }
        }
        let (is_fork, start) = start?;
        let [_pid, _parent, python, resident, anon] = start[..] else { return None };
        let anon: i64 = anon.parse().ok()?;
        let mut packages: Vec<Package> = sums.into_iter().map(|(name, sum)| package(name, &sum)).collect();
        packages.sort_by(|a, b| b.memory_bytes.cmp(&a.memory_bytes).then_with(|| a.name.cmp(&b.name)));
        Some(Self {
            python: python.to_owned(),
            command,
            is_fork,
            interpreter_bytes: resident.parse().ok()?,
            imports_bytes: positive(all[0]),
            imports_us: positive(all[2]) / 1000,
            left_bytes: end.map(|end| positive(end - anon - all[1])),
            packages,
        })
    }

    /// What stands for several runs: the processes of the same command, the first with the first, each figure the median.
    #[must_use]
    pub fn typical(runs: Vec<Vec<Self>>) -> Vec<Self> {
        let mut alike: HashMap<(Vec<String>, bool, usize), Vec<Self>> = HashMap::new();
        for run in runs {
            let mut seen: HashMap<(Vec<String>, bool), usize> = HashMap::new();
            for bill in run {
                let number = seen.entry((bill.command.clone(), bill.is_fork)).or_default();
                alike.entry((bill.command.clone(), bill.is_fork, *number)).or_default().push(bill);
                *number += 1;
            }
        }
        let mut bills: Vec<Self> = alike.into_values().filter_map(|bills| median(&bills)).collect();
        bills.sort_by_key(|bill| (std::cmp::Reverse(bill.imports_bytes), bill.command.clone()));
        bills
    }
}

fn package(name: &str, sum: &Sum<'_>) -> Package {
    let [memory, anon, time, own, _, own_time] = sum.figures.map(positive);
    Package {
        name: name.to_owned(),
        memory_bytes: memory,
        anon_bytes: anon,
        own_bytes: own,
        wall_us: time / 1000,
        own_us: own_time / 1000,
        brought_by: sum.by.map(str::to_owned),
    }
}

/// Where more was given back than taken, nothing was taken.
fn positive(figure: i64) -> u64 {
    u64::try_from(figure).unwrap_or(0)
}

/// Each figure in the middle of those of several bills of the same program.
fn median(bills: &[Bill]) -> Option<Bill> {
    let middle = |of: &dyn Fn(&Bill) -> Option<u64>| {
        Spread::of(bills.iter().filter_map(of)).map(|spread| spread.median)
    };
    let mut packages: Vec<(Package, Vec<&Package>)> = Vec::new();
    for package in bills.iter().flat_map(|bill| &bill.packages) {
        match packages.iter_mut().find(|(known, _)| known.name == package.name) {
            Some((_, alike)) => alike.push(package),
            None => packages.push((package.clone(), vec![package])),
        }
    }
    let of_packages = |alike: &[&Package], of: fn(&Package) -> u64| {
        Spread::of(alike.iter().map(|package| of(package))).map_or(0, |spread| spread.median)
    };
    let mut packages: Vec<Package> = packages
        .iter()
        .map(|(first, alike)| Package {
            memory_bytes: of_packages(alike, |package| package.memory_bytes),
            anon_bytes: of_packages(alike, |package| package.anon_bytes),
            own_bytes: of_packages(alike, |package| package.own_bytes),
            wall_us: of_packages(alike, |package| package.wall_us),
            own_us: of_packages(alike, |package| package.own_us),
            ..first.clone()
        })
        .collect();
    packages.sort_by(|a, b| b.memory_bytes.cmp(&a.memory_bytes).then_with(|| a.name.cmp(&b.name)));
    Some(Bill {
        interpreter_bytes: middle(&|bill| Some(bill.interpreter_bytes))?,
        imports_bytes: middle(&|bill| Some(bill.imports_bytes))?,
        imports_us: middle(&|bill| Some(bill.imports_us))?,
        left_bytes: middle(&|bill| bill.left_bytes),
        packages,
        ..bills.first()?.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
start\t12\t11\t3.13.0\t9000\t3000
command\tpython\tapp.py\ta b
import\tsix\tdateutil\t2\t0\t100\t100\t1000000\t100\t100\t1000000
import\tdateutil\tpandas\t1\t0\t500\t400\t5000000\t400\t300\t4000000
import\tnumpy\tpandas\t1\t0\t16000\t9000\t40000000\t16000\t9000\t40000000
import\tnumpy\tpandas\t1\t0\t7000\t2000\t5000000\t7000\t2000\t5000000
import\tpandas\t\t0\t0\t60000\t40000\t900000000\t36500\t28600\t850000000
import\t\t\t0\t0\t700\t600\t2000000\t700\t600\t2000000
import\tcut sh";

    fn of<'a>(bill: &'a Bill, name: &str) -> &'a Package {
        bill.packages.iter().find(|package| package.name == name).unwrap()
    }

    #[test]
    fn each_package_has_its_own_cost_and_that_of_all_it_brought() {
        let bill = Bill::read(&format!("{LINES}\nend\t80000\t50000\n")).unwrap();
        assert_eq!((bill.python.as_str(), bill.interpreter_bytes, bill.is_fork), ("3.13.0", 9000, false));
        assert_eq!(bill.command, ["python", "app.py", "a b"]);
        assert_eq!((bill.imports_bytes, bill.imports_us), (60_700, 902_000), "what the program asked for");
        assert_eq!(bill.left_bytes, Some(50_000 - 3000 - 40_600));
        let names: Vec<&str> = bill.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["pandas", "numpy", "(standard library)", "dateutil", "six"]);
        let (pandas, numpy) = (of(&bill, "pandas"), of(&bill, "numpy"));
        assert_eq!((pandas.memory_bytes, pandas.own_bytes, &pandas.brought_by), (60_000, 36_500, &None));
        assert_eq!((numpy.memory_bytes, numpy.own_bytes, numpy.wall_us), (23_000, 23_000, 45_000));
        assert_eq!(numpy.brought_by.as_deref(), Some("pandas"));
        let own: u64 = bill.packages.iter().map(|package| package.own_bytes).sum();
        assert_eq!(own, bill.imports_bytes, "own costs add up to the whole");
    }

    #[test]
    fn what_is_imported_inside_of_the_same_package_counts_once() {
        let lines = "start\t1\t1\t3.9.1\t0\t0\n\
                     import\ta\tb\t2\t1\t10\t10\t0\t10\t10\t0\n\
                     import\tb\ta\t1\t0\t30\t30\t0\t20\t20\t0\n\
                     import\ta\t\t0\t0\t100\t100\t0\t70\t70\t0\n";
        let bill = Bill::read(lines).unwrap();
        assert_eq!((of(&bill, "a").memory_bytes, of(&bill, "a").own_bytes), (100, 80));
        assert_eq!((bill.imports_bytes, bill.left_bytes), (100, None), "it did not end by itself");

        let below = lines.replace("import\ta\t\t0", "import\ta\tc\t1");
        let bill = Bill::read(&format!("{below}import\tc\t\t0\t0\t110\t110\t0\t10\t10\t0\n")).unwrap();
        assert_eq!(of(&bill, "a").brought_by.as_deref(), Some("c"), "not b, which found it under way");
    }

    #[test]
    fn what_a_package_imports_late_is_in_the_cost_of_those_who_brought_it() {
        let lines = "start\t1\t1\t3.15.0\t0\t0\n\
                     import\tuser\tapp\t1\t0\t10\t10\t1000\t10\t10\t1000\n\
                     import\tapp\t\t0\t0\t15\t15\t2000\t5\t5\t1000\n\
                     import\tdeep\tuser\t0\t0\t100\t90\t3000\t100\t90\t3000\n\
                     import\tuser\tuser\t0\t0\t7\t7\t1000\t7\t7\t1000\n\
                     import\tapp\tdeep\t0\t0\t1\t1\t1000\t1\t1\t1000\n\
                     import\tother\tnot_here\t0\t0\t3\t3\t0\t3\t3\t0\n\
                     import\t\t\t0\t0\t2\t2\t0\t2\t2\t0\n";
        let bill = Bill::read(lines).unwrap();
        let figures = |name: &str| {
            let package = of(&bill, name);
            (package.memory_bytes, package.own_bytes, package.wall_us, package.own_us)
        };
        assert_eq!(figures("deep"), (101, 100, 4, 3), "a submodule of app as well");
        assert_eq!(figures("user"), (118, 17, 6, 2), "what it imports of its own and of deep");
        assert_eq!(figures("app"), (123, 6, 7, 2), "and nothing twice");
        let by = ["app", "user", "deep", "other"].map(|name| of(&bill, name).brought_by.as_deref());
        assert_eq!(by, [None, Some("app"), Some("user"), Some("not_here")]);
        assert_eq!((bill.imports_bytes, figures(STANDARD)), (128, (2, 2, 0, 0)));
    }

    #[test]
    fn what_a_package_has_imported_that_failed_then_is_on_the_bill() {
        let lines = "start\t1\t1\t3.9.1\t0\t0\nimport\ta\tfailed\t1\t0\t10\t10\t0\t10\t10\t0\nend\t15\t15\n";
        let bill = Bill::read(lines).unwrap();
        assert_eq!((bill.imports_bytes, bill.left_bytes), (10, Some(5)));
        assert_eq!(of(&bill, "a").brought_by.as_deref(), Some("failed"));
    }

    #[test]
    fn memory_that_was_given_back_is_no_cost_and_nonsense_is_no_bill() {
        let lines = "fork\t1\t1\t3.9.1\t50\t50\nimport\ta\t\t0\t0\t-10\t-10\t0\t-10\t-10\t0\nend\t9\t9\n";
        let bill = Bill::read(lines).unwrap();
        assert_eq!((of(&bill, "a").memory_bytes, bill.imports_bytes, bill.left_bytes), (0, 0, Some(0)));
        assert!(bill.is_fork);
        for nonsense in ["", "end\t1\t2\n", "start\t1\n", "start\t1\t1\tx\t-\t-\n"] {
            assert_eq!(Bill::read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_process_that_has_executed_another_program_begins_anew() {
        let first =
            "fork\t1\t1\t3.9.1\t1\t1\ncommand\tpy\ta\nimport\ta\t\t0\t0\t10\t10\t0\t10\t10\t0\nend\t90\t90\n";
        let second = "start\t1\t1\t3.15.0\t50\t50\ncommand\tpy\tb\nimport\tb\t\t0\t0\t5\t5\t0\t5\t5\t0\n";
        assert_eq!(Bill::read(&format!("{first}{second}")), Bill::read(second));
    }

    #[test]
    fn several_runs_give_the_median_of_each_figure() {
        let bill = |bytes: u64| {
            let lines = format!(
                "start\t1\t1\t3.9.1\t5\t5\ncommand\tpy\nimport\ta\t\t0\t0\t{bytes}\t1\t9000\t{bytes}\t1\t9000\n"
            );
            Bill::read(&lines).unwrap()
        };
        let runs = vec![vec![bill(10), bill(2)], vec![bill(30)], vec![bill(20), bill(4)]];
        let typical = Bill::typical(runs);
        let sizes: Vec<u64> = typical.iter().map(|bill| bill.imports_bytes).collect();
        assert_eq!(sizes, [20, 3]);
        assert_eq!((typical[0].packages[0].memory_bytes, typical[0].packages[0].wall_us), (20, 9));
    }
}

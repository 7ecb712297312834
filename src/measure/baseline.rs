//! A measurement against an earlier one: what has changed, and whether that is more than what is allowed.

use serde::Serialize;

use super::{Measured, Run, Spread, Summary};
use crate::clock::Wall;
use crate::job::Percent;
use crate::limits;
use crate::words::{Accounting, Figure};

/// What was measured, held against a baseline; the medians count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// When the baseline was measured.
    pub baseline_at: Wall,
    /// By what, there.
    pub baseline_accounting: Accounting,
    /// By how much a figure may be above its baseline.
    #[serde(serialize_with = "as_text")]
    pub tolerance: Percent,
    /// Each figure that both have, and each that was to be held.
    pub figures: Vec<Compared>,
    /// The packages that cost more than in the baseline, the most first, where both have import bills.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grown: Vec<Grown>,
    /// Why the two may not be comparable: sentences.
    pub warnings: Vec<String>,
}

/// A package whose import has become dearer by [`limits::MEASURE_GROWN_MIN`] at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grown {
    /// Its name.
    pub package: String,
    /// Its own memory in the baseline, in bytes; 0 where it was not imported.
    pub baseline_bytes: u64,
    /// The same now.
    pub now_bytes: u64,
}

/// One figure then and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Which.
    pub figure: Figure,
    /// The baseline's median, in bytes or microseconds.
    pub baseline: Option<u64>,
    /// The median now.
    pub now: Option<u64>,
    /// By how many tenths of a hundredth it has changed, rounded towards zero; `None` from zero on.
    pub change_permille: Option<i64>,
    /// Whether it was to be held.
    pub is_held: bool,
    /// Whether it was to be held and was not; true also where one of the two is not known.
    pub is_regression: bool,
}

impl Comparison {
    /// Of `now` against `baseline`, with the figures in `held` to be no higher than `tolerance` allows.
    #[must_use]
    pub fn of(baseline: &Measured, now: &Measured, tolerance: Percent, held: &[Figure]) -> Self {
        let compared = |&figure: &Figure| {
            let is_held = held.contains(&figure);
            let median = |summary: &Summary| summary.of_figure(figure).map(|spread| spread.median);
            let (then, now) = (median(&baseline.summary), median(&now.summary));
            let is_known = then.is_some() && now.is_some();
            (is_known || is_held).then(|| Compared {
                figure,
                baseline: then,
                now,
                change_permille: then.zip(now).and_then(|(then, now)| change_permille(then, now)),
                is_held,
                is_regression: is_held
                    && then.zip(now).is_none_or(|(then, now)| exceeds(then, now, tolerance)),
            })
        };
        Self {
            baseline_at: baseline.at,
            baseline_accounting: baseline.accounting,
            tolerance,
            figures: Figure::ALL.iter().filter_map(compared).collect(),
            grown: grown(baseline, now),
            warnings: warnings(baseline, now),
        }
    }

    /// The figures that were to be held and were not.
    pub fn regressions(&self) -> impl Iterator<Item = &Compared> {
        self.figures.iter().filter(|compared| compared.is_regression)
    }
}

impl Summary {
    /// One of its figures.
    #[must_use]
    pub const fn of_figure(&self, figure: Figure) -> Option<Spread> {
        match figure {
            Figure::PeakAnon => self.peak_anon_bytes,
            Figure::PeakTotal => self.peak_total_bytes,
            Figure::Cpu => self.cpu_us,
            Figure::Wall => self.wall_us,
        }
    }
}

fn exceeds(then: u64, now: u64, tolerance: Percent) -> bool {
    now > then.saturating_add(tolerance.of(then))
}

fn change_permille(then: u64, now: u64) -> Option<i64> {
    let change = (i128::from(now) - i128::from(then)) * 1000;
    i64::try_from(change.checked_div(i128::from(then))?).ok()
}

/// In the dearest process of each.
fn grown(baseline: &Measured, now: &Measured) -> Vec<Grown> {
    let bill = |measured: &Measured| measured.imports.as_ref().and_then(|bills| bills.first().cloned());
    let (Some(then), Some(now)) = (bill(baseline), bill(now)) else { return Vec::new() };
    let before = |name: &str| {
        let package = then.packages.iter().find(|package| package.name == name);
        package.map_or(0, |package| package.own_bytes)
    };
    let all = now.packages.into_iter().map(|package| Grown {
        baseline_bytes: before(&package.name),
        now_bytes: package.own_bytes,
        package: package.name,
    });
    let by = |grown: &Grown| grown.now_bytes.saturating_sub(grown.baseline_bytes);
    let mut grown: Vec<Grown> = all.filter(|grown| by(grown) >= limits::MEASURE_GROWN_MIN).collect();
    grown.sort_by_key(|grown| std::cmp::Reverse(by(grown)));
    grown
}

fn warnings(baseline: &Measured, now: &Measured) -> Vec<String> {
    let mut warnings = Vec::new();
    if baseline.command != now.command {
        let told = shlex::try_join(baseline.command.iter().map(String::as_str));
        let told = told.unwrap_or_else(|_| baseline.command.join(" "));
        warnings.push(format!("the baseline is of another command: {told}"));
    }
    if baseline.accounting != now.accounting {
        warnings.push(format!(
            "the baseline was counted by {}, this by {}: figures of the two can differ by themselves; \
             --accounting asks for one of them",
            baseline.accounting, now.accounting
        ));
    }
    for (whose, runs) in [("the baseline's runs", &baseline.runs), ("the runs", &now.runs)] {
        if !runs.iter().any(Run::is_success) {
            warnings.push(format!("none of {whose} succeeded"));
        }
    }
    warnings
}

fn as_text<S: serde::Serializer>(percent: &Percent, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::run::tests::RUN;
    use crate::measure::{Bill, VERSION};

    fn measured(anon: u64, wall: u64) -> Measured {
        let runs = vec![Run { peak_anon_bytes: Some(anon), wall_us: wall, ..RUN }];
        Measured {
            version: VERSION,
            command: vec!["a".to_owned(), "b c".to_owned()],
            at: Wall(0),
            accounting: Accounting::CgroupV2,
            why: Vec::new(),
            unseen: String::new(),
            imports: None,
            summary: Summary::of(&runs),
            runs,
        }
    }

    fn regressions(comparison: &Comparison) -> Vec<Figure> {
        comparison.regressions().map(|compared| compared.figure).collect()
    }

    #[test]
    fn what_is_held_may_grow_as_far_as_is_allowed_and_not_a_byte_further() {
        let hold = |then, now| {
            let held = [Figure::PeakAnon];
            Comparison::of(&measured(then, 100), &measured(now, 900), Percent(100), &held)
        };
        for (then, now, is_regression) in
            [(1000, 1100, false), (1000, 1101, true), (1000, 1, false), (0, 0, false), (0, 1, true)]
        {
            assert_eq!(!regressions(&hold(then, now)).is_empty(), is_regression, "{then} {now}");
        }
        let comparison = hold(1000, 1476);
        let [anon, _cpu, wall] = comparison.figures[..] else { panic!("{comparison:?}") };
        assert_eq!((anon.change_permille, anon.is_regression), (Some(476), true));
        assert_eq!((wall.change_permille, wall.is_regression), (Some(8000), false), "time is not held");
        assert_eq!(hold(1000, 752).figures[0].change_permille, Some(-248));
    }

    #[test]
    fn a_figure_that_is_held_and_not_known_is_a_regression() {
        let held = [Figure::PeakTotal];
        let comparison = Comparison::of(&measured(1, 1), &measured(1, 1), Percent(100), &held);
        assert_eq!(regressions(&comparison), [Figure::PeakTotal]);
    }

    #[test]
    fn packages_that_have_become_dearer_are_named_the_most_first() {
        const MIB: u64 = 1 << 20;
        let with = |packages: &[(&str, u64)]| {
            let line = |(name, mib): &(&str, u64)| {
                let bytes = mib * MIB;
                format!("import\t{name}\t\t0\t0\t{bytes}\t0\t0\t{bytes}\t0\t0\n")
            };
            let lines: String = packages.iter().map(line).collect();
            let bill = Bill::read(&format!("start\t1\t1\t3.13.0\t0\t0\n{lines}"));
            Measured { imports: bill.map(|bill| vec![bill]), ..measured(1, 1) }
        };
        let then = with(&[("a", 10), ("b", 10), ("same", 5)]);
        let now = with(&[("a", 12), ("b", 9), ("same", 5), ("new", 30)]);
        let grown = Comparison::of(&then, &now, Percent(100), &[]).grown;
        let of = |package: &str, then: u64, now: u64| Grown {
            package: package.to_owned(),
            baseline_bytes: then * MIB,
            now_bytes: now * MIB,
        };
        assert_eq!(grown, [of("new", 0, 30), of("a", 10, 12)]);
        assert!(
            Comparison::of(&measured(1, 1), &now, Percent(100), &[]).grown.is_empty(),
            "nothing to hold it to"
        );
    }

    #[test]
    fn what_is_not_comparable_is_said() {
        let (baseline, mut now) = (measured(1, 1), measured(1, 1));
        let warnings =
            |now: &Measured| Comparison::of(&baseline, now, Percent(100), &[Figure::PeakAnon]).warnings;
        assert!(warnings(&now).is_empty());
        now.command = vec!["a".to_owned()];
        now.accounting = Accounting::ProcessTree;
        now.runs[0].outcome = crate::words::Outcome::Timeout;
        let told = warnings(&now);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].ends_with("another command: a 'b c'"), "{told:?}");
        assert!(told[1].contains("counted by cgroup-v2, this by process-tree"), "{told:?}");
        assert!(told[2].contains("none of the runs succeeded"), "{told:?}");
    }
}

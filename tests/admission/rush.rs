//! All jobs at once, as at a full hour: how long until the last has ended, by the budget, by limits of the number of runs, and
//! all together, against what no schedule can beat.

use std::fmt;

use super::mix::Mix;
use super::world::{Rule, World};

pub(crate) struct Row {
    name: String,
    pub(crate) makespan_s: f64,
    pub(crate) peak: u64,
}

pub(crate) struct Table {
    pub(crate) memory: u64,
    /// No schedule takes less: the memory is full all the time, or the longest run takes as long.
    pub(crate) least_s: f64,
    pub(crate) rows: Vec<Row>,
}

#[allow(clippy::cast_precision_loss)] // For people.
pub(crate) fn compare(seed: u64, jobs: u64) -> Table {
    let mix = Mix::new(seed, jobs);
    let memory = mix.budget();
    let mut rows = Vec::new();
    let largest = mix.jobs.iter().map(|job| job.claim).max().unwrap_or(1);
    let mean = mix.jobs.iter().map(|job| job.claim).sum::<u64>() / jobs.max(1);
    let count = |each: u64| u16::try_from((memory / each).max(1)).unwrap_or(u16::MAX);
    let rules = [
        ("by the budget".to_owned(), Rule::Budget(memory)),
        (format!("{} at once, never beyond the memory", count(largest)), Rule::Count(count(largest))),
        (format!("{} at once, as many as fit in the mean", count(mean)), Rule::Count(count(mean))),
        ("all at once".to_owned(), Rule::Nothing),
    ];
    let mut least_s = 0.0_f64;
    for (name, rule) in rules {
        let mut world = World::new(&mix, rule);
        let makespan = world.rush();
        let seen = world.finish();
        if rows.is_empty() {
            least_s = seen.used as f64 / memory as f64 / 1000.0;
        }
        if matches!(rule, Rule::Nothing) {
            least_s = least_s.max(makespan as f64 / 1000.0);
        }
        rows.push(Row { name, makespan_s: makespan as f64 / 1000.0, peak: seen.peak });
    }
    Table { memory, least_s, rows }
}

impl fmt::Display for Table {
    #[allow(clippy::cast_precision_loss)] // For people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        writeln!(
            f,
            "a rush into {:.1} GiB; no schedule takes less than {:.0} s",
            gib(self.memory),
            self.least_s
        )?;
        for Row { name, makespan_s, peak } in &self.rows {
            let times = makespan_s / self.least_s;
            writeln!(
                f,
                "  {name:<48} {makespan_s:>8.0} s  {times:>6.2} times that, peak {:>7.1} GiB",
                gib(*peak)
            )?;
        }
        Ok(())
    }
}

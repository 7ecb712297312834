//! Job files against the settings: whether a pool is there, and whether what is claimed can ever be had.

use std::cell::Cell;
use std::path::Path;

use crate::engine::Budget;
use crate::job::{CannotClaim, Room};
use crate::problem::hints::nearest;
use crate::problem::{Problem, Severity};

use super::Settings;
use super::resolve::readable;

/// What a budget has to give out. It notes the least that any job claims.
pub struct BudgetRoom<'a> {
    budget: &'a Budget,
    least_claim: Cell<Option<u64>>,
}

impl<'a> BudgetRoom<'a> {
    /// That of this budget.
    #[must_use]
    pub fn new(budget: &'a Budget) -> Self {
        Self { budget, least_claim: Cell::new(None) }
    }

    /// The least that any of the jobs claims that were checked so far; none where no job declares a claim.
    #[must_use]
    pub fn least_claim(&self) -> Option<u64> {
        self.least_claim.get()
    }
}

/// The problem of a budget that is below every declared claim, of which `least` is the smallest.
#[must_use]
pub fn below_every_claim(path: &Path, settings: &Settings, budget: &Budget, least: u64) -> Option<Problem> {
    let place = settings.budget.as_ref()?.memory_place.clone()?;
    let memory = budget.memory.filter(|memory| *memory < least)?;
    Some(Problem {
        severity: Severity::Error,
        path: path.to_owned(),
        place: Some(place),
        message: format!("no job that declares a claim could ever run: this gives out {}", readable(memory)),
        help: Some(format!("the least that a job claims is {}: write that or more", readable(least))),
    })
}

impl Room for BudgetRoom<'_> {
    fn check_pool(&self, name: &str) -> Result<(), String> {
        let names = || self.budget.pools.iter().map(|pool| &*pool.name);
        if names().any(|known| known == name) {
            return Ok(());
        }
        Err(match nearest(name, names()) {
            Some(near) => format!("write `pool = \"{near}\"`"),
            None => format!("add `[pools.{name}]` to ebbd.toml, with `memory` or `max-parallel` below it"),
        })
    }

    fn check_claim(&self, bytes: u64, pool: Option<&str>) -> Result<(), CannotClaim> {
        self.least_claim.set(Some(self.least_claim.get().map_or(bytes, |least| least.min(bytes))));
        let budget = self.budget;
        let left = budget.total.filter(|_| budget.is_on).map(|total| total.saturating_sub(budget.reserve));
        let pool = budget.pools.iter().find(|known| Some(&*known.name) == pool);
        let of_machine =
            if budget.reserve == 0 { "this machine has" } else { "the reserve leaves of this machine" };
        let limits = [
            pool.and_then(|pool| Some((format!("the pool `{}` has", pool.name), pool.memory?))),
            budget.memory.map(|memory| ("the budget has".to_owned(), memory)),
            left.map(|left| (of_machine.to_owned(), left)),
        ];
        let least = limits.into_iter().flatten().min_by_key(|(_, bytes)| *bytes);
        match least.filter(|(_, most)| bytes > *most) {
            Some((there, most)) => Err(CannotClaim { there, most: readable(most) }),
            None => Ok(()),
        }
    }
}

//! Why a run waits although its job would let it start, and the sentence that a person reads about it. Decides nothing.

use std::rc::Rc;

use crate::clock::Wall;
use crate::engine::budget::Budget;
use crate::engine::sentence::mebibytes;
use crate::engine::view::Waits;
use crate::job::Bytes;
use crate::words::ClaimSource;

use super::ledger::{Resource, Short};

/// Why it waits, as of the last time that somebody looked.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Hold {
    /// Since when.
    pub(in crate::engine) since: Wall,
    pub(in crate::engine) why: Why,
}

#[derive(Debug, Clone)]
pub(in crate::engine) enum Why {
    /// There is too little of something, or what there is is kept for the run `behind`, of the job that is named.
    Short { short: Short, behind: Option<Rc<str>> },
    /// The host stands still for memory.
    Pressure,
}

impl Hold {
    /// As people see it.
    pub(in crate::engine) fn waits(&self, budget: &Budget) -> Waits {
        let since = self.since;
        match &self.why {
            Why::Pressure => Waits {
                since,
                resource: "pressure".to_owned(),
                needs: None,
                free: None,
                behind: None,
                likely: None,
                sentence: "the host stands still for memory; it starts when that has passed".to_owned(),
            },
            Why::Short { short, behind } => Waits {
                since,
                resource: if short.behind.is_some() {
                    "turn".to_owned()
                } else {
                    name(short.resource, budget)
                },
                needs: Some(short.needs),
                free: Some(short.free),
                behind: short.behind,
                likely: short.likely,
                sentence: sentence(short, behind.as_deref(), budget),
            },
        }
    }
}

fn name(resource: Resource, budget: &Budget) -> String {
    let pool = |index: usize| budget.pools.get(index).map_or("", |pool| &pool.name);
    match resource {
        Resource::Budget => "budget".to_owned(),
        Resource::Host => "host".to_owned(),
        Resource::Runs => "runs".to_owned(),
        Resource::PoolMemory(index) => format!("pool {}", pool(index)),
        Resource::PoolRuns(index) => format!("runs of pool {}", pool(index)),
    }
}

fn sentence(short: &Short, behind: Option<&str>, budget: &Budget) -> String {
    let Short { resource, needs, free, .. } = *short;
    let pool = |index: usize| budget.pools.get(index);
    let of =
        |capacity: Option<u64>| capacity.map_or_else(String::new, |bytes| format!(" of {}", Bytes(bytes)));
    let there_is = match resource {
        Resource::Budget => {
            format!(
                "needs {} of the budget{}, {} is free",
                mebibytes(needs),
                of(budget.memory),
                at_most(free)
            )
        }
        Resource::Host => format!(
            "needs {} of the host's memory, {} is left for runs beside the reserve and what others will still take",
            mebibytes(needs),
            at_most(free)
        ),
        Resource::PoolMemory(index) => format!(
            "needs {} of pool {}{}, {} is free",
            mebibytes(needs),
            pool(index).map_or("", |pool| &pool.name),
            of(pool(index).and_then(|pool| pool.memory)),
            at_most(free)
        ),
        Resource::Runs => format!("needs one of the {} places for runs", budget.max_parallel.unwrap_or(0)),
        Resource::PoolRuns(index) => {
            let (name, places) =
                pool(index).map_or(("", 0), |pool| (&*pool.name, pool.max_parallel.unwrap_or(0)));
            format!("needs one of the {places} places for runs of pool {name}")
        }
    };
    let turn = match (short.behind, behind) {
        (Some(run), Some(job)) => {
            format!("; what is free is kept for run {run} of {job}, which is before it")
        }
        (Some(run), None) => format!("; what is free is kept for run {run}, which is before it"),
        (None, _) => String::new(),
    };
    format!("{there_is}{turn}")
}

/// What is there, in whole mebibytes as well, but rounded down, so that what does not fit never looks as if it did.
fn at_most(bytes: u64) -> Bytes {
    const MIB: u64 = 1 << 20;
    Bytes(if bytes >= MIB { bytes / MIB * MIB } else { bytes })
}

/// The sentence about a run that could never start: it claims more than there can be.
pub(in crate::engine) fn never(claim: u64, most: &Most, source: ClaimSource, budget: &Budget) -> String {
    let claims = match source {
        ClaimSource::Declared => "its `[memory] claim`",
        ClaimSource::Learned => "what its runs have taken; a `[memory] claim` in its file counts instead",
        ClaimSource::Limit => "its memory limit, for want of a `[memory] claim`",
        ClaimSource::Unknown => "`unknown` of the budget",
    };
    let whose = match most.of {
        Bound::Budget => "the budget".to_owned(),
        Bound::Host => "the host beside its reserve".to_owned(),
        Bound::Pool(index) => name(Resource::PoolMemory(index), budget),
    };
    format!("it claims {} ({claims}), and {whose} has no more than {}", mebibytes(claim), at_most(most.bytes))
}

/// The most that a run can ever get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Most {
    pub(in crate::engine) bytes: u64,
    of: Bound,
}

/// What has no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Budget,
    /// The host, less the reserve.
    Host,
    /// The pool at this position.
    Pool(usize),
}

impl Most {
    /// The least of all that bound a run of a pool; none where nothing is limited.
    pub(in crate::engine) fn of(budget: &Budget, pool: Option<usize>) -> Option<Self> {
        let host = budget.total.filter(|_| budget.is_on).map(|total| total.saturating_sub(budget.reserve));
        let of_pool = pool.and_then(|index| Some((budget.pools.get(index)?.memory?, Bound::Pool(index))));
        let bounds = [
            of_pool,
            budget.memory.map(|bytes| (bytes, Bound::Budget)),
            host.map(|bytes| (bytes, Bound::Host)),
        ];
        let least = bounds.into_iter().flatten().min_by_key(|(bytes, _)| *bytes);
        least.map(|(bytes, of)| Self { bytes, of })
    }
}

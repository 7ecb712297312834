//! Who has claimed what of the memory and of the places for runs, what is free, and what is kept for whom.
//! Knows nothing of jobs, nor of how runs are ranked: asks come in the order of their rank.
//!
//! The rule is that of EASY backfilling (Lifka, "The ANL/IBM SP scheduling system", 1995), for several resources: the first
//! ask that can't be met keeps what it needs for the moment at which it likely can. A later one passes only where it will
//! have ended by then, or takes what is left over beside it. Once an ask is firm, only the latter. What it would still lack
//! after the end of every run, others on the host hold: for that nothing is kept, or nothing could start at all.

use crate::clock::Mono;
use crate::engine::budget::{Budget, Room};
use crate::journal::record::RunId;

/// Something of which there is so much and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Resource {
    /// The bytes of the budget.
    Budget,
    /// What the host, or a control group above the runs, has left.
    Host,
    /// Runs at once.
    Runs,
    /// The bytes of the pool at this position.
    PoolMemory(usize),
    /// Runs at once of the pool at this position.
    PoolRuns(usize),
}

/// A run that has, or is about to have, processes.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Active {
    pub(in crate::engine) run: RunId,
    pub(in crate::engine) claim: u64,
    pub(in crate::engine) pool: Option<usize>,
    /// When it will likely have ended; none where nobody can tell.
    pub(in crate::engine) ends: Option<Mono>,
    /// What the host gets back when it ends: what it has claimed, or has taken beyond that.
    pub(in crate::engine) of_host: u64,
}

/// A run that wants to start.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Ask {
    pub(in crate::engine) run: RunId,
    pub(in crate::engine) claim: u64,
    pub(in crate::engine) pool: Option<usize>,
    /// When it would likely have ended if it started now.
    pub(in crate::engine) ends: Option<Mono>,
    /// Whether it has been first for so long that nothing passes it any more by promising to be quick.
    pub(in crate::engine) is_firm: bool,
}

/// Why a run can't start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Short {
    /// Of what there is too little.
    pub(in crate::engine) resource: Resource,
    /// Bytes, or places, that it needs of that.
    pub(in crate::engine) needs: u64,
    /// Bytes, or places, that are free.
    pub(in crate::engine) free: u64,
    /// The run that the rest is kept for, where there would be enough else.
    pub(in crate::engine) behind: Option<RunId>,
    /// When it will likely start; none where nobody can tell.
    pub(in crate::engine) likely: Option<Mono>,
    /// Whether anything is kept for it.
    pub(in crate::engine) is_kept_for: bool,
}

/// What is kept for a run that waits.
#[derive(Debug, Clone, Copy)]
struct Kept {
    run: RunId,
    /// When it will likely start.
    start: Option<Mono>,
    /// What will be left over then.
    extra: u64,
    is_firm: bool,
}

#[derive(Debug)]
struct Account {
    resource: Resource,
    free: u64,
    kept: Option<Kept>,
}

/// All accounts at one moment.
#[derive(Debug)]
pub(in crate::engine) struct Ledger {
    /// Only of what is limited at all.
    accounts: Vec<Account>,
    /// Sorted by their likely ends, those that nobody knows last.
    active: Vec<Active>,
}

impl Ledger {
    /// The accounts with what `active` has claimed taken off.
    pub(in crate::engine) fn open(budget: &Budget, room: &Room, mut active: Vec<Active>) -> Self {
        for run in &mut active {
            run.of_host = run.claim.max(used(room, run.run));
        }
        active.sort_by_key(|run| (run.ends.is_none(), run.ends));
        let mut ledger = Self { accounts: Vec::new(), active };
        ledger.add(Resource::Budget, budget.memory);
        ledger.add(Resource::Runs, budget.max_parallel.map(u64::from));
        for (index, pool) in budget.pools.iter().enumerate() {
            ledger.add(Resource::PoolMemory(index), pool.memory);
            ledger.add(Resource::PoolRuns(index), pool.max_parallel.map(u64::from));
        }
        if budget.is_on {
            ledger.add_host(budget, room);
        }
        ledger
    }

    fn add(&mut self, resource: Resource, capacity: Option<u64>) {
        let Some(capacity) = capacity else { return };
        let taken = self.active.iter().map(|run| share(resource, run.claim, run.pool));
        let free = capacity.saturating_sub(taken.fold(0, u64::saturating_add));
        self.accounts.push(Account { resource, free, kept: None });
    }

    /// What runs have claimed and not taken yet is no longer there for others, though the host still shows it as free.
    fn add_host(&mut self, budget: &Budget, room: &Room) {
        let available = room.available.map(|bytes| bytes.saturating_sub(budget.reserve));
        let Some(left) = [available, room.headroom].into_iter().flatten().min() else { return };
        let to_come = self.active.iter().map(|run| run.claim.saturating_sub(used(room, run.run)));
        let free = left.saturating_sub(to_come.fold(0, u64::saturating_add));
        self.accounts.push(Account { resource: Resource::Host, free, kept: None });
    }

    /// Takes what a run needs, or keeps it for later and says what there is too little of.
    pub(in crate::engine) fn ask(&mut self, ask: &Ask) -> Result<(), Short> {
        match self.obstacle(ask) {
            None => {
                self.take(ask);
                Ok(())
            }
            Some(short) => {
                let likely = self.keep(ask);
                let is_kept_for =
                    self.accounts.iter().any(|a| a.kept.is_some_and(|kept| kept.run == ask.run));
                Err(Short { likely, is_kept_for, ..short })
            }
        }
    }

    fn obstacle(&self, ask: &Ask) -> Option<Short> {
        let short = |account: &Account, behind| Short {
            resource: account.resource,
            needs: share(account.resource, ask.claim, ask.pool),
            free: account.free,
            behind,
            likely: None,
            is_kept_for: false,
        };
        // That there is too little says more than that others come first.
        let too_little =
            self.accounts.iter().find(|account| account.free < share(account.resource, ask.claim, ask.pool));
        too_little.map(|account| short(account, None)).or_else(|| {
            self.accounts.iter().find_map(|account| {
                let kept = account.kept.filter(|kept| !kept.lets_pass(account.resource, ask))?;
                Some(short(account, Some(kept.run)))
            })
        })
    }

    fn take(&mut self, ask: &Ask) {
        for account in &mut self.accounts {
            let share = share(account.resource, ask.claim, ask.pool);
            account.free -= share;
            if let Some(kept) = account.kept.as_mut().filter(|kept| share <= kept.extra) {
                kept.extra -= share;
            }
        }
        let Ask { run, claim, pool, ends, is_firm: _ } = *ask;
        let at = self
            .active
            .partition_point(|active| (active.ends.is_none(), active.ends) <= (ends.is_none(), ends));
        self.active.insert(at, Active { run, claim, pool, ends, of_host: claim });
    }

    /// Keeps what a run needs, of all that nothing is kept of yet.
    fn keep(&mut self, ask: &Ask) -> Option<Mono> {
        let needs = |account: &Account| share(account.resource, ask.claim, ask.pool);
        let is_kept = |account: &Account| needs(account) > 0 && account.kept.is_some();
        let is_first = !self.accounts.iter().any(is_kept);
        if self.accounts.iter().all(|account| needs(account) == 0 || is_kept(account)) {
            return None;
        }
        let is_met = |account: &Account, freed: &[Active]| {
            let freed = freed.iter().map(|run| gives_back(account.resource, run));
            let free = freed.fold(account.free, u64::saturating_add);
            free.checked_sub(needs(account))
        };
        if self.accounts.iter().any(|account| is_met(account, &self.active).is_none()) {
            return None;
        }
        let ended = (0..=self.active.len()).find(|count| {
            let freed = &self.active[..*count];
            freed.last().is_none_or(|last| last.ends.is_some())
                && self.accounts.iter().all(|account| is_met(account, freed).is_some())
        });
        let start = ended.and_then(|count| count.checked_sub(1)).and_then(|last| self.active[last].ends);
        let freed = ended.map_or(&[][..], |count| &self.active[..count]);
        let extras: Vec<u64> =
            self.accounts.iter().map(|account| is_met(account, freed).unwrap_or(0)).collect();
        for (account, extra) in self.accounts.iter_mut().zip(extras) {
            if share(account.resource, ask.claim, ask.pool) > 0 && account.kept.is_none() {
                account.kept = Some(Kept { run: ask.run, start, extra, is_firm: ask.is_firm });
            }
        }
        // Of one that comes after others nobody can tell: they come first.
        start.filter(|_| is_first)
    }
}

impl Kept {
    /// Whether a later run may start before the one that this is kept for.
    fn lets_pass(&self, resource: Resource, ask: &Ask) -> bool {
        let share = share(resource, ask.claim, ask.pool);
        let has_ended = || match (ask.ends, self.start) {
            (Some(ends), Some(start)) => !self.is_firm && ends <= start,
            (None, _) | (_, None) => false,
        };
        share <= self.extra || has_ended()
    }
}

/// What a run has taken of the host's memory, as last seen.
fn used(room: &Room, run: RunId) -> u64 {
    room.used.iter().find(|(of, _)| *of == run).map_or(0, |(_, bytes)| *bytes)
}

/// What there is more of a resource once a run has ended.
const fn gives_back(resource: Resource, run: &Active) -> u64 {
    if matches!(resource, Resource::Host) { run.of_host } else { share(resource, run.claim, run.pool) }
}

/// What a run takes of a resource.
const fn share(resource: Resource, claim: u64, pool: Option<usize>) -> u64 {
    match (resource, pool) {
        (Resource::Budget | Resource::Host, _) => claim,
        (Resource::Runs, _) => 1,
        (Resource::PoolMemory(of), Some(pool)) if of == pool => claim,
        (Resource::PoolRuns(of), Some(pool)) if of == pool => 1,
        (Resource::PoolMemory(_) | Resource::PoolRuns(_), _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::budget::Pool;

    fn budget(memory: u64) -> Budget {
        Budget { memory: Some(memory), ..Budget::default() }
    }

    fn active(run: RunId, claim: u64, ends: Option<u64>) -> Active {
        Active { run, claim, pool: None, ends: ends.map(Mono), of_host: 0 }
    }

    fn ask(run: RunId, claim: u64, ends: Option<u64>) -> Ask {
        Ask { run, claim, pool: None, ends: ends.map(Mono), is_firm: false }
    }

    #[test]
    fn what_is_claimed_is_gone_until_it_ends() {
        let mut ledger = Ledger::open(&budget(100), &Room::default(), vec![active(1, 60, Some(50))]);
        assert!(ledger.ask(&ask(2, 30, None)).is_ok());
        let short = ledger.ask(&ask(3, 20, None)).unwrap_err();
        assert_eq!((short.resource, short.needs, short.free), (Resource::Budget, 20, 10));
        assert_eq!((short.behind, short.likely), (None, Some(Mono(50))));
    }

    #[test]
    fn a_small_run_passes_a_large_one_only_where_that_does_not_delay_it() {
        let open = || Ledger::open(&budget(100), &Room::default(), vec![active(1, 60, Some(50))]);
        let large = ask(2, 90, Some(500));
        let mut ledger = open();
        assert_eq!(ledger.ask(&large).unwrap_err().likely, Some(Mono(50)));
        assert!(ledger.ask(&ask(3, 30, Some(50))).is_ok(), "it will have ended when the large one starts");
        let mut ledger = open();
        ledger.ask(&large).unwrap_err();
        let late = ledger.ask(&ask(3, 30, Some(51))).unwrap_err();
        assert_eq!(late.behind, Some(2), "it would still run then");
        assert!(
            ledger.ask(&ask(4, 10, None)).is_ok(),
            "what is left beside the large one may be taken for good"
        );
        assert!(ledger.ask(&ask(5, 1, None)).is_err(), "and then it is gone");
    }

    #[test]
    fn nothing_passes_a_firm_one_by_promising_to_be_quick() {
        let mut ledger = Ledger::open(&budget(100), &Room::default(), vec![active(1, 60, Some(50))]);
        ledger.ask(&Ask { is_firm: true, ..ask(2, 90, None) }).unwrap_err();
        assert_eq!(ledger.ask(&ask(3, 30, Some(10))).unwrap_err().behind, Some(2));
        assert!(ledger.ask(&ask(4, 10, None)).is_ok());
    }

    #[test]
    fn nothing_passes_where_nobody_knows_when_the_first_can_start() {
        let mut ledger = Ledger::open(&budget(100), &Room::default(), vec![active(1, 60, None)]);
        assert_eq!(ledger.ask(&ask(2, 90, None)).unwrap_err().likely, None);
        assert!(ledger.ask(&ask(3, 30, Some(1))).is_err());
    }

    #[test]
    fn what_runs_have_yet_to_take_of_the_host_is_not_given_twice() {
        let budget = Budget { is_on: true, reserve: 10, ..Budget::default() };
        let room = Room { available: Some(100), used: vec![(1, 20)], ..Room::default() };
        let mut ledger = Ledger::open(&budget, &room, vec![active(1, 60, None)]);
        // 100 less 10 kept free, less 40 that run 1 will still take.
        assert_eq!(ledger.ask(&ask(2, 51, None)).unwrap_err().free, 50);
        let tight = Room { headroom: Some(45), ..room };
        let mut ledger = Ledger::open(&budget, &tight, vec![active(1, 60, None)]);
        let short = ledger.ask(&ask(2, 6, None)).unwrap_err();
        assert_eq!((short.resource, short.free), (Resource::Host, 5), "the least of all counts");
    }

    #[test]
    fn a_full_pool_holds_up_its_own_runs_and_keeps_no_more_of_the_budget_than_they_need() {
        let pool = |name: &str| Pool { name: name.into(), memory: Some(50), max_parallel: None };
        let budget = Budget { pools: vec![pool("a"), pool("b")], ..budget(100) };
        let of = |pool, ask: Ask| Ask { pool: Some(pool), ..ask };
        let first = Active { pool: Some(0), ..active(1, 40, Some(50)) };
        let mut ledger = Ledger::open(&budget, &Room::default(), vec![first]);
        let short = ledger.ask(&of(0, ask(2, 20, None))).unwrap_err();
        assert_eq!((short.resource, short.likely), (Resource::PoolMemory(0), Some(Mono(50))));
        assert!(ledger.ask(&of(1, ask(3, 50, None))).is_ok(), "another pool's runs go on");
    }

    #[test]
    fn places_for_runs_are_given_by_the_same_rule() {
        let budget = Budget { max_parallel: Some(2), ..Budget::default() };
        let mut ledger = Ledger::open(&budget, &Room::default(), vec![active(1, 60, None)]);
        assert!(ledger.ask(&ask(2, 1 << 40, None)).is_ok());
        let short = ledger.ask(&ask(3, 1, None)).unwrap_err();
        assert_eq!((short.resource, short.needs, short.free), (Resource::Runs, 1, 0));
    }

    #[test]
    fn no_order_of_asks_gives_out_more_than_there_is() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let memory = random.u64(1..2000);
            let some = |random: &mut fastrand::Rng| random.bool().then(|| random.u64(1..1000));
            let mut taken = Vec::new();
            let mut ledger = Ledger::open(&budget(memory), &Room::default(), Vec::new());
            for run in 0..100 {
                let asked = Ask { is_firm: random.bool(), ..ask(run, random.u64(1..500), some(&mut random)) };
                if ledger.ask(&asked).is_ok() {
                    taken.push(asked.claim);
                }
            }
            assert!(taken.iter().sum::<u64>() <= memory, "seed {seed}");
        }
    }
}

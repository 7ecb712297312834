//! Which processes are one service: those of one systemd unit, of one container, else of one process tree. Finds nothing
//! wrong with any of them.

use std::collections::{BTreeMap, HashSet};

use super::container::Container;
use super::engines::{self, ByPid};
use super::imports::Imports;
use super::place::{self, Place};
use super::program;
use super::{Observation, Watched};
use crate::limits;

/// What the processes of a service have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A unit or a container.
    Placed(Place),
    /// A tree below this process.
    Tree(i32),
}

/// Processes that are turned on and off together.
#[derive(Debug, Clone)]
pub struct Service<'a> {
    /// What they have in common.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// Its processes, the oldest first; there is at least one.
    pub members: Vec<&'a Watched>,
    /// What is known of it where it is a container.
    pub container: Option<Container>,
    /// Whether processes of other services are children of its own: it is what starts them.
    pub starts_others: bool,
}

/// All services, the one that holds most first.
#[must_use]
pub fn services(seen: &Observation) -> Vec<Service<'_>> {
    let by_pid: ByPid<'_> = seen.processes.iter().map(|one| (one.process.pid, one)).collect();
    let placed: Vec<(&Watched, Place)> =
        seen.processes.iter().map(|one| (one, place_of(one, seen, &by_pid))).collect();
    let is_placed: HashSet<i32> =
        placed.iter().filter(|(_, place)| *place != Place::Nothing).map(|(one, _)| one.process.pid).collect();
    let mut groups: BTreeMap<Kind, Vec<&Watched>> = BTreeMap::new();
    for (one, place) in &placed {
        let kind = match place {
            Place::Nothing => Kind::Tree(head(one, &by_pid, &is_placed).process.pid),
            place => Kind::Placed(place.clone()),
        };
        groups.entry(kind).or_default().push(one);
    }
    let starters = starters(&groups);
    let mut services: Vec<Service<'_>> = Vec::new();
    for (kind, mut members) in groups {
        members.sort_by_key(|one| (one.process.start_ticks, one.process.pid));
        let starts_others = members.iter().any(|one| starters.contains(&one.process.pid));
        let mut service = Service { kind, name: String::new(), members, container: None, starts_others };
        if let Kind::Placed(Place::Container { id, of_user, .. }) = &service.kind {
            let which = (id.as_str(), of_user.as_deref());
            let known = seen.containers.get(id).filter(|_| of_user.is_none());
            service.container = Some(engines::tell(which, &service.members, known, &placed, &by_pid));
        }
        service.name = service.called();
        services.push(service);
    }
    services
        .sort_by(|a, b| (b.pss() + b.swap()).cmp(&(a.pss() + a.swap())).then_with(|| a.name.cmp(&b.name)));
    services
}

/// The place of a process, by its control group; where that does not tell of a container, by whom its engine knows or watches.
fn place_of(one: &Watched, seen: &Observation, by_pid: &ByPid<'_>) -> Place {
    let place = place::of(&one.process.cgroup, &seen.own_cgroup);
    match place {
        Place::Container { engine: "container", id, of_user: None } if seen.containers.contains_key(&id) => {
            Place::Container { engine: "docker", id, of_user: None }
        }
        Place::Container { engine, .. } if engine != "container" => place,
        place => engines::watched_by_parents(one, by_pid).unwrap_or(place),
    }
}

/// The processes that have children in another service.
fn starters(groups: &BTreeMap<Kind, Vec<&Watched>>) -> HashSet<i32> {
    let mut starters = HashSet::new();
    for members in groups.values() {
        let own: HashSet<i32> = members.iter().map(|one| one.process.pid).collect();
        starters.extend(members.iter().map(|one| one.process.ppid).filter(|parent| !own.contains(parent)));
    }
    starters
}

/// The topmost process of a tree. A child belongs to its parent where both are of one process group, or of one program
/// that is no interpreter: PostgreSQL gives each of its processes a session, a supervisor each of its services a group.
fn head<'a>(one: &'a Watched, by_pid: &ByPid<'a>, is_placed: &HashSet<i32>) -> &'a Watched {
    let mut at = one;
    while let Some(parent) = by_pid.get(&at.process.ppid) {
        let (child, parent) = (&at.process, *parent);
        let above = &parent.process;
        let is_older = (above.start_ticks, above.pid) < (child.start_ticks, child.pid)
            || above.start_ticks < child.start_ticks;
        let is_same_program = child.exe.is_some()
            && child.exe == above.exe
            && child.exe.as_deref().and_then(program::interpreter).is_none();
        let belongs = above.pid != 1
            && is_older
            && !is_placed.contains(&above.pid)
            && (child.pgrp == above.pgrp || is_same_program);
        if !belongs {
            break;
        }
        at = parent;
    }
    at
}

/// [`Service::rests`] of some processes together.
pub(super) fn rests(members: &[&Watched], window_ms: u64, cpu_milli: u64) -> bool {
    let milli =
        |of: fn(&Watched) -> u64| members.iter().map(|one| of(one)).sum::<u64>() * 1000 / window_ms.max(1);
    milli(Watched::cpu_ms) <= cpu_milli && milli(Watched::wanted_cpu_ms) < limits::AUDIT_WANTS_MILLI
}

impl<'a> Service<'a> {
    /// The process that it is about: the oldest whose parent is not of it; where that is a shell or the first process of a
    /// container that does nothing itself, what it runs.
    #[must_use]
    pub fn main(&self) -> &'a Watched {
        let pids: HashSet<i32> = self.members.iter().map(|one| one.process.pid).collect();
        let first =
            self.members.iter().find(|one| !pids.contains(&one.process.ppid)).unwrap_or(&self.members[0]);
        let is_shell = |one: &Watched| one.process.exe.as_deref().is_some_and(program::runs_others);
        let others = self.members.iter().filter(|one| !is_shell(one));
        let largest = others.max_by_key(|one| one.memory.uss);
        if is_shell(first) { largest.unwrap_or(first) } else { first }
    }

    fn called(&self) -> String {
        match &self.kind {
            Kind::Placed(Place::Unit { name, .. }) => name.clone(),
            Kind::Placed(Place::Container { engine, id, .. }) => {
                let name = self.container.as_ref().and_then(|it| it.name.as_deref());
                let short = || id.get(..12).filter(|_| id.len() == 64).unwrap_or(id);
                format!("{engine} {}", name.unwrap_or_else(short))
            }
            Kind::Placed(Place::Nothing) | Kind::Tree(_) => {
                let main = &self.main().process;
                program::name(main.exe.as_deref(), &main.arguments, &main.name)
            }
        }
    }

    /// What the imports of one of its processes cost, where that was asked for.
    #[must_use]
    pub fn imports(&self) -> Option<&'a Imports> {
        self.members.iter().find_map(|one| one.python.as_ref()?.imports.as_deref())
    }

    fn sum(&self, of: impl Fn(&Watched) -> u64) -> u64 {
        self.members.iter().map(|one| of(one)).sum()
    }

    /// Its share of the memory, in bytes.
    #[must_use]
    pub fn pss(&self) -> u64 {
        self.sum(|one| one.memory.pss)
    }

    /// Its own memory, in bytes: at least what its end would free.
    #[must_use]
    pub fn uss(&self) -> u64 {
        self.sum(|one| one.memory.uss)
    }

    /// Its share of the swap, in bytes.
    #[must_use]
    pub fn swap(&self) -> u64 {
        self.sum(|one| one.memory.swap)
    }

    /// Its anonymous memory and swap, in bytes.
    #[must_use]
    pub fn anon(&self) -> u64 {
        self.sum(Watched::anon)
    }

    /// What was used of what is resident, in thousandths; says something only where used pages were told from others.
    #[must_use]
    pub fn used_milli(&self) -> u64 {
        self.sum(|one| one.memory.referenced) * 1000 / self.sum(|one| one.memory.rss).max(1)
    }

    /// The highest that its processes ever had resident, in bytes; not all at the same time, perhaps.
    #[must_use]
    pub fn peak_rss(&self) -> u64 {
        self.sum(Watched::peak_rss)
    }

    /// CPU time within the window, in milliseconds.
    #[must_use]
    pub fn cpu_ms(&self) -> u64 {
        self.sum(Watched::cpu_ms)
    }

    /// CPU time of children that are none of its processes because they were not there all the time, in thousandths of one CPU.
    #[must_use]
    pub fn children_milli(&self, window_ms: u64) -> u64 {
        self.sum(Watched::children_ms) * 1000 / window_ms.max(1)
    }

    /// CPU time within the window, in thousandths of one CPU.
    #[must_use]
    pub fn cpu_milli(&self, window_ms: u64) -> u64 {
        self.cpu_ms() * 1000 / window_ms.max(1)
    }

    /// Whether it had no more CPU time than so many thousandths of one CPU, and that not for want of one.
    #[must_use]
    pub fn rests(&self, window_ms: u64, cpu_milli: u64) -> bool {
        rests(&self.members, window_ms, cpu_milli)
    }

    /// Wake-ups within the window.
    #[must_use]
    pub fn wakes(&self) -> u64 {
        self.sum(Watched::wakes)
    }

    /// Connections that it served within the window, as far as they were seen. Workers share what they listen on.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.members.iter().map(|one| one.served).max().unwrap_or(0)
    }

    /// Where it can be reached, sorted, each once.
    #[must_use]
    pub fn listens(&self) -> Vec<&'a str> {
        self.places(|one| &one.listens)
    }

    /// Where it is connected to by itself, sorted, each once.
    #[must_use]
    pub fn connected(&self) -> Vec<&'a str> {
        self.places(|one| &one.connected)
    }

    fn places(&self, of: impl Fn(&'a Watched) -> &'a Vec<String>) -> Vec<&'a str> {
        let mut places: Vec<&str> = self.members.iter().flat_map(|one| of(one)).map(String::as_str).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// How long ago it started, in milliseconds.
    #[must_use]
    pub fn age_ms(&self) -> u64 {
        self.members.iter().map(|one| one.age_ms).max().unwrap_or(0)
    }

    /// Whether it is there for containers alone: what waits in a unit for one, or carries its packets.
    #[must_use]
    pub fn serves_containers(&self) -> bool {
        self.members.iter().all(|one| engines::is_helper(&one.process))
    }

    /// Whether ebbd started it: a run of a job already.
    #[must_use]
    pub fn is_run(&self) -> bool {
        matches!(&self.kind, Kind::Placed(Place::Unit { name, .. }) if name == "ebb-runs.service")
            || self.main().process.environment.has("EBB_RUN_ID")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{Seen, watched};

    fn told(seen: &Observation) -> Vec<(String, Vec<i32>)> {
        let of = |service: &Service<'_>| {
            (service.name.clone(), service.members.iter().map(|one| one.process.pid).collect())
        };
        services(seen).iter().map(of).collect()
    }

    #[test]
    fn processes_of_a_unit_are_one_service_whoever_started_them() {
        let mut seen = Seen::default();
        seen.add(10, 1, "/usr/sbin/nginx", "nginx: master process nginx")
            .cgroup("/system.slice/nginx.service")
            .mib(1);
        seen.add(11, 10, "/usr/sbin/nginx", "nginx: worker process")
            .cgroup("/system.slice/nginx.service")
            .mib(4);
        seen.add(20, 1, "/usr/bin/python3", "python3 /srv/a.py").cgroup("/system.slice/a.service").mib(90);
        assert_eq!(
            told(&seen.host()),
            [("a.service".into(), vec![20]), ("nginx.service".into(), vec![10, 11])]
        );
    }

    #[test]
    fn a_tree_ends_where_a_process_group_begins() {
        let mut seen = Seen::default();
        seen.add(5, 1, "/usr/bin/python3", "python3 /usr/bin/supervisord").group(5);
        seen.add(10, 5, "/usr/bin/python3", "python3 /srv/web.py").group(10).mib(50);
        seen.add(11, 10, "/usr/bin/python3", "python3 /srv/web.py").group(10).mib(50);
        seen.add(20, 5, "/usr/bin/python3", "python3 /srv/indexer.py").group(20).mib(70);
        let host = seen.host();
        assert_eq!(
            told(&host),
            [
                ("web.py".into(), vec![10, 11]),
                ("indexer.py".into(), vec![20]),
                ("supervisord".into(), vec![5])
            ]
        );
        let starts: Vec<bool> = services(&host).iter().map(|service| service.starts_others).collect();
        assert_eq!(starts, [false, false, true]);
    }

    #[test]
    fn processes_of_one_program_stay_together_and_interpreters_do_not() {
        let mut seen = Seen::default();
        seen.add(10, 1, "/usr/lib/postgresql/15/bin/postgres", "postgres -D /var").group(10);
        seen.add(11, 10, "/usr/lib/postgresql/15/bin/postgres", "postgres: writer ").group(11);
        seen.add(20, 1, "/usr/bin/bash", "bash").group(20);
        seen.add(21, 20, "/usr/bin/bash", "bash -c x").group(21);
        let told = told(&seen.host());
        assert_eq!(
            told.iter().map(|(_, pids)| pids.clone()).collect::<Vec<_>>(),
            [vec![20], vec![21], vec![10, 11]]
        );
    }

    #[test]
    fn what_a_shell_runs_gives_the_service_its_name() {
        let mut seen = Seen::default();
        seen.add(10, 1, "/usr/bin/dash", "sh /srv/start.sh").group(10);
        seen.add(11, 10, "/usr/bin/python3", "python3 -m indexer").group(10).mib(50);
        assert_eq!(told(&seen.host()), [("indexer".into(), vec![10, 11])]);
    }

    #[test]
    fn a_container_is_about_what_its_first_process_runs() {
        for first in ["/run/podman-init", "/sbin/docker-init", "/usr/bin/tini", "/catatonit"] {
            let mut seen = Seen::default();
            seen.add(10, 1, first, "init -- sh -c indexer.sh").cgroup("/lxc/web");
            seen.add(11, 10, "/usr/bin/dash", "sh -c indexer.sh").cgroup("/lxc/web");
            seen.add(12, 11, "/usr/bin/python3", "python3 indexer.py").cgroup("/lxc/web").mib(70);
            assert_eq!(super::super::testing::first(&seen.host()).main().process.pid, 12, "{first}");
        }
    }

    #[test]
    fn numbers_that_come_round_make_no_ring() {
        let mut host =
            Observation { processes: vec![watched(10, 11), watched(11, 10)], ..Observation::default() };
        for one in &mut host.processes {
            one.process.pgrp = 10;
        }
        assert_eq!(services(&host).iter().map(|service| service.members.len()).sum::<usize>(), 2);
    }
}

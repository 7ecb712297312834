//! What container engines run beside their containers: podman's monitor (conmon), which says by its words what it watches,
//! clients that wait for a container in a unit, helpers for the network. Reads no file.

use std::collections::HashMap;

use super::Watched;
use super::container::Container;
use super::place::Place;
use crate::sys::processes::Process;

/// Programs that are there for a container and go with it.
const HELPERS: [&str; 11] = [
    "aardvark-dns",
    "catatonit",
    "conmon",
    "docker",
    "docker-compose",
    "netavark",
    "pasta",
    "podman",
    "rootlesskit",
    "rootlessport",
    "slirp4netns",
];

/// Whether a process is there for a container alone.
pub(super) fn is_helper(process: &Process) -> bool {
    HELPERS.contains(&program(process))
}

/// The name of its program, without what tells its builds apart (`pasta.avx2`).
fn program(process: &Process) -> &str {
    let exe = process.exe.as_deref().and_then(|exe| exe.file_name()?.to_str());
    exe.unwrap_or(&process.name).split('.').next().unwrap_or_default()
}

/// What podman's monitor of a container says by its words.
struct Monitor<'a> {
    id: &'a str,
    name: Option<&'a str>,
    is_removed: bool,
    /// Whether it watches what was put into the container later (`podman exec`).
    is_of_exec: bool,
}

/// Reads the words of conmon(8), of which those for podman's clean-up follow `--exit-command-arg` one by one.
fn monitor(process: &Process) -> Option<Monitor<'_>> {
    if program(process) != "conmon" {
        return None;
    }
    let (mut id, mut name, mut session, mut is_removed) = (None, None, None, false);
    let mut words = process.arguments.iter().skip(1).map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-c" | "--cid" => id = words.next(),
            "-n" | "--name" => name = words.next(),
            "-u" | "--cuuid" => session = words.next(),
            "--runtime-arg" => drop(words.next()),
            "--exit-command-arg" => is_removed |= words.next() == Some("--rm"),
            _ => {}
        }
    }
    let id = id.filter(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some(Monitor { id, name, is_removed, is_of_exec: session.is_some_and(|session| session != id) })
}

/// The processes of a host, by their numbers.
pub(super) type ByPid<'a> = HashMap<i32, &'a Watched>;

/// The nearest monitor above a process. Its words are believed for that alone: anybody can call something conmon, but not have
/// it be the parent of another's container.
fn monitor_above<'a>(one: &Watched, by_pid: &ByPid<'a>) -> Option<(Monitor<'a>, &'a Watched)> {
    let above = |one: &Watched| by_pid.get(&one.process.ppid).copied();
    // Numbers can come round between two looks, so that the way up is no ring.
    let mut way = std::iter::successors(above(one), |at| above(at)).take(by_pid.len());
    way.find_map(|at| Some((monitor(&at.process)?, at)))
}

/// The container of podman's that a process is in by its parents, for where its control group does not tell
/// (`--cgroups=disabled`, or a user without systemd).
pub(super) fn watched_by_parents(one: &Watched, by_pid: &ByPid<'_>) -> Option<Place> {
    let (monitor, watcher) = monitor_above(one, by_pid)?;
    let uid = watcher.process.uid;
    let of_user = (uid != 0).then(|| uid.to_string());
    Some(Place::Container { engine: "podman", id: monitor.id.to_owned(), of_user })
}

/// What the processes of a host tell of the container with an id, of a user, and these processes; `known` is what its engine has
/// on disk. `placed` is all processes, each with its place.
pub(super) fn tell(
    (id, of_user): (&str, Option<&str>),
    members: &[&Watched],
    known: Option<&Container>,
    placed: &[(&Watched, Place)],
    by_pid: &ByPid<'_>,
) -> Container {
    let mut told = known.cloned().unwrap_or_default();
    let mut monitors = members.iter().filter_map(|one| monitor_above(one, by_pid));
    let own = monitors.find(|(monitor, _)| monitor.id == id && !monitor.is_of_exec);
    if let Some((monitor, watcher)) = own {
        // After a `podman rename` this is the name before, until the container is started again.
        told.name = told.name.or_else(|| monitor.name.map(str::to_owned));
        told.is_removed |= monitor.is_removed;
        told.unit = unit_of_monitor(id, watcher, placed);
    }
    if let (None, Some(name)) = (&told.unit, &told.name) {
        told.unit = unit_of_client(name, of_user, placed);
    }
    told
}

fn monitor_id(process: &Process) -> Option<&str> {
    monitor(process).map(|monitor| monitor.id)
}

/// The unit that podman was called in, where its monitor stays: if it is there for this container alone.
fn unit_of_monitor(id: &str, watcher: &Watched, placed: &[(&Watched, Place)]) -> Option<Place> {
    // These are podman's own, for whatever it is asked to start.
    const PODMANS: [&str; 3] = ["podman.service", "podman-auto-update.service", "podman-restart.service"];
    let (_, place) = placed.iter().find(|(one, _)| one.process.pid == watcher.process.pid)?;
    let Place::Unit { name, .. } = place else { return None };
    let mut beside = placed.iter().filter(|(_, it)| it == place).map(|(one, _)| &one.process);
    let is_its_own = beside.all(|it| is_helper(it) && monitor_id(it).is_none_or(|watched| watched == id));
    (is_its_own && !PODMANS.contains(&name.as_str())).then(|| place.clone())
}

/// The unit, of the same user, in which a client waits for a container, as `docker run --name` or `docker start --attach` does.
fn unit_of_client(name: &str, of_user: Option<&str>, placed: &[(&Watched, Place)]) -> Option<Place> {
    let waits = |process: &Process| {
        let words: Vec<&str> = process.arguments.iter().skip(1).map(String::as_str).collect();
        let names = |pair: &[&str]| pair[0] == "--name" && pair[1] == name;
        let is_told = match words.iter().find(|word| matches!(**word, "run" | "start")) {
            Some(&"start") => words.contains(&name),
            // Any other word could be the image.
            Some(_) => words.windows(2).any(names) || words.contains(&format!("--name={name}").as_str()),
            None => false,
        };
        is_told && matches!(program(process), "docker" | "podman")
    };
    let is_same =
        |place: &Place| matches!(place, Place::Unit { of_user: of, .. } if of.as_deref() == of_user);
    let (_, place) = placed.iter().find(|(one, place)| is_same(place) && waits(&one.process))?;
    Some(place.clone())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Seen;
    use super::super::{Kind, Observation, Service, services};
    use super::*;

    const ID: &str = "4f1c6a0a8a5d4c6c9b1e2f3a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7";
    const SCOPE: &str = "/machine.slice/libpod-4f1c6a0a8a5d4c6c9b1e2f3a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7.scope/container";

    /// A monitor of podman 5 with what matters of its words.
    fn conmon(seen: &mut Seen, pid: i32, name: &str, rest: &str, cgroup: &str) {
        let line = format!(
            "/usr/bin/conmon --api-version 1 -c {ID} -u {ID} -r /usr/bin/crun -n {name} --runtime-arg -n --exit-command \
             /usr/bin/podman --exit-command-arg container --exit-command-arg cleanup{rest} --exit-command-arg {ID}"
        );
        seen.add(pid, 1, "/usr/bin/conmon", &line).cgroup(cgroup);
    }

    fn told(host: &Observation) -> (String, Container) {
        let services = services(host);
        let found = services.iter().find(|service| service.container.is_some()).unwrap();
        (found.name.clone(), found.container.clone().unwrap())
    }

    #[test]
    fn a_container_of_podmans_is_called_what_its_monitor_says() {
        let mut seen = Seen::default();
        conmon(&mut seen, 10, "indexer", "", "/user.slice/user-0.slice/session-1.scope");
        seen.add(11, 10, "/usr/bin/python3", "python3 indexer.py").cgroup(SCOPE).mib(70);
        let expected = Container { name: Some("indexer".to_owned()), ..Container::default() };
        assert_eq!(told(&seen.host()), ("podman indexer".to_owned(), expected));
    }

    #[test]
    fn what_was_put_in_later_and_what_is_gone_when_it_stops_is_told_apart() {
        let mut seen = Seen::default();
        let exec = format!("conmon -c {ID} -u {} -n other", "0".repeat(64));
        seen.add(9, 1, "/usr/bin/conmon", &exec);
        conmon(&mut seen, 10, "indexer", " --exit-command-arg --rm", "/");
        seen.add(11, 10, "/usr/bin/python3", "python3 indexer.py").cgroup(SCOPE);
        let (name, container) = told(&seen.host());
        assert_eq!((name.as_str(), container.is_removed), ("podman indexer", true));
    }

    #[test]
    fn nobody_says_anything_of_another_ones_container() {
        let session = "/user.slice/user-0.slice/session-1.scope";
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice";
        for (cgroup, evil) in [
            (SCOPE.to_owned(), "/user.slice/user-1000.slice/session-2.scope".to_owned()),
            (session.to_owned(), "/user.slice/user-1000.slice/session-2.scope".to_owned()),
            (SCOPE.to_owned(), format!("{user}/libpod-{ID}.scope")),
        ] {
            // A container that was started anew has a monitor that is younger than the user's.
            for pids in [[10, 20], [11, 9]] {
                let mut seen = Seen::default();
                conmon(&mut seen, pids[0], "indexer", "", session);
                seen.add(12, pids[0], "/usr/bin/python3", "python3 indexer.py").cgroup(&cgroup);
                // A user's program by that name, with the id of root's container.
                conmon(&mut seen, pids[1], "postgres", " --exit-command-arg --rm", &evil);
                seen.last().process.uid = 1000;
                seen.add(22, pids[1], "/usr/bin/python3", "python3 evil.py")
                    .cgroup(&evil)
                    .mib(400)
                    .process
                    .uid = 1000;
                let host = seen.host();
                let services = services(&host);
                let is_roots =
                    |service: &&Service<'_>| service.members.iter().any(|one| one.process.pid == 12);
                let roots = services.iter().find(is_roots).unwrap();
                let expected = Container { name: Some("indexer".to_owned()), ..Container::default() };
                assert_eq!(
                    (roots.container.as_ref(), roots.members.len()),
                    (Some(&expected), 1),
                    "{cgroup} {evil}"
                );
            }
        }
    }

    #[test]
    fn whose_container_it_is_its_control_group_says_or_its_monitor() {
        let user = "/user.slice/user-1000.slice/user@1000.service/user.slice";
        let session = "/user.slice/user-1000.slice/session-2.scope".to_owned();
        for (cgroup, payload) in [
            (format!("{user}/libpod-conmon-{ID}.scope"), format!("{user}/libpod-{ID}.scope/container")),
            // crun without systemd, and podman without control groups.
            (format!("{user}/podman-7.scope"), format!("{user}/{ID}")),
            (session.clone(), session),
        ] {
            let mut seen = Seen::default();
            conmon(&mut seen, 10, "mine", "", &cgroup);
            seen.last().process.uid = 1000;
            seen.add(11, 10, "/usr/bin/python3", "python3 indexer.py").cgroup(&payload).process.uid = 101_499;
            let host = seen.host();
            let services = services(&host);
            let found = services.iter().find(|service| service.container.is_some()).unwrap();
            let Kind::Placed(Place::Container { of_user, .. }) = &found.kind else { panic!("{found:?}") };
            assert_eq!((found.name.as_str(), of_user.as_deref()), ("podman mine", Some("1000")), "{payload}");
        }
    }

    #[test]
    fn a_unit_that_is_there_for_it_alone_starts_it() {
        let unit = |shape: fn(&mut Seen)| {
            let mut seen = Seen::default();
            conmon(&mut seen, 10, "systemd-indexer", "", "/system.slice/indexer.service/runtime");
            let payload = format!("/system.slice/indexer.service/libpod-payload-{ID}");
            seen.add(11, 10, "/usr/bin/python3", "python3 indexer.py").cgroup(&payload);
            seen.add(12, 1, "/usr/bin/pasta.avx2", "pasta -t none")
                .cgroup("/system.slice/indexer.service/runtime");
            shape(&mut seen);
            told(&seen.host()).1.unit_name().map(str::to_owned)
        };
        assert_eq!(unit(|_| {}).as_deref(), Some("indexer.service"));
        // Something that calls podman among other things is not turned off for one container.
        let shell = |seen: &mut Seen| {
            seen.add(13, 1, "/usr/bin/bash", "bash deploy.sh").cgroup("/system.slice/indexer.service");
        };
        assert_eq!(unit(shell), None);
        let another = |seen: &mut Seen| {
            let line = format!("conmon -c {} -n other", "0".repeat(64));
            seen.add(14, 1, "/usr/bin/conmon", &line).cgroup("/system.slice/indexer.service");
        };
        assert_eq!(unit(another), None);
        // What podman's socket is asked for is started by podman's own unit.
        let by_socket = |seen: &mut Seen| seen.everywhere("indexer.service", "podman.service");
        assert_eq!(unit(by_socket), None);
    }

    #[test]
    fn a_unit_in_which_a_client_waits_starts_it() {
        let unit = |line: &str, cgroup: &str| {
            let mut seen = Seen::default();
            seen.add(10, 1, "/usr/bin/docker", line).cgroup(cgroup);
            seen.add(11, 1, "/usr/bin/python3", "python3 indexer.py").cgroup(&format!("/docker/{ID}"));
            let mut host = seen.host();
            let name = Some("indexer".to_owned());
            host.containers.insert(ID.to_owned(), Container { name, ..Container::default() });
            told(&host).1.unit_name().map(str::to_owned)
        };
        let service = "/system.slice/x.service";
        assert_eq!(unit("docker run --rm --name indexer image", service).as_deref(), Some("x.service"));
        assert_eq!(unit("docker run --name=indexer image", service).as_deref(), Some("x.service"));
        assert_eq!(unit("docker start -a indexer", service).as_deref(), Some("x.service"));
        assert_eq!(unit("docker logs -f indexer", service), None);
        assert_eq!(unit("docker run --name other indexer", service), None, "an image of that name");
        assert_eq!(unit("docker run --name indexer image", "/user.slice/user-0.slice/session-1.scope"), None);
        let users = "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service";
        assert_eq!(
            unit("docker run --name indexer image", users),
            None,
            "a user's, and the container root's"
        );
    }

    #[test]
    fn monitors_whose_parents_come_round_make_no_ring() {
        let mut seen = Seen::default();
        seen.add(10, 11, "/usr/bin/python3", "python3 a.py");
        seen.add(11, 10, "/usr/bin/python3", "python3 b.py");
        assert!(services(&seen.host()).iter().all(|service| service.container.is_none()));
    }
}

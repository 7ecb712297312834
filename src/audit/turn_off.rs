//! What turns a candidate's daemon off and its job on, and back again, as a page for people. Changes nothing itself.

use crate::problem::one_line;

use super::container::{Compose, Container};
use super::place::Place;
use super::{Kind, Service};

/// Who started the service: the name of that process and its pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// What it runs.
    pub name: String,
    /// Its number.
    pub pid: i32,
}

/// What is known besides the service itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Besides {
    /// Who started it.
    pub starter: Option<Starter>,
    /// Whether its unit was made by a generator (systemd.generator(7)), as that of a quadlet: it can't be disabled.
    pub is_generated: bool,
    /// The user whose engine runs its container, where that is not who asks.
    pub owner: Option<String>,
}

/// The page, as Markdown.
#[must_use]
pub fn page(service: &Service<'_>, job: &str, besides: &Besides) -> String {
    let (off, on) = change(service, besides);
    let is_in_image =
        matches!(service.kind, Kind::Placed(Place::Container { engine, .. }) if engine != "lxc");
    let (put, begin, take) = if is_in_image {
        (
            format!(
                "Read `{job}.toml`, say when it is due, and put it among the job files (`/etc/ebb/jobs.d`) of an image like the\n   \
                 container's, whose first process is ebbd (docs/containers.md); `ebb check` says there what is wrong with it."
            ),
            format!(
                "Start a container of that image, and see a first run in it: `ebb run-now {job} --follow`."
            ),
            "stop the container of that image, and".to_owned(),
        )
    } else {
        (
            format!(
                "Read `{job}.toml`, say when it is due, and put it among the job files (`/etc/ebb/jobs.d`); `ebb check` says what is\n   \
                 wrong with it."
            ),
            format!(
                "Put the job into force, and see a first run: `ebb reload`, then `ebb run-now {job} --follow`."
            ),
            format!("take `{job}.toml` away, `ebb reload`, and"),
        )
    };
    format!(
        "# From `{name}` to the job `{job}`\n\n\
         `ebb audit` can't see whether the daemon holds state that matters: what it keeps in memory between two pieces of work\n\
         (caches, locks, connections, a place in a stream) is gone at the end of each run.\n\n\
         1. Have the program do one piece of work and exit: without its loop and its sleep, or by a flag of its own.\n\
         2. {put}\n\
         3. Turn the daemon off:\n{off}\
         4. {begin}\n\
         5. From a few runs on: `ebb suggest {job}` for its limits, `ebb report` for what it saves.\n\n\
         Back again: {take}\n{on}",
        name = shown(&service.name),
    )
}

/// What turns the daemon off, and on again: each an indented block.
fn change(service: &Service<'_>, besides: &Besides) -> (String, String) {
    match &service.kind {
        Kind::Placed(Place::Unit { name, of_user }) => {
            of_unit(name, of_user.as_deref(), besides.is_generated)
        }
        Kind::Placed(Place::Container { engine, id, .. }) => {
            let unknown = Container::default();
            of_container(engine, id, service.container.as_ref().unwrap_or(&unknown), besides)
        }
        Kind::Placed(Place::Nothing) | Kind::Tree(_) => of_tree(service, besides.starter.as_ref()),
    }
}

fn of_unit(name: &str, of_user: Option<&str>, is_generated: bool) -> (String, String) {
    let manager = of_user.map_or_else(
        || "systemctl".to_owned(),
        |uid| match uid {
            "0" => "systemctl --user".to_owned(),
            uid => format!("systemctl --user -M {}", word(&format!("{uid}@"))),
        },
    );
    let stem = word(&format!("{}.*", name.strip_suffix(".service").unwrap_or(name)));
    let name = &word(name);
    let others = format!(
        "   Where a timer, a socket or a path starts it (`{manager} list-units --all {stem}`), that one, too.\n"
    );
    if is_generated {
        // To mask it first would take from systemd what it is to stop it by.
        let off =
            "   A generator makes the unit (a quadlet, for one), so that to disable it would not last:\n"
                .to_owned()
                + &block(&[&format!("{manager} stop {name}"), &format!("{manager} mask {name}")]);
        let on = block(&[&format!("{manager} unmask {name}"), &format!("{manager} start {name}")]);
        return (off + &others, on);
    }
    (
        block(&[&format!("{manager} disable --now {name}")]) + &others,
        block(&[&format!("{manager} enable --now {name}")]),
    )
}

fn of_container(engine: &str, id: &str, container: &Container, besides: &Besides) -> (String, String) {
    let of_owner = besides.owner.as_ref().map_or_else(String::new, |owner| {
        let (name, login) = (shown(owner), shown(&word(owner)));
        format!("   As user `{name}` (`su - {login}`):\n")
    });
    if let Some(compose) = &container.compose {
        return of_compose(compose, &of_owner);
    }
    if let Some(Place::Unit { name, of_user }) = &container.unit {
        return of_unit(name, of_user.as_deref(), besides.is_generated);
    }
    let short = if id.len() == 64 { &id[..12] } else { id };
    let name = &word(container.name.as_deref().unwrap_or(short));
    let (off, on) = match engine {
        "docker" => of_docker(name, container),
        "podman" => of_podman(name, container),
        "lxc" => (
            block(&[&format!("lxc-stop -n {name}")]) + "   and `lxc.start.auto = 0` in its configuration.\n",
            block(&[&format!("lxc-start -n {name}")]),
        ),
        "kubernetes" => (
            format!(
                "   scale its Deployment to 0 (the pod of container {name}): `kubectl scale deployment NAME --replicas=0`. There a\n   \
                 CronJob may be the better job.\n"
            ),
            block(&["kubectl scale deployment NAME --replicas=1"]),
        ),
        _ => (
            format!("   stop the container {name} with the engine that runs it.\n"),
            "   start it there again.\n".to_owned(),
        ),
    };
    (of_owner.clone() + &off, of_owner + &on)
}

fn of_compose(compose: &Compose, of_owner: &str) -> (String, String) {
    let project = compose.project.iter().map(|project| format!(" -p {}", word(project)));
    let files = compose.files.iter().map(|file| format!(" -f {}", word(file)));
    // All of them: from the first one alone it would come back without what the others change.
    let command: String = std::iter::once("docker compose".to_owned()).chain(project).chain(files).collect();
    let service = word(&compose.service);
    let (file, key) = (shown(compose.files.first().map_or("compose.yaml", String::as_str)), shown(&service));
    let off = format!(
        "   In `{file}`, give the service a profile, so that `docker compose up` leaves it out:\n\n   ```yaml\n   services:\n     \
         {key}:\n       profiles: [\"off\"]\n   ```\n   and stop the one that runs:\n"
    ) + of_owner
        + &block(&[&format!("{command} stop {service}")]);
    let on = format!("   without `profiles` in `{file}`:\n")
        + of_owner
        + &block(&[&format!("{command} up -d {service}")]);
    (off, on)
}

fn of_docker(name: &str, container: &Container) -> (String, String) {
    let stop = format!("docker stop {name}");
    let start = format!("docker start {name}");
    let never = format!("docker update --restart=no {name}");
    if container.is_removed {
        return gone("docker", name, &stop);
    }
    match container.restart.as_deref() {
        Some("no") => (block(&[&stop]), block(&[&start])),
        Some(policy) => {
            let again = format!("docker update --restart={} {name}", word(policy));
            (block(&[&never, &stop]), block(&[&again, &start]))
        }
        None => (
            block(&[&never, &stop]),
            block(&[&start]) + "   and `docker update --restart=` what it had before.\n",
        ),
    }
}

fn of_podman(name: &str, container: &Container) -> (String, String) {
    let stop = format!("podman stop {name}");
    if container.is_removed {
        return gone("podman", name, &stop);
    }
    let at_boot = "   With a restart policy, and with `podman-restart.service` enabled, it is there again after a boot. From podman 5.1 on\n   "
        .to_owned()
        + &format!("`podman update --restart=no {}` takes the policy away.\n", shown(name));
    (block(&[&stop]) + &at_boot, block(&[&format!("podman start {name}")]))
}

/// Of a container that was started with `--rm`.
fn gone(engine: &str, name: &str, stop: &str) -> (String, String) {
    let off = block(&[stop])
        + &format!(
            "   It was started with `--rm`, so then it is gone: `{engine} inspect {}` says before what it was started with.\n",
            shown(name)
        );
    (off, format!("   start it as before (`{engine} run`).\n"))
}

fn of_tree(service: &Service<'_>, starter: Option<&Starter>) -> (String, String) {
    let pid = service.main().process.pid;
    let Some(Starter { name, pid: by }) = starter.filter(|starter| starter.pid != 1) else {
        return (
            "   Nothing that is known starts it. Take it out of whatever does at boot, and end it:\n"
                .to_owned()
                + &block(&[&format!("kill {pid}")]),
            "   start it as before.\n".to_owned(),
        );
    };
    let name = &shown(name);
    match name.as_str() {
        "supervisord" => (
            "   in its `[program:...]` of supervisord's configuration write `autostart=false`, then\n"
                .to_owned()
                + &block(&["supervisorctl reread", "supervisorctl stop NAME"]),
            block(&["supervisorctl start NAME"]) + "   and `autostart=true`.\n",
        ),
        "runsv" | "s6-supervise" => (
            "   put a file `down` into its service directory, then `sv down DIR` or `s6-svc -d DIR`.\n"
                .to_owned(),
            "   remove `down`, then `sv up DIR` or `s6-svc -u DIR`.\n".to_owned(),
        ),
        _ => (
            format!(
                "   it was started by `{name}` (pid {by}): have that not start it any more, and end it:\n"
            ) + &block(&[&format!("kill {pid}")]),
            format!("   have `{name}` start it.\n"),
        ),
    }
}

/// As one word of a shell's: names come from others, and people copy the line.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    let text = one_line(text);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text;
    }
    // `./-x` is no name of a unit or container, but neither is it an option.
    let dash = if text.starts_with('-') { "./" } else { "" };
    format!("'{dash}{}'", text.replace('\'', "'\\''"))
}

/// Between backquotes.
fn shown(text: &str) -> String {
    one_line(text).replace('`', "'")
}

/// Commands, one a line.
fn block(commands: &[&str]) -> String {
    format!("\n   ```console\n   {}\n   ```\n", commands.join("\n   "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{Seen, first};

    const ID: &str = "4f1c6a0a8a5d4c6c9b1e2f3a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7";

    fn told(cgroup: &str, container: Option<&Container>, besides: &Besides) -> String {
        let mut seen = Seen::default();
        seen.add(42, 7, "/usr/bin/python3", "python3 x.py").cgroup(cgroup);
        let mut host = seen.host();
        host.containers.extend(container.map(|container| (ID.to_owned(), container.clone())));
        page(&first(&host), "x", besides)
    }

    fn plain(name: &str) -> Container {
        Container { name: Some(name.to_owned()), ..Container::default() }
    }

    fn started_by(name: &str) -> Besides {
        Besides { starter: Some(Starter { name: name.to_owned(), pid: 7 }), ..Besides::default() }
    }

    /// What is to be typed to turn it off, and to turn it on again.
    fn commands(page: &str) -> (Vec<&str>, Vec<&str>) {
        let (off, on) = page.split_once("Back again").unwrap();
        let typed = |text| {
            let mut is_command = false;
            let mut commands = Vec::new();
            for line in str::lines(text).map(str::trim) {
                match line {
                    "```console" => is_command = true,
                    "```" => is_command = false,
                    line if is_command => commands.push(line),
                    _ => {}
                }
            }
            commands
        };
        (typed(off), typed(on))
    }

    #[test]
    fn each_manager_is_told_in_its_own_words() {
        let docker = format!("/docker/{ID}");
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service";
        let none = Besides::default();
        for (page, line) in [
            (told("/system.slice/x.service", None, &none), "systemctl disable --now x.service"),
            (told(user, None, &none), "systemctl --user -M 1000@ disable --now x.service"),
            (told(&docker, Some(&plain("web-1")), &none), "docker stop web-1"),
            (told(&docker, None, &none), "docker update --restart=no 4f1c6a0a8a5d"),
            (told("/kubepods/burstable/pod1/x", None, &started_by("supervisord")), "supervisorctl stop NAME"),
            (told(&format!("/kubepods/burstable/pod1/{ID}"), None, &none), "kubectl scale deployment"),
            (told("/", None, &started_by("start.sh")), "`start.sh` (pid 7)"),
            (told("/", None, &none), "kill 42"),
        ] {
            assert!(page.contains(line), "{line}\n{page}");
            assert!(page.contains("Back again"), "{page}");
        }
    }

    #[test]
    fn a_container_comes_back_as_it_was() {
        let docker = |container: Container| {
            let page = told(&format!("/docker/{ID}"), Some(&container), &Besides::default());
            let (off, on) = commands(&page);
            format!("{}; {}", off.join(", "), on.join(", "))
        };
        let restarts = |policy: &str| Container { restart: Some(policy.to_owned()), ..plain("a") };
        assert_eq!(docker(restarts("no")), "docker stop a; docker start a");
        assert_eq!(
            docker(restarts("on-failure:5")),
            "docker update --restart=no a, docker stop a; docker update --restart=on-failure:5 a, docker start a"
        );
        let removed = Container { is_removed: true, ..restarts("no") };
        assert_eq!(docker(removed.clone()), "docker stop a; ");
        let page = told(&format!("/docker/{ID}"), Some(&removed), &Besides::default());
        assert!(page.contains("then it is gone: `docker inspect a`"), "{page}");

        let files = ["/srv/shop/compose.yaml", "/srv/shop/compose.override.yaml"].map(str::to_owned).to_vec();
        let compose = Compose { service: "web".to_owned(), project: Some("shop".to_owned()), files };
        let compose = Container { compose: Some(compose), ..plain("shop-web-1") };
        let command = "docker compose -p shop -f /srv/shop/compose.yaml -f /srv/shop/compose.override.yaml";
        assert_eq!(docker(compose.clone()), format!("{command} stop web; {command} up -d web"));
        let page = told(&format!("/docker/{ID}"), Some(&compose), &Besides::default());
        assert!(page.contains("In `/srv/shop/compose.yaml`, give the service a profile"), "{page}");
        assert!(page.contains("     web:\n       profiles: [\"off\"]\n"), "{page}");
    }

    #[test]
    fn podman_is_asked_as_the_user_whose_container_it_is() {
        let cgroup = format!("/machine.slice/libpod-{ID}.scope");
        let owner = |owner: &str| Besides { owner: Some(owner.to_owned()), ..Besides::default() };
        let page = told(&cgroup, Some(&plain("mine")), &owner("app"));
        assert_eq!(commands(&page), (vec!["podman stop mine"], vec!["podman start mine"]));
        let (off, on) = page.split_once("Back again").unwrap();
        for part in [off, on] {
            assert!(part.contains("As user `app` (`su - app`):\n\n   ```console\n   podman "), "{page}");
        }
        let page = told(&cgroup, Some(&plain("mine")), &Besides::default());
        assert!(!page.contains("As user"), "{page}");
    }

    #[test]
    fn a_container_that_a_unit_starts_is_turned_off_by_it() {
        let unit = |of_user: Option<&str>| {
            let unit = Place::Unit { name: "x.service".to_owned(), of_user: of_user.map(str::to_owned) };
            Some(Container { unit: Some(unit), ..plain("systemd-x") })
        };
        let docker = format!("/docker/{ID}");
        let page = told(&docker, unit(None).as_ref(), &Besides::default());
        assert_eq!(
            commands(&page),
            (vec!["systemctl disable --now x.service"], vec!["systemctl enable --now x.service"])
        );
        let generated = Besides { is_generated: true, owner: Some("app".to_owned()), ..Besides::default() };
        let page = told(&docker, unit(Some("1000")).as_ref(), &generated);
        let manager = "systemctl --user -M 1000@";
        let (off, on) = commands(&page);
        assert_eq!(off, [format!("{manager} stop x.service"), format!("{manager} mask x.service")]);
        assert_eq!(on, [format!("{manager} unmask x.service"), format!("{manager} start x.service")]);
    }

    #[test]
    fn a_job_of_a_container_belongs_into_one() {
        let page = told(&format!("/docker/{ID}"), None, &Besides::default());
        assert!(page.contains("of an image like the") && page.contains("docs/containers.md"), "{page}");
        assert!(!page.contains("ebb reload"), "{page}");
        let page = told("/system.slice/x.service", None, &Besides::default());
        assert!(page.contains("take `x.toml` away, `ebb reload`, and"), "{page}");
    }

    #[test]
    fn names_that_others_chose_are_neither_commands_nor_markdown() {
        let evil = "a;id\n```\n$(id)`id`";
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice";
        let compose = Compose {
            service: evil.into(),
            project: Some(evil.into()),
            files: vec![evil.into(), evil.into()],
        };
        let compose = Container { compose: Some(compose), ..plain(evil) };
        let removed = Container { is_removed: true, ..plain(evil) };
        let restarts = Container { restart: Some(evil.to_owned()), ..plain(evil) };
        let docker = format!("/docker/{ID}");
        let podman = format!("/machine.slice/libpod-{ID}.scope");
        let owner = Besides { owner: Some(evil.to_owned()), ..Besides::default() };
        let generated = Besides { is_generated: true, ..Besides::default() };
        for page in [
            told(&format!("{user}/a;id `id`.service"), None, &generated),
            told(&format!("{user}/a;id `id`.service"), None, &Besides::default()),
            told("/lxc.payload.a;id `id`", None, &Besides::default()),
            told(&docker, Some(&compose), &owner),
            told(&docker, Some(&plain(evil)), &owner),
            told(&docker, Some(&restarts), &owner),
            told(&docker, Some(&removed), &owner),
            told(&podman, Some(&plain(evil)), &owner),
            told(&podman, Some(&removed), &owner),
            told("/", None, &started_by(evil)),
        ] {
            let fences = page.lines().filter(|line| line.trim_start().starts_with("```")).count();
            assert!(fences % 2 == 0 && !page.lines().any(|line| line.starts_with("```")), "{page}");
            // What a shell would run is inside of quotes.
            let (off, on) = commands(&page);
            for line in off.iter().chain(&on) {
                let bare: String = line.split('\'').step_by(2).collect();
                assert!(!bare.contains([';', '`', '$']), "{line}");
            }
        }
        assert_eq!(word("it's"), "'it'\\''s'");
        assert_eq!(word("--host=evil.service"), "'./--host=evil.service'");
    }
}

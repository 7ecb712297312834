//! What turns a candidate's daemon off and its job on, and back again, as a page for people. Changes nothing itself.

use crate::problem::one_line;

use super::place::Place;
use super::{Kind, Service};

/// What the engine of a container knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// What people call it.
    pub name: String,
    /// Its service in a compose file, and that file.
    pub compose: Option<(String, String)>,
}

/// Who started the service: the name of that process and its pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// What it runs.
    pub name: String,
    /// Its number.
    pub pid: i32,
}

/// The page, as Markdown.
#[must_use]
pub fn page(
    service: &Service<'_>,
    job: &str,
    container: Option<&Container>,
    starter: Option<&Starter>,
) -> String {
    let (off, on) = change(service, container, starter);
    format!(
        "# From `{name}` to the job `{job}`\n\n\
         `ebb audit` can't see whether the daemon holds state that matters: what it keeps in memory between two pieces of work\n\
         (caches, locks, connections, a place in a stream) is gone at the end of each run.\n\n\
         1. Have the program do one piece of work and exit: without its loop and its sleep, or by a flag of its own.\n\
         2. Read `{job}.toml`, say when it is due, and put it among the job files (`/etc/ebb/jobs.d`); `ebb check` says what is\n   \
         wrong with it.\n\
         3. Turn the daemon off:\n{off}\
         4. Put the job into force, and see a first run: `ebb reload`, then `ebb run-now {job} --follow`.\n\
         5. From a few runs on: `ebb suggest {job}` for its limits, `ebb report` for what it saves.\n\n\
         Back again: take `{job}.toml` away, `ebb reload`, and\n{on}",
        name = shown(&service.name),
    )
}

/// What turns the daemon off, and on again: each an indented block.
fn change(
    service: &Service<'_>,
    container: Option<&Container>,
    starter: Option<&Starter>,
) -> (String, String) {
    match &service.kind {
        Kind::Placed(Place::Unit { name, of_user }) => of_unit(name, of_user.as_deref()),
        Kind::Placed(Place::Container { engine, id }) => of_container(engine, id, container),
        Kind::Placed(Place::Nothing) | Kind::Tree(_) => of_tree(service, starter),
    }
}

fn of_unit(name: &str, of_user: Option<&str>) -> (String, String) {
    let manager = of_user.map_or_else(
        || "systemctl".to_owned(),
        |uid| match uid {
            "0" => "systemctl --user".to_owned(),
            uid => format!("systemctl --user -M {}", word(&format!("{uid}@"))),
        },
    );
    let stem = word(&format!("{}.*", name.strip_suffix(".service").unwrap_or(name)));
    let name = &word(name);
    let off = block(&format!("{manager} disable --now {name}"))
        + &format!(
            "   Where a timer, a socket or a path starts it (`{manager} list-units --all {stem}`), that one, too.\n"
        );
    (off, block(&format!("{manager} enable --now {name}")))
}

fn of_container(engine: &str, id: &str, container: Option<&Container>) -> (String, String) {
    if let Some((service, file)) = container.and_then(|it| it.compose.as_ref()) {
        let (service, file, key) = (word(service), word(file), shown(service));
        let off = format!(
            "   In `{file}`, give the service a profile, so that `docker compose up` leaves it out:\n\n   ```yaml\n   services:\n     \
             {key}:\n       profiles: [\"off\"]\n   ```\n   and stop the one that runs:\n"
        ) + &block(&format!("docker compose -f {file} stop {service}"));
        let on = format!("   without `profiles` in `{file}`:\n")
            + &block(&format!("docker compose -f {file} up -d {service}"));
        return (off, on);
    }
    let short = if id.len() == 64 { &id[..12] } else { id };
    let name = &word(container.map_or(short, |it| it.name.as_str()));
    match engine {
        "docker" | "podman" => (
            block(&format!("{engine} update --restart=no {name}\n   {engine} stop {name}")),
            block(&format!("{engine} start {name}")),
        ),
        "lxc" => (
            block(&format!("lxc-stop -n {name}")) + "   and `lxc.start.auto = 0` in its configuration.\n",
            block(&format!("lxc-start -n {name}")),
        ),
        "kubernetes" => (
            format!(
                "   scale its Deployment to 0 (the pod of container {name}): `kubectl scale deployment NAME --replicas=0`. There a\n   \
                 CronJob may be the better job.\n"
            ),
            block("kubectl scale deployment NAME --replicas=1"),
        ),
        _ => (
            format!("   stop the container {name} with the engine that runs it.\n"),
            "   start it there again.\n".to_owned(),
        ),
    }
}

fn of_tree(service: &Service<'_>, starter: Option<&Starter>) -> (String, String) {
    let pid = service.main().process.pid;
    let Some(Starter { name, pid: by }) = starter.filter(|starter| starter.pid != 1) else {
        return (
            "   Nothing that is known starts it. Take it out of whatever does at boot, and end it:\n"
                .to_owned()
                + &block(&format!("kill {pid}")),
            "   start it as before.\n".to_owned(),
        );
    };
    let name = &shown(name);
    match name.as_str() {
        "supervisord" => (
            "   in its `[program:...]` of supervisord's configuration write `autostart=false`, then\n"
                .to_owned()
                + &block("supervisorctl reread\n   supervisorctl stop NAME"),
            block("supervisorctl start NAME") + "   and `autostart=true`.\n",
        ),
        "runsv" | "s6-supervise" => (
            "   put a file `down` into its service directory, then `sv down DIR` or `s6-svc -d DIR`.\n"
                .to_owned(),
            "   remove `down`, then `sv up DIR` or `s6-svc -u DIR`.\n".to_owned(),
        ),
        _ => (
            format!(
                "   it was started by `{name}` (pid {by}): have that not start it any more, and end it:\n"
            ) + &block(&format!("kill {pid}")),
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

fn block(command: &str) -> String {
    format!("\n   ```console\n   {command}\n   ```\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{Seen, first};

    const ID: &str = "4f1c6a0a8a5d4c6c9b1e2f3a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7";

    fn told(cgroup: &str, container: Option<&Container>, starter: Option<&str>) -> String {
        let mut seen = Seen::default();
        seen.add(42, 7, "/usr/bin/python3", "python3 x.py").cgroup(cgroup);
        let host = seen.host();
        let starter = starter.map(|name| Starter { name: name.to_owned(), pid: 7 });
        page(&first(&host), "x", container, starter.as_ref())
    }

    #[test]
    fn each_manager_is_told_in_its_own_words() {
        let compose =
            Container { name: "web-1".into(), compose: Some(("web".into(), "/srv/compose.yaml".into())) };
        let plain = Container { name: "web-1".into(), compose: None };
        let docker = format!("/docker/{ID}");
        for (page, line) in [
            (told("/system.slice/x.service", None, None), "systemctl disable --now x.service"),
            (
                told("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", None, None),
                "systemctl --user -M 1000@ disable --now x.service",
            ),
            (told(&docker, Some(&compose), None), "docker compose -f /srv/compose.yaml stop web"),
            (told(&docker, Some(&compose), None), "profiles: [\"off\"]"),
            (told(&docker, Some(&plain), None), "docker stop web-1"),
            (told(&docker, None, None), "docker update --restart=no 4f1c6a0a8a5d"),
            (told("/kubepods/burstable/pod1/x", None, Some("supervisord")), "supervisorctl stop NAME"),
            (told(&format!("/kubepods/burstable/pod1/{ID}"), None, None), "kubectl scale deployment"),
            (told("/", None, Some("start.sh")), "`start.sh` (pid 7)"),
            (told("/", None, None), "kill 42"),
        ] {
            assert!(page.contains(line), "{line}\n{page}");
            assert!(page.contains("Back again"), "{page}");
        }
    }

    #[test]
    fn names_that_others_chose_are_neither_commands_nor_markdown() {
        let evil = "a;id\n```\n$(id)`id`";
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice";
        let compose = Container { name: evil.into(), compose: Some((evil.into(), evil.into())) };
        let plain = Container { name: evil.into(), compose: None };
        for page in [
            told(&format!("{user}/a;id `id`.service"), None, None),
            told("/lxc.payload.a;id `id`", None, None),
            told(&format!("/docker/{ID}"), Some(&compose), None),
            told(&format!("/docker/{ID}"), Some(&plain), None),
            told("/", None, Some(evil)),
        ] {
            let fences = page.lines().filter(|line| line.trim_start().starts_with("```")).count();
            assert!(fences % 2 == 0 && !page.lines().any(|line| line.starts_with("```")), "{page}");
            // What a shell would run is inside of quotes.
            let mut is_command = false;
            for line in page.lines() {
                match line.trim() {
                    "```console" => is_command = true,
                    "```" => is_command = false,
                    line if is_command => {
                        let bare: String = line.split('\'').step_by(2).collect();
                        assert!(!bare.contains([';', '`', '$']), "{line}");
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(word("it's"), "'it'\\''s'");
        assert_eq!(word("--host=evil.service"), "'./--host=evil.service'");
    }
}

//! Which systemd unit or which container a control group belongs to, by its path. Knows no process.

/// What a control group is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A unit of the system's service manager, or of a user's.
    Unit {
        /// Such as `nginx.service`.
        name: String,
        /// The uid whose manager it is of; none for the system's.
        of_user: Option<String>,
    },
    /// A container.
    Container {
        /// `docker`, `podman`, `kubernetes`, `lxc`; `container` where only its id is known.
        engine: &'static str,
        /// Its id in full, or its name.
        id: String,
        /// The uid of the user whose engine runs it; none where that is root. Who can make control groups of their own can give
        /// them any name, also that of another's container.
        of_user: Option<String>,
    },
    /// Neither: a login, a shell, what was started by hand, or a host without either.
    Nothing,
}

/// The place that a path of a control group stands for; the path of who looks is no container to them.
#[must_use]
pub fn of(path: &str, own: &str) -> Place {
    if path == own && unit(path).is_none() {
        return Place::Nothing;
    }
    // A unit within a container is named by the container: it is what one can turn off from here.
    container(path).or_else(|| unit(path)).unwrap_or(Place::Nothing)
}

/// The innermost service: scopes and slices hold what others started.
fn unit(path: &str) -> Option<Place> {
    let parts: Vec<&str> = path.split('/').collect();
    let name = parts.iter().rev().find(|part| part.ends_with(".service") && !part.starts_with("user@"))?;
    Some(Place::Unit { name: unescaped(name), of_user: manager(path).map(str::to_owned) })
}

/// The uid whose service manager a control group is below; none for the system's.
#[must_use]
pub fn manager(path: &str) -> Option<&str> {
    path.split('/').find_map(|part| part.strip_prefix("user@")?.strip_suffix(".service"))
}

fn container(path: &str) -> Option<Place> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_pod = parts.iter().any(|part| part.starts_with("kubepods"));
    let named = parts.iter().enumerate().find_map(|(at, part)| {
        if let Some(name) = part.strip_prefix("lxc.payload.").or_else(|| part.strip_prefix("lxc.monitor.")) {
            return Some(("lxc", name.to_owned()));
        }
        if *part == "lxc" {
            return Some(("lxc", (*parts.get(at + 1)?).to_owned()));
        }
        let bare = part.strip_suffix(".scope").unwrap_or(part);
        let (engine, id) = match bare.rsplit_once('-') {
            Some(("docker", id)) => ("docker", id),
            // `libpod-payload`: what a quadlet's unit holds, beside podman's monitor (`--cgroups=split`).
            Some(("libpod" | "libpod-payload", id)) => ("podman", id),
            Some(("cri-containerd" | "crio", id)) => ("kubernetes", id),
            Some(_) => return None,
            None if at > 0 && parts[at - 1] == "docker" => ("docker", bare),
            None if at > 0 && parts[at - 1] == "libpod_parent" => ("podman", bare),
            None => ("container", bare),
        };
        let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
        is_id.then(|| (engine, id.to_owned()))
    });
    let (engine, id) = named?;
    let engine = if is_pod { "kubernetes" } else { engine };
    // Root's engine has no need of root's own service manager.
    let of_user = manager(path).filter(|uid| *uid != "0").map(str::to_owned);
    Some(Place::Container { engine, id, of_user })
}

/// Names of control groups that the kernel could take for its own files have a `_` in front (systemd.unit(5)'s `\x2d`
/// is part of the unit's own name).
fn unescaped(part: &str) -> String {
    part.strip_prefix('_').unwrap_or(part).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c6a0a8a5d4c6c9b1e2f3a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7";

    fn name(path: &str) -> String {
        match of(path, "/user.slice/user-0.slice/session-1.scope") {
            Place::Unit { name, of_user: None } => name,
            Place::Unit { name, of_user: Some(user) } => format!("{name} of {user}"),
            Place::Container { engine, id, of_user } => {
                let of = of_user.map_or_else(String::new, |user| format!(" of {user}"));
                format!("{engine} {}{of}", &id[..id.len().min(12)])
            }
            Place::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn units_are_named_by_their_innermost_service() {
        for (path, told) in [
            ("/system.slice/nginx.service", "nginx.service"),
            (
                "/system.slice/system-postgresql.slice/postgresql@15-main.service",
                "postgresql@15-main.service",
            ),
            ("/system.slice/app.service/worker", "app.service"),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service", "sync.service of 1000"),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", "nothing"),
            ("/user.slice/user-1000.slice/session-3.scope", "nothing"),
            ("/user.slice/user-0.slice/session-1.scope", "nothing"),
            ("/init.scope", "nothing"),
            ("/", "nothing"),
            ("", "nothing"),
        ] {
            assert_eq!(name(path), told, "{path}");
        }
    }

    #[test]
    fn containers_are_named_by_their_engine_and_id() {
        for (path, engine) in [
            (format!("/docker/{ID}"), "docker"),
            (format!("/system.slice/docker-{ID}.scope"), "docker"),
            (format!("/machine.slice/libpod-{ID}.scope/container"), "podman"),
            (format!("/libpod_parent/libpod-{ID}"), "podman"),
            (format!("/machine.slice/machine-libpod_pod_{ID}.slice/libpod-{ID}.scope/container"), "podman"),
            (format!("/system.slice/indexer.service/libpod-payload-{ID}"), "podman"),
            (format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"), "kubernetes"),
            (format!("/kubepods/burstable/pod42/{ID}"), "kubernetes"),
            (format!("/docker/{ID}/system.slice/nginx.service"), "docker"),
            (format!("/actions/{ID}"), "container"),
        ] {
            assert_eq!(name(&path), format!("{engine} {}", &ID[..12]), "{path}");
        }
        for (user, of) in [("1000", " of 1000"), ("0", "")] {
            let user = format!("/user.slice/user-{user}.slice/user@{user}.service/user.slice");
            let path = format!("{user}/libpod-{ID}.scope/container");
            assert_eq!(name(&path), format!("podman {}{of}", &ID[..12]));
        }
        assert_eq!(name("/lxc.payload.web/system.slice/nginx.service"), "lxc web");
        assert_eq!(name("/lxc/web"), "lxc web");
        assert_eq!(name("/lxc"), "nothing");
        assert_eq!(name("/docker/abc"), "nothing");
        // Podman's monitors, which are in no container.
        assert_eq!(name(&format!("/machine.slice/libpod-conmon-{ID}.scope")), "nothing");
        assert_eq!(name("/system.slice/indexer.service/runtime"), "indexer.service");
    }

    #[test]
    fn who_looks_from_within_a_container_does_not_see_it_as_one() {
        let path = format!("/docker/{ID}");
        assert_eq!(of(&path, &path), Place::Nothing);
        assert!(matches!(of("/system.slice/a.service", "/system.slice/a.service"), Place::Unit { .. }));
    }
}

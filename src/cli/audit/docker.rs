//! What Docker keeps of a container on disk: its name, the compose files that it comes from, and when it is started again. Asks
//! no daemon; root alone may read it.

use std::path::Path;

use serde_json::Value;

use crate::audit::container::{Compose, Container};

/// What is known of the container of an id; none where it is not Docker's, or may not be read.
pub(super) fn look(id: &str) -> Option<Container> {
    look_in(Path::new("/var/lib/docker/containers"), id)
}

fn look_in(dir: &Path, id: &str) -> Option<Container> {
    let read = |name: &str| serde_json::from_slice(&std::fs::read(dir.join(id).join(name)).ok()?).ok();
    let config: Value = read("config.v2.json")?;
    let name = config["Name"].as_str()?.trim_start_matches('/').to_owned();
    let label = |name: &str| {
        config["Config"]["Labels"][format!("com.docker.compose.{name}")].as_str().map(str::to_owned)
    };
    let files: Vec<String> = label("project.config_files")
        .map_or_else(Vec::new, |files| files.split(',').map(str::to_owned).collect());
    let compose = label("service").filter(|_| !files.is_empty()).map(|service| Compose {
        service,
        project: label("project"),
        files,
    });
    let host: Value = read("hostconfig.json").unwrap_or_default();
    let is_removed = host["AutoRemove"] == true;
    Some(Container { name: Some(name), compose, restart: restart(&host), is_removed, ..Container::default() })
}

/// As `docker update --restart` takes it.
fn restart(host: &Value) -> Option<String> {
    let policy = &host["RestartPolicy"];
    let name = policy["Name"].as_str().filter(|name| !name.is_empty())?;
    match policy["MaximumRetryCount"].as_u64() {
        Some(count @ 1..) => Some(format!("{name}:{count}")),
        _ => Some(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_compose_has_its_service_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let write = |id: &str, name: &str, text: &str| {
            std::fs::create_dir_all(dir.path().join(id)).unwrap();
            std::fs::write(dir.path().join(id).join(name), text).unwrap();
        };
        let labels = r#"{"com.docker.compose.service":"web","com.docker.compose.project":"srv","com.docker.compose.project.config_files":"/srv/a.yaml,/srv/b.yaml"}"#;
        write("a", "config.v2.json", &format!(r#"{{"Name":"/srv-web-1","Config":{{"Labels":{labels}}}}}"#));
        let restart = r#"{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":5},"AutoRemove":false}"#;
        write("a", "hostconfig.json", restart);
        write("b", "config.v2.json", r#"{"Name":"/lonely","Config":{"Labels":null}}"#);
        let restart = r#"{"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":true}"#;
        write("b", "hostconfig.json", restart);
        write("c", "config.v2.json", "no JSON");
        write("e", "config.v2.json", r#"{"Name":"/e","Config":{}}"#);
        let a = look_in(dir.path(), "a").unwrap();
        let files = vec!["/srv/a.yaml".to_owned(), "/srv/b.yaml".to_owned()];
        let compose = Compose { service: "web".to_owned(), project: Some("srv".to_owned()), files };
        assert_eq!((a.name.as_deref(), a.compose), (Some("srv-web-1"), Some(compose)));
        assert_eq!((a.restart.as_deref(), a.is_removed), (Some("on-failure:5"), false));
        let b = look_in(dir.path(), "b").unwrap();
        assert_eq!(
            (b.name.as_deref(), b.restart.as_deref(), b.is_removed),
            (Some("lonely"), Some("no"), true)
        );
        assert_eq!(look_in(dir.path(), "e").map(|it| (it.restart, it.compose)), Some((None, None)));
        assert_eq!(look_in(dir.path(), "c"), None);
        assert_eq!(look_in(dir.path(), "d"), None);
    }
}

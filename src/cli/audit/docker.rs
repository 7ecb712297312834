//! What Docker keeps of a container on disk: its name and the compose file that it comes from. Asks no daemon; root alone may
//! read it.

use std::path::Path;

use serde_json::Value;

use crate::audit::turn_off::Container;

/// What is known of the container of an id; none where it is not Docker's, or may not be read.
pub(super) fn look(id: &str) -> Option<Container> {
    look_in(Path::new("/var/lib/docker/containers"), id)
}

fn look_in(dir: &Path, id: &str) -> Option<Container> {
    let text = std::fs::read(dir.join(id).join("config.v2.json")).ok()?;
    let config: Value = serde_json::from_slice(&text).ok()?;
    let name = config["Name"].as_str()?.trim_start_matches('/').to_owned();
    let label = |name: &str| config["Config"]["Labels"][format!("com.docker.compose.{name}")].as_str();
    // Of several files the first is the one that the others only change.
    let file = label("project.config_files").and_then(|files| files.split(',').next());
    let compose = label("service").zip(file).map(|(service, file)| (service.to_owned(), file.to_owned()));
    Some(Container { name, compose })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_compose_has_its_service_and_file() {
        let dir = tempfile::tempdir().unwrap();
        let write = |id: &str, text: &str| {
            std::fs::create_dir(dir.path().join(id)).unwrap();
            std::fs::write(dir.path().join(id).join("config.v2.json"), text).unwrap();
        };
        let labels = r#"{"com.docker.compose.service":"web","com.docker.compose.project.config_files":"/srv/a.yaml,/srv/b.yaml"}"#;
        write("a", &format!(r#"{{"Name":"/srv-web-1","Config":{{"Labels":{labels}}}}}"#));
        write("b", r#"{"Name":"/lonely","Config":{"Labels":null}}"#);
        write("c", "no JSON");
        let compose = Some(("web".to_owned(), "/srv/a.yaml".to_owned()));
        assert_eq!(look_in(dir.path(), "a"), Some(Container { name: "srv-web-1".to_owned(), compose }));
        assert_eq!(look_in(dir.path(), "b"), Some(Container { name: "lonely".to_owned(), compose: None }));
        assert_eq!(look_in(dir.path(), "c"), None);
        assert_eq!(look_in(dir.path(), "d"), None);
    }
}

//! What is known of a container besides its control group: what people call it, and what starts it. Finds out nothing itself.

use super::place::Place;

/// A container, as far as anybody tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// What people call it.
    pub name: Option<String>,
    /// Where in a compose file it comes from.
    pub compose: Option<Compose>,
    /// When its engine starts it again by itself, such as `no` or `on-failure:5`; none where that is not known.
    pub restart: Option<String>,
    /// Whether it is gone as soon as it has stopped (`--rm`).
    pub is_removed: bool,
    /// The unit that starts it.
    pub unit: Option<Place>,
}

/// A service of a compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    /// Its key below `services`.
    pub service: String,
    /// The project, which need not be named after the directory.
    pub project: Option<String>,
    /// The file, and those that change it; there is at least one.
    pub files: Vec<String>,
}

impl Container {
    /// The name of the unit that starts it.
    #[must_use]
    pub fn unit_name(&self) -> Option<&str> {
        match &self.unit {
            Some(Place::Unit { name, .. }) => Some(name),
            _ => None,
        }
    }
}

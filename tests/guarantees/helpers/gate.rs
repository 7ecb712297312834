//! A gate that holds runs back until the test opens it. They wait on a lock, so they cost nothing meanwhile.

use std::fs::File;
use std::path::PathBuf;

use serde_json::json;

/// A gate; closed as long as it lives or until it is opened.
pub(crate) struct Gate {
    file: File,
    path: PathBuf,
}

impl Gate {
    /// A closed gate.
    pub(crate) fn closed(path: PathBuf) -> Self {
        let file = File::create(&path).unwrap();
        file.lock().unwrap();
        Self { file, path }
    }

    /// Lets everyone through from now on.
    pub(crate) fn open(&self) {
        self.file.unlock().unwrap();
    }

    /// The `command` of a job that waits at the gate and then does what is said.
    pub(crate) fn command(&self, then: &[&str]) -> String {
        let mut words = vec!["flock", "-s", self.path.to_str().unwrap()];
        words.extend(then);
        format!("command = {}\n", json!(words))
    }

    /// The same for a job that ends well.
    pub(crate) fn job(&self) -> String {
        self.command(&["true"])
    }
}

/// For a job whose run holds as many descriptors of ebbd from its start to its end: what looks after a file of output takes
/// one more once the run has been silent for a while.
pub(crate) const NO_OUTPUT: &str = "[output]\nto = \"null\"\n";

//! The file of what earlier audits have seen, `audit.json` in the state directory: the one thing that an audit writes by
//! itself. A file that is odd, too large or of another boot counts as none.

use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::audit::Watched;
use crate::audit::remembered::Remembered;
use crate::limits;
use crate::places::Places;
use crate::sys::proc;

/// Its name.
const FILE_NAME: &str = "audit.json";

/// What is remembered, and where.
#[derive(Debug)]
pub(super) struct Earlier {
    path: PathBuf,
    remembered: Remembered,
}

impl Earlier {
    /// Reads what there is in a directory, or in the one of an ebbd of the same user.
    pub(super) fn open(dir: Option<&Path>) -> Self {
        let uid = nix::unistd::geteuid().as_raw();
        let own = || Places::of(uid, |name| std::env::var_os(name).map(PathBuf::from)).state;
        let path = dir.map_or_else(own, Path::to_owned).join(FILE_NAME);
        let mut text = String::new();
        if let Ok(file) = std::fs::File::open(&path) {
            // What can't be read is no reason against an audit.
            let _ = file.take(limits::AUDIT_REMEMBERED_FILE_MAX).read_to_string(&mut text);
        }
        Self { remembered: Remembered::read(&text, &proc::boot_id().unwrap_or_default()), path }
    }

    /// Tells each process what earlier audits saw of it, and adds what this one has seen.
    pub(super) fn meet(&mut self, processes: &mut [Watched], at_ms: i64) {
        // Smaller ones have nothing to grow from, and those that were not looked at hold nothing.
        for one in processes.iter_mut().filter(|one| one.anon() >= limits::AUDIT_PULSE_MIN) {
            one.earlier = self.remembered.points(&one.process);
            self.remembered.add(one, at_ms);
        }
    }

    /// Writes it, in one go, for its own user alone; gives where.
    ///
    /// # Errors
    /// A sentence that says why the next audit will not know of this one.
    pub(super) fn save(&self) -> Result<PathBuf, String> {
        let cannot = |error: std::io::Error| {
            format!("the next audit can't tell what has grown since: {}: {error}", self.path.display())
        };
        let text = serde_json::to_string(&self.remembered).map_err(|e| cannot(e.into()))?;
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(dir).map_err(cannot)?;
        crate::sys::durable::replace(&self.path, text.as_bytes(), 0o600).map_err(cannot)?;
        Ok(self.path.clone())
    }
}

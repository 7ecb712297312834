//! `ebbd.toml`: what ebbd is told for good, and which of its directories `ebb check` has to look at.
//! Knows no flags, and nothing of what the settings are used for.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::job::Millis;
use crate::places::Places;

/// The settings; each has a flag of ebbd of the same name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Where the job files are.
    pub jobs: Option<PathBuf>,
    /// Where the journal, outputs and payloads are.
    pub state: Option<PathBuf>,
    /// The control socket.
    pub socket: Option<PathBuf>,
    /// The control group: who may do everything.
    pub group: Option<String>,
    /// The control group of the kernel that is to hold the runs.
    pub cgroup: Option<PathBuf>,
    /// How much is logged.
    pub log: Option<String>,
    /// Whether a problem in a job file keeps ebbd from starting.
    pub strict: Option<bool>,
    /// How long the end of ebbd may take at most.
    pub stop_within: Option<String>,
}

impl Settings {
    /// Reads a settings file. One that was named must be there; the default one need not.
    ///
    /// # Errors
    /// It can't be read, or holds what is no setting: with its path.
    pub fn read(named: Option<&Path>, defaults: &Places) -> Result<Self, String> {
        let path = named.unwrap_or(&defaults.config);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                return Ok(Self::default());
            }
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let settings: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        settings.check().map_err(|problem| format!("{}: {problem}", path.display()))?;
        Ok(settings)
    }

    /// What can be wrong with a setting, wherever it was written.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn check(&self) -> Result<(), String> {
        if let Some(log) = &self.log
            && !["error", "warn", "info", "debug"].contains(&log.as_str())
        {
            return Err(format!("`{log}` is no log level; write error, warn, info or debug"));
        }
        if let Some(cgroup) = &self.cgroup {
            let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
            if cgroup.file_name().is_none() || !cgroup.components().all(is_plain) {
                return Err(format!(
                    "`{}` is no control group for runs; write one such as ebb-runs.service or /jobs.slice/ebb.service",
                    cgroup.display()
                ));
            }
        }
        if let Some(text) = &self.stop_within {
            stop_within(text)?;
        }
        Ok(())
    }
}

/// The time that `stop-within` gives, in milliseconds.
///
/// # Errors
/// It is none, or no duration.
pub fn stop_within(text: &str) -> Result<u64, String> {
    match text.parse::<Millis>() {
        Ok(Millis(0)) => Err("--stop-within needs some time: write 25s".to_owned()),
        Ok(Millis(ms)) => Ok(ms),
        Err(problem) => {
            Err(format!("--stop-within: {}; {}", problem.message, problem.help.unwrap_or_default()))
        }
    }
}

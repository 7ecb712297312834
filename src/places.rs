//! Where ebbd and ebb find things when nothing is said: the system's places for root, the XDG directories for others.
//! Reads the environment it is given and touches no file.

use std::path::PathBuf;

/// The places of one ebbd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Its own settings, `ebbd.toml`.
    pub config: PathBuf,
    /// The job files.
    pub jobs: PathBuf,
    /// Journal, outputs, payloads.
    pub state: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

impl Places {
    /// The places for a user id; `env` looks up an environment variable.
    ///
    /// Root: `/etc/ebb`, `/var/lib/ebb`, `/run/ebb`. Others, after the XDG base directory specification:
    /// `$XDG_CONFIG_HOME/ebb`, `$XDG_STATE_HOME/ebb`, `$XDG_RUNTIME_DIR/ebb`, with the specification's defaults below
    /// `$HOME`, and `/run/user/UID` where no runtime directory is named.
    #[must_use]
    pub fn of(uid: u32, env: impl Fn(&str) -> Option<PathBuf>) -> Self {
        if uid == 0 {
            return Self {
                config: "/etc/ebb/ebbd.toml".into(),
                jobs: "/etc/ebb/jobs.d".into(),
                state: "/var/lib/ebb".into(),
                socket: "/run/ebb/ebb.sock".into(),
            };
        }
        Self::of_user(uid, env)
    }

    /// The places of a user's own ebbd, also where that user is root (`ebbd --user`).
    #[must_use]
    pub fn of_user(uid: u32, env: impl Fn(&str) -> Option<PathBuf>) -> Self {
        // The specification: a relative path in these variables is to be ignored.
        let absolute = |name: &str| env(name).filter(|path| path.is_absolute());
        let home = absolute("HOME").unwrap_or_else(|| "/".into());
        let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("ebb");
        let state = absolute("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state")).join("ebb");
        let runtime =
            absolute("XDG_RUNTIME_DIR").unwrap_or_else(|| format!("/run/user/{uid}").into()).join("ebb");
        Self {
            config: config.join("ebbd.toml"),
            jobs: config.join("jobs.d"),
            state,
            socket: runtime.join("ebb.sock"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_the_systems_places_and_others_the_xdg_ones() {
        let none = |_: &str| None;
        assert_eq!(Places::of(0, none).socket, PathBuf::from("/run/ebb/ebb.sock"));
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/ann"));
        let places = Places::of(1000, home);
        assert_eq!(places.jobs, PathBuf::from("/home/ann/.config/ebb/jobs.d"));
        assert_eq!(places.socket, PathBuf::from("/run/user/1000/ebb/ebb.sock"));
        let relative = |name: &str| Some(PathBuf::from(if name == "HOME" { "/h" } else { "x" }));
        assert_eq!(Places::of_user(0, home).jobs, places.jobs, "root may have one of its own too");
        assert_eq!(Places::of(1000, relative).state, PathBuf::from("/h/.local/state/ebb"));
    }
}

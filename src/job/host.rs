//! What the check of a job file must ask of the machine. The real answers come from `sys`; tests give their own.

use std::path::Path;

use super::units::Bytes;

/// Why the daemon can't run a job as its `user` and `group`, in the words of whoever tried: one line, no full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CannotBecome {
    /// The user is the reason.
    User(String),
    /// The group is the reason.
    Group(String),
}

/// Why no run could ever claim so much memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannotClaim {
    /// Where there is less, such as `the budget has`.
    pub there: String,
    /// The most that can be claimed there.
    pub most: Bytes,
}

/// All that the check of a job file can be held against.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// Who is who, and whom to trust.
    pub machine: &'a dyn Machine,
    /// The memory that there is to give out; where no settings are known, nothing is said about it.
    pub room: Option<&'a dyn Room>,
    /// What is there to start from; where nobody looks, nothing is said about it.
    pub files: Option<&'a dyn Files>,
}

impl<'a, M: Machine> From<&'a M> for Host<'a> {
    fn from(machine: &'a M) -> Self {
        Self { machine, room: None, files: None }
    }
}

/// The machine, as far as a job file depends on it.
pub trait Machine {
    /// Whether the daemon could start a run as `user` and `group`, each a name or a number; `None` is its own user, or
    /// the primary group of `user`. At least one of them is given.
    ///
    /// # Errors
    /// Which of the two is the reason, and why: there is none of that name, or the daemon lacks the privilege.
    fn can_become(&self, user: Option<&str>, group: Option<&str>) -> Result<(), CannotBecome>;

    /// Whether there is a time zone of this name (an IANA name such as `Europe/Vienna`, exactly as it is spelt).
    fn zone_exists(&self, name: &str) -> bool;

    /// Calls `visit` with every time zone's name, in any order; it is asked only to say what was meant.
    fn each_zone(&self, visit: &mut dyn FnMut(&str));

    /// Whether a job file may belong to this user: root, the daemon's own user, or one that the operator has named.
    fn trusts_user(&self, uid: u32) -> bool;

    /// Whether this group may write to job files: root's, the daemon's own, or one that the operator has named.
    fn trusts_group(&self, gid: u32) -> bool;

    /// Whether lines can be sent to the systemd journal.
    ///
    /// # Errors
    /// Why not: what was tried and what the kernel said, one line, no full stop.
    fn has_journal(&self) -> Result<(), String>;

    /// Whether everybody may write to job files and their directory. Only where the operator has said so, as for a
    /// volume of a container that has no other mode.
    fn trusts_everyone(&self) -> bool {
        false
    }
}

/// What of memory there is to give out.
pub trait Room {
    /// Whether the settings have a pool of this name.
    ///
    /// # Errors
    /// What to write instead, one line, no full stop.
    fn check_pool(&self, name: &str) -> Result<(), String>;

    /// Whether a run can ever claim so many bytes, of this pool where one is named.
    ///
    /// # Errors
    /// What has less.
    fn check_claim(&self, bytes: u64, pool: Option<&str>) -> Result<(), CannotClaim>;
}

/// What programs, directories and files there are.
pub trait Files {
    /// Whether something that a job names is there.
    ///
    /// # Errors
    /// What is missing. It may be there by the time that a run starts.
    fn look_for(&self, wanted: &Wanted<'_>) -> Result<(), Missing>;
}

/// Something that a job needs to start, and names.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// Its program: an absolute path, or a name to be looked up.
    Program {
        /// As the job has it.
        name: &'a str,
        /// Directories with a `:` between them; `None` is what ebbd sets.
        path: Option<&'a str>,
    },
    /// Its working directory.
    Directory(&'a Path),
    /// A file that is read before each start.
    File(&'a Path),
}

/// It is not there.
#[derive(Debug)]
pub struct Missing {
    /// What is not there, one line, no full stop.
    pub message: String,
    /// What to do, or what happens else.
    pub help: String,
}

/// A machine for tests: it can become `known` users and groups, has three zones, and trusts whom it is told to.
#[cfg(test)]
pub(crate) struct TestHost {
    /// Names and numbers that there are.
    pub(crate) known: Vec<&'static str>,
    /// Trusts these users; `None` is everyone.
    pub(crate) users: Option<Vec<u32>>,
    /// Trusts these groups.
    pub(crate) groups: Vec<u32>,
    /// Answers `trusts_everyone`.
    pub(crate) everyone: bool,
    /// Answers `has_journal`.
    pub(crate) journal: bool,
}

#[cfg(test)]
impl Default for TestHost {
    fn default() -> Self {
        Self {
            known: vec!["root", "www-data", "1000"],
            users: None,
            groups: vec![0],
            everyone: false,
            journal: true,
        }
    }
}

#[cfg(test)]
impl Machine for TestHost {
    fn can_become(&self, user: Option<&str>, group: Option<&str>) -> Result<(), CannotBecome> {
        let unknown = |name: &&str| !self.known.contains(name);
        if let Some(user) = user.filter(unknown) {
            return Err(CannotBecome::User(format!("there is no user `{user}` on this host")));
        }
        match group.filter(unknown) {
            Some(group) => Err(CannotBecome::Group(format!("there is no group `{group}` on this host"))),
            None => Ok(()),
        }
    }

    fn zone_exists(&self, name: &str) -> bool {
        ["UTC", "Europe/Vienna", "America/New_York"].contains(&name)
    }

    fn each_zone(&self, visit: &mut dyn FnMut(&str)) {
        ["UTC", "Europe/Vienna", "America/New_York"].into_iter().for_each(visit);
    }

    fn trusts_user(&self, uid: u32) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(&uid))
    }

    fn trusts_group(&self, gid: u32) -> bool {
        self.groups.contains(&gid)
    }

    fn has_journal(&self) -> Result<(), String> {
        if self.journal { Ok(()) } else { Err("nobody listens at /run/test/socket".to_owned()) }
    }

    fn trusts_everyone(&self) -> bool {
        self.everyone
    }
}

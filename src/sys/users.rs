//! Users and groups by name or number, from `/etc/passwd` and `/etc/group` read as text, else from `getent` and `id`.
//! The C library's own functions are not asked: in a static program they would load name service modules at run time.
//! Knows nothing of jobs and permissions.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::raw::because;

mod directory;
mod questions;

pub use directory::put;
pub use questions::{Answer, Question, asked, forget, learn, never_wait, take_open};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name; the number in digits for one that is in no database.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its home; `/` for one that is in no database.
    pub home: PathBuf,
    /// Its login shell, as the database has it; may be empty.
    pub shell: PathBuf,
}

/// What a child becomes: all that the kernel knows of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// Real, effective and saved group id.
    pub gid: u32,
    /// Supplementary groups, sorted, the primary one among them.
    pub groups: Vec<u32>,
}

impl Identity {
    /// Whether this process is that already, so that nothing need be changed (and no privilege is needed).
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let same_ids =
            self.uid == nix::unistd::geteuid().as_raw() && self.gid == nix::unistd::getegid().as_raw();
        // Without the privilege the groups can't be changed either; they are the user's own then.
        same_ids && (!privileged() || own_groups() == self.groups)
    }
}

/// Looks up a user by name or number. `None`: no database knows it.
///
/// # Errors
/// `/etc/passwd` is not readable, or the directory service does not answer.
pub fn user(name_or_uid: &str) -> io::Result<Option<User>> {
    user_in(Path::new("/etc"), name_or_uid)
}

/// The number of a group given by name or number. `None`: no database knows the name; a number is taken as it is.
///
/// # Errors
/// `/etc/group` is not readable, or the directory service does not answer.
pub fn group_id(name_or_gid: &str) -> io::Result<Option<u32>> {
    group_in(Path::new("/etc"), name_or_gid)
}

/// The name of a user by number; `None` if no database knows it or can be asked.
#[must_use]
pub fn name_of(uid: u32) -> Option<String> {
    user(&uid.to_string()).ok().flatten().map(|user| user.name)
}

/// Resolves a job's `user` and `group`; without a user it is this process's own.
///
/// # Errors
/// A sentence that names what is unknown and what to write instead.
pub fn resolve(user_name: Option<&str>, group_name: Option<&str>) -> io::Result<(User, Identity)> {
    resolve_in(Path::new("/etc"), user_name, group_name)
}

/// Resolves like [`resolve`], and checks that this process has the privilege to become that.
///
/// # Errors
/// As [`resolve`], and where the privilege is missing.
pub fn can_become(user_name: Option<&str>, group_name: Option<&str>) -> io::Result<(User, Identity)> {
    let (user, identity) = resolve(user_name, group_name)?;
    if privileged() {
        return Ok((user, identity));
    }
    let denied = |what: String| io::Error::new(io::ErrorKind::PermissionDenied, what);
    let own = nix::unistd::geteuid().as_raw();
    if identity.uid != own {
        let name = &user.name;
        return Err(denied(format!(
            "ebbd runs as user {own} and can't become {name}: run it as root, or leave `user` out"
        )));
    }
    let own_gid = nix::unistd::getegid().as_raw();
    if identity.gid != own_gid {
        let gid = identity.gid;
        return Err(denied(format!(
            "ebbd runs as group {own_gid} and can't become group {gid}: run it as root, or leave `group` out"
        )));
    }
    Ok((user, identity))
}

fn resolve_in(etc: &Path, user_name: Option<&str>, group_name: Option<&str>) -> io::Result<(User, Identity)> {
    let unknown = |what: String| io::Error::new(io::ErrorKind::NotFound, what);
    let own_uid = nix::unistd::geteuid().as_raw();
    let own_name = own_uid.to_string();
    let wanted = user_name.unwrap_or(&own_name);
    let gid = match group_name {
        Some(name) => {
            Some(group_in(etc, name)?.ok_or_else(|| unknown(format!("there is no group `{name}`")))?)
        }
        None => None,
    };
    let user = match (user_in(etc, wanted)?, wanted.parse::<u32>()) {
        (Some(user), _) => user,
        (None, Ok(uid)) => {
            // Containers often run as a number without an account.
            let own_gid = (uid == own_uid).then(|| nix::unistd::getegid().as_raw());
            let gid = gid.or(own_gid).ok_or_else(|| {
                unknown(format!(
                    "user {uid} is in no user database, so its group is unknown: say `group` as well"
                ))
            })?;
            User { name: uid.to_string(), uid, gid, home: "/".into(), shell: PathBuf::new() }
        }
        (None, Err(_)) => return Err(unknown(format!("there is no user `{wanted}`"))),
    };
    let gid = gid.unwrap_or(user.gid);
    let groups = groups_in(etc, &user, gid)?;
    let identity = Identity { uid: user.uid, gid, groups };
    Ok((user, identity))
}

fn user_in(etc: &Path, wanted: &str) -> io::Result<Option<User>> {
    let number = wanted.parse::<u32>().ok();
    let is_it = |user: &User| number.map_or(user.name == wanted, |uid| user.uid == uid);
    let found = find(&etc.join("passwd"), |line| parse_user(line).filter(is_it))?;
    if found.is_some() || !directory::serves(etc, "passwd:", &["files", "compat"]) {
        return Ok(found);
    }
    Ok(directory::ask("getent", &["passwd", wanted])?.and_then(|answer| parse_user(answer.lines().next()?)))
}

fn group_in(etc: &Path, wanted: &str) -> io::Result<Option<u32>> {
    if let Ok(gid) = wanted.parse() {
        return Ok(Some(gid));
    }
    let is_it = |line: &str| parse_group(line).filter(|group| group.0 == wanted).map(|group| group.1);
    let found = find(&etc.join("group"), is_it)?;
    if found.is_some() || !directory::serves(etc, "group:", &["files", "compat"]) {
        return Ok(found);
    }
    Ok(directory::ask("getent", &["group", wanted])?
        .and_then(|answer| Some(parse_group(answer.lines().next()?)?.1)))
}

/// The groups that a login of the user would have, with `gid` as the primary one.
fn groups_in(etc: &Path, user: &User, gid: u32) -> io::Result<Vec<u32>> {
    let mut groups = vec![gid];
    // nss-systemd only adds groups to the users that it makes itself.
    if directory::serves(etc, "group:", &["files", "compat", "systemd"])
        && let Some(answer) = directory::ask("id", &["-G", &user.name])?
    {
        groups.extend(answer.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    } else {
        find(&etc.join("group"), |line| {
            let (_, gid, members) = parse_group(line)?;
            if members.split(',').any(|member| member.trim() == user.name) {
                groups.push(gid);
            }
            None::<()>
        })?;
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

/// The first line of which `pick` makes something. A file that is not there has no lines.
fn find<T>(path: &Path, mut pick: impl FnMut(&str) -> Option<T>) -> io::Result<Option<T>> {
    let explain = |e: io::Error| because(&e, format_args!("cannot read {}", path.display()));
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(explain(e)),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(explain)? == 0 {
            return Ok(None);
        }
        if let Some(found) = pick(String::from_utf8_lossy(&line).trim_end_matches('\n')) {
            return Ok(Some(found));
        }
    }
}

/// `name:password:uid:gid:comment:home:shell` (passwd(5)).
fn parse_user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    let (home, shell) = (fields.nth(1)?, fields.next().unwrap_or(""));
    let home = if home.is_empty() { "/" } else { home };
    Some(User { name: name.to_owned(), uid, gid, home: home.into(), shell: shell.into() })
}

/// `name:password:gid:member,member` (group(5)).
fn parse_group(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    Some((name, fields.nth(1)?.parse().ok()?, fields.next().unwrap_or("")))
}

fn own_groups() -> Vec<u32> {
    let mut groups: Vec<u32> =
        nix::unistd::getgroups().unwrap_or_default().into_iter().map(nix::unistd::Gid::as_raw).collect();
    groups.push(nix::unistd::getegid().as_raw());
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Whether this process may change its user and groups: CAP_SETGID (6) and CAP_SETUID (7), capabilities(7). Root in a
/// container may lack them.
fn privileged() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    match effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()) {
        Some(set) => set & (1 << 6) != 0 && set & (1 << 7) != 0,
        None => nix::unistd::geteuid().is_root(),
    }
}

#[cfg(test)]
mod tests;

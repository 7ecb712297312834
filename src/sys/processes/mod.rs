//! What `/proc` tells of other processes: who they are, what they hold, how often they wake, whom they serve.
//! Reads and changes nothing, but for [`memory::clear_referenced`], which says what it does. Judges nothing.

pub mod asleep;
mod id_map;
pub mod memory;
pub mod pulse;
pub mod sockets;

use std::io::{self, Read as _};
use std::path::PathBuf;

use super::proc;
use super::users::Identity;
use crate::limits;

pub use id_map::IdMap;

/// Who a process is. What may not be read is missing, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent.
    pub ppid: i32,
    /// Its process group.
    pub pgrp: i32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// Whether it has a controlling terminal.
    pub has_terminal: bool,
    /// The user that it acts as.
    pub uid: u32,
    /// The user who started it, where a set-user-ID program gave it another one (credentials(7)): its words are that user's.
    /// Of a process that has given root up itself, the one that it acts as.
    pub caller_uid: u32,
    /// What users are called where it is: a container can have numbers of its own.
    pub uid_map: IdMap,
    /// What the kernel calls it (comm, at most 15 bytes).
    pub name: String,
    /// Its program.
    pub exe: Option<PathBuf>,
    /// What it was called with, program first; some rewrite that to a title.
    pub arguments: Vec<String>,
    /// Its working directory.
    pub cwd: Option<PathBuf>,
    /// Its control group, see [`cgroup_of`].
    pub cgroup: String,
    /// Its network namespace, such as `net:[4026531840]`.
    pub network: Option<String>,
    /// What its environment says.
    pub environment: Environment,
}

/// What is taken from an environment: names, and of two variables whether they are set. Values are secrets and not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// The names, sorted.
    pub names: Vec<String>,
    /// Those of them that are set to something.
    pub set: Vec<String>,
    /// Whether it is hidden from who looks, as that of a user's own container is from that user.
    pub is_hidden: bool,
}

impl Environment {
    /// Whether the variable is there and not empty, which is what Python asks of its own.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.set.iter().any(|set| set == name)
    }
}

/// Looks at a process.
///
/// # Errors
/// It has gone, or `/proc` hides it.
pub fn look(pid: i32) -> io::Result<Process> {
    let path = |name: &str| format!("/proc/{pid}/{name}");
    let stat = std::fs::read(path("stat"))?;
    let odd = || io::Error::other(format!("/proc/{pid}/stat does not read as proc_pid_stat(5) says"));
    let (ppid, pgrp, terminal, start_ticks) = identity(&stat).ok_or_else(odd)?;
    let status = text(&path("status"))?;
    let (real, uid) = uids(&status).ok_or_else(odd)?;
    let cmdline = bounded(&path("cmdline")).unwrap_or_default();
    Ok(Process {
        pid,
        ppid,
        pgrp,
        start_ticks,
        has_terminal: terminal != 0,
        uid,
        caller_uid: caller(real, uid),
        uid_map: text(&path("uid_map")).map(|text| IdMap::read(&text)).unwrap_or_default(),
        name: status.lines().find_map(|line| line.strip_prefix("Name:\t")).unwrap_or_default().to_owned(),
        exe: std::fs::read_link(path("exe")).ok().map(undeleted),
        arguments: words(&cmdline),
        cwd: std::fs::read_link(path("cwd")).ok(),
        cgroup: text(&path("cgroup")).map(|text| cgroup_of(&text)).unwrap_or_default(),
        network: std::fs::read_link(path("ns/net")).ok().and_then(|link| link.to_str().map(str::to_owned)),
        environment: environment_of(&path("environ")),
    })
}

/// What a process may do: its effective user and group, and its supplementary groups (proc_pid_status(5)).
///
/// # Errors
/// It has gone, or `/proc` hides it; or a set-user-ID or set-group-ID program gave it these rights, and somebody without
/// them called that ([`io::ErrorKind::PermissionDenied`]).
pub fn identity_of(pid: i32) -> io::Result<Identity> {
    rights(&text(&format!("/proc/{pid}/status"))?)
}

fn rights(status: &str) -> io::Result<Identity> {
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let odd = || io::Error::other("its status does not read as proc_pid_status(5) says");
    let (caller, uid) = line("Uid:").and_then(ids).ok_or_else(odd)?;
    let (callers_gid, gid) = line("Gid:").and_then(ids).ok_or_else(odd)?;
    if caller != 0 && (caller, callers_gid) != (uid, gid) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its rights are not its caller's"));
    }
    let groups = line("Groups:").ok_or_else(odd)?.split_ascii_whitespace();
    let mut groups: Vec<u32> = groups.map_while(|group| group.parse().ok()).collect();
    groups.push(gid);
    groups.sort_unstable();
    groups.dedup();
    Ok(Identity { uid, gid, groups })
}

/// Whether the kernel lets a process do what it lets this one do, user and groups apart: capabilities that it can ever
/// have, filters of system calls (proc_pid_status(5)), user namespace.
#[must_use]
pub fn has_our_bounds(pid: i32) -> bool {
    let user = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/user")).ok();
    let bounds = |who: &str| text(&format!("/proc/{who}/status")).ok().map(|status| bounds(&status));
    let pid = pid.to_string();
    user(&pid) == user("self") && bounds(&pid).is_some_and(|its| Some(its) == bounds("self"))
}

fn bounds(status: &str) -> Vec<String> {
    let is_bound =
        |line: &&str| ["CapBnd:", "NoNewPrivs:", "Seccomp:"].iter().any(|key| line.starts_with(key));
    status.lines().filter(is_bound).map(str::to_owned).collect()
}

/// The number there of the group that a process acts as, as [`Process::uid_map`] has it for users; none where it has none, or
/// has gone.
#[must_use]
pub fn group_inside(pid: i32) -> Option<u32> {
    let map = text(&format!("/proc/{pid}/gid_map")).ok()?;
    IdMap::read(&map).inside(identity_of(pid).ok()?.gid)
}

/// The values of these variables in the environment that a process was started with, as far as they are there and text.
/// Ask for none that could be a secret.
#[must_use]
pub fn variables(pid: i32, names: &[&str]) -> Vec<(String, String)> {
    let environment = bounded(&format!("/proc/{pid}/environ")).unwrap_or_default();
    let variables = environment.split(|&b| b == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let named =
        variables.filter_map(|variable| variable.split_once('=')).filter(|(name, _)| names.contains(name));
    named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Parent, process group, terminal and start (proc_pid_stat(5)).
fn identity(text: &[u8]) -> Option<(i32, i32, i32, u64)> {
    let mut fields = proc::stat_fields(text)?.skip(1);
    let (ppid, pgrp) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let terminal = fields.nth(1)?.parse().ok()?;
    // After the terminal (field 7) the start time is field 22.
    Some((ppid, pgrp, terminal, fields.nth(14)?.parse().ok()?))
}

/// The real and the effective user (proc_pid_status(5)).
fn uids(status: &str) -> Option<(u32, u32)> {
    ids(status.lines().find_map(|line| line.strip_prefix("Uid:"))?)
}

fn ids(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.split_ascii_whitespace();
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// See [`Process::caller_uid`].
const fn caller(real: u32, effective: u32) -> u32 {
    if real == 0 { effective } else { real }
}

/// A file of `/proc` as text. Names in it can be any bytes, and one that is no UTF-8 shall not hide the rest.
fn text(path: &str) -> io::Result<String> {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// What a process says of itself, which can be as much as it likes: of more than [`limits::AUDIT_WORDS_MAX`] bytes nothing
/// is taken, since a part of it could mean something else.
///
/// # Errors
/// It has gone, or hides it.
fn bounded(path: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let most = limits::AUDIT_WORDS_MAX;
    std::fs::File::open(path)?.take(most + 1).read_to_end(&mut text)?;
    Ok(if text.len() as u64 > most { Vec::new() } else { text })
}

/// A program whose file was replaced since, as by an upgrade, keeps its name (proc_pid_exe(5)).
fn undeleted(exe: PathBuf) -> PathBuf {
    exe.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map(PathBuf::from).unwrap_or(exe)
}

/// The words of `/proc/PID/cmdline`, without the blanks that a rewritten title is filled up with.
fn words(cmdline: &[u8]) -> Vec<String> {
    let end = cmdline.iter().rposition(|&b| b != 0 && b != b' ').map_or(0, |at| at + 1);
    let words = cmdline[..end].split(|&b| b == 0);
    words.filter(|_| end > 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn environment_of(path: &str) -> Environment {
    match bounded(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Environment { is_hidden: true, ..Environment::default() }
        }
        text => environment(&text.unwrap_or_default()),
    }
}

fn environment(text: &[u8]) -> Environment {
    let mut found = Environment::default();
    for variable in text.split(|&b| b == 0) {
        let Some(at) = variable.iter().position(|&b| b == b'=') else { continue };
        let Ok(name) = std::str::from_utf8(&variable[..at]) else { continue };
        found.names.push(name.to_owned());
        if variable.len() > at + 1 {
            found.set.push(name.to_owned());
        }
    }
    found.names.sort_unstable();
    found.names.dedup();
    found
}

/// The path of a process's control group in `/proc/PID/cgroup` (cgroups(7)): of the longest, since on cgroup v1 the
/// hierarchies differ, and what manages services or containers makes the deepest path.
fn cgroup_of(text: &str) -> String {
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    // Of equals the last: the unified hierarchy, which stands at the end.
    paths.max_by_key(|path| path.len()).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_seen_with_its_words_and_the_names_of_its_environment_alone() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .current_dir("/")
            .env_clear()
            .envs([("SECRET", "hunter2"), ("EMPTY", "")])
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        // Until exec has happened it is this test's own program.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while look(pid).unwrap().arguments != ["sleep", "60"] && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        let found = look(pid).unwrap();
        let (variables, identity) = (variables(pid, &["EMPTY", "PATH"]), identity_of(pid).unwrap());
        let group = group_inside(pid);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.arguments, ["sleep", "60"]);
        assert_eq!(found.cwd, Some("/".into()));
        assert_eq!(found.ppid, i32::try_from(std::process::id()).unwrap());
        assert_eq!(found.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(found.uid_map.inside(found.uid), Some(found.uid), "it has no numbers of its own");
        assert!(found.exe.as_ref().is_some_and(|exe| exe.is_absolute()), "{found:?}");
        assert_eq!(found.environment.names, ["EMPTY", "SECRET"]);
        assert!(found.environment.has("SECRET") && !found.environment.has("EMPTY"));
        assert!(!found.environment.is_hidden);
        assert!(!format!("{found:?}").contains("hunter2"));
        assert_eq!(variables, [("EMPTY".to_owned(), String::new())]);
        assert!(identity.is_ours(), "{identity:?}");
        assert_eq!(group, Some(identity.gid));
        assert!(look(pid).is_err(), "it has gone");
    }

    #[test]
    fn a_name_that_is_no_text_and_words_without_end_hide_no_process() {
        // Its name is that of its file; 400 kB of words are more than are looked at.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"odd\xff"));
        std::os::unix::fs::symlink("/bin/sleep", &file).unwrap();
        let word = "x".repeat(100_000);
        let mut child = std::process::Command::new(&file)
            .arg("60")
            .env_clear()
            .envs([("A", &word), ("B", &word), ("C", &word), ("D", &word)])
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let found = (look(pid), pulse::take(pid).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        let process = found.0.unwrap();
        assert!(process.name.starts_with("odd") && found.1, "{process:?}");
        assert!(process.environment.names.is_empty());
    }

    #[test]
    fn fields_of_stat_are_counted_from_the_name() {
        let line = b"42 (a) R (b) S 7 8 9 34816 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 987654 1000 5 1844\n";
        assert_eq!(identity(line), Some((7, 8, 34816, 987_654)));
        assert_eq!(identity(b"42 (a) S 7 8"), None);
    }

    #[test]
    fn who_calls_a_set_user_id_program_answers_for_its_words() {
        let of = |status: &str| uids(status).map(|(real, effective)| caller(real, effective));
        assert_eq!(of("Name:\tsudo\nUid:\t1000\t0\t0\t0\n"), Some(1000));
        assert_eq!(of("Name:\tdaemon\nUid:\t0\t33\t0\t33\n"), Some(33), "root that acts as somebody else");
        assert_eq!(of("Name:\troot\nUid:\t0\t0\t0\t0\n"), Some(0));
        assert_eq!(of("Name:\tx\n"), None);
    }

    #[test]
    fn rights_are_those_that_it_acts_with() {
        let status = "Name:\tx\nUid:\t0\t33\t0\t33\nGid:\t0\t34\t0\t34\nGroups:\t4 100 \n";
        assert_eq!(rights(status).unwrap(), Identity { uid: 33, gid: 34, groups: vec![4, 34, 100] });
        assert!(rights("Uid:\t0\t33\t0\t33\n").is_err());
    }

    #[test]
    fn rights_that_a_set_id_program_lends_are_not_its_callers() {
        let of = |uid: &str, gid: &str| rights(&format!("Uid:\t{uid}\nGid:\t{gid}\nGroups:\t\n"));
        let own = "1000\t1000\t1000\t1000";
        assert!(of(own, own).is_ok());
        for lent in ["1000\t42\t42\t42", "1000\t0\t0\t0", "0\t42\t42\t42"] {
            assert_eq!(of(own, lent).unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{lent}");
        }
        assert!(of("1000\t0\t0\t0", own).is_err());
    }

    #[test]
    fn what_binds_a_process_is_compared() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(has_our_bounds(own) && !has_our_bounds(i32::MAX));
        let status = "CapEff:\t0\nCapBnd:\t01ff\nNoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert_eq!(bounds(status), ["CapBnd:\t01ff", "NoNewPrivs:\t0", "Seccomp:\t2"]);
    }

    #[test]
    fn titles_lose_their_blanks_and_words_do_not() {
        assert_eq!(words(b"python3\0-c\0a b\0\0"), ["python3", "-c", "a b"]);
        assert_eq!(words(b"nginx: worker process   \0\0\0"), ["nginx: worker process"]);
        assert_eq!(words(b"a\0\0b\0"), ["a", "", "b"]);
        assert!(words(b"").is_empty() && words(b"\0\0").is_empty());
    }

    #[test]
    fn the_deepest_control_group_counts() {
        let hybrid = "9:name=systemd:/system.slice/app.service\n4:memory:/\n0::/system.slice/app.service\n";
        assert_eq!(cgroup_of(hybrid), "/system.slice/app.service");
        assert_eq!(cgroup_of("0::/a:b.service\n"), "/a:b.service");
        assert_eq!(cgroup_of("4:memory:/docker/0123456789ab\n0::/\n"), "/docker/0123456789ab");
        assert_eq!(cgroup_of(""), "/");
    }

    #[test]
    fn a_program_that_was_replaced_keeps_its_name() {
        assert_eq!(undeleted("/usr/bin/app (deleted)".into()), PathBuf::from("/usr/bin/app"));
    }
}

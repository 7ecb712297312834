//! What the kernel's log says of an OOM kill: who was killed, and whose want of memory it was. Pure: it is handed records,
//! and knows nothing of where they come from.
//!
//! Two lines tell it (mm/oom_kill.c). The first is left out where such kills come thick and fast (ten in five seconds):
//! ```text
//! oom-kill:constraint=CONSTRAINT_MEMCG,...,oom_memcg=/jobs,task_memcg=/jobs/run-8,task=python3,pid=11589,uid=0
//! Memory cgroup out of memory: Killed process 11589 (python3) total-vm:221368kB, anon-rss:40704kB, ...
//! ```

use super::kmsg::Record;
use crate::words::OomCause;

/// What is known of the latest kill in a control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// Whose want of memory it was.
    pub cause: OomCause,
    /// Who was killed.
    pub victim: Victim,
}

/// A process that the kernel killed for memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// What it called itself: printable, at most 15 characters (TASK_COMM_LEN).
    pub name: String,
    /// Its pid, as the host counts.
    pub pid: u32,
    /// Anonymous memory that it held, in bytes.
    pub anon_bytes: Option<u64>,
}

/// Looks through records for the latest kill in one control group.
#[derive(Debug)]
pub struct Search {
    leaf: String,
    from_us: u64,
    found: Option<Kill>,
}

impl Search {
    /// `leaf`: its path from the highest control group that can be seen from here, with a slash in front. The log has all
    /// paths from the true root, so they end with it. `from_us`: what is older is of somebody of the same name.
    #[must_use]
    pub const fn new(leaf: String, from_us: u64) -> Self {
        Self { leaf, from_us, found: None }
    }

    /// Takes in the next record.
    pub fn take(&mut self, record: &Record) {
        if record.at_us < self.from_us {
            return;
        }
        if let Some(kill) = self.kill(&record.text) {
            self.found = Some(kill);
        } else if let Some((pid, anon_bytes)) = killed(&record.text)
            && let Some(kill) = &mut self.found
            && kill.victim.pid == pid
        {
            kill.victim.anon_bytes = Some(anon_bytes);
        }
    }

    /// Whether the second line of a kill is still to come: the kernel writes it after it has killed.
    #[must_use]
    pub fn is_halfway(&self) -> bool {
        self.found.as_ref().is_some_and(|kill| kill.victim.anon_bytes.is_none())
    }

    /// What was found.
    #[must_use]
    pub fn found(self) -> Option<Kill> {
        self.found
    }

    /// The first line, where it is about the control group. It is taken apart from its end, for a cgroup's name may hold
    /// commas, and so may the process's.
    fn kill(&self, text: &str) -> Option<Kill> {
        let rest = text.strip_prefix("oom-kill:constraint=")?;
        let (rest, _) = rest.rsplit_once(",uid=")?;
        let (rest, pid) = rest.rsplit_once(",pid=")?;
        let (rest, name) = rest.rsplit_once(",task=")?;
        let (rest, task) = rest.rsplit_once(",task_memcg=")?;
        let leaf = leading_to(&self.leaf, task)?;
        let cause = match rest.rsplit_once(",oom_memcg=") {
            // Also where it was the nodes of the host that it may use (CONSTRAINT_CPUSET, CONSTRAINT_MEMORY_POLICY).
            None => OomCause::Host,
            Some((_, whose)) if is_within(whose, leaf) => OomCause::Limit,
            Some(_) => OomCause::Above,
        };
        let victim = Victim { name: printable(name), pid: pid.parse().ok()?, anon_bytes: None };
        Some(Kill { cause, victim })
    }
}

/// The part of `path` that ends with `leaf`; none where it leads elsewhere.
fn leading_to<'a>(leaf: &str, path: &'a str) -> Option<&'a str> {
    if path.ends_with(leaf) {
        return Some(path);
    }
    // A job may have made cgroups below its own.
    let end =
        path.match_indices(leaf).map(|(at, _)| at + leaf.len()).find(|&end| path[end..].starts_with('/'))?;
    Some(&path[..end])
}

fn is_within(path: &str, leaf: &str) -> bool {
    path.strip_prefix(leaf).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The second line: `Killed process 11589 (python3) total-vm:221368kB, anon-rss:40704kB, file-rss:6576kB, ...`
fn killed(text: &str) -> Option<(u32, u64)> {
    let (_, rest) = text.split_once("Killed process ")?;
    let (pid, rest) = rest.split_once(' ')?;
    // From the end, for the name in brackets may hold anything.
    let (_, rest) = rest.rsplit_once(", anon-rss:")?;
    let (kib, _) = rest.split_once("kB")?;
    // Before Linux 5.3 there was a comma behind the pid as well.
    Some((pid.trim_end_matches(',').parse().ok()?, kib.parse::<u64>().ok()?.checked_mul(1024)?))
}

/// A process gives itself its name (PR_SET_NAME), and a terminal obeys some characters.
fn printable(name: &str) -> String {
    const LONGEST: usize = 15;
    let shown = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    name.chars().take(LONGEST).map(shown).collect()
}

#[cfg(test)]
mod tests;

//! What earlier audits have seen of processes that still run, so that slow growth shows. Knows no file.

use serde::{Deserialize, Serialize};

use super::Watched;
use crate::limits;
use crate::sys::processes::Process;

/// What a process held at some audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Anonymous memory and swap, in bytes.
    pub anon_bytes: u64,
}

/// The figures of earlier audits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remembered {
    /// Of which format this is.
    version: u32,
    /// The boot that they are of: a pid of another boot means nothing.
    boot: String,
    processes: Vec<Known>,
}

/// A process: its number alone comes round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    pid: i32,
    start_ticks: u64,
    points: Vec<Point>,
}

impl Remembered {
    /// The figures in this text, if it is of this format and boot; else none yet.
    #[must_use]
    pub fn read(text: &str, boot: &str) -> Self {
        let none = Self { version: 1, boot: boot.to_owned(), processes: Vec::new() };
        let found: Option<Self> = serde_json::from_str(text).ok();
        found.filter(|found| found.version == 1 && found.boot == boot).unwrap_or(none)
    }

    /// What earlier audits saw of a process, the oldest first.
    #[must_use]
    pub fn points(&self, process: &Process) -> Vec<Point> {
        let known = self.processes.iter().find(|known| known.is(process));
        known.map(|known| known.points.clone()).unwrap_or_default()
    }

    /// Adds what this audit has seen.
    pub fn add(&mut self, one: &Watched, at_ms: i64) {
        let Process { pid, start_ticks, .. } = one.process;
        let at = self.processes.iter().position(|known| known.is(&one.process));
        let mut known =
            at.map_or_else(|| Known { pid, start_ticks, points: Vec::new() }, |at| self.processes.remove(at));
        known.points.push(Point { at_ms, anon_bytes: one.anon() });
        let surplus = known.points.len().saturating_sub(limits::AUDIT_REMEMBERED_MAX);
        // The first says how long it has been growing; the gap is behind it.
        known.points.drain(1..=surplus);
        self.processes.push(known);
        let surplus = self.processes.len().saturating_sub(limits::AUDIT_REMEMBERED_PROCESSES_MAX);
        self.processes.drain(..surplus);
    }
}

impl Known {
    const fn is(&self, process: &Process) -> bool {
        self.pid == process.pid && self.start_ticks == process.start_ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{MIB, watched};

    fn process(pid: i32) -> Watched {
        let mut one = watched(pid, 1);
        one.mib(100);
        one
    }

    #[test]
    fn figures_are_of_one_process_of_one_boot() {
        let mut remembered = Remembered::read("", "boot-1");
        remembered.add(&process(10), 1_000);
        let text = serde_json::to_string(&remembered).unwrap();
        let point = Point { at_ms: 1_000, anon_bytes: 100 * MIB };
        let points =
            |text: &str, boot: &str, pid: i32| Remembered::read(text, boot).points(&process(pid).process);
        assert_eq!(points(&text, "boot-1", 10), [point]);
        assert_eq!(points(&text, "boot-1", 11), []);
        assert_eq!(points(&text, "boot-2", 10), []);
        assert_eq!(points("{\"version\": 9}", "boot-1", 10), []);
    }

    #[test]
    fn figures_are_bounded_and_the_first_stays() {
        let mut remembered = Remembered::read("", "b");
        for at in 0..100 {
            remembered.add(&process(10), at);
        }
        let points = remembered.points(&process(10).process);
        assert_eq!(points.len(), limits::AUDIT_REMEMBERED_MAX);
        assert_eq!((points[0].at_ms, points.last().unwrap().at_ms), (0, 99));
    }
}

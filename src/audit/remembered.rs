//! What earlier audits have seen of services that still run, so that slow growth shows. Knows no file.

use serde::{Deserialize, Serialize};

use super::Service;
use crate::limits;

/// What a service held at some audit.
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
    services: Vec<Known>,
}

/// A service, as its main process tells it from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    name: String,
    pid: i32,
    start_ticks: u64,
    points: Vec<Point>,
}

impl Remembered {
    /// The figures in this text, if it is of this format and boot; else none yet.
    #[must_use]
    pub fn read(text: &str, boot: &str) -> Self {
        let none = Self { version: 1, boot: boot.to_owned(), services: Vec::new() };
        let found: Option<Self> = serde_json::from_str(text).ok();
        found.filter(|found| found.version == 1 && found.boot == boot).unwrap_or(none)
    }

    /// What earlier audits saw of a service, the oldest first.
    #[must_use]
    pub fn points(&self, service: &Service<'_>) -> Vec<Point> {
        self.services
            .iter()
            .find(|known| known.is(service))
            .map(|known| known.points.clone())
            .unwrap_or_default()
    }

    /// Adds what this audit has seen.
    pub fn add(&mut self, service: &Service<'_>, at_ms: i64) {
        let process = &service.main().process;
        let at = self.services.iter().position(|known| known.is(service));
        let mut known = at.map(|at| self.services.remove(at)).unwrap_or_else(|| Known {
            name: service.name.clone(),
            pid: process.pid,
            start_ticks: process.start_ticks,
            points: Vec::new(),
        });
        known.points.push(Point { at_ms, anon_bytes: service.anon() });
        let surplus = known.points.len().saturating_sub(limits::AUDIT_REMEMBERED_MAX);
        // The first says how long it has been growing; the gap is behind it.
        known.points.drain(1..=surplus);
        self.services.push(known);
        let surplus = self.services.len().saturating_sub(limits::AUDIT_REMEMBERED_SERVICES_MAX);
        self.services.drain(..surplus);
    }
}

impl Known {
    fn is(&self, service: &Service<'_>) -> bool {
        let process = &service.main().process;
        self.pid == process.pid && self.start_ticks == process.start_ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{MIB, Seen, first};

    #[test]
    fn figures_are_of_one_process_of_one_boot() {
        let host = |pid| {
            let mut seen = Seen::default();
            seen.add(pid, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100);
            seen.host()
        };
        let (same, other) = (host(10), host(11));
        let mut remembered = Remembered::read("", "boot-1");
        remembered.add(&first(&same), 1_000);
        let text = serde_json::to_string(&remembered).unwrap();
        let point = Point { at_ms: 1_000, anon_bytes: 100 * MIB };
        assert_eq!(Remembered::read(&text, "boot-1").points(&first(&same)), [point]);
        assert_eq!(Remembered::read(&text, "boot-1").points(&first(&other)), []);
        assert_eq!(Remembered::read(&text, "boot-2").points(&first(&same)), []);
        assert_eq!(Remembered::read("{\"version\": 9}", "boot-1").points(&first(&same)), []);
    }

    #[test]
    fn figures_are_bounded_and_the_first_stays() {
        let mut seen = Seen::default();
        seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100);
        let host = seen.host();
        let mut remembered = Remembered::read("", "b");
        for at in 0..100 {
            remembered.add(&first(&host), at);
        }
        let points = remembered.points(&first(&host));
        assert_eq!(points.len(), limits::AUDIT_REMEMBERED_MAX);
        assert_eq!((points[0].at_ms, points.last().unwrap().at_ms), (0, 99));
    }
}

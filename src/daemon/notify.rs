//! What the service manager is told (sd_notify(3)): ready, reloading, stopping, a line for people, and signs of life.
//! Without a service manager nothing here does anything. Decides nothing for anybody else.

use std::ffi::OsString;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Wall;
use crate::limits;
use crate::schedule;
use crate::sys;
use crate::sys::notify::{Manager, monotonic_usec};

use super::load::count;
use super::shell::Shell;

/// The service manager as ebbd sees it.
///
/// Its variables stay in ebbd's environment, for an ebbd that this one becomes by an upgrade; runs never get them, since
/// their environment is made of stated sources.
#[derive(Default)]
pub(super) struct Notify {
    manager: Option<Manager>,
    /// How long between two signs of life, where the operator asks for them (`WatchdogSec=`).
    period: Option<Duration>,
    ping_at: Option<Instant>,
    told: Facts,
    /// No status line before this.
    status_from: Option<Instant>,
    /// When a status line goes out that had to wait.
    status_at: Option<Instant>,
}

/// What a status line is made from; the line is made anew only where this has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Facts {
    jobs: usize,
    refused: usize,
    running: usize,
    waiting: usize,
    next: Option<(String, Wall)>,
}

impl Notify {
    /// The one that started this process, as its environment says.
    pub(super) fn of(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let Some(value) = env("NOTIFY_SOCKET").filter(|value| !value.is_empty()) else {
            return Self::default();
        };
        let named = Manager::named(&value).inspect_err(|error| {
            tracing::warn!(
                "the service manager can't be told anything by NOTIFY_SOCKET={}: {error}",
                value.display()
            );
        });
        let manager = named.ok();
        let period = manager.as_ref().and_then(|_| watchdog_period(env));
        let ping_at = period.map(|period| Instant::now() + period);
        Self { manager, period, ping_at, ..Self::default() }
    }

    fn tell(&self, message: &str) {
        if let Some(manager) = &self.manager
            && let Err(error) = manager.tell(message)
        {
            tracing::warn!("cannot tell the service manager `{}`: {error}", message.replace('\n', " "));
        }
    }

    /// Whether anybody wants a sign of life, which is given now, so that the next one has its time.
    fn wants_sign(&mut self) -> bool {
        self.ping_at = self.period.map(|period| Instant::now() + period);
        self.period.is_some()
    }

    /// When [`Shell::notify_due`] has something to do by time alone.
    pub(super) fn due_at(&self) -> Option<Instant> {
        [self.ping_at, self.status_at].into_iter().flatten().min()
    }
}

/// Half of what the operator allows, as sd_watchdog_enabled(3) advises. A variable for another process does not count.
fn watchdog_period(env: impl Fn(&str) -> Option<OsString>) -> Option<Duration> {
    let number = |name| env(name)?.into_string().ok()?.parse::<u64>().ok();
    let is_ours = env("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(std::process::id().into());
    number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 1).map(|usec| Duration::from_micros(usec / 2))
}

impl Shell {
    /// The jobs are in force and the socket listens: after the start, and after a reload. It may have taken a while.
    pub(super) fn notify_ready(&mut self) {
        if self.notify.manager.is_some() {
            let line = self.status_line();
            let sign = if self.notify.wants_sign() { "\nWATCHDOG=1" } else { "" };
            self.notify.tell(&format!("READY=1\nSTATUS={line}{sign}"));
        }
    }

    /// A sign of life ahead of its time, since what follows may take a while.
    pub(super) fn notify_alive(&mut self) {
        if self.notify.wants_sign() {
            self.notify.tell("WATCHDOG=1");
        }
    }

    /// The job files are about to be read again.
    pub(super) fn notify_reloading(&self) {
        if self.notify.manager.is_some() {
            self.notify.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec()));
        }
    }

    /// ebbd is about to end. Where it ends its runs first, that takes as long as the longest of them is allowed to.
    pub(super) fn notify_stopping(&self) {
        if self.notify.manager.is_none() {
            return;
        }
        if self.leaves_runs || self.live.is_empty() {
            return self.notify.tell("STOPPING=1");
        }
        let grace = |job| self.definition(job).map_or(limits::GRACE_DEFAULT_MS, |job| job.grace_ms);
        let longest_ms = self.live.iter().map(|live| grace(&live.job)).max().unwrap_or(0);
        let usec = longest_ms.saturating_add(limits::END_MARGIN_MS).saturating_mul(1000);
        let runs =
            if self.live.len() == 1 { "1 run".to_owned() } else { format!("{} runs", self.live.len()) };
        self.notify.tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={usec}\nSTATUS=ending {runs}"));
    }

    /// Tells what has changed since the last status line; not too often, since every line wakes the service manager.
    pub(super) fn notify_status(&mut self) {
        if self.notify.manager.is_none() || self.is_over || self.notify.status_at.is_some() {
            return;
        }
        if self.notify.told == self.status_facts() {
            return;
        }
        match self.notify.status_from.filter(|from| *from > Instant::now()) {
            Some(from) => self.notify.status_at = Some(from),
            None => {
                let line = self.status_line();
                self.notify.tell(&format!("STATUS={line}"));
            }
        }
    }

    /// What time alone asks for: a sign of life, a status line that had to wait.
    pub(super) fn notify_due(&mut self) {
        let now = Instant::now();
        if self.notify.ping_at.is_some_and(|at| at <= now) {
            self.notify_alive();
        }
        if self.notify.status_at.is_some_and(|at| at <= now) {
            self.notify.status_at = None;
            self.notify.status_from = None;
            self.notify_status();
        }
    }

    fn status_facts(&self) -> Facts {
        let (waiting, running) = self.engine.run_counts();
        Facts {
            jobs: self.engine.job_count(),
            refused: self.refused.len(),
            running,
            waiting,
            next: self.engine.earliest().map(|(job, at)| (job.to_owned(), at)),
        }
    }

    fn status_line(&mut self) -> String {
        self.notify.told = self.status_facts();
        self.notify.status_from = Some(Instant::now() + Duration::from_millis(limits::STATUS_PAUSE_MS));
        self.notify.told.line(&local)
    }
}

impl Facts {
    /// `3 jobs, 1 running, next indexer at 2026-11-22 14:05:00 CET`: an instant, for "in 4 min" would not stay true.
    fn line(&self, show: &dyn Fn(Wall) -> String) -> String {
        let mut parts = vec![count(self.jobs)];
        match self.refused {
            0 => {}
            1 => parts.push("1 file with a problem".to_owned()),
            more => parts.push(format!("{more} files with a problem")),
        }
        parts.push(format!("{} running", self.running));
        if self.waiting > 0 {
            parts.push(format!("{} waiting", self.waiting));
        }
        parts.push(match &self.next {
            Some((job, at)) => format!("next {job} at {}", show(*at)),
            None => "nothing scheduled".to_owned(),
        });
        parts.join(", ")
    }
}

/// An instant as the host's clock on the wall shows it.
fn local(at: Wall) -> String {
    let name = sys::zoneinfo::host_zone();
    let zone = sys::zoneinfo::read(&name).and_then(|bytes| schedule::zone::from_tzif(&name, &bytes).ok());
    let zone = zone.unwrap_or(jiff::tz::TimeZone::UTC);
    at.timestamp().to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_says_what_is_and_names_an_instant() {
        let show = |at: Wall| at.to_string();
        let mut facts =
            Facts { jobs: 3, running: 1, next: Some(("indexer".into(), Wall(0))), ..Facts::default() };
        assert_eq!(facts.line(&show), "3 jobs, 1 running, next indexer at 1970-01-01T00:00:00.000Z");
        facts.next = None;
        (facts.refused, facts.waiting) = (1, 2);
        assert_eq!(
            facts.line(&show),
            "3 jobs, 1 file with a problem, 1 running, 2 waiting, nothing scheduled"
        );
        let line = Facts { jobs: 1, ..Facts::default() }.line(&show);
        assert_eq!(line, "1 job, 0 running, nothing scheduled");
    }

    #[test]
    fn signs_of_life_are_given_at_half_of_the_time_and_only_where_they_are_asked_for() {
        let own = std::process::id();
        let period = |usec: Option<&str>, pid: Option<u32>| {
            watchdog_period(|name| match name {
                "WATCHDOG_USEC" => usec.map(OsString::from),
                _ => pid.map(|pid| pid.to_string().into()),
            })
        };
        let half = Some(Duration::from_secs(15));
        assert_eq!(period(Some("30000000"), Some(own)), half);
        assert_eq!(period(Some("30000000"), None), half);
        assert_eq!(period(Some("30000000"), Some(own + 1)), None, "meant for another process");
        assert_eq!(
            (period(None, Some(own)), period(Some("0"), Some(own)), period(Some("x"), None)),
            (None, None, None)
        );
    }
}

//! The looks at the memory of a run while it lives: how often, and what was seen. Knows nothing of its end.

use std::time::{Duration, Instant};

use crate::learn::Trace;
use crate::limits;
use crate::sys::tracked::Tree;
use crate::sys::{clock, foreground, proc};

/// The first pause; each is half as long again as the one before, up to [`limits::MEASURE_LOOK_MS`].
const FIRST: Duration = Duration::from_millis(1);
/// A pause is so many times as long as the look before it, at least: summing up the pages of a large process takes a while.
const PART: u32 = 20;

/// What was seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Highest anonymous memory and swap, in bytes.
    pub(super) anon: Option<u64>,
    /// Resident bytes of the main process that are files', at the latest look.
    pub(super) shared: u64,
}

/// The looks at one run.
pub(super) struct Looks {
    began_ns: u64,
    pause: Duration,
    due: Instant,
    seen: Seen,
    trace: Trace,
}

impl Looks {
    /// The first one is due at once, since a run may be very short.
    pub(super) fn new(began_ns: u64) -> Self {
        Self { began_ns, pause: FIRST, due: Instant::now(), seen: Seen::default(), trace: Trace::default() }
    }

    /// When the next one is due.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    pub(super) const fn seen(&self) -> Seen {
        self.seen
    }

    /// The memory over the time.
    pub(super) const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Looks at the run, whose main process is `main`.
    pub(super) fn look(&mut self, tree: &Tree, main: i32) {
        let worked = clock::worked();
        self.seen.shared = proc::shared_bytes(main).unwrap_or(self.seen.shared);
        let at_ms = foreground::now_ns().saturating_sub(self.began_ns) / 1_000_000;
        // The kernel counts some dozens of pages at a time, so a small process can seem to have nothing.
        if let Some(anon) = tree.current_anon().filter(|bytes| *bytes > 0) {
            self.seen.anon = self.seen.anon.max(Some(anon));
            self.trace.add(at_ms, anon);
        }
        // What it has cost is reckoned by the processor's time: on a busy machine most of a look is waiting for others.
        self.due = Instant::now() + self.pause.max((clock::worked() - worked) * PART);
        self.pause = (self.pause * 3 / 2).min(Duration::from_millis(limits::MEASURE_LOOK_MS));
    }
}

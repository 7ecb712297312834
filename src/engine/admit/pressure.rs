//! While the host stands still for memory nothing more is started: it would only stand still for longer.
//! Held at once, let go late: the kernel's notice holds for a while, and then its average has to have come down as well.
//!
//! The kernel's figure counts whoever stands still, a run at its own limit among them, which others need not wait for. So it
//! counts only while the host, or what is above the runs, is short of memory itself.

use crate::clock::{Mono, Now, Wall};
use crate::engine::budget::Room;
use crate::engine::{Effect, Engine};
use crate::journal::record::{self, Event as Recorded};
use crate::limits;

/// Starts are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Pressure {
    /// Since when.
    pub(in crate::engine) since: Wall,
    /// Not before this is it looked at again.
    pub(in crate::engine) until: Mono,
}

impl Engine {
    /// The kernel says that processes stand still for memory.
    pub(in crate::engine) fn pressed(&mut self, now: Now, room: &Room, out: &mut Vec<Effect>) {
        if self.budget.pressure.is_none() || !self.is_short(room) {
            return;
        }
        let until = now.mono.plus_ms(limits::PRESSURE_QUIET_MS);
        match &mut self.pressure {
            Some(pressure) => pressure.until = until,
            None => {
                self.pressure = Some(Pressure { since: now.wall, until });
                out.push(Effect::Record(Recorded::Pressure(record::Pressure { holds: true })));
            }
        }
    }

    /// Lets go once the time is over and the average is a third of what holds, at most.
    pub(super) fn feel_pressure(&mut self, now: Now, room: &Room, out: &mut Vec<Effect>) {
        let (Some(pressure), Some(threshold)) = (&self.pressure, self.budget.pressure) else { return };
        if pressure.until > now.mono {
            return;
        }
        let most = u32::from(threshold) * 100 / limits::PRESSURE_RELEASE_PART;
        if room.stalled.is_none_or(|stalled| stalled <= most) || !self.is_short(room) {
            self.release_pressure(out);
        } else if let Some(pressure) = &mut self.pressure {
            pressure.until = now.mono.plus_ms(limits::PRESSURE_QUIET_MS);
        }
    }

    /// Whether little is left; where nobody can tell, there may be.
    fn is_short(&self, room: &Room) -> bool {
        let left = [room.available, room.headroom].into_iter().flatten().min();
        match (left, self.budget.total) {
            (Some(left), Some(total)) => left < total / limits::PRESSURE_LEFT_PART,
            (None, _) | (_, None) => true,
        }
    }

    pub(super) fn release_pressure(&mut self, out: &mut Vec<Effect>) {
        if self.pressure.take().is_some() {
            out.push(Effect::Record(Recorded::Pressure(record::Pressure { holds: false })));
        }
    }
}

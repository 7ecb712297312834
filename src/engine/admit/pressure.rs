//! While the host stands still for memory nothing more is started: it would only stand still for longer.
//! Held at once, let go late: the kernel's notice holds for a while, and then its average has to have come down as well.

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
    pub(in crate::engine) fn pressed(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.budget.pressure.is_none() {
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
        let (Some(pressure), Some(threshold)) = (&mut self.pressure, self.budget.pressure) else { return };
        if pressure.until > now.mono {
            return;
        }
        let most = u32::from(threshold) * 100 / limits::PRESSURE_RELEASE_PART;
        if room.stalled.is_some_and(|stalled| stalled > most) {
            pressure.until = now.mono.plus_ms(limits::PRESSURE_QUIET_MS);
        } else {
            self.release_pressure(out);
        }
    }

    pub(super) fn release_pressure(&mut self, out: &mut Vec<Effect>) {
        if self.pressure.take().is_some() {
            out.push(Effect::Record(Recorded::Pressure(record::Pressure { holds: false })));
        }
    }
}

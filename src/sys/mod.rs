//! The only place of system calls, `/proc`, `/sys` and unsafe code. Decides nothing.
//!
//! Everything here is synchronous and quick; what has to be waited for is handed out as a descriptor that an event loop
//! can watch. Nothing here knows of jobs, schedules or the wire.

pub mod cgroup;
pub mod child;
pub mod clock;
pub mod descriptors;
pub mod durable;
pub mod foreground;
pub mod image;
pub mod journald;
pub mod kmsg;
pub mod listen;
pub mod meminfo;
pub mod memory;
pub mod notify;
pub mod oom;
pub mod output;
pub mod peer;
pub mod pidfd;
pub mod pressure;
pub mod proc;
mod raw;
pub mod signals;
pub mod spawn;
pub mod tracked;
pub mod tree;
pub mod users;
pub mod watch;
pub mod zoneinfo;

pub use raw::is_scarce;

#[cfg(test)]
pub(crate) mod testing;

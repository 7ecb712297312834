//! Reads the two clocks and turns instants into wake-ups: a timer for the wall clock that also notices when the clock
//! is set, and a timer for the clock that nobody sets. Knows nothing of what is due.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::raw;
use crate::clock::{Mono, Now, Wall};

/// The farthest instant that a timer is armed for (the year 2255; the kernel's own range ends in 2262).
///
/// A wall timer that is armed for it never fires in practice and still reports when the clock is set.
pub const FAR: Wall = Wall(9_000_000_000_000);

/// How long the processor has worked for this thread (CLOCK_THREAD_CPUTIME_ID).
#[must_use]
pub fn worked() -> std::time::Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or_else(|_| std::time::Duration::ZERO, Into::into)
}

/// Both clocks: CLOCK_REALTIME and CLOCK_BOOTTIME, each rounded down to a millisecond.
#[must_use]
pub fn now() -> Now {
    let wall = read_ms(libc::CLOCK_REALTIME);
    let mono = u64::try_from(read_ms(libc::CLOCK_BOOTTIME)).unwrap_or(0);
    Now { wall: Wall(wall), mono: Mono(mono) }
}

/// How long the host has been awake since its boot, in milliseconds: CLOCK_MONOTONIC, which stands still while it sleeps.
#[must_use]
pub fn awake_ms() -> u64 {
    u64::try_from(read_ms(libc::CLOCK_MONOTONIC)).unwrap_or(0)
}

/// A clock in milliseconds. All of them exist since Linux 2.6.39, so there is no error to report.
fn read_ms(clock: libc::clockid_t) -> i64 {
    let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `at` is a valid place for one timespec for the whole call.
    let _ = unsafe { libc::clock_gettime(clock, &raw mut at) };
    // The casts widen where the types of the platform are narrower.
    #[allow(clippy::unnecessary_cast)] // time_t and long are i64 only on some platforms.
    let (seconds, nanoseconds) = (at.tv_sec as i64, at.tv_nsec as i64);
    seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
}

/// What a timer has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// The instant has come.
    Fired,
    /// The wall clock was set, forward or back: compute anew what is due, and arm again.
    ClockChanged,
    /// Neither; the wake-up was for something else.
    Nothing,
}

/// A timer on CLOCK_REALTIME, absolute, which also wakes when the clock is set (TFD_TIMER_CANCEL_ON_SET, timerfd_create(2)).
///
/// The kernel reports a set clock only to a timer that is armed: where jobs exist but nothing is due, arm it for [`FAR`].
#[derive(Debug)]
pub struct WallTimer(OwnedFd);

impl WallTimer {
    /// A timer that is not armed.
    ///
    /// # Errors
    /// No descriptor or no memory left.
    pub fn new() -> io::Result<Self> {
        create(libc::CLOCK_REALTIME).map(Self)
    }

    /// Fires at `at`, at once if that has passed; `None` disarms. Whatever it had to say before is forgotten.
    ///
    /// # Errors
    /// None in practice: the instant is clamped to what the kernel takes.
    pub fn arm(&self, at: Option<Wall>) -> io::Result<()> {
        // An all-zero instant would disarm: 1970 began long ago, so one millisecond later is as good.
        let ms = at.map(|w| w.0.clamp(1, FAR.0));
        set(&self.0, ms, libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET)
    }

    /// Takes what the timer has to say; never blocks. After [`Tick::ClockChanged`] it is still armed.
    ///
    /// # Errors
    /// None in practice.
    pub fn read(&self) -> io::Result<Tick> {
        read(&self.0)
    }
}

/// A timer on CLOCK_BOOTTIME, absolute: it goes on counting while the machine sleeps, and nobody can set it.
#[derive(Debug)]
pub struct MonoTimer(OwnedFd);

impl MonoTimer {
    /// A timer that is not armed.
    ///
    /// # Errors
    /// No descriptor or no memory left.
    pub fn new() -> io::Result<Self> {
        create(libc::CLOCK_BOOTTIME).map(Self)
    }

    /// Fires at `at`, at once if that has passed; `None` disarms. Whatever it had to say before is forgotten.
    ///
    /// # Errors
    /// None in practice: the instant is clamped to what the kernel takes.
    pub fn arm(&self, at: Option<Mono>) -> io::Result<()> {
        let ms = at.map(|m| i64::try_from(m.0).unwrap_or(FAR.0).clamp(1, FAR.0));
        set(&self.0, ms, libc::TFD_TIMER_ABSTIME)
    }

    /// Takes what the timer has to say: [`Tick::Fired`] or [`Tick::Nothing`]; never blocks.
    ///
    /// # Errors
    /// None in practice.
    pub fn read(&self) -> io::Result<Tick> {
        read(&self.0)
    }
}

fn create(clock: libc::clockid_t) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers and touches no memory of ours.
    let fd = unsafe { libc::timerfd_create(clock, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
    raw::own_fd(fd.into())
}

/// Arms for `ms` milliseconds on the timer's clock, or disarms.
fn set(fd: &OwnedFd, ms: Option<i64>, flags: libc::c_int) -> io::Result<()> {
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut spec = libc::itimerspec { it_interval: zero, it_value: zero };
    if let Some(ms) = ms {
        #[allow(clippy::cast_possible_truncation)] // Where time_t has 32 bits nothing better can be said.
        {
            spec.it_value.tv_sec = ms.div_euclid(1000) as _;
            spec.it_value.tv_nsec = (ms.rem_euclid(1000) * 1_000_000) as _;
        }
    }
    // SAFETY: `spec` is valid for reading during the call; the old value is not asked for.
    raw::check(unsafe { libc::timerfd_settime(fd.as_raw_fd(), flags, &raw const spec, std::ptr::null_mut()) })
        .map(drop)
}

/// Reads the count of expirations. `read(2)` itself, because wrappers turn ECANCELED into success.
fn read(fd: &OwnedFd) -> io::Result<Tick> {
    let mut count = 0_u64;
    // SAFETY: `count` is a valid place for the eight bytes that a timerfd hands out.
    let n = unsafe { libc::read(fd.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    if n >= 0 {
        return Ok(Tick::Fired);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ECANCELED) => Ok(Tick::ClockChanged),
        Some(libc::EAGAIN | libc::EINTR) => Ok(Tick::Nothing),
        _ => Err(error),
    }
}

macro_rules! as_fd {
    ($timer:ty) => {
        impl AsFd for $timer {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $timer {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }
    };
}

as_fd!(WallTimer);
as_fd!(MonoTimer);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{readable_within, skip};

    #[test]
    fn the_clocks_run_forward_and_the_wall_clock_is_of_this_century() {
        let first = now();
        assert!(first.wall > Wall(1_600_000_000_000));
        let second = now();
        assert!(second.mono >= first.mono);
    }

    /// Arms for `due` and waits for what comes, as a daemon does: a clock that is set (another test does that) is no answer.
    fn fires(timer: &WallTimer, due: Wall) -> Tick {
        loop {
            timer.arm(Some(due)).unwrap();
            assert!(readable_within(timer.as_fd(), 5_000), "{due:?}");
            match timer.read().unwrap() {
                Tick::ClockChanged => {}
                tick @ (Tick::Fired | Tick::Nothing) => return tick,
            }
        }
    }

    #[test]
    fn a_wall_timer_fires_at_its_instant_and_not_before() {
        let timer = WallTimer::new().unwrap();
        let due = now().wall.plus_ms(60);
        assert_eq!(fires(&timer, due), Tick::Fired);
        assert!(now().wall >= due);
        timer.arm(None).unwrap();
        assert_eq!(timer.read().unwrap(), Tick::Nothing);
    }

    #[test]
    fn an_instant_of_the_past_fires_at_once_even_the_first_of_all() {
        for past in [Wall(i64::MIN), Wall(0), Wall(1), now().wall] {
            let timer = WallTimer::new().unwrap();
            assert_eq!(fires(&timer, past), Tick::Fired);
        }
        let timer = MonoTimer::new().unwrap();
        timer.arm(Some(Mono(0))).unwrap();
        assert!(readable_within(timer.as_fd(), 5_000));
    }

    #[test]
    fn arming_anew_forgets_the_earlier_instant() {
        let timer = MonoTimer::new().unwrap();
        timer.arm(Some(Mono(0))).unwrap();
        assert!(readable_within(timer.as_fd(), 5_000));
        timer.arm(None).unwrap();
        assert_eq!(timer.read().unwrap(), Tick::Nothing);
        timer.arm(Some(Mono(u64::MAX))).unwrap();
        assert_eq!(timer.read().unwrap(), Tick::Nothing);
    }

    #[test]
    fn a_mono_timer_fires_at_its_instant_and_not_before() {
        let timer = MonoTimer::new().unwrap();
        let due = now().mono.plus_ms(60);
        timer.arm(Some(due)).unwrap();
        assert!(readable_within(timer.as_fd(), 5_000));
        assert!(now().mono >= due);
        assert_eq!(timer.read().unwrap(), Tick::Fired);
    }

    /// Moves the wall clock by one microsecond, the least that counts as "set".
    fn nudge_wall_clock(forward: bool) -> io::Result<()> {
        // SAFETY: an all-zero timex is a valid value of this plain C struct.
        let mut change: libc::timex = unsafe { std::mem::zeroed() };
        change.modes = libc::ADJ_SETOFFSET;
        (change.time.tv_sec, change.time.tv_usec) = if forward { (0, 1) } else { (-1, 999_999) };
        // SAFETY: `change` is valid for reading and writing during the call.
        raw::check(unsafe { libc::adjtimex(&raw mut change) }).map(drop)
    }

    #[test]
    fn a_clock_that_is_set_wakes_an_armed_wall_timer_that_stays_armed() {
        let timer = WallTimer::new().unwrap();
        timer.arm(Some(FAR)).unwrap();
        if let Err(why) = nudge_wall_clock(true) {
            return skip("a_clock_that_is_set_wakes_an_armed_wall_timer_that_stays_armed", &why);
        }
        assert!(readable_within(timer.as_fd(), 5_000));
        assert_eq!(timer.read().unwrap(), Tick::ClockChanged);
        nudge_wall_clock(false).unwrap();
        assert!(readable_within(timer.as_fd(), 5_000), "still armed");
        assert_eq!(timer.read().unwrap(), Tick::ClockChanged);
    }
}

//! How long a process has set itself to sleep: the deadline that its first thread has handed to the kernel, read from the call
//! that it is in (proc_pid_syscall(5)) and its memory there. Reads only; needs the right to look into it (ptrace(2)).

use std::os::unix::fs::FileExt as _;

use nix::time::{ClockId, clock_gettime};

/// A sleep with an end: the kernel was told either how long, and does not say since when, or until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asleep {
    /// So many milliseconds in all.
    For(u64),
    /// So many milliseconds from now on.
    Until(u64),
}

impl Asleep {
    /// The milliseconds that are known of it.
    #[must_use]
    pub const fn ms(self) -> u64 {
        match self {
            Self::For(ms) | Self::Until(ms) => ms,
        }
    }
}

/// What a call says of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// So many milliseconds after it began.
    After(u64),
    /// A `timespec` at this address: how long.
    AfterAt(u64),
    /// A `timeval` at this address: how long.
    AfterMicrosAt(u64),
    /// A `timespec` at this address: when, by this clock.
    When(ClockId, u64),
}

/// The sleep that the first thread of a process is in; none where it has no end, is none, or may not be looked at.
#[must_use]
pub fn look(pid: i32) -> Option<Asleep> {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
    let end = end_of(&words(&call)?)?;
    Some(match end {
        End::When(clock, at) => {
            let now = clock_gettime(clock).ok()?;
            let now_ms = millis((now.tv_sec(), now.tv_nsec()), 1_000_000)?;
            Asleep::Until(millis(pair(pid, at)?, 1_000_000)?.checked_sub(now_ms)?)
        }
        End::After(ms) => Asleep::For(ms),
        End::AfterAt(at) => Asleep::For(millis(pair(pid, at)?, 1_000_000)?),
        End::AfterMicrosAt(at) => Asleep::For(millis(pair(pid, at)?, 1_000)?),
    })
}

/// Number and arguments of a call: `230 0x0 0x1 …`. `running` and `-1 …` are none.
fn words(text: &str) -> Option<[u64; 7]> {
    let mut words = text.split_ascii_whitespace();
    let mut call = [0; 7];
    call[0] = words.next()?.parse().ok()?;
    for argument in &mut call[1..] {
        *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(call)
}

/// Where the end of a call stands, by the manual page of each.
fn end_of(&[number, first, second, third, fourth, fifth, _]: &[u64; 7]) -> Option<End> {
    const TIMER_ABSTIME: u64 = 1;
    const FUTEX_COMMAND: u64 = 0x7f;
    const FUTEX_WAIT: u64 = 0;
    const FUTEX_WAIT_BITSET: u64 = 9;
    const FUTEX_CLOCK_REALTIME: u64 = 256;
    let is = |call: libc::c_long| u64::try_from(call) == Ok(number);
    // A negative number of milliseconds is for ever, and so is no address.
    let millis = |ms: u64| u32::try_from(ms & 0xffff_ffff).ok().filter(|ms| *ms <= i32::MAX.unsigned_abs());
    let given = |at: u64| (at != 0).then_some(at);
    if is(libc::SYS_clock_nanosleep) {
        let clock = if first == 0 { ClockId::CLOCK_REALTIME } else { ClockId::CLOCK_MONOTONIC };
        let is_absolute = second & TIMER_ABSTIME != 0;
        return given(third).map(|at| if is_absolute { End::When(clock, at) } else { End::AfterAt(at) });
    }
    if is(libc::SYS_nanosleep) {
        return given(first).map(End::AfterAt);
    }
    if is(libc::SYS_futex) {
        let clock = if second & FUTEX_CLOCK_REALTIME != 0 {
            ClockId::CLOCK_REALTIME
        } else {
            ClockId::CLOCK_MONOTONIC
        };
        return match second & FUTEX_COMMAND {
            FUTEX_WAIT => given(fourth).map(End::AfterAt),
            FUTEX_WAIT_BITSET => given(fourth).map(|at| End::When(clock, at)),
            _ => None,
        };
    }
    if is(libc::SYS_ppoll) {
        return given(third).map(End::AfterAt);
    }
    if is(libc::SYS_pselect6) {
        return given(fifth).map(End::AfterAt);
    }
    if is(libc::SYS_epoll_pwait) {
        return millis(fourth).map(|ms| End::After(ms.into()));
    }
    // Where the kernel has the older ones, too.
    #[cfg(target_arch = "x86_64")]
    {
        if is(libc::SYS_epoll_wait) {
            return millis(fourth).map(|ms| End::After(ms.into()));
        }
        if is(libc::SYS_poll) {
            return millis(third).map(|ms| End::After(ms.into()));
        }
        if is(libc::SYS_select) {
            return given(fifth).map(End::AfterMicrosAt);
        }
    }
    None
}

/// Two numbers of 64 bits in another process's memory, as `timespec` and `timeval` are on machines of that width.
fn pair(pid: i32, at: u64) -> Option<(i64, i64)> {
    if cfg!(not(target_pointer_width = "64")) {
        return None;
    }
    let mut bytes = [0; 16];
    std::fs::File::open(format!("/proc/{pid}/mem")).ok()?.read_exact_at(&mut bytes, at).ok()?;
    let number = |half: &[u8]| half.try_into().map(i64::from_ne_bytes).ok();
    Some((number(&bytes[..8])?, number(&bytes[8..])?))
}

/// Seconds and a part of one, so many of which are a millisecond.
fn millis((seconds, part): (i64, i64), a_millisecond: i64) -> Option<u64> {
    u64::try_from(seconds.checked_mul(1_000)?.checked_add(part / a_millisecond)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen of a program once it sleeps with an end.
    fn seen(program: &str, args: &[&str]) -> Option<Asleep> {
        let mut child = std::process::Command::new(program).args(args).spawn().ok()?;
        let pid = i32::try_from(child.id()).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let mut found = None;
        while found.is_none() && std::time::Instant::now() < deadline {
            found = look(pid).filter(|it| it.ms() > 60_000);
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        found
    }

    #[test]
    fn a_sleep_is_seen_with_its_end_and_its_length() {
        assert_eq!(seen("sleep", &["7200"]), Some(Asleep::For(7_200_000)));
        for code in ["import time; time.sleep(7200)", "import threading; threading.Event().wait(7200)"] {
            let Some(found) = seen("python3", &["-c", code]) else { continue };
            assert!((7_180_000..=7_200_500).contains(&found.ms()), "{code} {found:?}");
        }
    }

    #[test]
    fn what_waits_for_ever_has_no_end() {
        let call = |words: [i64; 7]| end_of(&words.map(|word| u64::from_ne_bytes(word.to_ne_bytes())));
        assert_eq!(call([libc::SYS_epoll_pwait, 4, 0, 64, -1, 0, 0]), None);
        assert_eq!(call([libc::SYS_epoll_pwait, 4, 0, 64, 5_000, 0, 0]), Some(End::After(5_000)));
        assert_eq!(call([libc::SYS_ppoll, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(call([libc::SYS_futex, 0, 128, 0, 0, 0, 0]), None);
        assert_eq!(call([libc::SYS_read, 0, 1, 2, 3, 4, 5]), None);
        assert_eq!(words("running\n"), None);
        assert_eq!(words("-1 0x7ffd 0x7f05\n"), None);
        assert_eq!(words("230 0x0 0x1 0xa 0x0 0x0 0x0 0x7ffd 0x7f05\n"), Some([230, 0, 1, 10, 0, 0, 0]));
    }
}

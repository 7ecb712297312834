//! How much a process works, cheap enough to be looked at again and again: CPU time, wake-ups, memory.

use std::io;

use crate::sys::proc;
use crate::sys::tree::bytes;

/// What has come together since a process started, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse {
    /// CPU time of all its threads, in milliseconds; the kernel counts it in steps of 10.
    pub cpu_ms: u64,
    /// How long its threads have waited for a CPU that others had, in milliseconds; 0 where the kernel does not say.
    pub waited_ms: u64,
    /// Whether its first thread runs, or would if there were a CPU for it.
    pub is_runnable: bool,
    /// The same of the children that it has waited for, with all that those had waited for.
    pub children_ms: u64,
    /// How often its threads have gone to sleep by themselves: about as often they were woken.
    pub wakes: u64,
    /// Anonymous memory and swap in bytes, as the kernel counts without looking at each page: some pages a CPU may be missing.
    pub anon: u64,
    /// The most that was ever resident, in bytes, counted alike.
    pub peak_rss: u64,
}

/// Takes the pulse of a process.
///
/// # Errors
/// It has gone, or may not be looked at.
pub fn take(pid: i32) -> io::Result<Pulse> {
    let text = std::fs::read(format!("/proc/{pid}/stat"))?;
    let odd = || io::Error::other(format!("/proc/{pid}/stat does not read as proc_pid_stat(5) says"));
    let Worked { state, ticks, children, threads } = worked(&text).ok_or_else(odd)?;
    let status = super::text(&format!("/proc/{pid}/status"))?;
    // What a process shows of these is its first thread's alone.
    let (wakes, waited_ms) = if threads > 1 {
        of_threads(pid)?
    } else {
        let waited = std::fs::read_to_string(format!("/proc/{pid}/schedstat"));
        (switches(&status), waited.map_or(0, |text| delay_ms(&text)))
    };
    let of = |key: &str| bytes(&status, key).unwrap_or(0);
    Ok(Pulse {
        cpu_ms: proc::ticks_ms(ticks),
        waited_ms,
        is_runnable: state == b'R',
        children_ms: proc::ticks_ms(children),
        wakes,
        anon: of("RssAnon:") + of("VmSwap:"),
        peak_rss: of("VmHWM:"),
    })
}

/// What a process has worked.
struct Worked {
    state: u8,
    ticks: u64,
    /// Of the children that it has waited for.
    children: u64,
    threads: u64,
}

/// Fields 3, 14 to 17 and 20 of proc_pid_stat(5).
fn worked(text: &[u8]) -> Option<Worked> {
    let mut fields = proc::stat_fields(text)?;
    let state = fields.next()?.bytes().next()?;
    let mut fields = fields.skip(10);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    // Some kernels have given a negative one.
    let mut child = || Some(fields.next()?.parse::<u64>().unwrap_or(0));
    let children = child()? + child()?;
    Some(Worked { state, ticks: user + system, children, threads: fields.nth(2)?.parse().ok()? })
}

/// Wake-ups and waiting of all threads. One that has ended meanwhile takes its counts along.
fn of_threads(pid: i32) -> io::Result<(u64, u64)> {
    let (mut wakes, mut waited_ms) = (0, 0);
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        let read = |name: &str| {
            std::fs::read(thread.join(name))
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .unwrap_or_default()
        };
        wakes += switches(&read("status"));
        waited_ms += delay_ms(&read("schedstat"));
    }
    Ok((wakes, waited_ms))
}

/// `/proc/PID/schedstat`: nanoseconds on a CPU, nanoseconds of waiting for one, turns (sched-stats in the kernel's documents).
fn delay_ms(schedstat: &str) -> u64 {
    let waited = schedstat.split_ascii_whitespace().nth(1);
    waited.and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0) / 1_000_000
}

fn switches(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_stat_are_counted_from_the_name() {
        let line = b"42 (a) R (b) S 7 8 9 0 -1 4194560 1 0 0 0 31 12 3 4 20 0 17 0 987654 1000 5 1844\n";
        let Worked { state, ticks, children, threads } = worked(line).unwrap();
        assert_eq!((state, ticks, children, threads), (b'S', 43, 7, 17));
        assert!(worked(b"42 (a) S 7 8").is_none());
    }

    #[test]
    fn waiting_for_a_cpu_is_read_in_milliseconds() {
        assert_eq!((delay_ms("5000000 7900000 3\n"), delay_ms(""), delay_ms("1 x")), (7, 0, 0));
    }

    #[test]
    fn sleeping_is_counted_for_threads_as_well() {
        let own = i32::try_from(std::process::id()).unwrap();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let before = take(own).unwrap();
        let sleeper = std::thread::spawn(move || {
            for _ in 0..20 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            let _ = stopped.recv();
        });
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let mut slept = 0;
        while slept < 20 && std::time::Instant::now() < deadline {
            slept = take(own).unwrap().wakes.saturating_sub(before.wakes);
        }
        drop(stop);
        sleeper.join().unwrap();
        assert!(slept >= 20, "{slept}");
        assert!(before.anon > 0);
    }
}

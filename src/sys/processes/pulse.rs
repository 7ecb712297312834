//! How much a process works, cheap enough to be looked at again and again: CPU time, wake-ups, memory.

use std::io;

use crate::sys::proc;
use crate::sys::tree::bytes;

/// What has come together since a process started, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse {
    /// CPU time of all its threads, in milliseconds; the kernel counts it in steps of 10.
    pub cpu_ms: u64,
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
    let (ticks, children, threads) = worked(&text).ok_or_else(odd)?;
    let status = super::text(&format!("/proc/{pid}/status"))?;
    // The status of a process has the switches of its first thread alone.
    let wakes = if threads > 1 { of_threads(pid)? } else { switches(&status) };
    let of = |key: &str| bytes(&status, key).unwrap_or(0);
    Ok(Pulse {
        cpu_ms: proc::ticks_ms(ticks),
        children_ms: proc::ticks_ms(children),
        wakes,
        anon: of("RssAnon:") + of("VmSwap:"),
        peak_rss: of("VmHWM:"),
    })
}

/// CPU time in ticks, that of children, and the number of threads (proc_pid_stat(5), fields 14 to 17 and 20).
fn worked(text: &[u8]) -> Option<(u64, u64, u64)> {
    let mut fields = proc::stat_fields(text)?.skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    // Some kernels have given a negative one.
    let mut child = || Some(fields.next()?.parse::<u64>().unwrap_or(0));
    let children = child()? + child()?;
    Some((user + system, children, fields.nth(2)?.parse().ok()?))
}

fn of_threads(pid: i32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // One that has ended meanwhile takes its count along.
        let status = std::fs::read(thread?.path().join("status"));
        sum += status.map_or(0, |status| switches(&String::from_utf8_lossy(&status)));
    }
    Ok(sum)
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
        assert_eq!(worked(line), Some((43, 7, 17)));
        assert_eq!(worked(b"42 (a) S 7 8"), None);
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

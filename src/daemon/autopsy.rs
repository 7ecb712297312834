//! After an OOM kill: who was killed and whose want of memory it was, as the kernel's log has it. The log is read a few
//! records at a time, so that the loop is not held up. Decides nothing.

use std::time::Duration;

use tokio::time::sleep;

use crate::job::Bytes;
use crate::limits;
use crate::sys::kmsg::{self, Log, Next};
use crate::sys::oom::{Kill, Search, Victim};

use super::live::Live;

/// Records between two chances for the loop to do something else.
const AT_ONCE: u32 = 128;
/// Between two looks for the line that the kernel writes after it has killed.
const PAUSE: Duration = Duration::from_millis(5);

/// The latest kill of a run that had one. `None`: the log is not to be read here, or does not have it.
pub(super) async fn latest_kill(live: &Live) -> Option<Kill> {
    let mut search = Search::new(live.tree.memory_path()?, kmsg::before(live.age_ms()));
    let mut log = Log::open().inspect_err(|e| tracing::debug!(run = live.id, "{e}")).ok()?;
    let mut looks = 0;
    for count in 1..=limits::KERNEL_LOG_MAX {
        match log.read() {
            Ok(Next::Record(record)) => search.take(&record),
            Ok(Next::Other) => {}
            Ok(Next::End) if search.is_halfway() && looks < limits::KERNEL_LOG_LOOKS => {
                looks += 1;
                sleep(PAUSE).await;
            }
            Ok(Next::End) => break,
            Err(error) => {
                tracing::debug!(run = live.id, "{error}");
                break;
            }
        }
        if count % AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
    search.found()
}

/// A victim as people read of it: `python3 (pid 1234, 490M)`.
pub(super) fn named(victim: &Victim) -> String {
    let Victim { name, pid, anon_bytes } = victim;
    match anon_bytes {
        Some(bytes @ 1..) => format!("{name} (pid {pid}, {})", Bytes(whole(*bytes))),
        Some(0) | None => format!("{name} (pid {pid})"),
    }
}

/// In whole mebibytes, where it is more than one.
const fn whole(bytes: u64) -> u64 {
    const MIB: u64 = 1 << 20;
    if bytes < MIB { bytes } else { bytes / MIB * MIB }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_victim_has_its_name_its_pid_and_what_it_held() {
        let victim = |anon_bytes| named(&Victim { name: "python3".into(), pid: 1234, anon_bytes });
        assert_eq!(victim(Some(502_000 << 10)), "python3 (pid 1234, 490M)");
        assert_eq!(victim(Some(88 << 10)), "python3 (pid 1234, 88K)");
        assert_eq!(
            (victim(None), victim(Some(0))),
            ("python3 (pid 1234)".into(), "python3 (pid 1234)".into())
        );
    }
}

//! `memory.max` is a cap where there is swap, too: a run swaps as much as `swap-max` says and no more.

use crate::cgroups::Before;
use crate::harness::{Job, sh};
use crate::limits_memory::{is_oom_kill, touches};

/// Compressed swap in memory, of 256 MiB. Dropped, it is gone.
struct Zram;

impl Zram {
    fn on() -> Self {
        sh("modprobe zram && echo 256M >/sys/block/zram0/disksize && mkswap /dev/zram0 && swapon /dev/zram0")
            .ok();
        Self
    }
}

impl Drop for Zram {
    fn drop(&mut self) {
        let _ = sh("swapoff /dev/zram0; echo 1 >/sys/block/zram0/reset; rmmod zram");
    }
}

#[test]
fn without_swap_a_run_above_its_limit_is_killed_whatever_swap_it_may_use() {
    assert_eq!(sh("tail -n +2 /proc/swaps").ok(), "", "this guest has no swap of its own");
    let job = format!("{}[memory]\nmax = \"32M\"\nswap-max = \"128M\"\n", touches(80));
    let line = Job::new("no-swap-there", &job).run();
    is_oom_kill(&line, 32);
}

#[test]
fn with_swap_a_run_above_its_limit_is_killed_all_the_same() {
    let _zram = Zram::on();
    let before = Before::look();
    let line = Job::new("no-swap-for-it", &format!("{}[memory]\nmax = \"32M\"\n", touches(80))).run();
    is_oom_kill(&line, 32);
    before.is_back(&line);
}

#[test]
fn swap_that_a_job_may_use_is_counted_and_has_its_end() {
    let _zram = Zram::on();
    let before = Before::look();
    let limits = "[memory]\nmax = \"32M\"\nswap-max = \"64M\"\n";
    let line = Job::new("swaps", &format!("{}{limits}", touches(64))).run();
    assert_eq!((&line["outcome"], &line["oom_kills"]), (&"success".into(), &0.into()), "{line}");
    assert!(line["peak_total_bytes"].as_u64().is_some_and(|bytes| bytes <= 32 << 20), "{line}");
    before.is_back(&line);
    let line = Job::new("swaps-too-much", &format!("{}{limits}", touches(160))).run();
    is_oom_kill(&line, 32);
    before.is_back(&line);
}

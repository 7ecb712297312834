//! The installed ebb on a real systemd with a real cgroup v2: built on the host, run as root in a guest by `run.sh`.
//! One file a guarantee, one test at a time. It knows nothing of how the guest came to be.
//! In boot one everything runs but `after_reboot`, and `before_reboot` last; then the guest loses power and starts again.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)] // In a test a panic is the verdict.
#![allow(dead_code)] // The harness is ahead of the tests that want it.

mod cgroups;
mod harness;
mod varlink;

mod after_reboot;
mod before_reboot;
mod clock;
mod coming_from;
mod container;
mod ebbd_memory;
mod engines;
mod fork_bomb;
mod given_back;
mod grandchild;
mod hardening;
mod jail;
mod journal_output;
mod journey;
mod library;
mod limits_cpu;
mod limits_files;
mod limits_memory;
mod limits_swap;
mod measure;
mod oom_cause;
mod oom_group;
mod package;
mod package_gone;
mod pressure;
mod read_only;
mod reload;
mod service;
mod short_runs;
mod socket;
mod twenty_jobs;
mod upgrade;
mod user;
mod varlinkctl;
mod versus_systemd_run;

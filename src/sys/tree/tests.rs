//! Families of real processes, some of which try to get away.

use std::os::fd::AsFd;

use super::*;
use crate::sys::child::{Exit, reap_orphans, set_subreaper};
use crate::sys::pidfd::pidfd_signal;
use crate::sys::spawn::{ExecResult, SpawnSpec, Spawned};
use crate::sys::testing::{
    LONG, alone, command, end, exec_result, holds_within, shell, start, take_all_descriptors,
};

/// A line of shell as a run of its own, with a mark in its environment.
fn family(line: &str, mark: &str) -> (Spawned, Family) {
    let words = ["/bin/sh", "-c", line].map(ToOwned::to_owned);
    let (name, value) = mark.split_once('=').unwrap();
    let environment = [("PATH", "/usr/bin:/bin"), (name, value)].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let spec = SpawnSpec::new(&words, &environment, std::path::Path::new("/")).unwrap();
    let child = start(&spec, None);
    assert_eq!(exec_result(&child), ExecResult::Running);
    let family = Family::new(child.pid, child.start_ticks, mark);
    (child, family)
}

fn killed(family: &Family) -> bool {
    holds_within(LONG, || family.kill_all().unwrap())
}

#[test]
fn a_family_is_its_main_process_and_all_that_descends_from_it() {
    let (child, family) = family("sleep 60 & setsid sleep 60 & (sleep 60; true) & wait", "EBB_TEST=descent");
    assert!(holds_within(LONG, || family.members().unwrap().len() == 5), "{:?}", family.members().unwrap());
    assert!(family.members().unwrap().contains(&child.pid));
    assert!(!family.members().unwrap().contains(&i32::try_from(std::process::id()).unwrap()));
    assert!(killed(&family));
    assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGKILL, core: false });
}

#[test]
fn a_signal_reaches_every_member_and_nobody_else() {
    let other = start(&command(&["sleep", "60"]), None);
    let (child, family) = family("trap 'exit 3' TERM; sleep 60 & while :; do wait; done", "EBB_TEST=signal");
    assert!(holds_within(LONG, || family.members().unwrap().len() == 2));
    // The shell has set its trap before it started the other one.
    assert_eq!(family.signal_all(libc::SIGTERM).unwrap(), 2);
    assert_eq!(end(&child).exit, Exit::Code(3));
    assert!(holds_within(LONG, || family.members().unwrap().is_empty()));
    assert!(proc::stat(other.pid).is_ok_and(|stat| stat.state != b'Z'));
    pidfd_signal(other.pidfd.as_fd(), libc::SIGKILL).unwrap();
    end(&other);
}

#[test]
fn a_grandchild_that_forked_twice_and_left_the_session_is_found_by_its_mark() {
    if !alone("sys::tree::tests::a_grandchild_that_forked_twice_and_left_the_session_is_found_by_its_mark") {
        return;
    }
    set_subreaper().unwrap();
    let (child, away) = family("(setsid sleep 7777 &); exit 0", "EBB_TEST=away");
    let (other_child, other) = family("(setsid sleep 7777 &); exit 0", "EBB_TEST=other");
    for child in [&child, &other_child] {
        assert_eq!(end(child).exit, Exit::Code(0));
    }
    assert!(holds_within(LONG, || away.members().unwrap().len() == 1 && other.members().unwrap().len() == 1));
    assert!(killed(&away));
    assert_eq!(other.members().unwrap().len(), 1, "another run's process stays");
    assert!(killed(&other));
    assert!(
        holds_within(LONG, || reap_orphans(&|_| false).is_ok() && proc::own_children().unwrap().is_empty())
    );
}

#[test]
fn orphans_are_reaped_and_a_run_keeps_its_status() {
    if !alone("sys::tree::tests::orphans_are_reaped_and_a_run_keeps_its_status") {
        return;
    }
    set_subreaper().unwrap();
    let child = start(&shell("(sleep 0.01 &) ; exit 5"), None);
    let is_zombie = |pid| proc::stat(pid).is_ok_and(|stat| stat.state == b'Z');
    assert!(holds_within(LONG, || is_zombie(child.pid)));
    let mut orphans = 0;
    assert!(holds_within(LONG, || {
        orphans += reap_orphans(&|pid| pid == child.pid).unwrap();
        orphans == 1
    }));
    assert_eq!(proc::own_children().unwrap(), [child.pid]);
    assert_eq!(end(&child).exit, Exit::Code(5));
    assert!(proc::own_children().unwrap().is_empty());
}

#[test]
fn a_fork_bomb_is_killed_by_and_by() {
    if !alone("sys::tree::tests::a_fork_bomb_is_killed_by_and_by") {
        return;
    }
    set_subreaper().unwrap();
    // It never has more than about 60 at a time, but always makes new ones.
    let bomb = "perl -e 'for (;;) { opendir my $d, \"/proc\"; my $n = grep /^[0-9]/, readdir $d; \
                if ($n < BOUND) { fork } else { select undef, undef, undef, 0.001 } }'";
    let bound = proc::pids().unwrap().len() + 60;
    let (child, family) = family(&bomb.replace("BOUND", &bound.to_string()), "EBB_TEST=bomb");
    assert!(holds_within(LONG, || family.members().unwrap().len() > 20));
    assert!(killed(&family));
    end(&child);
    assert!(
        holds_within(LONG, || reap_orphans(&|_| false).is_ok() && proc::own_children().unwrap().is_empty())
    );
}

#[test]
fn a_stranger_with_the_number_of_a_main_process_is_no_member() {
    let stranger = start(&command(&["sleep", "60"]), None);
    assert_eq!(exec_result(&stranger), ExecResult::Running);
    let family = Family::new(stranger.pid, stranger.start_ticks + 1, "EBB_TEST=stranger");
    assert!(family.members().unwrap().is_empty());
    assert!(family.kill_all().unwrap());
    assert!(proc::stat(stranger.pid).is_ok_and(|stat| stat.state != b'Z'));
    pidfd_signal(stranger.pidfd.as_fd(), libc::SIGKILL).unwrap();
    end(&stranger);
}

#[test]
fn who_cannot_look_does_not_say_that_nobody_is_left() {
    if !alone("sys::tree::tests::who_cannot_look_does_not_say_that_nobody_is_left") {
        return;
    }
    let (child, family) = family("sleep 60 & wait", "EBB_TEST=blind");
    assert!(holds_within(LONG, || family.members().unwrap().len() == 2));
    let held = take_all_descriptors();
    for error in [family.members().map(drop), family.kill_all().map(drop), family.signal_all(15).map(drop)] {
        assert!(is_scarce(&error.unwrap_err()));
    }
    drop(held);
    assert_eq!(family.members().unwrap().len(), 2);
    assert!(killed(&family));
    end(&child);
}

#[test]
fn memory_of_a_tree_is_what_it_has_touched() {
    let line = "head -c 20971520 /dev/zero | tail -c 20971520 | sleep 60";
    let (child, family) = family(line, "EBB_TEST=memory");
    let held = || pss_anon(&family.members().unwrap()).unwrap_or(0);
    assert!(holds_within(LONG, || held() > 15 << 20), "{}", held());
    assert!(held() < 60 << 20);
    assert!(killed(&family));
    end(&child);
    assert_eq!(pss_anon(&[child.pid, -1]), None);
}

#[test]
fn the_lines_of_smaps_rollup_are_kilobytes() {
    let text = "Rss:    2000 kB\nPss:    1000 kB\nPss_Anon:     300 kB\nSwapPss:      20 kB\n";
    assert_eq!(bytes(text, "Pss_Anon:"), Some(300 * 1024));
    assert_eq!(bytes(text, "SwapPss:"), Some(20 * 1024));
    assert_eq!(bytes(text, "Anonymous:"), None);
}

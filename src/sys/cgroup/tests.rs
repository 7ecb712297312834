//! The ladder on this machine's real cgroups with real processes, on made-up hosts, and on this machine as if it had only
//! cgroup v1.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use super::*;
use crate::sys::child::Exit;
use crate::sys::spawn::ExecResult;
use crate::sys::testing::{
    LONG, TestLadder, alone, command, end, exec_result, holds_within, ladder, output, readable_within,
    run_id, shell, skip, start,
};

const MIB: u64 = 1024 * 1024;

/// A `/` of our own with these two files and nothing else.
fn host(mountinfo: &str, membership: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let own = root.path().join("proc/self");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("mountinfo"), mountinfo).unwrap();
    fs::write(own.join("cgroup"), membership).unwrap();
    fs::write(own.join("smaps_rollup"), "").unwrap();
    root
}

fn config() -> CgroupConfig {
    CgroupConfig { name: format!("ebb-test-{}-{}", std::process::id(), run_id()), parent: None }
}

/// This machine with its mounts as `edit` makes them, under a base of its own.
fn edited(edit: impl Fn(&str) -> Option<String>) -> (tempfile::TempDir, Ladder) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounts: Vec<String> = mounts.lines().filter_map(edit).collect();
    let root = host(&mounts.join("\n"), &fs::read_to_string("/proc/self/cgroup").unwrap());
    symlink("/sys", root.path().join("sys")).unwrap();
    let ladder = Ladder::detect_below(root.path(), &config());
    (root, ladder)
}

/// This machine as if it had cgroup v1 alone; `None`, and said so, if it has none.
fn v1_only(test: &str) -> Option<(tempfile::TempDir, Arc<TestLadder>)> {
    let (root, ladder) = edited(|line| (!line.contains(" - cgroup2 ")).then(|| line.to_owned()));
    if ladder.tracking() != Tracking::CgroupV1 {
        skip(test, &why(&ladder));
        return None;
    }
    Some((root, Arc::new(TestLadder(ladder))))
}

/// The first reason is enough for a test that is skipped.
fn why(ladder: &Ladder) -> &str {
    ladder.reasons().first().map_or("no reason", String::as_str)
}

/// Runs `test` on the ladder of this host, and on its cgroup v1 alone.
fn on_each(name: &str, test: impl Fn(&Ladder)) {
    if let Some(ladder) = ladder(name) {
        test(&ladder.0);
    }
    if let Some((_root, ladder)) = v1_only(&format!("{name} (v1 alone)")) {
        test(&ladder.0);
    }
}

/// The same for tests that need `limits` to be held: without them some would eat the host's memory.
fn on_each_that_holds(name: &str, limits: LeafLimits, test: impl Fn(&Ladder, Leaf)) {
    on_each(name, |ladder| {
        if !ladder.beyond(&limits).is_empty() {
            return skip(name, &why(ladder));
        }
        test(ladder, leaf(ladder, &limits));
    });
}

fn leaf(ladder: &Ladder, limits: &LeafLimits) -> Leaf {
    ladder.leaf(run_id(), limits, false).unwrap().unwrap()
}

fn finish(leaf: &Leaf) {
    assert!(
        holds_within(LONG, || leaf.kill_all().unwrap()),
        "{:?} is still in {}",
        leaf.pids().unwrap(),
        leaf.name()
    );
    assert!(holds_within(LONG, || leaf.remove().is_ok()));
    assert!(leaf.paths().iter().all(|path| !Path::new(path).exists()));
}

#[test]
fn the_child_is_in_its_leaf_from_its_first_instruction_on() {
    on_each("the_child_is_in_its_leaf_from_its_first_instruction_on", |ladder| {
        let leaf = ladder.leaf(run_id(), &LeafLimits::default(), true).unwrap().unwrap();
        let seen = output(&command(&["cat", "/proc/self/cgroup"]), Some(&leaf));
        assert_eq!(seen.matches(&format!("/{}\n", leaf.name())).count(), leaf.paths().len(), "{seen}");
        finish(&leaf);
    });
}

#[test]
fn the_limit_of_a_container_counts_also_where_no_cgroup_may_be_made_in_it() {
    let root = host("700 699 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n", "0::/\n");
    let dir = root.path().join("sys/fs/cgroup");
    fs::create_dir_all(&dir).unwrap();
    for (name, text) in [("cgroup.procs", ""), ("memory.max", "1048576\n"), ("memory.current", "4096\n")] {
        fs::write(dir.join(name), text).unwrap();
    }
    let ladder = Ladder::detect_below(root.path(), &config());
    assert_eq!(ladder.tracking(), Tracking::ProcessTree);
    assert_eq!((ladder.headroom(), ladder.least_limit()), (Some(MIB - 4096), Some(MIB)));
}

#[test]
fn limits_stand_before_anybody_is_inside() {
    let limits = LeafLimits {
        memory_max: Some(64 * MIB),
        memory_high: Some(48 * MIB),
        cpu_weight: Some(50),
        cpu_quota_millicpu: Some(1500),
        pids_max: Some(32),
        oom_group: true,
        swap_max: None,
    };
    on_each_that_holds("limits_stand_before_anybody_is_inside", limits, |_, leaf| {
        let held = |v2: &str, v1: &str| {
            let file = leaf
                .paths()
                .iter()
                .flat_map(|p| [Path::new(p).join(v2), Path::new(p).join(v1)])
                .find(|p| p.exists());
            file.map(|file| fs::read_to_string(file).unwrap().trim().to_owned())
        };
        assert_eq!(held("memory.max", "memory.limit_in_bytes").unwrap(), (64 * MIB).to_string());
        assert_eq!(held("memory.high", "memory.soft_limit_in_bytes").unwrap(), (48 * MIB).to_string());
        assert_eq!(held("pids.max", "pids.max").unwrap(), "32");
        assert!(["50", "512"].contains(&held("cpu.weight", "cpu.shares").unwrap().as_str()));
        assert!(["150000 100000", "150000"].contains(&held("cpu.max", "cpu.cfs_quota_us").unwrap().as_str()));
        // Without a word about swap there is none: 0 besides, or in v1 no more than the limit together.
        let swap = held("memory.swap.max", "memory.memsw.limit_in_bytes");
        assert!(swap.is_none_or(|swap| swap == "0" || swap == (64 * MIB).to_string()));
        finish(&leaf);
    });
}

#[test]
fn the_kernel_kills_beyond_the_memory_limit_and_says_so() {
    let limits = LeafLimits { memory_max: Some(32 * MIB), oom_group: true, ..Default::default() };
    on_each_that_holds("the_kernel_kills_beyond_the_memory_limit_and_says_so", limits, |_, leaf| {
        // It keeps the last line, and there is no end of it.
        let child = start(&command(&["tail", "/dev/zero"]), Some(&leaf));
        assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGKILL, core: false });
        let facts = leaf.usage();
        assert!(facts.oom_kills.unwrap() > 0, "{facts:?}");
        let peak = facts.peak_total_bytes.unwrap();
        assert!((16 * MIB..=32 * MIB).contains(&peak), "{peak}");
        finish(&leaf);
    });
}

#[test]
fn a_kill_by_hand_is_no_oom_kill() {
    let limits = LeafLimits { memory_max: Some(32 * MIB), ..Default::default() };
    on_each_that_holds("a_kill_by_hand_is_no_oom_kill", limits, |_, leaf| {
        let child = start(&command(&["sleep", "60"]), Some(&leaf));
        assert_eq!(exec_result(&child), ExecResult::Running);
        assert_eq!(leaf.signal_all(libc::SIGKILL).unwrap(), 1);
        assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGKILL, core: false });
        assert_eq!(leaf.usage().oom_kills, Some(0));
        finish(&leaf);
    });
}

#[test]
fn an_out_of_memory_leaf_of_v1_wakes_its_watch() {
    const NAME: &str = "an_out_of_memory_leaf_of_v1_wakes_its_watch";
    let Some((_root, ladder)) = v1_only(NAME) else { return };
    let limits = LeafLimits { memory_max: Some(16 * MIB), ..Default::default() };
    if !ladder.0.beyond(&limits).is_empty() {
        return skip(NAME, &why(&ladder.0));
    }
    let leaf = leaf(&ladder.0, &limits);
    let watch = leaf.oom_watch().unwrap().unwrap();
    assert!(!readable_within(watch.as_fd(), 0));
    // The shell outlives the kill of its child: only the watch tells.
    let child = start(&shell("tail /dev/zero; sleep 60"), Some(&leaf));
    assert!(readable_within(watch.as_fd(), LONG));
    assert!(holds_within(LONG, || leaf.usage().oom_kills.is_some_and(|n| n > 0)));
    finish(&leaf);
    end(&child);
}

#[test]
fn the_leaf_counts_memory_and_cpu_of_the_whole_tree() {
    // Far more than is used: only the accounting is wanted.
    let limits = LeafLimits { memory_max: Some(512 * MIB), ..Default::default() };
    on_each_that_holds("the_leaf_counts_memory_and_cpu_of_the_whole_tree", limits, |_, leaf| {
        // 20 MiB that a grandchild holds on to, and some work.
        let line = "(head -c 20971520 /dev/zero | tail -c 20971520 | (sleep 60)) & \
                    i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 60";
        let child = start(&shell(line), Some(&leaf));
        assert!(holds_within(LONG, || leaf.current_anon().unwrap() > 15 * MIB), "{:?}", leaf.current_anon());
        assert!(holds_within(LONG, || leaf.usage().cpu_ms.unwrap() > 0), "{:?}", leaf.usage());
        assert!(leaf.usage().peak_total_bytes.is_none_or(|peak| peak > 15 * MIB));
        assert!(leaf.pids().unwrap().len() >= 3, "{:?}", leaf.pids().unwrap());
        finish(&leaf);
        end(&child);
    });
}

#[test]
fn a_grandchild_that_forked_twice_and_left_the_session_dies_with_the_run() {
    on_each("a_grandchild_that_forked_twice_and_left_the_session_dies_with_the_run", |ladder| {
        let leaf = leaf(ladder, &LeafLimits::default());
        let child = start(&shell("(setsid sleep 7777 </dev/null >/dev/null 2>&1 &) ; exit 0"), Some(&leaf));
        assert_eq!(end(&child).exit, Exit::Code(0));
        assert!(leaf.populated());
        assert!(holds_within(LONG, || leaf.pids().unwrap().len() == 1), "{:?}", leaf.pids().unwrap());
        let orphan = leaf.pids().unwrap()[0];
        finish(&leaf);
        assert!(!leaf.populated());
        assert!(holds_within(LONG, || crate::sys::proc::stat(orphan).is_err_or_dead()));
    });
}

trait DeadOrGone {
    fn is_err_or_dead(&self) -> bool;
}

impl DeadOrGone for io::Result<crate::sys::proc::Stat> {
    fn is_err_or_dead(&self) -> bool {
        self.as_ref().map_or(true, |stat| stat.state == b'Z')
    }
}

#[test]
fn a_fork_bomb_under_pids_max_does_not_outlive_its_run() {
    let limits = LeafLimits { pids_max: Some(100), ..Default::default() };
    on_each_that_holds("a_fork_bomb_under_pids_max_does_not_outlive_its_run", limits, |_, leaf| {
        // Perl goes on when fork fails, and takes every place that is freed.
        let child = start(&command(&["perl", "-e", "for (;;) { fork }"]), Some(&leaf));
        assert!(holds_within(LONG, || leaf.pids().unwrap().len() > 90), "{:?}", leaf.pids().unwrap().len());
        finish(&leaf);
        end(&child);
    });
}

#[test]
fn processes_in_cgroups_that_the_job_made_are_found_killed_and_removed_too() {
    on_each("processes_in_cgroups_that_the_job_made_are_found_killed_and_removed_too", |ladder| {
        let leaf = leaf(ladder, &LeafLimits::default());
        let sub = Path::new(&leaf.paths()[0]).join("sub/deeper");
        fs::create_dir_all(&sub).unwrap();
        let child =
            start(&shell(&format!("echo 0 > {}/cgroup.procs; exec sleep 60", sub.display())), Some(&leaf));
        assert_eq!(exec_result(&child), ExecResult::Running);
        assert!(holds_within(LONG, || fs::read_to_string(sub.join("cgroup.procs")).unwrap().trim() != ""));
        assert_eq!(leaf.pids().unwrap(), [child.pid]);
        assert_eq!(leaf.remove().unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        finish(&leaf);
        end(&child);
    });
}

#[test]
fn emptiness_wakes_whoever_watches_the_events() {
    const NAME: &str = "emptiness_wakes_whoever_watches_the_events";
    let Some(ladder) = ladder(NAME) else { return };
    let leaf = leaf(&ladder.0, &LeafLimits::default());
    let child = start(&command(&["sleep", "60"]), Some(&leaf));
    assert_eq!(exec_result(&child), ExecResult::Running);
    let Some(events) = leaf.events_fd().unwrap() else { return skip(NAME, &"there is no cgroup v2 here") };
    let priority = nix::poll::PollFlags::POLLPRI;
    let mut watched = [nix::poll::PollFd::new(events.as_fd(), priority)];
    assert!(leaf.populated());
    assert_eq!(
        nix::poll::poll(&mut watched, nix::poll::PollTimeout::ZERO).unwrap(),
        0,
        "nothing has changed"
    );
    leaf.signal_all(libc::SIGKILL).unwrap();
    assert_eq!(nix::poll::poll(&mut watched, nix::poll::PollTimeout::from(LONG)).unwrap(), 1);
    assert!(!leaf.populated());
    end(&child);
    finish(&leaf);
}

#[test]
fn a_leaf_is_found_again_after_a_restart_and_a_strange_path_is_not() {
    on_each("a_leaf_is_found_again_after_a_restart_and_a_strange_path_is_not", |ladder| {
        let made = ladder.leaf(run_id(), &LeafLimits::default(), true).unwrap().unwrap();
        let child = start(&command(&["sleep", "60"]), Some(&made));
        assert_eq!(exec_result(&child), ExecResult::Running);
        let adopted = ladder.adopt(&made.paths()).unwrap().unwrap();
        assert_eq!(adopted, made);
        assert_eq!(adopted.pids().unwrap(), [child.pid]);
        assert!(ladder.sweep().contains(&made));
        assert_eq!(made.run_id(), ladder.sweep().iter().find(|l| **l == made).unwrap().run_id());
        for strange in ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory/other/run-1", "run-1", "/"] {
            let result = ladder.adopt(&[strange.to_owned()]);
            assert!(!matches!(result, Ok(Some(_))), "{strange}");
        }
        finish(&made);
        end(&child);
        assert_eq!(ladder.adopt(&made.paths()).unwrap(), None);
        assert_eq!(ladder.adopt(&[]).unwrap(), None);
    });
}

#[test]
fn a_leaf_that_can_not_be_made_leaves_nothing_behind() {
    on_each("a_leaf_that_can_not_be_made_leaves_nothing_behind", |ladder| {
        if !ladder.beyond(&LeafLimits { pids_max: Some(1), ..Default::default() }).is_empty() {
            return skip("a_leaf_that_can_not_be_made_leaves_nothing_behind", &why(ladder));
        }
        // More than any counter can hold, whichever version writes it.
        let id = run_id();
        let error = ladder.leaf(id, &LeafLimits { pids_max: Some(u64::MAX), ..Default::default() }, true);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("pids.max (the kernel refuses this value)"), "{error}");
        let name = format!("run-{id}");
        assert!(ladder.bases().iter().all(|base| !base.join(&name).exists()));
    });
}

#[test]
fn the_base_goes_away_with_the_last_leaf_and_not_before() {
    if !alone("sys::cgroup::tests::the_base_goes_away_with_the_last_leaf_and_not_before") {
        return;
    }
    let ladder = Ladder::detect(&config());
    let bases: Vec<PathBuf> = ladder.bases().into_iter().map(Path::to_path_buf).collect();
    if bases.is_empty() {
        return skip("the_base_goes_away_with_the_last_leaf_and_not_before", &why(&ladder));
    }
    let leaf = ladder.leaf(1, &LeafLimits::default(), true).unwrap().unwrap();
    assert_eq!(ladder.remove_base().unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    leaf.remove().unwrap();
    ladder.remove_base().unwrap();
    assert!(bases.iter().all(|base| !base.exists()), "{bases:?}");
}

#[test]
fn this_host_is_tried_for_real() {
    let Some(ladder) = ladder("this_host_is_tried_for_real") else { return };
    let ladder = &ladder.0;
    eprintln!("memory: {}, tracking: {}", ladder.memory(), ladder.tracking());
    for reason in ladder.reasons() {
        eprintln!("- {reason}");
    }
    for base in ladder.bases() {
        assert!(base.is_dir() && !base.join("probe").exists());
    }
}

#[test]
fn a_read_only_container_gets_the_rlimit_rung_and_is_told_what_would_lift_it() {
    let (_root, ladder) = edited(|line| {
        let (left, right) = line.split_once(" - ")?;
        Some(format!("{} - {right}", left.replacen(" rw,", " ro,", 1)))
    });
    assert_eq!((ladder.memory(), ladder.tracking()), (Enforcement::Rlimit, Tracking::ProcessTree));
    assert!(ladder.bases().is_empty());
    let said = ladder.reasons().join("\n");
    assert!(said.contains("mounted read-only"), "{said}");
    assert!(said.contains("give the container a writable one"), "{said}");
    assert_eq!(ladder.leaf(1, &LeafLimits { pids_max: Some(1), ..Default::default() }, true).unwrap(), None);
    let limits =
        LeafLimits { memory_max: Some(1), cpu_weight: Some(1), pids_max: Some(1), ..Default::default() };
    assert_eq!(ladder.beyond(&limits), ["[memory]", "[cpu]", "pids-max"]);
}

#[test]
fn a_host_without_cgroups_or_without_proc_says_so() {
    let root = host("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n", "0::/\n");
    let ladder = Ladder::detect_below(root.path(), &config());
    assert_eq!((ladder.memory(), ladder.tracking()), (Enforcement::Rlimit, Tracking::ProcessTree));
    assert!(ladder.reasons()[0].contains("no cgroup v2 file system is mounted"), "{:?}", ladder.reasons());
    let empty = tempfile::tempdir().unwrap();
    let ladder = Ladder::detect_below(empty.path(), &config());
    assert_eq!((ladder.memory(), ladder.tracking()), (Enforcement::None, Tracking::ProcessTree));
    assert!(ladder.reasons()[0].contains("mount /proc"), "{:?}", ladder.reasons());
}

/// A made-up pure v2 host on which ebbd is in `own` (its directory exists, with these files).
fn pure_v2(own: &str, controllers: &str, subtree: &str, procs: &str) -> (tempfile::TempDir, PathBuf) {
    let root = host("1 0 0:26 / /cg rw - cgroup2 cgroup rw\n", &format!("0::/{own}\n"));
    let dir = root.path().join("cg").join(own);
    fs::create_dir_all(&dir).unwrap();
    for (file, text) in [
        ("cgroup.controllers", controllers),
        ("cgroup.subtree_control", subtree),
        ("cgroup.procs", procs),
        ("cgroup.type", "domain"),
    ] {
        fs::write(dir.join(file), text).unwrap();
    }
    (root, dir)
}

/// What a new cgroup of that host will hold: the base, and the leaf that is tried.
fn give(dir: &Path, files: &[&str]) {
    fs::create_dir_all(dir).unwrap();
    for file in files {
        fs::write(dir.join(file), "").unwrap();
    }
}

const LEAF_FILES: [&str; 4] = ["cgroup.procs", "memory.max", "pids.max", "cpu.weight"];

#[test]
fn in_a_delegated_service_ebbd_moves_aside_and_hands_on_what_there_is() {
    let own_pid = std::process::id().to_string();
    let (root, own) = pure_v2("system.slice/ebbd.service", "cpu io memory pids", "", &own_pid);
    let config = config();
    let base = own.join(&config.name);
    give(&base, &["cgroup.procs", "cgroup.subtree_control"]);
    give(&base.join("probe"), &LEAF_FILES);
    give(&own.join(DAEMON_LEAF), &["cgroup.procs"]);
    let ladder = Ladder::detect_below(root.path(), &config);
    assert_eq!((ladder.memory(), ladder.tracking()), (Enforcement::CgroupV2, Tracking::CgroupV2));
    assert_eq!(fs::read_to_string(own.join(DAEMON_LEAF).join("cgroup.procs")).unwrap(), own_pid);
    assert_eq!(ladder.bases(), [base]);
    let limits =
        LeafLimits { memory_max: Some(1), cpu_weight: Some(1), pids_max: Some(1), ..Default::default() };
    assert!(ladder.beyond(&limits).is_empty());
    let said = ladder.reasons();
    assert!(said.iter().all(|reason| reason.contains("systemd runs this host")), "{said:?}");
}

#[test]
fn below_a_threaded_cgroup_nothing_is_promised() {
    let (root, own) = pure_v2("shared", "memory pids cpu", "memory pids cpu", "");
    let config = config();
    let base = own.join(&config.name);
    give(&base, &["cgroup.procs", "cgroup.subtree_control"]);
    fs::write(base.join("cgroup.type"), "domain invalid\n").unwrap();
    let ladder = Ladder::detect_below(root.path(), &config);
    assert_eq!((ladder.memory(), ladder.tracking()), (Enforcement::Rlimit, Tracking::ProcessTree));
    assert!(ladder.reasons()[0].contains("is a `domain invalid` cgroup"), "{:?}", ladder.reasons());
}

#[test]
fn beside_foreign_processes_nothing_is_moved_and_the_reason_says_what_to_do() {
    let (root, own) = pure_v2("user.slice/session-3.scope", "memory pids", "", "1\n2\n");
    let config = config();
    give(&own.join(&config.name), &["cgroup.procs", "cgroup.subtree_control"]);
    let ladder = Ladder::detect_below(root.path(), &config);
    assert_eq!((ladder.memory(), ladder.tracking()), (Enforcement::Rlimit, Tracking::CgroupV2));
    let said = ladder.reasons().join("\n");
    assert!(said.contains("2 other process(es) are in it, such as pid 1"), "{said}");
    assert!(said.contains("Delegate=yes"), "{said}");
    assert!(said.contains("cgroup v2 offers no cpu in "), "{said}");
    assert!(said.contains("no cgroup v1 hierarchy is mounted here that could stand in"), "{said}");
    assert!(!own.join(DAEMON_LEAF).exists());
    assert_eq!(fs::read_to_string(own.join("cgroup.subtree_control")).unwrap(), "");
}

#[test]
fn a_daemon_that_sits_in_its_leaf_already_uses_the_cgroup_above() {
    let (root, daemon) = pure_v2("ebbd.service/daemon", "memory", "", &std::process::id().to_string());
    let config = config();
    let service = daemon.parent().unwrap();
    give(service, &["cgroup.procs"]);
    fs::write(service.join("cgroup.controllers"), "memory").unwrap();
    fs::write(service.join("cgroup.subtree_control"), "memory").unwrap();
    let base = service.join(&config.name);
    give(&base, &["cgroup.procs", "cgroup.subtree_control"]);
    give(&base.join("probe"), &LEAF_FILES);
    let ladder = Ladder::detect_below(root.path(), &config);
    assert_eq!(ladder.memory(), Enforcement::CgroupV2, "{:?}", ladder.reasons());
    assert_eq!(ladder.bases(), [base]);
}

#[test]
fn a_parent_that_was_configured_is_used_in_place_of_our_own() {
    let (root, _own) = pure_v2("init.scope", "memory", "", "1");
    let chosen = root.path().join("cg/jobs.slice");
    give(&chosen, &["cgroup.procs"]);
    give(&root.path().join("cg"), &["cgroup.procs"]);
    fs::write(chosen.join("cgroup.controllers"), "memory").unwrap();
    fs::write(chosen.join("cgroup.subtree_control"), "memory").unwrap();
    let config = CgroupConfig { parent: Some("/jobs.slice".into()), ..config() };
    give(&chosen.join(&config.name), &["cgroup.procs", "cgroup.subtree_control"]);
    give(&chosen.join(&config.name).join("probe"), &LEAF_FILES);
    let ladder = Ladder::detect_below(root.path(), &config);
    assert_eq!(ladder.memory(), Enforcement::CgroupV2, "{:?}", ladder.reasons());
    assert_eq!(ladder.bases(), [chosen.join(&config.name)]);
}

#[test]
fn a_named_sibling_is_used_and_where_it_is_not_there_our_own_is_and_that_is_the_first_thing_said() {
    let (root, own) = pure_v2("system.slice/ebbd.service", "memory", "memory", "1");
    let slice = root.path().join("cg/system.slice");
    let runs = slice.join("ebb-runs.service");
    let config = CgroupConfig { parent: Some("ebb-runs.service".into()), ..config() };
    give(&own.join(&config.name), &["cgroup.procs", "cgroup.subtree_control"]);
    give(&own.join(&config.name).join("probe"), &LEAF_FILES);
    let ladder = Ladder::detect_below(root.path(), &config);
    let said = ladder.displaced().unwrap();
    assert!(said.contains("ebb-runs.service") && said.ends_with("there is no such cgroup"), "{said}");
    assert_eq!((ladder.reasons()[0].as_str(), ladder.bases()), (said, vec![&*own.join(&config.name)]));

    give(&slice, &["cgroup.procs"]);
    give(&runs.join(&config.name), &["cgroup.procs", "cgroup.subtree_control"]);
    give(&runs.join(&config.name).join("probe"), &LEAF_FILES);
    give(&runs, &["cgroup.procs"]);
    fs::write(runs.join("cgroup.controllers"), "memory").unwrap();
    fs::write(runs.join("cgroup.subtree_control"), "memory").unwrap();
    let ladder = Ladder::detect_below(root.path(), &config);
    assert_eq!(ladder.displaced(), None);
    assert_eq!((ladder.memory(), ladder.bases()), (Enforcement::CgroupV2, vec![&*runs.join(&config.name)]));
}

#[test]
fn quotas_are_as_the_kernel_takes_them() {
    assert_eq!(limits::cpu_quota(1500), (150_000, 100_000));
    assert_eq!(limits::cpu_quota(10), (1000, 100_000));
    assert_eq!(limits::cpu_quota(1), (1000, 1_000_000));
    assert_eq!(limits::cpu_quota(0), (1000, 1_000_000));
}

#[test]
fn who_serves_runs_has_a_place_that_is_not_swept_and_goes_with_the_base() {
    let name = "who_serves_runs_has_a_place_that_is_not_swept_and_goes_with_the_base";
    let test = |ladder: &Ladder| {
        assert_eq!(ladder.sheltered(), None, "it is made when it is needed");
        let shelter = ladder.shelter().unwrap().unwrap();
        let child = start(&command(&["sleep", "60"]), Some(&shelter));
        assert_eq!(exec_result(&child), ExecResult::Running);
        let again = ladder.shelter().unwrap().unwrap();
        assert_eq!((&again, again.pids().unwrap()), (&shelter, vec![child.pid]));
        assert!(ladder.sweep().is_empty());
        assert!(ladder.remove_base().is_err(), "somebody is still in it");
        crate::sys::pidfd::pidfd_signal(child.pidfd.as_fd(), libc::SIGKILL).unwrap();
        end(&child);
        assert!(holds_within(LONG, || ladder.remove_base().is_ok()));
        assert!(ladder.bases().iter().all(|base| !base.exists()));
    };
    // A base of its own: it is removed here, and others may have runs in the common one.
    if ladder(name).is_some() {
        test(&TestLadder(Ladder::detect(&config())).0);
    }
    if let Some((_root, ladder)) = v1_only(&format!("{name} (v1 alone)")) {
        test(&ladder.0);
    }
}

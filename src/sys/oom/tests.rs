//! Lines of real kernels, and what jobs could do to them.

use super::*;

const RUN_8: &str = "/helper/run-8";

fn record(text: &str) -> Record {
    Record { at_us: 100, text: text.to_owned() }
}

fn search(leaf: &str, lines: &[&str]) -> Option<Kill> {
    let mut search = Search::new(leaf.to_owned(), 100);
    lines.iter().for_each(|line| search.take(&record(line)));
    search.found()
}

fn first_line(whose: &str, task: &str, name: &str) -> String {
    format!(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,{whose},task_memcg={task},\
         task={name},pid=4711,uid=0"
    )
}

fn kill(cause: OomCause, name: &str, pid: u32, anon_kib: u64) -> Option<Kill> {
    let victim = Victim { name: name.to_owned(), pid, anon_bytes: Some(anon_kib * 1024) };
    Some(Kill { cause, victim })
}

#[test]
fn its_own_limit_is_told_from_one_above_and_from_the_hosts_want() {
    // Linux 6.18, cgroup v1.
    let own = search(
        "/helper-f-11522/run-7",
        &[
            "python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/helper-f-11522/run-7,\
             task_memcg=/helper-f-11522/run-7,task=python3,pid=11524,uid=0",
            "Memory cgroup out of memory: Killed process 11524 (python3) total-vm:221368kB, anon-rss:40448kB, \
             file-rss:6584kB, shmem-rss:0kB, UID:0 pgtables:148kB oom_score_adj:0",
        ],
    );
    assert_eq!(own, kill(OomCause::Limit, "python3", 11524, 40448));
    let above = search(
        "/helper-f-11522/run-8",
        &[
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/helper-f-11522,\
             task_memcg=/helper-f-11522/run-8,task=python3,pid=11589,uid=0",
            "Memory cgroup out of memory: Killed process 11589 (python3) total-vm:221368kB, anon-rss:40704kB, \
             file-rss:6576kB, shmem-rss:0kB, UID:0 pgtables:144kB oom_score_adj:0",
        ],
    );
    assert_eq!(above, kill(OomCause::Above, "python3", 11589, 40704));
}

#[test]
fn the_lines_have_been_the_same_for_long() {
    const RUN_1: &str = "/system.slice/ebb-runs.service/ebb-7fe56c2b/run-1";
    const RUN_3: &str = "/system.slice/ebb-runs.service/ebb-7fe56c2b/run-3";
    // Linux 6.1, cgroup v2. Where the whole group has to go, the victim is named twice.
    let second = "Memory cgroup out of memory: Killed process 247 (dd) total-vm:207768kB, anon-rss:32560kB, \
                  file-rss:1456kB, shmem-rss:0kB, UID:0 pgtables:108kB oom_score_adj:0";
    let own = search(
        RUN_1,
        &[
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
             oom_memcg=/system.slice/ebb-runs.service/ebb-7fe56c2b/run-1,\
             task_memcg=/system.slice/ebb-runs.service/ebb-7fe56c2b/run-1,task=dd,pid=247,uid=0",
            second,
            "Tasks in /system.slice/ebb-runs.service/ebb-7fe56c2b/run-1 are going to be killed due to memory.oom.group set",
            second,
        ],
    );
    assert_eq!(own, kill(OomCause::Limit, "dd", 247, 32560));
    // Linux 6.12, cgroup v2.
    let above = search(
        RUN_3,
        &[
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
             oom_memcg=/system.slice/ebb-runs.service,\
             task_memcg=/system.slice/ebb-runs.service/ebb-7fe56c2b/run-3,task=dd,pid=387,uid=0",
            "Memory cgroup out of memory: Killed process 387 (dd) total-vm:207852kB, anon-rss:65192kB, file-rss:1752kB, \
             shmem-rss:0kB, UID:0 pgtables:180kB oom_score_adj:0",
        ],
    );
    assert_eq!(above, kill(OomCause::Above, "dd", 387, 65192));
    let host = search(
        "/system.slice/ebb-runs.service/ebb-7fe56c2b/run-2",
        &[
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
             task_memcg=/system.slice/ebb-runs.service/ebb-7fe56c2b/run-2,task=sleep,pid=377,uid=0",
            "Out of memory: Killed process 377 (sleep) total-vm:3012kB, anon-rss:0kB, file-rss:1804kB, shmem-rss:0kB, \
             UID:0 pgtables:48kB oom_score_adj:1000",
        ],
    );
    assert_eq!(host, kill(OomCause::Host, "sleep", 377, 0));
}

#[test]
fn the_latest_kill_of_the_run_counts_and_that_of_others_does_not() {
    let found = search(
        RUN_8,
        &[
            &first_line("oom_memcg=/x/helper", "/x/helper/run-8", "first"),
            &first_line("oom_memcg=/x/helper/run-8", "/x/helper/run-8", "second"),
            &first_line("oom_memcg=/x/helper", "/x/helper/run-80", "other"),
            &first_line("oom_memcg=/x/helper", "/x/helper/run-7", "other"),
            &first_line("global_oom", "/", "other"),
            "Out of memory: Killed process 4712 (other) total-vm:1kB, anon-rss:9kB, file-rss:0kB",
        ],
    );
    let found = found.unwrap();
    assert_eq!(
        (found.cause, &*found.victim.name, found.victim.anon_bytes),
        (OomCause::Limit, "second", None)
    );
}

#[test]
fn a_cgroup_that_the_job_made_is_its_own_also_where_that_has_the_limit() {
    let inner = first_line("oom_memcg=/x/helper/run-8/inner", "/x/helper/run-8/inner", "a");
    assert_eq!(search(RUN_8, &[&inner]).unwrap().cause, OomCause::Limit);
    let outer = first_line("oom_memcg=/x/helper/run-8", "/x/helper/run-8/inner", "a");
    assert_eq!(search(RUN_8, &[&outer]).unwrap().cause, OomCause::Limit);
    let above = first_line("oom_memcg=/x/helper/run-80", "/x/helper/run-8/inner", "a");
    assert_eq!(
        search(RUN_8, &[&above]).unwrap().cause,
        OomCause::Above,
        "a name that begins alike is another"
    );
    let twice = first_line("oom_memcg=/a", "/a/helper/run-80/b/helper/run-8/c", "a");
    assert_eq!(search(RUN_8, &[&twice]).unwrap().cause, OomCause::Above);
}

#[test]
fn who_is_within_a_cgroup_namespace_knows_only_the_end_of_the_path() {
    let line = first_line("oom_memcg=/docker/4f5e", "/docker/4f5e/ebb-1/run-3", "sh");
    assert_eq!(search("/ebb-1/run-3", &[&line]).unwrap().cause, OomCause::Above);
    assert_eq!(search("/bb-1/run-3", &[&line]), None);
}

#[test]
fn a_process_can_neither_hide_who_is_to_blame_nor_speak_to_the_terminal() {
    let escape = first_line("oom_memcg=/helper", RUN_8, "\x1b[2J\u{202e}a b\n,pid=1");
    let found = search(RUN_8, &[&escape]).unwrap();
    assert_eq!(
        (found.cause, &*found.victim.name, found.victim.pid),
        (OomCause::Above, "?[2J?a b?,pid=1", 4711)
    );
    let long = first_line("global_oom", RUN_8, "abcdefghijklmnopqrstuvwxyz");
    assert_eq!(search(RUN_8, &[&long]).unwrap().victim.name, "abcdefghijklmno");
    let killed = "Memory cgroup out of memory: Killed process 4711 (, anon-rss:1kB) total-vm:9kB, anon-rss:7kB, file-rss:0kB";
    let found = search(RUN_8, &[&escape, killed]).unwrap();
    assert_eq!(found.victim.anon_bytes, Some(7 * 1024));
    // One that puts on the end of a path hides itself alone: what the counters tell is left.
    let forged = first_line("oom_memcg=/helper", "/other", &format!("x,task={RUN_8}"));
    assert_eq!(search(RUN_8, &[&forged]), None);
}

#[test]
fn what_is_older_than_the_run_is_of_another_of_its_name() {
    let mut search = Search::new(RUN_8.to_owned(), 101);
    search.take(&record(&first_line("global_oom", RUN_8, "old")));
    assert!(!search.is_halfway());
    assert_eq!(search.found(), None);
}

#[test]
fn odd_lines_say_nothing() {
    for line in [
        "",
        "oom-kill:constraint=",
        "oom-kill:constraint=CONSTRAINT_NONE,global_oom,task_memcg=/helper/run-8,task=a,pid=,uid=0",
        "oom-kill:constraint=CONSTRAINT_NONE,global_oom,task_memcg=/helper/run-8,task=a,pid=-1,uid=0",
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom",
        " oom-kill:constraint=CONSTRAINT_NONE,global_oom,task_memcg=/helper/run-8,task=a,pid=1,uid=0",
        "Killed process ",
        "Killed process 4711 ",
        "Killed process 4711 (a) total-vm:1kB, anon-rss:",
        "Killed process 4711 (a) total-vm:1kB, anon-rss:kB",
        "Killed process 4711 (a) total-vm:1kB, anon-rss:18446744073709551615kB",
    ] {
        assert_eq!(search(RUN_8, &[line]), None, "{line}");
        let half = first_line("global_oom", RUN_8, "a");
        let found = search(RUN_8, &[&half, line]).unwrap();
        assert_eq!(found.victim.anon_bytes, None, "{line}");
    }
}

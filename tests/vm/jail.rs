//! An unprivileged job can't get out: not of its cgroup, not into another's, and ebbd is out of its reach.

use crate::cgroups::leaf_of;
use crate::harness::{Job, ebbd_pid};

/// A job of user `app` that runs this shell script.
fn of_app(name: &str, script: &str) -> Job {
    Job::new(
        name,
        &format!("command = [\"sh\", \"-c\", '''{script}''']\nuser = \"app\"\n[memory]\nmax = \"48M\"\n"),
    )
}

/// What such a job printed.
#[track_caller]
fn said(name: &str, script: &str) -> String {
    let job = of_app(name, script);
    let line = job.run();
    let output = job.output(line["id"].as_u64().unwrap());
    assert_eq!(line["outcome"], "success", "{line}\n{output}");
    output
}

#[test]
fn no_file_of_any_cgroup_is_its_to_write() {
    assert_eq!(said("jail-files", "id -un; find /sys/fs/cgroup -writable"), "app\n");
}

#[test]
fn it_joins_no_other_cgroup_and_makes_none() {
    let other = Job::new("jail-other", "command = [\"sleep\", \"500\"]\n");
    let leaf = leaf_of(other.demand());
    let leaf = leaf.display();
    let script = format!(
        "own=/sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup)
         for dir in {leaf} /sys/fs/cgroup /sys/fs/cgroup/system.slice $own/..; do
           (echo 0 >$dir/cgroup.procs) 2>/dev/null && echo joined $dir
           (echo max >$dir/memory.max) 2>/dev/null && echo changed $dir
         done
         (echo max >$own/memory.max) 2>/dev/null && echo raised its own limit
         mkdir $own/below 2>/dev/null && echo made one
         [ /sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup) = $own ] && echo still there"
    );
    assert_eq!(said("jail-join", &script), "still there\n");
}

#[test]
fn namespaces_of_its_own_do_not_help_it() {
    let inside = "mount -t cgroup2 none /mnt 2>/dev/null || exit 0
                  mkdir /mnt/below 2>/dev/null && echo made one
                  (echo max >/mnt/memory.max) 2>/dev/null && echo raised its own limit
                  find /mnt -writable -name \"cgroup*\" -o -writable -name \"memory*\"
                  true";
    let script = format!("unshare --user --map-root-user --mount --cgroup sh -c '{inside}'; echo tried");
    assert_eq!(said("jail-namespaces", &script), "tried\n");
}

#[test]
fn it_holds_no_descriptor_but_its_three() {
    assert_eq!(said("jail-descriptors", "ls /proc/$$/fd; true"), "0\n1\n2\n");
}

#[test]
fn it_signals_neither_ebbd_nor_anothers_run() {
    let other = Job::new("jail-victim", "command = [\"sleep\", \"500\"]\n");
    let leaf = leaf_of(other.demand());
    let victim = crate::cgroups::processes(&leaf)[0];
    let ebbd = ebbd_pid();
    let script = format!(
        "for pid in {ebbd} {victim} 1; do kill -KILL $pid 2>/dev/null && echo hit $pid; done; echo tried"
    );
    assert_eq!(said("jail-signals", &script), "tried\n");
    assert_eq!(ebbd_pid(), ebbd);
    assert_eq!(crate::cgroups::processes(&leaf), [victim]);
}

//! The library's own tests of control groups, on a real cgroup v2 with every controller: the host that builds them may have
//! none. Among them what is done where the kernel has no `cgroup.kill`.

use crate::harness::run;

#[test]
fn the_librarys_tests_of_control_groups_pass_on_a_cgroup_v2() {
    let unit = format!("{}/unit", std::env::current_dir().unwrap().display());
    let service = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-p", "Delegate=yes"];
    let tests = [unit.as_str(), "--test-threads=1", "--nocapture", "sys::cgroup::"];
    let said = run(&[&service[..], &tests].concat());
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    // What is about cgroup v1 has nothing to look at here.
    let skipped: Vec<&str> = said.err.lines().filter(|line| line.starts_with("SKIPPED")).collect();
    assert!(skipped.iter().all(|line| line.contains("v1")), "{skipped:#?}");
    assert!(said.out.contains("without_the_file_for_it_a_fork_bomb_dies"), "{}", said.out);
}

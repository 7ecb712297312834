//! What a program finds when it starts, and what is said when it can't, with real programs.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::sys::child::Exit;
use crate::sys::testing::{alone, command, end, exec_result, is_root, output, shell, skip, start};

fn spec(words: &[&str], environment: &[(&str, &str)], cwd: &Path) -> io::Result<SpawnSpec> {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let environment: Vec<(String, String)> =
        environment.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    SpawnSpec::new(&words, &environment, cwd)
}

/// The value of a line such as `Uid:` with its four numbers in `/proc/PID/status`.
fn status_line<'a>(status: &'a str, key: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim()
}

fn failure(spec: &SpawnSpec) -> ExecFailure {
    let child = start(spec, None);
    let result = exec_result(&child);
    assert_eq!(end(&child).exit, Exit::Code(127));
    match result {
        ExecResult::Failed(failure) => failure,
        ExecResult::Running | ExecResult::Pending => panic!("it runs"),
    }
}

#[test]
fn a_program_gets_its_arguments_its_environment_and_its_directory_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let environment = [("A", "old"), ("B", "two words"), ("A", "new"), ("PATH", "/nowhere::/usr/bin:/bin")];
    let seen = output(&spec(&["env"], &environment, dir.path()).unwrap(), None);
    assert_eq!(seen, "A=new\nB=two words\nPATH=/nowhere::/usr/bin:/bin\n");
    let seen = output(
        &spec(&["sh", "-c", "pwd; echo \"$0|$1\"", "a b", ""], &environment, dir.path()).unwrap(),
        None,
    );
    assert_eq!(seen, format!("{}\na b|\n", dir.path().canonicalize().unwrap().display()));
}

#[test]
fn no_descriptor_of_ours_is_inherited_and_standard_ones_may_be_any() {
    let dir = tempfile::tempdir().unwrap();
    let secret = File::create(dir.path().join("secret")).unwrap();
    // One that is not close-on-exec, as a careless library leaves it.
    // SAFETY: duplicates a descriptor that is open; the copy is closed below.
    let leaked = unsafe { libc::dup(secret.as_raw_fd()) };
    let seen = output(&shell("exec ls -l /proc/self/fd 2>/dev/null"), None);
    let leaked = raw::own_fd(leaked.into()).unwrap();
    drop((leaked, secret));
    assert!(!seen.contains("secret"), "{seen}");
    // 0, 1, 2 and the directory that ls reads, below a line for the total.
    assert!(seen.lines().count() <= 5, "{seen}");
}

#[test]
fn standard_descriptors_may_be_given_in_each_others_place() {
    if !alone("sys::spawn::tests::standard_descriptors_may_be_given_in_each_others_place") {
        return;
    }
    // Input and error are swapped: each is needed after the other's number has been overwritten.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    nix::unistd::dup2_stdin(&file).unwrap();
    let (stdin, stderr) = (io::stdin(), io::stderr());
    let child =
        spawn(&shell("echo words >&2"), [stderr.as_fd(), file.as_fd(), stdin.as_fd()], None, None).unwrap();
    assert_eq!(end(&child).exit, Exit::Code(0));
    assert_eq!(fs::read_to_string(path).unwrap(), "words\n");
}

#[test]
fn signals_start_at_their_defaults_and_none_is_blocked() {
    // Rust ignores SIGPIPE in every program; block one as well, and handle one.
    let mut blocked = nix::sys::signal::SigSet::empty();
    blocked.add(nix::sys::signal::Signal::SIGUSR2);
    blocked.thread_block().unwrap();
    let own = fs::read_to_string("/proc/thread-self/status").unwrap();
    assert_ne!(status_line(&own, "SigIgn:"), "0000000000000000");
    let seen = output(&command(&["cat", "/proc/self/status"]), None);
    for key in ["SigBlk:", "SigIgn:", "SigCgt:"] {
        assert_eq!(status_line(&seen, key), "0000000000000000", "{key}");
    }
    let after = fs::read_to_string("/proc/thread-self/status").unwrap();
    assert_eq!(
        status_line(&own, "SigBlk:"),
        status_line(&after, "SigBlk:"),
        "the parent's own mask is as before"
    );
}

#[test]
fn a_run_has_a_session_of_its_own() {
    let child = start(&command(&["sleep", "60"]), None);
    assert_eq!(exec_result(&child), ExecResult::Running);
    let stat = proc::stat(child.pid).unwrap();
    assert_eq!((stat.session, stat.pgrp), (child.pid, child.pid));
    assert_eq!(stat.start_ticks, child.start_ticks);
    crate::sys::pidfd::pidfd_signal(child.pidfd.as_fd(), libc::SIGTERM).unwrap();
    assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGTERM, core: false });
}

#[test]
fn umask_limits_nice_and_oom_score_are_as_asked() {
    let mut spec = shell("umask; ulimit -n; cut -d ' ' -f 19 /proc/self/stat; cat /proc/self/oom_score_adj");
    spec.umask = 0o027;
    #[allow(clippy::unnecessary_cast)] // The constant's type differs between C libraries.
    let resource = libc::RLIMIT_NOFILE as u32;
    spec.rlimits = vec![Rlimit { resource, soft: 77, hard: 99 }];
    spec.nice = Some(7);
    spec.oom_score_adj = Some(333);
    assert_eq!(output(&spec, None), "0027\n77\n7\n333\n");
}

#[test]
fn another_user_is_taken_on_with_groups_and_without_privileges() {
    if !is_root() {
        return skip("another_user_is_taken_on_with_groups_and_without_privileges", &"needs root");
    }
    let mut spec = command(&["cat", "/proc/self/status"]);
    spec.identity = Some(Identity { uid: 4321, gid: 5432, groups: vec![6543, 7654] });
    let seen = output(&spec, None);
    assert_eq!(status_line(&seen, "Uid:"), "4321\t4321\t4321\t4321");
    assert_eq!(status_line(&seen, "Gid:"), "5432\t5432\t5432\t5432");
    assert_eq!(status_line(&seen, "Groups:"), "6543 7654");
    for key in ["CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(status_line(&seen, key), "0000000000000000", "{key}");
    }
    assert_eq!(status_line(&seen, "NoNewPrivs:"), "0", "sudo works in a job");
}

#[test]
fn a_directory_that_the_user_may_not_enter_is_refused_to_him() {
    if !is_root() {
        return skip("a_directory_that_the_user_may_not_enter_is_refused_to_him", &"needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let mut spec = spec(&["/bin/true"], &[], dir.path()).unwrap();
    spec.identity = Some(Identity { uid: 4321, gid: 4321, groups: vec![] });
    let failure = failure(&spec);
    assert_eq!((failure.step, failure.errno), (Step::Cwd, libc::EACCES));
}

#[test]
fn a_start_that_fails_names_the_step_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (plain, script) = (file("plain", "", 0o644), file("script", "#!/no/such/interpreter\n", 0o755));
    let headless = file("headless", "echo hello\n", 0o755);
    let said = |words: &[&str], cwd: &str| {
        failure(&spec(words, &[("PATH", "/bin")], Path::new(cwd)).unwrap()).to_string()
    };

    assert_eq!(said(&["/bin/true"], "/srv/none"), "cannot change to /srv/none: No such file or directory");
    assert_eq!(
        said(&["no-such-program"], "/"),
        "cannot execute no-such-program: No such file or directory \
         (looked for in the job's PATH, /bin; an absolute path is safest)"
    );
    assert_eq!(said(&["/no/such"], "/"), "cannot execute /no/such: No such file or directory");
    assert!(said(&[&plain], "/").contains("Permission denied (user "));
    assert!(said(&[&script], "/").contains("(the file is there: the interpreter"));
    assert!(said(&[&headless], "/").contains("(a script needs a first line such as #!/bin/sh)"));
}

#[test]
fn the_search_goes_on_after_a_file_that_may_not_be_executed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("true"), "").unwrap();
    let dir = dir.path().to_str().unwrap();
    assert_eq!(
        output(&spec(&["true"], &[("PATH", &format!("{dir}:/bin"))], Path::new("/")).unwrap(), None),
        ""
    );
    let failure = failure(&spec(&["true"], &[("PATH", &format!("{dir}:/none"))], Path::new("/")).unwrap());
    assert_eq!((failure.step, failure.errno), (Step::Exec, libc::EACCES));
}

#[test]
fn a_limit_that_may_not_be_raised_is_a_step_of_its_own() {
    let mut spec = command(&["/bin/true"]);
    spec.rlimits = vec![Rlimit { resource: 9999, soft: 1, hard: 1 }];
    assert_eq!(failure(&spec).to_string(), "cannot set a resource limit: Invalid argument");
}

#[test]
fn what_no_program_can_be_given_is_refused_before_the_start() {
    let said =
        |words: &[&str], env: &[(&str, &str)]| spec(words, env, Path::new("/")).unwrap_err().to_string();
    assert_eq!(said(&[], &[]), "the command is empty: name a program");
    assert_eq!(said(&[""], &[]), "the command is empty: name a program");
    assert!(said(&["a\0b"], &[]).contains("NUL"));
    assert!(said(&["a"], &[("A=B", "")]).contains("`A=B` can't be the name"));
    assert!(said(&["a"], &[("", "x")]).contains("can't be the name"));
}

/// Makes clone3 answer EPERM to this thread and its children, as the seccomp filters of older container runtimes do.
fn forbid_clone3() {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let deny = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
    let clone3 = u32::try_from(libc::SYS_clone3).unwrap();
    // Load the call's number; compare; deny or allow.
    let mut filter = [
        step(0x20, 0, 0, 0),
        step(0x15, 0, 1, clone3),
        step(0x06, 0, 0, deny),
        step(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs().unwrap();
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: `program` and the filter it points to are valid during the call.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(set, 0);
}

#[test]
fn where_clone3_is_filtered_the_older_clone_does_it_and_still_joins_the_leaf() {
    const NAME: &str = "where_clone3_is_filtered_the_older_clone_does_it_and_still_joins_the_leaf";
    let ladder = crate::sys::testing::ladder(NAME);
    let leaf = ladder.as_ref().and_then(|l| {
        l.0.leaf(crate::sys::testing::run_id(), &crate::sys::cgroup::LeafLimits::default(), false).unwrap()
    });
    forbid_clone3();
    let child = start(&command(&["sleep", "60"]), leaf.as_ref());
    assert_eq!(exec_result(&child), ExecResult::Running);
    if let Some(leaf) = &leaf {
        assert_eq!(leaf.pids().unwrap(), [child.pid]);
    }
    crate::sys::pidfd::pidfd_signal(child.pidfd.as_fd(), libc::SIGKILL).unwrap();
    assert_eq!(end(&child).exit, Exit::Signal { signal: libc::SIGKILL, core: false });
    if let Some(leaf) = leaf {
        assert!(crate::sys::testing::holds_within(5_000, || leaf.remove().is_ok()));
    }
}

#[test]
fn five_hundred_spawns_leave_no_zombie_no_descriptor_and_no_cgroup() {
    const NAME: &str = "sys::spawn::tests::five_hundred_spawns_leave_no_zombie_no_descriptor_and_no_cgroup";
    if !alone(NAME) {
        return;
    }
    let ladder = crate::sys::testing::ladder(NAME);
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    for id in 1..=500 {
        let limits = crate::sys::cgroup::LeafLimits { pids_max: Some(8), ..Default::default() };
        let leaf = ladder.as_ref().and_then(|l| l.0.leaf(id, &limits, id % 2 == 0).unwrap());
        let child = start(&command(&["/bin/true"]), leaf.as_ref());
        assert_eq!(exec_result(&child), ExecResult::Running);
        assert_eq!(end(&child).exit, Exit::Code(0));
        if let Some(leaf) = leaf {
            assert!(crate::sys::testing::holds_within(5_000, || leaf.remove().is_ok()));
        }
    }
    assert_eq!(descriptors(), before);
    assert!(proc::own_children().unwrap().is_empty());
    if let Some(ladder) = ladder {
        assert!(ladder.0.sweep().is_empty());
    }
}

//! A run gets what its job says and nothing of what ebbd happens to have: environment, descriptors, signals, session.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Ebbd, skips_without_root};
use crate::helpers::proc::python;
use crate::helpers::stranger::{NOBODY, OTHER};

/// Runs a job and reads the environment that its first program got.
fn environment_of(ebbd: &Ebbd, job: &str) -> BTreeMap<String, String> {
    let line = ebbd.run(job);
    assert_eq!(line["outcome"], "success", "{line}");
    parse(&ebbd.output(job, line["id"].as_u64().unwrap()))
}

fn parse(environ: &str) -> BTreeMap<String, String> {
    let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    environ.split_terminator('\0').map(|text| pair(text).unwrap_or_else(|| panic!("{text:?}"))).collect()
}

/// A line of `/proc/self/status`, without its name, blanks made one.
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    let words: Vec<&str> =
        line.unwrap_or_else(|| panic!("no {name} in {status}")).split_whitespace().collect();
    words.join(" ")
}

const ENVIRON: &str = "command = [\"cat\", \"/proc/self/environ\"]\n";

#[test]
fn a_run_gets_a_clean_environment_of_these_names_and_no_other() {
    let ebbd =
        Ebbd::prepare(&[("plain", ENVIRON)]).variable("SECRET_TOKEN", "x").variable("LD_PRELOAD", "").go();
    let environment = environment_of(&ebbd, "plain");
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    let expected = [
        "EBB_ATTEMPT",
        "EBB_JOB",
        "EBB_RUN_ID",
        "EBB_RUN_KEY",
        "EBB_SCHEDULED_FOR",
        "EBB_TRIGGER",
        "HOME",
        "LANG",
        "LOGNAME",
        "PATH",
        "TZ",
        "USER",
    ];
    assert_eq!(names, expected);
    assert_eq!(environment["PATH"], "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    assert_eq!((&*environment["LANG"], &*environment["EBB_JOB"]), ("C.UTF-8", "plain"));
    assert_eq!((&*environment["EBB_RUN_ID"], &*environment["EBB_TRIGGER"]), ("1", "manual"));
    assert_eq!((&*environment["EBB_ATTEMPT"], &*environment["EBB_SCHEDULED_FOR"]), ("1", ""));
    assert_eq!(environment["USER"], environment["LOGNAME"]);
}

#[test]
fn a_run_knows_why_it_runs_and_for_which_slot_and_which_attempt_it_is() {
    let fails = "command = [\"sh\", \"-c\", \"cat /proc/self/environ; exit 1\"]\n\
                 retry = { attempts = 1, delay = \"100ms\" }\n";
    let ebbd = Ebbd::start(&[
        ("ticking", &format!("{ENVIRON}schedule = \"* * * * * *\"\ntimezone = \"Asia/Tokyo\"\n")),
        ("failing", fails),
    ]);
    ebbd.demand("failing");
    ebbd.until("a slot and a retry to have ended", || {
        let ends = ebbd.history();
        ["schedule", "retry"].iter().all(|trigger| ends.iter().any(|line| line["trigger"] == **trigger))
    });
    for line in ebbd.history().iter().filter(|line| line["id"].is_number()) {
        let job = line["job"].as_str().unwrap();
        let environment = parse(&ebbd.output(job, line["id"].as_u64().unwrap()));
        assert_eq!(environment["EBB_TRIGGER"], line["trigger"].as_str().unwrap());
        assert_eq!(environment["EBB_ATTEMPT"], line["attempt"].to_string());
        assert_eq!(environment["EBB_SCHEDULED_FOR"], line["slot"].as_str().unwrap_or_default(), "{line}");
        assert_eq!(environment["EBB_RUN_ID"], line["id"].to_string());
        if job == "ticking" {
            assert!(environment["EBB_SCHEDULED_FOR"].ends_with(".000Z"), "a slot is a whole second: {line}");
            assert_eq!(environment["TZ"], "Asia/Tokyo");
        }
    }
}

#[test]
fn sources_come_in_order_the_later_one_wins_and_nobody_sets_the_ebb_names() {
    let ebbd = Ebbd::prepare(&[]);
    let (one, two) = (ebbd.path("one.env"), ebbd.path("two.env"));
    std::fs::write(&one, "# a comment\nA=one\nB=one\nC='one # two'\nD=$HOME\nEBB_RUN_ID=9\n").unwrap();
    std::fs::write(&two, "B=two\nHOME=/somewhere\n").unwrap();
    let job = format!(
        "{ENVIRON}environment-file = {}\nenvironment = {{ E = \"job\", F = \"job\" }}\n[accept]\nenvironment = [\"F\"]\n",
        json!([one, two, format!("-{}", ebbd.path("none.env").display())])
    );
    ebbd.write_job("layered", &job);
    let ebbd = ebbd.go();
    let demand = json!({"job": "layered", "environment": {"F": "demand"}, "wait": true});
    let line = ebbd.call("RunNow", demand).unwrap()["result"].clone();
    assert_eq!(line["outcome"], "success", "{line}");
    let environment = parse(&ebbd.output("layered", 1));
    for (name, value) in [
        ("A", "one"),
        ("B", "two"),
        ("C", "one # two"),
        ("D", "$HOME"),
        ("E", "job"),
        ("F", "demand"),
        ("HOME", "/somewhere"),
        ("EBB_RUN_ID", "1"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
}

#[test]
fn what_keeps_a_run_from_starting_is_said_in_a_sentence() {
    let ebbd = Ebbd::prepare(&[]);
    let broken = ebbd.path("broken.env");
    std::fs::write(&broken, "GOOD=1\nnonsense\n").unwrap();
    let none = ebbd.path("none.env");
    let not_a_program = ebbd.path("data");
    std::fs::write(&not_a_program, "data").unwrap();
    let with = |file: &std::path::Path| format!("{ENVIRON}environment-file = [{}]\n", json!(file));
    let table = [
        ("missing-file", with(&none), "none.env"),
        ("broken-file", with(&broken), "line 2"),
        ("no-program", "command = [\"/no/such/program\"]\n".to_owned(), "/no/such/program"),
        ("not-executable", format!("command = [{}]\n", json!(not_a_program)), "data"),
        ("no-directory", format!("{ENVIRON}working-directory = \"/no/such/place\"\n"), "/no/such/place"),
        ("not-in-path", "command = [\"no-such-program-anywhere\"]\n".to_owned(), "no-such-program-anywhere"),
    ];
    for (name, job, _) in &table {
        ebbd.write_job(name, job);
    }
    let ebbd = ebbd.go();
    for (name, _, part) in table {
        let line = ebbd.run(name);
        assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("start-failed"), &Value::Null), "{line}");
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{name}: {detail}");
        assert!(!detail.contains("Os {") && !detail.contains("Some("), "for people: {detail}");
    }
    assert_eq!(crate::harness::zombies_of(ebbd.pid()), [0; 0]);
}

#[test]
fn an_environment_file_that_is_no_file_holds_nobody_up() {
    let ebbd = Ebbd::prepare(&[]);
    let pipe = ebbd.path("pipe.env");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
    for (name, file) in [("pipe", pipe.to_str().unwrap()), ("zero", "/dev/zero"), ("directory", "/")] {
        ebbd.write_job(name, &format!("{ENVIRON}environment-file = [{}]\n", json!(file)));
    }
    let ebbd = ebbd.go();
    for job in ["pipe", "zero", "directory"] {
        let line = ebbd.run(job);
        assert_eq!(line["outcome"], "start-failed", "{line}");
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.contains("environment-file") && detail.contains("no regular file"), "{line}");
    }
}

/// Execs what follows with descriptors, signals and a umask that a run must not inherit.
const HOSTILE: &str = "
import os, signal, sys
for number in (5, 9, 77):
    os.dup2(os.open('/etc/passwd', os.O_RDONLY), number, inheritable=True)
for number in (signal.SIGUSR1, signal.SIGPIPE, signal.SIGQUIT, signal.SIGRTMIN + 3):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGALRM, signal.SIGRTMAX])
os.umask(0o077)
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
fn a_run_inherits_no_descriptor_no_signal_and_no_umask_whatever_ebbd_was_started_with() {
    let ebbd = Ebbd::prepare(&[
        ("descriptors", "command = [\"ls\", \"-l\", \"/proc/self/fd\"]\n"),
        ("status", "command = [\"cat\", \"/proc/self/status\"]\n"),
        ("held", "command = [\"sleep\", \"1000\"]\n"),
    ])
    .under(&[python(), "-c", HOSTILE])
    .go();
    // Descriptors of ebbd that only exist while others run and call.
    ebbd.demand("held");
    let _caller = ebbd.connect();
    assert_eq!(ebbd.run("descriptors")["outcome"], "success");
    let listed = ebbd.output("descriptors", 2);
    let numbers: Vec<&str> =
        listed.lines().filter_map(|line| line.split(" -> ").next()?.split(' ').next_back()).collect();
    // ls has opened the directory itself.
    assert_eq!(numbers[1..], ["0", "1", "2", "3"], "{listed}");
    assert!(listed.contains("0 -> /dev/null") && listed.contains("3 -> /proc/"), "{listed}");
    assert!(listed.contains("1 -> ") && listed.contains("/output/descriptors/2.log"), "{listed}");
    ebbd.run("status");
    let status = ebbd.output("status", 3);
    assert_eq!(field(&status, "SigIgn"), "0000000000000000");
    assert_eq!(field(&status, "SigBlk"), "0000000000000000");
    assert_eq!(field(&status, "SigCgt"), "0000000000000000");
    assert_eq!(field(&status, "Umask"), "0022");
}

#[test]
fn a_run_has_a_session_and_a_group_of_its_own_and_no_terminal() {
    let ebbd = Ebbd::start(&[("stat", "command = [\"cat\", \"/proc/self/stat\"]\n")]);
    ebbd.run("stat");
    let stat = ebbd.output("stat", 1);
    let rest: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let pid = stat.split(' ').next().unwrap();
    let (parent, group, session, terminal) = (rest[1], rest[2], rest[3], rest[4]);
    assert_eq!((group, session, terminal), (pid, pid, "0"), "{stat}");
    assert_eq!(parent, ebbd.pid().to_string(), "nobody stands between ebbd and its run");
}

#[test]
fn working_directory_umask_and_standing_are_as_the_job_says() {
    let ebbd = Ebbd::prepare(&[]);
    let place = ebbd.path("place");
    std::fs::create_dir(&place).unwrap();
    let own: i32 = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().parse().unwrap();
    // To raise it is everyone's right, to lower it is not even every root's.
    let adjust = (own + 200).min(1000);
    let job = format!(
        "command = [\"sh\", \"-c\", \"pwd; umask; cat /proc/self/oom_score_adj; nice\"]\n\
         working-directory = {}\numask = \"027\"\nnice = 5\noom-score-adjust = {adjust}\n",
        json!(place)
    );
    ebbd.write_job("set", &job);
    ebbd.write_job(
        "default",
        "command = [\"sh\", \"-c\", \"pwd; umask; cat /proc/self/oom_score_adj; nice\"]\n",
    );
    let ebbd = ebbd.go();
    let line = ebbd.run("set");
    assert_eq!(line["outcome"], "success", "{line}");
    let place = place.display();
    assert_eq!(
        ebbd.output("set", 1),
        format!("{place}\n0027\n{adjust}\n5\n"),
        "nice is absolute, as setpriority(2) takes it"
    );
    ebbd.run("default");
    assert_eq!(ebbd.output("default", 2), format!("/\n0022\n{own}\n{}\n", own_nice()));
}

/// The niceness that this test, and so its ebbd, runs at.
fn own_nice() -> i64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse().unwrap()
}

#[test]
fn a_run_as_another_user_is_that_user_with_its_groups_and_nothing_of_roots() {
    if skips_without_root(
        "environment::a_run_as_another_user_is_that_user_with_its_groups_and_nothing_of_roots",
    ) {
        return;
    }
    let user = nix::unistd::User::from_uid(NOBODY.into()).unwrap().expect("a user of this number");
    let ebbd = Ebbd::start(&[
        (
            "status",
            &format!(
                "command = [\"cat\", \"/proc/self/status\"]\nuser = \"{}\"\nworking-directory = \"/\"\n",
                user.name
            ),
        ),
        ("environ", &format!("{ENVIRON}user = \"{}\"\nworking-directory = \"/\"\n", user.name)),
        ("grouped", "command = [\"cat\", \"/proc/self/status\"]\ngroup = \"mail\"\n"),
    ]);
    ebbd.run("status");
    let status = ebbd.output("status", 1);
    assert_eq!(field(&status, "Uid"), format!("{NOBODY} {NOBODY} {NOBODY} {NOBODY}"));
    let gid = user.gid;
    assert_eq!(field(&status, "Gid"), format!("{gid} {gid} {gid} {gid}"));
    let groups: Vec<u32> = field(&status, "Groups").split(' ').filter_map(|g| g.parse().ok()).collect();
    assert!(!groups.contains(&0), "{status}");
    for capabilities in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert_eq!(field(&status, capabilities), "0000000000000000");
    }
    let environment = environment_of(&ebbd, "environ");
    assert_eq!((&environment["USER"], &environment["LOGNAME"]), (&user.name, &user.name));
    assert_eq!(environment["HOME"], user.dir.display().to_string());
    ebbd.run("grouped");
    let mail = crate::helpers::stranger::group("mail");
    assert_eq!(field(&ebbd.output("grouped", 3), "Gid"), format!("{mail} {mail} {mail} {mail}"));
}

#[test]
fn an_ebbd_whose_user_has_no_name_runs_jobs_all_the_same() {
    if skips_without_root("environment::an_ebbd_whose_user_has_no_name_runs_jobs_all_the_same") {
        return;
    }
    // As in a container that is started with a number out of the air.
    let ebbd = Ebbd::prepare(&[("environ", ENVIRON)]).run_as(OTHER).go();
    let environment = environment_of(&ebbd, "environ");
    assert_eq!(environment["USER"], OTHER.to_string());
}

#[test]
fn a_run_of_another_user_can_open_its_own_output_by_name() {
    if skips_without_root("environment::a_run_of_another_user_can_open_its_own_output_by_name") {
        return;
    }
    let job = "command = [\"sh\", \"-c\", \"echo told >>/dev/stderr\"]\nuser = \"nobody\"\ngroup = \"nogroup\"\nworking-directory = \"/\"\n";
    let ebbd = Ebbd::start(&[("told", job)]);
    let line = ebbd.run("told");
    assert_eq!(line["outcome"], "success", "{line} {}", ebbd.output("told", 1));
    assert_eq!(ebbd.output("told", 1), "told\n");
}

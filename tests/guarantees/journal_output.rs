//! Output to the systemd journal: every line arrives, in its order, as an entry that says whose it is, whatever becomes of
//! ebbd meanwhile. journald is a socket of the test's own here; the real one is in `tests/vm/`.

use std::collections::BTreeMap;
use std::io::{IoSliceMut, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, setsockopt, sockopt};
use serde_json::json;

use crate::harness::{Ebbd, is_alive, skips_without_root, wait_until};
use crate::helpers::gate::Gate;
use crate::helpers::stranger::NOBODY;

/// What takes journald's place.
struct Journald {
    dir: tempfile::TempDir,
    socket: UnixDatagram,
    taken: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    fields: BTreeMap<String, Vec<u8>>,
    /// Of who sent it, by the kernel's word.
    pid: i32,
    uid: u32,
}

impl Entry {
    fn get(&self, name: &str) -> String {
        self.fields.get(name).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }
}

impl Journald {
    fn listen() -> Self {
        let dir = tempfile::Builder::new().prefix("ebb-test-journald-").tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let socket = Self::bind(&dir.path().join("socket"));
        Self { dir, socket, taken: Vec::new() }
    }

    fn bind(path: &Path) -> UnixDatagram {
        let socket = UnixDatagram::bind(path).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
        setsockopt(&socket, sockopt::PassCred, &true).unwrap();
        socket
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// An ebbd whose runs find this journald.
    fn ebbd(&self, jobs: &[(&str, &str)]) -> Ebbd {
        Ebbd::prepare(jobs).variable("EBB_JOURNALD_SOCKET", self.path().to_str().unwrap())
    }

    /// Takes what has come; all that was taken so far.
    fn take(&mut self) -> &[Entry] {
        let mut bytes = vec![0; 1 << 18];
        loop {
            let mut space = nix::cmsg_space!(nix::sys::socket::UnixCredentials);
            let mut pieces = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let got = recvmsg::<UnixAddr>(self.socket.as_raw_fd(), &mut pieces, Some(&mut space), flags);
            let Ok(message) = got else { return &self.taken };
            let sender = message.cmsgs().unwrap().find_map(|control| match control {
                ControlMessageOwned::ScmCredentials(sender) => Some((sender.pid(), sender.uid())),
                _ => None,
            });
            let ((pid, uid), count) = (sender.unwrap(), message.bytes);
            // By an empty one a carrier learns that its last entry is dealt with.
            if count == 0 {
                continue;
            }
            self.taken.push(Entry { fields: parsed(&bytes[..count]), pid, uid });
        }
    }

    /// Waits for so many entries in all.
    fn until(&mut self, ebbd: &Ebbd, count: usize) -> Vec<Entry> {
        ebbd.until(format_args!("{count} entries in the journal"), || self.take().len() >= count);
        self.taken.clone()
    }

    /// Sends to itself until nothing more fits; how many that were.
    fn fill(&self) -> usize {
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        let entry = b"MESSAGE=filler\n";
        // Several senders, for each may only have so much under way.
        let mut count = 0;
        while filler.send_to(entry, self.path()).is_ok() {
            count += 1;
        }
        count
    }
}

/// The fields of an entry as the native protocol has them.
fn parsed(mut bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut fields = BTreeMap::new();
    while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (name, value, rest) = match line.iter().position(|b| *b == b'=') {
            Some(at) => (text(&line[..at]), &line[at + 1..], rest),
            None => {
                let length = usize::try_from(u64::from_le_bytes(rest[..8].try_into().unwrap())).unwrap();
                assert_eq!(rest[8 + length], b'\n');
                (text(line), &rest[8..8 + length], &rest[8 + length + 1..])
            }
        };
        assert!(fields.insert(name.clone(), value.to_vec()).is_none(), "{name} is there once");
        bytes = rest;
    }
    assert!(bytes.is_empty());
    fields
}

fn messages(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.get("MESSAGE")).collect()
}

/// A job whose output goes to the journal; `more` is further lines of its file.
fn to_journal(script: &str, more: &str) -> String {
    format!("command = {}\n{more}\n[output]\nto = \"journal\"\n", json!(["sh", "-c", script]))
}

/// The processes that carry output of this ebbd's jobs.
fn carriers(ebbd: &Ebbd) -> Vec<i32> {
    let key = format!("ebb-{:08x}/", ebb::hash::fnv1a(ebbd.path("state").as_os_str().as_encoded_bytes()));
    let pids = ebb::sys::proc::pids().unwrap();
    let is_carrier = |pid: &i32| {
        let words = ebb::sys::proc::arguments(*pid).unwrap_or_default();
        words.get(1).is_some_and(|word| word == "--carry-output") && words[6].starts_with(&key)
    };
    pids.into_iter().filter(is_carrier).collect()
}

#[test]
fn each_line_is_an_entry_with_the_names_of_its_job_and_run_in_the_order_of_writing() {
    let mut journald = Journald::listen();
    let script = "echo one; echo two >&2; echo '<3>three'; echo; printf four";
    let named = to_journal("echo named", "") + "identifier = \"the search\"\n";
    let ebbd = journald.ebbd(&[("talk", &to_journal(script, "")), ("named", &named)]).go();
    for _ in 0..20 {
        journald.taken.clear();
        let run = ebbd.demand("talk");
        let entries = journald.until(&ebbd, 5);
        assert_eq!(messages(&entries), ["one", "two", "three", "", "four"]);
        let priorities: Vec<String> = entries.iter().map(|entry| entry.get("PRIORITY")).collect();
        assert_eq!(priorities, ["6", "6", "3", "6", "6"]);
        assert_eq!(
            (entries[3].get("EBB_LINE_BREAK"), entries[4].get("EBB_LINE_BREAK")),
            ("".into(), "eof".into())
        );
        let pid = ebbd.until_started(run).to_string();
        for entry in &entries {
            let names =
                ["SYSLOG_IDENTIFIER", "EBB_JOB", "EBB_RUN_ID", "SYSLOG_PID"].map(|name| entry.get(name));
            assert_eq!(names, ["talk".to_owned(), "talk".to_owned(), run.to_string(), pid.clone()]);
            assert!(entry.get("EBB_RUN_KEY").ends_with(&format!("/{run}")));
        }
    }
    ebbd.run("named");
    assert_eq!(journald.until(&ebbd, 6)[5].get("SYSLOG_IDENTIFIER"), "the search");
    ebbd.until("the carriers to end with their runs", || carriers(&ebbd).is_empty());
    assert!(!ebbd.path("state/output/talk").exists(), "no file besides");
    assert!(ebbd.log().lines().all(|line| !line.contains("WARN")), "{}", ebbd.log());
}

#[test]
fn long_lines_are_cut_and_marked_and_bytes_stay_what_they_are() {
    let mut journald = Journald::listen();
    let long = "head -c 100000 /dev/zero | tr '\\0' x; echo; printf 'a\\0b\\377c\\n'";
    let ebbd = journald.ebbd(&[("long", &to_journal(long, ""))]).go();
    ebbd.run("long");
    let entries = journald.until(&ebbd, 4);
    let lengths: Vec<usize> = entries.iter().map(|entry| entry.fields["MESSAGE"].len()).collect();
    assert_eq!(lengths, [49152, 49152, 100_000 - 2 * 49152, 5]);
    let marks: Vec<String> = entries.iter().map(|entry| entry.get("EBB_LINE_BREAK")).collect();
    assert_eq!(marks, ["line-max", "line-max", "", ""]);
    assert_eq!(entries[3].fields["MESSAGE"], b"a\0b\xffc");
}

#[test]
fn a_crash_of_ebbd_in_mid_run_costs_no_line() {
    let mut journald = Journald::listen();
    let ebbd = journald.ebbd(&[]);
    let (first, second) = (Gate::closed(ebbd.path("first")), ebbd.path("second"));
    let second_gate = Gate::closed(second.clone());
    let script = format!(
        "echo before; flock -s {} true; echo without; flock -s {} true; echo after",
        ebbd.path("first").display(),
        second.display()
    );
    ebbd.write_job("held", &to_journal(&script, ""));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("held");
    let pid = ebbd.until_started(run);
    journald.until(&ebbd, 1);
    let carrier = carriers(&ebbd);
    assert_eq!(carrier.len(), 1);
    ebbd.crash();
    first.open();
    let entries = journald.until(&ebbd, 2);
    assert_eq!(messages(&entries), ["before", "without"], "written and taken while there was no ebbd");
    ebbd.restart();
    assert!(is_alive(pid) && carriers(&ebbd) == carrier);
    second_gate.open();
    assert_eq!(messages(&journald.until(&ebbd, 3)), ["before", "without", "after"]);
    assert_eq!(journald.taken[2].get("SYSLOG_PID"), pid.to_string());
    ebbd.until("the carrier to end", || carriers(&ebbd).is_empty());
    ebbd.until("the run to end", || ebbd.status("held")["state"] == "idle");
}

#[test]
fn an_ebbd_that_leaves_its_runs_leaves_their_carriers_and_does_not_wait_for_them() {
    let mut journald = Journald::listen();
    let ebbd = journald.ebbd(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let script = format!("echo before; flock -s {} true; echo after", ebbd.path("gate").display());
    ebbd.write_job("held", &to_journal(&script, ""));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("held");
    ebbd.until_started(run);
    journald.until(&ebbd, 1);
    let carrier = carriers(&ebbd);
    ebbd.signal(nix::sys::signal::Signal::SIGUSR2);
    assert_eq!(ebbd.wait_end(), Some(0));
    assert!(!ebbd.log().contains("has not taken all output"), "{}", ebbd.log());
    assert_eq!(carriers(&ebbd), carrier);
    ebbd.restart();
    gate.open();
    assert_eq!(messages(&journald.until(&ebbd, 2)), ["before", "after"]);
    ebbd.until("the carrier to end", || carriers(&ebbd).is_empty());
}

#[test]
fn a_journal_that_is_full_holds_the_writer_up_and_loses_nothing_and_ebbd_does_not_notice() {
    let mut journald = Journald::listen();
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done";
    let ebbd = journald.ebbd(&[("flood", &to_journal(script, "")), ("other", "command = [\"true\"]\n")]).go();
    let run = ebbd.demand("flood");
    let pid = ebbd.until_started(run);
    // Nobody takes anything: the shell ends up in its write.
    ebbd.until("the run to be held up", || {
        std::fs::read_to_string(format!("/proc/{pid}/wchan")).is_ok_and(|at| at.contains("pipe"))
            || std::fs::read_to_string(format!("/proc/{pid}/syscall"))
                .is_ok_and(|call| call.starts_with("1 "))
    });
    assert_eq!(ebbd.run("other")["outcome"], "success");
    assert_eq!(ebbd.status("flood")["state"], "running");
    let entries = journald.until(&ebbd, 20_000);
    let expected: Vec<String> = (0..20_000).map(|i| format!("line {i}")).collect();
    assert!(messages(&entries) == expected, "every line, in its order");
    assert_eq!(ebbd.call("Wait", json!({ "run": run })).unwrap()["result"]["outcome"], "success");
}

#[test]
fn a_run_ends_without_waiting_for_the_journal() {
    let mut journald = Journald::listen();
    let ebbd = journald.ebbd(&[("quick", &to_journal("echo the only line; sleep 1000 &", ""))]).go();
    let fillers = journald.fill();
    let line = ebbd.run("quick");
    assert_eq!((&line["outcome"], &line["leftover"]), (&json!("success"), &json!(1)), "{line}");
    assert_eq!(ebbd.status("quick")["state"], "idle");
    assert_eq!(carriers(&ebbd).len(), 1, "it has something to send yet");
    let found = ebbd.call("Logs", json!({"job": "quick"})).unwrap();
    assert_eq!(found["finished"], false, "so there is more to come");
    let entries = journald.until(&ebbd, fillers + 1);
    assert_eq!(entries[fillers].get("MESSAGE"), "the only line");
    ebbd.until("the carrier to end", || carriers(&ebbd).is_empty());
    assert_eq!(ebbd.call("Logs", json!({"job": "quick"})).unwrap()["finished"], true);
}

#[test]
fn an_end_with_a_bound_keeps_it_whatever_runs_clients_and_carriers_do() {
    let journald = Journald::listen();
    let ebbd = journald.ebbd(&[]).flag("--stop-within").flag("1s");
    let up = ebbd.path("up");
    let script = format!("trap '' TERM; echo line; touch {}; while :; do sleep 0.05; done", up.display());
    ebbd.write_job("deaf", &to_journal(&script, "grace = \"10m\"\n"));
    let mut ebbd = ebbd.go();
    journald.fill();
    let run = ebbd.demand("deaf");
    ebbd.until_started(run);
    ebbd.until("it to be up", || up.exists());
    // They ask for more than their connections hold, and read nothing of it.
    let deaf: Vec<_> = (0..4).map(|_| ask_and_never_read(&ebbd)).collect();
    let began = Instant::now();
    ebbd.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(ebbd.wait_end(), Some(0));
    let took = began.elapsed();
    let log = ebbd.log();
    assert!(log.contains("did not read their last answers"), "{log}");
    assert!(log.contains("has not taken all output yet"), "{log}");
    assert!(log.contains("run=1 job=deaf"), "{log}");
    // Some of what is measured is the machine's own pace.
    assert!(took < Duration::from_millis(1_400), "{took:?}\n{log}");
    drop(deaf);
    carriers(&ebbd).into_iter().for_each(|pid| {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    });
}

/// A client that asks until neither side takes any more.
fn ask_and_never_read(ebbd: &Ebbd) -> UnixStream {
    let mut stream = ebbd.connect().stream;
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let call = b"{\"method\":\"io.ebb.Control.Status\"}\0";
    while stream.write_all(call).is_ok() {}
    stream
}

#[test]
fn a_journal_socket_that_is_made_anew_is_found_again() {
    let mut journald = Journald::listen();
    let ebbd = journald.ebbd(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let script = format!("echo before; flock -s {} true; echo after", ebbd.path("gate").display());
    ebbd.write_job("held", &to_journal(&script, ""));
    let ebbd = ebbd.go();
    ebbd.demand("held");
    journald.until(&ebbd, 1);
    std::fs::remove_file(journald.path()).unwrap();
    journald.socket = UnixDatagram::unbound().unwrap();
    gate.open();
    ebbd.until("the run to end", || ebbd.status("held")["state"] == "idle");
    journald.socket = Journald::bind(&journald.path());
    assert_eq!(messages(&journald.until(&ebbd, 2)), ["before", "after"]);
}

#[test]
fn lines_are_sent_by_the_jobs_own_user_from_outside_of_the_run() {
    if skips_without_root("journal_output::lines_are_sent_by_the_jobs_own_user_from_outside_of_the_run") {
        return;
    }
    let mut journald = Journald::listen();
    // The run looks for its carrier, and tries what would let it get in there and so out of its limits.
    let script = "echo anew > /dev/stderr
        exec 2> /dev/null
        for p in /proc/[0-9]*; do
            tr '\\0' ' ' < $p/cmdline | grep -q -- \"--carry-output .*$EBB_RUN_KEY\" || continue
            (echo > $p/mem) && echo open
            cat $p/environ > /dev/null && echo open
            echo looked
        done";
    let more = format!("user = \"{NOBODY}\"\n[memory]\nmax = \"32M\"");
    let ebbd = journald.ebbd(&[("talk", &to_journal(script, &more))]).go();
    let line = ebbd.run("talk");
    let entries = journald.until(&ebbd, 2);
    assert_eq!(messages(&entries), ["anew", "looked"], "{line}");
    for entry in &entries {
        assert_eq!(entry.uid, NOBODY);
        assert_ne!(u32::try_from(entry.pid).unwrap(), ebbd.pid());
    }
}

#[test]
fn a_carrier_is_in_no_cgroup_of_a_run_and_goes_with_the_base() {
    let mut journald = Journald::listen();
    let ebbd = journald.ebbd(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    let script = format!("echo up; flock -s {} true", ebbd.path("gate").display());
    ebbd.write_job("held", &to_journal(&script, "[memory]\nmax = \"64M\"\n"));
    let mut ebbd = ebbd.go();
    let run = ebbd.demand("held");
    ebbd.until_started(run);
    journald.until(&ebbd, 1);
    let carrier = carriers(&ebbd)[0];
    let groups = std::fs::read_to_string(format!("/proc/{carrier}/cgroup")).unwrap();
    assert!(!groups.contains("run-"), "{groups}");
    let tracking = ebbd.call("Doctor", json!({})).unwrap()["tracking"].clone();
    assert!(tracking == "process-tree" || groups.contains("/carriers"), "{groups}");
    // It is not ended by what ends a run, but by the end of the run.
    ebbd.call("Stop", json!({ "run": run })).unwrap();
    ebbd.until("it to end", || carriers(&ebbd).is_empty());
    gate.open();
    ebbd.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(ebbd.wait_end(), Some(0));
    assert!(!ebbd.log().contains("cannot remove"), "{}", ebbd.log());
}

#[test]
fn where_there_is_no_journal_output_goes_to_a_file_and_that_is_said() {
    let journald = Journald::listen();
    let ebbd = journald.ebbd(&[("talk", &to_journal("echo kept", ""))]);
    std::fs::remove_file(journald.path()).unwrap();
    let ebbd = ebbd.go();
    let run = ebbd.run("talk")["id"].as_u64().unwrap();
    assert_eq!(ebbd.output("talk", run), "kept\n");
    assert_eq!(ebbd.ebb(&["logs", "talk"]).out, "kept\n");
    let log = ebbd.log();
    assert!(log.contains("there is no systemd journal here"), "at the load: {log}");
    assert!(log.contains("its output goes to a file"), "and at the run: {log}");
    let doctor = ebbd.ebb(&["doctor"]).out;
    assert!(doctor.contains("the output of 1 job with `to = \"journal\"` goes to files"), "{doctor}");
}

/// A journalctl that writes its arguments down and says what the script says.
fn journalctl(ebbd: &Ebbd, script: &str) -> PathBuf {
    let dir = ebbd.path("bin");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("journalctl");
    let asked = ebbd.path("asked");
    std::fs::write(&path, format!("#!/bin/sh\necho \"$@\" >> {}\n{script}\n", asked.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn ebb_with(bin: &Path, ebbd: &Ebbd, args: &[&str]) -> (i32, String, String) {
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_ebb"))
        .arg("--socket")
        .arg(ebbd.socket())
        .args(args)
        .env("PATH", path)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn the_client_shows_it_by_journalctl_with_matches_of_the_run() {
    let journald = Journald::listen();
    let ebbd = journald.ebbd(&[("talk", &to_journal("echo one; exit 3", ""))]).go();
    let run = ebbd.run("talk")["id"].as_u64().unwrap();
    let bin = journalctl(&ebbd, "printf '__CURSOR=c\\nMESSAGE=one\\n\\n'");
    assert_eq!(ebb_with(&bin, &ebbd, &["logs", "talk"]), (0, "one\n".into(), String::new()));
    let asked = std::fs::read_to_string(ebbd.path("asked")).unwrap();
    let key = format!("ebb-{:08x}", ebb::hash::fnv1a(ebbd.path("state").as_os_str().as_encoded_bytes()));
    let uid = nix::unistd::geteuid();
    let matches = format!("EBB_JOB=talk EBB_RUN_KEY={key}/{run} _UID={uid}\n");
    assert!(asked.ends_with(&matches), "{asked}");
    assert_eq!(ebb_with(&bin, &ebbd, &["logs", "talk", "--run", "99"]).0, 2, "no such run");
    // Nothing there, and nothing to look with.
    let bin = journalctl(&ebbd, "echo '-- No entries --'");
    let (code, out, err) = ebb_with(&bin, &ebbd, &["logs", "talk"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains(&format!("journalctl {}", matches.trim_end())), "{err}");
}

#[test]
fn a_run_is_followed_to_its_last_line_and_its_exit_code_is_the_runs() {
    let journald = Journald::listen();
    let ebbd = journald.ebbd(&[("talk", &to_journal("echo one; sleep 0.5; echo two; exit 3", ""))]).go();
    // A follower that has shown the first line alone when the run ends; the rest is read after its cursor.
    let script = "case \"$*\" in
        *--follow*) printf '__CURSOR=1\\nMESSAGE=one\\n\\n'; exec sleep 1000;;
        *--after-cursor=1*) printf '__CURSOR=2\\nMESSAGE=two\\n\\n';;
        *) printf '__CURSOR=1\\nMESSAGE=one\\n\\n__CURSOR=2\\nMESSAGE=two\\n\\n';;
    esac";
    let bin = journalctl(&ebbd, script);
    let (code, out, err) = ebb_with(&bin, &ebbd, &["run-now", "talk", "--follow"]);
    assert_eq!((code, out.as_str()), (3, "one\ntwo\n"), "{err}");
    wait_until("the follower to be gone", || {
        let pids = ebb::sys::proc::pids().unwrap();
        let asked = |pid: &i32| {
            ebb::sys::proc::arguments(*pid).unwrap_or_default() == ["sleep", "1000"]
                && std::fs::read_to_string(format!("/proc/{pid}/environ"))
                    .is_ok_and(|e| e.contains(bin.to_str().unwrap()))
        };
        !pids.iter().any(asked)
    });
}

//! Where a container's filter or an old kernel lacks the newer system calls, ebbd does the same by older ones.
//! The filter is installed before ebbd is executed, and answers ENOSYS, or EPERM as older container runtimes do.

use serde_json::json;

use crate::harness::{Ebbd, is_alive, number_in, skips_without_root, zombies_of};
use crate::helpers::proc::python;

/// Installs a seccomp filter (seccomp(2)) that answers the system calls of these numbers with an error, and becomes what
/// follows. Numbers from 424 on are the same on every machine.
pub(crate) const FILTER: &str = r#"
import ctypes, os, struct, sys
error, numbers = int(sys.argv[1]), [int(n) for n in sys.argv[2].split(",")]
LOAD, EQUAL, RETURN, ALLOW, ERRNO = 0x20, 0x15, 0x06, 0x7fff0000, 0x00050000
code = [(LOAD, 0, 0, 0)]
for number in numbers:
    code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | error)]
code += [(RETURN, 0, 0, ALLOW)]
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(text)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execvp(sys.argv[3], sys.argv[3:])
"#;

const CLONE3: &str = "435";
/// pidfd_send_signal, pidfd_open, clone3, close_range, openat2, faccessat2, process_madvise, epoll_pwait2.
const ALL: &str = "424,434,435,436,437,439,440,441";
const ENOSYS: &str = "38";
const EPERM: &str = "1";

fn filtered(ebbd: Ebbd, calls: &str, error: &str) -> Ebbd {
    ebbd.under(&[python(), "-c", FILTER, error, calls])
}

const COMBINATIONS: [(&str, &str); 4] = [(CLONE3, ENOSYS), (CLONE3, EPERM), (ALL, ENOSYS), (ALL, EPERM)];

#[test]
fn without_the_newer_calls_runs_start_are_stopped_and_leave_nothing() {
    let leaver = "command = [\"sh\", \"-c\", \"setsid sleep 600 & ls /proc/self/fd; echo $! > \\\"$0\\\"; exit 3\", \"PID\"]\n";
    let long = "command = [\"sh\", \"-c\", \"trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.05; done\"]\n";
    for (calls, error) in COMBINATIONS {
        let ebbd = Ebbd::prepare(&[("long", long)]);
        ebbd.write_job("leaver", &leaver.replace("PID", ebbd.path("pid").to_str().unwrap()));
        let ebbd = filtered(ebbd, calls, error).go();
        let line = ebbd.run("leaver");
        assert_eq!(
            (&line["outcome"], &line["exit_code"]),
            (&json!("exit-code"), &json!(3)),
            "{calls}: {line}"
        );
        assert_eq!(line["leftover"], 1, "{calls} {error}: {line}");
        let left = number_in(&ebbd.path("pid")).unwrap();
        assert!(!is_alive(left), "{left} outlived its run, with {calls} {error}");
        // ls itself has the directory open as the fourth.
        assert_eq!(ebbd.output("leaver", 1).lines().collect::<Vec<_>>(), ["0", "1", "2", "3"], "{calls}");
        let run = ebbd.demand("long");
        ebbd.until_started(run);
        ebbd.until("it to be up", || ebbd.output("long", run).contains("up"));
        ebbd.call("Stop", json!({ "run": run })).unwrap();
        ebbd.until("its end", || ebbd.history().len() == 2);
        assert!(ebbd.output("long", run).contains("asked"), "{calls} {error}");
        ebbd.until("no zombies", || zombies_of(ebbd.pid()).is_empty());
    }
}

#[test]
fn without_the_newer_calls_the_same_rung_holds_limits() {
    if skips_without_root("filtered::without_the_newer_calls_the_same_rung_holds_limits") {
        return;
    }
    let fat =
        "command = [\"perl\", \"-e\", \"my $x = 'x' x (200 << 20); sleep 1\"]\n[memory]\nmax = \"48M\"\n";
    let plain = Ebbd::start(&[]).call("Doctor", json!({})).unwrap();
    for (calls, error) in COMBINATIONS {
        let ebbd = filtered(Ebbd::prepare(&[("fat", fat)]), calls, error).go();
        let doctor = ebbd.call("Doctor", json!({})).unwrap();
        for what in ["enforcement", "tracking"] {
            assert_eq!(doctor[what], plain[what], "{calls} {error}: {doctor}");
        }
        let line = ebbd.run("fat");
        assert_eq!(
            (&line["outcome"], &line["enforcement"]),
            (&json!("oom-kill"), &plain["enforcement"]),
            "{line}"
        );
    }
}

#[test]
fn without_the_newer_calls_a_run_outlives_a_crash_of_ebbd_and_its_end_is_seen() {
    let long =
        "command = [\"sh\", \"-c\", \"echo up; until [ -e \\\"$0\\\" ]; do sleep 0.05; done\", \"GO\"]\n";
    for (calls, error) in [(ALL, ENOSYS), (ALL, EPERM)] {
        let ebbd = Ebbd::prepare(&[]);
        ebbd.write_job("long", &long.replace("GO", ebbd.path("go").to_str().unwrap()));
        let mut ebbd = filtered(ebbd, calls, error).go();
        let run = ebbd.demand("long");
        let main = ebbd.until_started(run);
        ebbd.crash();
        ebbd.restart();
        ebbd.until("it to be taken over", || ebbd.log().contains("taken over"));
        assert_eq!(ebbd.status("long")["state"], "running");
        assert!(is_alive(main), "{calls} {error}");
        std::fs::write(ebbd.path("go"), "").unwrap();
        ebbd.until("its end", || ebbd.history().len() == 1);
        assert_eq!(ebbd.history()[0]["outcome"], "lost", "how it ended is not to be known here");
    }
}

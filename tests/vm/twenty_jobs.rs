//! Twenty Python jobs of 200 to 900 MiB, 11 GiB in all, due in the same second on a guest of 2 GB without swap. ebb starts
//! each when there is memory for it, and all end well. What starts them at once loses some to the kernel, whatever limits it
//! sets: systemd's timers, and processes without limits as cron starts them (there is no cron in the guest).
//! Nobody sets an `oom_score_adj` for any of them, as on most servers; only the test itself is kept from being killed.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::cgroups::{ROOT, keyed, read};
use crate::harness::{JOBS, Settings, figure, run, sh, systemctl};
use crate::varlink::Caller;

const COUNT: u32 = 20;
/// What is here is gone with the test.
const PLACE: &str = "/run/vm-twenty";
const UNITS: &str = "/run/systemd/system";
/// What a Python needs besides: each limit is so much above what its program asks for.
const PYTHON_MIB: u32 = 32;
/// Of all twenty: one after the other as memory lets them, or in the way of each other, where hardly anything moves for a while.
const DEADLINE: Duration = Duration::from_secs(400);

/// Takes memory, all of which is written to by `bytearray`; holds it; and leaves a mark, for its work is done.
const EATER: &str = "import sys, time
memory = bytearray(int(sys.argv[1]) << 20)
time.sleep(4)
open(sys.argv[2], 'w').close()
";

/// No size twice, and large ones among small ones.
const fn mib(job: u32) -> u32 {
    200 + job * 7 % COUNT * 700 / (COUNT - 1)
}

/// Without its site packages a Python starts in half the time.
fn words(by: &str, job: u32) -> [String; 5] {
    let program = format!("{PLACE}/eater.py");
    ["/usr/bin/python3".into(), "-IS".into(), program, mib(job).to_string(), mark(by, job)]
}

fn mark(by: &str, job: u32) -> String {
    format!("{PLACE}/{by}-{job}")
}

fn has_ended_well(by: &str, job: u32) -> bool {
    Path::new(&mark(by, job)).exists()
}

fn ended_well(by: &str) -> u32 {
    (0..COUNT).map(|job| u32::from(has_ended_well(by, job))).sum()
}

/// What is changed for this test. Dropped, it is as it was.
struct Prepared;

impl Prepared {
    fn new() -> Self {
        let _ = std::fs::remove_dir_all(PLACE);
        std::fs::create_dir(PLACE).unwrap();
        std::fs::write(format!("{PLACE}/eater.py"), EATER).unwrap();
        std::fs::write("/proc/self/oom_score_adj", "-1000").unwrap();
        Self
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = std::fs::write("/proc/self/oom_score_adj", "0");
        let _ = sh(&format!(
            "systemctl stop 'vm-twenty-*'; systemctl reset-failed; rm -rf {PLACE} {UNITS}/vm-twenty-* {JOBS}/vm-twenty-*; \
             systemctl daemon-reload; ebb reload"
        ));
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

/// A second to come, so far ahead that all is prepared by then; since the epoch.
fn in_s(seconds: u64) -> u64 {
    since_epoch().as_secs() + seconds
}

/// Waits for it, once all is prepared.
#[track_caller]
fn wait_for(due: u64) -> Instant {
    let ahead = Duration::from_secs(due).checked_sub(since_epoch());
    std::thread::sleep(ahead.expect("all is prepared before it is due"));
    Instant::now()
}

/// Processes that the kernel has killed for memory since its start, and how often a limit of a service was the reason. (The
/// kernel's log says it as well, but soon forgets.)
fn kills() -> (u64, u64) {
    let services = Path::new(ROOT).join("system.slice");
    (keyed(Path::new("/proc"), "vmstat", "oom_kill"), keyed(&services, "memory.events", "oom"))
}

/// The most that was seen at once.
#[derive(Debug, Default)]
struct Most {
    running: u64,
    claimed: u64,
    held: u64,
    waiting: u32,
}

/// Waits until it holds, by looks that are not in the way of what is looked at.
#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Looks until all have ended; how each did.
fn watch(runs: &Path, most: &mut Most) -> Vec<Value> {
    let mut caller = Caller::connect();
    let mut ended: Vec<Option<u64>> = vec![None; COUNT as usize];
    wait_until("the runs of all jobs to end", || {
        let budget = caller.call("Budget", json!({})).unwrap();
        let share = &budget["shares"][0];
        let number = |key: &str| share[key].as_u64().unwrap_or_else(|| panic!("{key}: {budget}"));
        assert!(number("claimed_bytes") <= number("memory_bytes"), "{budget}");
        most.running = most.running.max(number("running"));
        most.claimed = most.claimed.max(number("claimed_bytes"));
        most.held = most.held.max(read(runs, "memory.current").parse().unwrap());
        let mut waiting = 0;
        for (job, end) in (0..COUNT).zip(&mut ended).filter(|(_, end)| end.is_none()) {
            let status = caller.call("Status", json!({"job": format!("vm-twenty-{job}")})).unwrap();
            *end = status["job"]["last"]["run"].as_u64();
            let waits = &status["job"]["runs"][0]["waits"];
            waiting += u32::from(waits["sentence"].as_str().is_some_and(|why| why.starts_with("needs ")));
        }
        most.waiting = most.waiting.max(waiting);
        !ended.contains(&None)
    });
    let result = |run| caller.call("Wait", json!({ "run": run })).unwrap()["result"].clone();
    ended.into_iter().map(result).collect()
}

/// Seconds until all have ended.
fn by_ebb() -> f64 {
    let runs = Path::new(ROOT).join("system.slice/ebb-runs.service");
    let oom = || (kills(), keyed(&runs, "memory.events", "oom"), keyed(&runs, "memory.events", "oom_kill"));
    let before = oom();
    let _settings = Settings::added("[budget]\nmemory = \"70%\"\n", &["ebb", "reload"]);
    let due = in_s(10);
    let slot = run(&["date", "-u", "-d", &format!("@{due}"), "+%-S %-M %-H %-d %-m *"]).ok();
    for job in 0..COUNT {
        let text = format!(
            "command = {}\nschedule = \"{}\"\ntimezone = \"UTC\"\ntimeout = \"2m\"\n[memory]\nmax = \"{}M\"\n",
            json!(words("ebb", job)),
            slot.trim(),
            mib(job) + PYTHON_MIB
        );
        std::fs::write(format!("{JOBS}/vm-twenty-{job}.toml"), text).unwrap();
    }
    Caller::connect().call("Reload", json!({})).unwrap();
    let began = wait_for(due);
    let mut most = Most::default();
    let lines = watch(&runs, &mut most);
    let took = began.elapsed().as_secs_f64();
    for line in &lines {
        assert_eq!((&line["outcome"], &line["oom_kills"]), (&json!("success"), &json!(0)), "{line}");
        assert_eq!((&line["trigger"], &line["attempt"]), (&json!("schedule"), &json!(1)), "{line}");
    }
    assert_eq!(ended_well("ebb"), COUNT);
    assert_eq!(oom(), before, "nothing was killed, and no limit was so much as reached");
    assert!(most.waiting > 0, "{most:?}");
    figure(&format!(
        "ebb gave out {} MiB of the host's memory at most, and its runs held {} MiB at most: {} ran and {} waited at once",
        most.claimed >> 20,
        most.held >> 20,
        most.running,
        most.waiting
    ));
    took
}

/// How many have ended well, and how many seconds until all had ended.
fn by_timers() -> (u32, f64) {
    let (killed, for_a_limit) = kills();
    let of_all = |words: &[&str], kind: &str| {
        let units = (0..COUNT).map(|job| format!("vm-twenty-{job}.{kind}"));
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).chain(units).collect();
        run(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok()
    };
    for job in 0..COUNT {
        let limits = format!("MemoryMax={}M\nMemorySwapMax=0", mib(job) + PYTHON_MIB);
        let service =
            format!("[Service]\nType=oneshot\nExecStart={}\n{limits}\n", words("timer", job).join(" "));
        std::fs::write(format!("{UNITS}/vm-twenty-{job}.service"), service).unwrap();
    }
    systemctl(&["daemon-reload"]);
    let due = in_s(20);
    for job in 0..COUNT {
        let timer = format!("[Timer]\nOnCalendar=@{due}\nAccuracySec=1us\n");
        std::fs::write(format!("{UNITS}/vm-twenty-{job}.timer"), timer).unwrap();
    }
    of_all(&["systemctl", "start"], "timer");
    let began = wait_for(due);
    let mut results = Vec::new();
    wait_until("the services of all timers to end", || {
        let said = of_all(&["systemctl", "show", "--value", "--property", "Result"], "service");
        results = said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        (0..COUNT).zip(&results).all(|(job, result)| has_ended_well("timer", job) || result != "success")
    });
    let took = began.elapsed().as_secs_f64();
    let well = ended_well("timer");
    let lost = results.iter().filter(|result| *result == "oom-kill").count();
    assert_eq!((well as usize + lost, results.len()), (COUNT as usize, COUNT as usize), "{results:?}");
    let after = kills();
    assert_eq!(
        after,
        (killed + u64::from(COUNT - well), for_a_limit),
        "the host's want of memory killed each"
    );
    (well, took)
}

/// The same of processes without limits: children of one parent, each by a shell, as cron has them.
fn as_by_cron() -> (u32, f64) {
    let (killed, for_a_limit) = kills();
    let (script, done) = (format!("{PLACE}/cron.sh"), format!("{PLACE}/cron-done"));
    let lines = (0..COUNT).map(|job| format!("sh -c '{}' &\n", words("cron", job).join(" ")));
    std::fs::write(&script, format!("{}wait\n: >{done}\n", lines.collect::<String>())).unwrap();
    let began = Instant::now();
    // By default systemd would end all of them as soon as one is killed.
    let service = [
        "systemd-run",
        "--quiet",
        "--no-block",
        "--collect",
        "--unit=vm-twenty-cron",
        "-p",
        "OOMPolicy=continue",
    ];
    run(&[&service[..], &["sh", &script]].concat()).ok();
    wait_until("all that was started at once to end", || Path::new(&done).exists());
    let took = began.elapsed().as_secs_f64();
    let well = ended_well("cron");
    let after = kills();
    assert_eq!(
        after,
        (killed + u64::from(COUNT - well), for_a_limit),
        "the host's want of memory killed each"
    );
    (well, took)
}

#[test]
fn ebb_brings_all_to_a_good_end_where_timers_and_cron_lose_some() {
    assert_eq!(sh("tail -n +2 /proc/swaps").ok(), "", "this guest has no swap");
    let _prepared = Prepared::new();
    let ebb_s = by_ebb();
    let (timers, timers_s) = by_timers();
    let (cron, cron_s) = as_by_cron();
    figure(&format!(
        "twenty jobs at once: ebb {COUNT} of {COUNT} in {ebb_s:.0} s; systemd timers {timers} of {COUNT} in {timers_s:.0} s; \
         as cron starts them {cron} of {COUNT} in {cron_s:.0} s"
    ));
    assert!(timers < COUNT && cron < COUNT, "{timers} and {cron} of {COUNT}");
}

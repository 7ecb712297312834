//! What is asked of an ebbd while it is killed or made to fail: every kind of trigger and of end once, in under a second.
//! Remembers what was promised; judges nothing.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::Ebbd;
use crate::talk::{Failed, Line, call};
use crate::tracer::{Plan, Trace, Traced};

/// Longest wait for one step; an ebbd that has lost something makes a test slow, not endless.
const STEP: Duration = Duration::from_secs(20);

/// Whether the slots of `tick` are held back, as far as ebbd has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Unknown,
    Paused,
    Resumed,
}

/// An ebbd, what was asked of it, and what it promised.
pub(crate) struct World {
    pub(crate) ebbd: Ebbd,
    gate: File,
    /// Demands that were accepted: run and job.
    pub(crate) accepted: Vec<(u64, &'static str)>,
    /// Runs whose end was promised.
    pub(crate) stopped: Vec<u64>,
    pub(crate) hold: Hold,
    pub(crate) has_ended: Box<dyn Fn() -> bool>,
    /// Whether the traced ebbd ever answered.
    pub(crate) was_ready: bool,
}

impl World {
    /// Everything laid out, nothing started.
    pub(crate) fn new() -> Self {
        let ebbd = Ebbd::prepare(&[]);
        let gate = File::create(ebbd.path("gate")).unwrap();
        let did = ebbd.path("did").display().to_string();
        let job = |name: &str, line: &str, more: &str| {
            // A mark that no name of a temporary directory can have in it.
            let line = format!("echo \"{name} $EBB_RUN_ID {line}", line = line.replace("@did@", &did));
            ebbd.write_job(name, &format!("command = {}\n{more}", json!(["sh", "-c", line, "sh"])));
        };
        let held = format!("\" >>@did@; exec flock -s {} true", ebbd.path("gate").display());
        job("gated", &held, "");
        job("gone", &held, "");
        let payload = "[memory]\nmax = \"64M\"\n[accept]\nargs = true\ninput = true\n";
        job("plain", "$1 $(cat)\" >>@did@", payload);
        job("flaky", "\" >>@did@; exit 1", "retry = { attempts = 1, delay = \"50ms\" }\n");
        job("repl", "\" >>@did@; exec sleep 1000", "overlap = \"replace\"\n");
        job("slow", "\" >>@did@; exec sleep 1000", "timeout = \"200ms\"\n");
        job("long", "\" >>@did@; exec sleep 1000", "retry = { attempts = 1, delay = \"10ms\" }\n");
        job("tick", "$EBB_SCHEDULED_FOR\" >>@did@", "schedule = \"* * * * * *\"\n");
        Self {
            ebbd,
            gate,
            accepted: Vec::new(),
            stopped: Vec::new(),
            hold: Hold::Unknown,
            has_ended: Box::new(|| false),
            was_ready: false,
        }
    }

    /// Plays the whole scenario on a traced ebbd, until its end or ebbd's, and `then` something more where it lives; what
    /// was traced. None where nothing can be.
    pub(crate) fn play_traced(&mut self, plan: Plan, then: impl FnOnce(&mut Self)) -> Option<Trace> {
        self.gate.lock().unwrap();
        let traced = Traced::start(self.ebbd.command(), plan)?;
        let pid = traced.pid;
        self.has_ended = Box::new(move || !crate::harness::is_alive(pid.as_raw()));
        self.was_ready = self.until_ready();
        if self.was_ready && self.play().is_ok() {
            then(self);
            traced.signal(Signal::SIGTERM);
        }
        // What lives on although it does not answer is a fault, and not to be waited for.
        let deadline = Instant::now() + STEP;
        while !traced.has_ended() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        traced.signal(Signal::SIGKILL);
        Some(traced.end())
    }

    fn until_ready(&self) -> bool {
        let deadline = Instant::now() + STEP;
        loop {
            match call(&self.ebbd.socket(), "Status", &json!({"job": "plain"})) {
                Ok(_) => return true,
                // Its file could not be read, which the log says; who has read that does this.
                Err(Failed::Refused(_)) => drop(call(&self.ebbd.socket(), "Reload", &json!({}))),
                Err(Failed::Gone) => {}
            }
            if (self.has_ended)() || Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Every kind of trigger and of end. Goes on after what is refused, and stops when nobody is there.
    fn play(&mut self) -> Result<(), Failed> {
        if self.tell("Pause", json!({"job": "tick"}))?.is_some() {
            self.hold = Hold::Paused;
        }
        let running = self.demand("gated")?;
        self.until_started(running)?;
        for _ in 0..2 {
            self.demand("gated")?;
        }
        self.demand_with_payload()?;
        self.demand("flaky")?;
        let replaced = self.demand("repl")?;
        self.until_started(replaced)?;
        self.demand("repl")?;
        self.demand("slow")?;
        let long = self.demand("long")?;
        self.until_started(long)?;
        if let Some(run) = long
            && self.tell("Stop", json!({ "run": run }))?.is_some()
        {
            self.stopped.push(run);
        } else {
            // Its number is not known, or it is a retry that runs by now.
            self.tell("Stop", json!({"job": "long"}))?;
        }
        self.demand("gone")?;
        self.demand("gone")?;
        let _ = std::fs::remove_file(self.ebbd.path("jobs/gone.toml"));
        self.tell("Reload", json!({}))?;
        self.gate.unlock().unwrap();
        // All but the one that sleeps.
        self.wait(|world| world.open_runs().len() <= 1)?;
        self.hold = Hold::Unknown;
        if self.tell("Resume", json!({"job": "tick"}))?.is_some() {
            self.hold = Hold::Resumed;
        }
        self.demand("plain").map(drop)
    }

    /// A call; none where ebbd says no.
    fn tell(&self, method: &str, parameters: Value) -> Result<Option<Value>, Failed> {
        match call(&self.ebbd.socket(), method, &parameters) {
            Ok(reply) => Ok(Some(reply)),
            Err(Failed::Refused(_)) => Ok(None),
            // The connection may have been what failed.
            Err(Failed::Gone) if (self.has_ended)() => Err(Failed::Gone),
            Err(Failed::Gone) => Ok(None),
        }
    }

    fn demand(&mut self, job: &'static str) -> Result<Option<u64>, Failed> {
        let reply = self.tell("RunNow", json!({ "job": job }))?;
        Ok(self.note(job, reply))
    }

    fn note(&mut self, job: &'static str, reply: Option<Value>) -> Option<u64> {
        let run = reply?["run"].as_u64()?;
        self.accepted.push((run, job));
        Some(run)
    }

    fn demand_with_payload(&mut self) -> Result<(), Failed> {
        let Ok(mut line) = Line::to(&self.ebbd.socket()) else { return Ok(()) };
        // `payload`
        if line.call("Input", &json!({"data": "cGF5bG9hZA=="})).is_err() {
            return Ok(());
        }
        let reply = line.call("RunNow", &json!({"job": "plain", "args": ["with"]}));
        self.note("plain", reply.ok());
        Ok(())
    }

    /// Waits until the journal says that a run has started, or has ended without.
    fn until_started(&self, run: Option<u64>) -> Result<(), Failed> {
        let Some(run) = run else { return Ok(()) };
        let is_it = |r: &Value| {
            ["started", "finished"].contains(&r["event"].as_str().unwrap_or("")) && r["id"] == run
        };
        self.wait(|world| world.journal().iter().any(is_it))
    }

    fn wait(&self, condition: impl Fn(&Self) -> bool) -> Result<(), Failed> {
        let (deadline, mut looked_at, mut next) = (Instant::now() + STEP, None, Instant::now());
        loop {
            // To read a journal is much, so where nothing was written it is only done now and then.
            let size = std::fs::metadata(self.ebbd.path("state/journal.jsonl")).ok().map(|facts| facts.len());
            if looked_at != Some(size) || Instant::now() > next {
                (looked_at, next) = (Some(size), Instant::now() + Duration::from_millis(50));
                if condition(self) {
                    return Ok(());
                }
                if (self.has_ended)() || Instant::now() > deadline {
                    return Err(Failed::Gone);
                }
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// A restart, and everything that is still open comes to its end. `inspect` looks before anything is asked.
    pub(crate) fn recover(&mut self, inspect: impl FnOnce(&Self)) {
        self.ebbd.spawn();
        self.ebbd.wait_ready();
        self.has_ended = Box::new(|| false);
        inspect(self);
        self.finish();
        self.ebbd.signal(Signal::SIGTERM);
        assert_eq!(self.ebbd.wait_end(), Some(0), "{}", self.ebbd.log());
    }

    /// Brings everything that is open to its end.
    pub(crate) fn finish(&self) {
        let socket = self.ebbd.socket();
        self.gate.unlock().unwrap();
        // Two rounds: what a removed file left behind, or a retry, may come up between the two.
        let tell = |method: &str, job: &str| {
            // A connection may be what failed.
            let reply = call(&socket, method, &json!({ "job": job }))
                .or_else(|_| call(&socket, method, &json!({ "job": job })));
            assert!(reply.is_ok(), "{method} of {job}: {reply:?}\n{}", self.ebbd.log());
        };
        for _ in 0..2 {
            tell("Pause", "tick");
            tell("Stop", "repl");
            tell("Stop", "long");
            let open = self.wait(|world| world.open_runs().is_empty());
            assert!(open.is_ok(), "runs that do not end: {:?}\n{}", self.open_runs(), self.ebbd.log());
        }
    }

    /// The segments of the journal, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.ebbd.path("state")).into_iter().flatten().flatten();
        let is_segment = |name: &str| name.starts_with("journal-") && name.ends_with(".jsonl");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_some_and(|name| is_segment(&name.to_string_lossy())))
            .collect();
        paths.sort();
        paths.push(self.ebbd.path("state/journal.jsonl"));
        paths
    }

    /// The records of all segments, as far as they are whole. The head of a segment repeats what the one before it says.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let texts = self.segments().into_iter().map(|path| std::fs::read_to_string(path).unwrap_or_default());
        let text: String = texts.collect();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Runs that are queued and have not ended.
    pub(crate) fn open_runs(&self) -> Vec<u64> {
        let records = self.journal();
        let ids = |event: &str| -> std::collections::BTreeSet<u64> {
            records.iter().filter(|r| r["event"] == event).filter_map(|r| r["id"].as_u64()).collect()
        };
        ids("queued").difference(&ids("finished")).copied().collect()
    }

    /// What the jobs themselves wrote: job, run, and the rest of the line.
    pub(crate) fn did(&self) -> Vec<(String, u64, String)> {
        let text = std::fs::read_to_string(self.ebbd.path("did")).unwrap_or_default();
        let read = |line: &str| {
            let (job, rest) = line.split_once(' ')?;
            let (run, rest) = rest.split_once(' ')?;
            Some((job.to_owned(), run.parse().ok()?, rest.trim().to_owned()))
        };
        text.lines().map(|line| read(line).unwrap_or_else(|| panic!("a torn line: {line:?}"))).collect()
    }

    /// The name that all runs of this ebbd bear in the variable `EBB_RUN_KEY`, and its control groups.
    pub(crate) fn mark(&self) -> String {
        format!("ebb-{:08x}", ebb::hash::fnv1a(self.ebbd.path("state").as_os_str().as_encoded_bytes()))
    }

    /// Processes of its runs that are alive.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mark = format!("EBB_RUN_KEY={}/", self.mark());
        let pids = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|one| one.starts_with(mark.as_bytes()))
                && crate::harness::is_alive(*pid)
        })
        .collect()
    }
}

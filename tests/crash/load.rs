//! ebbd dies at random moments while many clients ask for runs, again and again on the same state. What was acknowledged is
//! done, and done once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::Ebbd;
use crate::pool::{self, run_all};
use crate::talk::Line;

const CLIENTS: usize = 20;
/// Crashes of one ebbd's state, one after the other.
const ROUNDS: usize = 25;

/// The jobs, by what a second demand means. Each writes its run's number and its argument.
const JOBS: [(&str, &str); 3] = [
    ("queue", "queue-limit = 1000\n"),
    ("skip", "queue-limit = 1000\n"),
    ("parallel", "max-parallel = 4\nqueue-limit = 1000\n"),
];

/// A state directory and the moments at which its ebbd dies.
struct Series(u64);

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "load-{}", self.0)
    }
}

/// What clients were promised: run, job, argument.
type Promises = Vec<(u64, &'static str, String)>;

/// Asks until nobody answers any more, every demand with an argument of its own.
fn ask(socket: &std::path::Path, client: usize, round: usize, is_over: &AtomicBool) -> Promises {
    let mut promised = Promises::new();
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        let Ok(mut line) = Line::to(socket) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        loop {
            let (job, argument) = (JOBS[number % JOBS.len()].0, format!("{round}-{client}-{number}"));
            number += 1;
            match line.call("RunNow", &json!({"job": job, "args": [argument]})) {
                Ok(reply) => promised.push((reply["run"].as_u64().unwrap(), job, argument)),
                Err(crate::talk::Failed::Refused(_)) => std::thread::sleep(Duration::from_millis(5)),
                Err(crate::talk::Failed::Gone) => break,
            }
            // A program takes a hundred times as long as a demand.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    promised
}

fn series(of: &Series) -> bool {
    let mut random = fastrand::Rng::with_seed(of.0);
    let ebbd = Ebbd::prepare(&[]);
    for (name, more) in JOBS {
        let line = format!("echo {name} $EBB_RUN_ID $1 >>{}", ebbd.path("did").display());
        let command = json!(["sh", "-c", line, "sh"]);
        ebbd.write_job(
            name,
            &format!("command = {command}\noverlap = \"{name}\"\n{more}[accept]\nargs = true\n"),
        );
    }
    let mut ebbd = ebbd.go();
    let mut promised = Promises::new();
    for round in 0..ROUNDS {
        let (socket, is_over) = (ebbd.socket(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    scope.spawn({
                        let (socket, is_over) = (&socket, &is_over);
                        move || ask(socket, client, round, is_over)
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_micros(random.u64(1_000..60_000)));
            ebbd.crash();
            is_over.store(true, Ordering::Relaxed);
            promised.extend(asking.into_iter().flat_map(|thread| thread.join().unwrap()));
        });
        ebbd.restart();
    }
    judge(&mut ebbd, &promised);
    true
}

fn judge(ebbd: &mut Ebbd, promised: &Promises) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let ended = |ebbd: &Ebbd| {
        let mut ends: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for record in ebbd.journal() {
            let id = record["id"].as_u64().unwrap_or(0);
            match record["event"].as_str().unwrap() {
                "queued" => drop(ends.entry(id).or_default()),
                "finished" => {
                    ends.entry(id).or_default().push(record["outcome"].as_str().unwrap().to_owned());
                }
                _ => {}
            }
        }
        ends
    };
    let mut ends = ended(ebbd);
    while ends.values().any(Vec::is_empty) {
        assert!(Instant::now() < deadline, "runs that do not end:\n{}", ebbd.log());
        std::thread::sleep(Duration::from_millis(20));
        ends = ended(ebbd);
    }
    let text = std::fs::read_to_string(ebbd.path("did")).unwrap_or_default();
    let mut did: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        did.entry(words[1].parse().unwrap()).or_default().push(words[2]);
    }
    for (run, job, argument) in promised {
        let end = ends
            .get(run)
            .unwrap_or_else(|| panic!("run {run} of {job} was accepted and is not in the journal"));
        assert!(["success", "lost"].contains(&&*end[0]), "run {run} of {job} ended as {end:?}");
        // No two demands are equal, so none is merged.
        let wrote = did.get(run).map_or(&[][..], Vec::as_slice);
        assert!(
            wrote == [argument] || (end[0] == "lost" && wrote.is_empty()),
            "run {run} for {argument} wrote {wrote:?}\n{}",
            story(ebbd, *run)
        );
    }
    for (run, end) in &ends {
        assert_eq!(end.len(), 1, "run {run} ended {end:?}");
    }
    for (run, wrote) in &did {
        assert_eq!(wrote.len(), 1, "run {run} ran for {wrote:?}");
        assert!(ends.contains_key(run), "run {run} ran and nobody asked for it");
    }
}

/// What the journal and the log say of a run.
fn story(ebbd: &Ebbd, run: u64) -> String {
    let records = ebbd.journal().into_iter().filter(|r| r["id"] == run || r["event"] == "opened");
    let lines: Vec<String> = records.map(|record| record.to_string()).collect();
    let log = ebbd.log();
    let named = log.lines().filter(|line| line.contains(&format!("run={run} ")) || line.contains(" ready: "));
    format!("{}\n{}", lines.join("\n"), named.collect::<Vec<_>>().join("\n"))
}

#[test]
fn nothing_is_lost_and_nothing_runs_twice_however_often_ebbd_dies_under_load() {
    let _alone = pool::ALONE.lock();
    let all: Vec<Series> = (1..=20 * pool::factor() as u64).map(Series).collect();
    let begun = run_all("series of crashes under load", &all, series);
    pool::count(&format!("{} crash points under load (seeds 1 to {})", begun * ROUNDS, all.len()));
}

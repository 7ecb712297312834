//! `ebb status`: the table, the detail, and what a first user reads.

use serde_json::json;

use crate::cli::ended::tests::line;
use crate::cli::screen::{Look, Screen};
use crate::cli::testing::Fake;
use crate::cli::times::tests::noon;
use crate::cli::{status, status_detail};
use crate::journal::HistoryLine;
use crate::protocol::{JobStatus, LastRun, LearnedStatus, MemoryStatus, Refusal, RunStatus, Waits};
use crate::words::{ClaimSource, Outcome, Trigger};

pub(super) fn job(name: &str, state: &str) -> JobStatus {
    JobStatus {
        timeout_ms: None,
        memory: MemoryStatus::default(),
        job: name.to_owned(),
        description: String::new(),
        enabled: true,
        paused: false,
        state: state.to_owned(),
        schedule: Vec::new(),
        timezone: None,
        every_ms: None,
        next: None,
        last: None,
        runs: Vec::new(),
        stale: None,
        unheld: Vec::new(),
    }
}

fn running(run: u64, state: &str, started_at: Option<&str>) -> RunStatus {
    RunStatus {
        claim_bytes: None,
        waits: None,
        run,
        trigger: Trigger::Schedule,
        attempt: 1,
        state: state.to_owned(),
        queued_at: "2026-01-31T10:50:00Z".to_owned(),
        started_at: started_at.map(str::to_owned),
        peak_anon_bytes: started_at.map(|_| 812 << 20),
        lacks: None,
    }
}

/// Three jobs, of which the first is in every state that there is something to say about.
fn jobs() -> Vec<JobStatus> {
    let last = |outcome, finished_at: &str| LastRun { run: 41, outcome, finished_at: finished_at.to_owned() };
    let indexer = JobStatus {
        description: "Rebuilds the search index".to_owned(),
        schedule: vec!["30 2 * * *".to_owned()],
        every_ms: Some(14_400_000),
        next: Some("2026-02-01T01:30:00.000Z".to_owned()),
        last: Some(last(Outcome::ExitCode, "2026-01-31T09:00:00.000Z")),
        runs: vec![running(42, "running", Some("2026-01-31T10:56:55Z")), running(43, "waiting", None)],
        stale: Some("its file has changed since it was loaded; `ebb reload`".to_owned()),
        ..job("indexer", "running")
    };
    let backup =
        JobStatus { last: Some(last(Outcome::Success, "2026-01-28T11:00:00Z")), ..job("backup", "idle") };
    vec![indexer, backup, JobStatus { paused: true, ..job("mail", "paused") }]
}

#[test]
fn the_table_has_a_line_a_job_and_what_needs_a_look_below_it() {
    let expected = "\
JOB      STATE    NEXT                 LAST               RUNNING                         DESCRIPTION
indexer  running  in 15 h (Sun 02:30)  exit-code 2 h ago  42: 3 min 5 s, 812M +1 waiting  Rebuilds the search index
    its file has changed since it was loaded; `ebb reload`
backup   idle     -                    success 3 d ago    -
mail     paused   -                    -                  -
";
    assert_eq!(status::overview(&jobs(), &noon(), Look::PLAIN), expected);
}

#[test]
fn one_job_is_shown_with_all_that_is_known_of_it() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
    let failure = HistoryLine { id: Some(41), exit_code: Some(3), ..line(Outcome::ExitCode) };
    status_detail::print(&jobs()[0], Some(&failure), &noon(), &mut screen).unwrap();
    let expected = "\
indexer: Rebuilds the search index
  state       running
  schedule    30 2 * * * | every 4 h
  next        2026-02-01 02:30:00 (in 15 h)
  last        run 41: exit-code, 2026-01-31 10:00:00 (2 h ago)
              exit-code 3 after 31.0 s
              `ebb logs indexer --run 41` shows what it wrote
  run 42      running for 3 min 5 s, since 2026-01-31 11:56:55, schedule, peak-anon 812M
  run 43      waiting for 10 min, since 2026-01-31 11:50:00, schedule
  file        its file has changed since it was loaded; `ebb reload`
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut out = Vec::new();
    let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
    status_detail::print(&jobs()[2], None, &noon(), &mut screen).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("`ebb resume mail`") && text.contains("it runs on demand"), "{text}");
}

#[test]
fn what_was_learned_is_told_with_where_it_comes_from_and_a_run_that_waits_says_why() {
    let waits = Waits {
        since: "2026-01-31T10:50:00Z".to_owned(),
        resource: "budget".to_owned(),
        needs: Some(512 << 20),
        free: Some(100 << 20),
        behind: None,
        likely_at: Some("2026-01-31T11:05:00Z".to_owned()),
        sentence: "needs 512M and the budget has 100M left".to_owned(),
    };
    let learned = LearnedStatus {
        runs: 14,
        cut: 0,
        peak_bytes: 343 << 20,
        peak_deviation_bytes: 12 << 20,
        highest_bytes: 361 << 20,
        duration_ms: 31_000,
        duration_deviation_ms: 2_000,
        longest_ms: 40_000,
    };
    let memory = MemoryStatus {
        max_bytes: Some(768 << 20),
        claim_bytes: Some(397 << 20),
        claim_source: Some(ClaimSource::Learned),
        priority: -2,
        pool: Some("batch".to_owned()),
        learned: Some(learned),
    };
    let runs = vec![RunStatus { waits: Some(waits), ..running(43, "waiting", None) }];
    let mut job = JobStatus { memory, runs, ..job("indexer", "waiting") };
    let told = |job: &JobStatus| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
        status_detail::print(job, None, &noon(), &mut screen).unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = told(&job);
    let (_, below) = text.split_once("  run 43").unwrap();
    let expected = "      waiting for 10 min, since 2026-01-31 11:50:00, schedule
              needs 512M and the budget has 100M left; likely in 5 min (12:05)
  memory      peak-anon 343M ± 12M, highest 361M, from 14 runs that succeeded
  takes       31.0 s ± 2.0 s, longest 40.0 s
  limit       768M
  claim       397M, learned from its runs
  priority    -2
  pool        batch
";
    assert_eq!(below, expected);
    let table = status::overview(std::slice::from_ref(&job), &noon(), Look::PLAIN);
    assert!(table.contains("1 waiting\n    run 43: needs 512M and the budget has 100M left\n"), "{table}");
    job.memory.learned = Some(LearnedStatus { cut: 2, highest_bytes: 768 << 20, ..learned });
    let expected = "memory      at least 768M: the limit has cut the latest 2 runs short; before that peak-anon 343M ± 12M, from";
    assert!(told(&job).contains(expected), "{}", told(&job));
    job.memory.learned = Some(LearnedStatus { highest_bytes: 5 << 20, ..LearnedStatus::default() });
    assert!(told(&job).contains("memory      at least 5M: no run has succeeded yet\n"), "{}", told(&job));
}

/// Tells the jobs one a reply, and the problems with the last.
fn telling(problems: &'static [&'static str]) -> Fake {
    Fake::serve(move |call, peer| {
        assert!(call.more);
        for job in jobs() {
            peer.say_more(&json!({ "job": job }));
        }
        peer.say(&json!({ "problems": problems }));
    })
}

#[test]
fn json_is_an_array_of_the_jobs_as_the_wire_has_them() {
    let printed = telling(&[]).ebb(&["status", "--json"]);
    assert_eq!(printed.code, 0);
    let told: Vec<JobStatus> = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(told, jobs());
}

#[test]
fn problems_of_job_files_are_shown_besides() {
    let fake = telling(&["/etc/ebb/jobs.d/x.toml:1:1: unknown key\n  1 | comand\n    | ^^^^^^"]);
    for line in [&["status"][..], &["status", "--json"]] {
        let printed = fake.ebb(line);
        assert_eq!(printed.code, 0);
        assert!(
            printed.err.starts_with("/etc/ebb/jobs.d/x.toml:1:1: unknown key\n  1 | comand\n"),
            "{}",
            printed.err
        );
    }
}

#[test]
fn one_job_is_asked_for_without_more_and_is_an_array_as_well() {
    let fake = Fake::serve(|call, peer| {
        assert!(!call.more && call.parameters == json!({ "job": "mail" }));
        peer.say(&json!({ "job": job("mail", "idle") }));
    });
    assert!(fake.ebb(&["status", "mail"]).out.starts_with("mail\n  state       idle\n"));
    let told: Vec<JobStatus> = serde_json::from_str(&fake.ebb(&["status", "mail", "--json"]).out).unwrap();
    assert_eq!(told, [job("mail", "idle")]);
}

#[test]
fn the_record_of_a_last_run_that_failed_is_asked_for_and_may_be_gone() {
    let last = LastRun { run: 42, outcome: Outcome::OomKill, finished_at: "2026-01-31T09:00:00.000Z".into() };
    let status = json!({ "job": JobStatus { last: Some(last), ..job("indexer", "idle") } });
    for is_known in [true, false] {
        let status = status.clone();
        let fake = Fake::serve(move |call, peer| match call.method.as_str() {
            "io.ebb.Control.Status" => peer.say(&status),
            _ if is_known => peer.say(&json!({ "run": 42, "result": line(Outcome::OomKill) })),
            _ => peer.refuse(&Refusal::NoSuchRun(42)),
        });
        let printed = fake.ebb(&["status", "indexer"]);
        assert_eq!((printed.code, printed.err.as_str()), (0, ""));
        assert!(printed.out.contains("last        run 42: oom-kill"), "{}", printed.out);
        assert_eq!(printed.out.contains("killed it for its memory limit"), is_known, "{}", printed.out);
    }
}

#[test]
fn who_misspells_a_job_is_told_the_nearest_by_every_verb_that_takes_one() {
    let fake = Fake::serve(|call, peer| match call.parameters["job"].as_str() {
        Some(asked) => peer.refuse(&Refusal::NoSuchJob(asked.to_owned())),
        None => peer.say(&json!({ "job": job("backup", "idle") })),
    });
    for verb in ["run-now", "status", "next", "logs", "stop", "pause", "resume"] {
        let printed = fake.ebb(&[verb, "bakcup"]);
        assert_eq!(printed.code, 2, "{verb}");
        assert_eq!(printed.err, "ebb: no job is named `bakcup`; the nearest is `backup`\n", "{verb}");
        let printed = fake.ebb(&[verb, "mail"]);
        assert!(printed.err.contains("`ebb status` lists those that you may see"), "{verb}: {}", printed.err);
    }
}

#[test]
fn where_there_is_no_job_a_first_one_is_explained() {
    let fake = Fake::serve(|call, peer| match call.method.as_str() {
        "io.ebb.Control.Status" => peer.say(&json!({})),
        _ => peer.refuse(&Refusal::NotAllowed("no".to_owned())),
    });
    let printed = fake.ebb(&["status"]);
    assert_eq!(printed.code, 0);
    assert!(printed.out.contains("command = [\"echo\", \"hello\"]") && printed.out.contains("hello.toml"));
    assert_eq!(fake.ebb(&["status", "--json"]).out, "[]\n");
}

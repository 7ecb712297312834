//! `ebb status`: the table, the detail, and what a first user reads.

use serde_json::json;

use crate::cli::screen::{Look, Screen};
use crate::cli::testing::Fake;
use crate::cli::times::tests::noon;
use crate::cli::{status, status_detail};
use crate::protocol::{JobStatus, LastRun, Refusal, RunStatus};
use crate::words::{Outcome, Trigger};

fn job(name: &str, state: &str) -> JobStatus {
    JobStatus {
        timeout_ms: None,
        memory: crate::protocol::MemoryStatus::default(),
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
    status_detail::print(&jobs()[0], &noon(), &mut screen).unwrap();
    let expected = "\
indexer: Rebuilds the search index
  state       running
  schedule    30 2 * * * | every 4 h
  next        2026-02-01 02:30:00 (in 15 h)
  last        run 41: exit-code, 2026-01-31 10:00:00 (2 h ago)
  run 42      running for 3 min 5 s, since 2026-01-31 11:56:55, schedule, peak-anon 812M
  run 43      waiting for 10 min, since 2026-01-31 11:50:00, schedule
  file        its file has changed since it was loaded; `ebb reload`
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut out = Vec::new();
    let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
    status_detail::print(&jobs()[2], &noon(), &mut screen).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("`ebb resume mail`") && text.contains("it runs on demand"), "{text}");
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

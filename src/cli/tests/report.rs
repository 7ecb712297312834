//! `ebb report`: what is asked of ebbd, the table at 80 columns, the sentences, and a page that nothing can get out of.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cli::ended::tests::line;
use crate::cli::report::{page::page, table};
use crate::cli::screen::Look;
use crate::cli::testing::{Fake, Peer};
use crate::cli::tests::status::job;
use crate::cli::times::tests::noon;
use crate::clock::Wall;
use crate::journal::HistoryLine;
use crate::learn::Curve;
use crate::protocol::{Call, Refusal, RunStatus};
use crate::report::{Against, Begin, Facts, Gather, Told};
use crate::words::{BaselineSource, OomCause, Outcome, SkipReason, Trigger};

const MIB: u64 = 1 << 20;
const HOUR: i64 = 3_600_000;
const EVIL: &str = "</title><script>alert('\"&')</script><img src=x onerror=alert(1)>\u{202e}";

/// The instant of `noon`.
const NOON: i64 = 1_769_857_200_000;

/// A run that ended well so long before noon.
fn run(id: u64, name: &str, hours_ago: i64, minutes: i64, mib: u64) -> HistoryLine {
    let (from, to) = (NOON - hours_ago * HOUR, NOON - hours_ago * HOUR + minutes * 60_000);
    HistoryLine {
        id: Some(id),
        job: name.to_owned(),
        trigger: Trigger::Schedule,
        at: Wall(to),
        queued_at: Some(Wall(from)),
        started_at: Some(Wall(from)),
        finished_at: Some(Wall(to)),
        duration_ms: u64::try_from(to - from).ok(),
        peak_anon_bytes: Some(mib * MIB),
        memory_max_bytes: Some(512 * MIB),
        ..line(Outcome::Success)
    }
}

fn skipped(name: &str) -> HistoryLine {
    HistoryLine {
        id: None,
        job: name.to_owned(),
        reason: Some(SkipReason::Running),
        at: Wall(NOON - HOUR),
        queued_at: None,
        started_at: None,
        finished_at: None,
        duration_ms: None,
        ..line(Outcome::Skipped)
    }
}

fn killed(id: u64, name: &str) -> HistoryLine {
    HistoryLine {
        outcome: Outcome::OomKill,
        oom_kills: Some(1),
        oom_cause: Some(OomCause::Limit),
        detail: Some(EVIL.to_owned()),
        curve: Some(Box::new(Curve { ms: 6_000, points: "-0Uzz".to_owned() })),
        queued_at: Some(Wall(NOON - 3 * HOUR - 90_000)),
        ..run(id, name, 3, 1, 500)
    }
}

/// Two jobs that were daemons for a day, and one of which nothing is known.
fn told() -> Told {
    let against = |mib: u64| Against {
        resident_bytes: mib * MIB,
        peak_bytes: None,
        since: Some(Wall(0)),
        source: BaselineSource::Audit,
        service: None,
    };
    let befores = [("indexer", 449), ("newsletter", 210), ("idle", 50)];
    let against: BTreeMap<String, Against> =
        befores.iter().map(|(name, mib)| ((*name).to_owned(), against(*mib))).collect();
    let mut gather = Gather::new(Begin { now: Wall(NOON), since: None, against });
    let lines = [
        run(6, "indexer", 1, 12, 343),
        skipped("indexer"),
        killed(5, "newsletter"),
        run(4, "indexer", 5, 12, 340),
        run(3, "poll", 6, 1, 20),
        run(2, "newsletter", 20, 6, 120),
        run(1, "indexer", 24, 10, 300),
    ];
    lines.iter().for_each(|line| {
        let _ = gather.add(line);
    });
    gather.finish(&Facts {
        host: Some("web-1".to_owned()),
        ebbd_bytes: Some(3 * MIB),
        total_bytes: Some(8 << 30),
        jobs: BTreeMap::from([("indexer".to_owned(), (EVIL.to_owned(), Some(512 * MIB)))]),
    })
}

#[test]
fn the_table_fits_80_columns_and_says_what_was_saved() {
    let text = table::overview(&told(), &noon(), Look { width: Some(80), ..Look::PLAIN });
    let expected = "\
2026-01-30 12:00:00 to now, 1 d
2 jobs that were daemons used 278 MB-hours instead of 14,976: 98.1 % less.

JOB                  RUNS  RESIDENT  MB-H BEFORE  MB-H NOW   SAVED  PEAK
indexer                 3      449M       10,776       187  10,589  343M
    1 skipped (running)
newsletter              2      210M        4,200      19.1   4,181  500M
    1 killed for memory, 1 waited, at most 1 min 30 s
poll                    1         -            -      0.33       -   20M
idle                    0       50M            -         0       -     -
(ebbd)                  -         -            -      72.0       -    3M
all with a baseline     5      659M       14,976       278  14,698  500M
";
    for line in text.lines().filter(|line| !line.contains("killed for memory, ")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!(&text[..expected.len().min(text.len())], expected, "{text}");
    for sentence in [
        "1 run waited for a place or for memory, 1 min 30 s in all",
        "1 trigger became no run: 1 running.",
        "1 run was killed for memory: 1 at their own limit.",
        "idle has a baseline and has not run: nothing is counted as saved.",
        "poll has no baseline. If it was a daemon",
        "Of 5 runs only the peak is known",
    ] {
        assert!(text.replace('\n', " ").contains(sentence), "{sentence}: {text}");
    }
}

#[test]
fn the_page_needs_nothing_and_nothing_gets_out_of_its_text() {
    let page = page(&told(), &noon());
    for part in
        ["http:", "https:", "<script", "<img", "@import", "url(", "<link", "onerror=alert(1)>", "\u{202e}"]
    {
        assert!(!page.contains(part), "{part}");
    }
    assert_eq!(page.matches("</title>").count(), page.matches("<title").count());
    assert!(page.contains("&lt;script&gt;alert(&#39;&quot;&amp;&#39;)"), "it is there as text");
    assert!(page.contains("98.1 %") && page.contains("ebb report · web-1"));
    for id in ["before", "over-time", "jobs", "curves", "largest", "slowest", "events", "grounds"] {
        assert_eq!(page.matches(&format!("<section id=\"{id}\"")).count(), 1, "{id}");
    }
    let (open, close) = (page.matches("<svg").count(), page.matches("</svg>").count());
    assert_eq!(open, close);
}

#[test]
fn a_page_without_runs_and_one_without_a_baseline_say_so() {
    let begin = || Begin { now: Wall(NOON), since: None, against: BTreeMap::new() };
    let empty = page(&Gather::new(begin()).finish(&Facts::default()), &noon());
    assert!(
        empty.contains("Nothing has run yet") && !empty.contains("id=\"before\"") && !empty.contains("NaN")
    );
    let mut gather = Gather::new(begin());
    let _ = gather.add(&run(1, "a", 1, 10, 5));
    let without = page(&gather.finish(&Facts::default()), &noon());
    assert!(without.contains("What the jobs used") && !without.contains("id=\"before\""), "{without}");
    assert!(without.contains("<code>ebb report --before a=SIZE</code>"), "{without}");
}

/// An ebbd with one run that lives and a history; `is_guest`: a caller who may not ask how it stands.
fn ebbd(is_guest: bool) -> Fake {
    Fake::serve(move |call: Call, peer: &mut Peer| {
        match call.method.rsplit('.').next().unwrap() {
        "Doctor" | "Budget" if is_guest => peer.refuse(&Refusal::NotAllowed("not yours".to_owned())),
        "Doctor" => peer.say(&json!({
            "version": "0", "pid": 1, "uid": 0, "enforcement": "none", "tracking": "none", "reasons": [], "jobs": "/none",
            "state": "/none", "job_count": 1, "problems": [],
        })),
        "Budget" => peer.refuse(&Refusal::NotAllowed("not yours".to_owned())),
        "Status" => {
            let mut indexer = job("indexer", "running");
            indexer.runs = vec![RunStatus {
                run: 9,
                trigger: Trigger::Manual,
                attempt: 1,
                state: "running".to_owned(),
                queued_at: "2026-01-31T10:00:00Z".to_owned(),
                started_at: Some("2026-01-31T10:00:00Z".to_owned()),
                peak_anon_bytes: Some(MIB),
                lacks: None,
                claim_bytes: None,
                waits: None,
            }];
            peer.say(&json!({ "job": indexer }));
        }
        "History" => {
            for id in (1..9).rev() {
                peer.say_more(&json!({ "result": run(id, "indexer", 100 - i64::try_from(id).unwrap(), 1, id) }));
            }
            // Far older than what anybody asks for here.
            for _ in 0..1_000 {
                peer.say_more(&json!({ "result": run(0, "indexer", 90_000, 1, 1) }));
            }
            peer.say(&json!({}));
        }
        other => panic!("{other}"),
    }
    })
}

#[test]
fn a_guest_gets_a_report_of_what_he_may_see() {
    for is_guest in [false, true] {
        let said = ebbd(is_guest).ebb(&["report", "--json", "--since", "2026-01-01"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((&told["used"]["runs"], &told["used"]["alive"]), (&json!(8), &json!(1)), "{told}");
        assert_eq!(told["journal_is_whole"], true, "it was read until before what is asked for");
        assert_eq!(told["host"]["total_bytes"], json!(null));
    }
}

#[test]
fn a_page_goes_to_standard_output_where_that_is_named() {
    let said = ebbd(false).ebb(&["report", "--html", "-", "--before", "indexer=1M"]);
    assert!(said.code == 0 && said.out.starts_with("<!doctype html>") && said.out.ends_with("</html>\n"));
    let unknown = ebbd(false).ebb(&["report", "--before", "indexes=1M"]);
    assert!(unknown.code == 2 && unknown.err.contains("did you mean `indexer`?"), "{}", unknown.err);
}

#[test]
fn a_history_that_breaks_off_is_no_report() {
    let fake = Fake::serve(|call: Call, peer: &mut Peer| match call.method.rsplit('.').next().unwrap() {
        "History" => {
            peer.say_more(&json!({ "result": run(2, "a", 2, 1, 1) }));
            peer.close();
        }
        "Status" => peer.say(&json!({})),
        _ => peer.refuse(&Refusal::NotAllowed("not yours".to_owned())),
    });
    let said = fake.ebb(&["report"]);
    assert!(said.code == 69 && said.out.is_empty() && said.err.contains("broke off"), "{}", said.err);
}

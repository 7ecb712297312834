//! `ebb run-now`: what it asks for, what it prints, and the exit code of a run that is waited for.

use std::io::Write as _;

use serde_json::json;

use crate::cli::ended::tests::line;
use crate::cli::testing::{Fake, Unread, ebb_to};
use crate::journal::HistoryLine;
use crate::protocol::Refusal;
use crate::words::Outcome;

/// Accepts every demand as run 42 and has it end so.
fn ending(end: HistoryLine) -> Fake {
    Fake::serve(move |call, peer| {
        assert!(call.more && call.parameters["wait"] == json!(true));
        peer.say_more(&json!({ "run": 42 }));
        peer.say(&json!({ "run": 42, "result": end }));
    })
}

#[test]
fn a_demand_carries_what_the_command_line_says() {
    let fake = Fake::serve(|_, peer| peer.say(&json!({ "run": 42, "merged": false })));
    let printed = fake.ebb(&["run-now", "indexer", "--env", "A=1", "--env", "B=x=y", "--", "--full", "-v"]);
    assert_eq!((printed.code, printed.out.as_str()), (0, "run 42 of indexer accepted\n"));
    let calls = fake.calls();
    assert_eq!(calls[0].method, "io.ebb.Control.RunNow");
    assert!(!calls[0].more);
    let parameters =
        json!({ "job": "indexer", "args": ["--full", "-v"], "environment": { "A": "1", "B": "x=y" } });
    assert_eq!(calls[0].parameters, parameters);
}

#[test]
fn a_demand_that_was_merged_says_which_run_it_joins() {
    let fake = Fake::serve(|_, peer| peer.say(&json!({ "run": 42, "merged": true })));
    let printed = fake.ebb(&["run-now", "indexer"]);
    assert_eq!(printed.out, "run 42 of indexer waits already and will do for this demand as well\n");
    let printed = fake.ebb(&["run-now", "indexer", "--json"]);
    assert_eq!(printed.out, "{\"run\":42,\"merged\":true}\n");
}

#[test]
fn the_payload_goes_first_on_the_same_connection() {
    let fake = Fake::serve(|call, peer| match call.method.as_str() {
        "io.ebb.Control.Input" => peer.say(&json!({ "bytes": 5 })),
        _ => peer.say(&json!({ "run": 42 })),
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"hello").unwrap();
    let printed = fake.ebb(&["run-now", "indexer", "--input", file.path().to_str().unwrap()]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    let methods: Vec<_> = fake.calls().iter().map(|c| c.method.clone()).collect();
    assert_eq!(methods, ["io.ebb.Control.Input", "io.ebb.Control.RunNow"]);
    assert_eq!(fake.calls()[0].parameters["data"], json!("aGVsbG8="));
}

#[test]
fn waiting_gives_the_runs_own_exit_code() {
    let success = HistoryLine { exit_code: Some(0), ..line(Outcome::Success) };
    let printed = ending(success).ebb(&["run-now", "indexer", "--wait"]);
    let out = "run 42 of indexer accepted\nrun 42 of indexer: success after 31.0 s\n";
    assert_eq!((printed.code, printed.out.as_str(), printed.err.as_str()), (0, out, ""));

    let failure = HistoryLine { exit_code: Some(3), ..line(Outcome::ExitCode) };
    let printed = ending(failure).ebb(&["run-now", "indexer", "--wait"]);
    assert_eq!(printed.code, 3);
    assert_eq!(printed.err, "run 42 of indexer: exit-code 3 after 31.0 s\n");

    let printed = ending(line(Outcome::OomKill)).ebb(&["run-now", "indexer", "--wait"]);
    assert_eq!(printed.code, 137);
    assert!(printed.err.contains("oom-kill") && printed.err.contains("memory limit"), "{}", printed.err);

    let skipped = HistoryLine { detail: Some("the job was removed".to_owned()), ..line(Outcome::Skipped) };
    let printed = ending(skipped).ebb(&["run-now", "indexer", "--wait"]);
    assert_eq!(printed.code, 1);
    assert!(printed.err.contains("the job was removed"), "{}", printed.err);
}

#[test]
fn waiting_for_json_prints_one_object_with_the_result() {
    let failure = HistoryLine { exit_code: Some(3), ..line(Outcome::ExitCode) };
    let printed = ending(failure).ebb(&["run-now", "indexer", "--wait", "--json"]);
    assert_eq!(printed.code, 3);
    let object: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!((&object["run"], &object["merged"]), (&json!(42), &json!(false)));
    assert_eq!(
        (&object["result"]["outcome"], &object["result"]["exit_code"]),
        (&json!("exit-code"), &json!(3))
    );
}

#[test]
fn an_end_that_comes_with_the_first_reply_is_taken() {
    let fake = Fake::serve(|_, peer| {
        peer.say(
            &json!({ "run": 42, "result": HistoryLine { exit_code: Some(5), ..line(Outcome::ExitCode) } }),
        );
    });
    assert_eq!(fake.ebb(&["run-now", "indexer", "--wait"]).code, 5);
}

/// Accepts run 42; its output can be opened from the `opened`th time on, and it ends once that has happened.
fn followed(opened: usize) -> Fake {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let (mut tries, mut waiting) = (0, None);
    Fake::serve(move |call, peer| match call.method.as_str() {
        "io.ebb.Control.RunNow" => {
            peer.say_more(&json!({ "run": 42 }));
            waiting = Some(peer.another());
        }
        "io.ebb.Control.Logs" => {
            assert_eq!(call.parameters, json!({ "job": "indexer", "run": 42 }));
            tries += 1;
            if tries < opened {
                return peer.refuse(&Refusal::NoSuchRun(42));
            }
            file.write_all(b"first\n").unwrap();
            peer.say_with_file(&json!({ "run": 42, "finished": false }), &file.reopen().unwrap());
            file.write_all(b"last\n").unwrap();
            let end = HistoryLine { exit_code: Some(4), ..line(Outcome::ExitCode) };
            waiting.take().unwrap().say(&json!({ "run": 42, "result": end }));
        }
        other => panic!("{other} was not expected"),
    })
}

#[test]
fn following_copies_the_output_and_ends_as_the_run_does() {
    for opened in [1, 3] {
        let printed = followed(opened).ebb(&["run-now", "indexer", "--follow"]);
        assert_eq!((printed.code, printed.out.as_str()), (4, "first\nlast\n"));
        let err = "run 42 of indexer accepted\nrun 42 of indexer: exit-code 4 after 31.0 s\n";
        assert_eq!(printed.err, err);
    }
}

#[test]
fn a_run_without_an_output_to_follow_is_still_waited_for() {
    let mut waiting = None;
    let fake = Fake::serve(move |call, peer| {
        if call.method.ends_with("RunNow") {
            peer.say_more(&json!({ "run": 42 }));
            waiting = Some(peer.another());
        } else {
            peer.refuse(&Refusal::NotAllowed("ann may not see `indexer`".to_owned()));
            let end = HistoryLine { exit_code: Some(0), ..line(Outcome::Success) };
            waiting.take().unwrap().say(&json!({ "result": end }));
        }
    });
    let printed = fake.ebb(&["run-now", "indexer", "--follow"]);
    assert_eq!((printed.code, printed.out.as_str()), (0, ""));
    assert!(printed.err.contains("can't be followed: ann may not see"), "{}", printed.err);
}

#[test]
fn an_end_is_learnt_although_ebbd_was_restarted_meanwhile() {
    let fake = Fake::serve(|call, peer| match call.method.as_str() {
        "io.ebb.Control.RunNow" => {
            peer.say_more(&json!({ "run": 42 }));
            peer.close();
        }
        _ => {
            assert_eq!(
                (call.method.as_str(), &call.parameters),
                ("io.ebb.Control.Wait", &json!({ "run": 42 }))
            );
            peer.say(&json!({ "result": line(Outcome::Timeout) }));
        }
    });
    let printed = fake.ebb(&["run-now", "indexer", "--wait"]);
    assert_eq!(printed.code, 124);
    assert!(printed.err.contains("waiting up to 60 s for ebbd to come back"), "{}", printed.err);
}

#[test]
fn who_no_longer_reads_the_output_of_a_run_does_not_learn_that_it_succeeded() {
    let fake = followed(1);
    let printed = ebb_to(&mut Unread, &["run-now", "indexer", "--follow"], &fake.target());
    assert_eq!((printed.code, printed.err.as_str()), (141, "run 42 of indexer accepted\n"));
}

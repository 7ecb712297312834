//! A demand that was acknowledged is on disk and ends in a run, with what it brought along and nothing more.

use serde_json::json;

use crate::harness::Ebbd;

/// Runs until the test lets it go.
fn gate(ebbd: &Ebbd) -> String {
    let go = ebbd.path("go");
    format!("command = [\"sh\", \"-c\", \"while [ ! -e '{}' ]; do sleep 0.02; done\"]\n", go.display())
}

#[test]
fn demands_made_during_a_run_mean_exactly_one_more_run_after_it() {
    let ebbd = Ebbd::prepare(&[]);
    ebbd.write_job("gate", &gate(&ebbd));
    let ebbd = ebbd.go();
    let first = ebbd.demand("gate");
    let more: Vec<_> = (0..5).map(|_| ebbd.call("RunNow", json!({"job": "gate"})).unwrap()).collect();
    assert!(more.iter().all(|reply| reply["run"] == first + 1), "{more:?}");
    let merged: Vec<_> = more.iter().map(|reply| reply["merged"].as_bool().unwrap()).collect();
    assert_eq!(merged, [false, true, true, true, true]);
    std::fs::write(ebbd.path("go"), "").unwrap();
    ebbd.until("both runs to end", || ebbd.history().len() == 2);
    assert_eq!(ebbd.status("gate")["runs"], json!([]));
    assert!(ebbd.history().iter().all(|line| line["outcome"] == "success"));
}

#[test]
fn an_acknowledged_demand_is_in_the_journal_already() {
    let ebbd = Ebbd::prepare(&[]);
    ebbd.write_job("gate", &gate(&ebbd));
    let ebbd = ebbd.go();
    for _ in 0..2 {
        let run = ebbd.demand("gate");
        let queued = ebbd.journal().into_iter().find(|r| r["event"] == "queued" && r["id"] == run);
        assert!(queued.is_some(), "run {run} was acknowledged and is not on disk");
    }
}

#[test]
fn what_the_job_does_not_accept_is_refused_and_what_it_accepts_arrives() {
    let plain = "command = [\"cat\"]\n";
    let open = "command = [\"sh\", \"-c\", \"echo args: $* >&2; echo mode: $MODE; cat\", \"sh\"]\n\
                [accept]\nargs = true\nenvironment = [\"MODE\"]\ninput = true\n";
    let ebbd = Ebbd::start(&[("plain", plain), ("open", open)]);
    for parameters in
        [json!({"job": "plain", "args": ["x"]}), json!({"job": "plain", "environment": {"MODE": "x"}})]
    {
        assert_eq!(ebbd.call("RunNow", parameters), Err("NotAccepted".to_owned()));
    }
    assert_eq!(
        ebbd.call("RunNow", json!({"job": "open", "environment": {"PATH": "/"}})),
        Err("NotAccepted".to_owned())
    );
    let mut caller = ebbd.connect();
    caller.call("Input", json!({"data": "aGVsbG8g"})).unwrap();
    assert_eq!(caller.call("Input", json!({"data": "d29ybGQ="})).unwrap()["bytes"], 11);
    assert_eq!(
        caller.call("RunNow", json!({"job": "plain"})),
        Err("NotAccepted".to_owned()),
        "input is refused too"
    );
    caller.call("Input", json!({"data": "aGVsbG8gd29ybGQ="})).unwrap();
    let demand = json!({"job": "open", "args": ["a", "b c"], "environment": {"MODE": "fast"}, "wait": true});
    let line = caller.call("RunNow", demand).unwrap()["result"].clone();
    assert_eq!(line["outcome"], "success", "{line}");
    let output = ebbd.output("open", line["id"].as_u64().unwrap());
    assert_eq!(output, "args: a b c\nmode: fast\nhello world");
    assert_eq!(std::fs::read_dir(ebbd.path("state/input")).unwrap().count(), 0, "payloads are removed");
}

#[test]
fn a_client_that_goes_away_does_not_stop_its_run() {
    let ebbd = Ebbd::prepare(&[]);
    ebbd.write_job("gate", &gate(&ebbd));
    let ebbd = ebbd.go();
    let mut caller = ebbd.connect();
    caller.send("RunNow", &json!({"job": "gate", "wait": true}), true);
    let run = caller.receive().unwrap()["parameters"]["run"].as_u64().unwrap();
    drop(caller);
    ebbd.until("the run to be under way", || ebbd.status("gate")["state"] == "running");
    std::fs::write(ebbd.path("go"), "").unwrap();
    let reply = ebbd.call("Wait", json!({ "run": run })).unwrap();
    assert_eq!(reply["result"]["outcome"], "success", "{reply}");
}

#[test]
fn a_retry_gets_the_payload_again_and_it_is_gone_after_the_last() {
    let job = "command = [\"sh\", \"-c\", \"cat; exit 1\"]\nretry = { attempts = 1, delay = \"100ms\" }\n[accept]\ninput = true\n";
    let ebbd = Ebbd::start(&[("again", job)]);
    let mut caller = ebbd.connect();
    caller.call("Input", json!({"data": "cGF5bG9hZA=="})).unwrap();
    caller.call("RunNow", json!({"job": "again", "wait": true})).unwrap();
    ebbd.until("the retry to end", || ebbd.history().len() == 2);
    let retry = ebbd.history().remove(1);
    assert_eq!(
        (&retry["trigger"], &retry["attempt"], &retry["retry_of"]),
        (&json!("retry"), &json!(2), &json!(1))
    );
    assert_eq!(ebbd.output("again", 2), "payload");
    ebbd.until("the payload to be removed", || {
        std::fs::read_dir(ebbd.path("state/input")).unwrap().count() == 0
    });
}

#[test]
fn waiting_tells_how_it_ended_whenever_it_is_asked() {
    let ebbd = Ebbd::start(&[("seven", "command = [\"sh\", \"-c\", \"exit 7\"]\n")]);
    let line = ebbd.run("seven");
    assert_eq!((&line["outcome"], &line["exit_code"]), (&json!("exit-code"), &json!(7)));
    let again = ebbd.call("Wait", json!({"run": line["id"]})).unwrap();
    assert_eq!(again["result"], line);
    assert_eq!(ebbd.call("Wait", json!({"run": 999})), Err("NoSuchRun".to_owned()));
}

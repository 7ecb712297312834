//! Calls are answered in their order, each by its own name, and as many clients as there is room for are served at once.

use std::io::Write;
use std::net::Shutdown;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ebb::limits;
use serde_json::{Value, json};

use crate::harness::Ebbd;
use crate::helpers::gate::Gate;

const TRUE: &str = "command = [\"true\"]\n";

#[test]
fn calls_written_at_once_are_answered_in_their_order() {
    let ebbd = Ebbd::start(&[("a", TRUE), ("b", TRUE)]);
    let mut bytes = Vec::new();
    let rounds = 300;
    for _ in 0..rounds {
        for call in [
            json!({"method": "io.ebb.Control.Status", "parameters": {"job": "a"}}),
            json!({"method": "io.ebb.Control.Nonsense"}),
            json!({"method": "io.ebb.Control.Status", "parameters": {"job": "b"}}),
            json!({"method": "io.ebb.Control.Status", "parameters": {"job": "none"}}),
        ] {
            bytes.extend(call.to_string().into_bytes());
            bytes.push(0);
        }
    }
    let mut caller = ebbd.connect();
    let mut writer = caller.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
    for round in 0..rounds {
        let answers: Vec<Value> = (0..4).map(|_| caller.receive().expect("an answer")).collect();
        assert_eq!(answers[0]["parameters"]["job"]["job"], "a", "round {round}");
        assert_eq!(answers[1]["error"], "org.varlink.service.MethodNotFound", "round {round}");
        assert_eq!(answers[2]["parameters"]["job"]["job"], "b", "round {round}");
        assert_eq!(answers[3]["error"], "io.ebb.Control.NoSuchJob", "round {round}");
    }
    writing.join().unwrap();
}

#[test]
fn who_has_said_all_and_closed_its_side_still_gets_its_answers() {
    let ebbd = Ebbd::start(&[("slow", "command = [\"sleep\", \"0.3\"]\n")]);
    let mut caller = ebbd.connect();
    caller.send("RunNow", &json!({"job": "slow", "wait": true}), false);
    caller.send("Status", &json!({"job": "slow"}), false);
    caller.stream.shutdown(Shutdown::Write).unwrap();
    let result = caller.receive().expect("the end of the run");
    assert_eq!(result["parameters"]["result"]["outcome"], "success", "{result}");
    assert_eq!(caller.receive().expect("the status")["parameters"]["job"]["job"], "slow");
    assert_eq!(caller.receive(), None);
}

#[test]
fn a_oneway_call_is_carried_out_and_never_answered() {
    let ebbd = Ebbd::start(&[("a", TRUE)]);
    ebbd.run("a");
    let mut caller = ebbd.connect();
    let calls = [
        json!({"method": "io.ebb.Control.RunNow", "parameters": {"job": "a"}}),
        json!({"method": "io.ebb.Control.RunNow", "parameters": {"job": "none"}}),
        json!({"method": "io.ebb.Control.RunNow", "parameters": {"job": 7}}),
        json!({"method": "io.ebb.Control.Nonsense"}),
        json!({"method": "io.ebb.Control.Status", "more": true}),
        json!({"method": "io.ebb.Control.Status", "parameters": {"job": "a"}}),
        json!({"method": "io.ebb.Control.History", "more": true}),
        json!({"method": "io.ebb.Control.Logs", "parameters": {"job": "a"}}),
        json!({"method": "io.ebb.Control.Input", "parameters": {"data": "eA=="}}),
        json!({"method": "io.ebb.Control.Input", "parameters": {"data": "!"}}),
        json!({"method": "io.ebb.Control.Wait", "parameters": {"run": 1}}),
    ];
    for mut call in calls {
        call["oneway"] = json!(true);
        caller.send_frame(&call);
        let reply = caller.call("Next", json!({"job": "a"})).unwrap_or_else(|e| panic!("{call}: {e}"));
        assert!(reply["timezone"].is_string(), "{call} was answered: {reply}");
    }
    ebbd.until("the oneway demand to have run", || ebbd.history().len() == 2);
}

#[test]
fn calls_that_make_no_sense_are_refused_by_name_and_the_connection_goes_on() {
    let ebbd = Ebbd::start(&[("a", TRUE)]);
    let mut caller = ebbd.connect();
    let many: Vec<&str> = vec!["x"; limits::ARGS_MAX + 1];
    let names: serde_json::Map<String, Value> =
        (0..=limits::ENV_MAX).map(|n| (format!("N{n}"), json!("x"))).collect();
    let table = [
        ("Dance", json!({}), "MethodNotFound"),
        ("", json!({}), "MethodNotFound"),
        ("runnow", json!({"job": "a"}), "MethodNotFound"),
        ("RunNow", json!({}), "InvalidParameter"),
        ("RunNow", json!([]), "InvalidParameter"),
        ("RunNow", json!("a"), "InvalidParameter"),
        ("RunNow", json!({"job": ["a"]}), "InvalidParameter"),
        ("RunNow", json!({"job": "a", "args": "x"}), "InvalidParameter"),
        ("RunNow", json!({"job": "a", "args": [1]}), "InvalidParameter"),
        ("RunNow", json!({"job": "a", "args": many}), "InvalidParameter"),
        ("RunNow", json!({"job": "a", "environment": {"A": 1}}), "InvalidParameter"),
        ("RunNow", json!({"job": "a", "environment": names}), "InvalidParameter"),
        ("RunNow", json!({"job": "a", "wait": "yes"}), "InvalidParameter"),
        ("RunNow", json!({"job": "../../etc/passwd"}), "NoSuchJob"),
        ("RunNow", json!({"job": ""}), "NoSuchJob"),
        ("Wait", json!({"run": -1}), "InvalidParameter"),
        ("Wait", json!({"run": 1.5}), "InvalidParameter"),
        ("Wait", json!({"run": 18_446_744_073_709_551_615_u64}), "NoSuchRun"),
        ("Wait", json!({"run": "1"}), "InvalidParameter"),
        ("Stop", json!({}), "InvalidParameter"),
        ("Stop", json!({"job": "a", "run": 1}), "InvalidParameter"),
        ("Stop", json!({"run": 77}), "NoSuchRun"),
        ("Stop", json!({"job": "none"}), "NoSuchJob"),
        ("Logs", json!({"job": "a", "run": 5}), "NoSuchRun"),
        ("Logs", json!({"job": "..", "run": 5}), "NoSuchJob"),
        ("Status", json!({}), "ExpectedMore"),
        ("History", json!({}), "ExpectedMore"),
        ("History", json!({"outcome": "fine"}), "InvalidParameter"),
        ("Input", json!({"data": "not base64"}), "InvalidParameter"),
        ("Input", json!({"data": null}), "InvalidParameter"),
    ];
    for (method, parameters, error) in table {
        let refused = caller.call(method, parameters.clone());
        assert_eq!(refused, Err(error.to_owned()), "{method} {parameters}");
    }
    caller.send_frame(&json!({"method": "org.varlink.service.Dance"}));
    assert_eq!(caller.receive().unwrap()["error"], "org.varlink.service.MethodNotFound");
    caller.send_frame(&json!({"method": "com.example.Other.Doctor"}));
    assert_eq!(caller.receive().unwrap()["error"], "org.varlink.service.InterfaceNotFound");
    caller.call("Doctor", json!({})).unwrap();
    assert_eq!(ebbd.history(), [0; 0], "nothing of it became a run");
}

#[test]
fn a_payload_of_just_the_bound_arrives_and_one_byte_more_is_refused_as_a_whole() {
    let ebbd = Ebbd::start(&[("count", "command = [\"wc\", \"-c\"]\n[accept]\ninput = true\n")]);
    let part = BASE64.encode(vec![0; 32 * 1024]);
    let most = usize::try_from(limits::INPUT_MAX).unwrap();
    let mut caller = ebbd.connect();
    for number in 1..=most / (32 * 1024) {
        let taken = caller.call("Input", json!({ "data": part })).unwrap()["bytes"].clone();
        assert_eq!(taken, number * 32 * 1024);
    }
    let line = caller.call("RunNow", json!({"job": "count", "wait": true})).unwrap()["result"].clone();
    assert_eq!(ebbd.output("count", line["id"].as_u64().unwrap()).trim(), most.to_string());
    for _ in 0..most / (32 * 1024) {
        caller.call("Input", json!({ "data": part })).unwrap();
    }
    let (name, message) = caller.refusal("Input", json!({"data": "eA=="}));
    assert_eq!(name, "InvalidParameter");
    assert!(message.contains(&most.to_string()), "{message}");
    let line = caller.call("RunNow", json!({"job": "count", "wait": true})).unwrap()["result"].clone();
    assert_eq!(ebbd.output("count", line["id"].as_u64().unwrap()).trim(), "0", "half a payload is none");
    assert_eq!(std::fs::read_dir(ebbd.path("state/input")).unwrap().count(), 0);
}

#[test]
fn demands_of_many_clients_at_once_are_a_run_each_and_each_client_hears_of_its_own() {
    let job = "command = [\"sh\", \"-c\", \"exit $1\", \"sh\"]\noverlap = \"queue\"\nqueue-limit = 1000\n\
               [accept]\nargs = true\n";
    let ebbd = Ebbd::start(&[("job", job)]);
    let mut runs: Vec<u64> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..30)
            .map(|client| {
                let ebbd = &ebbd;
                scope.spawn(move || {
                    let mut caller = ebbd.connect();
                    let demand = json!({"job": "job", "args": [client.to_string()], "wait": true});
                    let lines =
                        (0..4).map(|_| caller.call("RunNow", demand.clone()).unwrap()["result"].clone());
                    let lines: Vec<Value> = lines.collect();
                    assert!(lines.iter().all(|line| line["exit_code"] == client), "{client}: {lines:?}");
                    lines.iter().map(|line| line["id"].as_u64().unwrap()).collect::<Vec<u64>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    runs.sort_unstable();
    assert_eq!(runs, (1..=120).collect::<Vec<u64>>());
}

#[test]
fn all_who_wait_for_one_run_are_told() {
    let ebbd = Ebbd::prepare(&[]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("held", &gate.command(&["sh", "-c", "exit 7"]));
    let ebbd = ebbd.go();
    let run = ebbd.demand("held");
    let mut waiting: Vec<_> = (0..10).map(|_| ebbd.connect()).collect();
    for caller in &mut waiting {
        caller.send("Wait", &json!({ "run": run }), false);
        caller.send("Status", &json!({"job": "held"}), false);
    }
    ebbd.until_started(run);
    gate.open();
    for caller in &mut waiting {
        assert_eq!(caller.receive().unwrap()["parameters"]["result"]["exit_code"], 7);
        assert_eq!(caller.receive().unwrap()["parameters"]["job"]["job"], "held", "and are served on");
    }
}

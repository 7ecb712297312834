//! Any Varlink client is a client of ebbd: the PyPI package, and one of bare frames.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Ebbd, skip};
use crate::helpers::proc::python;

/// A Python that has the `varlink` package, as `tests/run.sh` makes one.
fn python_with_varlink() -> Option<PathBuf> {
    let made = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".work/varlink/bin/python");
    let has_it = |python: &PathBuf| {
        let tried = Command::new(python).args(["-c", "import varlink"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    [made, python().into()].into_iter().find(has_it)
}

/// What a Python program prints.
fn said(python: &std::path::Path, program: &str, ebbd: &Ebbd) -> String {
    let output = Command::new(python).args(["-c", program]).arg(ebbd.socket()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_varlink_package_is_a_client() {
    let Some(python) = python_with_varlink() else {
        let why = "there is no Python with the package `varlink`; tests/run.sh installs one";
        return skip("varlink::the_varlink_package_is_a_client", why);
    };
    let ebbd = Ebbd::start(&[
        ("hello", "command = [\"echo\", \"hello\"]\n"),
        (
            "ticking",
            "command = [\"true\"]\nschedule = [\"* * * * * *\", \"0 3 * * *\"]\ntimezone = \"UTC\"\n",
        ),
    ]);
    ebbd.until("a slot to have run", || ebbd.history().iter().any(|line| line["trigger"] == "schedule"));
    // One that was skipped is a line of the history too.
    ebbd.write_job("held", "command = [\"sleep\", \"1000\"]\nschedule = \"* * * * * *\"\n");
    ebbd.call("Reload", json!({})).unwrap();
    ebbd.until("a slot to be skipped", || ebbd.history().iter().any(|line| line["outcome"] == "skipped"));
    let seen = said(&python, include_str!("varlink_client.py"), &ebbd);
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["interfaces"], json!(["org.varlink.service", "io.ebb.Control"]));
    assert_eq!(seen["info"]["product"], "ebbd");
    assert!(seen["methods"].as_array().unwrap().contains(&json!("RunNow")), "{}", seen["methods"]);
    for result in [&seen["run"]["result"], &seen["both"][1]["result"], &seen["waited"]["result"]] {
        assert_eq!(result["outcome"], "success", "{result}");
    }
    assert_eq!(seen["both"][0]["run"], seen["both"][1]["run"], "accepted, then ended");
    assert_eq!(seen["next"]["timezone"], "UTC");
    assert_eq!(
        seen["status"].as_array().unwrap().len(),
        4,
        "each job, then the problems: {}",
        seen["status"]
    );
    assert_eq!(seen["error"][0], "io.ebb.Control.NoSuchJob");
    assert!(seen["error"][1]["message"].as_str().unwrap().contains("none"), "{}", seen["error"]);
    let history = seen["history"].as_array().unwrap();
    assert!(history.iter().any(|line| line["result"]["outcome"] == "skipped"), "{history:?}");
    assert_eq!(seen["after oneway"], "hello");
}

#[test]
fn the_interface_says_of_itself_what_is_there() {
    let ebbd = Ebbd::start(&[]);
    let mut caller = ebbd.connect();
    caller.send_frame(&json!({"method": "org.varlink.service.GetInfo", "parameters": {}}));
    let interfaces = caller.receive().unwrap()["parameters"]["interfaces"].clone();
    for interface in interfaces.as_array().unwrap() {
        caller.send_frame(&json!({
            "method": "org.varlink.service.GetInterfaceDescription",
            "parameters": {"interface": interface},
        }));
        let text = caller.receive().unwrap()["parameters"]["description"].as_str().unwrap().to_owned();
        assert!(text.contains(&format!("interface {}", interface.as_str().unwrap())), "{text}");
        // Each method that it names is one that is known.
        for method in text.lines().filter_map(|line| line.strip_prefix("method ")?.split('(').next()) {
            caller.send_frame(&json!({"method": format!("{}.{method}", interface.as_str().unwrap()),
                "parameters": {"job": "none", "run": 0, "interface": "x", "data": ""}}));
            let reply = caller.receive().unwrap();
            assert_ne!(reply["error"], "org.varlink.service.MethodNotFound", "{method}");
        }
    }
    caller.send_frame(&json!({
        "method": "org.varlink.service.GetInterfaceDescription",
        "parameters": {"interface": "com.example.None"},
    }));
    assert_eq!(caller.receive().unwrap()["error"], "org.varlink.service.InterfaceNotFound");
}

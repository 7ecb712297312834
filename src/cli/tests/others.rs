//! The verbs that say one thing: stop, pause, resume, reload.

use serde_json::json;

use crate::cli::testing::Fake;

#[test]
fn stop_names_the_runs_that_end() {
    let table = [
        (&["stop", "indexer"][..], json!([42]), "run 42 of indexer is being stopped\n"),
        (&["stop", "indexer"], json!([42, 43]), "runs 42, 43 of indexer are being stopped\n"),
        (&["stop", "indexer"], json!([]), "no run of indexer waits or is under way\n"),
        (&["stop", "--run", "42"], json!([42]), "run 42 is being stopped\n"),
        (&["stop", "indexer", "--json"], json!([42]), "{\"runs\":[42]}\n"),
    ];
    for (line, runs, out) in table {
        let fake = Fake::serve(move |_, peer| peer.say(&json!({ "runs": runs })));
        let printed = fake.ebb(line);
        assert_eq!((printed.code, printed.out.as_str()), (0, out));
        let asked = if line[1] == "--run" { json!({ "run": 42 }) } else { json!({ "job": "indexer" }) };
        assert_eq!(fake.calls()[0].parameters, asked);
    }
}

#[test]
fn pause_and_resume_say_what_counts_from_now_on() {
    // Varlink lets a reply without parameters leave them out.
    let fake = Fake::serve(|_, peer| peer.raw(b"{}\0"));
    assert!(fake.ebb(&["pause", "indexer"]).out.starts_with("indexer is paused: "));
    assert!(fake.ebb(&["resume", "indexer"]).out.starts_with("indexer starts by itself again"));
    assert_eq!(fake.ebb(&["pause", "indexer", "--json"]).out, "{\"job\":\"indexer\",\"paused\":true}\n");
    assert_eq!(fake.ebb(&["resume", "indexer", "--json"]).out, "{\"job\":\"indexer\",\"paused\":false}\n");
    let methods: Vec<_> = fake.calls().into_iter().map(|c| c.method).collect();
    assert_eq!(methods[..2], ["io.ebb.Control.Pause", "io.ebb.Control.Resume"]);
}

#[test]
fn reload_says_what_has_changed() {
    let report = json!({ "jobs": 3, "added": ["a", "b"], "changed": ["c"], "removed": [], "problems": [] });
    let printed = Fake::serve(move |_, peer| peer.say(&report)).ebb(&["reload"]);
    assert_eq!((printed.code, printed.out.as_str()), (0, "3 jobs in force; added: a b; changed: c\n"));
    let report = json!({ "jobs": 1, "added": [], "changed": [], "removed": [], "problems": [] });
    let printed = Fake::serve(move |_, peer| peer.say(&report)).ebb(&["reload"]);
    assert_eq!(printed.out, "1 job in force; nothing has changed\n");
}

#[test]
fn reload_shows_every_problem_and_exits_78() {
    let report =
        json!({ "jobs": 3, "added": [], "changed": [], "removed": [], "problems": ["a.toml:1:1: x", "b"] });
    let fake = Fake::serve(move |_, peer| peer.say(&report));
    let printed = fake.ebb(&["reload"]);
    assert_eq!(printed.code, 78);
    assert_eq!(printed.err, "a.toml:1:1: x\n\nb\n\n");
    assert!(printed.out.contains("2 problems"), "{}", printed.out);
    let printed = fake.ebb(&["reload", "--json"]);
    assert_eq!(printed.code, 78);
    assert!(printed.out.starts_with("{\"jobs\":3,"), "{}", printed.out);
}

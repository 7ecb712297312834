//! `ebb logs`: the bytes of the file that ebbd hands over, and nothing else, on standard output.

use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use serde_json::json;

use crate::cli::ended::tests::line;
use crate::cli::testing::Fake;
use crate::words::Outcome;

#[test]
fn the_output_is_copied_as_it_is() {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(b"a\nb", 0).unwrap();
    let fake = Fake::serve(move |_, peer| peer.say_with_file(&json!({ "run": 42, "finished": true }), &file));
    for line in [&["logs", "indexer"][..], &["logs", "indexer", "-f"], &["logs", "indexer", "--run", "42"]] {
        let printed = fake.ebb(line);
        assert_eq!((printed.code, printed.out.as_str(), printed.err.as_str()), (0, "a\nb", ""), "{line:?}");
    }
    let asked: Vec<_> = fake.calls().iter().map(|c| c.parameters["run"].clone()).collect();
    assert_eq!(asked, [json!(null), json!(null), json!(42)]);
}

#[test]
fn an_output_that_has_lost_its_front_says_so_beside_it() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 20).unwrap();
    file.write_all_at(b"newest\n", 1 << 20).unwrap();
    let fake = Fake::serve(move |_, peer| peer.say_with_file(&json!({ "run": 42, "finished": true }), &file));
    let printed = fake.ebb(&["logs", "indexer"]);
    assert!(printed.out.ends_with("newest\n"));
    assert!(printed.err.contains("older output was dropped"), "{}", printed.err);
}

#[test]
fn following_goes_on_until_the_run_has_ended() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let fake = Fake::serve(move |call, peer| {
        if call.method.ends_with("Logs") {
            file.write_all(b"first\n").unwrap();
            peer.say_with_file(&json!({ "run": 42, "finished": false }), &file.reopen().unwrap());
        } else {
            assert_eq!(
                (call.method.as_str(), &call.parameters),
                ("io.ebb.Control.Wait", &json!({ "run": 42 }))
            );
            file.write_all(b"last\n").unwrap();
            peer.say(&json!({ "result": line(Outcome::ExitCode) }));
        }
    });
    let printed = fake.ebb(&["logs", "indexer", "-f"]);
    assert_eq!((printed.code, printed.out.as_str()), (0, "first\nlast\n"));
}

#[test]
fn a_reply_without_its_file_is_said() {
    let fake = Fake::serve(|_, peer| peer.say(&json!({ "run": 42, "finished": true })));
    let printed = fake.ebb(&["logs", "indexer"]);
    assert_eq!(printed.code, 69);
    assert!(printed.err.contains("sent no file along"), "{}", printed.err);
}

//! An ebbd that refuses, is silent, talks nonsense or ends in the middle of a word: always one clear sentence and the
//! right exit code.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::testing::{Fake, Unread, ebb_to};
use crate::limits;
use crate::protocol::Refusal;

/// A command line of every verb that talks to ebbd.
const VERBS: [&[&str]; 12] = [
    &["run-now", "indexer"],
    &["run-now", "indexer", "--wait"],
    &["run-now", "indexer", "--follow"],
    &["status"],
    &["status", "indexer"],
    &["next", "indexer"],
    &["history"],
    &["logs", "indexer"],
    &["stop", "indexer"],
    &["pause", "indexer"],
    &["resume", "indexer"],
    &["reload"],
];

#[test]
fn a_refusal_is_said_in_its_own_words_with_its_own_code_by_every_verb() {
    let refusals = [
        (Refusal::NoSuchJob("indexer".to_owned()), 2),
        (Refusal::NotAllowed("ann may not run `indexer`".to_owned()), 77),
        (Refusal::Busy("64 clients are connected".to_owned()), 75),
        (Refusal::System("the journal can't be read".to_owned()), 71),
    ];
    for (refusal, code) in refusals {
        let sentence = refusal.to_string();
        let fake = Fake::serve(move |_, peer| peer.refuse(&refusal));
        for line in VERBS {
            let printed = fake.ebb(line);
            assert_eq!((printed.code, printed.out.as_str()), (code, ""), "{line:?}");
            assert_eq!(printed.err, format!("ebb: {sentence}\n"), "{line:?}");
        }
    }
}

#[test]
fn a_connection_that_ends_before_the_answer_is_no_daemon() {
    let answers: [(&[u8], &str); 3] = [
        (b"", "before it answered"),
        (b"{\"parameters\":{\"ru", "in the middle of a reply"),
        (b"HTTP/1.1 400 Bad Request\0", "is no reply that this client understands"),
    ];
    for (bytes, why) in answers {
        let fake = Fake::serve(move |_, peer| {
            peer.raw(bytes);
            peer.close();
        });
        for line in VERBS {
            let printed = fake.ebb(line);
            // A demand that was sent and not answered may be on record, so it is not simply asked for again.
            let is_open = line[0] == "run-now" && !why.contains("no reply");
            assert_eq!(printed.code, if is_open { 75 } else { 69 }, "{line:?}: {}", printed.err);
            assert_eq!(is_open, printed.err.contains("is not known; `ebb status`"), "{}", printed.err);
            assert!(printed.err.contains(why), "{line:?}: {}", printed.err);
            assert_eq!(printed.err.lines().count(), 1, "{}", printed.err);
        }
    }
}

#[test]
fn a_reply_of_the_wrong_shape_is_said_and_not_guessed_at() {
    let fake = Fake::serve(|_, peer| peer.say(&json!({ "run": "forty-two" })));
    let printed = fake.ebb(&["run-now", "indexer"]);
    assert_eq!(printed.code, 69);
    assert!(printed.err.contains("is no reply that this client understands"), "{}", printed.err);
}

#[test]
fn a_reply_in_many_pieces_is_put_together() {
    let fake = Fake::serve(|_, peer| {
        for byte in b"{\"parameters\":{\"run\":42}}\0" {
            peer.raw(&[*byte]);
        }
    });
    assert_eq!(fake.ebb(&["run-now", "indexer"]).out, "run 42 of indexer accepted\n");
}

#[test]
fn a_reply_that_is_larger_than_a_call_may_be_is_read() {
    let problem = "x".repeat(limits::FRAME_MAX);
    let reply =
        json!({ "jobs": 1, "added": [], "changed": [], "removed": [], "problems": [problem, problem] });
    let fake = Fake::serve(move |_, peer| peer.say(&reply));
    let printed = fake.ebb(&["reload"]);
    assert_eq!(printed.code, 78);
    assert!(printed.err.len() > 2 * limits::FRAME_MAX);
}

#[test]
fn a_reply_without_end_is_given_up_at_its_bound() {
    let fake = Fake::serve(|_, peer| {
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..=limits::REPLY_MAX / piece.len() {
            peer.raw(&piece);
        }
    });
    let printed = fake.ebb(&["reload"]);
    assert_eq!(printed.code, 69);
    assert!(printed.err.contains("it is longer than"), "{}", printed.err);
}

#[test]
fn what_ebbd_says_before_it_closes_the_door_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ebb.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let door = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut stream, _) = listener.accept().unwrap();
        let refusal = Refusal::Busy("64 clients are connected".to_owned()).to_error();
        stream.write_all(&crate::protocol::encode(&refusal).unwrap()).unwrap();
    });
    let mut connection = crate::cli::target::Target::at(path).connect().unwrap();
    door.join().unwrap();
    let refused = connection.call::<Value>("Reload", &json!({})).unwrap_err();
    assert_eq!(refused.exit_code().0, 75, "{refused}");
    assert!(refused.to_string().contains("64 clients"));
}

#[test]
fn a_call_that_is_too_long_is_not_sent() {
    let fake = Fake::serve(|_, peer| peer.say(&json!({ "run": 42 })));
    let long = "x".repeat(limits::FRAME_MAX);
    let printed = fake.ebb(&["run-now", "indexer", "--", &long]);
    assert_eq!(printed.code, 2);
    assert!(printed.err.contains("--input FILE"), "{}", printed.err);
    assert!(fake.calls().is_empty());
}

#[test]
fn a_silent_ebbd_is_waited_for_no_longer_than_asked() {
    let fake = Fake::serve(|_, _| {});
    let mut connection = fake.target().connect().unwrap();
    connection.send("Reload", &json!({}), false).unwrap();
    let nothing = connection.reply_within::<Value>(Some(Duration::from_millis(20)));
    assert!(matches!(nothing, Ok(None)));
}

#[test]
fn half_a_reply_is_kept_for_the_next_look() {
    let mut later = None;
    let fake = Fake::serve(move |call, peer| {
        if call.method.ends_with("Reload") {
            peer.raw(b"{\"parameters\":{\"a\":");
            later = Some(peer.another());
        } else if let Some(first) = &mut later {
            first.raw(b"1}}\0");
        }
    });
    let mut connection = fake.target().connect().unwrap();
    connection.send("Reload", &json!({}), false).unwrap();
    // Whether the half has come by then or not: it is no reply.
    assert!(matches!(connection.reply_within::<Value>(Some(Duration::from_millis(20))), Ok(None)));
    fake.target().connect().unwrap().send("Doctor", &json!({}), false).unwrap();
    assert_eq!(connection.reply::<Value>().unwrap().parameters, json!({ "a": 1 }));
}

#[test]
fn a_reader_that_has_gone_ends_the_verb_without_a_word() {
    let fake = Fake::serve(|_, peer| peer.say(&json!({ "runs": [42] })));
    let printed = ebb_to(&mut Unread, &["stop", "indexer"], &fake.target());
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
}

//! An ebbd for tests: a socket in a directory of its own, and answers that the test gives. Knows no verb.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::json;

use crate::protocol::{Call, Refusal, encode};
use crate::sys::peer;

use super::screen::{Look, Screen};
use super::target::Target;

/// A socket that answers as a test says.
pub(super) struct Fake {
    dir: tempfile::TempDir,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// One connection to it.
pub(super) struct Peer {
    stream: UnixStream,
}

/// A standard output that nobody reads any more.
pub(super) struct Unread;

impl Write for Unread {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// What a verb has given and printed.
pub(super) struct Printed {
    /// Its exit code.
    pub(super) code: u8,
    /// Standard output.
    pub(super) out: String,
    /// Standard error, the sentence of a failure included.
    pub(super) err: String,
}

type Answer = dyn FnMut(Call, &mut Peer) + Send;

impl Fake {
    /// Answers every call on every connection, one call at a time.
    pub(super) fn serve(answer: impl FnMut(Call, &mut Peer) + Send + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("ebb.sock")).unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(answer));
        let seen = Arc::clone(&calls);
        // The threads end with the test process; a test that is over makes no more calls.
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || Peer { stream }.converse(&seen, &answer));
            }
        });
        Self { dir, calls }
    }

    /// How it is reached.
    pub(super) fn target(&self) -> Target {
        Target::at(self.dir.path().join("ebb.sock"))
    }

    /// What it was asked so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Runs a command line without `ebb` in front against it.
    pub(super) fn ebb(&self, line: &[&str]) -> Printed {
        ebb(line, &self.target())
    }
}

/// Runs a command line without `ebb` in front, not on a terminal.
pub(super) fn ebb(line: &[&str], target: &Target) -> Printed {
    let mut out = Vec::new();
    let Printed { code, err, .. } = ebb_to(&mut out, line, target);
    Printed { code, out: String::from_utf8(out).unwrap(), err }
}

/// The same with a standard output of the test's choice.
pub(super) fn ebb_to(out: &mut dyn Write, line: &[&str], target: &Target) -> Printed {
    let words: Vec<_> = std::iter::once("ebb").chain(line.iter().copied()).map(OsString::from).collect();
    let cli = super::args::parse(&words).unwrap();
    let mut err = Vec::new();
    let mut screen = Screen { out, err: &mut err, look: Look::PLAIN, err_look: Look::PLAIN };
    let code = super::finish(super::dispatch(&cli.verb, target, &mut screen), &mut screen).0;
    Printed { code, out: String::new(), err: String::from_utf8(err).unwrap() }
}

impl Peer {
    fn converse(mut self, seen: &Mutex<Vec<Call>>, answer: &Mutex<Answer>) {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            while let Some(end) = bytes.iter().position(|b| *b == 0) {
                let frame: Vec<u8> = bytes.drain(..=end).collect();
                let call: Call = serde_json::from_slice(&frame[..end]).unwrap();
                seen.lock().unwrap().push(call.clone());
                (answer.lock().unwrap())(call, &mut self);
            }
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// The last reply to a call.
    pub(super) fn say(&mut self, parameters: &impl Serialize) {
        self.raw(&encode(&json!({ "parameters": parameters })).unwrap());
    }

    /// A reply after which others come.
    pub(super) fn say_more(&mut self, parameters: &impl Serialize) {
        self.raw(&encode(&json!({ "parameters": parameters, "continues": true })).unwrap());
    }

    /// The last reply, with a file.
    pub(super) fn say_with_file(&mut self, parameters: &impl Serialize, file: &File) {
        let frame = encode(&json!({ "parameters": parameters })).unwrap();
        assert_eq!(peer::send_with_fd(&self.stream, &frame, file.as_fd()).unwrap(), frame.len());
    }

    /// A refusal.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        self.raw(&encode(&refusal.to_error()).unwrap());
    }

    /// Bytes as they are. A client that has gone does not matter.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends the connection.
    pub(super) fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// The connection, for an answer that comes later and from elsewhere.
    pub(super) fn another(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap() }
    }
}

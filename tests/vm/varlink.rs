//! Calls to the installed ebbd over its socket, with nothing but bytes: a client process takes a while in a guest.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::harness::DEADLINE;

/// The socket of the installed ebbd.
pub const SOCKET: &str = "/run/ebb/ebb.sock";

/// One call on a connection of its own: its parameters, or the whole error frame.
#[track_caller]
pub fn call(method: &str, parameters: Value) -> Result<Value, Value> {
    Caller::connect().call(method, parameters)
}

/// A connection.
pub struct Caller {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Caller {
    /// Connects to the installed ebbd.
    #[track_caller]
    pub fn connect() -> Self {
        let stream = UnixStream::connect(SOCKET).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Calls and waits for the answer: its parameters, or the whole error frame.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        let call = json!({"method": format!("io.ebb.Control.{method}"), "parameters": parameters});
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.stream.write_all(&bytes).unwrap();
        let frame = self.receive();
        if frame.get("error").is_some() { Err(frame) } else { Ok(frame["parameters"].clone()) }
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == 0) {
                let frame: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&frame[..end]).unwrap();
            }
            let mut piece = [0; 65536];
            let count = self.stream.read(&mut piece).unwrap();
            assert!(count > 0, "ebbd closed the connection");
            self.buffer.extend_from_slice(&piece[..count]);
        }
    }
}

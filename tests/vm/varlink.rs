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
        self.try_call(method, parameters).expect("ebbd closed the connection")
    }

    /// The same, where ebbd may be gone before it has answered: then there is nothing.
    #[track_caller]
    pub fn try_call(&mut self, method: &str, parameters: Value) -> Option<Result<Value, Value>> {
        self.send(method, &parameters).ok()?;
        let frame = self.receive()?;
        Some(if frame.get("error").is_some() { Err(frame) } else { Ok(frame["parameters"].clone()) })
    }

    fn send(&mut self, method: &str, parameters: &Value) -> std::io::Result<()> {
        let call = json!({"method": format!("io.ebb.Control.{method}"), "parameters": parameters});
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.stream.write_all(&bytes)
    }

    /// The next frame; none where the connection is closed.
    #[track_caller]
    fn receive(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == 0) {
                let frame: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&frame[..end]).unwrap());
            }
            let mut piece = [0; 65536];
            let count = match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                count => count.unwrap(),
            };
            self.buffer.extend_from_slice(&piece[..count]);
        }
    }
}

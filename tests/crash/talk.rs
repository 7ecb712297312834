//! Calls to an ebbd that may die at any moment.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    /// ebbd says no: the name of its error.
    Refused(String),
    /// Nobody is there (any more).
    Gone,
}

/// A connection.
pub(crate) struct Line {
    stream: UnixStream,
}

impl Line {
    pub(crate) fn to(socket: &Path) -> Result<Self, Failed> {
        let stream = UnixStream::connect(socket).map_err(|_| Failed::Gone)?;
        // Longer than anything takes, so that a hang is seen as one.
        stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(|_| Failed::Gone)?;
        Ok(Self { stream })
    }

    /// One call and its answer.
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Result<Value, Failed> {
        let call = json!({"method": format!("io.ebb.Control.{method}"), "parameters": parameters});
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.stream.write_all(&bytes).map_err(|_| Failed::Gone)?;
        let mut reply = Vec::new();
        let mut piece = [0; 4096];
        while reply.last() != Some(&0) {
            match self.stream.read(&mut piece) {
                Ok(count) if count > 0 => reply.extend_from_slice(&piece[..count]),
                _ => return Err(Failed::Gone),
            }
        }
        let frame: Value = serde_json::from_slice(&reply[..reply.len() - 1]).map_err(|_| Failed::Gone)?;
        match frame.get("error").and_then(Value::as_str) {
            Some(error) => Err(Failed::Refused(error.rsplit('.').next().unwrap_or_default().to_owned())),
            None => Ok(frame["parameters"].clone()),
        }
    }
}

/// One call on a connection of its own.
pub(crate) fn call(socket: &Path, method: &str, parameters: &Value) -> Result<Value, Failed> {
    Line::to(socket)?.call(method, parameters)
}

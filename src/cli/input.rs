//! The payload of a run-now: read and bounded here, handed over in parts before the call. Knows no job.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::limits;
use crate::protocol::InputStaged;

use super::connection::Connection;
use super::failure::Failure;

/// Bytes of payload a call: in base64 they make a frame well below its bound.
const PART: usize = limits::FRAME_MAX / 2;

/// Reads a payload: a file, or standard input for `-`.
///
/// # Errors
/// A file that can't be read, and one with more than [`limits::INPUT_MAX`] bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut payload = Vec::new();
    let bound = limits::INPUT_MAX + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(bound).read_to_end(&mut payload)
    } else {
        File::open(path).and_then(|file| file.take(bound).read_to_end(&mut payload))
    };
    read.map_err(|e| Failure::system(format!("the input {} can't be read", path.display()), &e))?;
    if payload.len() as u64 > limits::INPUT_MAX {
        return Err(Failure::Usage(format!(
            "the input {} has more than the {} bytes that a run takes; hand over the path of a file instead",
            path.display(),
            limits::INPUT_MAX
        )));
    }
    Ok(payload)
}

/// Hands a payload over; the next RunNow on this connection takes it. An empty one is handed over as well: an empty
/// standard input is not the same as none.
///
/// # Errors
/// Those of the connection; a payload of which not all has arrived.
pub(super) fn stage(connection: &mut Connection, payload: &[u8]) -> Result<(), Failure> {
    let mut sent = 0;
    let mut parts = payload.chunks(PART);
    loop {
        let part = parts.next().unwrap_or_default();
        let staged: InputStaged = connection.call("Input", &json!({ "data": BASE64.encode(part) }))?;
        sent += part.len() as u64;
        if staged.bytes != sent {
            return Err(Failure::Garbled(format!(
                "ebbd has taken {} bytes of input where {sent} were sent",
                staged.bytes
            )));
        }
        if sent == payload.len() as u64 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Fake;

    fn arrived(payload: &[u8]) -> (Vec<u8>, usize) {
        let mut taken = 0;
        let fake = Fake::serve(move |call, peer| {
            let part = BASE64.decode(call.parameters["data"].as_str().unwrap()).unwrap();
            taken += part.len();
            peer.say(&json!({ "bytes": taken }));
        });
        stage(&mut fake.target().connect().unwrap(), payload).unwrap();
        let calls = fake.calls();
        let parts = calls.iter().map(|c| BASE64.decode(c.parameters["data"].as_str().unwrap()).unwrap());
        (parts.flatten().collect(), calls.len())
    }

    #[test]
    fn a_payload_arrives_whole_in_as_many_parts_as_it_takes() {
        assert_eq!(arrived(b""), (Vec::new(), 1));
        assert_eq!(arrived(b"one"), (b"one".to_vec(), 1));
        let large: Vec<u8> = (0..=250).cycle().take(2 * PART + 1).collect();
        assert_eq!(arrived(&large), (large, 3));
    }

    #[test]
    fn more_than_the_bound_is_refused_before_anything_is_sent() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(limits::INPUT_MAX).unwrap();
        assert_eq!(read(file.path()).unwrap().len() as u64, limits::INPUT_MAX);
        file.as_file().set_len(limits::INPUT_MAX + 1).unwrap();
        let failure = read(file.path()).unwrap_err();
        assert_eq!(failure.exit_code().0, 2);
        assert!(failure.to_string().contains("1048576 bytes"), "{failure}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let failure = read(Path::new("/nonexistent/input")).unwrap_err();
        assert_eq!(failure.exit_code().0, 71);
        assert!(failure.to_string().contains("/nonexistent/input"));
    }
}

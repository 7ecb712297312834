//! Framing: bytes in, whole frames out, never more than one frame's bound in memory. Knows no JSON shape and no socket.

use serde::Serialize;

use crate::limits;

/// Collects bytes until a NUL ends a frame.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Bytes at the front that have been handed out.
    taken: usize,
}

/// A frame that can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// It is longer than [`limits::FRAME_MAX`].
    TooLong,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(f, "a frame is at most {} bytes", limits::FRAME_MAX),
        }
    }
}

impl std::error::Error for FrameError {}

impl Frames {
    /// Adds bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame without its NUL; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] as soon as the frame can't end within its bound; the connection is of no use then.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = &self.buffer[self.taken..];
        match rest.iter().position(|b| *b == 0) {
            Some(end) if end > limits::FRAME_MAX => Err(FrameError::TooLong),
            Some(end) => {
                let start = self.taken;
                self.taken += end + 1;
                Ok(Some(&self.buffer[start..start + end]))
            }
            None if rest.len() > limits::FRAME_MAX => Err(FrameError::TooLong),
            None => Ok(None),
        }
    }

    /// What has not been handed out.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Puts a frame that was handed out back, to be handed out next.
    pub fn put_back(&mut self, frame: &[u8]) {
        self.buffer.splice(..self.taken, frame.iter().copied().chain([0]));
        self.taken = 0;
    }

    /// Whether a whole frame, or one that is too long, waits to be taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let rest = &self.buffer[self.taken..];
        rest.contains(&0) || rest.len() > limits::FRAME_MAX
    }

    /// Whether as much waits as is held at once; then reading stops until some of it is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.buffer.len() - self.taken > limits::FRAME_MAX
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn has_partial(&self) -> bool {
        self.buffer.len() > self.taken
    }

    /// Gives the memory back while nothing is under way.
    pub fn release(&mut self) {
        if !self.has_partial() {
            self.buffer = Vec::new();
            self.taken = 0;
        }
    }
}

/// A message as a frame, NUL included. JSON strings escape NUL, so none is inside.
///
/// # Errors
/// When the message can't be written as JSON.
pub fn encode<T: Serialize + ?Sized>(message: &T) -> serde_json::Result<Vec<u8>> {
    let mut frame = serde_json::to_vec(message)?;
    frame.push(0);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(frames: &mut Frames) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while let Some(frame) = frames.next_frame().unwrap() {
            out.push(frame.to_vec());
        }
        out
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_are_cut() {
        let stream = b"{\"a\":1}\0{}\0\0{\"b\":2}\0";
        for cut in 1..stream.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(cut) {
                frames.push(piece);
                seen.extend(all(&mut frames));
            }
            assert_eq!(seen, [&b"{\"a\":1}"[..], b"{}", b"", b"{\"b\":2}"]);
            assert!(!frames.has_partial());
        }
    }

    #[test]
    fn a_frame_of_just_the_bound_passes_and_one_byte_more_does_not() {
        let mut frames = Frames::default();
        frames.push(&vec![b'x'; limits::FRAME_MAX]);
        assert_eq!(frames.next_frame(), Ok(None));
        frames.push(b"\0");
        assert_eq!(frames.next_frame().unwrap().map(<[u8]>::len), Some(limits::FRAME_MAX));
        frames.push(&vec![b'x'; limits::FRAME_MAX + 1]);
        assert_eq!(frames.next_frame(), Err(FrameError::TooLong));
    }

    #[test]
    fn a_frame_that_was_handed_out_does_not_count_against_the_next_one() {
        let mut frames = Frames::default();
        let mut bytes = vec![b'x'; limits::FRAME_MAX];
        bytes.push(0);
        bytes.extend(vec![b'y'; limits::FRAME_MAX]);
        frames.push(&bytes);
        assert!(frames.next_frame().unwrap().is_some());
        assert_eq!(frames.next_frame(), Ok(None));
    }
}

//! An entry of the systemd journal as its native protocol writes it: `NAME=value` lines, and for what may hold any byte
//! the name, the length in eight bytes (little-endian), and the bytes. Pure.

use std::io::IoSlice;

use super::Task;
use super::lines::{End, Line};

/// What all entries of a run have in common.
#[derive(Debug)]
pub(super) struct Fields(Vec<u8>);

/// LOG_DAEMON, see syslog(3): what systemd gives the output of a service.
const FACILITY: u8 = 3;
/// LOG_WARNING.
const WARNING: u8 = 4;
/// The digits of the priorities.
const PRIORITIES: &[u8; 8] = b"01234567";

impl Fields {
    /// Of this run. All its texts are of one line: a job file allows nothing else.
    pub(super) fn new(task: &Task, pid: Option<u32>) -> Self {
        let Task { identifier, job, run, key, .. } = task;
        let mut text = format!(
            "SYSLOG_IDENTIFIER={identifier}\nSYSLOG_FACILITY={FACILITY}\nEBB_JOB={job}\nEBB_RUN_ID={run}\nEBB_RUN_KEY={key}\n"
        );
        if let Some(pid) = pid {
            // Who really sends is in _PID, by the kernel's word: the carrier.
            text += &format!("SYSLOG_PID={pid}\n");
        }
        Self(text.into_bytes())
    }

    /// Hands the pieces of a line's entry to `send`.
    pub(super) fn of_line<T>(&self, line: &Line<'_>, send: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mark: &[u8] = match line.end {
            End::Newline => b"",
            End::LineMax => b"EBB_LINE_BREAK=line-max\n",
            End::Eof => b"EBB_LINE_BREAK=eof\n",
        };
        self.lay_out(line.priority, mark, line.text, send)
    }

    /// The same for the word that so many lines were not sent.
    pub(super) fn of_loss<T>(&self, dropped: u64, send: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let lines = if dropped == 1 { "1 line was".to_owned() } else { format!("{dropped} lines were") };
        let text = format!("({lines} dropped here: the systemd journal did not take them)");
        let mark = format!("EBB_DROPPED={dropped}\n");
        self.lay_out(WARNING, mark.as_bytes(), text.as_bytes(), send)
    }

    fn lay_out<T>(
        &self,
        priority: u8,
        mark: &[u8],
        message: &[u8],
        send: impl FnOnce(&[IoSlice<'_>]) -> T,
    ) -> T {
        let digit = &PRIORITIES[usize::from(priority & 7)..][..1];
        let length = (message.len() as u64).to_le_bytes();
        let pieces: [&[u8]; 8] = [&self.0, b"PRIORITY=", digit, b"\n", mark, b"MESSAGE\n", &length, message];
        let [a, b, c, d, e, f, g, h] = pieces.map(IoSlice::new);
        send(&[a, b, c, d, e, f, g, h, IoSlice::new(b"\n")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pid: Option<u32>) -> Fields {
        let task = Task {
            socket: "/s".into(),
            identifier: "search".to_owned(),
            job: "indexer".to_owned(),
            run: 42,
            key: "ebb-1a2b3c4d/42".to_owned(),
            user: None,
        };
        Fields::new(&task, pid)
    }

    fn joined(pieces: &[IoSlice<'_>]) -> Vec<u8> {
        pieces.iter().flat_map(|piece| piece.iter().copied()).collect()
    }

    #[test]
    fn an_entry_is_laid_out_as_the_native_protocol_wants_it() {
        let line = Line { text: b"a\0\xffb=c", priority: 3, end: End::LineMax };
        let entry = fields(Some(812)).of_line(&line, joined);
        let expected = b"SYSLOG_IDENTIFIER=search\nSYSLOG_FACILITY=3\nEBB_JOB=indexer\nEBB_RUN_ID=42\n\
            EBB_RUN_KEY=ebb-1a2b3c4d/42\nSYSLOG_PID=812\nPRIORITY=3\nEBB_LINE_BREAK=line-max\n\
            MESSAGE\n\x06\0\0\0\0\0\0\0a\0\xffb=c\n";
        assert_eq!(entry, expected);
    }

    #[test]
    fn a_loss_is_a_warning_with_its_number() {
        let entry = String::from_utf8(fields(None).of_loss(1, joined)).unwrap();
        assert!(
            entry.contains("\nPRIORITY=4\nEBB_DROPPED=1\n") && entry.contains("(1 line was dropped here")
        );
        assert!(!entry.contains("SYSLOG_PID"));
    }
}

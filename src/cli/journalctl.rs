//! A run's output in the systemd journal, read by journalctl(1) with the reader's own rights: line ends and bytes are what
//! the run wrote, not what a terminal would be shown. Knows neither ebbd nor what a run is.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use super::failure::Failure;

/// Entries that may wait between journalctl and who prints them.
const AHEAD: usize = 256;

/// What is to be read, and how far it has been.
#[derive(Debug)]
pub(super) struct Journal {
    matches: Vec<String>,
    /// The last entry that was printed.
    cursor: Option<Vec<u8>>,
    follower: Option<Follower>,
}

/// A line of output, or a part of one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    cursor: Option<Vec<u8>>,
    text: Vec<u8>,
    /// Whether the run did not end it with a newline.
    is_open: bool,
}

/// A journalctl that goes on.
#[derive(Debug)]
struct Follower {
    child: Child,
    entries: Receiver<Entry>,
}

impl Journal {
    pub(super) const fn new(matches: Vec<String>) -> Self {
        Self { matches, cursor: None, follower: None }
    }

    /// The command line that shows the same.
    pub(super) fn command_line(&self) -> String {
        format!("journalctl {}", self.matches.join(" "))
    }

    /// Prints what has come since the last time, and from now on what comes; gives the number of entries.
    ///
    /// # Errors
    /// journalctl is not there, or nobody reads what is printed.
    pub(super) fn copy(&mut self, out: &mut dyn Write) -> Result<u64, Failure> {
        let follower = match self.follower.take() {
            Some(follower) => follower,
            None => Follower::start(self.spawn(&["--follow", "--no-tail"])?)?,
        };
        let entries = &self.follower.insert(follower).entries;
        let mut count = 0;
        // Where it has ended by itself it has said why; the end of the run comes all the same.
        while let Ok(entry) = entries.try_recv() {
            print(&entry, out)?;
            self.cursor = entry.cursor.or(self.cursor.take());
            count += 1;
        }
        if count > 0 {
            out.flush()?;
        }
        Ok(count)
    }

    /// Prints what there is beyond what was printed, up to the end of the journal; gives the number of entries.
    ///
    /// # Errors
    /// journalctl is not there or fails, or nobody reads what is printed.
    pub(super) fn finish(&mut self, out: &mut dyn Write) -> Result<u64, Failure> {
        let mut count = 0;
        if let Some(mut follower) = self.follower.take() {
            follower.stop();
            for entry in &follower.entries {
                print(&entry, out)?;
                self.cursor = entry.cursor.or(self.cursor.take());
                count += 1;
            }
        }
        let after = self.cursor.as_deref().map(String::from_utf8_lossy);
        let after = after.map(|cursor| format!("--after-cursor={cursor}"));
        let mut child = self.spawn(&after.as_deref().into_iter().collect::<Vec<_>>())?;
        let unreadable = |e: io::Error| Failure::system("what journalctl says can't be read", &e);
        let mut said = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?);
        while let Some(entry) = next(&mut said).map_err(unreadable)? {
            print(&entry, out)?;
            count += 1;
        }
        out.flush()?;
        let status = child.wait().map_err(unreadable)?;
        if status.success() {
            return Ok(count);
        }
        Err(Failure::System(format!("`{}` failed: {status}", self.command_line())))
    }

    fn spawn(&self, flags: &[&str]) -> Result<Child, Failure> {
        // The export format alone says where an entry ends, whatever is in it (systemd's "Journal Export Formats").
        let mut command = Command::new("journalctl");
        command.args(["--no-pager", "--output=export", "--output-fields=MESSAGE,EBB_LINE_BREAK"]);
        command.args(flags).args(&self.matches).stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().map_err(|error| {
            let line = self.command_line();
            let tried = format!("the output is in the systemd journal, and `{line}` can't be run");
            Failure::system(tried, &error)
        })
    }
}

impl Follower {
    fn start(mut child: Child) -> Result<Self, Failure> {
        let mut said = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?);
        let (sender, entries) = sync_channel(AHEAD);
        let read = move || {
            while let Ok(Some(entry)) = next(&mut said) {
                if sender.send(entry).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("journalctl".to_owned()).spawn(read);
        let follower = Self { child, entries };
        thread.map_err(|e| Failure::system("the journal can't be followed", &e))?;
        Ok(follower)
    }

    fn stop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

fn no_pipe() -> Failure {
    Failure::System("journalctl was started without a pipe".to_owned())
}

fn print(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&entry.text)?;
    if entry.is_open { Ok(()) } else { out.write_all(b"\n") }
}

/// The next entry of the export format: `NAME=value` lines, or a name alone, eight bytes with the length, the bytes and a
/// newline; an empty line ends the entry.
fn next(said: &mut impl BufRead) -> io::Result<Option<Entry>> {
    let mut entry = Entry::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        said.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        // `-- No entries --` and the like are for people.
        if line.starts_with(b"-- ") {
            continue;
        }
        if line.is_empty() {
            if entry == Entry::default() {
                continue;
            }
            return Ok(Some(entry));
        }
        let (name, value) = match line.iter().position(|b| *b == b'=') {
            Some(at) => (&line[..at], line[at + 1..].to_vec()),
            None => (&line[..], counted(said)?),
        };
        match name {
            b"__CURSOR" => entry.cursor = Some(value),
            b"MESSAGE" => entry.text = value,
            b"EBB_LINE_BREAK" => entry.is_open = true,
            _ => {}
        }
    }
}

/// A value with its length in front.
fn counted(said: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    said.read_exact(&mut length)?;
    let mut value = Vec::new();
    said.take(u64::from_le_bytes(length)).read_to_end(&mut value)?;
    said.read_exact(&mut [0])?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(said: &[u8]) -> (Vec<u8>, Vec<String>) {
        let (mut said, mut out, mut cursors) = (said, Vec::new(), Vec::new());
        while let Some(entry) = next(&mut said).unwrap() {
            print(&entry, &mut out).unwrap();
            cursors.extend(entry.cursor.map(|cursor| String::from_utf8(cursor).unwrap()));
        }
        (out, cursors)
    }

    #[test]
    fn what_the_run_wrote_comes_out_of_an_export_byte_by_byte() {
        let said = b"__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1\nMESSAGE=one = 1\n\n\
            __CURSOR=s=1;i=2\nMESSAGE\n\x05\0\0\0\0\0\0\0a\n\n\0b\n\n\
            __CURSOR=s=1;i=3\nMESSAGE=\n\n\
            __CURSOR=s=1;i=4\nEBB_LINE_BREAK=line-max\nMESSAGE=a long\n\n\
            __CURSOR=s=1;i=5\nMESSAGE= line\nEBB_LINE_BREAK=eof\n\n";
        let (out, cursors) = printed(said);
        assert_eq!(out, b"one = 1\na\n\n\0b\n\na long line");
        assert_eq!(cursors.len(), 5);
        assert_eq!(cursors[4], "s=1;i=5");
    }

    #[test]
    fn what_is_for_people_and_what_is_cut_off_is_not_taken_for_output() {
        assert_eq!(printed(b"-- No entries --\n"), (Vec::new(), Vec::new()));
        assert_eq!(printed(b"__CURSOR=1\nMESSAGE=half").0, b"");
        assert!(next(&mut &b"MESSAGE\n\x05\0\0\0\0\0\0\0ab"[..]).is_err());
    }
}

//! Delivery with bounded patience: a journal that takes nothing holds the run up for a while, then costs it lines, which
//! are counted and told. Knows nothing of what is in an entry.

use std::io::{self, IoSlice};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::limits;
use crate::sys::journald::Connection;

use super::entry::Fields;
use super::lines::Line;

/// The way to the journal.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    socket: &'a Path,
    connection: Option<Connection>,
    /// How long one line waits.
    stall: Duration,
    /// Lines that were given up and have not been told yet.
    dropped: u64,
}

impl<'a> Sender<'a> {
    /// It connects when there is something to send.
    pub(super) const fn new(socket: &'a Path, stall: Duration) -> Self {
        Self { socket, connection: None, stall, dropped: 0 }
    }

    /// Sends a line, after the word about those that were dropped before it. As long as that word does not get through,
    /// lines are dropped without waiting: the run is held up once for a journal that hangs, not once a line.
    pub(super) fn deliver(&mut self, fields: &Fields, line: &Line<'_>) {
        let is_open = self.dropped == 0 || self.tell_loss(fields, Duration::ZERO);
        let stall = self.stall;
        if !is_open || !fields.of_line(line, |entry| self.send(entry, stall)) {
            self.dropped += 1;
        }
    }

    /// Brings the last of it through; the number of lines whose loss could not even be told.
    pub(super) fn finish(mut self, fields: &Fields) -> u64 {
        if self.dropped > 0 {
            self.tell_loss(fields, self.stall);
        }
        // journald looks up who has sent an entry (its unit, its program) once it has it, which needs the sender alive.
        if let Some(connection) = &self.connection {
            connection.settle(Duration::from_millis(limits::JOURNALD_LINGER_MS));
        }
        self.dropped
    }

    fn tell_loss(&mut self, fields: &Fields, patience: Duration) -> bool {
        let is_told = fields.of_loss(self.dropped, |entry| self.send(entry, patience));
        if is_told {
            self.dropped = 0;
        }
        is_told
    }

    /// Whether the entry got through within `patience`. A journald that starts anew is not even noticed as long as
    /// systemd holds its socket; where the socket itself is a new one, it is connected to again.
    fn send(&mut self, entry: &[IoSlice<'_>], patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.attempt(entry, !left.is_zero()) {
                Ok(()) => return true,
                // No kernel with its defaults refuses what fits into an entry; waiting would not help.
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => return false,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    _ if left.is_zero() => return false,
                    io::ErrorKind::WouldBlock => {}
                    _ => {
                        self.connection = None;
                        std::thread::sleep(left.min(Duration::from_millis(limits::JOURNALD_RETRY_MS)));
                    }
                },
            }
        }
    }

    fn attempt(&mut self, entry: &[IoSlice<'_>], waits: bool) -> io::Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.socket, self.stall)?,
        };
        self.connection.insert(connection).send(entry, waits)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::carrier::Task;
    use crate::carrier::lines::End;

    const STALL: Duration = Duration::from_millis(100);

    fn task(socket: &Path) -> Task {
        Task {
            socket: socket.into(),
            identifier: "a".to_owned(),
            job: "a".to_owned(),
            run: 1,
            key: "k/1".to_owned(),
            user: None,
        }
    }

    fn line(text: &str) -> Line<'_> {
        Line { text: text.as_bytes(), priority: 6, end: End::Newline }
    }

    /// The message of each entry that waits there.
    fn taken(journald: &UnixDatagram) -> Vec<String> {
        journald.set_nonblocking(true).unwrap();
        let mut bytes = vec![0; 65536];
        let mut messages = Vec::new();
        while let Ok(count) = journald.recv(&mut bytes) {
            let entry = String::from_utf8_lossy(&bytes[..count]).into_owned();
            messages.push(entry.split("MESSAGE\n").nth(1).unwrap()[8..].trim_end().to_owned());
        }
        messages
    }

    #[test]
    fn a_hanging_journal_costs_lines_after_one_wait_and_the_loss_is_told_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let fields = Fields::new(&task(&path), None);
        let mut sender = Sender::new(&path, STALL);
        let mut sent = 0;
        while sender.dropped == 0 {
            sender.deliver(&fields, &line(&sent.to_string()));
            sent += 1;
        }
        let begun = Instant::now();
        for _ in 0..1000 {
            sender.deliver(&fields, &line("dropped"));
        }
        assert!(begun.elapsed() < 500 * STALL, "none of them has waited: {:?}", begun.elapsed());
        assert_eq!(sender.dropped, 1001);
        let before = taken(&journald);
        assert_eq!(
            before,
            (0..sent - 1).map(|n| n.to_string()).collect::<Vec<_>>(),
            "in order, none missing"
        );
        sender.deliver(&fields, &line("after"));
        assert_eq!(
            taken(&journald),
            ["(1001 lines were dropped here: the systemd journal did not take them)", "after"]
        );
        assert_eq!(sender.finish(&fields), 0);
    }

    #[test]
    fn a_journal_that_is_away_for_less_than_the_patience_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let fields = Fields::new(&task(&path), None);
        let mut sender = Sender::new(&path, Duration::from_secs(60));
        sender.deliver(&fields, &line("before"));
        assert_eq!(taken(&journald), ["before"]);
        drop(journald);
        std::fs::remove_file(&path).unwrap();
        let back = std::thread::spawn({
            let path = path.clone();
            move || {
                std::thread::sleep(STALL);
                UnixDatagram::bind(path).unwrap()
            }
        });
        sender.deliver(&fields, &line("after"));
        assert_eq!(taken(&back.join().unwrap()), ["after"]);
    }

    #[test]
    fn what_never_gets_through_is_counted_to_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let fields = Fields::new(&task(&path), None);
        let mut sender = Sender::new(&path, STALL);
        sender.deliver(&fields, &line("one"));
        sender.deliver(&fields, &line("two"));
        assert_eq!(sender.finish(&fields), 2);
    }
}

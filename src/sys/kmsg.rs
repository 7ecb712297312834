//! The kernel's log, record by record (the kernel's Documentation/ABI/testing/dev-kmsg). Never waits, and knows nothing of
//! what the records are about.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::clock;
use super::raw::because;

const PATH: &str = "/dev/kmsg";
/// The kernel makes no longer record.
const RECORD_MAX: usize = 8192;

/// The log, from its oldest record on.
#[derive(Debug)]
pub struct Log {
    file: File,
    buffer: Vec<u8>,
}

/// What the kernel itself has said; other programs may write into the log as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When, in microseconds by the log's own clock.
    pub at_us: u64,
    /// What, without its line end.
    pub text: String,
}

/// What was found at the place where one has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A record of the kernel.
    Record(Record),
    /// Something else, or records that were overwritten meanwhile.
    Other,
    /// Nothing yet.
    End,
}

impl Log {
    /// # Errors
    /// There is none here, or this process may not read it (CAP_SYSLOG; containers often hide it).
    pub fn open() -> io::Result<Self> {
        Self::open_at(Path::new(PATH))
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = file.map_err(|e| because(&e, format_args!("cannot open {}", path.display())))?;
        Ok(Self { file, buffer: vec![0; RECORD_MAX] })
    }

    /// The next record. Each read takes one.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn read(&mut self) -> io::Result<Next> {
        match self.file.read(&mut self.buffer) {
            Ok(0) => Ok(Next::End),
            Ok(n) => Ok(parse(&self.buffer[..n]).map_or(Next::Other, Next::Record)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Next::End),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EPIPE | libc::EINTR)) => Ok(Next::Other),
            Err(e) => Err(because(&e, format_args!("cannot read {PATH}"))),
        }
    }
}

/// A moment by the log's clock before which nothing can have been written that happened in the last `ms` milliseconds.
///
/// That clock stands still while the host sleeps, and nobody corrects it, so it drifts away from all others: a minute and a
/// thousandth of the time since boot are given to it.
#[must_use]
pub fn before(ms: u64) -> u64 {
    let awake_ms = clock::awake_ms();
    awake_ms.saturating_sub(ms).saturating_sub(60_000).saturating_sub(awake_ms / 1000) * 1000
}

/// `6,760,1650316994,-[,more];text`, and behind the line end fields that ebb has no use for. The number in front is facility
/// and level: the kernel's own facility is 0, and nobody else can write with that.
fn parse(record: &[u8]) -> Option<Record> {
    let at = record.iter().position(|&byte| byte == b';')?;
    let mut head = std::str::from_utf8(&record[..at]).ok()?.split(',');
    let (level, _, at_us) = (head.next()?, head.next()?, head.next()?);
    if level.parse::<u32>().ok()? >= 8 {
        return None;
    }
    let line = record[at + 1..].split(|&byte| byte == b'\n').next()?;
    Some(Record { at_us: at_us.parse().ok()?, text: unescape(line) })
}

/// What is not plain ASCII, and the backslash, stand as `\x2d` and so on.
fn unescape(line: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let [first, after @ ..] = rest {
        let escaped = rest.strip_prefix(b"\\x").and_then(|hex| {
            let hex = std::str::from_utf8(hex.get(..2)?).ok()?;
            u8::from_str_radix(hex, 16).ok()
        });
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[4..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(record: &str) -> Option<String> {
        parse(record.as_bytes()).map(|record| record.text)
    }

    #[test]
    fn a_record_of_the_kernel_is_read_with_or_without_more_fields() {
        let plain = parse(b"4,681,1650316460,-;python3 invoked oom-killer: order=0\n").unwrap();
        assert_eq!((plain.at_us, &*plain.text), (1_650_316_460, "python3 invoked oom-killer: order=0"));
        assert_eq!(text("6,1,2,-,caller=T7;a;b\n SUBSYSTEM=pci\n DEVICE=+pci:1\n").unwrap(), "a;b");
    }

    #[test]
    fn what_others_have_written_into_the_log_is_not_the_kernels() {
        assert_eq!(text("12,339,5140900061,-;oom-kill:constraint=CONSTRAINT_NONE\n"), None);
    }

    #[test]
    fn escapes_are_taken_back() {
        assert_eq!(text("6,1,2,-;/a\\x5cx2db.slice \\xc3\\xa9\\x0a\n").unwrap(), "/a\\x2db.slice \u{e9}\n");
        assert_eq!(text("6,1,2,-;\\x4 \\xzz \\x\n").unwrap(), "\\x4 \\xzz \\x");
        assert_eq!(text("6,1,2,-;\\xff\n").unwrap(), "\u{fffd}");
    }

    #[test]
    fn what_is_odd_is_no_record() {
        for record in ["", ";", "6;x", "6,1;x", "x,1,2,-;y", "6,1,-5,-;y", "6,1,2,-", "\u{e9},1,2;y"] {
            assert_eq!(text(record), None, "{record}");
        }
        assert_eq!(text("6,1,2,-;").unwrap(), "");
    }

    #[test]
    fn a_log_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Log::open_at(&dir.path().join("kmsg")).unwrap_err();
        assert!(error.to_string().contains("kmsg: "), "{error}");
        // An end that is no error.
        let path = dir.path().join("empty");
        File::create(&path).unwrap();
        assert_eq!(Log::open_at(&path).unwrap().read().unwrap(), Next::End);
    }

    #[test]
    fn the_clock_is_given_its_drift() {
        let now = clock::awake_ms() * 1000;
        assert!(before(0) < now, "a minute before now");
        assert!(now.saturating_sub(before(1000)) >= (61_000_000).min(now));
        assert_eq!(before(u64::MAX), 0);
    }
}

//! Accounts from directory services such as LDAP: a short-lived `getent` or `id`, without a shell and not for ever.
//! Knows nothing of what the answers mean.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::questions::{self, Answer, Question};
use crate::limits::{DIRECTORY_ANSWER_MAX, DIRECTORY_REST_MS, DIRECTORY_TIMEOUT_MS};
use crate::sys::raw::because;

/// When a directory service last failed to answer in time.
static SILENT: Mutex<Option<Instant>> = Mutex::new(None);

/// It did not answer, and is left in peace for a while.
pub(super) fn let_rest() {
    *SILENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// Whether it is left in peace at `now`. Whoever needs the answer waits for it, so it is not asked again and again.
fn is_resting(now: Instant) -> bool {
    let silent = *SILENT.lock().unwrap_or_else(PoisonError::into_inner);
    silent.is_some_and(|at| now.duration_since(at) < Duration::from_millis(DIRECTORY_REST_MS))
}

/// Whether `nsswitch.conf` names a source for `database` beyond the `known` ones (nsswitch.conf(5)). No file: none.
pub(super) fn serves(etc: &Path, database: &str, known: &[&str]) -> bool {
    let text = std::fs::read_to_string(etc.join("nsswitch.conf")).unwrap_or_default();
    let Some(line) = text.lines().find_map(|line| line.trim().strip_prefix(database)) else { return false };
    let line = line.split('#').next().unwrap_or("");
    // `[NOTFOUND=return]` between the sources is an action.
    line.split_whitespace()
        .any(|word| !word.starts_with('[') && !word.ends_with(']') && !known.contains(&word))
}

/// Where a program that asks is, if it is installed.
pub(super) fn path_of(program: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin"].iter().map(|dir| Path::new(dir).join(program)).find(|path| path.exists())
}

/// Puts a question of another process of ebbd's, and waits for the answer.
#[must_use]
pub fn put(question: &Question) -> Answer {
    let args: Vec<&str> = question.args.iter().map(String::as_str).collect();
    let known = matches!(question.program.as_str(), "getent" | "id");
    Answer::of(if known { ask(&question.program, &args) } else { Ok(None) })
}

/// The answer of `program`; `None` if it is not installed or says no. Where this process must not wait, an error, and the
/// question is open.
pub(super) fn ask(program: &str, args: &[&str]) -> io::Result<Option<String>> {
    // An option in the place of a name is no name.
    if args.last().is_some_and(|name| name.is_empty() || name.starts_with('-')) {
        return Ok(None);
    }
    let Some(path) = path_of(program) else { return Ok(None) };
    let question =
        Question { program: program.to_owned(), args: args.iter().map(ToString::to_string).collect() };
    if let Some(answer) = questions::known(&question) {
        return answer;
    }
    let explain =
        |e: io::Error| because(&e, format_args!("cannot ask {} {}", path.display(), args.join(" ")));
    if is_resting(Instant::now()) {
        let why = "the directory service did not answer a moment ago, and is asked again later";
        return Err(explain(io::Error::new(io::ErrorKind::TimedOut, why)));
    }
    if questions::note(&question) {
        return Err(explain(io::Error::new(io::ErrorKind::WouldBlock, "the answer is not there yet")));
    }
    let mut command = Command::new(&path);
    command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(explain)?;
    let answer = answer(&mut child);
    if let Err(error) = &answer {
        let _ = child.kill();
        if error.kind() == io::ErrorKind::TimedOut {
            let_rest();
        }
    }
    let success = child.wait().is_ok_and(|status| status.success());
    Ok(answer.map_err(explain)?.filter(|_| success))
}

/// All that the child writes, if it ends in time. `None` if that is too much to be an answer.
fn answer(child: &mut Child) -> io::Result<Option<String>> {
    let Some(mut pipe) = child.stdout.take() else { return Ok(None) };
    let deadline = Instant::now() + Duration::from_millis(DIRECTORY_TIMEOUT_MS);
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let ready = poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], wait);
        match ready {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no answer within {DIRECTORY_TIMEOUT_MS} ms: is the directory service up?"),
                ));
            }
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
        }
        let mut part = [0_u8; 4096];
        let n = pipe.read(&mut part)?;
        if n == 0 {
            return Ok(String::from_utf8(bytes).ok());
        }
        bytes.extend_from_slice(&part[..n]);
        if bytes.len() > DIRECTORY_ANSWER_MAX {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_source_beyond_the_known_ones_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!serves(dir.path(), "passwd:", &["files"]), "no file at all");
        let text = "# x\npasswd:  files [NOTFOUND=return] # sss\n group: files [SUCCESS=merge] sss\n";
        std::fs::write(dir.path().join("nsswitch.conf"), text).unwrap();
        assert!(!serves(dir.path(), "passwd:", &["files"]));
        assert!(serves(dir.path(), "group:", &["files"]));
        assert!(!serves(dir.path(), "shadow:", &["files"]));
    }

    #[test]
    fn an_answer_comes_back_and_a_no_is_a_no() {
        let root = ask("getent", &["passwd", "0"]).unwrap();
        if let Some(line) = root {
            assert!(line.contains(":0:0:"), "{line}");
        } else {
            crate::sys::testing::skip("an_answer_comes_back_and_a_no_is_a_no", &"getent is not installed");
        }
        assert_eq!(ask("getent", &["passwd", "no-such-user-here"]).unwrap(), None);
        assert_eq!(ask("getent", &["passwd", "--help"]).unwrap(), None);
        assert_eq!(ask("no-such-program", &["x"]).unwrap(), None);
    }

    #[test]
    fn a_service_that_is_silent_is_left_in_peace_for_a_while() {
        if !crate::sys::testing::alone(
            "sys::users::directory::tests::a_service_that_is_silent_is_left_in_peace_for_a_while",
        ) {
            return;
        }
        let began = Instant::now();
        // Any program that says nothing will do.
        let error = ask("sleep", &["600"]).unwrap_err();
        assert!(crate::sys::is_scarce(&error), "{error}");
        assert!(began.elapsed() >= Duration::from_millis(DIRECTORY_TIMEOUT_MS));
        let again = Instant::now();
        let error = ask("getent", &["passwd", "x"]).unwrap_err();
        assert!(crate::sys::is_scarce(&error) && error.to_string().contains("asked again later"), "{error}");
        assert!(again.elapsed() < Duration::from_millis(500));
        assert!(!is_resting(Instant::now() + Duration::from_millis(DIRECTORY_REST_MS)));
    }
}

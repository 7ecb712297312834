//! Questions to directory services in a process that must not wait for the answers: they are noted, another process puts
//! them, and who asks again finds what it said. Knows nothing of what they mean.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// A program that asks a directory service, and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub(super) program: String,
    pub(super) args: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// What the program said; nothing where it said no.
    Said(Option<String>),
    /// Nobody answered in time.
    Late(String),
    /// It could not be asked just now.
    Scarce(String),
    /// It could not be asked.
    Failed(String),
}

impl Answer {
    pub(super) fn of(result: io::Result<Option<String>>) -> Self {
        match result {
            Ok(said) => Self::Said(said),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Self::Late(error.to_string()),
            Err(error) => Self::unasked(&error, error.to_string()),
        }
    }

    /// That nobody was asked, for this reason and in these words.
    #[must_use]
    pub fn unasked(error: &io::Error, why: String) -> Self {
        if super::super::is_scarce(error) { Self::Scarce(why) } else { Self::Failed(why) }
    }

    fn into_result(self) -> io::Result<Option<String>> {
        match self {
            Self::Said(said) => Ok(said),
            Self::Late(why) => Err(io::Error::new(io::ErrorKind::TimedOut, why)),
            Self::Scarce(why) => Err(io::Error::new(io::ErrorKind::WouldBlock, why)),
            Self::Failed(why) => Err(io::Error::other(why)),
        }
    }
}

struct Desk {
    never_waits: bool,
    asked: u64,
    open: Vec<Question>,
    answered: Vec<(Question, Answer)>,
}

static DESK: Mutex<Desk> =
    Mutex::new(Desk { never_waits: false, asked: 0, open: Vec::new(), answered: Vec::new() });

fn desk() -> MutexGuard<'static, Desk> {
    DESK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on nothing in this process waits for a directory service: what is not known is an open question, and the error
/// says no more than that.
pub fn never_wait() {
    desk().never_waits = true;
}

/// How often something was not known so far. Who has seen this number grow has not heard the last word.
#[must_use]
pub fn asked() -> u64 {
    desk().asked
}

/// The open questions, at most so many of them, for whoever puts them.
#[must_use]
pub fn take_open(most: usize) -> Vec<Question> {
    let mut desk = desk();
    let count = desk.open.len().min(most);
    desk.open.drain(..count).collect()
}

/// The answers to questions that were taken, until [`forget`].
pub fn learn(answers: Vec<(Question, Answer)>) {
    if answers.iter().any(|(_, answer)| matches!(answer, Answer::Late(_))) {
        super::directory::let_rest();
    }
    let mut desk = desk();
    desk.open.retain(|open| answers.iter().all(|(question, _)| question != open));
    desk.answered.extend(answers);
}

/// Nobody waits for an answer any more: the next who asks shall hear what is true then.
pub fn forget() {
    let mut desk = desk();
    (desk.open, desk.answered) = (Vec::new(), Vec::new());
}

/// What is known of the answer.
pub(super) fn known(question: &Question) -> Option<io::Result<Option<String>>> {
    let desk = desk();
    let answer = desk.answered.iter().rev().find(|(of, _)| of == question);
    answer.map(|(_, answer)| answer.clone().into_result())
}

/// Notes a question where this process must not wait for its answer; whether it is one of those.
pub(super) fn note(question: &Question) -> bool {
    let mut desk = desk();
    if !desk.never_waits {
        return false;
    }
    desk.asked += 1;
    if !desk.open.contains(question) {
        desk.open.push(question.clone());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::users;

    #[test]
    fn who_must_not_wait_leaves_a_question_and_finds_the_answer_until_it_is_forgotten() {
        let test = "sys::users::questions::tests::who_must_not_wait_leaves_a_question_and_finds_the_answer_until_it_is_forgotten";
        if !crate::sys::testing::alone(test) {
            return;
        }
        let etc = tempfile::tempdir().unwrap();
        std::fs::write(etc.path().join("nsswitch.conf"), "passwd: files far\n").unwrap();
        if super::super::directory::path_of("getent").is_none() {
            return crate::sys::testing::skip(test, &"getent is not installed");
        }
        never_wait();
        let ask = || users::user_in(etc.path(), "joe");
        assert!(crate::sys::is_scarce(&ask().unwrap_err()), "it may well be known later");
        ask().unwrap_err();
        assert_eq!(asked(), 2);
        let open = take_open(7);
        let words = ["passwd", "joe"].map(str::to_owned).to_vec();
        assert_eq!(open, [Question { program: "getent".to_owned(), args: words }], "once is enough");
        assert_eq!(take_open(7), []);
        let said = |text: Option<&str>| vec![(open[0].clone(), Answer::Said(text.map(str::to_owned)))];
        learn(said(Some("joe:x:7:8::/home/joe:/bin/sh\n")));
        assert_eq!(ask().unwrap().map(|user| (user.uid, user.gid)), Some((7, 8)));
        learn(said(None));
        assert_eq!(ask().unwrap(), None, "what was said last counts");
        forget();
        ask().unwrap_err();
        learn(vec![(open[0].clone(), Answer::Late("too late".to_owned()))]);
        assert_eq!(ask().unwrap_err().to_string(), "too late");
        assert_eq!(take_open(7), [], "what is answered is no open question");
        forget();
        assert!(ask().unwrap_err().to_string().contains("asked again later"));
        assert_eq!(take_open(7), [], "who does not answer is left in peace");
    }
}

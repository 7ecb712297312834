//! What waits for a directory service: the start of a run whose user only that knows, a call of somebody who may be one of
//! its users, a reload. A short-lived process of ebbd's own binary asks, so that nobody else waits; with the answers at hand
//! all of it is done anew. Knows nothing of users.

use std::io;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{ClientId, Order};
use crate::journal::record::RunId;
use crate::limits;
use crate::protocol::{Refusal, Request};
use crate::sys::users::{self, Answer, Question};
use crate::words::OutputTo;

use super::access::Caller;
use super::beside;
use super::input::Input;
use super::leave::Call;
use super::shell::Shell;

/// The first argument of an ebbd that asks; the questions follow. Not for people.
pub(super) const FLAG: &str = "--ask-directory";

/// Something that waits.
pub(super) enum Deferred {
    /// A run is to be started.
    Start(Order),
    /// A client's call.
    Call(Call),
    /// A client has its status up to this job.
    Status { client: ClientId, caller: Arc<Caller>, next: usize },
    /// The job files are to be read again.
    Reload,
}

/// All that waits.
#[derive(Default)]
pub(super) struct Asking {
    deferred: Vec<Deferred>,
    /// Whether the directory service is being asked.
    is_under_way: bool,
}

impl Asking {
    /// Whether a reload waits, of which the next ebbd would not know.
    pub(super) fn has_reload(&self) -> bool {
        self.deferred.iter().any(|what| matches!(what, Deferred::Reload))
    }

    /// Lets go of a run that was to be started; whether it was.
    pub(super) fn forget_start(&mut self, run: RunId) -> bool {
        let before = self.deferred.len();
        self.deferred.retain(|what| !matches!(what, Deferred::Start(order) if order.run == run));
        self.deferred.len() < before
    }
}

impl Shell {
    /// Does it later, once the questions that it has left are answered.
    pub(super) fn defer(&mut self, what: Deferred) {
        self.asking.deferred.push(what);
        if !self.asking.is_under_way {
            self.ask_directory();
        }
    }

    fn ask_directory(&mut self) {
        self.asking.is_under_way = true;
        let questions = users::take_open(limits::DIRECTORY_QUESTIONS_MAX);
        let input = self.input.clone();
        tokio::spawn(async move {
            let answers = ask(&questions).await;
            let _ = input.send(Input::Answered(questions.into_iter().zip(answers).collect()));
        });
    }

    /// The directory service has answered, or not: what waited is done anew, and waits on where that has led to more
    /// questions.
    pub(super) fn answered(&mut self, answers: Vec<(Question, Answer)>) {
        users::learn(answers);
        for _ in 0..self.asking.deferred.len() {
            // One may have been taken back by the one before.
            if self.asking.deferred.is_empty() {
                break;
            }
            match self.asking.deferred.remove(0) {
                Deferred::Start(order) => self.start_order(order),
                // What is not answered any more has not been accepted.
                Deferred::Call(call) if !self.clients.iter().any(|c| c.id == call.client) => {}
                Deferred::Call(call) if self.is_over || self.pause.is_some() => self.call_too_late(call),
                Deferred::Call(Call { client, caller, request, more, staged }) => {
                    self.call(client, &caller, request, more, staged);
                }
                Deferred::Status { client, caller, next } => self.more_status(client, &caller, next),
                Deferred::Reload => self.reload(),
            }
        }
        self.asking.is_under_way = false;
        if self.asking.deferred.is_empty() {
            self.asking.deferred = Vec::new();
            users::forget();
        } else {
            self.ask_directory();
        }
    }

    /// ebbd is about to go: what has not begun does not begin here. With `all` nobody waits on, else what the next one could
    /// not go on with.
    pub(super) fn give_up_asking(&mut self, all: bool) {
        for what in std::mem::take(&mut self.asking.deferred) {
            match what {
                Deferred::Start(order) => {
                    if let Some(pause) = &mut self.pause {
                        pause.starts.push(order);
                    }
                }
                Deferred::Call(call) => self.call_too_late(call),
                Deferred::Status { client, .. } if all => self.refuse(client, &Refusal::ShuttingDown),
                Deferred::Reload if all => {}
                what @ (Deferred::Status { .. } | Deferred::Reload) => self.asking.deferred.push(what),
            }
        }
    }

    /// Whether all is known that decides who may do what a call asks for, and whose output it asks for.
    pub(super) fn knows_all_for(&self, caller: &Caller, request: &Request) -> bool {
        // Whose output it is, is asked even where nobody asks who may.
        if self.gate.has_control(caller) && !matches!(request, Request::Logs { .. }) {
            return true;
        }
        let all_jobs = || drop(self.may_see(caller));
        let right = |job: &str| {
            let _ = self.right(caller, job);
        };
        let asked = users::asked();
        match request {
            Request::RunNow(run) => right(&run.job),
            Request::Stop { job: Some(job), .. }
            | Request::Status { job: Some(job) }
            | Request::Pause { job }
            | Request::Resume { job }
            | Request::Next { job } => right(job),
            Request::Logs { job, .. } => {
                right(job);
                if let Some(job) = self.definition(job).filter(|job| job.output.to == OutputTo::Journal) {
                    drop(self.become_whom(&job));
                }
            }
            Request::Stop { job: None, run: Some(run) } | Request::Wait { run } => {
                self.engine.job_of(*run).map_or_else(all_jobs, right);
            }
            Request::History(_) => all_jobs(),
            // A status of all jobs is made one by one, and a reload finds out by itself.
            Request::Status { job: None }
            | Request::Stop { job: None, run: None }
            | Request::Input { .. }
            | Request::Reload
            | Request::Upgrade
            | Request::Doctor
            | Request::Budget
            | Request::GetInfo
            | Request::GetInterfaceDescription { .. } => return true,
        }
        users::asked() == asked
    }
}

/// The answers to all questions, in their order; that there are none, where nobody can be asked.
async fn ask(questions: &[Question]) -> Vec<Answer> {
    match put(questions).await {
        Ok(answers) if answers.len() == questions.len() => answers,
        Ok(_) => vec![
            Answer::Failed("the directory service was asked and nothing was heard".to_owned());
            questions.len()
        ],
        Err(error) => {
            let answer = Answer::unasked(&error, format!("cannot ask the directory service: {error}"));
            vec![answer; questions.len()]
        }
    }
}

async fn put(questions: &[Question]) -> io::Result<Vec<Answer>> {
    let (pipe, end) = io::pipe()?;
    // Also after an installation has replaced the file, it is this ebbd's own version.
    let mut command = Command::new("/proc/self/exe");
    command.arg(FLAG).env_clear().stdin(Stdio::null()).stdout(end).stderr(Stdio::null());
    for question in questions {
        command.arg(serde_json::to_string(question)?);
    }
    let count = questions.len() as u64;
    // Each has its time; what is not said by then will not be.
    let patience = Duration::from_millis((count + 1).saturating_mul(limits::DIRECTORY_TIMEOUT_MS));
    // In JSON a character may take six.
    let most = count.saturating_mul(6 * limits::DIRECTORY_ANSWER_MAX as u64 + 64);
    Ok(serde_json::from_slice(&beside::all_it_says(command, pipe, most, patience).await?)?)
}

/// The other process: it asks and says what it has heard. None where the arguments are not of that kind.
pub(super) fn main<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<ExitCode> {
    words.next().filter(|word| *word == FLAG)?;
    let answers: Vec<Answer> = words
        .map(|word| match serde_json::from_str(word) {
            Ok(question) => users::put(&question),
            Err(error) => Answer::Failed(format!("`{word}` is no question: {error}")),
        })
        .collect();
    let said = serde_json::to_writer(io::stdout(), &answers);
    Some(if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

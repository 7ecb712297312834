//! One handler a request: who may, then either an event for the engine or an answer from what is known.

use std::sync::Arc;

use crate::engine::{ClientId, Event, Reply as Decided, Target};
use crate::job::Definition;
use crate::journal::record::{Payload, RunId};
use crate::journal::{History, Query, Staged};
use crate::protocol::{
    DESCRIPTION, HistoryQuery, INTERFACE, LogFile, NextReply, Refusal, Reply, Request, RunNow, RunNowReply,
    SERVICE_DESCRIPTION, SERVICE_INTERFACE, ServiceInfo, StopReply, encode,
};

use super::access::{Caller, Right};
use super::client::Answer;
use super::directory::Deferred;
use super::history::{HistoryStream, Search};
use super::leave::Call;
use super::shell::{Shell, Wish};

type Handled<T> = Result<T, Refusal>;

impl Shell {
    /// Takes a client's call.
    pub(super) fn call(
        &mut self,
        client: ClientId,
        caller: &Arc<Caller>,
        request: Request,
        more: bool,
        staged: Option<Staged>,
    ) {
        if !self.knows_all_for(caller, &request) {
            let caller = Arc::clone(caller);
            return self.defer(Deferred::Call(Call { client, caller, request, more, staged }));
        }
        if let Err(refusal) = self.try_call(client, caller, request, more, staged) {
            tracing::debug!(client, uid = caller.uid, "refused: {refusal}");
            self.refuse(client, &refusal);
        }
    }

    fn try_call(
        &mut self,
        client: ClientId,
        caller: &Arc<Caller>,
        request: Request,
        more: bool,
        staged: Option<Staged>,
    ) -> Handled<()> {
        match request {
            Request::RunNow(run) => self.run_now(client, caller, run, more, staged),
            Request::Input { .. } => Err(Refusal::BadFrame("`Input` belongs to its connection".to_owned())),
            Request::Wait { run } => self.wait(client, caller, run),
            Request::Stop { job, run } => self.stop(client, caller, job, run),
            Request::Pause { job } => {
                self.switch(client, caller, &job, |client, job| Event::Pause { client, job })
            }
            Request::Resume { job } => {
                self.switch(client, caller, &job, |client, job| Event::Resume { client, job })
            }
            Request::Status { job } => self.status(client, caller, job, more),
            Request::Next { job } => self.next(client, caller, &job),
            Request::History(query) => self.history(client, caller, query, more),
            Request::Logs { job, run } => self.logs(client, caller, &job, run),
            Request::Reload => {
                self.needs_control(caller, "reload job files")?;
                match self.try_reload() {
                    Some(report) => self.answer(client, &report),
                    None => {
                        let call = Call { client, caller: Arc::clone(caller), request, more, staged };
                        self.defer(Deferred::Call(call));
                    }
                }
                Ok(())
            }
            Request::Upgrade => self.ask_upgrade(client, caller),
            Request::Doctor => self.doctor(client, caller),
            Request::Budget => self.tell_budget(client),
            Request::GetInfo => {
                self.answer(client, &service_info());
                Ok(())
            }
            Request::GetInterfaceDescription { interface } => self.describe(client, interface),
        }
    }

    fn run_now(
        &mut self,
        client: ClientId,
        caller: &Caller,
        run: RunNow,
        more: bool,
        staged: Option<Staged>,
    ) -> Handled<()> {
        let definition = self.needs(caller, &run.job, Right::Run)?;
        let payload = accept(&definition, run.args, run.environment.into_iter().collect(), staged.as_ref())?;
        let wish = match (run.wait, more) {
            (false, _) => Wish::Accepted,
            (true, false) => Wish::Result,
            (true, true) => Wish::Both,
        };
        if let Some(connected) = self.clients.iter_mut().find(|c| c.id == client) {
            connected.wish = wish;
        }
        self.staged = staged;
        self.handle(Event::Demand { client, job: run.job, payload, uid: caller.uid });
        // A demand that was merged into an equal one has no use for its payload.
        self.staged = None;
        Ok(())
    }

    /// Waits for a run that has not ended; one that has is looked up in the journal.
    fn wait(&mut self, client: ClientId, caller: &Caller, run: RunId) -> Handled<()> {
        if self.engine.job_of(run).is_some() {
            self.job_of_visible(caller, run)?;
            if let Some(connected) = self.clients.iter_mut().find(|c| c.id == client) {
                connected.wish = Wish::Result;
            }
            self.waiting.push((run, client));
            return Ok(());
        }
        if run >= self.engine.next_run() {
            return Err(Refusal::NoSuchRun(run));
        }
        let history = History::open(self.journal.dir(), Query::default())
            .map_err(|e| Refusal::System(format!("the journal can't be read: {e}")))?;
        let search = Search::new(history, run, self.may_see(caller));
        self.send(client, Answer::Search(Box::new(search)));
        Ok(())
    }

    fn stop(
        &mut self,
        client: ClientId,
        caller: &Caller,
        job: Option<String>,
        run: Option<RunId>,
    ) -> Handled<()> {
        let target = match (job, run) {
            (Some(job), _) => {
                // The runs of a job that was removed meanwhile can be stopped all the same.
                let is_stray = self.engine.stray_runs().any(|(of, _)| of == job);
                if !is_stray || !self.gate.has_control(caller) {
                    self.needs(caller, &job, Right::Run)?;
                }
                Target::Job(job)
            }
            (None, Some(run)) => {
                let job = self.job_of_visible(caller, run)?;
                // The run of a job that was removed meanwhile can be stopped all the same.
                if self.right(caller, &job) < Right::Run {
                    self.needs(caller, &job, Right::Run)?;
                }
                Target::Run(run)
            }
            (None, None) => return Err(Refusal::InvalidParameter("name either a job or a run".to_owned())),
        };
        self.handle(Event::Stop { client, target });
        Ok(())
    }

    fn switch(
        &mut self,
        client: ClientId,
        caller: &Caller,
        job: &str,
        event: impl Fn(ClientId, String) -> Event,
    ) -> Handled<()> {
        self.needs(caller, job, Right::Control)?;
        self.handle(event(client, job.to_owned()));
        Ok(())
    }

    fn next(&mut self, client: ClientId, caller: &Caller, job: &str) -> Handled<()> {
        let definition = self.needs(caller, job, Right::View)?;
        let index = self.engine.job_index(job).ok_or_else(|| Refusal::NoSuchJob(job.to_owned()))?;
        let view = self.engine.job(index).ok_or_else(|| Refusal::NoSuchJob(job.to_owned()))?;
        let timing = definition.timing;
        let reply = NextReply {
            job: job.to_owned(),
            schedule: timing.schedules,
            every_ms: timing.every_ms,
            timezone: timing.timezone.unwrap_or_else(crate::sys::zoneinfo::host_zone),
            jitter_ms: timing.jitter_ms,
            next: view.next.map(|next| next.at.to_string()),
            enabled: view.enabled,
            paused: view.paused,
        };
        self.answer(client, &reply);
        Ok(())
    }

    fn history(
        &mut self,
        client: ClientId,
        caller: &Arc<Caller>,
        query: HistoryQuery,
        more: bool,
    ) -> Handled<()> {
        if !more && query.limit != Some(1) {
            return Err(Refusal::ExpectedMore);
        }
        if let Some(job) = &query.job
            && !self.gate.has_control(caller)
        {
            self.needs(caller, job, Right::View)?;
        }
        let wanted = Query {
            job: query.job,
            since: query.since_ms.map(crate::clock::Wall),
            outcome: query.outcome,
            limit: None,
        };
        let history = History::open(self.journal.dir(), wanted)
            .map_err(|e| Refusal::System(format!("the journal can't be read: {e}")))?;
        let stream = HistoryStream::new(history, query.limit, self.may_see(caller));
        self.send(client, Answer::History(Box::new(stream)));
        Ok(())
    }

    fn logs(&mut self, client: ClientId, caller: &Caller, job: &str, run: Option<RunId>) -> Handled<()> {
        let definition = self.needs(caller, job, Right::View)?;
        let no_output = || match run {
            Some(run) => Refusal::NoSuchRun(run),
            None => Refusal::InvalidParameter(format!(
                "`{job}` has no output; `ebb history {job}` says how its runs ended"
            )),
        };
        let file = self
            .outputs()
            .open(job, run)
            .map_err(|e| Refusal::System(format!("the output of `{job}` can't be opened: {e}")))?;
        if let Some(found) = self.in_journal(&definition, run, file.as_ref().map(|(run, _)| *run)) {
            self.answer(client, &found);
            return Ok(());
        }
        let (run, file) = file.ok_or_else(no_output)?;
        let finished = !self.live.iter().any(|live| live.id == run);
        let found = LogFile { run, finished, journal: Vec::new() };
        let bytes = encode(&Reply { parameters: found, continues: false })
            .map_err(|e| Refusal::System(e.to_string()))?;
        self.send(client, Answer::WithFile { bytes, file: file.into() });
        Ok(())
    }

    fn describe(&mut self, client: ClientId, interface: String) -> Handled<()> {
        let description = match interface.as_str() {
            INTERFACE => DESCRIPTION,
            SERVICE_INTERFACE => SERVICE_DESCRIPTION,
            _ => return Err(Refusal::InterfaceNotFound(interface)),
        };
        self.answer(client, &serde_json::json!({ "description": description }));
        Ok(())
    }

    /// What the engine decided about a client's call, as the client reads it.
    pub(super) fn answer_reply(&mut self, client: ClientId, reply: Decided) {
        match reply {
            Decided::Accepted { run, merged } => self.accepted(client, run, merged),
            Decided::Stopping { runs } => self.answer(client, &StopReply { runs }),
            Decided::Done => self.answer(client, &serde_json::json!({})),
            Decided::NoSuchJob { job } => self.refuse(client, &Refusal::NoSuchJob(job)),
            Decided::NoSuchRun { run } => self.refuse(client, &Refusal::NoSuchRun(run)),
            Decided::QueueFull { limit } => {
                let why = format!("{limit} runs of the job wait already, which is its `queue-limit`");
                self.refuse(client, &Refusal::QueueFull(why));
            }
            Decided::NeverFits { why } => self.refuse(client, &Refusal::NeverFits(why)),
            Decided::ShuttingDown => self.refuse(client, &Refusal::ShuttingDown),
            Decided::NotKept => {
                let why = "it is done, but could not be written to the journal: should ebbd die before it can be, it is \
                           forgotten; ebbd's log says why";
                self.refuse(client, &Refusal::System(why.to_owned()));
            }
            Decided::NotRecorded => {
                let why = "the demand could not be written to the journal, so it was not accepted; ebbd's log says why";
                self.refuse(client, &Refusal::System(why.to_owned()));
            }
        }
    }

    fn accepted(&mut self, client: ClientId, run: RunId, merged: bool) {
        let wish = self.clients.iter().find(|c| c.id == client).map_or(Wish::Accepted, |c| c.wish);
        let reply = RunNowReply { run, merged, result: None };
        match wish {
            Wish::Accepted => self.answer(client, &reply),
            Wish::Result => self.waiting.push((run, client)),
            Wish::Both => {
                self.reply(client, &reply, true);
                self.waiting.push((run, client));
            }
        }
    }
}

/// What a demand brings along, as far as the job's `[accept]` takes it.
fn accept(
    job: &Definition,
    args: Vec<String>,
    env: Vec<(String, String)>,
    staged: Option<&Staged>,
) -> Handled<Payload> {
    let refuse = |what: &str, key: &str| {
        Err(Refusal::NotAccepted(format!("`{}` takes no {what}: its file has no `[accept] {key}`", job.name)))
    };
    if !args.is_empty() && !job.accept.args {
        return refuse("arguments", "args = true");
    }
    if let Some((name, _)) = env.iter().find(|(name, _)| !job.accept.environment.contains(name)) {
        return refuse(&format!("environment variable {name}"), &format!("environment = [\"{name}\"]"));
    }
    if staged.is_some() && !job.accept.input {
        return refuse("input", "input = true");
    }
    Ok(Payload { args, env, input: staged.map(Staged::input) })
}

fn service_info() -> ServiceInfo {
    ServiceInfo {
        vendor: "ebb".to_owned(),
        product: "ebbd".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: "https://varlink.org".to_owned(),
        interfaces: vec![SERVICE_INTERFACE.to_owned(), INTERFACE.to_owned()],
    }
}

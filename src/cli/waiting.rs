//! Waiting for a run's end, also across an ebbd that goes and comes back: an accepted run is on record, so it is asked
//! for again. Prints nothing but that.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::journal::HistoryLine;
use crate::journal::record::RunId;
use crate::limits;
use crate::protocol::Reply;

use super::connection::Connection;
use super::failure::Failure;
use super::target::Target;

/// Between two attempts to reach an ebbd that has gone.
const ATTEMPT: Duration = Duration::from_millis(200);

/// A run whose end is awaited.
pub(super) struct Waiting<'a> {
    target: &'a Target,
    connection: Connection,
    run: RunId,
    patience: Duration,
}

/// What is of interest in the replies of `RunNow` and of `Wait`.
#[derive(serde::Deserialize)]
struct Ended {
    #[serde(default)]
    result: Option<HistoryLine>,
}

impl<'a> Waiting<'a> {
    /// Goes on with a connection on which a reply with the end is still to come.
    pub(super) const fn on(target: &'a Target, connection: Connection, run: RunId) -> Self {
        Self { target, connection, run, patience: Duration::from_millis(limits::RECONNECT_MS) }
    }

    /// Asks for the end of a run.
    ///
    /// # Errors
    /// Those of a connection.
    pub(super) fn ask(target: &'a Target, run: RunId) -> Result<Self, Failure> {
        let mut connection = target.connect()?;
        connection.send("Wait", &json!({ "run": run }), false)?;
        Ok(Self::on(target, connection, run))
    }

    /// The end; `None` where `patience` has passed before it came. Without patience it waits for ever.
    ///
    /// # Errors
    /// What ebbd refuses, and an ebbd that has gone and does not come back.
    pub(super) fn end(
        &mut self,
        patience: Option<Duration>,
        err: &mut dyn Write,
    ) -> Result<Option<HistoryLine>, Failure> {
        loop {
            let reply: Result<Option<Reply<Ended>>, Failure> = self.connection.reply_within(patience);
            match reply {
                Ok(Some(reply)) if reply.parameters.result.is_some() => return Ok(reply.parameters.result),
                // A reply without an end tells nothing new.
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(Failure::Gone(why)) => self.reconnect(&why, err)?,
                Err(failure) => return Err(failure),
            }
        }
    }

    fn reconnect(&mut self, why: &str, err: &mut dyn Write) -> Result<(), Failure> {
        let run = self.run;
        writeln!(
            err,
            "{why}. Run {run} is on record; waiting up to {} s for ebbd to come back",
            self.patience.as_secs()
        )?;
        let deadline = Instant::now() + self.patience;
        loop {
            match Self::ask(self.target, run) {
                Ok(again) => {
                    self.connection = again.connection;
                    return Ok(());
                }
                Err(Failure::NoDaemon(_) | Failure::Gone(_)) if Instant::now() < deadline => {
                    std::thread::sleep(ATTEMPT);
                }
                Err(failure) => {
                    writeln!(
                        err,
                        "how run {run} ended is not known here; `ebb history` tells once ebbd is back"
                    )?;
                    return Err(failure);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ended::tests::line;
    use crate::cli::testing::Fake;
    use crate::words::Outcome;

    #[test]
    fn the_end_is_asked_for_again_when_ebbd_has_gone_and_is_back() {
        let mut asked = 0;
        let fake = Fake::serve(move |call, peer| {
            assert_eq!(call.method, "io.ebb.Control.Wait");
            asked += 1;
            match asked {
                1 => peer.close(),
                2 => peer.raw(b"{\"parameters\":{\"res"),
                _ => peer.say(&json!({ "result": line(Outcome::Success) })),
            }
            if asked == 2 {
                peer.close();
            }
        });
        let target = fake.target();
        let mut err = Vec::new();
        let end = Waiting::ask(&target, 42).unwrap().end(None, &mut err).unwrap();
        assert_eq!(end.map(|line| line.outcome), Some(Outcome::Success));
        let err = String::from_utf8(err).unwrap();
        assert_eq!(err.matches("Run 42 is on record").count(), 2, "{err}");
    }

    #[test]
    fn an_ebbd_that_does_not_come_back_is_no_daemon() {
        let fake = Fake::serve(|_, peer| peer.close());
        let target = fake.target();
        let mut waiting = Waiting::ask(&target, 42).unwrap();
        waiting.patience = Duration::ZERO;
        drop(fake);
        let mut err = Vec::new();
        let failure = waiting.end(None, &mut err).unwrap_err();
        assert_eq!(failure.exit_code().0, 69);
        assert!(String::from_utf8(err).unwrap().contains("`ebb history` tells"));
    }
}

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
/// An ebbd that was back for less than this has not come back.
const STAY: Duration = Duration::from_secs(1);

/// A run whose end is awaited.
pub(super) struct Waiting<'a> {
    target: &'a Target,
    connection: Connection,
    run: RunId,
    patience: Duration,
    /// Once ebbd has gone: when the client gives up, and when it last came back.
    away: Option<(Instant, Instant)>,
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
        let patience = Duration::from_millis(limits::RECONNECT_MS);
        Self { target, connection, run, patience, away: None }
    }

    /// Asks for the end of a run.
    ///
    /// # Errors
    /// Those of a connection.
    pub(super) fn ask(target: &'a Target, run: RunId) -> Result<Self, Failure> {
        Ok(Self::on(target, question(target, run)?, run))
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
                Err(failure) if failure.may_pass() => self.reconnect(&failure, err)?,
                Err(failure) => return Err(failure),
            }
        }
    }

    fn reconnect(&mut self, why: &Failure, err: &mut dyn Write) -> Result<(), Failure> {
        let run = self.run;
        let deadline = match self.away {
            Some((deadline, back)) if back.elapsed() < STAY => deadline,
            Some(_) | None => {
                let seconds = self.patience.as_secs();
                writeln!(
                    err,
                    "{why}. Run {run} is on record; waiting up to {seconds} s for ebbd to come back"
                )?;
                Instant::now() + self.patience
            }
        };
        while Instant::now() < deadline {
            std::thread::sleep(ATTEMPT);
            match question(self.target, run) {
                Ok(connection) => {
                    self.connection = connection;
                    self.away = Some((deadline, Instant::now()));
                    return Ok(());
                }
                Err(failure) if failure.may_pass() => {}
                Err(failure) => return Err(failure),
            }
        }
        writeln!(err, "how run {run} ended is not known here; `ebb history` tells once ebbd is back")?;
        Err(Failure::NoDaemon(format!("ebbd has gone and not come back: {why}")))
    }
}

fn question(target: &Target, run: RunId) -> Result<Connection, Failure> {
    let mut connection = target.connect()?;
    connection.send("Wait", &json!({ "run": run }), false)?;
    Ok(connection)
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
        assert_eq!(err.matches("Run 42 is on record").count(), 1, "{err}");
    }

    #[test]
    fn an_ebbd_that_is_about_to_end_is_asked_again_and_one_that_makes_no_sense_is_not() {
        let mut asked = 0;
        let fake = Fake::serve(move |_, peer| {
            asked += 1;
            match asked {
                1 => peer.refuse(&crate::protocol::Refusal::ShuttingDown),
                _ => peer.say(&json!({ "result": "a word from the future" })),
            }
        });
        let target = fake.target();
        let failure = Waiting::ask(&target, 42).unwrap().end(None, &mut Vec::new()).unwrap_err();
        assert!(matches!(failure, Failure::Garbled(_)), "{failure}");
        assert_eq!(fake.calls().len(), 2);
    }

    #[test]
    fn an_ebbd_that_comes_back_and_goes_again_gets_no_new_time() {
        let fake = Fake::serve(|_, peer| peer.close());
        let target = fake.target();
        let mut waiting = Waiting::ask(&target, 42).unwrap();
        waiting.patience = 3 * ATTEMPT;
        let failure = waiting.end(None, &mut Vec::new()).unwrap_err();
        assert_eq!(failure.exit_code().0, 69);
        assert!((2..=4).contains(&fake.calls().len()), "{}", fake.calls().len());
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

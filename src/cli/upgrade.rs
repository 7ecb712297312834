//! `ebb upgrade`: ebbd puts its binary, as it is on disk now, in its own place, and the new one answers.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::exit;
use crate::limits;
use crate::protocol::{DoctorReport, UpgradeReport};

use super::args;
use super::failure::{Done, Failure};
use super::screen::Screen;
use super::target::Target;

/// Between two attempts to reach an ebbd that has gone.
const ATTEMPT: Duration = Duration::from_millis(200);

pub(super) fn run(args: &args::Plain, target: &Target, screen: &mut Screen) -> Done {
    let mut connection = target.connect()?;
    connection.send("Upgrade", &json!({}), false)?;
    let report = match connection.reply::<UpgradeReport>() {
        Ok(reply) => reply.parameters,
        Err(Failure::Gone(why)) => {
            writeln!(screen.err, "{why}. Looking for the new ebbd")?;
            look_for_it(target, &why)?
        }
        Err(failure) => return Err(failure),
    };
    if args.json {
        screen.json(&report)?;
    } else {
        screen.say(&sentence(&report))?;
    }
    Ok(exit::OK)
}

/// Who has begun anew instead of going on does not know of the call: it says which version it is.
fn look_for_it(target: &Target, why: &str) -> Result<UpgradeReport, Failure> {
    let deadline = Instant::now() + Duration::from_millis(limits::RECONNECT_MS);
    while Instant::now() < deadline {
        std::thread::sleep(ATTEMPT);
        match target.connect().and_then(|mut c| c.call::<DoctorReport>("Doctor", &json!({}))) {
            Ok(DoctorReport { version, pid, .. }) => {
                return Ok(UpgradeReport { version, earlier: String::new(), pid });
            }
            Err(Failure::NoDaemon(_) | Failure::Gone(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::NoDaemon(format!("ebbd has gone for its upgrade and not come back: {why}")))
}

fn sentence(report: &UpgradeReport) -> String {
    let UpgradeReport { version, earlier, pid } = report;
    if earlier.is_empty() {
        format!("ebbd {version} (pid {pid}) answers; it has begun anew and taken the runs over")
    } else if earlier == version {
        format!("ebbd {version} has taken over in place (pid {pid})")
    } else {
        format!("ebbd {version} has taken over in place from {earlier} (pid {pid})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Fake;

    #[test]
    fn a_connection_that_breaks_is_followed_by_the_question_who_is_there_now() {
        let fake = Fake::serve(|call, peer| {
            if call.method.ends_with("Upgrade") {
                peer.close();
            } else {
                peer.say(
                    &json!({"version": "9.9.9", "pid": 7, "uid": 0, "enforcement": "none", "tracking": "",
                    "reasons": [], "jobs": "", "state": "", "job_count": 0, "problems": []}),
                );
            }
        });
        let target = fake.target();
        let report = look_for_it(&target, "it broke").unwrap();
        assert_eq!(
            sentence(&report),
            "ebbd 9.9.9 (pid 7) answers; it has begun anew and taken the runs over"
        );
    }

    #[test]
    fn the_sentence_names_both_versions_where_they_differ() {
        let report = UpgradeReport { version: "0.2.0".to_owned(), earlier: "0.1.0".to_owned(), pid: 42 };
        assert_eq!(sentence(&report), "ebbd 0.2.0 has taken over in place from 0.1.0 (pid 42)");
        let same = UpgradeReport { earlier: "0.2.0".to_owned(), ..report };
        assert_eq!(sentence(&same), "ebbd 0.2.0 has taken over in place (pid 42)");
    }
}

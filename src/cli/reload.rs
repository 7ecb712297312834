//! `ebb reload`: ebbd reads the job files again, and what it found is shown.

use serde_json::json;

use crate::exit;
use crate::protocol::ReloadReport;

use super::args;
use super::failure::Done;
use super::figures::counted;
use super::screen::Screen;
use super::target::Target;

pub(super) fn run(args: &args::Plain, target: &Target, screen: &mut Screen) -> Done {
    let report: ReloadReport = target.connect()?.call("Reload", &json!({}))?;
    if args.json {
        screen.json(&report)?;
    } else {
        screen.problems(report.problems.iter().map(String::as_str))?;
        screen.say(&sentence(&report))?;
    }
    Ok(if report.problems.is_empty() { exit::OK } else { exit::CONFIG })
}

fn sentence(report: &ReloadReport) -> String {
    let mut parts = vec![counted(report.jobs, "job") + " in force"];
    for (what, names) in
        [("added", &report.added), ("changed", &report.changed), ("removed", &report.removed)]
    {
        if !names.is_empty() {
            parts.push(format!("{what}: {}", names.join(" ")));
        }
    }
    if parts.len() == 1 {
        parts.push("nothing has changed".to_owned());
    }
    if !report.problems.is_empty() {
        let problems = counted(report.problems.len() as u64, "problem");
        parts.push(format!("{problems}; a file with a problem leaves its loaded version in force"));
    }
    parts.join("; ")
}

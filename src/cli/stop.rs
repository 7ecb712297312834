//! `ebb stop`: ends a run, or all runs of a job.

use serde_json::json;

use crate::exit;
use crate::protocol::StopReply;

use super::args;
use super::failure::Done;
use super::screen::Screen;
use super::target::Target;

pub(super) fn run(args: &args::Stop, target: &Target, screen: &mut Screen) -> Done {
    let what = match &args.job {
        Some(job) => json!({ "job": job }),
        None => json!({ "run": args.run }),
    };
    let stopped: StopReply = target.connect()?.call("Stop", &what)?;
    if args.json {
        screen.json(&stopped)?;
    } else {
        screen.say(&sentence(&stopped.runs, args.job.as_deref()))?;
    }
    Ok(exit::OK)
}

fn sentence(runs: &[u64], job: Option<&str>) -> String {
    let of = job.map_or_else(String::new, |job| format!(" of {job}"));
    match runs {
        [] => format!("no run{of} waits or is under way"),
        [run] => format!("run {run}{of} is being stopped"),
        runs => {
            let runs: Vec<_> = runs.iter().map(u64::to_string).collect();
            format!("runs {}{of} are being stopped", runs.join(", "))
        }
    }
}

//! `ebb pause` and `ebb resume`: whether a job's own triggers count.

use serde::de::IgnoredAny;
use serde_json::json;

use super::args;
use super::failure::Done;
use super::screen::Screen;
use super::target::Target;
use crate::exit;

pub(super) fn pause(args: &args::OneJob, target: &Target, screen: &mut Screen) -> Done {
    let said =
        format!("{0} is paused: it does not start by itself; `ebb run-now {0}` still starts it", args.job);
    switch("Pause", true, &said, args, target, screen)
}

pub(super) fn resume(args: &args::OneJob, target: &Target, screen: &mut Screen) -> Done {
    let said = format!("{} starts by itself again; what passed meanwhile is not made up for", args.job);
    switch("Resume", false, &said, args, target, screen)
}

fn switch(
    method: &str,
    is_paused: bool,
    said: &str,
    args: &args::OneJob,
    target: &Target,
    screen: &mut Screen,
) -> Done {
    let _: IgnoredAny = target.connect()?.call(method, &json!({ "job": args.job }))?;
    if args.json {
        screen.json(&json!({ "job": args.job, "paused": is_paused }))?;
    } else {
        screen.say(said)?;
    }
    Ok(exit::OK)
}

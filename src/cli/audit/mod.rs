//! `ebb audit`: what rests on the memory of this host, and which of it could be a job. The window, the table, the findings.

mod bills;
mod docker;
mod earlier;
mod imports;
mod machine;
mod python;
mod ranking;
mod sentences;
mod served;
mod watch;
mod write;

use jiff::Timestamp;
use unicode_width::UnicodeWidthChar as _;

use crate::audit::{Finding, findings, services};
use crate::exit;
use crate::limits;
use crate::sys::meminfo;
use crate::words::AuditRule;

use super::args;
use super::failure::{Done, Failure};
use super::figures::wrapped;
use super::figures::{self, counted, size};
use super::screen::{HEADING, LIVELY, NOTICE, QUIET, Screen};
use super::table::INDENT;

use ranking::Judged;
use watch::{Seen, Wish};

/// Columns of what is found where no terminal says how many there are.
const WIDTH: u16 = 110;

pub(super) fn run(args: &args::Audit, screen: &mut Screen) -> Done {
    let wish = Wish { window_ms: args.window_ms, is_touched: args.touch, service: args.service.as_deref() };
    args.write.as_deref().map_or(Ok(()), write::may_write)?;
    let mut seen = watch::look(wish, |passed| progress(passed, args.window_ms, screen))
        .map_err(|error| Failure::system("the processes of this host can't be looked at", &error))?;
    fleeting("", screen);
    if let Some(word) = args.service.as_ref().filter(|_| seen.wanted.is_empty()) {
        return Err(nothing(word, seen.hidden));
    }
    let weighed = if args.imports {
        imports::weigh(&mut seen, |name, at, all| {
            let told = format!("importing what {} imports, {at} of {all}", figures::one_line(name));
            fleeting(&told, screen);
        })
        .map(Some)?
    } else {
        None
    };
    fleeting("", screen);
    let now = Timestamp::now();
    let now_ms = now.as_millisecond();
    let mut earlier = earlier::Earlier::open(args.state.as_deref());
    earlier.meet(&mut seen.observation.processes, now_ms);
    let mut judged = judge(&seen, now_ms);
    judged.retain(|one| one.service.members.iter().any(|it| seen.wanted.contains(&it.process.pid)));
    let remembered = earlier.save();
    let written = args.write.as_ref().map(|dir| write::all(dir, &judged, &seen, now)).transpose()?;
    if args.json {
        screen.json(&machine::Told::of(&seen, &judged, weighed.as_ref(), written.as_ref(), now_ms))?;
    } else {
        print(args, &seen, &judged, screen)?;
        bills::print(&judged, screen)?;
        if let Some((written, dir)) = written.as_ref().zip(args.write.as_ref()) {
            print_written(written, dir, screen)?;
        }
    }
    screen.out.flush()?;
    notes(args, &seen, remembered, screen)?;
    weighed.map_or(Ok(()), |weighed| bills::notes(&weighed, &judged, screen))?;
    Ok(exit::OK)
}

/// Why there is nothing to say of what was asked for.
fn nothing(word: &str, hidden: u64) -> Failure {
    if hidden > 0 {
        return Failure::NotAllowed(format!(
            "the memory of `{word}` is hidden from this user: a service of another user needs root"
        ));
    }
    Failure::Usage(format!(
        "no service has `{word}` in its name, and no process of one that pid: `ebb audit --all` shows all"
    ))
}

fn judge(seen: &Seen, now_ms: i64) -> Vec<Judged<'_>> {
    let judge = |service| {
        let mut findings = findings(&service, &seen.observation, now_ms);
        findings.sort_by_key(|finding| std::cmp::Reverse((finding.saves_bytes, finding.confidence)));
        Judged { service, findings }
    };
    services(&seen.observation).into_iter().map(judge).collect()
}

/// Shows on a terminal how far the window is.
fn progress(passed_ms: u64, window_ms: u64, screen: &mut Screen) {
    let left = window_ms.saturating_sub(passed_ms).div_ceil(1000);
    fleeting(&format!("looking at what the processes do: {left} s left"), screen);
}

/// Shows on a terminal a line that the next one takes the place of, which it can of a single one.
fn fleeting(text: &str, screen: &mut Screen) {
    let Some(width) = screen.err_look.width else { return };
    let mut room = usize::from(width).saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or(room);
        left.is_some()
    };
    let shown: String = text.chars().take_while(fits).collect();
    // Nobody needs to know that it can't be shown.
    let _ = write!(screen.err, "\r\u{1b}[K{shown}");
    let _ = screen.err.flush();
}

fn print(args: &args::Audit, seen: &Seen, judged: &[Judged<'_>], screen: &mut Screen) -> Result<(), Failure> {
    let window_ms = seen.observation.window_ms;
    screen.print(&ranking::render(judged, window_ms, args.touch, args.all, screen.look))?;
    if !args.all && judged.len() > limits::AUDIT_ROWS {
        let rest = &judged[limits::AUDIT_ROWS..];
        let bytes = rest.iter().map(|one| one.service.pss()).sum();
        let more = format!("{} more with {} together: --all shows them", rest.len(), size(bytes));
        screen.say(&screen.look.paint(QUIET, &more))?;
    }
    let all: u64 = judged.iter().map(|one| one.service.pss()).sum();
    let host =
        meminfo::look().total.map_or_else(String::new, |total| format!(" of the host's {}", size(total)));
    let services = counted(judged.len() as u64, "service");
    screen.say(&format!("{services} with {}{host}, seen for {}", size(all), figures::duration(window_ms)))?;
    print_findings(judged, window_ms, screen)
}

/// Rule by rule, the one first by which most can be saved; what to do stands once below those that it is said to.
fn print_findings(judged: &[Judged<'_>], window_ms: u64, screen: &mut Screen) -> Result<(), Failure> {
    let all = judged.iter().flat_map(|one| one.findings.iter().map(move |finding| (one, finding)));
    let mut by_rule: Vec<(AuditRule, Vec<(&Judged<'_>, &Finding)>)> = Vec::new();
    for rule in AuditRule::ALL {
        let mut found: Vec<_> = all.clone().filter(|(_, finding)| finding.rule == *rule).collect();
        found.sort_by_key(|(_, finding)| std::cmp::Reverse((finding.saves_bytes, finding.confidence)));
        by_rule.push((*rule, found));
    }
    by_rule.retain(|(_, found)| !found.is_empty());
    by_rule.sort_by_key(|(_, found)| std::cmp::Reverse(found[0].1.saves_bytes));
    if by_rule.is_empty() {
        return screen.say(&screen.look.paint(LIVELY, "nothing was found that a change would give back"));
    }
    for (rule, found) in by_rule {
        let mut told: Vec<_> = found
            .into_iter()
            .map(|(one, finding)| (one, finding, sentences::of(finding, window_ms)))
            .collect();
        screen.say("")?;
        screen.say(&screen.look.paint(HEADING, &format!("{rule}: {}", told[0].2.title)))?;
        while let Some((_, _, first)) = told.first() {
            let advice = first.advice.clone();
            let (same, others): (Vec<_>, Vec<_>) =
                told.into_iter().partition(|(_, _, it)| it.advice == advice);
            for (one, finding, told) in &same {
                let name = figures::one_line(&one.service.name);
                let pid = one.service.main().process.pid;
                let confidence = finding.confidence;
                paragraph(
                    &format!("{name} (pid {pid}, confidence {confidence}): {}", told.seen),
                    "  ",
                    screen,
                )?;
            }
            paragraph(&advice, "    ", screen)?;
            told = others;
        }
    }
    Ok(())
}

fn paragraph(text: &str, indent: &str, screen: &mut Screen) -> Result<(), Failure> {
    let width = screen.look.width.unwrap_or(WIDTH);
    let room = width.saturating_sub(u16::try_from(indent.len()).unwrap_or(0));
    for (number, line) in wrapped(&figures::one_line(text), room).iter().enumerate() {
        // What follows of a service stands below its name.
        let hang = if number > 0 && indent.len() < INDENT { "  " } else { "" };
        screen.say(&format!("{indent}{hang}{line}"))?;
    }
    Ok(())
}

fn print_written(
    written: &write::Written,
    dir: &std::path::Path,
    screen: &mut Screen,
) -> Result<(), Failure> {
    screen.say("")?;
    for path in &written.kept {
        screen.say(&format!("{} is there already and stays as it is", path.display()))?;
    }
    for path in &written.files {
        let page = path.with_extension("turn-off.md");
        let page = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        screen.say(&format!("wrote {}, and {page} beside it", path.display()))?;
    }
    if written.files.is_empty() && written.kept.is_empty() {
        return screen.say("no candidate for a job: nothing was written");
    }
    screen.say(&format!(
        "what is wrong with them, `ebb check {}` says; read both before you change anything",
        dir.display()
    ))
}

/// What has to be known of the look itself.
fn notes(
    args: &args::Audit,
    seen: &Seen,
    remembered: Result<std::path::PathBuf, String>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    if seen.hidden > 0 {
        let processes = if seen.hidden == 1 { "process" } else { "processes" };
        let is_root = nix::unistd::geteuid().is_root();
        let who = if is_root { "" } else { " of other users, which root may look at," };
        screen
            .remark(NOTICE, &format!("not in it: {} {processes}{who} whose memory is hidden", seen.hidden))?;
    }
    if args.touch {
        let failed = match seen.untouched {
            0 => String::new(),
            count => format!("; of {count} that was refused, and what they used counts from their start"),
        };
        let text = format!("--touch had the kernel forget which pages were used before{failed}");
        screen.remark(QUIET, &text)?;
    }
    match remembered {
        // A script need not be told each time.
        Ok(_) if screen.err_look.width.is_none() => Ok(()),
        Ok(path) => screen.remark(QUIET, &format!("figures for the next audit: {}", path.display())),
        Err(why) => screen.remark(NOTICE, &why),
    }
}

#[cfg(test)]
mod tests {
    use super::super::screen::Look;
    use super::*;

    #[test]
    fn what_is_fleeting_takes_one_line_however_narrow() {
        let shown = |width| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let err_look = Look { width, ..Look::PLAIN };
            let mut screen = Screen { out: &mut out, err: &mut err, look: Look::PLAIN, err_look };
            fleeting("abc漢字", &mut screen);
            String::from_utf8(err).unwrap()
        };
        assert_eq!(shown(None), "");
        assert_eq!(shown(Some(80)), "\r\u{1b}[Kabc漢字");
        assert_eq!(shown(Some(7)), "\r\u{1b}[Kabc漢");
        assert_eq!(shown(Some(0)), "\r\u{1b}[K");
    }
}

//! The figures of measured runs for people, on standard error. Knows nothing of how they came about.

use std::fmt::Write as _;

use crate::job::signal_name;
use crate::measure::{Measured, Run, Spread};
use crate::words::{Accounting, Outcome};

use super::super::failure::Failure;
use super::super::screen::{BAD, Look, NOTICE, QUIET, Screen};
use super::super::table::{self, Column, Row};
use super::super::{chart, figures};

/// Columns where no terminal says how many there are.
const WIDTH: u16 = 100;
/// Characters of the command that are shown.
const COMMAND: usize = 60;
/// What stands before a fact.
const LABEL: usize = 11;

/// What a process tree can't see, in a line; `unseen` and `why` of --json have it at length.
const UNSEEN: &str = "misses page cache, other users, short peaks of several processes";

const COLUMNS: [Column; 4] = [
    Column { heading: "", is_number: false },
    Column { heading: "MEDIAN", is_number: true },
    Column { heading: "LEAST", is_number: true },
    Column { heading: "MOST", is_number: true },
];

/// Prints what was measured.
///
/// # Errors
/// When it can't be printed.
pub(super) fn print(measured: &Measured, screen: &mut Screen) -> Result<(), Failure> {
    let look = screen.err_look;
    let text = text(measured, look);
    Ok(screen.err.write_all(text.as_bytes())?)
}

fn text(measured: &Measured, look: Look) -> String {
    let mut text = head(measured, look);
    match &measured.runs[..] {
        [run] => {
            for (label, fact) in facts(run) {
                text += &line(label, &fact, look);
            }
        }
        _ => text += &spreads(measured, look),
    }
    // The one in the middle stands for the others.
    if let Some(curve) = typical(measured).and_then(|run| curve(run, look)) {
        text += &line("memory", &curve, look);
    }
    text + &counted_by(measured, look)
}

/// How the run or the runs ended.
fn head(measured: &Measured, look: Look) -> String {
    let command = command(&measured.command);
    let (style, told) = match &measured.runs[..] {
        [run] => (if run.is_success() { QUIET } else { BAD }, format!("{command}: {}", ended(run))),
        runs => {
            let failed: Vec<_> = runs.iter().enumerate().filter(|(_, run)| !run.is_success()).collect();
            let count = figures::counted(runs.len() as u64, "run");
            match &failed[..] {
                [] => (QUIET, format!("{count} of {command}")),
                [(at, first), ..] => {
                    let what = format!("run {}: {}", at + 1, ended(first));
                    let rest =
                        if failed.len() == runs.len() { "" } else { "; the figures are of the others" };
                    (BAD, format!("{count} of {command}, {} failed ({what}){rest}", failed.len()))
                }
            }
        }
    };
    let mut text = format!("ebb: {}\n", look.paint(style, &told));
    let left: u64 = measured.runs.iter().map(|run| run.leftover).sum();
    if left > 0 {
        let what = if left == 1 { "1 process".to_owned() } else { format!("{left} processes") };
        let told =
            format!("{what} that the program left behind {} ended", if left == 1 { "was" } else { "were" });
        let _ = writeln!(text, "  {}", look.paint(NOTICE, &told));
    }
    text
}

/// How a run ended, in a word or two.
pub(super) fn ended(run: &Run) -> String {
    let word = run.outcome.word();
    match (run.outcome, run.exit_code, run.signal) {
        (Outcome::ExitCode, Some(code), _) => format!("{word} {code}"),
        (Outcome::Signal, _, Some(number)) => match signal_name(number) {
            Some(name) => format!("{word} {number} {name}"),
            None => format!("{word} {number}"),
        },
        _ => word.to_owned(),
    }
}

/// The command in one line, shortened.
pub(super) fn command(words: &[String]) -> String {
    let line = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "));
    let line = figures::one_line(&line);
    match line.char_indices().nth(COMMAND) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn facts(run: &Run) -> [(&'static str, String); 4] {
    let cpu = format!(
        "{} ({} user, {} system)",
        time(run.cpu_us()),
        time(run.cpu_user_us),
        time(run.cpu_system_us)
    );
    [
        ("peak-anon", run.peak_anon_bytes.map_or_else(dash, figures::size)),
        ("peak-total", run.peak_total_bytes.map_or_else(dash, figures::size)),
        ("cpu", cpu),
        ("wall", time(run.wall_us)),
    ]
}

fn dash() -> String {
    "-".to_owned()
}

fn spreads(measured: &Measured, look: Look) -> String {
    let summary = &measured.summary;
    let row = |label: &str, spread: Option<Spread>, show: fn(u64) -> String| {
        let cells = spread.map_or_else(
            || [dash(), dash(), dash()],
            |spread| [show(spread.median), show(spread.min), show(spread.max)],
        );
        Row { cells: [vec![format!("  {label}")], cells.to_vec()].concat(), ..Row::default() }
    };
    let rows = [
        row("peak-anon", summary.peak_anon_bytes, figures::size),
        row("peak-total", summary.peak_total_bytes, figures::size),
        row("cpu", summary.cpu_us, time),
        row("wall", summary.wall_us, time),
    ];
    table::render(&COLUMNS, &rows, look)
}

/// The run whose peak is next to the median.
fn typical(measured: &Measured) -> Option<&Run> {
    let median = measured.summary.peak_anon_bytes?.median;
    let is_any_good = measured.runs.iter().any(Run::is_success);
    let runs = measured.runs.iter().filter(|run| run.is_success() || !is_any_good);
    runs.min_by_key(|run| run.peak_anon_bytes.map_or(u64::MAX, |peak| peak.abs_diff(median)))
}

/// The memory of a run over its time in one line, and what its full height stands for.
fn curve(run: &Run, look: Look) -> Option<String> {
    let (curve, peak) = (run.curve.as_ref()?, run.peak_anon_bytes?);
    let label = format!("  █ {} of peak-anon, {} across", figures::size(peak), time(run.wall_us));
    let points = curve.bytes(peak);
    let left = usize::from(look.width.unwrap_or(WIDTH)).saturating_sub(LABEL + 4 + label.chars().count());
    let width = left.clamp(1, points.len().max(1));
    Some(chart::line(&chart::columns(&points, width), peak) + &look.paint(QUIET, &label))
}

/// What counted, and what that can't see.
fn counted_by(measured: &Measured, look: Look) -> String {
    let text = line("counted by", measured.accounting.word(), look);
    match measured.accounting {
        Accounting::CgroupV2 | Accounting::CgroupV1 => text,
        Accounting::ProcessTree => text + &line("", UNSEEN, look),
    }
}

/// A fact below its head, with what it is of.
pub(super) fn line(label: &str, fact: &str, look: Look) -> String {
    format!("  {} {fact}\n", look.paint(QUIET, &format!("{label:<LABEL$}")))
}

/// Microseconds as people read them: `4.6 ms`, `312 ms`, `12.3 s`.
pub(super) fn time(us: u64) -> String {
    match us {
        0..=9_949 => format!("{}.{} ms", (us + 50) / 1000, (us + 50) / 100 % 10),
        _ => figures::duration((us + 500) / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;
    use crate::learn::Curve;
    use crate::measure::{Summary, VERSION};

    fn run(outcome: Outcome, exit_code: Option<i32>, signal: Option<i32>, mib: u64) -> Run {
        Run {
            outcome,
            exit_code,
            signal,
            wall_us: 312_450,
            cpu_user_us: 250_120,
            cpu_system_us: 4_310,
            peak_anon_bytes: Some(mib << 20),
            peak_total_bytes: None,
            leftover: 0,
            curve: Some(Curve { ms: 20, points: "-Fz".to_owned() }),
        }
    }

    fn shown(accounting: Accounting, runs: Vec<Run>, look: Look) -> String {
        let command = ["python3", "a b.py"].map(str::to_owned).to_vec();
        let (summary, why, unseen) = (Summary::of(&runs), Vec::new(), String::new());
        let measured = Measured {
            version: VERSION,
            command,
            at: Wall(0),
            accounting,
            why,
            unseen,
            runs,
            summary,
            imports: None,
        };
        text(&measured, look)
    }

    #[test]
    fn one_run_has_its_facts_and_its_curve() {
        let runs = vec![run(Outcome::Success, Some(0), None, 103)];
        let expected = "\
ebb: python3 'a b.py': success
  peak-anon   103M
  peak-total  -
  cpu         254 ms (250 ms user, 4.3 ms system)
  wall        312 ms
  memory       ▃█  █ 103M of peak-anon, 312 ms across
  counted by  cgroup-v2
";
        assert_eq!(shown(Accounting::CgroupV2, runs, Look::PLAIN), expected);
    }

    #[test]
    fn several_runs_have_their_spread_and_what_failed_is_named() {
        let runs = [(Outcome::Success, Some(0), None, 10), (Outcome::Signal, None, Some(11), 90)];
        let mut runs: Vec<Run> =
            runs.map(|(outcome, code, signal, mib)| run(outcome, code, signal, mib)).to_vec();
        runs.push(Run { leftover: 2, ..run(Outcome::Success, Some(0), None, 30) });
        let text = shown(Accounting::ProcessTree, runs, Look::PLAIN);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "ebb: 3 runs of python3 'a b.py', 1 failed (run 2: signal 11 SEGV); the figures are of the others"
        );
        assert_eq!(lines[1], "  2 processes that the program left behind were ended");
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["peak-anon", "20M", "10M", "30M"]);
        assert!(text.ends_with(&format!("counted by  process-tree\n              {UNSEEN}\n")), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_of_eighty_columns() {
        let look = Look { width: Some(80), ..Look::PLAIN };
        let mut long = run(Outcome::Success, Some(0), None, 103);
        long.curve = Some(Curve { ms: 20, points: "z".repeat(256) });
        let text = shown(Accounting::ProcessTree, vec![long], look);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn short_times_have_a_decimal() {
        let table =
            [(0, "0.0 ms"), (4_649, "4.6 ms"), (9_949, "9.9 ms"), (9_950, "10 ms"), (12_345_000, "12.3 s")];
        for (us, text) in table {
            assert_eq!(time(us), text);
        }
    }
}

//! How a run ended, as a sentence and as an exit code of `ebb run-now --wait`. Knows no socket.

use crate::exit::{self, Code};
use crate::journal::HistoryLine;
use crate::words::Outcome;

use super::figures;

/// The exit code of a client that waited for this end: the run's own where it has one.
///
/// What timeout(1) and the shells give: 124 for a timeout, 128 and the number of a signal, so 137 for an OOM kill.
pub(super) fn exit_code(line: &HistoryLine) -> Code {
    let code = line.exit_code.and_then(|code| u8::try_from(code).ok());
    match line.outcome {
        Outcome::Success => code.map_or(exit::OK, Code),
        // A job whose `success-codes` leave out 0 may fail with 0, and that is no success.
        Outcome::ExitCode => code.filter(|code| *code != 0).map_or(exit::RUN_FAILED, Code),
        Outcome::Signal => {
            let number = line.signal.and_then(|n| u8::try_from(n).ok());
            number.map_or(exit::RUN_FAILED, |n| Code(n.saturating_add(128)))
        }
        Outcome::Timeout => exit::TIMED_OUT,
        Outcome::OomKill => exit::OOM_KILLED,
        Outcome::StartFailed | Outcome::Canceled | Outcome::Lost | Outcome::Skipped => exit::RUN_FAILED,
    }
}

/// The outcome with what belongs to it: `exit-code 3`, `signal 9 KILL`, `skipped: running`.
pub(super) fn outcome(line: &HistoryLine) -> String {
    let word = line.outcome.word();
    match (line.outcome, line.exit_code, line.signal, line.reason) {
        (Outcome::Success, Some(0), _, _) => word.to_owned(),
        (Outcome::Success, Some(code), _, _) => format!("{word}, exit code {code}"),
        (Outcome::ExitCode, Some(code), _, _) => format!("{word} {code}"),
        (Outcome::Signal, _, Some(number), _) => match crate::job::signal_name(number) {
            Some(name) => format!("{word} {number} {name}"),
            None => format!("{word} {number}"),
        },
        (Outcome::Skipped, _, _, Some(reason)) => format!("{word}: {reason}"),
        _ => word.to_owned(),
    }
}

/// One sentence with the figures, without a full stop.
pub(super) fn sentence(line: &HistoryLine) -> String {
    let run = line.id.map_or_else(String::new, |id| format!("run {id} of "));
    format!("{run}{}: {}", line.job, end(line))
}

/// The part of the sentence that says how.
pub(super) fn end(line: &HistoryLine) -> String {
    let mut text = outcome(line);
    if let Some(ms) = line.duration_ms {
        text += &format!(" after {}", figures::duration(ms));
    }
    for (name, bytes) in [("peak-anon", line.peak_anon_bytes), ("peak-total", line.peak_total_bytes)] {
        if let Some(bytes) = bytes {
            text += &format!(", {name} {}", figures::size(bytes));
        }
    }
    if let Some(ms) = line.cpu_ms {
        text += &format!(", cpu {}", figures::duration(ms));
    }
    match (&line.detail, line.outcome) {
        (Some(detail), _) => text += &format!("; {}", figures::one_line(detail)),
        (None, Outcome::OomKill) => text += "; the kernel killed it for its memory limit",
        (None, _) => {}
    }
    if !line.unheld.is_empty() {
        text += &format!("; nothing here holds {}", line.unheld.join(", "));
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::Wall;
    use crate::words::{SkipReason, Trigger};

    /// Run 42 of `indexer`, which has ended so.
    pub(in crate::cli) fn line(outcome: Outcome) -> HistoryLine {
        HistoryLine {
            id: Some(42),
            job: "indexer".to_owned(),
            trigger: Trigger::Manual,
            attempt: Some(1),
            outcome,
            exit_code: None,
            signal: None,
            slot: None,
            at: Wall(1_769_857_231_000),
            queued_at: Some(Wall(1_769_857_200_000)),
            started_at: Some(Wall(1_769_857_200_000)),
            finished_at: Some(Wall(1_769_857_231_000)),
            duration_ms: Some(31_000),
            peak_anon_bytes: None,
            peak_total_bytes: None,
            cpu_ms: None,
            oom_kills: None,
            leftover: None,
            enforcement: None,
            uid: None,
            retry_of: None,
            reason: None,
            detail: None,
            unheld: Vec::new(),
            oom_cause: None,
            memory_max_bytes: None,
            curve: None,
        }
    }

    #[test]
    fn the_exit_code_is_the_runs_own() {
        let with = |outcome, exit_code, signal| HistoryLine { exit_code, signal, ..line(outcome) };
        let table = [
            (with(Outcome::Success, Some(0), None), 0),
            (with(Outcome::Success, Some(3), None), 3),
            (with(Outcome::Success, None, None), 0),
            (with(Outcome::ExitCode, Some(3), None), 3),
            (with(Outcome::ExitCode, Some(255), None), 255),
            (with(Outcome::ExitCode, Some(0), None), 1),
            (with(Outcome::Signal, None, Some(9)), 137),
            (with(Outcome::Signal, None, Some(15)), 143),
            (with(Outcome::Signal, None, Some(64)), 192),
            (with(Outcome::Timeout, None, Some(15)), 124),
            (with(Outcome::Timeout, Some(0), None), 124),
            (with(Outcome::OomKill, None, Some(9)), 137),
            (with(Outcome::OomKill, Some(1), None), 137),
            (with(Outcome::StartFailed, None, None), 1),
            (with(Outcome::Canceled, None, Some(15)), 1),
            (with(Outcome::Canceled, Some(0), None), 1),
            (with(Outcome::Lost, None, None), 1),
            (with(Outcome::Skipped, None, None), 1),
        ];
        for (line, code) in table {
            assert_eq!(exit_code(&line).0, code, "{}", outcome(&line));
        }
    }

    #[test]
    fn the_sentence_says_how_it_ended_and_what_it_cost() {
        let cost = HistoryLine {
            exit_code: Some(0),
            peak_anon_bytes: Some(868 << 20),
            peak_total_bytes: Some(1184 << 20),
            cpu_ms: Some(28_250),
            ..line(Outcome::Success)
        };
        let expected = "run 42 of indexer: success after 31.0 s, peak-anon 868M, peak-total 1.2G, cpu 28.3 s";
        assert_eq!(sentence(&cost), expected);
        let failed = HistoryLine { exit_code: Some(3), ..line(Outcome::ExitCode) };
        assert_eq!(sentence(&failed), "run 42 of indexer: exit-code 3 after 31.0 s");
        let killed = HistoryLine { signal: Some(9), duration_ms: None, ..line(Outcome::Signal) };
        assert_eq!(sentence(&killed), "run 42 of indexer: signal 9 KILL");
        let skipped = HistoryLine {
            id: None,
            reason: Some(SkipReason::QueueFull),
            duration_ms: None,
            ..line(Outcome::Skipped)
        };
        assert_eq!(sentence(&skipped), "indexer: skipped: queue-full");
    }

    #[test]
    fn an_oom_kill_is_said_in_words_even_where_ebbd_has_no_detail() {
        let bare = line(Outcome::OomKill);
        assert!(sentence(&bare).ends_with("; the kernel killed it for its memory limit"));
        let detail = Some("killed by the kernel for memory at its limit of 512M".to_owned());
        let told = HistoryLine { detail, ..line(Outcome::OomKill) };
        assert!(sentence(&told).ends_with("; killed by the kernel for memory at its limit of 512M"));
    }
}

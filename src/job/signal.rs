//! Signals by name, as `stop-signal` takes them. Sends none.

use crate::problem::hints::nearest;
use crate::problem::{TextProblem, shown};

/// Name and number of every signal that may ask a run to end, and whether it can.
///
/// signal(7), the numbers of x86 and ARM (and of every other architecture that Rust's std runs on except MIPS, SPARC
/// and PA-RISC).
const SIGNALS: [(&str, i32, Effect); 31] = [
    ("HUP", 1, Effect::Ends),
    ("INT", 2, Effect::Ends),
    ("QUIT", 3, Effect::Ends),
    ("ILL", 4, Effect::Ends),
    ("TRAP", 5, Effect::Ends),
    ("ABRT", 6, Effect::Ends),
    ("BUS", 7, Effect::Ends),
    ("FPE", 8, Effect::Ends),
    ("KILL", 9, Effect::Ends),
    ("USR1", 10, Effect::Ends),
    ("SEGV", 11, Effect::Ends),
    ("USR2", 12, Effect::Ends),
    ("PIPE", 13, Effect::Ends),
    ("ALRM", 14, Effect::Ends),
    ("TERM", 15, Effect::Ends),
    ("STKFLT", 16, Effect::Ends),
    ("CHLD", 17, Effect::None),
    ("CONT", 18, Effect::None),
    ("STOP", 19, Effect::Suspends),
    ("TSTP", 20, Effect::Suspends),
    ("TTIN", 21, Effect::Suspends),
    ("TTOU", 22, Effect::Suspends),
    ("URG", 23, Effect::None),
    ("XCPU", 24, Effect::Ends),
    ("XFSZ", 25, Effect::Ends),
    ("VTALRM", 26, Effect::Ends),
    ("PROF", 27, Effect::Ends),
    // Ignored by default, but what Apache httpd and others stop gracefully on.
    ("WINCH", 28, Effect::Ends),
    ("IO", 29, Effect::Ends),
    ("PWR", 30, Effect::Ends),
    ("SYS", 31, Effect::Ends),
];

/// What a signal does to a process that has not said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Ends,
    Suspends,
    None,
}

/// The name of a signal without its `SIG`, where it has one.
#[must_use]
pub fn signal_name(number: i32) -> Option<&'static str> {
    SIGNALS.iter().find(|(_, n, _)| *n == number).map(|(name, _, _)| *name)
}

/// The number of a signal that can ask a process to end: `SIGINT` and `INT` are the same.
///
/// # Errors
/// A name that is none, or a signal that suspends a process or means nothing to it.
pub fn stop_signal(text: &str) -> Result<i32, TextProblem> {
    let bare = text.strip_prefix("SIG").unwrap_or(text);
    match SIGNALS.iter().find(|(name, _, _)| *name == bare) {
        Some((_, number, Effect::Ends)) => Ok(*number),
        Some((name, _, Effect::Suspends)) => {
            let message = format!("SIG{name} suspends a process, it does not end one");
            Err(TextProblem::new(0..text.len(), message, "write `SIGTERM` or `SIGINT`"))
        }
        Some((name, _, Effect::None)) => {
            let message = format!("SIG{name} does not end a process");
            Err(TextProblem::new(0..text.len(), message, "write `SIGTERM` or `SIGINT`"))
        }
        None => {
            let message = format!("`{}` is not the name of a signal", shown(text));
            let upper = bare.to_ascii_uppercase();
            let upper = upper.strip_prefix("SIG").unwrap_or(&upper);
            let meant = nearest(upper, SIGNALS.iter().map(|(name, _, _)| *name)).unwrap_or("TERM");
            Err(TextProblem::new(0..text.len(), message, format!("write `SIG{meant}`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_with_and_without_its_prefix() {
        assert_eq!(stop_signal("SIGINT"), Ok(2));
        assert_eq!(stop_signal("INT"), Ok(2));
        assert_eq!(stop_signal("SIGKILL"), Ok(9));
        assert_eq!((signal_name(15), signal_name(0), signal_name(64)), (Some("TERM"), None, None));
    }

    #[test]
    fn a_signal_that_ends_nothing_is_refused_and_a_misspelt_one_is_named() {
        let told = |text| stop_signal(text).unwrap_err().to_string();
        assert_eq!(
            told("SIGSTOP"),
            "SIGSTOP suspends a process, it does not end one (write `SIGTERM` or `SIGINT`)"
        );
        assert_eq!(told("CHLD"), "SIGCHLD does not end a process (write `SIGTERM` or `SIGINT`)");
        assert_eq!(told("SIGITN"), "`SIGITN` is not the name of a signal (write `SIGINT`)");
        assert_eq!(told("sigterm"), "`sigterm` is not the name of a signal (write `SIGTERM`)");
        assert_eq!(told("2"), "`2` is not the name of a signal (write `SIGTERM`)");
    }

    #[test]
    fn each_signal_stands_at_its_number() {
        for (at, (_, number, _)) in SIGNALS.iter().enumerate() {
            assert_eq!(usize::try_from(*number).unwrap(), at + 1);
        }
    }
}

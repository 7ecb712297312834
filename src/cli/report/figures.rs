//! Figures that the table and the page share.

use crate::cli::figures;
use crate::report::{JobTold, Told};

/// MB-hours, with as many digits as people compare: `0.42`, `12.3`, `75,432`.
pub(super) fn mb_hours(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size < 0.005 {
        if value < 0.0 { "-0.01" } else { "<0.01" }.to_owned()
    } else if size < 9.995 {
        format!("{value:.2}")
    } else if size < 99.95 {
        format!("{value:.1}")
    } else {
        grouped(&format!("{value:.0}"))
    }
}

/// Commas between thousands.
pub(super) fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in percent that is not called all where something is left: `42 %`, `98.7 %`, `more than 99.9 %`.
pub(super) fn percent(value: f64) -> String {
    if value > 99.95 && value < 100.0 {
        "more than 99.9 %".to_owned()
    } else if (10.0..=90.0).contains(&value) {
        format!("{value:.0} %")
    } else {
        format!("{value:.1} %")
    }
}

/// What went otherwise than a plain run that ended well, in words; none where nothing did.
pub(super) fn remarkable(job: &JobTold) -> Option<String> {
    let mut parts = Vec::new();
    if job.used.alive > 0 {
        parts.push(format!("{} alive", job.used.alive));
    }
    parts.extend(ends(job));
    let oom = &job.oom_kills;
    if oom.runs > 0 {
        parts.push(format!("{} killed for memory", oom.runs));
    }
    if job.waits.runs > 0 {
        parts.push(format!("{} waited, at most {}", job.waits.runs, figures::duration(job.waits.longest_ms)));
    }
    parts.extend(job.skips.iter().map(|(reason, count)| format!("{count} skipped ({reason})")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Runs that did not end well, kills for memory aside.
fn ends(job: &JobTold) -> Vec<String> {
    let others = job.outcomes.iter().filter(|(word, _)| !matches!(**word, "success" | "oom-kill"));
    others.map(|(word, count)| format!("{count} {word}")).collect()
}

/// `7 d`, from the first instant to now.
pub(super) fn span(told: &Told) -> String {
    figures::duration(u64::try_from(told.to.0 - told.from.0).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mb_hours_have_the_digits_that_people_compare() {
        let table = [
            (0.0, "0"),
            (0.001, "<0.01"),
            (0.424, "0.42"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (99.96, "100"),
            (999.6, "1,000"),
            (1_234_567.8, "1,234,568"),
            (-12.34, "-12.3"),
            (-4_321.0, "-4,321"),
        ];
        for (value, text) in table {
            assert_eq!(mb_hours(value), text);
        }
    }

    #[test]
    fn what_is_left_is_never_rounded_away() {
        for (value, text) in
            [(100.0, "100.0 %"), (99.97, "more than 99.9 %"), (98.74, "98.7 %"), (42.4, "42 %")]
        {
            assert_eq!(percent(value), text);
        }
    }
}

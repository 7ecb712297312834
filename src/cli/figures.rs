//! Sizes and durations as people read them: short and rounded, where `job::units` writes them without loss.

pub(super) use crate::problem::one_line;

/// Bytes, in the units of the job files (powers of 1024): `22M`, `1.4G`, `512`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    let Some((name, unit)) = UNITS.into_iter().find(|(_, unit)| bytes >= *unit) else {
        return bytes.to_string();
    };
    let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if tenths < 100 && tenths % 10 != 0 {
        format!("{}.{}{name}", tenths / 10, tenths % 10)
    } else {
        format!("{}{name}", (tenths + 5) / 10)
    }
}

/// A length of time: `450 ms`, `12.3 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h`.
pub(super) fn duration(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    match ms {
        0..=999 => format!("{ms} ms"),
        1000..=59_949 => format!("{}.{} s", (ms + 50) / 1000, (ms + 50) / 100 % 10),
        _ => two_units(seconds),
    }
}

fn two_units(seconds: u64) -> String {
    const UNITS: [(&str, u64, &str, u64); 3] =
        [("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)];
    let fitting = UNITS.into_iter().find(|(_, unit, _, _)| seconds >= *unit);
    let (name, unit, smaller, part) = fitting.unwrap_or(("min", 60, "s", 1));
    match seconds % unit / part {
        0 => format!("{} {name}", seconds / unit),
        rest => format!("{} {name} {rest} {smaller}", seconds / unit),
    }
}

/// How far off something is, in one unit: `12 s`, `4 min`, `2 h`, `3 d`.
pub(super) fn roughly(ms: u64) -> String {
    let (mut amount, mut name) = ((ms + 500) / 1000, "s");
    for (longer, factor, from) in [("min", 60, 60), ("h", 60, 60), ("d", 24, 48)] {
        if amount < from {
            break;
        }
        amount = (amount + factor / 2) / factor;
        name = longer;
    }
    format!("{amount} {name}")
}

/// `1 job`, `2 jobs`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// [`one_line`] for text that may have several.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(one_line)
}

/// Words in lines of so many columns; a word that is longer has a line of its own.
pub(super) fn wrapped(text: &str, width: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < usize::from(width) => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_to_what_people_compare() {
        let table = [
            (0, "0"),
            (1023, "1023"),
            (1024, "1K"),
            (1536, "1.5K"),
            (10 * 1024 * 1024, "10M"),
            (23_592_960, "23M"),
            (868 * 1024 * 1024, "868M"),
            (1_503_238_554, "1.4G"),
            (10_737_418_239, "10G"),
            (u64::MAX, "16777216T"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn durations_have_at_most_two_units() {
        let table = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (12_345, "12.3 s"),
            (59_949, "59.9 s"),
            (59_950, "1 min"),
            (185_000, "3 min 5 s"),
            (3_599_999, "1 h"),
            (7_440_000, "2 h 4 min"),
            (266_400_000, "3 d 2 h"),
        ];
        for (ms, text) in table {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn rough_figures_round_to_the_nearest_and_never_reach_their_next_unit() {
        let table = [
            (400, "0 s"),
            (59_400, "59 s"),
            (59_600, "1 min"),
            (150_000, "3 min"),
            (3_569_000, "59 min"),
            (3_571_000, "1 h"),
            (47 * 3_600_000, "47 h"),
            (48 * 3_600_000, "2 d"),
            (400 * 86_400_000, "400 d"),
        ];
        for (ms, text) in table {
            assert_eq!(roughly(ms), text);
        }
    }

    #[test]
    fn text_from_elsewhere_cannot_act_on_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31mb\nc\u{202e}d"), "a [31mb c d");
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensibilities", 7), ["incomprehensibilities"]);
    }
}

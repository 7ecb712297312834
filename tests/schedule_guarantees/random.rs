//! Random expressions that have something to do with a given change of the clock, each with its meaning spelled out as
//! plain sets of numbers. The meaning is made along with the text, so nothing of ebb's parser is needed to know it.

use fastrand::Rng;
use jiff::civil::DateTime;

/// One field: its text, and whether each number is allowed.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) text: String,
    pub(crate) allowed: [bool; 60],
}

impl Part {
    pub(crate) fn begins_with_star(&self) -> bool {
        self.text.starts_with('*')
    }

    pub(crate) fn is_single(&self) -> bool {
        self.text.bytes().all(|b| b.is_ascii_alphanumeric())
    }

    pub(crate) fn allows(&self, number: i8) -> bool {
        self.allowed[usize::try_from(number).unwrap()]
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) second: Option<Part>,
    pub(crate) minute: Part,
    pub(crate) hour: Part,
    pub(crate) day: Part,
    pub(crate) month: Part,
    pub(crate) weekday: Part,
}

impl Expression {
    /// As it is written for ebb.
    pub(crate) fn text(&self) -> String {
        self.with_weekday(&self.weekday.text)
    }

    /// Whether one of the two day fields begins with `*` but is not `*`: crontab(5) asks both to match, croner only where
    /// the day of week begins with `+`.
    pub(crate) fn has_stepped_day_star(&self) -> bool {
        let stepped = |part: &Part| part.begins_with_star() && part.text != "*";
        (stepped(&self.day) && self.weekday.text != "*") || (stepped(&self.weekday) && self.day.text != "*")
    }

    /// As it is written for croner.
    pub(crate) fn croner_text(&self) -> String {
        if self.has_stepped_day_star() {
            self.with_weekday(&format!("+{}", self.weekday.text))
        } else {
            self.text()
        }
    }

    fn with_weekday(&self, weekday: &str) -> String {
        let second = self.second.as_ref().map_or(String::new(), |part| format!("{} ", part.text));
        format!(
            "{second}{} {} {} {} {weekday}",
            self.minute.text, self.hour.text, self.day.text, self.month.text
        )
    }

    /// Whether the civil time is one of its times: crontab(5), field by field.
    pub(crate) fn matches(&self, at: DateTime) -> bool {
        self.second.as_ref().map_or(at.second() == 0, |part| part.allows(at.second()))
            && self.minute.allows(at.minute())
            && self.hour.allows(at.hour())
            && self.has_day(at)
    }

    /// Whether the day is one of its days.
    pub(crate) fn has_day(&self, at: DateTime) -> bool {
        let day = self.day.allows(at.day());
        let weekday = self.weekday.allows(at.weekday().to_sunday_zero_offset());
        let both = self.day.begins_with_star() || self.weekday.begins_with_star();
        self.month.allows(at.month()) && (if both { day && weekday } else { day || weekday })
    }

    pub(crate) fn follows_running_clock(&self) -> bool {
        self.minute.begins_with_star() || self.hour.begins_with_star()
    }

    /// Whether croner takes it as fixed: one second, one minute, one hour.
    pub(crate) fn is_single(&self) -> bool {
        self.second.as_ref().is_none_or(Part::is_single) && self.minute.is_single() && self.hour.is_single()
    }

    /// Whether some month has some of its days; ebb refuses the others.
    fn ever_comes(&self) -> bool {
        const DAYS: [usize; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let either = !self.day.begins_with_star() && !self.weekday.begins_with_star();
        either || (0..12).any(|m| self.month.allowed[m + 1] && (1..=DAYS[m]).any(|d| self.day.allowed[d]))
    }
}

/// A given expression of five fields, made of `*`, `*/N` and values with commas between.
pub(crate) fn plain(text: &str) -> Expression {
    let mut words = text.split(' ');
    let mut part = |low: u8, high: u8| {
        let text = words.next().unwrap();
        let mut part = Part { text: text.to_owned(), allowed: [false; 60] };
        match text.strip_prefix('*') {
            Some(step) => {
                part.allowed = every(low, high, step.strip_prefix('/').map_or(1, |n| n.parse().unwrap()));
            }
            None => text.split(',').for_each(|n| part.allowed[n.parse::<usize>().unwrap()] = true),
        }
        part
    };
    let [minute, hour, day, month, weekday] =
        [part(0, 59), part(0, 23), part(1, 31), part(1, 12), part(0, 6)];
    Expression { second: None, minute, hour, day, month, weekday }
}

/// An expression whose times are often near one of the two civil times.
pub(crate) fn expression(rng: &mut Rng, near: [DateTime; 2]) -> Expression {
    loop {
        let near = near[rng.usize(..2)];
        let [minute, hour, day, month] =
            [near.minute(), near.hour(), near.day(), near.month()].map(|n| u8::try_from(n).unwrap());
        let weekday = u8::try_from(near.weekday().to_sunday_zero_offset()).unwrap();
        let expression = Expression {
            second: (rng.u8(..5) == 0).then(|| time_part(rng, 59, 0)),
            minute: time_part(rng, 59, minute),
            hour: time_part(rng, 23, hour),
            day: day_part(rng, 1, 31, day),
            month: day_part(rng, 1, 12, month),
            weekday: weekday_part(rng, weekday),
        };
        if expression.ever_comes() {
            return expression;
        }
    }
}

/// A part for second, minute or hour: one in three begins with `*`.
fn time_part(rng: &mut Rng, high: u8, near: u8) -> Part {
    if rng.u8(..3) == 0 { star(rng, 0, high) } else { list(rng, 0, high, near) }
}

/// A part for day of month or month: most often `*`.
fn day_part(rng: &mut Rng, low: u8, high: u8, near: u8) -> Part {
    match rng.u8(..8) {
        0..5 => Part { text: "*".to_owned(), allowed: every(low, high, 1) },
        5 => star(rng, low, high),
        _ => list(rng, low, high, near),
    }
}

fn weekday_part(rng: &mut Rng, near: u8) -> Part {
    const NAMES: [&str; 7] = ["sun", "MON", "Tue", "wed", "thu", "fri", "sat"];
    let mut part = match rng.u8(..4) {
        0 => day_part(rng, 0, 6, near),
        1 => return Part { text: NAMES[usize::from(near)].to_owned(), allowed: every(near, near, 1) },
        2 => list(rng, 0, 7, near),
        _ => return Part { text: "*".to_owned(), allowed: every(0, 6, 1) },
    };
    part.allowed[0] |= part.allowed[7];
    part
}

fn star(rng: &mut Rng, low: u8, high: u8) -> Part {
    let step = if rng.bool() { 1 } else { rng.u8(2..=(high - low)) };
    let text = if step == 1 { "*".to_owned() } else { format!("*/{step}") };
    Part { text, allowed: every(low, high, step) }
}

/// One to three values, ranges, or ranges with a step.
fn list(rng: &mut Rng, low: u8, high: u8, near: u8) -> Part {
    let mut part = Part { text: String::new(), allowed: [false; 60] };
    let items = if rng.bool() { 1 } else { rng.u8(2..=3) };
    for _ in 0..items {
        let value = if rng.bool() { near } else { rng.u8(low..=high) };
        let end = rng.u8(value..=high);
        let (text, bits) = match rng.u8(..4) {
            0 if end > value => {
                let step = rng.u8(1..=(end - value));
                (format!("{value}-{end}/{step}"), every(value, end, step))
            }
            1 => (format!("{value}-{end}"), every(value, end, 1)),
            _ => (value.to_string(), every(value, value, 1)),
        };
        part.text += &format!("{}{text}", if part.text.is_empty() { "" } else { "," });
        part.allowed.iter_mut().zip(bits).for_each(|(allowed, bit)| *allowed |= bit);
    }
    part
}

fn every(low: u8, high: u8, step: u8) -> [bool; 60] {
    let mut allowed = [false; 60];
    (low..=high).step_by(step.into()).for_each(|value| allowed[usize::from(value)] = true);
    allowed
}

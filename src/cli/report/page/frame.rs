//! The frame of a picture: an SVG as wide as its place, whose text keeps its size, with a scale of bytes and one of time. The
//! picture itself is drawn in units of a thousandth of the frame. Knows nothing of what is drawn.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::cli::figures::{duration, size};
use crate::cli::times::Moment;

use super::html::text;

/// Units of a picture, across and down.
pub(super) const UNITS: f64 = 1000.0;
/// Pixels above the highest value, and below the lowest, where the scale of time stands.
const ABOVE: u32 = 10;
const BELOW: u32 = 22;
/// Most labels of a scale of time.
const TICKS: i64 = 7;

/// What is below the picture.
pub(super) enum Across<'a> {
    /// The clock, from one instant to another in milliseconds since 1970 UTC.
    Clock(i64, i64, &'a Moment),
    /// Time since the start of a run, in milliseconds.
    Since(u64),
}

/// A frame.
pub(super) struct Frame<'a> {
    /// Unique in the page.
    pub(super) id: &'a str,
    /// What is seen, for those who do not see it.
    pub(super) title: String,
    /// The same in more words.
    pub(super) desc: String,
    /// Of the picture itself, in pixels.
    pub(super) height: u32,
    /// What reaches the upper edge, in bytes.
    pub(super) top: u64,
    /// What is below it.
    pub(super) across: Across<'a>,
}

/// Where a value stands, in units from above.
#[allow(clippy::cast_precision_loss)] // A place in a picture.
pub(super) fn down(bytes: u64, top: u64) -> f64 {
    UNITS - bytes as f64 / top.max(1) as f64 * UNITS
}

/// Where something stands of a whole, in units from the left.
#[allow(clippy::cast_precision_loss)] // A place in a picture.
pub(super) fn across(part: i64, whole: i64) -> f64 {
    (part as f64 / whole.max(1) as f64 * UNITS).clamp(0.0, UNITS)
}

/// A value for the upper edge: a little above the highest.
pub(super) fn top_above(highest: u64) -> u64 {
    highest.saturating_add(highest / 16).max(1 << 20)
}

impl Frame<'_> {
    /// The picture with its scales: that of bytes stands beside it, so that it covers nothing.
    pub(super) fn drawn(&self, picture: &str) -> String {
        let (id, height) = (self.id, self.height);
        let whole = height + ABOVE + BELOW;
        let levels = levels(self.top);
        let mut scale = String::new();
        let mut grid = String::new();
        for level in &levels {
            let y = self.pixel(*level);
            let _ = write!(grid, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>");
            let _ =
                write!(scale, "<text x=\"100%\" y=\"{}\" text-anchor=\"end\">{}</text>", y + 4, size(*level));
        }
        let mut time = String::new();
        self.label_time(&mut time);
        format!(
            "<div class=\"chart\"><svg class=\"scale\" width=\"100%\" height=\"{whole}\" \
             aria-hidden=\"true\">{scale}</svg>\
             <svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" width=\"100%\" \
             height=\"{whole}\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>{grid}\
             <svg y=\"{ABOVE}\" width=\"100%\" height=\"{height}\" viewBox=\"0 0 1000 1000\" \
             preserveAspectRatio=\"none\" \
             class=\"shapes\">{picture}</svg>{time}</svg></div>",
            text(&self.title),
            text(&self.desc)
        )
    }

    /// In pixels from the upper edge of the frame.
    fn pixel(&self, bytes: u64) -> u32 {
        let of_height = down(bytes, self.top) / UNITS * f64::from(self.height);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Within the frame.
        let pixels = of_height.round().max(0.0) as u32;
        pixels + ABOVE
    }

    fn label_time(&self, out: &mut String) {
        let y = ABOVE + self.height + 16;
        let mut label = |at: f64, label: &str, class: &str| {
            let anchor = match at {
                ..80.0 => "start",
                920.0.. => "end",
                _ => "middle",
            };
            let percent = at / UNITS * 100.0;
            let _ = write!(
                out,
                "<text class=\"tick{class}\" x=\"{percent:.2}%\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>"
            );
        };
        match self.across {
            Across::Since(ms) => {
                label(0.0, "start", "");
                label(UNITS, &duration(ms), "");
            }
            Across::Clock(from, to, moment) => {
                for (number, (at, text)) in ticks(from, to, moment).into_iter().enumerate() {
                    label(across(at - from, to - from), &text, if number % 2 == 1 { " odd" } else { "" });
                }
            }
        }
    }
}

/// Where lines go across: at most five, at round sizes.
fn levels(top: u64) -> Vec<u64> {
    let mut step = 1_u64 << 10;
    while top / step > 4 {
        step = step.saturating_mul(2);
    }
    (0..=top / step).map(|number| number * step).collect()
}

/// Round local times, and how they are written.
fn ticks(from: i64, to: i64, moment: &Moment) -> Vec<(i64, String)> {
    const S: i64 = 1_000;
    const MIN: i64 = 60 * S;
    const H: i64 = 60 * MIN;
    const D: i64 = 24 * H;
    const STEPS: [i64; 25] = [
        S,
        2 * S,
        5 * S,
        10 * S,
        15 * S,
        30 * S,
        MIN,
        2 * MIN,
        5 * MIN,
        10 * MIN,
        15 * MIN,
        30 * MIN,
        H,
        2 * H,
        3 * H,
        6 * H,
        12 * H,
        D,
        2 * D,
        7 * D,
        14 * D,
        30 * D,
        90 * D,
        180 * D,
        360 * D,
    ];
    let span = to.saturating_sub(from).max(1);
    let step = STEPS.iter().copied().find(|step| span / step < TICKS).unwrap_or(span);
    let offset = |at: i64| {
        let at = Timestamp::from_millisecond(at).unwrap_or_default();
        i64::from(moment.zone.to_offset(at).seconds()) * S
    };
    let local = from.saturating_add(offset(from));
    let mut out = Vec::new();
    let mut next = local.div_euclid(step) * step;
    while out.len() < 2 * usize::try_from(TICKS).unwrap_or(0) {
        // By the clock of that day, so that midnight stays midnight where clocks change.
        let at = next - offset(next - offset(from));
        if at > to {
            break;
        }
        if at >= from {
            let stamp = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(moment.zone.clone());
            let is_midnight = next.rem_euclid(D) == 0;
            let format = match step {
                _ if is_midnight && step < D => "%b %-d",
                ..MIN => "%H:%M:%S",
                MIN..D => "%H:%M",
                _ => "%b %-d",
            };
            out.push((at, stamp.strftime(format).to_string()));
        }
        next += step;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::times::tests::noon;
    use crate::cli::times::zone_named;

    fn labels(from: &str, to: &str) -> Vec<String> {
        let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        ticks(ms(from), ms(to), &noon()).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_scale_of_time_has_few_labels_at_round_local_times() {
        assert_eq!(
            labels("2026-01-31T10:59:58Z", "2026-01-31T11:00:05Z"),
            ["11:59:58", "12:00:00", "12:00:02", "12:00:04"]
        );
        let day = labels("2026-01-30T21:10:00Z", "2026-01-31T10:00:00Z");
        assert_eq!(day, ["Jan 31", "02:00", "04:00", "06:00", "08:00", "10:00"]);
        assert_eq!(labels("2026-01-01T00:00:00Z", "2026-01-13T00:00:00Z").first().unwrap(), "Jan 3");
        for hours in 1..4_000 {
            let (from, to) = (1_769_857_260_000, 1_769_857_260_000 + hours * 3_600_000);
            let count = ticks(from, to, &noon()).len();
            assert!((2..=8).contains(&count), "{hours} h: {count}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_also_where_the_clocks_have_changed() {
        let moment = Moment { zone: zone_named("Europe/Vienna").unwrap(), ..noon() };
        for (from, to) in [
            ("2026-03-27T12:00:00Z", "2026-04-01T12:00:00Z"),
            ("2026-10-23T12:00:00Z", "2026-10-28T12:00:00Z"),
        ] {
            let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
            let ticks = ticks(ms(from), ms(to), &moment);
            assert_eq!(ticks.len(), 5);
            for (at, _) in ticks {
                assert_eq!(moment.clock(Timestamp::from_millisecond(at).unwrap()), "00:00");
            }
        }
    }

    #[test]
    fn levels_are_few_and_round() {
        const MIB: u64 = 1 << 20;
        assert_eq!(levels(500 * MIB), [0, 128 * MIB, 256 * MIB, 384 * MIB]);
        assert_eq!(levels(u64::MAX).len(), 4);
        assert!(levels(1).len() == 1);
    }
}

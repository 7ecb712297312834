//! The pictures over the time of the host: before and after as one, and the runs as they are stacked on each other.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::cli::figures::{duration, size};
use crate::cli::times::Moment;
use crate::report::{Pair, Slice, Told};

use super::frame::{Across, Frame, across, down, top_above};
use super::html::text;

/// Jobs that have a colour of their own; the others share one.
pub(super) const COLOURS: usize = 8;
/// Of the pictures, in pixels.
const HEIGHT: u32 = 220;

/// Which job has which colour, by its name: those that hold most in the picture have one of their own, and come first.
pub(super) fn colours(told: &Told) -> Vec<String> {
    let Pair(slices, names) = &told.slices;
    let mut held: HashMap<u32, u64> = HashMap::new();
    for (job, bytes) in slices.slices.iter().flat_map(|slice| &slice.jobs) {
        let all = held.entry(*job).or_default();
        *all = all.saturating_add(*bytes);
    }
    let mut jobs: Vec<(u64, &String)> = held
        .iter()
        .filter_map(|(job, bytes)| Some((*bytes, names.get(usize::try_from(*job).ok()?)?)))
        .collect();
    jobs.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let mut names: Vec<String> = jobs.into_iter().map(|(_, name)| name.clone()).collect();
    // Those with a colour stand in the order of the table.
    let place = |name: &String| told.jobs.iter().position(|job| job.job == *name);
    let with_colour = names.len().min(COLOURS);
    names[..with_colour].sort_by_key(place);
    names
}

/// The class of a job's colour.
pub(super) fn class(colours: &[String], job: &str) -> String {
    match colours.iter().position(|name| name == job).filter(|place| *place < COLOURS) {
        Some(place) => format!("c{place}"),
        None => "cx".to_owned(),
    }
}

/// What a column of the picture stands for.
pub(super) fn grain(told: &Told) -> String {
    let Pair(slices, _) = &told.slices;
    format!("Each column is the highest moment of {}.", duration(slices.ms.unsigned_abs()))
}

/// What daemons held and what runs held, on one scale; nothing where there is no baseline.
pub(super) fn before_and_after(told: &Told, moment: &Moment) -> String {
    let Some(saving) = &told.saving else { return String::new() };
    let (was, is) = (size(saving.before_bytes), size(saving.peak_bytes));
    let (from, to) = (told.from.0, told.to.0);
    let top = top_above(saving.before_bytes.max(saving.peak_bytes));
    let mut starts: Vec<(i64, u64)> = told
        .jobs
        .iter()
        .filter_map(|job| job.saving.as_ref())
        .map(|saving| (saving.from.0, saving.resident_bytes))
        .collect();
    starts.sort_unstable();
    let (mut path, mut level) = (String::from("M0 1000"), 0_u64);
    for (at, bytes) in starts {
        level = level.saturating_add(bytes);
        let _ = write!(path, "H{:.2}V{:.2}", across(at - from, to - from), down(level, top));
    }
    path += "H1000V1000Z";
    let line = path.trim_start_matches("M0 1000").trim_end_matches("V1000Z");
    let after = bands(told, top, |slice| vec![(0, slice.compared, "after")]);
    let picture = format!(
        "<path class=\"before\" d=\"{path}\"><title>before: daemons, {}</title></path>{after}\
         <path class=\"before-line\" d=\"M0 1000{line}\"/>",
        size(saving.before_bytes)
    );
    Frame {
        id: "before-after",
        title: format!("Memory before and after: {was} all of the time, against at most {is}"),
        desc: "The shaded area is what the daemons held at rest from the first run of each job on. \
               The solid columns are what the runs of the same jobs held; between them nothing was held."
            .to_owned(),
        height: HEIGHT,
        top,
        across: Across::Clock(from, to, moment),
    }
    .drawn(&picture)
}

/// What all runs held, stacked.
pub(super) fn stacked(told: &Told, colours: &[String], moment: &Moment) -> String {
    let Pair(_, names) = &told.slices;
    let top = top_above(told.host.peak_bytes);
    let ranks: HashMap<&str, usize> =
        colours.iter().take(COLOURS).enumerate().map(|(rank, name)| (name.as_str(), rank)).collect();
    let mut picture = String::new();
    // The others lie on top of all.
    for rank in 0..=COLOURS {
        let class = colours
            .get(rank)
            .filter(|_| rank < COLOURS)
            .map_or_else(|| "cx".to_owned(), |name| class(colours, name));
        picture += &bands(told, top, |slice| {
            let rank_of =
                |job: u32| names.get(job as usize).and_then(|name| ranks.get(name.as_str())).copied();
            let of = |wanted: &dyn Fn(usize) -> bool| -> u64 {
                slice
                    .jobs
                    .iter()
                    .filter(|(job, _)| wanted(rank_of(*job).unwrap_or(COLOURS)))
                    .map(|(_, bytes)| *bytes)
                    .sum()
            };
            let below = of(&|other| other < rank);
            // What is not told apart in a slice is the others'.
            let own =
                if rank == COLOURS { slice.bytes.saturating_sub(below) } else { of(&|other| other == rank) };
            vec![(below, own, class.as_str())]
        });
    }
    let who: Vec<String> = colours.iter().take(COLOURS).cloned().collect();
    Frame {
        id: "stacked",
        title: format!("Memory of all runs over time, at most {}", size(told.host.peak_bytes)),
        desc: format!(
            "One colour a job, stacked: {}{}. {}",
            who.join(", "),
            if colours.len() > COLOURS { " and others together" } else { "" },
            grain(told)
        ),
        height: HEIGHT,
        top,
        across: Across::Clock(told.from.0, told.to.0, moment),
    }
    .drawn(&picture)
}

/// Bands over the slices, each from a level up by so much. Slices that touch are one shape, so that no seam is seen.
fn bands<'a>(told: &Told, top: u64, of: impl Fn(&Slice) -> Vec<(u64, u64, &'a str)>) -> String {
    let Pair(slices, _) = &told.slices;
    let (from, to) = (told.from.0, told.to.0);
    let x = |at: i64| across(at - from, to - from);
    let (mut shapes, mut class) = (String::new(), "");
    let (mut above, mut below) = (String::new(), Vec::<(f64, f64, f64)>::new());
    let mut close = |above: &mut String, below: &mut Vec<(f64, f64, f64)>| {
        for (left, right, y) in below.drain(..).rev() {
            let _ = write!(above, "L{right:.2} {y:.2}L{left:.2} {y:.2}");
        }
        if !above.is_empty() {
            shapes += &std::mem::take(above);
            shapes.push('Z');
        }
    };
    for (number, slice) in slices.slices.iter().enumerate().rev() {
        let begins = slices.begins(number);
        for (base, bytes, its) in of(slice) {
            class = its;
            if bytes == 0 {
                close(&mut above, &mut below);
                continue;
            }
            let (left, right) = (x(begins), x(begins + slices.ms));
            let (low, high) = (down(base, top), down(base.saturating_add(bytes), top));
            let _ = write!(
                above,
                "{}{left:.2} {high:.2}L{right:.2} {high:.2}",
                if above.is_empty() { "M" } else { "L" }
            );
            below.push((left, right, low));
        }
    }
    close(&mut above, &mut below);
    if shapes.is_empty() { String::new() } else { format!("<path class=\"band {class}\" d=\"{shapes}\"/>") }
}

/// Which colour is whose.
pub(super) fn legend(colours: &[String]) -> String {
    let one = |class: &str, name: &str| format!("<li><i class=\"swatch {class}\"></i>{}</li>", text(name));
    let mut items: String =
        colours.iter().take(COLOURS).map(|name| one(&class(colours, name), name)).collect();
    if colours.len() > COLOURS {
        items += &one("cx", &format!("{} others", colours.len() - COLOURS));
    }
    format!("<ul class=\"legend\">{items}</ul>")
}

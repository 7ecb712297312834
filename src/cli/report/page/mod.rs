//! The report as one page: nothing is fetched, no script is needed, light and dark, wide and narrow. What is drawn is in the
//! files below; here is their order.

mod curves;
pub(super) mod file;
mod frame;
mod html;
mod pictures;
mod tables;

use crate::cli::figures::{counted, size};
use crate::cli::times::Moment;
use crate::report::Told;

use super::figures::{mb_hours, percent, span};
use super::sentences;

use html::text;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(in crate::cli) fn page(told: &Told, moment: &Moment) -> String {
    let colours = pictures::colours(told);
    let host = told.host.name.as_deref().unwrap_or("this host");
    let stamp = |at: crate::clock::Wall| moment.stamp(at.timestamp());
    let body = [
        header(told, host, &format!("{} to {}", stamp(told.from), stamp(told.to))),
        before_and_after(told, moment),
        over_time(told, &colours, moment),
        section("jobs", "Each job", &tables::jobs(told, &colours)),
        section(
            "curves",
            "The runs of each job",
            &format!(
                "<p>Anonymous memory and swap from start to end. The bold line is the largest run, \
                 faint ones are the newest.</p>{}",
                curves::cards(told, &colours)
            ),
        ),
        section("largest", "Largest runs", &tables::runs("Runs of the highest peaks", &told.largest, moment)),
        section("slowest", "Slowest runs", &tables::runs("Runs that took longest", &told.slowest, moment)),
        list("events", "What went otherwise", &sentences::events(told)),
        list(
            "grounds",
            "What this was reckoned from",
            &[sentences::missing(told), sentences::grounds(told, moment), vec![UNIT.to_owned()]].concat(),
        ),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{}\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} · ebb report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{}\n</main>\n\
         <footer>made by ebb {} on {} · {}</footer>\n</body>\n</html>\n",
        file::MARK,
        text(host),
        body.join("\n"),
        env!("CARGO_PKG_VERSION"),
        text(host),
        stamp(told.to),
    )
}

/// What is counted.
const UNIT: &str = "An MB-hour is 1024 * 1024 bytes held for an hour; M and G are powers of 1024.";

fn header(told: &Told, host: &str, period: &str) -> String {
    let title = match &told.saving {
        Some(saving) if saving.saved_mb_hours >= 0.0 => {
            format!("<em>{}</em> less memory", text(&percent(saving.saved_percent)))
        }
        Some(_) => "Nothing was saved".to_owned(),
        None => "What the jobs used".to_owned(),
    };
    let lead = text(&format!("{} in {}.", sentences::compared(told), span(told)));
    format!(
        "<header><p class=\"quiet\">ebb report · {} · {}</p><h1>{title}</h1>\
         <p class=\"lead\">{lead}</p><dl class=\"figures\">{}</dl></header>",
        text(host),
        text(period),
        figures(told)
            .iter()
            .map(|(name, figure, note)| {
                format!("<div><dt>{name}</dt><dd>{}<small>{}</small></dd></div>", text(figure), text(note))
            })
            .collect::<String>()
    )
}

/// From so many MB-hours on they are shown as GB-hours where they stand large.
const GB_HOURS_FROM: f64 = 100_000.0;

/// What is looked for first: a name, a figure, a note.
fn figures(told: &Told) -> Vec<(&'static str, String, String)> {
    let mut out = Vec::new();
    if let Some(saving) = &told.saving {
        // Two figures that are to be compared have one unit, and fit beside each other.
        let (part, unit) =
            if saving.before_mb_hours < GB_HOURS_FROM { (1.0, "MB-hours") } else { (1024.0, "GB-hours") };
        out.push(("Before", mb_hours(saving.before_mb_hours / part), format!("{unit}, as daemons")));
        out.push(("Now", mb_hours(saving.used_mb_hours / part), format!("{unit}, as jobs")));
        out.push((
            "Held at rest",
            size(saving.before_bytes),
            format!("now {} (ebbd)", saving.ebbd_bytes.map_or_else(|| "-".to_owned(), size)),
        ));
        out.push(("Held at most", size(saving.peak_bytes), "by these jobs at once".to_owned()));
    } else {
        out.push(("Used", mb_hours(told.used.mb_hours), "MB-hours".to_owned()));
        out.push(("Held at most", size(told.host.peak_bytes), "at once".to_owned()));
    }
    let grouped = |count: u64| super::figures::grouped(&count.to_string());
    let good = told.outcomes.get("success").copied().unwrap_or(0);
    let runs = told.used.runs + told.used.alive;
    out.push(("Runs", grouped(runs), format!("{} ended well", grouped(good))));
    let waits = match told.waits.runs {
        0 => "none waited".to_owned(),
        runs => format!("{} waited", counted(runs, "run")),
    };
    out.push(("Killed for memory", grouped(told.oom_kills.runs), waits));
    out
}

fn before_and_after(told: &Told, moment: &Moment) -> String {
    let picture = pictures::before_and_after(told, moment);
    if picture.is_empty() {
        return String::new();
    }
    let legend = "<ul class=\"legend\"><li><i class=\"swatch before\"></i>before: held by daemons at rest</li>\
                  <li><i class=\"swatch after\"></i>now: held by the runs of the same jobs</li></ul>";
    let sentences: String = sentences::highest(told, moment)
        .iter()
        .take(1)
        .map(|text| format!("<p>{}</p>", html::sentence(text)))
        .collect();
    section(
        "before",
        "Before and after",
        &format!("{sentences}<figure>{picture}<figcaption>{legend}</figcaption></figure>"),
    )
}

fn over_time(told: &Told, colours: &[String], moment: &Moment) -> String {
    let highest = sentences::highest(told, moment);
    let sentence = highest.last().filter(|_| told.host.peak_at.is_some());
    let sentence = sentence.map_or_else(String::new, |text| {
        format!("<p>{} {}</p>", html::sentence(text), pictures::grain(told))
    });
    let picture = match told.host.peak_bytes {
        0 => "<p class=\"quiet\">Of no run is the memory known.</p>".to_owned(),
        _ => format!(
            "<figure>{}<figcaption>{}</figcaption></figure>",
            pictures::stacked(told, colours, moment),
            pictures::legend(colours)
        ),
    };
    section("over-time", "Memory of all runs over time", &format!("{sentence}{picture}"))
}

fn section(id: &str, heading: &str, content: &str) -> String {
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-h\"><h2 id=\"{id}-h\">{heading}</h2>{content}</section>"
    )
}

/// Nothing where there is nothing to say.
fn list(id: &str, heading: &str, sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let items: String = sentences.iter().map(|text| format!("<li>{}</li>", html::sentence(text))).collect();
    section(id, heading, &format!("<ul class=\"plain\">{items}</ul>"))
}
